"""The results database: what goes in comes out, and survives what happens to files."""

import dataclasses
import json
import math
import os
import random
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import tempfile
import textwrap
import time
import zlib
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import ClassVar

import pandas as pd
import pytest

from ggufeval.errors import StoreError, UsageError
from ggufeval.store import Store, database, results, upkeep
from ggufeval.store.vocabulary import BYTES_A_TOKEN
from ggufeval.types import (
    BuildInfo,
    Design,
    EngineSettings,
    Fingerprint,
    ModelInfo,
    Prompts,
    Question,
    Record,
    Run,
    RunStatus,
)

QUESTIONS = tuple(
    Question(f"mmlu/test/law/{i}", "law", f"Warum {i}? 'é\0\n", ("a", "b", "ü", '"'), i % 4)
    for i in range(40)
)


HALVES = struct.pack("<5e", -0.5, -12.25, -float("inf"), -65504.0, -6e-8)
A, B, C = (QUESTIONS[0].id, 0), (QUESTIONS[1].id, 0), (QUESTIONS[1].id, 1)
VOCABULARIES = {A: HALVES, B: HALVES, C: bytes(10)}


def f32(value):
    return struct.unpack("<f", struct.pack("<f", value))[0]


def make_run(quantization="Q8_0", *, plan="p", questions="q", shots=5, created=""):
    sha256 = f"sha-{quantization}"
    model = ModelInfo(
        label=f"Tiny {quantization}",
        path=f"/m/tiny-{quantization}.gguf",
        sha256=sha256,
        size_bytes=7,
        architecture="llama",
        n_params=9,
        quantization=quantization,
        tensor_types={"Q8_0": 8, "F32": 1},
        bits_per_weight=8.5,
        nominal_share=8 / 9,
        requantized_from="Q4_1",
    )
    fingerprint = Fingerprint(
        model_sha256=sha256,
        plan_hash=plan,
        questions_sha256=questions,
        prompt_style="harness",
        shots=shots,
        read="logits",
        grammar='root ::= " " [A-D]',
        engine=EngineSettings(4096, 512, 512, 64, 2, 0, "on"),
        build=BuildInfo("0.3.36", "", "libs", "AVX2", ("CPU", "GPU")),
    )
    return Run(
        id="",
        model=model,
        fingerprint=fingerprint,
        task="mmlu",
        source="embedded",
        design=Design.STRATIFIED,
        population={"law": 1534},
        n_questions=len(QUESTIONS),
        n_batches=4,
        status=RunStatus.RUNNING,
        created=created,
        n_done=0,
        n_tokens=0,
        seconds=0.0,
        peak_rss_bytes=0,
        command="ggufeval run tiny.gguf",
    )


def make_record(question, run_id="", rotation=0, **changes):
    rng = random.Random(f"{question.id} {rotation}")  # noqa: S311
    record = Record(
        run_id=run_id,
        question_id=question.id,
        rotation=rotation,
        letter=rng.randrange(4),
        correct=rng.random() < 0.5,
        letter_logits=tuple(f32(rng.gauss(0, 20)) for _ in range(4)),
        logsumexp=f32(rng.gauss(20, 3)),
        letter_mass=rng.random(),
        margin=rng.random(),
        top_token=rng.randrange(128_256),
        top_logit=f32(rng.gauss(0, 20)),
        n_tokens=rng.randrange(2000),
    )
    return dataclasses.replace(record, **changes)


def add(store, run_id, position, questions=None, *, seconds=1.5, peak=0):
    questions = QUESTIONS[10 * position : 10 * position + 10] if questions is None else questions
    records = [make_record(question, run_id) for question in questions]
    store.add_batch(
        run_id, position, f"c{position}", records, n_tokens=100, seconds=seconds,
        peak_rss_bytes=peak,
    )  # fmt: skip
    return records


@pytest.fixture
def path(tmp_path):
    return tmp_path / "results.sqlite"


@pytest.fixture
def store(path):
    with Store.open(path) as opened:
        yield opened


