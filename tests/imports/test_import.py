"""`ggufeval import`, and what the other commands make of it."""

import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from ggufeval import imports
from ggufeval.errors import GgufevalError
from ggufeval.imports import documents
from ggufeval.store import Store

from .conftest import (
    DATE,
    inspect_header,
    inspect_sample,
    lm_sample,
    write_log,
    write_samples,
)

SCHEMA = Path(__file__).parents[2] / "docs" / "report.schema.json"


def few_wrong(question, number):
    return lm_sample(question, number, wrong=number in (0, 1))


@pytest.fixture
def imported(ggufeval, ours, tmp_path, questions):
    """The id of a run of lm-evaluation-harness, paired with ours."""
    folder = write_samples(tmp_path / "logs", questions, few_wrong)
    done = ggufeval("import", folder)
    assert "32 answers, 32 of them to questions that are known here" in done.stderr
    return done.stdout.strip()


def test_the_questions_have_our_ids(database, imported, ours, questions):
    with Store.open(database, read_only=True) as store:
        theirs, mine = store.result(imported), store.result(ours)
    assert {q.id: q for q in theirs.questions} == {q.id: q for q in questions}
    assert [q.id for q in theirs.questions] == [q.id for q in mine.questions]
    assert theirs.run.n_questions == theirs.run.n_done == 32
    assert theirs.run.fingerprint.tool == "lm-evaluation-harness 0.4.9 (hf)"


def test_compare_refuses_and_says_what_is_another(ggufeval, imported, ours):
    done = ggufeval("compare", ours, imported, status=2)
    said = " ".join(done.stderr.split())
    assert (
        f"meta-llama/Llama-3.2-1B (run {imported}) was evaluated by lm-evaluation-harness 0.4.9 "
        "(hf) (prompt lm-eval:mmlu, 5 shots, read by letter), Tiny Q8_0 "
        f"(run {ours}) by ggufeval (prompt mmlu, 5 shots, read by letter)"
    ) in said
    assert "another program on another engine, another prompt" in said
    assert "--allow-mismatch" in said


@pytest.mark.parametrize("fmt", ["table", "md", "json"])
def test_the_mismatch_stands_in_every_output(ggufeval, imported, ours, fmt):
    out = ggufeval("compare", ours, imported, "--allow-mismatch", "--format", fmt).stdout
    said = " ".join(out.split())
    assert "was evaluated by lm-evaluation-harness 0.4.9 (hf)" in said
    assert "No verdict: the runs differ in more than the model" in said


def test_the_answers_are_paired(ggufeval, imported, ours):
    out = ggufeval("compare", ours, imported, "--allow-mismatch", "--format", "json").stdout
    reference, candidate = json.loads(out)["models"]
    assert (reference["run"], candidate["run"]) == (ours, imported)
    assert (candidate["n"], candidate["lost"], candidate["won"]) == (32, 8, 4)
    unknown = ("size_bytes", "bits_per_weight", "seconds", "n_tokens", "peak_rss_bytes")
    assert [candidate[name] for name in unknown] == [None] * 5
    assert candidate["fingerprint"]["tool"] == "lm-evaluation-harness 0.4.9 (hf)"
    assert "engine" not in candidate["fingerprint"]
    Draft202012Validator(json.loads(SCHEMA.read_text("utf-8"))).validate(json.loads(out))
    out = ggufeval("compare", ours, imported, "--allow-mismatch", "--format", "csv").stdout
    first, second = csv.DictReader(io.StringIO(out))
    assert (first["size_bytes"], second["size_bytes"]) == ("4000000", "")


def test_reports_are_written(ggufeval, imported, ours, tmp_path):
    for name in ("r.html", "r.md"):
        ggufeval("report", ours, imported, "--allow-mismatch", "-o", tmp_path / name)
        text = (tmp_path / name).read_text("utf-8")
        assert "was evaluated by lm-evaluation-harness 0.4.9 (hf)" in text
        assert "Evaluated by lm-evaluation-harness 0.4.9 (hf), and read from its records" in text


def test_unknown_sizes_and_times_are_shown_as_such(ggufeval, imported, ours):
    out = ggufeval("compare", ours, imported, "--allow-mismatch", "--format", "md").stdout
    (row,) = [line for line in out.splitlines() if re.match(r"\|\s*meta-llama", line)][:1]
    assert " 0 B " not in row
    assert "0.00 |" not in row
    assert "| - |" in re.sub(r"\s+", " ", row)


