from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ggufeval.cli import _options
from ggufeval.errors import UsageError

if TYPE_CHECKING:
    from ggufeval.doctor import Finding
    from ggufeval.runner import ModelFiles

_WIDTH = 80
_MARKS = {"ok": "ok", "wrong": "!!", "note": "--"}


@click.command()
@click.option(
    "--measure", metavar="MODEL", help="Also how fast this build is on MODEL: 10 to 20 seconds."
)
@click.option(
    "--selftest",
    metavar="MODEL",
    help="Instead: does MODEL give the same bits again here, and the right letters?",
)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@_options.db
@_options.offline
@_options.quiet
def doctor(
    measure: str | None,
    selftest: str | None,
    *,
    as_json: bool,
    db: Path,
    offline: bool,
    quiet: bool,
) -> None:
    """Is everything here as it should be? Machine, build, devices, disk, cache, hub, database.

    A line a finding: `ok`, `!!` for what is wrong, with what to do, `--` for what is to be known.
    `--selftest` asks 40 of the questions inside, several times: the same bits twice, with other
    threads and after an interruption, the flip floor, and the letters of llama-cpp-python's own
    sampling. Leaves with status 1 where something is wrong. Results are only read.
    """
    if measure and selftest:
        raise UsageError("--measure and --selftest: one of the two was expected. Run it twice.")
    if selftest:
        found = _self_test(selftest, offline=offline, quiet=quiet)
    else:
        model = _model(measure, offline=offline, quiet=quiet) if measure else None
        found = _everything(model, db, offline=offline)
    findings = list(found if as_json else _printed(found))
    n_wrong = sum(finding.is_wrong for finding in findings)
    if as_json:
        _print_json(findings, n_wrong)
    else:
        _print_verdict(n_wrong)
    if n_wrong:
        click.get_current_context().exit(1)


def _everything(model: ModelFiles | None, db: Path, *, offline: bool) -> Iterator[Finding]:
    from ggufeval import __version__
    from ggufeval.doctor import build, environment, places, speed

    yield from environment.findings(__version__)
    yield from build.here()
    if model:
        yield from speed.findings(model)
    yield from places.findings(db, offline=offline)


def _self_test(name: str, *, offline: bool, quiet: bool) -> Iterator[Finding]:
    from ggufeval.cli import _progress
    from ggufeval.doctor import selftest

    model = _model(name, offline=offline, quiet=quiet)
    say = _progress.say(quiet=quiet)
    yield from selftest.findings(model, say=say, progress=_progress.progress(quiet=quiet))


def _model(name: str, *, offline: bool, quiet: bool) -> ModelFiles:
    from ggufeval import making
    from ggufeval.cli import _models, _progress

    levels = making.levels(_models.resolve([name], (), offline=offline, quiet=quiet))
    if len(levels) != 1:
        raise UsageError(f"{name}: one model was expected, and there are {len(levels)}.")
    return making.files_of(levels[0], None, _progress.say(quiet=quiet))


def _printed(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Each as soon as it is known, in 80 columns; commands are left whole, to be copied."""
    from ggufeval.report.numerals import visible

    group = ""
    for finding in findings:
        if finding.group != group:
            click.echo(f"\n{finding.group}" if group else finding.group)
            group = finding.group
        mark = _MARKS[finding.status]
        prose = textwrap.TextWrapper(
            _WIDTH,
            initial_indent=f"  {mark}  ",
            subsequent_indent=" " * 6,
            break_long_words=False,
            break_on_hyphens=False,
        )
        click.echo(prose.fill(visible(finding.text)))
        if finding.command:
            click.echo(f"      {visible(finding.command)}")
        yield finding


def _print_verdict(n_wrong: int) -> None:
    from ggufeval.report.numerals import count

    click.echo(f"\n{count(n_wrong, 'thing')} to see to (!!)." if n_wrong else "\nNothing is wrong.")


def _print_json(findings: Iterable[Finding], n_wrong: int) -> None:
    from ggufeval import __version__

    document = {
        "ggufeval": __version__,
        "n_wrong": n_wrong,
        "findings": [finding.as_dict() for finding in findings],
    }
    click.echo(json.dumps(document, indent=2))
