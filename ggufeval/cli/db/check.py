from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path

import click

from ggufeval.cli import _options


@click.command()
@_options.db
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def check(db: Path, *, as_json: bool) -> None:
    """Look through the whole file: is it damaged, what is unfinished?

    Nothing is written to it. Exit status 1 where it is damaged.
    """
    import json

    from ggufeval.report import numerals
    from ggufeval.store import health

    found = health.check(db)
    if as_json:
        click.echo(json.dumps({"path": str(db), **asdict(found)}, indent=2))
    else:
        runs = "1 run" if found.n_runs == 1 else f"{found.n_runs:,} runs"
        state = "damaged" if found.problems else "whole"
        file = f"{numerals.visible(str(db))}: {state}"
        click.echo(f"{file}; {runs}, {numerals.size(found.size_bytes)}, format {found.version}.")
        for problem in found.problems:
            click.echo(f"  {numerals.visible(problem)}")
        if found.problems:
            click.echo("Go on with a copy of it from before, or with another file (--db).")
        elif found.unfinished:
            click.echo(
                f"Unfinished, their commands go on with them: {', '.join(found.unfinished)}."
            )
    if found.problems:
        sys.exit(1)
