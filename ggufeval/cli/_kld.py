"""The option that keeps the probabilities of all tokens, and what it will take."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from ggufeval.making import Level
    from ggufeval.types import QuestionSet

option = click.option(
    "--kld",
    type=click.IntRange(min=1),
    metavar="N",
    help="Keep the probabilities of all tokens at N questions: KLD as llama.cpp has it.",
)


def tell(
    values: Mapping[str, Any],
    levels: Iterable[Level],
    questions: QuestionSet,
    say: Callable[[str], None],
) -> None:
    """How many bytes it will be, before anything is run. What fails here fails again later."""
    from ggufeval.errors import GgufevalError
    from ggufeval.llama.client import ModelProcess
    from ggufeval.report import numerals
    from ggufeval.store.vocabulary import BYTES_A_TOKEN

    if not values["kld"]:
        return
    n = min(values["kld"], len(questions.questions))
    n_tokens = n_levels = 0
    known: dict[object, int] = {}
    for level in levels:
        source = level.source
        if source.lacking is not None:  # it is still to be fetched
            continue
        try:
            if source not in known:
                with ModelProcess() as process:
                    known[source] = process.details(source.parts).n_vocab
        except GgufevalError:
            continue
        n_tokens += known[source]
        n_levels += 1
    if n_levels:
        each = f" at each of {n_levels} levels" if n_levels > 1 else ""
        say(
            f"Keeps the full log-probabilities of {numerals.count(n, 'question')}{each}: about "
            f"{numerals.size(BYTES_A_TOKEN * n * n_tokens)} in {values['db']}"
        )