@pytest.fixture
def unprivileged():
    """A folder for everybody, and no right to pass over permissions in it."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o777)
    euid = os.geteuid()
    if euid == 0:
        os.chown(folder, 65534, -1)
        os.seteuid(65534)
    try:
        yield folder
    finally:
        os.seteuid(euid)
        shutil.rmtree(folder)


# --- runs ----------------------------------------------------------------------------------


def test_run_comes_back(store):
    run = make_run()
    run_id = store.begin(run, QUESTIONS)
    found = store.run(run_id)
    assert run_id == run.fingerprint.digest[:12]
    assert found.created.endswith("+00:00")
    assert found == dataclasses.replace(run, id=run_id, created=found.created)


def test_same_fingerprint_is_the_same_run(store):
    run_id = store.begin(make_run(), QUESTIONS)
    add(store, run_id, 0)
    assert store.begin(make_run(), QUESTIONS) == run_id
    store.finish(run_id)
    assert store.begin(make_run(), QUESTIONS) == run_id
    assert store.run(run_id).status is RunStatus.DONE
    assert store.done_batches(run_id) == {0}


def test_forced_attempts_are_counted(store):
    first = store.begin(make_run(), QUESTIONS)
    store.finish(first)
    assert store.begin(make_run(), QUESTIONS, force=True) == f"{first}-2"
    store.finish(f"{first}-2")
    assert store.begin(make_run(), QUESTIONS, force=True) == f"{first}-3"
    assert store.begin(make_run(), QUESTIONS) == f"{first}-3"
    assert store.run(first).id == first
    assert store.begin(make_run("Q2_K"), QUESTIONS, force=True).count("-") == 0


def test_force_goes_on_with_an_attempt_that_is_not_finished(store):
    first = store.begin(make_run(), QUESTIONS)
    assert store.begin(make_run(), QUESTIONS, force=True) == first


def test_sums_go_on_over_sessions(path):
    with Store.open(path) as store:
        run_id = store.begin(make_run(), QUESTIONS)
        add(store, run_id, 0, seconds=1.5, peak=900)
        assert store.run(run_id).peak_rss_bytes == 900  # whatever becomes of the session
    with Store.open(path) as store:
        assert store.begin(make_run(), QUESTIONS) == run_id
        add(store, run_id, 2, seconds=2.0, peak=300)
        store.finish(run_id)
        run = store.run(run_id)
    assert (run.n_done, run.n_tokens, run.seconds) == (20, 200, 3.5)
    assert (run.peak_rss_bytes, run.status) == (900, RunStatus.DONE)


def test_rotations_of_a_question_count_once(store):
    run_id = store.begin(make_run(), QUESTIONS)
    records = [make_record(QUESTIONS[0], run_id, rotation) for rotation in range(4)]
    store.add_batch(run_id, 0, "c", reversed(records), n_tokens=1, seconds=0.1)
    assert store.run(run_id).n_done == 1
    result = store.result(run_id)
    assert result.questions == QUESTIONS[:1]
    assert result.records == tuple(records)


def test_prefix_finds_the_run(store):
    run_id = store.begin(make_run(), QUESTIONS)
    other = store.begin(make_run("Q2_K"), QUESTIONS)
    assert run_id[0] != other[0]
    assert store.run(run_id[0]).id == run_id
    assert store.result(other[:4]).run.id == other


@pytest.mark.parametrize("wrong", ["zzz", "", "%", "_"])
def test_unknown_run(store, wrong):
    with pytest.raises(UsageError, match=f"No run is called '{wrong}'. None is stored yet"):
        store.run(wrong)
    run_id = store.begin(make_run(), QUESTIONS)
    with pytest.raises(UsageError, match=f"Known: {run_id}"):
        store.run(wrong)


def test_prefix_of_several(store):
    run_id = store.begin(make_run(), QUESTIONS)
    store.finish(run_id)
    store.begin(make_run(), QUESTIONS, force=True)
    with pytest.raises(
        UsageError, match=f"'{run_id[:5]}' begins .* several runs: {run_id}-2, {run_id}"
    ):
        store.run(run_id[:5])


def test_runs_are_newest_first(store):
    times = {"A": "2026-01-02T00:00:00+00:00", "B": "2026-01-03T00:00:00+00:00"}
    ids = {name: store.begin(make_run(name, created=when), ()) for name, when in times.items()}
    ids["C"] = store.begin(make_run("C", created=times["B"]), ())
    assert [run.id for run in store.runs()] == [ids["C"], ids["B"], ids["A"]]


class Clock(datetime):
    """Says what it is told to."""

    times: ClassVar[list[str]] = []

    @classmethod
    def now(cls, tz=None):  # noqa: ARG003 - as datetime has it
        return cls.fromisoformat(cls.times.pop(0))


def test_a_clock_that_goes_back_changes_no_order(store, monkeypatch):
    monkeypatch.setattr(results, "datetime", Clock)
    monkeypatch.setattr(
        Clock, "times", [f"{year}-01-01T00:00:00+00:00" for year in (2026, 2026, 1970, 1970)]
    )
    first = store.begin_sweep()
    earlier = store.begin(make_run("F16"), QUESTIONS)
    store.add_to_sweep(first, earlier)
    second = store.begin_sweep()
    later = store.begin(make_run("Q8_0"), QUESTIONS)
    store.add_to_sweep(second, later)
    assert Clock.times == []
    assert [run.created[:4] for run in store.runs()] == ["1970", "2026"]
    assert [run.id for run in store.runs()] == [later, earlier]
    assert [run.id for run in store.latest()] == [later]
    assert store.begin(make_run("F16"), QUESTIONS) == earlier


def test_model_that_moved_keeps_the_label_of_each_run(store):
    first = store.begin(make_run(), QUESTIONS)
    run = make_run(shots=0)
    model = dataclasses.replace(run.model, label="Renamed", path="/n/x.gguf")
    second = store.begin(dataclasses.replace(run, model=model), QUESTIONS)
    assert store.run(first).model.label == "Tiny Q8_0"
    assert store.run(second).model == model


def test_latest_is_the_last_sweep_that_has_runs_in_its_order(store):
    assert store.latest() == ()
    ids = [store.begin(make_run(name), QUESTIONS) for name in ("F16", "Q8_0", "Q2_K")]
    first = store.begin_sweep()
    for run_id in (ids[1], ids[0], ids[1]):
        store.add_to_sweep(first, run_id)
    assert [run.id for run in store.latest()] == [ids[1], ids[0]]
    second = store.begin_sweep()
    assert [run.id for run in store.latest()] == [ids[1], ids[0]]
    store.add_to_sweep(second, ids[2])
    assert [run.id for run in store.latest()] == [ids[2]]


def test_delete_takes_a_run_out_of_its_sweep(store):
    first, second = (store.begin(make_run(name), QUESTIONS) for name in ("F16", "Q8_0"))
    sweep = store.begin_sweep()
    store.add_to_sweep(sweep, first)
    store.add_to_sweep(sweep, second)
    store.delete(first)
    assert [run.id for run in store.latest()] == [second]


def test_delete_takes_what_nobody_else_needs(store):
    first = store.begin(make_run(), QUESTIONS)
    second = store.begin(make_run("Q2_K"), QUESTIONS)
    add(store, first, 0)
    add(store, second, 0)
    store.delete(first[:6])
    with pytest.raises(UsageError):
        store.run(first)
    assert len(store.result(second).records) == 10
    assert counts(store.path) == {
        "models": 1, "questions": 40, "runs": 1, "batches": 1, "records": 10,
    }  # fmt: skip
    store.delete(second)
    assert set(counts(store.path).values()) == {0}
    with pytest.raises(UsageError):
        store.delete(second)


def counts(path):
    with closing(sqlite3.connect(path)) as db:
        names = ("models", "questions", "runs", "batches", "records")
        return {name: db.execute(f"SELECT COUNT(*) FROM {name}").fetchone()[0] for name in names}  # noqa: S608


# --- batches and records -------------------------------------------------------------------


def test_result_is_in_the_order_of_the_questions(store):
    run_id = store.begin(make_run(), QUESTIONS)
    late = add(store, run_id, 2)
    early = add(store, run_id, 0)
    result = store.result(run_id)
    assert result.records == tuple(early + late)
    assert result.questions == QUESTIONS[:10] + QUESTIONS[20:30]
    assert store.chain(run_id) == {0: "c0", 2: "c2"}
    assert store.done_batches(run_id) == {0, 2}


def test_empty_run_has_an_empty_result(store):
    run_id = store.begin(make_run(), QUESTIONS)
    assert store.result(run_id).records == ()
    assert store.result(run_id).questions == ()


def test_floats_come_back_bit_for_bit(store):
    rng = random.Random(0)  # noqa: S311
    bits = [rng.getrandbits(32) for _ in range(4000)]
    values = [struct.unpack("<f", struct.pack("<I", b))[0] for b in bits]
    values = [v for v in values if not math.isnan(v)]
    special = [-math.inf, math.inf, 0.0, -0.0, 1.401298464324817e-45, 3.4028234663852886e38]
    run_id = store.begin(make_run(), QUESTIONS)
    fields = {
        "logsumexp": math.pi,
        "letter_mass": 1e-300,
        "margin": math.inf,
        "top_logit": -math.inf,
    }
    record = make_record(QUESTIONS[0], run_id, letter_logits=tuple(special + values), **fields)
    store.add_batch(run_id, 0, "c", [record], n_tokens=1, seconds=0.1)
    (found,) = store.result(run_id).records
    assert found == record
    pack = f"<{len(record.letter_logits)}f"
    assert struct.pack(pack, *found.letter_logits) == struct.pack(pack, *record.letter_logits)


def test_every_field_of_a_record_comes_back(store):
    run_id = store.begin(make_run(), QUESTIONS)
    values = {
        "letter": 3, "correct": True, "text": "C", "parse_error": "none", "partial": True,
    }  # fmt: skip
    record = make_record(QUESTIONS[0], run_id, 2, **values)
    store.add_batch(run_id, 0, "c", [record], n_tokens=1, seconds=0.1)
    (found,) = store.result(run_id).records
    assert found == record
    assert dataclasses.fields(Record)[-1].name == "partial", "new fields need a column"


def test_nan_and_nothing_come_back(store):
    run_id = store.begin(make_run(), QUESTIONS)
    nan = math.nan
    broken = make_record(
        QUESTIONS[0], run_id, letter=None, letter_logits=(nan, 1.0), logsumexp=nan,
        letter_mass=nan, margin=nan, top_logit=nan,
    )  # fmt: skip
    free = make_record(
        QUESTIONS[1],
        run_id,
        letter=None,
        letter_logits=(),
        text="Ich glaube\0…",
        parse_error="none",
    )
    store.add_batch(run_id, 0, "c", [broken, free], n_tokens=1, seconds=0.1)
    first, second = store.result(run_id).records
    assert second == free
    assert first.letter is None
    floats = (first.logsumexp, first.letter_mass, first.margin, first.top_logit)
    assert all(math.isnan(value) for value in floats)
    assert math.isnan(first.letter_logits[0])


def test_batch_is_stored_once(store):
    run_id = store.begin(make_run(), QUESTIONS)
    records = add(store, run_id, 0)
    for position, questions in ((0, QUESTIONS[20:30]), (1, QUESTIONS[5:15])):
        with pytest.raises(StoreError) as caught:
            add(store, run_id, position, questions)
        assert str(caught.value) == (
            f"{store.path}: another process answered the same questions of run {run_id} first, and "
            "its answers stay. Let it finish, then repeat the command: it goes on from there."
        )
    assert store.done_batches(run_id) == {0}
    assert store.result(run_id).records == tuple(records)


def test_record_of_another_question_is_refused(store):
    run_id = store.begin(make_run(), QUESTIONS)
    stranger = dataclasses.replace(QUESTIONS[0], id="other/1")
    with pytest.raises(StoreError, match=r"expected to hold other/1, and do not. The batch was"):
        add(store, run_id, 0, [*QUESTIONS[:3], stranger])
    assert store.done_batches(run_id) == set()


def test_failure_in_the_middle_of_a_batch_leaves_nothing(store):
    run_id = store.begin(make_run(), QUESTIONS)

    def records():
        yield make_record(QUESTIONS[0], run_id)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.add_batch(run_id, 0, "c", records(), n_tokens=1, seconds=0.1)
    assert store.done_batches(run_id) == set()
    add(store, run_id, 0)


def test_batch_of_an_unknown_run(store):
    with pytest.raises(StoreError, match="another process removed run nobody"):
        add(store, "nobody", 0)
    with pytest.raises(UsageError, match="'nobody'"):
        store.done_batches("nobody")


PROMPTS = Prompts(
    ("", "Shots\n<|é|>\0\n"),
    {("q/1", 0): (1, "Which?\nAnswer:"), ("q/1", 1): (1, "\ud800"), ("q/2", 0): (0, "")},
)


def test_prompts_are_those_of_the_plan(store):
    first, second = (store.begin(make_run(name), QUESTIONS, PROMPTS) for name in ("F16", "Q8_0"))
    other = store.begin(make_run(plan="other"), QUESTIONS)
    assert store.result(first).prompts == store.result(second[:6]).prompts == PROMPTS
    assert store.result(other).prompts is None
    store.delete(first)
    assert store.result(second).prompts == PROMPTS
    store.delete(second)
    assert store._rows("SELECT * FROM prompts") == []


def test_what_is_to_be_said_of_prompts_stays_with_them(store):
    sent = dataclasses.replace(PROMPTS, faults=("BOS twice.",), remarks=("Plain text.",))
    run_id = store.begin(make_run(), QUESTIONS, sent)
    assert store.result(run_id).prompts == sent


def test_prompts_of_a_run_from_before_they_were_kept(store):
    run_id = store.begin(make_run(), QUESTIONS)
    add(store, run_id, 0)
    store.finish(run_id)
    assert store.begin(make_run(), QUESTIONS, PROMPTS) == run_id
    assert store.result(run_id).prompts == PROMPTS


def test_two_question_sets_keep_apart(store):
    first = store.begin(make_run(), QUESTIONS)
    changed = [dataclasses.replace(q, stem="X") for q in reversed(QUESTIONS)]
    second = store.begin(make_run(questions="r"), changed)
    for run_id in (first, second):
        add(store, run_id, 0)
    assert store.result(first).questions == QUESTIONS[:10]
    assert store.result(second).questions == tuple(changed[-10:])


def test_questions_with_the_same_id(store):
    with pytest.raises(StoreError, match=r"questions.id"):
        store.begin(make_run(), [QUESTIONS[0], QUESTIONS[0]])
    assert store.runs() == ()


def test_text_that_is_no_unicode(store):
    with pytest.raises(StoreError, match="surrogates not allowed"):
        store.begin(make_run(), [dataclasses.replace(QUESTIONS[0], stem="\ud800")])
    assert store.runs() == ()


# --- the file ------------------------------------------------------------------------------


def test_the_file_says_whose_it_is_and_is_safe(path):
    with Store.open(path) as store:
        pragmas = ("application_id", "user_version", "journal_mode", "synchronous", "foreign_keys")
        found = [store._db.execute(f"PRAGMA {name}").fetchone()[0] for name in pragmas]
    assert found == [int.from_bytes(b"GGEV"), database.VERSION, "wal", 2, 1]
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_folders_are_made(tmp_path):
    with Store.open(tmp_path / "a" / "b #1?%41.db") as store:
        store.begin(make_run(), QUESTIONS)
    assert (tmp_path / "a" / "b #1?%41.db").exists()


def test_relative_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Store.open(Path("r.db")) as store:
        assert store.path == tmp_path / "r.db"


def test_empty_file_is_taken(path):
    path.touch()
    with pytest.raises(StoreError, match="holds no results yet"):
        Store.open(path, read_only=True)
    with pytest.raises(StoreError, match="holds no results yet"):
        Store.open(path, create=False)
    assert path.stat().st_size == 0
    with Store.open(path) as store:
        assert store.runs() == ()


@pytest.mark.parametrize("options", [{"create": False}, {"read_only": True}])
def test_nothing_there(path, options):
    with pytest.raises(StoreError, match=r"no results are there yet. Run something"):
        Store.open(path / "deeper", **options)
    assert not path.exists()


def test_folder(tmp_path):
    with pytest.raises(StoreError, match="this is a folder"):
        Store.open(tmp_path)


def test_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="the folder for the results cannot be made: "):
        Store.open(tmp_path / "file" / "r.db")


@pytest.mark.parametrize("content", [b"hello", b"GGUF" + bytes(4096), b"x" * 100_000])
def test_no_database(path, content):
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"not a database. It is no results database"):
        Store.open(path)
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    "statements",
    [
        ["CREATE TABLE notes (id)"],
        ["PRAGMA application_id = 77"],
        ["PRAGMA application_id = 77", "CREATE TABLE runs (id)"],
        ["CREATE TABLE runs (id)", "PRAGMA user_version = 1", "PRAGMA journal_mode = WAL"],
    ],
)
def test_database_of_another_program_is_left_alone(path, statements):
    with closing(sqlite3.connect(path)) as db:
        for statement in statements:
            db.execute(statement)
    before = path.read_bytes()
    for read_only in (False, True):
        with pytest.raises(StoreError, match=r"belongs to another program. Name another file"):
            Store.open(path, read_only=read_only)
    assert path.read_bytes() == before


def test_what_a_crash_left_beside_another_programs_database_stays(tmp_path):
    """SQLite, let near it, puts the WAL into the database and removes it."""
    with closing(sqlite3.connect(tmp_path / "places.sqlite")) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE moz_places (id)")
        db.execute("PRAGMA wal_checkpoint")
        db.execute("INSERT INTO moz_places VALUES (1)")
        db.commit()
        crashed = tmp_path / "crashed"
        crashed.mkdir()
        for name in ("places.sqlite", "places.sqlite-wal"):
            (crashed / name).write_bytes((tmp_path / name).read_bytes())
    before = {file.name: file.read_bytes() for file in crashed.iterdir()}
    for read_only in (False, True):
        with pytest.raises(StoreError, match="belongs to another program"):
            Store.open(crashed / "places.sqlite", read_only=read_only)
    assert {file.name: file.read_bytes() for file in crashed.iterdir()} == before


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("CREATE TRIGGER t AFTER INSERT ON records BEGIN DELETE FROM records; END", "trigger t"),
        ("CREATE TRIGGER t DELETE ON RUNS BEGIN SELECT 1; END", "trigger t"),
    ],
)
def test_a_database_that_acts_by_itself_is_refused(path, statement, what):
    Store.open(path).close()
    alter(path, statement)
    before = path.read_bytes()
    for read_only in (False, True):
        with pytest.raises(StoreError, match=f"holds the {what}, which ggufeval never makes"):
            Store.open(path, read_only=read_only)
    assert path.read_bytes() == before


def test_a_view_or_a_virtual_table_is_no_table_of_ours(path):
    Store.open(path).close()
    alter(path, "DROP TABLE sweep_runs", "CREATE VIEW sweep_runs AS SELECT 1 AS position")
    with pytest.raises(StoreError, match="its tables are not those of format"):
        Store.open(path)
    alter(
        path,
        "DROP VIEW sweep_runs",
        "CREATE VIRTUAL TABLE sweep_runs USING fts5(position, sweep_id, run_id)",
    )
    with pytest.raises(StoreError, match="holds the table sweep_runs, which ggufeval never makes"):
        Store.open(path)


def test_a_view_of_ones_own_may_stay(path):
    Store.open(path).close()
    alter(path, "CREATE VIEW mine AS SELECT id FROM runs")
    with Store.open(path) as store:
        assert store.runs() == ()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither pipes nor devices there")
def test_a_pipe_or_a_device_is_no_database(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "null").symlink_to("/dev/null")
    for name in ("pipe", "null"):
        for read_only in (False, True):
            with pytest.raises(StoreError, match=f"{name}: a results database.*this is no file"):
                Store.open(tmp_path / name, read_only=read_only)


def alter(path, *statements):
    with closing(sqlite3.connect(path)) as db:
        for statement in statements:
            db.execute(statement)
        db.commit()


def test_newer_version(store, path):
    alter(path, "PRAGMA user_version = 7")
    with pytest.raises(StoreError, match=r"newer ggufeval \(format 7; this one knows 6\). Upgrade"):
        Store.open(path)


FORMAT_2 = """
PRAGMA application_id = 1195853142;
PRAGMA user_version = 2;
PRAGMA journal_mode = WAL;
CREATE TABLE models (sha256 TEXT PRIMARY KEY, info TEXT NOT NULL);
CREATE TABLE questions (
    questions_sha256 TEXT, position INTEGER NOT NULL, id TEXT, subject TEXT NOT NULL,
    stem TEXT NOT NULL, choices TEXT NOT NULL, answer INTEGER NOT NULL,
    PRIMARY KEY (questions_sha256, id)
);
CREATE TABLE runs (
    id TEXT PRIMARY KEY, digest TEXT NOT NULL, fingerprint TEXT NOT NULL,
    attempt INTEGER NOT NULL, model_sha256 TEXT NOT NULL REFERENCES models,
    questions_sha256 TEXT NOT NULL, label TEXT NOT NULL, task TEXT NOT NULL,
    source TEXT NOT NULL, design TEXT NOT NULL, population TEXT NOT NULL,
    n_questions INTEGER NOT NULL, n_batches INTEGER NOT NULL, status TEXT NOT NULL,
    created TEXT NOT NULL, command TEXT NOT NULL, peak_rss INTEGER NOT NULL,
    UNIQUE (digest, attempt)
);
CREATE TABLE batches (
    run_id TEXT REFERENCES runs ON DELETE CASCADE, position INTEGER, chain TEXT NOT NULL,
    n_tokens INTEGER NOT NULL, seconds REAL NOT NULL,
    PRIMARY KEY (run_id, position)
);
CREATE TABLE records (
    run_id TEXT REFERENCES runs ON DELETE CASCADE, question_id TEXT, rotation INTEGER,
    batch INTEGER NOT NULL, letter INTEGER, correct INTEGER NOT NULL,
    letter_logits BLOB NOT NULL, logsumexp REAL, letter_mass REAL, margin REAL,
    top_token INTEGER NOT NULL, top_logit REAL, n_tokens INTEGER NOT NULL,
    text TEXT, parse_error TEXT, partial INTEGER NOT NULL,
    PRIMARY KEY (run_id, question_id, rotation)
);
CREATE TABLE sweeps (id INTEGER PRIMARY KEY, created TEXT NOT NULL);
CREATE TABLE sweep_runs (
    position INTEGER PRIMARY KEY, sweep_id INTEGER NOT NULL REFERENCES sweeps,
    run_id TEXT NOT NULL REFERENCES runs ON DELETE CASCADE,
    UNIQUE (sweep_id, run_id)
);
"""


@pytest.fixture
def old(path, tmp_path):
    """A file of format 2 with a run of ten answers; the run's id, and the answers."""
    with Store.open(tmp_path / "new.sqlite") as store:
        run_id = store.begin(make_run(), QUESTIONS)
        records = add(store, run_id, 0)
    with closing(sqlite3.connect(path)) as db:
        db.executescript(FORMAT_2)
        db.execute("ATTACH ? AS new", (str(tmp_path / "new.sqlite"),))
        for table in ("models", "questions", "runs", "batches", "records"):
            db.execute(f"INSERT INTO {table} SELECT * FROM new.{table}")  # noqa: S608
        db.commit()
    return run_id, tuple(records)


