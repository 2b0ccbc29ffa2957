from __future__ import annotations

from pathlib import Path

import click

from ggufeval.cli import _options
from ggufeval.errors import UsageError


@click.command()
@click.argument("runs", nargs=-1, metavar="[RUN]...")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("results/report.html"),
    show_default=True,
    help="Where to; .html, .md, .json or .csv.",
)
@_options.reference
@click.option("--allow-mismatch", is_flag=True, help="Compare runs made under other conditions.")
@_options.db
def report(
    runs: tuple[str, ...],
    output: Path,
    reference: str | None,
    *,
    allow_mismatch: bool,
    db: Path,
) -> None:
    """Write a report of runs. Without RUN, of the last sweep."""
    from ggufeval import report as room
    from ggufeval.cli import _results
    from ggufeval.store import Store

    by_suffix = {room.find_format(name).suffix: name for name in room.format_names()}
    if output.suffix not in by_suffix:
        raise UsageError(
            f"{output}: its ending was expected to be one of {', '.join(sorted(by_suffix))}."
        )
    with Store.open(db, read_only=True) as store:
        chosen = _results.choose(store, runs)
        comparison, results = _results.compare(
            store, chosen, reference, allow_mismatch=allow_mismatch
        )
    _results.write_report(output, by_suffix[output.suffix], comparison, results)
    click.echo(output)
