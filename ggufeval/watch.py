"""Looks at a run's answers as they come, so that nonsense is told while it can still be stopped."""

from __future__ import annotations

import math
from collections.abc import Iterable

from ggufeval.stats.alarms import LETTER_MASS, LETTER_SHARE, guesses
from ggufeval.types import LETTERS, Question, Record

ENOUGH_TO_READ = 20
"""Answers, of which more than half cannot be read, or have little of the probability."""
ENOUGH_LETTERS = 100
ENOUGH_TO_GUESS = 200
"""By the binomial distribution a model that is right 40% of the time passes for guessing here one
time in 190, one that is right 35% of the time one in 8. Subjects that come first may be hard."""


class Watch:
    """Of one run, in one session. Each kind of nonsense is told once, where it is seen first."""

    def __init__(self, read: str) -> None:
        """`read` is how answers are read: likelihoods of texts (`cloze`) have no letters."""
        self._has_letters = read != "cloze"
        self._n = self._n_right = self._n_unread = self._n_measured = 0
        self._chance = self._mass = 0.0
        self._letters = [0] * len(LETTERS)
        kinds = (self._unread, self._low_mass, self._one_letter, self._guessing)
        self._kinds = dict(enumerate(kinds))
        """Those that nothing was told of yet."""

    def see(self, answers: Iterable[tuple[Record, Question]]) -> tuple[str, ...]:
        """What is to be told after these answers, the letters as they were shown: sentences."""
        for record, question in answers:
            self._n += 1
            self._n_right += record.correct
            self._chance += 1 / len(question.choices)
            if record.letter is None:
                self._n_unread += 1
            else:
                self._letters[record.letter] += 1
            if not math.isnan(record.letter_mass):
                self._n_measured += 1
                self._mass += record.letter_mass
        found = {kind: said for kind, tell in self._kinds.items() if (said := tell())}
        for kind in found:
            del self._kinds[kind]
        return tuple(found.values())

    def _unread(self) -> str:
        if self._n < ENOUGH_TO_READ or self._n_unread <= self._n / 2:
            return ""
        return (
            f"{self._n_unread:,} of the first {self._n:,} answers could not be read, and count as "
            "wrong. --read letter, or a --grammar, leaves none unread."
        )

    def _low_mass(self) -> str:
        n = self._n_measured
        if n < ENOUGH_TO_READ or self._mass / n >= LETTER_MASS:
            return ""
        return (
            f"In the first {n:,} answers the letters have {self._mass / n:.0%} of the probability: "
            "the prompt may not suit the model. Try another --prompt."
        )

    def _one_letter(self) -> str:
        n, most = sum(self._letters), max(self._letters)
        if not self._has_letters or n < ENOUGH_LETTERS or most <= LETTER_SHARE * n:
            return ""
        letter = LETTERS[self._letters.index(most)]
        return f"{most / n:.0%} of the first {n:,} answers are {letter}."

    def _guessing(self) -> str:
        n = self._n
        if n < ENOUGH_TO_GUESS or not guesses(self._n_right, n, self._chance / n):
            return ""
        return (
            f"{self._n_right / n:.0%} of the first {n:,} answers are right; guessing makes "
            f"{self._chance / n:.0%}. What quantization costs cannot be seen so."
        )
