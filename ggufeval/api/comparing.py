"""Runs of a database against one of them."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from ggufeval import DEFAULT_DB, report, stats
from ggufeval.api import choice, files
from ggufeval.errors import UsageError
from ggufeval.report.records import records
from ggufeval.stats.floor import floor
from ggufeval.stats.groups import AUTO, CATEGORY, SUBJECT
from ggufeval.stats.vocabulary import vocabulary_divergence
from ggufeval.store import Store
from ggufeval.tasks import redux as labels
from ggufeval.tasks import weights as table
from ggufeval.types import Comparison, Floor, Labels, Run, RunResult, VocabularyDivergence, Weights

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Compared:
    """A comparison with the results behind it. `print` shows the tables of `ggufeval compare`."""

    comparison: Comparison
    """Typed: scores, differences with their intervals, verdicts, alarms."""
    results: tuple[RunResult, ...]
    """Runs with their questions and records, the reference first."""
    pictured: Comparison
    """The same; if no groups were asked for, with those that suit a page and its charts."""

    def frame(self) -> pd.DataFrame:
        """One row a model, the reference first. The columns are those that
        `docs/report.schema.json` describes under `model`; NaN: there is none."""
        import pandas as pd

        return pd.DataFrame(records(self.comparison))

    def write(self, path: str | Path, charts: str | Path | None = None) -> list[Path]:
        """Write a report (.html, .md, .json, .csv), and the charts into a folder; what was written.

        A Markdown report has its charts beside it, in `NAME-charts/`. Raises UsageError for an
        unknown ending, and where a file cannot be written.
        """
        path = Path(path)
        kind = files.report_format(path)
        if charts is None and kind == "md":
            charts = path.with_name(f"{path.stem}-charts")
        whole = self.pictured if kind == "html" else self.comparison
        links = files.links(Path(charts), path, self.pictured) if charts and kind == "md" else ""
        files.write_report(path, whole, self.results, links)
        return [path, *(files.write_charts(Path(charts), self.pictured) if charts else ())]

    def __str__(self) -> str:
        return report.render("table", self.comparison, self.results)

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"


def compare(
    db: str | Path = DEFAULT_DB,
    runs: str | Sequence[str] = (),
    *,
    reference: str | None = None,
    margin: float = 1.0,
    alpha: float = 0.05,
    by: str | None = None,
    redux: str | None = None,
    weights: str | Path | None = None,
    allow_mismatch: bool = False,
) -> Compared:
    """Compare runs that are in a database, question by question. It is read, not changed.

    `runs` are ids or their beginnings; without any, those of the last sweep or `evaluate`.
    `reference` is an id, a label or a level; None: the most bits a weight. `margin` is what a level
    may lose, in points; `alpha` how often any of the verdicts may be false. `by` is `subject` or
    `category`: also inside each. `redux` is `hub` or a file of MMLU-Redux' labels, `weights` a file
    with weights of questions or subjects: further scores.

    Raises UsageError for runs that are not there, StoreError for a database that is not or cannot
    be read, ComparisonError for runs that cannot be compared,
    DataError for labels or weights that cannot be read.
    """
    if not 0 <= margin <= 100:
        raise UsageError(f"margin={margin}: points from 0 to 100 were expected.")
    if not 0 < alpha < 0.5:
        raise UsageError(f"alpha={alpha}: a share between 0 and 0.5 was expected.")
    if by not in {None, SUBJECT, CATEGORY}:
        raise UsageError(f"by={by!r}: subject or category was expected.")
    with Store.open(Path(db), read_only=True) as store:
        found = choice.choose(store, [runs] if isinstance(runs, str) else runs)
        return compared(
            store,
            found,
            choice.choose_reference(found, reference),
            margin=margin,
            alpha=alpha,
            by=by,
            allow_mismatch=allow_mismatch,
            views=_views(redux, weights),
        )


def compared(
    store: Store,
    runs: Sequence[Run],
    reference: Run,
    *,
    margin: float = 1.0,
    alpha: float = 0.05,
    by: str | None = None,
    allow_mismatch: bool = False,
    views: Sequence[Labels | Weights] = (),
) -> Compared:
    """These runs of an open database with their reference. As `compare`."""
    rest = choice.ordered([run for run in runs if run.id != reference.id])
    results = [store.result(run.id) for run in (reference, *rest)]
    return together(
        results,
        known_floors(store, results),
        known_vocabularies(store, results),
        margin=margin,
        alpha=alpha,
        by=by,
        allow_mismatch=allow_mismatch,
        views=views,
    )


def known_floors(store: Store, results: Sequence[RunResult]) -> dict[str, Floor]:
    """Run id -> its flip floor, of those that were asked again in other batches."""
    return {r.run.id: floor(found) for r in results if (found := store.repeat(r))}


def known_vocabularies(
    store: Store, results: Sequence[RunResult]
) -> dict[str, VocabularyDivergence]:
    """Run id -> how far all tokens' probabilities moved from the first run's, where both kept
    them."""
    reference = results[0]
    pairs = ((r, store.paired_vocabularies(reference.run.id, r.run.id)) for r in results[1:])
    found = ((r.run.id, vocabulary_divergence(reference, r, kept)) for r, kept in pairs)
    return {run_id: divergence for run_id, divergence in found if divergence}


def together(
    results: Sequence[RunResult],
    floors: Mapping[str, Floor],
    vocabularies: Mapping[str, VocabularyDivergence] = MappingProxyType({}),
    *,
    margin: float = 1.0,
    alpha: float = 0.05,
    by: str | None = None,
    allow_mismatch: bool = False,
    views: Sequence[Labels | Weights] = (),
) -> Compared:
    """The first of these results with the others. As `compare`."""
    pictured = stats.compare(
        results[0],
        results[1:],
        margin=margin / 100,
        alpha=alpha,
        by=by or AUTO,
        allow_mismatch=allow_mismatch,
        floors=floors,
        vocabularies=vocabularies,
        views=views,
    )
    comparison = pictured if by else replace(pictured, by="", groups=())
    return Compared(comparison, tuple(results), pictured)


def _views(redux: str | None, weights: str | Path | None) -> list[Labels | Weights]:
    found: list[Labels | Weights] = []
    if redux is not None:
        found.append(labels.load(redux))
    if weights is not None:
        found.append(table.load(Path(weights)))
    return found
