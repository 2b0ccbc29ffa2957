"""The comparison table of a database as an SVG picture of a terminal, for the README.

python scripts/picture.py results/ggufeval.sqlite docs/table.svg "ggufeval sweep ..."
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

from ggufeval.cli._results import choose, choose_reference, compare
from ggufeval.report import terminal
from ggufeval.store import Store

WIDTH = 80


def main() -> None:
    database, picture, command = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    with Store.open(database, read_only=True) as store:
        runs = choose(store, ())
        comparison, _ = compare(store, runs, choose_reference(runs, None))
    console = Console(record=True, width=WIDTH, file=io.StringIO(), highlight=False)
    console.print(Text(f"$ {command}", style="bold"))
    console.print(Text.from_ansi(terminal.draw(comparison, WIDTH, color=True)))
    picture.write_text(console.export_svg(title="ggufeval"), encoding="utf-8")


if __name__ == "__main__":
    main()
