"""Runs out of the database, and comparisons onto the screen."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import click

from ggufeval.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ggufeval.store import Store
    from ggufeval.types import Comparison, Labels, Run, RunResult, VocabularyDivergence, Weights


def choose(store: Store, names: Sequence[str]) -> list[Run]:
    """Runs by id or unique prefix; without names, those of the last sweep or `run`."""
    runs = [store.run(name) for name in names] if names else list(store.latest())
    if empty := [run.id for run in runs if not run.n_done]:
        raise UsageError(f"{', '.join(empty)}: nothing is recorded yet. Repeat its command first.")
    if not runs:
        raise UsageError(f"{store.path} has no run with results yet. Start with `ggufeval sweep`.")
    return runs


def find_reference(runs: Sequence[Run], name: str | None) -> Run:
    """The run that `name` means (see `choose_reference`), or the default where it is not here."""
    try:
        return choose_reference(runs, name)
    except UsageError:
        return choose_reference(runs, None)


def choose_reference(runs: Sequence[Run], name: str | None) -> Run:
    """The run that `name` means: an id's beginning, a label, a quantization.

    Without a name it is the one of the greatest fidelity.
    """
    if name is None:
        return max(runs, key=lambda run: run.model.fidelity)
    wanted = name.casefold()
    for matches in (
        [run for run in runs if wanted in (run.id, run.model.label.casefold())],
        [run for run in runs if wanted == run.model.level.casefold()],
        [run for run in runs if run.id.startswith(wanted)],
    ):
        if len(matches) == 1:
            return matches[0]
    known = ", ".join(f"{run.id} ({run.model.label})" for run in runs)
    raise UsageError(
        f"--reference {name!r}: exactly one of the runs compared was expected, which are {known}. "
        "To compare others, name them (`ggufeval runs` lists all)."
    )


def compare(
    store: Store,
    runs: Sequence[Run],
    reference: Run,
    *,
    margin: float = 1.0,
    alpha: float = 0.05,
    by: str = "",
    allow_mismatch: bool = False,
    views: Sequence[Labels | Weights] = (),
) -> tuple[Comparison, list[RunResult]]:
    """The comparison of the runs with their reference, and the results behind it.

    The margin is in points.
    """
    from ggufeval import stats
    from ggufeval.stats.floor import floor

    rest = _ordered([run for run in runs if run.id != reference.id])
    results = [store.result(run.id) for run in (reference, *rest)]
    comparison = stats.compare(
        results[0],
        results[1:],
        margin=margin / 100,
        alpha=alpha,
        by=by,
        allow_mismatch=allow_mismatch,
        floors={r.run.id: floor(found) for r in results if (found := store.repeat(r))},
        views=views,
        vocabularies={
            r.run.id: over for r in results[1:] if (over := _over_vocabulary(store, results[0], r))
        },
    )
    return comparison, results


def _over_vocabulary(
    store: Store, reference: RunResult, candidate: RunResult
) -> VocabularyDivergence | None:
    from ggufeval.stats.vocabulary import vocabulary_divergence

    pairs = store.paired_vocabularies(reference.run.id, candidate.run.id)
    return vocabulary_divergence(reference, candidate, pairs)


def _ordered(runs: Sequence[Run]) -> list[Run]:
    """The most bits a weight first; behind each level its weights, where they were written out."""
    by_bits = sorted(runs, key=lambda run: -run.model.bits_per_weight)
    places: dict[str, int] = {}
    for place, run in enumerate(by_bits):
        places.setdefault(run.model.sha256, place)

    def key(run: Run) -> tuple[int, bool]:
        origin = run.model.dequantized_from
        return places[origin if origin in places else run.model.sha256], origin in places

    return sorted(by_bits, key=key)


def stored(
    db: Path,
    names: Sequence[str],
    reference: str | None,
    *,
    margin: float,
    alpha: float,
    by: str = "",
    allow_mismatch: bool,
    views: Sequence[Labels | Weights] = (),
) -> tuple[Comparison, list[RunResult]]:
    """The comparison of runs that are in a database, read without changing it."""
    from ggufeval.store import Store

    with Store.open(db, read_only=True) as store:
        runs = choose(store, names)
        return compare(
            store,
            runs,
            choose_reference(runs, reference),
            margin=margin,
            alpha=alpha,
            by=by,
            allow_mismatch=allow_mismatch,
            views=views,
        )


def tell_replications(
    store: Store,
    runs: Sequence[Run],
    recorded: Mapping[str, int | None],
) -> None:
    """How each run compares with the answers that its questions brought along, if they did.

    A result, and so told where quiet was asked for too; on stderr, since `run`'s output is ids and
    `sweep`'s one document.
    """
    if not recorded:
        return
    from ggufeval.cli._progress import say
    from ggufeval.report import sentences
    from ggufeval.stats.replication import replication

    told = say(quiet=False)
    for run in runs:
        told(sentences.replication(run.model.label, replication(store.result(run.id), recorded)))


def show(format_name: str, comparison: Comparison, results: Sequence[RunResult]) -> None:
    from ggufeval import report

    click.echo(report.render(format_name, comparison, results, sys.stdout), nl=False)


def draw(comparison: Comparison) -> None:
    """The main chart, on stdout."""
    from ggufeval.report import bars

    click.echo(f"\n{bars.render(comparison, sys.stdout)}", nl=False)


class Reports(Protocol):
    """A package of reports: those of a comparison, or of a ladder."""

    def format_names(self) -> Sequence[str]: ...
    def find_format(self, name: str, /) -> HasSuffix: ...


class HasSuffix(Protocol):
    @property
    def suffix(self) -> str: ...


def report_format(path: Path, reports: Reports | None = None) -> str:
    """The format that a report's file name asks for. Raises UsageError for an unknown ending.

    `reports` are those of a comparison, if not said otherwise.
    """
    from ggufeval import report

    reports = reports or report
    by_suffix = {reports.find_format(name).suffix: name for name in reports.format_names()}
    if path.suffix not in by_suffix:
        raise UsageError(
            f"{path}: its ending was expected to be one of {', '.join(sorted(by_suffix))}."
        )
    return by_suffix[path.suffix]


def write_report(
    path: Path, comparison: Comparison, results: Sequence[RunResult], more: str = ""
) -> None:
    """Write a report whole or not at all, `more` at its end. Raises UsageError where it cannot."""
    from ggufeval import report

    text = report.render(report_format(path), comparison, results)
    write(path, text + more, "`ggufeval report -o FILE` writes them")


def links(charts: Path, report: Path, comparison: Comparison) -> str:
    """The charts of a folder, for the end of a Markdown file that stands somewhere else."""
    from ggufeval.report.markdown import images

    return images(comparison, Path(os.path.relpath(charts, report.parent)).as_posix())


def write_charts(folder: Path, comparison: Comparison) -> int:
    """Every chart as SVG and PNG; how many files. Raises UsageError where that cannot be."""
    from ggufeval.report.plots.files import chart_files

    n = 0
    for name, content in chart_files(comparison):
        write(folder / name, content, "`ggufeval report --charts DIR` draws them")
        n += 1
    return n


def write(path: Path, content: str | bytes, how: str) -> None:
    """Write a file whole or not at all. Raises UsageError, which says how else to have it."""
    half = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        half.write_bytes(content.encode() if isinstance(content, str) else content)
        half.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            half.unlink()
        raise UsageError(
            f"{path}: cannot be written: {error.strerror}. Make room or name another file; the "
            f"results are stored, and {how}."
        ) from error
