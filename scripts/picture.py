"""The comparison table of a database as an SVG picture of a terminal, for the README.

python scripts/picture.py results/ggufeval.sqlite docs/table.svg "ggufeval sweep ..."
"""

from __future__ import annotations

import io
import re
import sys
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.text import Text

from ggufeval import api
from ggufeval.report import terminal

WIDTH = 80
_FONT = re.compile(r"@font-face \{.*?\}", re.DOTALL)
"""A picture fetches nothing: without rich's font it takes the reader's own."""


def main() -> None:
    database, picture, command = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    comparison = api.compare(database).comparison
    reference = comparison.reference
    run = replace(reference.run, source=Path(reference.run.source).name)  # no folder of ours
    comparison = replace(comparison, reference=replace(reference, run=run))
    console = Console(record=True, width=WIDTH, file=io.StringIO(), highlight=False)
    console.print(Text(f"$ {command}", style="bold"))
    console.print(Text.from_ansi(terminal.draw(comparison, WIDTH, color=True)))
    svg = console.export_svg(title="ggufeval")
    picture.write_text(_FONT.sub("", svg), encoding="utf-8")


if __name__ == "__main__":
    main()