def test_a_file_of_the_first_format_is_taken(old, path):
    """It has the tables of format 2, which only brought a new status."""
    run_id, records = old
    alter(path, "PRAGMA user_version = 1")
    with Store.open(path, read_only=True) as store:
        assert store.result(run_id).records == records
    with Store.open(path) as store:
        add(store, run_id, 1)
        assert store.run(run_id).n_done == 20
        assert store._db.execute("PRAGMA user_version").fetchone()[0] == database.VERSION


def test_a_file_of_format_2_gets_what_came_later(old, path):
    run_id, records = old
    with Store.open(path) as store:
        assert store._db.execute("PRAGMA user_version").fetchone()[0] == database.VERSION
        assert store.result(run_id).records == records
        assert store.result(run_id).prompts is None
        assert store.begin(make_run(), QUESTIONS, PROMPTS) == run_id
        assert store.result(run_id).prompts == PROMPTS
    with Store.open(path, read_only=True) as store:
        assert store.result(run_id).prompts == PROMPTS


def test_a_file_of_format_2_is_read_as_it_is(old, path):
    run_id, records = old
    before = path.read_bytes()
    with Store.open(path, read_only=True) as store:
        assert store.result(run_id).records == records
        assert store.result(run_id).prompts is None
    assert path.read_bytes() == before


