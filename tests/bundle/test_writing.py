"""What stands in a bundle, and what does not."""

from __future__ import annotations

import gzip
import json
import re
from base64 import b64decode
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from ggufeval import runner, tasks
from ggufeval.bundle.contents import BundledRun, digest_of
from ggufeval.bundle.fields import read
from ggufeval.bundle.verifying import verify
from ggufeval.bundle.writing import write
from ggufeval.cli import cli
from ggufeval.store import Store

SECRETS = "The capital of Atlantis is"
TOKEN = "hf_" + "SECRET" * 5


def everything(members):
    """All text inside, what is packed in pages too."""
    text = b"".join(members.values())
    for packed in re.findall(rb"H4sI[A-Za-z0-9+/]+=*", text):
        text += gzip.decompress(b64decode(packed))
    return text.decode()


def test_the_same_study_is_the_same_file(database, study, tmp_path):
    with Store.open(database, read_only=True) as store:
        again = write(store, store.latest(), tmp_path / "again.ggb", with_text=None)
    assert again.path.read_bytes() == study.read_bytes()
    assert (again.n_questions, again.n_records) == (16, 32)


def test_what_is_inside(study, contents, database, asked):
    members = contents(study)
    manifest = json.loads(members["manifest.json"])
    kinds = sorted({re.sub(r"[0-9a-f]{12,}", "*", name) for name in members})
    assert kinds == [
        "LICENSES.txt", "environment.json", "manifest.json", "plans/*.jsonl",
        "questions/*.jsonl", "report.html", "runs/*.json", "runs/*.records.jsonl", "shots/*.jsonl",
    ]  # fmt: skip
    assert manifest["notes"] == ["Questions: ggufeval's embedded questions, with their text (MIT)."]
    assert b"Copyright (c) 2026 the ggufeval authors" in members["LICENSES.txt"]
    with Store.open(database, read_only=True) as store:
        run = store.latest()[0]
        bundled = read(BundledRun, members[f"runs/{run.id}.json"], "run")
        chain, result = store.chain(run.id), store.result(run.id)
    assert bundled.run.fingerprint == run.fingerprint
    assert bundled.digest == run.fingerprint.digest
    records = [json.loads(line) for line in members[bundled.records].splitlines()]
    assert [tuple(record["letter_logits"]) for record in records] == [
        record.letter_logits for record in result.records
    ]
    assert bundled.score.n_correct == sum(record.correct for record in result.records)
    plan = [json.loads(line) for line in members[bundled.plan].splitlines()]
    assert {batch["position"]: batch["chain"] for batch in plan} == chain
    assert len(plan) > 3
    assert all(len(item[2]) == 64 for batch in plan for item in batch["items"])
    lines = [json.loads(line) for line in members[bundled.questions].splitlines()]
    assert [line["sha256"] for line in lines] == [digest_of(q) for q in asked.questions]
    assert lines[0]["stem"] == asked.questions[0].stem
    assert len(members[bundled.shots].splitlines()) == 16


def test_no_folder_of_this_machine_is_inside(study, contents, small_f16, database):
    text = everything(contents(study))
    assert small_f16.parts[0].name in text
    assert "ggufeval run x.gguf" in text
    for folder in (small_f16.parts[0].parent, database.parent, Path.home(), "/home/jane"):
        assert f"{folder}/" not in text


def test_own_questions_are_inside_as_hashes_alone(own_database, own, contents, tmp_path):
    path = tmp_path / "own.ggb"
    with Store.open(own_database, read_only=True) as store:
        written = write(store, store.latest(), path, with_text=None)
        (run,) = store.latest()
        wrote = [record.text for record in store.result(run.id).records]
    members = contents(path)
    text = everything(members)
    assert TOKEN in run.command
    assert SECRETS in own.questions[0].stem
    told = [text for text in wrote if len(text.split()) > 2]
    assert told
    for secret in (SECRETS, "Xanadu", "Utopia", TOKEN, own.source, *told):
        assert secret not in text
    (note,) = written.manifest.notes
    assert note == (
        "Questions: mmlu, as hashes, since no licence of theirs is known. "
        "To be had: mmlu.jsonl, from whoever has it."
    )
    assert "LICENSES.txt" not in members
    assert not [name for name in members if name.startswith("shots/")]
    (name,) = [name for name in members if name.startswith("questions/")]
    hashes = [json.loads(line)["sha256"] for line in members[name].splitlines()]
    assert hashes == [digest_of(question) for question in own.questions]
    assert verify(path).runs[0].with_text is False


def test_with_text_they_are(own_database, contents, tmp_path):
    path = tmp_path / "own.ggb"
    arguments = ["bundle", "-o", str(path), "--db", str(own_database), "--with-text"]
    done = CliRunner().invoke(cli, arguments)
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith(f"{path}: 1 runs, 4 questions, 4 records, ")
    assert "asked for; of a licence that ggufeval does not know" in done.stderr
    text = everything(contents(path))
    assert SECRETS in text
    assert TOKEN not in text
    assert verify(path).runs[0].with_text is True


def test_text_can_be_left_out(database, study, tmp_path, contents, asked):
    path = tmp_path / "bare.ggb"
    with Store.open(database, read_only=True) as store:
        write(store, store.latest(), path, with_text=False)
    assert asked.questions[0].stem in everything(contents(study))
    assert asked.questions[0].stem not in everything(contents(path))
    (note,) = verify(path).manifest.notes
    assert note == (
        "Questions: ggufeval's embedded questions, as hashes. "
        "To be had: ggufeval itself: --task sample."
    )


def test_runs_that_cannot_be_compared_have_a_report_each(database, small_f16, tmp_path):
    path = tmp_path / "r.sqlite"
    path.write_bytes(database.read_bytes())
    few = tasks.load("sample", None, subjects=["anatomy"], limit=2, shots=0)
    with Store.open(path) as store:
        runner.evaluate(small_f16, few, store, runner.Options(shots=0, n_threads=2))
        written = write(store, store.runs(), tmp_path / "all.ggb", with_text=None)
    assert written.manifest.reports == ("report-1.html", "report-2.html")
    assert len(verify(written.path).runs) == 3


def test_a_database_without_kept_examples_still_makes_a_bundle(database, tmp_path, monkeypatch):
    with Store.open(database, read_only=True) as store:
        result = store.result

        def without(run_id):
            found = result(run_id)
            return replace(found, prompts=replace(found.prompts, shots={}))

        monkeypatch.setattr(store, "result", without)
        written = write(store, store.latest(), tmp_path / "x.ggb", with_text=None)
    assert not [name for name in written.manifest.members if name.startswith("shots/")]
    verify(written.path)


def test_a_file_that_cannot_be_written_is_a_sentence(database, tmp_path):
    path = tmp_path / "file" / "x.ggb"
    path.parent.write_text("no folder")
    done = CliRunner().invoke(cli, ["bundle", "-o", str(path), "--db", str(database)])
    assert done.exit_code == 2
    assert "cannot be written" in done.stderr
    assert "`ggufeval bundle -o FILE` writes them" in done.stderr


@pytest.mark.parametrize("arguments", [["bundle", "nobody"], ["bundle", "--db", "none.sqlite"]])
def test_runs_that_are_not_there_are_a_sentence(arguments, database, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GGUFEVAL_DB", str(database))
    done = CliRunner().invoke(cli, arguments)
    assert done.exit_code == 2
    assert "Traceback" not in done.output
    assert list(tmp_path.iterdir()) == []
