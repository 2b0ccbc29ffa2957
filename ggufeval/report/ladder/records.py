"""A ladder as plain values, full precision, for the reports that machines read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ggufeval.report.records import Value, estimate_fields

if TYPE_CHECKING:
    from ggufeval.types import Ladder, RungResult, Score


def records(ladder: Ladder) -> tuple[dict[str, Value], ...]:
    """One flat record a rung, with the same keys in the same order."""
    return tuple(_record(result) for result in ladder.rungs)


def _record(result: RungResult) -> dict[str, Value]:
    rung, published = result.rung, result.rung.published
    return {
        "rung": rung.number,
        "style": result.style,
        "studied_style": rung.style,
        "temperature": rung.temperature,
        "max_tokens": rung.max_tokens,
        "by_letter": rung.by_letter,
        "unavailable": result.unavailable,
        **_score("studied", result.studied),
        "share_unread": result.free.n_unread / result.free.n if result.free else None,
        **_score("grammar", result.constrained),
        **estimate_fields("cost", result.cost),
        "published_micro": published.micro if published else None,
        "published_macro": published.macro if published else None,
        "published_caveat": published.caveat if published else "",
    }


def _score(name: str, score: Score | None) -> dict[str, Value]:
    return {
        f"{name}_run": score.run.id if score else None,
        f"{name}_n": score.n if score else None,
        f"{name}_n_correct": score.n_correct if score else None,
        f"{name}_n_unread": score.n_unread if score else None,
        f"{name}_n_unparsed": score.n_unparsed if score else None,
        f"{name}_n_no_choice": score.n_no_choice if score else None,
        **estimate_fields(f"{name}_micro", score.micro if score else None),
        **estimate_fields(f"{name}_macro", score.macro if score else None),
    }