@pytest.fixture
def former(path):
    """A file of format 3 with a run of ten answers and its prompts; the run's id, the answers."""
    with Store.open(path) as store:
        run_id = store.begin(make_run(), QUESTIONS, PROMPTS)
        records = add(store, run_id, 0)
    alter(path, "DROP TABLE vocabulary_logprobs", "PRAGMA user_version = 3")
    return run_id, tuple(records)


def test_a_file_of_format_3_gets_what_came_later(former, path):
    run_id, records = former
    with Store.open(path) as store:
        assert store._db.execute("PRAGMA user_version").fetchone()[0] == database.VERSION
        assert store.result(run_id).records == records
        assert store.result(run_id).prompts == PROMPTS
        store.add_vocabularies(run_id, VOCABULARIES)
    with Store.open(path, read_only=True) as store:
        assert store.vocabularies(run_id) == VOCABULARIES.keys()


def test_a_file_of_format_3_is_read_as_it_is(former, path):
    run_id, records = former
    before = path.read_bytes()
    with Store.open(path, read_only=True) as store:
        assert store.result(run_id).records == records
        assert store.result(run_id).prompts == PROMPTS
        assert store.vocabularies(run_id) == set()
        assert list(store.paired_vocabularies(run_id, run_id)) == []
    assert path.read_bytes() == before


