"""A run from end to end on real weights: stored, resumed, found again, never mixed up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from ggufeval import job, permute, prompts, runner, tasks
from ggufeval.errors import ContextError, PromptError, UsageError
from ggufeval.store import Store
from ggufeval.types import Question, QuestionSet, RunStatus

SMALL = runner.Options(shots=1, n_batch=256, n_ubatch=128)


class Interruption(runner.Silent):
    """Progress that stops the run after so many batches, as Ctrl-C does."""

    def __init__(self, n_batches: int) -> None:
        self.left = n_batches

    def advance(self, n_questions: int, n_correct: int, n_tokens: int) -> None:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


def records(store: Store, run_id: str) -> list[tuple]:
    """All that a record holds but the run's id."""
    return [
        (r.question_id, r.letter, r.correct, r.letter_logits, r.logsumexp, r.letter_mass)
        for r in store.result(run_id).records
    ]


@pytest.fixture(scope="module")
def undisturbed(q4_0, few_questions, tmp_path_factory):
    """The records of a run that nothing happened to, and the run."""
    with Store.open(tmp_path_factory.mktemp("undisturbed") / "results.sqlite") as store:
        run = runner.evaluate(q4_0, few_questions, store, SMALL)
        return run, records(store, run.id)


def test_a_finished_run_has_a_record_for_every_question(undisturbed, few_questions):
    run, found = undisturbed
    assert run.status is RunStatus.DONE
    assert run.n_done == len(found) == len(few_questions.questions)
    assert [row[0] for row in found] == [question.id for question in few_questions.questions]
    assert run.seconds > 0
    assert run.peak_rss_bytes > 100e6
    assert run.fingerprint.grammar == 'root ::= " " [A-D]'


def test_an_interrupted_run_goes_on_and_ends_with_the_same_bits(
    q4_0, few_questions, undisturbed, tmp_path
):
    with Store.open(tmp_path / "results.sqlite") as store:
        with pytest.raises(KeyboardInterrupt):
            runner.evaluate(q4_0, few_questions, store, SMALL, Interruption(3))
        (stopped,) = store.runs()
        assert stopped.status is RunStatus.RUNNING
        assert 0 < stopped.n_done < stopped.n_questions
        assert stopped.peak_rss_bytes > 100e6

        resumed = runner.evaluate(q4_0, few_questions, store, SMALL)
        assert resumed.id == stopped.id
        assert resumed.status is RunStatus.DONE
        assert records(store, resumed.id) == undisturbed[1]


def test_a_finished_run_is_found_and_not_run_again(q4_0, few_questions, tmp_path):
    with Store.open(tmp_path / "results.sqlite") as store:
        first = runner.evaluate(q4_0, few_questions, store, SMALL)
        again = runner.evaluate(q4_0, few_questions, store, SMALL, Interruption(1))
        assert again == first
        forced = runner.evaluate(q4_0, few_questions, store, replace(SMALL, force=True))
        assert forced.id != first.id
        assert records(store, forced.id) == records(store, first.id)


def test_a_session_that_loads_no_model_leaves_the_peak_as_it_is(q4_0, few_questions, tmp_path):
    with Store.open(tmp_path / "results.sqlite") as store:
        with runner.opened(q4_0, few_questions, store, SMALL) as session:
            n_batches = session.plan.n_batches
        with pytest.raises(KeyboardInterrupt):
            runner.evaluate(q4_0, few_questions, store, SMALL, Interruption(n_batches))
        (before,) = store.runs()
        store._db.execute("UPDATE runs SET peak_rss = 7")
        after = runner.evaluate(q4_0, few_questions, store, SMALL)
    assert (before.n_done, before.status) == (before.n_questions, RunStatus.RUNNING)
    assert (after.status, after.peak_rss_bytes) == (RunStatus.DONE, 7)


