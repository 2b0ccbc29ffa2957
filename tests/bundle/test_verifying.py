"""Bundles whose hashes are right and whose contents do not agree."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from ggufeval.bundle.contents import BundledRun
from ggufeval.bundle.fields import decode
from ggufeval.bundle.verifying import verify
from ggufeval.cli import cli
from ggufeval.errors import DataError

ESC = chr(27)


@pytest.fixture(scope="module")
def first(study):
    """The id of the first run."""
    return verify(study).manifest.runs[0]


def refusal(path):
    with pytest.raises(DataError) as caught:
        verify(path)
    said = str(caught.value)
    assert "\n" not in said
    return said


def test_a_whole_bundle_says_so(study, first):
    done = CliRunner().invoke(cli, ["verify", str(study)])
    assert done.exit_code == 0, done.output
    assert "whole." in done.stdout
    assert first in done.stdout
    assert "16 of 16" in done.stdout
    tree = json.loads(CliRunner().invoke(cli, ["verify", str(study), "--format", "json"]).stdout)
    assert [run["answered"] for run in tree["runs"]] == [16, 16]
    assert tree["runs"][0]["with_text"] is True


def _letter(records):
    right = next(r for r in records if r["correct"])
    right["letter"] = (right["letter"] + 1) % 4


def _verdict_too(records):
    right = next(r for r in records if r["correct"])
    right["letter"], right["correct"] = (right["letter"] + 1) % 4, False


def _logits_too(records):
    _verdict_too(records)
    (wrong,) = [r for r in records if _best(r) != r["letter"]]
    best, letter = _best(wrong), wrong["letter"]
    logits = wrong["letter_logits"]
    logits[best], logits[letter] = logits[letter], logits[best]
    wrong["margin"] = max(logits) - sorted(logits)[-2]


def _best(record):
    return record["letter_logits"].index(max(record["letter_logits"]))


def _first(**values):
    return lambda trees: trees[0].update(values)


def _drop(trees):
    del trees[-1]


RECORDS = [
    (_letter, "expected a verdict that follows from the letter"),
    (_verdict_too, "expected the letter with the greatest logit"),
    (_logits_too, "right, as the records have it"),
    (_first(letter_logits=[]), "expected 4 logits, found 0"),
    (_first(letter=None, correct=False), "expected the letter with the greatest logit, found None"),
    (_first(margin=9.0), "of its logits, found 9.0"),
    (_drop, "expected answers to 16 questions, found 15"),
    (lambda r: r.append(dict(r[0])), "expected one record, found two"),
    (_first(question_id="x"), "expected a question of the run, found none of that id"),
    (_first(rotation=1), "expected a rotation of its choices, found 1"),
    (_first(letter=4), "expected a letter of 4, found 4"),
    (_first(letter=-1), "expected a letter of 4, found -1"),
    (_first(letter_logits=[1.0]), "expected 4 logits, or none, found 1"),
    (_first(letter_logits=[None] * 4), "expected logits that are numbers"),
    (_first(letter_mass=1.5), "probability of the letters from 0 to 1, found 1.5"),
    (_first(margin=-1.0), "expected a margin from 0"),
    (_first(n_tokens=0), "expected a number of tokens"),
    (_first(batch=99), "expected batch"),
    (lambda r: r[0].update(batch=r[-1]["batch"]), "expected batch"),
    (_first(text=7), "line 1, text: expected a text, found 7"),
    (lambda _: [["a"]], "line 1: expected an object"),
]


@pytest.mark.parametrize(("edit", "said"), RECORDS)
def test_records_that_do_not_agree_are_named(edit, said, changed, lines, first):
    assert said in refusal(changed({f"runs/{first}.records.jsonl": lines(edit)}))


def test_without_records_there_is_no_run(changed, first):
    path = changed({f"runs/{first}.records.jsonl": lambda _: b""})
    assert "expected records, found none" in refusal(path)


def _run(function):
    def edit(text):
        tree = json.loads(text)
        function(tree)
        return json.dumps(tree).encode()

    return edit


RUNS = [
    (lambda t: t.update(digest="0" * 64), "expected the fingerprint's digest"),
    (lambda t: t["run"]["fingerprint"].update(seed=5), "expected the fingerprint's digest"),
    (lambda t: t["run"]["model"].update(sha256="0" * 64), "expected the model"),
    (lambda t: t["score"].update(micro=0.9), "micro accuracy: expected"),
    (lambda t: t["score"].update(macro=None), "macro accuracy: expected"),
    (lambda t: t["score"].update(n_correct=16), "right, as the records have it"),
    (lambda t: t["run"].update(id="other"), "expected the run"),
    (lambda t: t["run"].update(n_done=3), "expected answers to 3 questions"),
    (lambda t: t["run"].update(n_questions=17), "expected 17 questions, found 16"),
    (lambda t: t["run"].update(n_batches=500), "expected 500 batches of a finished run"),
    (lambda t: t["run"].update(n_batches=1), "expected different batches of 1"),
    (lambda t: t["run"].update(seconds=None), "seconds: expected 0 to"),
    (lambda t: t["run"].update(population={}), "or more in the whole set, found 0"),
    (lambda t: t["run"].update(status="perhaps"), "expected one of running, stopped, done"),
    (lambda t: t["run"].update(questions="x"), "there is no field 'questions'"),
    (lambda t: t.update(records="runs/none.jsonl"), "the manifest names no"),
    (lambda t: t.update(records="../../etc/passwd"), "the manifest names no"),
    (lambda t: t.update(plan=t["records"]), "there is no field"),
]


@pytest.mark.parametrize(("edit", "said"), RUNS)
def test_a_run_that_does_not_agree_is_named(edit, said, changed, first):
    assert said in refusal(changed({f"runs/{first}.json": _run(edit)}))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"n_ctx": 0}, "n_ctx: expected 1 to"),
        ({"n_batch": 2**40}, "n_batch: expected 1 to"),
        ({"n_threads": 10**6}, "n_threads: expected 1 to"),
        ({"n_seq_max": -1}, "n_seq_max: expected 1 to"),
        ({"n_gpu_layers": -7}, "n_gpu_layers: expected -1 to"),
    ],
)
def test_conditions_out_of_range_are_named_though_the_digest_is_theirs(
    values, said, changed, first
):
    def edit(tree):
        tree["run"]["fingerprint"]["engine"].update(values)
        tree["digest"] = decode(BundledRun, tree, "x").run.fingerprint.digest

    assert said in refusal(changed({f"runs/{first}.json": _run(edit)}))


QUESTIONS = [
    (_first(stem="Another?"), "expected a text with the sha256"),
    (_first(answer=4), "expected 2 to 10 choices, one of them right"),
    (_first(n_choices=99), "expected 2 to 10 choices"),
    (lambda q: q.append(dict(q[0])), "expected different questions, found 1 ids twice"),
    (_drop, "expected questions of sha256"),
    (lambda q: q.reverse(), "expected questions of sha256"),
]


@pytest.mark.parametrize(("edit", "said"), QUESTIONS)
def test_questions_that_do_not_agree_are_named(edit, said, changed, lines, named):
    assert said in refusal(changed({named("questions"): lines(edit)}))


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda p: p[-1].update(chain="0" * 64), "the plan's hash behind its last batch"),
        (lambda p: p[0]["items"].pop() and None, "expected batch 0"),
        (_drop, "expected batch"),
        (lambda p: p.append(dict(p[0])), "expected different batches"),
        (_first(position=-1), "expected different batches"),
    ],
)
def test_plans_that_do_not_agree_are_named(edit, said, changed, lines, named):
    assert said in refusal(changed({named("plans"): lines(edit)}))


@pytest.mark.parametrize(
    ("runs", "said"),
    [
        ([], "expected 1 to 1,000 different runs, found 0"),
        (["a", "a"], "found 2, 1 of them different"),
        (["../x"], "expected the id of a run, found '../x'"),
        (["abc"], "the manifest names no 'runs/abc.json'"),
    ],
)
def test_a_list_of_runs_that_is_none_is_a_sentence(runs, said, changed):
    assert said in refusal(changed({}, lambda manifest: manifest.update(runs=runs)))


@pytest.mark.parametrize("command", ["verify", "reproduce"])
def test_a_bad_bundle_is_status_2_and_one_sentence_without_escapes(command, changed, lines, named):
    path = changed({named("questions"): lines(_first(id=f"{ESC}]0;owned"))})
    done = CliRunner().invoke(cli, [command, str(path)])
    assert done.exit_code == 2
    assert "Traceback" not in done.output
    assert "owned" in done.stderr
    assert ESC not in done.output