@pytest.mark.parametrize("version", [3, 4])
def test_a_file_that_lacks_a_table_of_its_own_format(old, path, version):
    alter(path, f"PRAGMA user_version = {version}")
    with pytest.raises(StoreError, match=f"tables are not those of format {version}"):
        Store.open(path)


# --- vocabularies --------------------------------------------------------------------------


def test_vocabularies_come_back_bit_by_bit_where_both_runs_have_them(store):
    first, second = (store.begin(make_run(name), QUESTIONS) for name in ("Q8_0", "Q2_K"))
    for run_id in (first, second):
        add(store, run_id, 0)
    assert store.vocabularies(first) == set()
    store.add_vocabularies(first, VOCABULARIES)
    store.add_vocabularies(second, {A: HALVES[::-1], ("other", 0): HALVES})
    assert store.vocabularies(first) == VOCABULARIES.keys()
    assert list(store.paired_vocabularies(first, second)) == [(A, HALVES, HALVES[::-1])]
    assert [key for key, *_ in store.paired_vocabularies(first, first)] == sorted(VOCABULARIES)


def test_a_vocabulary_that_is_there_stays(store):
    run_id = store.begin(make_run(), QUESTIONS)
    store.add_vocabularies(run_id, {A: HALVES})
    store.add_vocabularies(run_id, {A: HALVES[::-1], B: HALVES})
    assert store.vocabularies(run_id) == {A, B}
    assert next(store.paired_vocabularies(run_id, run_id)) == (A, HALVES, HALVES)


