"""A study run again: from another folder, into another database, without a network."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from ggufeval import runner, tasks
from ggufeval.bundle.contents import BundledQuestion, BundledRun, digest_of
from ggufeval.bundle.fields import decode
from ggufeval.bundle.verifying import verify
from ggufeval.bundle.writing import write
from ggufeval.cli import cli
from ggufeval.errors import DataError
from ggufeval.store import Store
from ggufeval.tasks import rounds
from ggufeval.types import Design

BLOCKED = '''
"""Python imports this by itself: no process of this test reaches a network."""
import os, socket

class Blocked(socket.socket):
    def __init__(self, family=-1, *rest, **more):
        if family in (-1, socket.AF_INET, socket.AF_INET6):
            raise OSError("the network is cut for this test")
        super().__init__(family, *rest, **more)

socket.socket = Blocked
with open(os.environ["BLOCKED_LOG"], "a") as log:
    log.write(f"{os.getpid()}\\n")
'''


def trees(done):
    return json.loads(done.stdout)["runs"]


def test_from_bundle_to_verdict_without_a_network(database, small_f16, tmp_path):
    """The three commands, each a process, and the model's processes with it."""
    guard, here, there = tmp_path / "guard", tmp_path / "here", tmp_path / "there"
    for folder in (guard, here, there):
        folder.mkdir()
    (guard / "sitecustomize.py").write_text(BLOCKED)
    shutil.copy(database, here / "r.sqlite")
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(guard), *sys.path]),
        "BLOCKED_LOG": str(tmp_path / "log"),
        "GGUFEVAL_CACHE": str(there / "cache"),
        "HF_HOME": str(there / "hf"),
    }

    def ggufeval(*arguments, cwd):
        return subprocess.run(
            [sys.executable, "-m", "ggufeval", *map(str, arguments)],
            cwd=cwd, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip

    dial = "import socket; socket.create_connection(('127.0.0.1', 9))"
    cut = subprocess.run(
        [sys.executable, "-c", dial], env=environment, capture_output=True, text=True, check=False
    )
    assert "the network is cut for this test" in cut.stderr
    made = ggufeval("bundle", "-o", "study.ggb", "--db", "r.sqlite", cwd=here)
    assert made.returncode == 0, made.stderr
    shutil.move(here / "study.ggb", there / "study.ggb")
    shutil.rmtree(here)
    checked = ggufeval("verify", "study.ggb", cwd=there)
    assert checked.returncode == 0, checked.stderr
    before = len((tmp_path / "log").read_text().split())
    again = ggufeval(
        "reproduce",
        "study.ggb",
        "--models",
        small_f16.parts[0].parent,
        "-q",
        "--offline",
        cwd=there,
    )
    assert again.returncode == 0, again.stdout + again.stderr
    assert again.stdout.count("identical bit for bit") == 2
    assert "Reproduced: every answer is the one in the bundle." in again.stdout
    assert max(map(len, again.stdout.splitlines())) <= 80
    assert (there / "results" / "reproduced.sqlite").is_file()
    # The workers were cut off too: there are more of them than of us.
    assert len((tmp_path / "log").read_text().split()) >= before + 3


def test_a_sample_is_whole_batches_and_the_same_bits(study, reproduce, tmp_path):
    done = reproduce(study, "--sample", 3, "--format", "json")
    assert done.exit_code == 0, done.output
    for run in trees(done):
        assert 3 <= run["n"] < 16
        assert run["n_identical"] == run["n"]
        assert run["outcome"] == "identical"
    with Store.open(tmp_path / "again.sqlite", read_only=True) as store:
        assert {run.status for run in store.runs()} == {"stopped"}
        assert {run.n_done for run in store.runs()} == {run["n"] for run in trees(done)}


def test_it_is_run_anew_each_time(study, reproduce, tmp_path):
    for _ in range(2):
        assert reproduce(study, "--sample", 1).exit_code == 0
    with Store.open(tmp_path / "again.sqlite", read_only=True) as store:
        assert len(store.runs()) == 4


def test_the_studys_own_database_is_refused(study, database, tmp_path):
    copy = tmp_path / "r.sqlite"
    shutil.copy(database, copy)
    done = CliRunner().invoke(cli, ["reproduce", str(study), "--db", str(copy), "-q"])
    assert done.exit_code == 2
    assert "a database of its own was expected" in done.stderr


def test_models_that_are_not_there_are_a_sentence_each(study, reproduce, tmp_path):
    done = reproduce(study, models=None)
    assert done.exit_code == 1
    assert done.stdout.count("not run") == 2
    assert "was looked for in the caches, and is not there" in " ".join(done.stdout.split())
    assert "2 could not be run." in done.stdout
    nowhere = reproduce(study, models=tmp_path / "nowhere")
    assert nowhere.exit_code == 2
    assert "a folder was expected" in nowhere.stderr


def test_one_model_that_is_there_is_run_all_the_same(study, reproduce, small_f16, tmp_path):
    folder = tmp_path / "models" / "deep"
    folder.mkdir(parents=True)
    (folder / "renamed.gguf").symlink_to(small_f16.parts[0])
    done = reproduce(study, "--sample", 1, "--format", "json", models=folder.parent)
    assert done.exit_code == 1
    assert [run["outcome"] for run in trees(done)] == ["identical", "not run"]
    assert "SmolLM2-135M-Instruct-Q4_0.gguf" in trees(done)[1]["why"]


@pytest.fixture
def as_if(changed, study, lines):
    """The bundle as if it came from another build, with its first run's records changed so that
    everything agrees."""

    def make(change):
        first = verify(study).manifest.runs[0]
        right = {}

        def edit(records):
            change(records)
            right["n"] = sum(record["correct"] for record in records)

        def rescore(text):
            tree = json.loads(text)
            tree["run"]["fingerprint"]["build"]["libraries_sha256"] = "f" * 64
            tree["run"]["fingerprint"]["engine"]["n_threads"] = 3
            tree["digest"] = decode(BundledRun, tree, "x").run.fingerprint.digest
            share = right["n"] / tree["score"]["n"]
            tree["score"].update(n_correct=right["n"], micro=share, macro=share)
            return json.dumps(tree).encode()

        return changed({f"runs/{first}.records.jsonl": lines(edit), f"runs/{first}.json": rescore})

    return make


def test_other_bits_with_the_same_letters_are_success(as_if, reproduce):
    def nudge(records):
        logits = records[2]["letter_logits"]
        logits[logits.index(min(logits))] -= 0.25

    done = reproduce(as_if(nudge), "--format", "json")
    assert done.exit_code == 0, done.output
    first, second = trees(done)
    assert (first["outcome"], second["outcome"]) == ("letters", "identical")
    assert first["n_identical"] == 15
    assert first["largest_move"] == pytest.approx(0.25, rel=1e-3)
    assert first["flips"] == []
    assert "another build of llama.cpp" in first["causes"]
    assert "another number of threads" in first["causes"]
    fields = {difference["field"] for difference in first["differences"]}
    assert fields == {"build.libraries_sha256", "engine.n_threads"}


def test_another_letter_is_named_with_its_margins_and_the_likely_cause(as_if, reproduce):
    def flip(records):
        record = next(record for record in records if record["correct"])
        letter, logits = (record["letter"] + 1) % 4, record["letter_logits"]
        logits[letter] = max(logits) + 0.015625
        record.update(letter=letter, correct=False, margin=0.015625)

    done = reproduce(as_if(flip))
    assert done.exit_code == 1
    said = " ".join(done.stdout.split())
    assert "differs" in said
    assert "15 of 16 records are identical bit for bit; 1 answers differ." in said
    assert "(margin 0.016) before, " in said
    assert "The likely cause: another build of llama.cpp, another number of threads." in said
    assert "engine.n_threads: 3, here " in said
    assert "1 of 2 runs have every answer of the bundle." in said


def test_questions_without_text_come_from_the_task(database, reproduce, tmp_path):
    path = tmp_path / "bare.ggb"
    with Store.open(database, read_only=True) as store:
        write(store, store.latest(), path, with_text=False)
    done = reproduce(path, "--format", "json")
    assert done.exit_code == 0, done.output
    assert [run["outcome"] for run in trees(done)] == ["identical"] * 2


def test_own_questions_come_from_a_file_and_are_held_against_their_hashes(
    own_database, own, reproduce, tmp_path, small_f16
):
    """Texts that a model wrote are compared by their hashes."""
    path = tmp_path / "own.ggb"
    with Store.open(own_database, read_only=True) as store:
        write(store, store.latest(), path, with_text=None)
    done = reproduce(path, "--data", own.source, "--format", "json")
    assert done.exit_code == 0, done.output
    assert trees(done)[0]["outcome"] == "identical"
    assert trees(done)[0]["largest_move"] is None
    other = tmp_path / "mmlu.jsonl"
    other.write_text(Path(own.source).read_text().replace("Xanadu2", "Xanadu7"))
    done = reproduce(path, "--data", other, "--format", "json")
    assert done.exit_code == 1
    assert "another text or right answer" in trees(done)[0]["why"]
    assert "Name the very questions with --data." in trees(done)[0]["why"]


def _bundle(tmp_path, model, questions, options, n_batches=None):
    """The bundle of one run, left after so many batches."""
    with Store.open(tmp_path / "one.sqlite") as store:
        with runner.opened(model, questions, store, options) as session:
            session.advance(n_batches)
            session.stop()
        write(store, [session.run], tmp_path / "one.ggb", with_text=None)
    return tmp_path / "one.ggb"


@pytest.mark.parametrize("how", ["grammar", "choice", "json", "rotations", "template", "cloze"])
def test_every_way_of_asking_can_be_run_again(how, asked, small_q4_0, reproduce, tmp_path):
    few = replace(asked, questions=asked.questions[:3])
    few = replace(few, shots={q.subject: asked.shots[q.subject] for q in few.questions})
    gbnf, template = tmp_path / "own.gbnf", tmp_path / "own.jinja"
    gbnf.write_text('root ::= "A" | "B"')
    template.write_text("{{ question }}\n{% for c in choices %}- {{ c }}\n{% endfor %}Answer:")
    options = {
        "grammar": runner.Options(read="sample", grammar=str(gbnf), max_tokens=4),
        "choice": runner.Options(read="sample", grammar="choice", max_tokens=16),
        "json": runner.Options(
            read="sample", prompt="json", grammar="json", max_tokens=24, temperature=0.7, seed=3
        ),
        "rotations": runner.Options(permute="cyclic"),
        "template": runner.Options(prompt=f"template:{template}", shots=1),
        "cloze": runner.Options(read="cloze"),
    }[how]
    path = _bundle(tmp_path, small_q4_0, few, replace(options, shots=1, n_threads=2))
    gbnf.unlink()
    template.unlink()
    done = reproduce(path, "--format", "json")
    assert done.exit_code == 0, done.output
    (run,) = trees(done)
    assert run["outcome"] == "identical"
    assert run["n"] == (12 if how == "rotations" else 3)
    assert run["differences"] == []


def test_a_run_that_ended_early_is_run_as_far_as_it_went(asked, small_q4_0, reproduce, tmp_path):
    questions = rounds.within_budget(replace(asked, design=Design.RANDOM), 6, seed=1)
    options = runner.Options(shots=1, n_batch=256, n_ubatch=256, n_threads=2)
    with (
        Store.open(tmp_path / "plan.sqlite") as store,
        runner.opened(small_q4_0, questions, store, options) as session,
    ):
        stop, _ = session.plan.stops
    path = _bundle(tmp_path, small_q4_0, questions, options, stop)
    assert verify(path).runs[0].n == 6
    done = reproduce(path, "--format", "json")
    assert done.exit_code == 0, done.output
    (run,) = trees(done)
    assert (run["outcome"], run["n"]) == ("identical", 6)


def test_texts_in_a_context_that_is_smaller_than_a_batch(small_q4_0, reproduce, tmp_path):
    """Sixteen short texts need less of it than the prompts of all that wait for their turn."""
    base = tasks.load("sample", None, limit=64, shots=0)
    asked = tuple(replace(question, subject="all") for question in base.questions)
    questions = replace(base, task="own", questions=asked, shots={}, population={"all": 64})
    options = runner.Options(shots=0, read="sample", grammar="letter", max_tokens=4, n_threads=2)
    path = tmp_path / "texts.ggb"
    with Store.open(tmp_path / "texts.sqlite") as store:
        with runner.opened(small_q4_0, questions, store, options) as session:
            (group,) = session.plan.groups
            assert group.batches[0].n_tokens > session.run.fingerprint.engine.n_ctx
            session.advance()
        write(store, [session.run], path, with_text=True)
    done = reproduce(path, "--format", "json")
    assert done.exit_code == 0, done.output
    (run,) = trees(done)
    assert (run["outcome"], run["n"], run["differences"]) == ("identical", 64, [])


def test_batches_of_other_questions_are_a_sentence(study, changed, lines, named, reproduce):
    """The plan's hashes are the right ones: they hold tokens, and whoever forges can copy them."""
    runs = verify(study).manifest.runs

    places = {}

    def swapped(batches):
        first, last = batches[0], batches[-1]
        first["items"][0], last["items"][0] = last["items"][0], first["items"][0]
        places[first["items"][0][0]] = first["position"]
        places[last["items"][0][0]] = last["position"]

    def moved(records):
        for record in records:
            record["batch"] = places.get(record["question_id"], record["batch"])

    edits = {f"runs/{run}.records.jsonl": lines(moved) for run in runs}
    path = changed({named("plans"): lines(swapped), **edits})
    verify(path)
    for more in ((), ("--sample", 1), ("--sample", 12)):
        done = reproduce(path, *more, "--format", "json")
        assert done.exit_code in {0, 1}, done.output
        if not more:
            assert "is another here than the bundle says, of the same" in trees(done)[0]["why"]


def test_other_prompts_are_a_sentence(named, changed, lines, reproduce, tmp_path):
    name = named("shots")
    path = changed({name: lines(lambda shots: shots[0].update(stem="?", sha256="0" * 64))})
    with pytest.raises(DataError, match="expected a text with the sha256"):
        verify(path)

    def forged(shots):
        for shot in shots:
            shot["stem"] = "Which?"
            shot["sha256"] = digest_of(decode(BundledQuestion, shot, "x").question)

    done = reproduce(changed({name: lines(forged)}), "--format", "json")
    assert done.exit_code == 1
    for run in trees(done):
        assert run["outcome"] == "not run"
        assert " is another here than the bundle says: this ggufeval, " in run["why"]
    with Store.open(tmp_path / "again.sqlite", read_only=True) as store:
        assert store.runs() == ()


def test_records_of_other_tools_are_verified_and_no_more(own_database, reproduce, tmp_path):
    sample = tasks.load("sample", None, limit=16, shots=0).questions[:2]
    rows = [
        {
            "doc_id": i,
            "doc": {"question": q.stem, "subject": q.subject, "choices": list(q.choices),
                    "answer": q.answer},
            "target": q.answer,
            "arguments": [["x", f" {letter}"] for letter in "ABCD"],
            "resps": [[[-1.0 - j, False]] for j in range(4)],
            "filtered_resps": [[-1.0 - j, False] for j in range(4)],
            "acc": float(q.answer == 0),
        }
        for i, q in enumerate(sample)
    ]  # fmt: skip
    log = tmp_path / "samples_mmlu_anatomy_2025-03-04T05-06-07.890123.jsonl"
    log.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    db = tmp_path / "imported.sqlite"
    done = CliRunner().invoke(cli, ["import", str(log), "--label", "Theirs", "--db", str(db)])
    assert done.exit_code == 0, done.output
    path = tmp_path / "theirs.ggb"
    run_id = done.stdout.strip()
    done = CliRunner().invoke(cli, ["bundle", run_id, "-o", str(path), "--db", str(db)])
    assert done.exit_code == 0, done.output
    assert verify(path).runs[0].n == 2
    done = reproduce(path)
    assert done.exit_code == 1
    assert "which only that program can make again" in " ".join(done.stdout.split())