def test_runs_and_show(ggufeval, imported, questions):
    listed = ggufeval("runs").stdout
    assert re.search(rf"{imported} +32 +lm-eval:mmlu/5 +letter +mmlu", listed)
    shown = ggufeval("show", imported).stdout
    assert re.search(r"evaluated by +lm-evaluation-harness 0\.4\.9 \(hf\)", shown)
    assert re.search(r"bits per weight +-\n", shown)
    assert '"engine"' not in shown
    one = ggufeval("show", imported, "--question", questions[0].id).stdout
    assert "(log p -0.250)" in one
    said = ggufeval("show", imported, "--question", questions[0].id, "--prompt", status=2).stderr
    assert "they are in the records of lm-evaluation-harness" in " ".join(said.split())


def test_the_last_runs_stay_those_that_were_made_here(ggufeval, imported, ours, database):
    with Store.open(database) as store:
        store.add_to_sweep(store.begin_sweep(), ours)
    ggufeval("import", database.parent / "logs")
    with Store.open(database) as store:
        assert [run.id for run in store.latest()] == [ours]


def test_the_same_files_twice_are_one_run(ggufeval, imported, tmp_path, database):
    done = ggufeval("import", tmp_path / "logs")
    assert done.stdout.strip() == imported
    assert f"stored already, as run {imported}" in " ".join(done.stderr.split())
    with Store.open(database) as store:
        assert len(store.runs()) == 2


def test_paired_otherwise_the_old_run_is_replaced(ggufeval, tmp_path, questions, database):
    folder = write_samples(tmp_path / "logs", questions, few_wrong)
    first = ggufeval("import", folder)
    assert "32 answers, 0 of them" in " ".join(first.stderr.split())
    (tmp_path / "data").mkdir()
    write_mmlu(tmp_path / "data", questions)
    second = ggufeval("import", folder, "--data", tmp_path / "data")
    said = " ".join(second.stderr.split())
    assert "32 answers, 32 of them" in said
    assert f"The run {first.stdout.strip()} of the same records is replaced" in said
    with Store.open(database) as store:
        (run,) = store.runs()
        assert run.id == second.stdout.strip()
        ids = {q.id for q in store.result(run.id).questions}
    assert ids == {
        f"mmlu/test/{name}/{i}"
        for name in ("anatomy", "astronomy", "marketing", "philosophy")
        for i in range(8)
    }
    # Its questions are MMLU's, so what of MMLU was not asked is missing.
    assert run.n_questions == 32  # n-samples says so


def write_mmlu(folder, questions):
    (folder / "test").mkdir()
    for subject in {q.subject for q in questions}:
        with (folder / "test" / f"{subject}_test.csv").open("w", newline="") as file:
            for q in questions:
                if q.subject == subject:
                    csv.writer(file).writerow([q.stem, *q.choices, "ABCD"[q.answer]])


def test_what_of_mmlu_was_not_asked_is_planned(ggufeval, tmp_path, questions, database):
    (tmp_path / "data").mkdir()
    write_mmlu(tmp_path / "data", questions)
    folder = write_samples(tmp_path / "logs", questions[:8], few_wrong, about={})
    run_id = ggufeval(
        "import", folder, "--data", tmp_path / "data", "--label", "Mine"
    ).stdout.strip()
    with Store.open(database) as store:
        run = store.run(run_id)
    assert (run.model.label, run.n_done, run.n_questions) == ("Mine", 8, 135)
    assert run.population == {"anatomy": 135}
    assert run.fingerprint.shots == -1
    assert f"{run_id}  8/135" in ggufeval("runs").stdout
    assert "lm-eval:mmlu/?" in ggufeval("runs").stdout


def test_a_run_that_was_cut_off_is_imported_again(ggufeval, imported, tmp_path, database):
    with Store.open(database) as store:
        store._db.execute("UPDATE runs SET status = 'running' WHERE id = ?", (imported,))
        store._db.execute("DELETE FROM records WHERE run_id = ?", (imported,))
    done = ggufeval("import", tmp_path / "logs")
    assert "replaced" not in done.stderr
    with Store.open(database) as store:
        assert store.run(done.stdout.strip()).n_done == 32


def test_another_label(ggufeval, imported, tmp_path):
    done = ggufeval("import", tmp_path / "logs", "--label", "Other")
    assert done.stdout.strip() == imported
    assert "Other" in ggufeval("runs").stdout