def test_vocabularies_are_stored_with_their_batch_or_not_at_all(store):
    run_id = store.begin(make_run(), QUESTIONS)
    stranger = make_record(dataclasses.replace(QUESTIONS[0], id="stranger"))

    def put(position, records):
        store.add_batch(
            run_id, position, "c", records, n_tokens=1, seconds=1.0, vocabularies=VOCABULARIES
        )

    with pytest.raises(StoreError, match="The batch was not stored"):
        put(0, [make_record(QUESTIONS[0]), stranger])
    assert store.vocabularies(run_id) == set()
    put(0, [make_record(QUESTIONS[0])])
    assert store.vocabularies(run_id) == VOCABULARIES.keys()


def test_vocabularies_go_with_their_run(store):
    first, second = (store.begin(make_run(name), QUESTIONS) for name in ("Q8_0", "Q2_K"))
    for run_id in (first, second):
        store.add_vocabularies(run_id, VOCABULARIES)
    store.delete(first)
    assert store.vocabularies(second) == VOCABULARIES.keys()
    assert store._db.execute("SELECT COUNT(*) FROM vocabulary_logprobs").fetchone()[0] == 3


@pytest.mark.parametrize("packed", [b"x", zlib.compress(b"odd"), zlib.compress(b"even")[:-1]])
def test_a_vocabulary_that_cannot_be_read_back(store, packed):
    run_id = store.begin(make_run(), QUESTIONS)
    store.add_vocabularies(run_id, {A: HALVES})
    store._db.execute("UPDATE vocabulary_logprobs SET logprobs = ?", (packed,))
    with pytest.raises(StoreError, match="the probabilities of all tokens cannot be read back"):
        list(store.paired_vocabularies(run_id, run_id))


