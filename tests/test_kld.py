"""The probabilities of all tokens: at which questions they are kept, and what a run keeps."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ggufeval import dequantized, floor, runner, tasks
from ggufeval.errors import UsageError
from ggufeval.job import to_keep
from ggufeval.stats.vocabulary import vocabulary_divergence
from ggufeval.store import Store
from ggufeval.types import Question, QuestionSet, RunStatus

OPTIONS = runner.Options(shots=1, n_batch=256, n_ubatch=128)
KEPT = replace(OPTIONS, kld=8)


class Counted(runner.Silent):
    """Progress that counts, and stops after so many batches as Ctrl-C does."""

    def __init__(self, n_batches: int = -1) -> None:
        self.left = n_batches
        self.n_before = self.n_asked = 0

    def start(self, run, plan, n_done, n_correct) -> None:
        self.n_before = n_done

    def advance(self, n_questions, n_correct, n_tokens) -> None:
        self.n_asked += n_questions
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


def records(store: Store, run_id: str) -> list[tuple]:
    return [
        (r.question_id, r.rotation, r.letter, r.letter_logits, r.logsumexp, r.top_token)
        for r in store.result(run_id).records
    ]


def kept(store: Store, run_id: str) -> dict[tuple[str, int], bytes]:
    return {key: mine for key, mine, _ in store.paired_vocabularies(run_id, run_id)}


@pytest.fixture(scope="module")
def undisturbed(small_q4_0, few_questions, tmp_path_factory):
    """A run that has kept them from the start: the run, its records, and what it has kept."""
    with Store.open(tmp_path_factory.mktemp("undisturbed") / "results.sqlite") as store:
        run = runner.evaluate(small_q4_0, few_questions, store, KEPT)
        return run, records(store, run.id), kept(store, run.id)


# --- at which questions --------------------------------------------------------------------


def asked(*sizes: int, rounds: tuple[int, ...] = ()) -> QuestionSet:
    """So many questions of each subject, one subject after the other."""
    base = tasks.load("sample", None, limit=16, shots=0)
    questions = tuple(
        Question(f"{subject}/{i}", str(subject), "?", ("a", "b"), 0)
        for subject, n in enumerate(sizes)
        for i in range(n)
    )
    return replace(base, questions=questions, rounds=rounds)


@given(st.integers(1, 300), st.integers(0, 400))
def test_as_many_as_wanted_and_more_are_the_same_ones_and_others(n_questions, n):
    questions = asked(n_questions)
    found = to_keep(questions, n)
    assert len(found) == min(n, n_questions)
    assert found < to_keep(questions, n + 1) or n >= n_questions
    assert {rotation for _, rotation in found} <= {0}


@given(st.integers(1, 2_000), st.integers(1, 300))
def test_they_lie_about_evenly(n_questions, n):
    """No two neighbours are further apart than three times the mean gap, nor the ends."""
    found = {name for name, _ in to_keep(asked(n_questions), n)}
    places = [i for i in range(n_questions) if f"0/{i}" in found]
    gaps = np.diff([-1, *places, n_questions])
    assert gaps.max() <= 3 * max(n_questions / len(places), 1) + 1


def test_every_subject_of_mmlus_sizes_has_its_share():
    """57 subjects of 100 to 1,534 questions: none has 2.5 more or fewer than it should."""
    sizes = [100] * 30 + [246] * 26 + [1534]
    found = Counter(name.split("/")[0] for name, _ in to_keep(asked(*sizes), 570))
    share = 570 / sum(sizes)
    for subject, size in enumerate(sizes):
        assert abs(found[str(subject)] - share * size) < 2.5


def test_where_a_run_may_end_early_they_are_its_first():
    questions = asked(5, 5, rounds=(4, 6))
    assert to_keep(questions, 3) == {("0/0", 0), ("0/1", 0), ("0/2", 0)}


# --- what a run keeps ----------------------------------------------------------------------


def test_a_run_keeps_the_whole_vocabulary_at_so_many_questions(undisturbed, few_questions):
    run, found, vocabularies = undisturbed
    assert vocabularies.keys() == to_keep(few_questions, 8)
    assert len({name.rsplit("/", 1)[0] for name, _ in vocabularies}) > 4
    by_key = {(name, rotation): rest for name, rotation, *rest in found}
    for key, floats in vocabularies.items():
        log_p = np.frombuffer(floats, dtype="<f2").astype(np.float64)
        _, logits, logsumexp, top = by_key[key]
        assert len(log_p) == 49_152
        assert np.exp(log_p).sum() == pytest.approx(1, abs=2e-3)
        assert log_p[top] == log_p.max()
        for logit in logits:
            assert np.abs(log_p - (logit - logsumexp)).min() < 0.01
    assert run.status is RunStatus.DONE


def test_it_is_the_run_that_it_would_be_without(undisturbed, small_q4_0, few_questions, tmp_path):
    with Store.open(tmp_path / "results.sqlite") as store:
        run = runner.evaluate(small_q4_0, few_questions, store, OPTIONS)
        assert run.fingerprint.digest == undisturbed[0].fingerprint.digest
        assert records(store, run.id) == undisturbed[1]
        assert store.vocabularies(run.id) == set()


def test_a_finished_run_that_lacks_them_is_asked_again_where_it_does(
    undisturbed, small_q4_0, few_questions, tmp_path
):
    with Store.open(tmp_path / "results.sqlite") as store:
        before = runner.evaluate(small_q4_0, few_questions, store, OPTIONS)
        progress = Counted()
        after = runner.evaluate(small_q4_0, few_questions, store, KEPT, progress)
        assert after == before  # no batch and no second is counted twice
        assert kept(store, after.id) == undisturbed[2]
        assert 8 <= progress.n_asked < len(few_questions.questions)
        assert progress.n_before + progress.n_asked == len(few_questions.questions)

        more = Counted()
        runner.evaluate(small_q4_0, few_questions, store, replace(KEPT, kld=10), more)
        assert store.vocabularies(after.id) == to_keep(few_questions, 10)
        assert 2 <= more.n_asked < progress.n_asked
        none = Counted()
        runner.evaluate(small_q4_0, few_questions, store, KEPT, none)
        assert none.n_asked == 0


def test_an_interrupted_run_goes_on_to_the_same_bits(
    undisturbed, small_q4_0, few_questions, tmp_path
):
    """Begun without, interrupted, gone on with, interrupted while it asks again."""
    with Store.open(tmp_path / "results.sqlite") as store:
        for options, n_batches in ((OPTIONS, 4), (KEPT, 2), (KEPT, 3)):
            with pytest.raises(KeyboardInterrupt):
                runner.evaluate(small_q4_0, few_questions, store, options, Counted(n_batches))
        run = runner.evaluate(small_q4_0, few_questions, store, KEPT)
        assert run.status is RunStatus.DONE
        assert records(store, run.id) == undisturbed[1]
        assert kept(store, run.id) == undisturbed[2]


def test_of_rotations_the_question_as_it_is(small_q4_0, few_questions, tmp_path):
    questions = replace(few_questions, questions=few_questions.questions[:4])
    options = replace(OPTIONS, permute="cyclic", kld=2)
    with Store.open(tmp_path / "results.sqlite") as store:
        run = runner.evaluate(small_q4_0, questions, store, options)
        assert len(store.result(run.id).records) == 16
        assert store.vocabularies(run.id) == to_keep(questions, 2)


@pytest.mark.parametrize("read", ["sample", "cloze"])
def test_only_where_a_letter_is_read(read):
    with pytest.raises(UsageError, match=f"--read letter was expected, found {read}"):
        replace(KEPT, read=read).reader()


def test_a_flip_floor_keeps_none(undisturbed, small_q4_0, few_questions, tmp_path):
    with Store.open(tmp_path / "results.sqlite") as store:
        run = runner.evaluate(small_q4_0, few_questions, store, KEPT)
        floor.measure(small_q4_0, run, few_questions, store, KEPT, n=16)
        other = next(found for found in store.runs() if found.id != run.id)
        assert store.vocabularies(other.id) == set()


def test_written_out_weights_that_are_gone_are_found_only_with_what_they_lack(
    small_q4_0, few_questions, tmp_path, monkeypatch
):
    monkeypatch.setenv("GGUFEVAL_CACHE", str(tmp_path / "cache"))
    made = dequantized.make(small_q4_0, "F16", runner.physical_cores(), lambda _: None)
    with Store.open(tmp_path / "results.sqlite") as store:
        runner.evaluate(made, few_questions, store, OPTIONS)
        ours = runner.evaluate(small_q4_0, few_questions, store, KEPT)
        made.parts[0].rename(tmp_path / "elsewhere.gguf")
        assert dequantized.finished(small_q4_0, "F16", few_questions, store, OPTIONS)
        assert dequantized.finished(small_q4_0, "F16", few_questions, store, KEPT) is None
        (tmp_path / "elsewhere.gguf").rename(made.parts[0])
        theirs = runner.evaluate(made, few_questions, store, KEPT)
        made.parts[0].unlink()
        assert dequantized.finished(small_q4_0, "F16", few_questions, store, KEPT)

        pairs = store.paired_vocabularies(theirs.id, ours.id)
        found = vocabulary_divergence(store.result(theirs.id), store.result(ours.id), pairs)
        assert (found.n, found.n_vocab) == (8, 49_152)
        assert 0 < found.kld.minimum < found.kld.mean < 0.5  # the arithmetic's part alone