def test_two_runs_of_the_tool_under_one_condition_have_a_verdict(
    ggufeval, imported, tmp_path, questions
):
    folder = write_samples(tmp_path / "more", questions, lm_sample)
    other = ggufeval("import", folder, "--label", "Better").stdout.strip()
    tree = json.loads(ggufeval("compare", other, imported, "--format", "json").stdout)
    assert tree["unjudged"] == ""
    assert tree["models"][1]["lost"] + tree["models"][1]["won"] == 8


def test_two_runs_of_the_tool_with_other_prompts_differ(ggufeval, imported, tmp_path, questions):
    def otherwise(question, number):
        made = lm_sample(question, number)
        return made | {"arguments": [[f"chat: {c}", a] for c, a in made["arguments"]]}

    other = ggufeval("import", write_samples(tmp_path / "m", questions, otherwise)).stdout.strip()
    said = " ".join(ggufeval("compare", other, imported, status=2).stderr.split())
    assert "in more than the model: plan_hash is" in said


def test_inspect_beside_the_harness(ggufeval, imported, tmp_path, questions):
    samples = [inspect_sample(q, i) for i, q in enumerate(questions)]
    other = ggufeval("import", write_log(tmp_path / "l.json", samples)).stdout.strip()
    said = " ".join(ggufeval("compare", other, imported, status=2).stderr.split())
    assert "inspect 0.3.285 (prompt inspect:mmlu_0_shot, 0 shots, read by sample, parser" in said
    assert "another reading of the answers" in said
    ggufeval("compare", other, imported, "--allow-mismatch", "--by", "subject")


def test_a_question_with_another_right_answer_is_not_paired(ggufeval, ours, tmp_path, questions):
    changed = [replace(questions[0], answer=(questions[0].answer + 1) % 4), *questions[1:]]
    done = ggufeval("import", write_samples(tmp_path / "l", changed, lm_sample))
    said = " ".join(done.stderr.split())
    assert "31 of them to questions that are known here. 1 have another right answer" in said


def test_the_model_has_to_have_a_name(ggufeval, tmp_path, questions):
    folder = write_samples(tmp_path / "l", questions, lm_sample, about={})
    said = ggufeval("import", folder, status=2).stderr
    assert "Give one: --label NAME" in " ".join(said.split())
    ggufeval("import", folder, "--label", "Tiny")


def test_one_label_for_two_runs(ggufeval, tmp_path, questions):
    write_samples(tmp_path / "l", questions, lm_sample)
    write_samples(tmp_path / "l", questions, lm_sample, date="2025-03-05T00-00-00.1")
    said = ggufeval("import", tmp_path / "l", "--label", "x", status=2).stderr
    assert "one run was expected, these files are 2" in " ".join(said.split())


def test_hostile_words_are_written_out(ggufeval, tmp_path, questions):
    evil = "\x1b[2J\u202eevil"
    question = replace(questions[0], stem=f"{evil}?", subject=f"s{evil}")
    sample = inspect_sample(question, 0, "?", id=evil)
    sample["output"]["completion"] = f"{evil}\ud800"
    sample["scores"] = {evil: {"value": "I", "answer": evil}}
    header = json.loads(write_log(tmp_path / "h.json", []).read_text("utf-8"))
    header["eval"] |= {"model": evil, "task": f"mmlu{evil}", "packages": {"inspect_ai": evil}}
    header["status"] = evil
    path = write_log(tmp_path / "l.json", [sample], header)
    done = ggufeval("import", path)
    run_id = done.stdout.strip()
    outputs = [done.stderr, ggufeval("runs").stdout, ggufeval("show", run_id).stdout]
    with Store.open(tmp_path / "r.sqlite") as store:
        (question_id,) = [q.id for q in store.result(run_id).questions]
    outputs.append(ggufeval("show", run_id, "--question", question_id).stdout)
    outputs.append(ggufeval("compare", run_id).stdout)
    assert not any("\x1b" in text or "\u202e" in text for text in outputs)
    assert all("\\x1b[2J" in text for text in outputs)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "expected samples of lm-evaluation-harness, found none"),
        (b"\n\n", "found none"),
        (b"[]", "found none"),
        (b'{"doc_id": 0, "doc": {"question"', "line 1: expected JSON, found something else"),
        (b"\xff\xfe{\x00", "line 1: expected UTF-8 text, found the byte 0xff"),
        (b"[1]", "element 0: expected a JSON object, found a int"),
        (b"1", "line 1: expected a JSON object, found a int"),
        (b'"x"', "line 1: expected a JSON object, found a str"),
        (b"[" * 100_000, "nesting or numbers beyond all measure"),
        (b'{"a": ' + b"9" * 5000 + b"}", "nesting or numbers beyond all measure"),
        (b'{"doc": {"query": "x", "gold": 1}}', "a sample of an MMLU task"),
    ],
)
def test_files_that_are_none(ggufeval, tmp_path, content, said):
    path = tmp_path / f"samples_mmlu_anatomy_{DATE}.jsonl"
    path.write_bytes(content)
    text = " ".join(ggufeval("import", path, status=2).stderr.split())
    assert said in text
    assert path.name in text
    assert not (tmp_path / "r.sqlite").exists()