def test_vocabularies_take_about_what_is_told_beforehand(store):
    """A model's logarithms lie close together."""
    run_id = store.begin(make_run(), QUESTIONS)
    rng = random.Random(0)  # noqa: S311
    halves = struct.pack("<20000e", *(-15 + rng.gauss(0, 2) for _ in range(20_000)))
    store.add_vocabularies(run_id, {A: halves})
    (size,) = store._db.execute("SELECT LENGTH(logprobs) FROM vocabulary_logprobs").fetchone()
    assert size < 20_000 * BYTES_A_TOKEN * 1.1


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE records",
        "ALTER TABLE records RENAME COLUMN letter TO word",
        "ALTER TABLE runs ADD COLUMN more",
        "DROP TABLE prompts",
        "DROP TABLE vocabulary_logprobs",
    ],
)
def test_other_tables(store, path, statement):
    alter(path, statement)
    with pytest.raises(StoreError, match="tables are not those of format 6"):
        Store.open(path)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE runs SET status = 'odd'",
        "UPDATE runs SET population = '{'",
        "UPDATE runs SET fingerprint = '{}'",
        "UPDATE runs SET fingerprint = '[]'",
        "UPDATE models SET info = '{\"label\": 1}'",
        "UPDATE models SET info = CAST(x'ff' AS TEXT)",
        "UPDATE questions SET choices = '7'",
        "DELETE FROM questions",
        "UPDATE records SET letter_logits = x'00'",
        "UPDATE records SET letter_logits = 'text'",
        "UPDATE records SET margin = 'text'",
    ],
)
def test_values_that_something_else_wrote(store, path, statement):
    run_id = store.begin(make_run(), QUESTIONS)
    add(store, run_id, 0)
    alter(path, statement)
    with pytest.raises(StoreError, match=r"results.sqlite: .*(cannot be read back|decode)"):
        store.result(run_id)


@pytest.mark.parametrize("texts", ["x'00'", "'text'", "7", "x'789c8b8e0500011600b9'"])
def test_prompts_that_something_else_wrote(store, path, texts):
    run_id = store.begin(make_run(), QUESTIONS, PROMPTS)
    alter(path, f"UPDATE prompts SET texts = {texts}")  # noqa: S608
    with pytest.raises(StoreError, match=r"its prompts cannot be read back"):
        store.result(run_id)


def test_damaged_pages(path):
    with Store.open(path) as store:
        run_id = store.begin(make_run(), QUESTIONS)
        for i in range(4):
            add(store, run_id, i)
    content = bytearray(path.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    path.write_bytes(content)
    with (
        pytest.raises(StoreError, match=r"malformed. It is damaged: go on with a copy"),
        Store.open(path) as store,
    ):
        store.result(run_id)


def test_a_model_that_was_stored_before_its_origin_was_known(path):
    with Store.open(path) as store:
        run_id = store.begin(make_run(), QUESTIONS)
    with closing(sqlite3.connect(path)) as db:
        info = json.loads(*db.execute("SELECT info FROM models").fetchone())
        for name in ("imatrix", "quantized_from"):
            del info[name]
        db.execute("UPDATE models SET info = ?", (json.dumps(info),))
        db.commit()
    with Store.open(path) as store:
        assert store.run(run_id).model == make_run().model


def test_full_disk(store):
    run_id = store.begin(make_run(), QUESTIONS)
    pages = store._db.execute("PRAGMA page_count").fetchone()[0]
    store._db.execute(f"PRAGMA max_page_count = {pages}")
    record = make_record(QUESTIONS[0], run_id, text="long " * 10_000)
    with pytest.raises(StoreError, match=r"full. The disk is full: make room and repeat"):
        store.add_batch(run_id, 0, "c", [record], n_tokens=1, seconds=0.1)
    store._db.execute(f"PRAGMA max_page_count = {pages + 100}")
    store.add_batch(run_id, 0, "c", [record], n_tokens=1, seconds=0.1)
    assert store.run(run_id).n_done == 1


def test_read_only(path):
    with Store.open(path) as store:
        run_id = store.begin(make_run(), QUESTIONS)
        add(store, run_id, 0)
    with Store.open(path, read_only=True) as store:
        assert len(store.result(run_id).records) == 10
        with pytest.raises(StoreError, match=r"readonly database. You may only read it"):
            add(store, run_id, 1)


def test_read_only_while_another_writes(store, path):
    run_id = store.begin(make_run(), QUESTIONS)
    with Store.open(path, read_only=True) as reader:
        add(store, run_id, 0)
        assert reader.run(run_id).n_done == 10


def test_folder_that_may_only_be_read(unprivileged):
    path = unprivileged / "r.db"
    with Store.open(path) as store:
        run_id = store.begin(make_run(), QUESTIONS)
        add(store, run_id, 0)
    unprivileged.chmod(0o555)
    with Store.open(path, read_only=True) as store:
        assert store.run(run_id).n_done == 10
    with pytest.raises(StoreError, match=r"r\.db: .*(may write there|permissions)"):
        Store.open(path)
    with pytest.raises(StoreError, match=r"unable to open.* Check that its folder exists and that"):
        Store.open(unprivileged / "new.db")
    with pytest.raises(StoreError, match="cannot be made: Permission denied"):
        Store.open(unprivileged / "new" / "new.db")
    unprivileged.chmod(0o777)


def test_file_that_may_only_be_read(unprivileged):
    path = unprivileged / "r.db"
    Store.open(path).close()
    path.chmod(0o444)
    with pytest.raises(StoreError, match=r"readonly database. You may only read it: check the"):
        Store.open(path)


def test_locked_by_another(store, path, monkeypatch):
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.1)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match=r"locked. Another process keeps it locked: wait"):
            Store.open(path)
        with Store.open(path, read_only=True) as reader:
            assert reader.runs() == ()


def test_waits_for_another(store):
    assert store._db.execute("PRAGMA busy_timeout").fetchone()[0] == 10_000


# --- several processes ---------------------------------------------------------------------