def test_the_prompts_are_kept(q4_0, few_questions, tmp_path):
    question = few_questions.questions[0]
    (prompt,) = prompts.render("mmlu", [question], few_questions.shots, None)
    rotating = replace(SMALL, permute="cyclic")
    with Store.open(tmp_path / "results.sqlite") as store:
        with runner.opened(q4_0, few_questions, store, SMALL) as session:
            sent = store.result(session.run.id).prompts
        with runner.opened(q4_0, few_questions, store, rotating) as session:
            rotated = store.result(session.run.id).prompts
    assert sent.text(question.id) == rotated.text(question.id) == prompt.text
    assert sent.text(question.id, 1) is None
    (turned,) = prompts.render("mmlu", [permute.rotated(question, 1)], few_questions.shots, None)
    assert rotated.text(question.id, 1) == turned.text
    assert len(sent.shared) == len({question.subject for question in few_questions.questions})


@pytest.mark.parametrize(
    "change",
    [
        {"prompt": "chat"},
        {"n_batch": 128},
        {"n_ubatch": 64},
        {"n_threads": 1},
        {"flash_attn": "off"},
        {"repack": False},
        {"n_ctx": 4096},
    ],
)
def test_another_setting_never_reuses_a_run(q4_0, few_questions, undisturbed, tmp_path, change):
    with Store.open(tmp_path / "results.sqlite") as store, pytest.raises(KeyboardInterrupt):
        runner.evaluate(q4_0, few_questions, store, replace(SMALL, **change), Interruption(1))
    with Store.open(tmp_path / "results.sqlite") as store:
        (run,) = store.runs()
    assert run.fingerprint.digest != undisturbed[0].fingerprint.digest


def test_weights_as_they_are_in_the_file(q4_0, few_questions, undisturbed, tmp_path):
    """Their arithmetic is another one, of the same model."""
    with Store.open(tmp_path / "results.sqlite") as store:
        run = runner.evaluate(q4_0, few_questions, store, replace(SMALL, repack=False))
        found = records(store, run.id)
    whole, others = undisturbed
    assert run.fingerprint.differences(whole.fingerprint) == ("engine.repack",)
    assert [record[0] for record in found] == [record[0] for record in others]
    pairs = zip(found, others, strict=True)
    moved = [abs(a - b) for one, two in pairs for a, b in zip(one[3], two[3], strict=True)]
    assert max(moved) < 1


def test_another_gold_letter_never_reuses_a_run(q4_0, few_questions, undisturbed, tmp_path):
    first, *rest = few_questions.questions
    changed = replace(first, answer=(first.answer + 1) % 4)
    questions = replace(few_questions, questions=(changed, *rest))
    with Store.open(tmp_path / "results.sqlite") as store, pytest.raises(KeyboardInterrupt):
        runner.evaluate(q4_0, questions, store, SMALL, Interruption(1))
    with Store.open(tmp_path / "results.sqlite") as store:
        (run,) = store.runs()
    assert run.fingerprint.plan_hash == undisturbed[0].fingerprint.plan_hash
    assert run.fingerprint.digest != undisturbed[0].fingerprint.digest


def test_another_quantization_differs_in_the_model_alone(f16, few_questions, undisturbed, tmp_path):
    with Store.open(tmp_path / "results.sqlite") as store:
        run = runner.evaluate(f16, few_questions, store, SMALL)
    assert run.fingerprint.differences(undisturbed[0].fingerprint) == ()
    assert run.fingerprint.model_sha256 != undisturbed[0].fingerprint.model_sha256


def test_a_context_too_small_is_refused_before_anything_is_stored(q4_0, few_questions, tmp_path):
    with Store.open(tmp_path / "results.sqlite") as store:
        with pytest.raises(ContextError, match=r"sample/test/.* Nothing is truncated: use -c "):
            runner.evaluate(q4_0, few_questions, store, replace(SMALL, n_ctx=64))
        assert store.runs() == ()