def test_a_last_line_that_is_cut_off(ggufeval, tmp_path, questions):
    folder = write_samples(tmp_path / "l", questions[:8], lm_sample)
    (path,) = folder.glob("samples_*")
    path.write_bytes(path.read_bytes()[:-100])
    text = " ".join(ggufeval("import", folder, status=2).stderr.split())
    assert f"{path.name}, line 8: expected JSON" in text


def test_a_line_without_an_end(ggufeval, tmp_path, monkeypatch):
    monkeypatch.setattr(documents, "MOST_OF_A_LINE", 1000)
    path = tmp_path / f"samples_mmlu_anatomy_{DATE}.jsonl"
    path.write_bytes(b'{"doc": "' + b"x" * 5000)
    text = " ".join(ggufeval("import", path, status=2).stderr.split())
    assert "line 1: expected one sample of at most 1,000 bytes, found a longer line" in text


def test_a_document_that_is_too_large(ggufeval, tmp_path, monkeypatch, questions):
    monkeypatch.setattr(documents, "MOST_OF_A_FILE", 1000)
    path = write_log(tmp_path / "l.json", [inspect_sample(questions[0], 0)])
    text = " ".join(ggufeval("import", path, status=2).stderr.split())
    assert "inspect log convert --to eval" in text


def test_a_file_that_is_not_there(ggufeval, tmp_path):
    assert "does not exist" in ggufeval("import", tmp_path / "x", status=2).stderr


def read_or_refused(path):
    """Its only answer; None where it is refused, with its name."""
    try:
        (log,), _ = imports.read([path])
    except GgufevalError as error:
        said = str(error)
    else:
        (answer,) = log.answers
        return answer
    assert str(path) in said
    return None


TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_stands_in_a_key_is_refused_or_read(tmp_path, questions, data):
    """Never a traceback, and what is read is read as its own verdict says."""
    tree = lm_sample(questions[0], 0)
    target = data.draw(st.sampled_from([tree, tree["doc"]]))
    target[data.draw(st.sampled_from(sorted(target)))] = data.draw(TREES)
    path = tmp_path / f"samples_mmlu_anatomy_{DATE}.jsonl"
    path.write_text(json.dumps(tree), encoding="utf-8")
    if answer := read_or_refused(path):
        assert answer.record.correct == (answer.record.letter == answer.question.answer)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_stands_in_a_log_is_refused_or_read(tmp_path, questions, data):
    header, sample = inspect_header(), inspect_sample(questions[0], 0)
    places = [header, header["eval"], header["plan"], sample, sample["scores"]["choice"]]
    place = data.draw(st.sampled_from(range(5)))
    names = sorted(set(places[place]) - {"version", "status"})
    places[place][data.draw(st.sampled_from(names))] = data.draw(TREES)
    path = write_log(tmp_path / "l.json", [sample], header)
    if answer := read_or_refused(path):
        assert answer.record.correct == (answer.record.letter == answer.question.answer)


def test_two_tools_pair_without_a_run_of_ours(ggufeval, tmp_path, questions):
    folder = write_samples(tmp_path / "logs", questions, few_wrong)
    first = ggufeval("import", folder)
    samples = [inspect_sample(q, i) for i, q in enumerate(questions)]
    second = ggufeval("import", write_log(tmp_path / "l.json", samples))
    assert "32 answers, 0 of them" in " ".join(second.stderr.split())
    runs = first.stdout.strip(), second.stdout.strip()
    out = ggufeval("compare", *runs, "--allow-mismatch", "--format", "json").stdout
    assert json.loads(out)["n_questions"] == 32