def test_what_a_power_cut_leaves_is_gone_on_with(store, path, tmp_path):
    run_id = store.begin(make_run(), QUESTIONS)
    add(store, run_id, 0)
    journal = path.with_name(f"{path.name}-wal")
    copies = []
    size = journal.stat().st_size
    for left in (size, size - 1, size // 2, 40, 0, None):  # bytes of the journal, or no journal
        copy = tmp_path / f"copy-{left}" / path.name
        copy.parent.mkdir()
        shutil.copy(path, copy)
        if left is not None:
            copy.with_name(journal.name).write_bytes(journal.read_bytes()[:left])
        copies.append(copy)
    add(store, run_id, 1)
    kept = []
    for copy in copies:
        with Store.open(copy) as cut:
            assert cut._db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
            kept.append(cut.runs()[0].n_done if cut.runs() else None)
            assert cut.begin(make_run(), QUESTIONS) == run_id
            for position in {0, 1} - cut.done_batches(run_id):
                add(cut, run_id, position)
            assert cut.result(run_id).records == store.result(run_id).records
    assert kept[:3] == [10, 0, None]
    assert kept[3:] == [None, None, None]


WRITER = textwrap.dedent("""
    import importlib.util, itertools, sys
    from pathlib import Path
    spec = importlib.util.spec_from_file_location("helpers", sys.argv[1])
    helpers = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(helpers)
    path, quantization, n_batches = Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    questions = helpers.many_questions()
    with helpers.Store.open(path) as store:
        run_id = store.begin(helpers.make_run(quantization), questions)
        done = store.done_batches(run_id)
        print("ready", flush=True)
        for position in range(n_batches):
            if position not in done:
                helpers.add(store, run_id, position, questions[20 * position : 20 * position + 20])
                print(position, flush=True)
        store.finish(run_id)
""")


def many_questions():
    return [dataclasses.replace(QUESTIONS[0], id=f"q/{i}") for i in range(20_000)]


def write(path, quantization, n_batches):
    args = [sys.executable, "-c", WRITER, __file__, str(path), quantization, str(n_batches)]
    return subprocess.Popen(args, stdout=subprocess.PIPE, text=True)


def test_kill_leaves_whole_batches_only(path):
    stored = 0
    for attempt in range(6):
        with write(path, "Q8_0", 1000) as child:
            assert child.stdout.readline() == "ready\n"
            for _ in range(1 + 5 * attempt):  # so many batches are there, whatever the disk does
                child.stdout.readline()
            time.sleep(0.001 * attempt)
            child.send_signal(signal.SIGKILL)
        with Store.open(path) as store:
            (run,) = store.runs()
            done = store.done_batches(run.id)
            assert store._db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
            assert run.status is RunStatus.RUNNING
            assert done == set(range(len(done)))
            assert run.n_done == 20 * len(done)
            assert run.n_tokens == 100 * len(done)
            questions = many_questions()[: 20 * len(done)]
            assert store.result(run.id).records == tuple(make_record(q, run.id) for q in questions)
            assert len(done) > stored
            stored = len(done)


def test_two_writers(path):
    with write(path, "Q8_0", 40) as first, write(path, "Q2_K", 40) as second:
        assert first.wait() == second.wait() == 0
    with Store.open(path) as store:
        runs = store.runs()
        assert len(runs) == 2
        assert {run.n_done for run in runs} == {800}
        assert {run.status for run in runs} == {RunStatus.DONE}


def test_readers_see_whole_batches_while_another_writes(path, tmp_path):
    """With Python's sqlite3, with pandas, with the store, and in a copy."""
    seen, copied = [], 0
    with write(path, "Q8_0", 200) as writer:
        assert writer.stdout.readline() == "ready\n"
        while writer.poll() is None:
            with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as db:
                (n,) = db.execute("SELECT COUNT(*) FROM records").fetchone()
                frame = pd.read_sql_query("SELECT batch FROM records", db)
            with Store.open(path, read_only=True) as store:
                (run,) = store.runs()
                records = store.result(run.id).records
            assert n % 20 == 0
            assert (frame["batch"].value_counts() == 20).all()
            assert n <= len(frame) <= len(records)
            assert len(records) % 20 == 0
            copied += 1
            upkeep.backup(path, tmp_path / f"copy-{copied}.sqlite")
            with Store.open(tmp_path / f"copy-{copied}.sqlite", read_only=True) as store:
                assert store.runs()[0].n_done >= len(records)
            seen.append(len(records))
            writer.stdout.readline()
    assert writer.returncode == 0
    assert seen == sorted(seen)
    assert len(set(seen)) > 1


def test_many_may_make_the_file_at_once(path):
    code = "import sys; from pathlib import Path; from ggufeval.store import Store\n"
    code += "Store.open(Path(sys.argv[1])).close()"
    for attempt in range(3):
        target = path.with_name(f"{attempt}.db")
        args = [sys.executable, "-c", code, str(target)]
        children = [subprocess.Popen(args, stderr=subprocess.PIPE, text=True) for _ in range(5)]
        assert [child.communicate()[1] for child in children] == [""] * 5
        Store.open(target, create=False).close()


def test_two_writers_of_one_run_do_not_mix(store, path):
    run_id = store.begin(make_run(), QUESTIONS)
    with Store.open(path) as other:
        assert other.begin(make_run(), QUESTIONS) == run_id
        add(other, run_id, 0)
        with pytest.raises(StoreError, match="another process answered the same questions"):
            add(store, run_id, 0)
        add(store, run_id, 1)
    assert store.run(run_id).n_done == 20


def test_json_of_the_population_keeps_its_order(store):
    population = {"z": 1, "a": 2}
    run_id = store.begin(dataclasses.replace(make_run(), population=population), QUESTIONS)
    assert json.dumps(store.run(run_id).population) == json.dumps(population)
