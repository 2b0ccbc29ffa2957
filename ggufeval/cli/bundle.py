from __future__ import annotations

from pathlib import Path

import click

from ggufeval.cli import _options


@click.command()
@click.argument("runs", nargs=-1, metavar="[RUN]...")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("study.ggb"),
    show_default=True,
    help="Where to.",
)
@click.option(
    "--with-text/--without-text",
    default=None,
    help="The questions' text, or hashes.  [default: text where a licence allows it]",
)
@_options.db
def bundle(runs: tuple[str, ...], output: Path, *, with_text: bool | None, db: Path) -> None:
    """Write a study as one file that another machine can check. Without RUN, the runs made last.

    A zip of JSON: questions, prompts' hashes, plan, records, conditions, hashes of the model files,
    versions, and the report. No paths of this machine, no models.
    """
    from ggufeval import api
    from ggufeval.bundle.writing import write
    from ggufeval.cli import _progress, _streams
    from ggufeval.store import Store

    say = _progress.say(quiet=False)
    with Store.open(db, read_only=True) as store:
        written = write(store, api.choose(store, runs), output, with_text=with_text)
    for note in written.manifest.notes:
        say(f"Note: {note}")
    click.echo(
        f"{_streams.path(output)}: {len(written.manifest.runs)} runs, {written.n_questions:,} "
        f"questions, {written.n_records:,} records, {written.size_bytes / 1e6:,.1f} MB"
    )
    click.echo(f"sha256 {written.sha256}")