def test_a_small_context_that_suffices_works(q4_0, few_questions, undisturbed, tmp_path):
    with Store.open(tmp_path / "results.sqlite") as store:
        run = runner.evaluate(q4_0, few_questions, store, replace(SMALL, n_ctx=512))
    assert run.n_done == undisturbed[0].n_done
    assert run.fingerprint.engine.n_ctx == 512


def test_a_prompt_longer_than_the_model_was_trained_for_is_refused(q4_0, tmp_path):
    question = Question("long", "s", "word " * 9000, ("a", "b"), 0)
    questions = replace(
        tasks.load("sample", None, limit=16, shots=0), questions=(question,), shots={}
    )
    with (
        Store.open(tmp_path / "results.sqlite") as store,
        pytest.raises(ContextError, match=r"long has .* tokens, and .* was trained for 8192"),
    ):
        runner.evaluate(q4_0, questions, store, replace(SMALL, shots=0))


def test_questions_with_two_to_ten_choices(q4_0, tmp_path):
    asked = tuple(
        Question(f"q{k}", "sums", f"What is {k} + 0?", tuple(map(str, range(1, k + 1))), k - 1)
        for k in range(2, 11)
    )
    base = tasks.load("sample", None, limit=16, shots=0)
    questions: QuestionSet = replace(
        base, questions=asked, shots={"sums": ()}, population={"sums": len(asked)}
    )
    with Store.open(tmp_path / "results.sqlite") as store:
        run = runner.evaluate(q4_0, questions, store, replace(SMALL, shots=0))
        result = store.result(run.id)
    assert [len(record.letter_logits) for record in result.records] == list(range(2, 11))
    assert "[A-B]" in run.fingerprint.grammar
    assert "[A-J]" in run.fingerprint.grammar


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no kill -9")
def test_kill_9_loses_at_most_the_batch_in_flight(
    q4_0, few_questions, undisturbed, stored_batches, tmp_path
):
    database = tmp_path / "results.sqlite"
    command = [sys.executable, "-m", "ggufeval", "run", str(q4_0.parts[0])]
    command += ["--task", "sample", "--limit", "32", "--shots", "1", "-b", "256", "-ub", "128"]
    command += ["--db", str(database)]
    seen = -1
    for _ in range(3):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        before = stored_batches(database)
        deadline = time.monotonic() + 120
        while process.poll() is None and stored_batches(database) <= before:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert stored_batches(database) > seen
        seen = stored_batches(database)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with Store.open(database) as store:
        (run,) = store.runs()
        assert run.status is RunStatus.DONE
        assert records(store, run.id) == undisturbed[1]


def test_physical_cores_are_at_least_one_and_at_most_all():
    assert 1 <= runner.physical_cores() <= (os.cpu_count() or 1)


def test_a_letter_is_not_read_where_a_text_is_the_answer(vocabulary, few_questions, tmp_path):
    model = runner.ModelFiles((vocabulary,), "")
    with Store.open(tmp_path / "results.sqlite") as store:
        with pytest.raises(UsageError, match="needs a style whose answer is a letter"):
            runner.evaluate(model, few_questions, store, replace(SMALL, prompt="json"))
        assert store.runs() == ()


def test_a_users_template_that_loops_is_refused_by_its_name(
    smollm2, few_questions, tmp_path, monkeypatch
):
    monkeypatch.setattr(job, "TEMPLATE_SECONDS", 2.0)
    own = tmp_path / "own.jinja"
    loop = "{% for i in range(99999) %}"
    own.write_text(f"{loop * 3}x{'{% endfor %}' * 3}{{{{ question }}}}:")
    model = runner.ModelFiles((smollm2,), "0" * 64)
    with (
        Store.open(tmp_path / "results.sqlite") as store,
        pytest.raises(PromptError, match=r"own\.jinja did not finish within 2 seconds"),
    ):
        runner.evaluate(model, few_questions, store, replace(SMALL, prompt=f"template:{own}"))
