"""Progress on stderr: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from ggufeval.cli import _streams
from ggufeval.report import numerals

if TYPE_CHECKING:
    from ggufeval.runner import Progress
    from ggufeval.sweep import Failure
    from ggufeval.types import Plan, Run

SECONDS_BETWEEN_LINES = 15.0
_SHORTEST_NAME = 18


def progress(*, quiet: bool) -> Progress:
    from ggufeval.runner import Silent

    if quiet:
        return Silent()
    return Bar() if sys.stderr.isatty() else Lines()


def say(*, quiet: bool) -> Any:
    return (lambda _: None) if quiet else _say


def _say(text: str) -> None:
    click.echo(_streams.fit(numerals.visible(text, keep="\n"), sys.stderr), err=True)


def tell_if_busy(say: Callable[[str], None]) -> None:
    """llama.cpp's threads spin while they wait: with another busy program on the same cores both
    are slowed down many times over, which people take for the model's speed."""
    from ggufeval.doctor import Status, environment

    finding = environment.busy()
    if finding.status is Status.NOTE:
        say(f"Note: {finding.text}")


def tell_failures(failures: Sequence[Failure]) -> None:
    """What failed, also where quiet was asked for."""
    for failure in failures:
        _say(f"Failed: {failure.label}: {failure.error}")


class _Counts:
    """How far a run is; the speed is this session's."""

    def __init__(self, run: Run, plan: Plan, n_done: int, n_correct: int) -> None:
        self.label = numerals.visible(run.model.label)
        self.n_questions = plan.n_questions
        self.n_done = n_done
        self.n_before = n_done
        self.may_stop = bool(plan.stops)
        self.writes = run.fingerprint.max_tokens > 0
        self.n_correct = n_correct
        self.n_tokens = 0
        self.n_left = max(plan.n_tokens - run.n_tokens, 1)
        self.started = time.monotonic()

    def advance(self, n_questions: int, n_correct: int, n_tokens: int) -> None:
        self.n_done += n_questions
        self.n_correct += n_correct
        self.n_tokens += n_tokens

    @property
    def tokens_per_second(self) -> float:
        return self.n_tokens / max(time.monotonic() - self.started, 1e-9)

    @property
    def eta(self) -> str:
        """By tokens: questions differ in length tenfold. By questions where texts are written,
        whose length nobody knows."""
        if not self.n_tokens:
            return "?"
        elapsed = time.monotonic() - self.started
        done, to_do = self.n_tokens, max(self.n_left - self.n_tokens, 0)
        if self.writes:
            done, to_do = self.n_done - self.n_before, self.n_questions - self.n_done
        left = round(to_do * elapsed / max(done, 1))
        hours, minutes, seconds = left // 3600, left // 60 % 60, left % 60
        return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"

    @property
    def facts(self) -> list[str]:
        """The most wanted first."""
        if not self.n_tokens:
            return []
        return [
            *([] if self.may_stop else [f"{self.eta} left"]),
            f"{self.n_correct / self.n_done:.0%} right",
            f"{self.tokens_per_second:,.0f} tokens/s",
        ]


class _Teller:
    """Tells each sentence once, though all levels of a sweep may have it."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def tell(self, sentence: str) -> None:
        if sentence not in self._told:
            self._told.add(sentence)
            self._say(f"Note: {self._counts.label}: {sentence}")

    _counts: _Counts

    def _say(self, text: str) -> None:
        _say(text)


class Bar(_Teller):
    """tqdm's, with as many facts as there is room for: tqdm would cut a number in the middle."""

    def start(self, run: Run, plan: Plan, n_done: int, n_correct: int) -> None:
        from tqdm import tqdm

        self._counts = _Counts(run, plan, n_done, n_correct)
        self._bar = tqdm(
            total=plan.n_questions,
            initial=n_done,
            unit="q",
            leave=not plan.stops,
            dynamic_ncols=True,
            bar_format="{desc} |{bar}| {n_fmt}/{total_fmt}{postfix}",
        )
        room = self._room() - len("0:00 left")
        self._bar.set_description_str(numerals.clip(self._counts.label, max(room, _SHORTEST_NAME)))

    def advance(self, n_questions: int, n_correct: int, n_tokens: int) -> None:
        self._counts.advance(n_questions, n_correct, n_tokens)
        facts = self._counts.facts
        while facts and len(", ".join(facts)) > self._room() - len(self._bar.desc):
            facts.pop()
        self._bar.set_postfix_str(", ".join(facts), refresh=False)
        self._bar.update(n_questions)

    def _say(self, text: str) -> None:
        self._bar.clear()
        super()._say(text)
        self._bar.refresh()

    def _room(self) -> int:
        """Columns for name and facts, beside the counts and a short bar."""
        total = self._counts.n_questions
        return (self._bar.ncols or 80) - len(f" |---| {total}/{total}, ")

    def end(self) -> None:
        self._bar.close()


class Lines(_Teller):
    """For logs."""

    def start(self, run: Run, plan: Plan, n_done: int, n_correct: int) -> None:
        self._counts = _Counts(run, plan, n_done, n_correct)
        self._last = time.monotonic()
        self._print()

    def advance(self, n_questions: int, n_correct: int, n_tokens: int) -> None:
        self._counts.advance(n_questions, n_correct, n_tokens)
        finished = self._counts.n_done >= self._counts.n_questions
        if finished or time.monotonic() - self._last >= SECONDS_BETWEEN_LINES:
            self._last = time.monotonic()
            self._print()

    def _print(self) -> None:
        counts = self._counts
        line = f"{counts.label}: {counts.n_done} of {counts.n_questions} questions"
        click.echo(", ".join([line, *counts.facts]), err=True)

    def end(self) -> None:
        pass
