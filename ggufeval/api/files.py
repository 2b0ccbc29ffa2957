"""Reports and charts as files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from ggufeval import report
from ggufeval.errors import UsageError
from ggufeval.report.markdown import images
from ggufeval.report.plots import chart_names
from ggufeval.report.plots.files import chart_files
from ggufeval.types import Comparison, RunResult
from ggufeval.whole import whole


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
    reports = reports or report
    by_suffix = {reports.find_format(name).suffix: name for name in reports.format_names()}
    suffix = path.suffix.lower()
    if suffix not in by_suffix:
        raise UsageError(
            f"{path}: its ending was expected to be one of {', '.join(sorted(by_suffix))}."
        )
    return by_suffix[suffix]


def write_report(
    path: Path, comparison: Comparison, results: Sequence[RunResult], more: str = ""
) -> None:
    """Write a report whole or not at all, `more` at its end. Raises UsageError where it cannot."""
    text = report.render(report_format(path), comparison, results)
    write(path, text + more, "`ggufeval report -o FILE` writes them")


def links(charts: Path, report: Path, comparison: Comparison) -> str:
    """The charts of a folder, for the end of a Markdown file that stands somewhere else."""
    return images(comparison, Path(os.path.relpath(charts, report.parent)).as_posix())


def write_charts(folder: Path, comparison: Comparison) -> list[Path]:
    """Every chart as SVG and PNG; the files. Raises UsageError where that cannot be."""
    written = []
    for name, content in chart_files(comparison):
        write(folder / name, content, "`ggufeval report --charts DIR` draws them")
        written.append(folder / name)
    # What an earlier comparison had a chart for, and this one has not, would be taken for its own.
    for name in chart_names():
        for old in (folder / f"{name}.svg", folder / f"{name}.png"):
            if old not in written:
                old.unlink(missing_ok=True)
    return written


def write(path: Path, content: str | bytes, how: str) -> None:
    """Write a file whole or not at all. Raises UsageError, which says how else to have it."""
    try:
        with whole(path) as half:
            half.write_bytes(content.encode() if isinstance(content, str) else content)
    except OSError as error:
        raise UsageError(
            f"{path}: cannot be written: {error.strerror}. Make room or name another file; the "
            f"results are stored, and {how}."
        ) from error
