"""What is promised of the arithmetic, held against one model on this machine.

The same run twice, on another number of threads, and interrupted and gone on with, must give the
same bits; questions in other batches give the flip floor; and llama-cpp-python's own sampling
under the grammar, one prompt at a time, is the oracle of the letters.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from ggufeval import answers, floor, plan, prompts, runner, tasks
from ggufeval.doctor.finding import Finding, Group
from ggufeval.errors import GgufevalError
from ggufeval.llama.client import ModelProcess
from ggufeval.report.numerals import nats, percent_interval
from ggufeval.stats.floor import floor as flip_floor
from ggufeval.store import Store
from ggufeval.types import (
    LETTERS,
    EngineSettings,
    LetterScores,
    QuestionSet,
    Record,
    Run,
    TokenizedPrompt,
)

Say = Callable[[str], None]
N_SUBJECTS, A_SUBJECT, SHOTS = 4, 10, 1
N_ORACLE = 8
_PROMPT = "mmlu"
_ALONE = 512
"""Tokens in a batch, of a question that has it for itself; llama-cpp-python cuts so, too."""

_OPTIONS = runner.Options(prompt=_PROMPT, shots=SHOTS)
_SELF_TEST = Group("self-test")


@dataclass(frozen=True, slots=True)
class _Trial:
    """One model, the questions it is asked, and a folder for databases that nobody keeps."""

    model: runner.ModelFiles
    questions: QuestionSet
    folder: Path
    progress: runner.Progress
    options: runner.Options

    def store(self, name: str) -> Store:
        return Store.open(self.folder / f"{name}.sqlite")

    def run(self, name: str, options: runner.Options | None = None) -> tuple[Run, Answers]:
        """A run in a database of its own, or what is left of it."""
        with self.store(name) as store:
            run = runner.evaluate(
                self.model, self.questions, store, options or self.options, self.progress
            )
            return run, {record.question_id: record for record in store.result(run.id).records}


Answers = Mapping[str, Record]


def findings(
    model: runner.ModelFiles, *, say: Say = lambda _: None, progress: runner.Progress | None = None
) -> Iterator[Finding]:
    """One after the other, as each is known. Raises what a run of the model raises."""
    with tempfile.TemporaryDirectory(prefix="ggufeval-") as folder:
        trial = _Trial(model, few_questions(), Path(folder), progress or runner.Silent(), _OPTIONS)
        say("Self-test: the run itself ...")
        run, first = trial.run("first")
        engine = run.fingerprint.engine
        yield _SELF_TEST.ok(
            f"{run.model.label}: {len(first)} embedded questions, {SHOTS} shot, {run.n_batches} "
            f"batches, {engine.n_threads} threads, llama-cpp-python "
            f"{run.fingerprint.build.llama_cpp_python}",
            model=run.model.label,
            sha256=run.model.sha256,
            questions=len(first),
            build=run.fingerprint.build.llama_cpp_python,
            system_info=run.fingerprint.build.system_info,
        )
        is_promised = not (engine.n_gpu_layers or run.model.has_state)
        say("Self-test: the same run again ...")
        _, again = trial.run("again")
        yield same_bits("the same run twice", first, again, is_promised=is_promised)
        n_threads = 1 if engine.n_threads > 1 else 2
        say(f"Self-test: with -t {n_threads} ...")
        _, other = trial.run("threads", replace(trial.options, n_threads=n_threads))
        what = f"-t {n_threads} instead of -t {engine.n_threads}"
        yield same_bits(what, first, other, is_promised=is_promised)
        say("Self-test: interrupted, and gone on with ...")
        n_before = _interrupted(trial)
        _, resumed = trial.run("resumed")
        what = f"interrupted after {n_before} of {run.n_batches} batches, and gone on with"
        yield same_bits(what, first, resumed, is_promised=is_promised)
        say("Self-test: in other batches, and another order ...")
        yield _floor(trial, run)
        say("Self-test: by llama-cpp-python's own sampling ...")
        yield _oracle(trial, run, first, is_promised=is_promised)


def few_questions() -> QuestionSet:
    """So many of the embedded ones that some stand behind others in their batches."""
    subjects = list(tasks.load("sample", None, shots=SHOTS).population)[:N_SUBJECTS]
    return tasks.load("sample", None, subjects=subjects, limit=N_SUBJECTS * A_SUBJECT, shots=SHOTS)


def same_bits(what: str, first: Answers, other: Answers, *, is_promised: bool) -> Finding:
    """Whether two runs have the same floats for every question. Not promised of GPUs, which may
    sum in another order each time, nor of models that keep a state of each sequence."""
    equal = sum(_floats(record) == _floats(other[name]) for name, record in first.items())
    moved = max(
        abs(a - b)
        for name, record in first.items()
        for a, b in zip(record.letter_logits, other[name].letter_logits, strict=True)
    )
    letters = sum(record.letter != other[name].letter for name, record in first.items())
    facts = {"equal": equal, "of": len(first), "moved_nats": moved, "other_letters": letters}
    said = f"{what}: {equal} of {len(first)} answers are equal to the bit"
    if equal == len(first):
        return _SELF_TEST.ok(said, **facts)
    others = "1 letter is another" if letters == 1 else f"{letters} letters are others"
    said += f"; logits move by up to {nats(moved)} nats, {others}"
    if not is_promised:
        return _SELF_TEST.note(
            f"{said}. Of a GPU, and of recurrent models, no more is promised.", **facts
        )
    return _SELF_TEST.wrong(
        f"{said}. All should be equal: do not compare runs that this build made on this machine.",
        **facts,
    )


def _floats(record: Record) -> tuple[float, ...]:
    return (*record.letter_logits, record.logsumexp, record.top_logit)


def _interrupted(trial: _Trial) -> int:
    """A run that is left half-way; how many batches it has."""
    with (
        trial.store("resumed") as store,
        runner.opened(
            trial.model, trial.questions, store, trial.options, trial.progress
        ) as session,
    ):
        session.advance(max(1, session.plan.n_batches // 2))
        return len(store.done_batches(session.run.id))


def _floor(trial: _Trial, run: Run) -> Finding:
    with trial.store("first") as store:
        floor.measure(
            trial.model,
            run,
            trial.questions,
            store,
            trial.options,
            n=len(trial.questions.questions),
            progress=trial.progress,
        )
        repeat = store.repeat(store.result(run.id))
    if repeat is None:
        return _SELF_TEST.note("flip floor: no question stands behind others in its batch")
    found = flip_floor(repeat)
    return _SELF_TEST.ok(
        f"flip floor, in other batches and order: {found.flips} of {found.n} answers flip "
        f"(95% interval in %: {percent_interval(found.share)}), {found.changed} more have another "
        f"wrong letter; "
        f"the letters' logits move by up to {nats(found.moved)} nats",
        flips=found.flips,
        of=found.n,
        changed=found.changed,
        share=found.share.value,
        low=found.share.low,
        high=found.share.high,
        moved_nats=found.moved,
    )


# --- the oracle ------------------------------------------------------------------------------


def _oracle(trial: _Trial, run: Run, first: Answers, *, is_promised: bool) -> Finding:
    path, n_choices = Path(run.model.path), len(trial.questions.questions[0].choices)
    asked = [q for q in trial.questions.questions if len(q.choices) == n_choices][::5][:N_ORACLE]
    render = partial(prompts.render, _PROMPT, asked, trial.questions.shots)
    form = answers.letter_form(prompts.style(_PROMPT).answer_prefix, n_choices)
    try:
        with ModelProcess() as process:
            tokenized = process.tokenize(path, render)
            settings = _alone(run.fingerprint.engine, tokenized)
            the_plan = plan.make(
                [("", prompt) for prompt in tokenized],
                budget=_ALONE,
                max_items=1,
                share_prefix=False,
            )
            batches = process.score(path, settings, [form], the_plan)
            ours = {scores.question_id: scores for batch in batches for scores in batch.values}
        with ModelProcess() as process:
            theirs = process.oracle(path, settings, form.grammar, tokenized)
    except GgufevalError as error:
        return _SELF_TEST.wrong(f"llama-cpp-python's own sampling: {error}")
    return agreement(ours, theirs, first, is_promised=is_promised)


def _alone(engine: EngineSettings, tokenized: Sequence[TokenizedPrompt]) -> EngineSettings:
    """For one question at a time, as llama-cpp-python's `Llama` has it."""
    longest = max(len(prompt.tokens) for prompt in tokenized)
    n_ctx = -(-(longest + 8) // 256) * 256
    return replace(
        engine, n_ctx=n_ctx, n_batch=_ALONE, n_ubatch=_ALONE, n_seq_max=3, flash_attn="on"
    )


def agreement(
    ours: Mapping[str, LetterScores],
    theirs: Mapping[str, str],
    batched: Answers,
    *,
    is_promised: bool,
) -> Finding:
    """Letters of one question at a time, ours and the oracle's, and those of the run beside them.

    Where the best admissible token is only a part of an answer, sampling takes another way, which
    a run flags: such questions are left out.
    """
    names = [n for n, scores in ours.items() if scores.partial_logit <= max(scores.logits)]
    wrong = [n for n in names if _letter(ours[n].logits) != theirs[n]]
    in_batches = sum(_letter(batched[n].letter_logits) == theirs[n] for n in names)
    n = len(names)
    facts = {"equal": n - len(wrong), "of": n, "equal_in_batches": in_batches, "differ": wrong}
    said = (
        f"llama-cpp-python's own sampling under the grammar: {n - len(wrong)} of {n} letters are "
        f"ours, one prompt at a time; {in_batches} in the run's batches"
    )
    if flagged := len(ours) - n:
        said += f" ({flagged} left out, where an answer begins with a bare space)"
    if not wrong:
        return _SELF_TEST.ok(said, **facts)
    if not is_promised:
        return _SELF_TEST.note(said, **facts)
    return _SELF_TEST.wrong(f"{said}. All should be: {', '.join(wrong)} differ.", **facts)


def _letter(logits: Sequence[float]) -> str:
    return LETTERS[max(range(len(logits)), key=logits.__getitem__)]
