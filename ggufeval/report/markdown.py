"""The comparison as GitHub-flavoured Markdown, for model cards, issues and pull requests."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, TextIO
from urllib.parse import quote

from ggufeval.report.decompositions import (
    HEADERS,
    TITLE,
    decomposition_legend,
    decomposition_rows,
)
from ggufeval.report.format import Format
from ggufeval.report.groups import group_legend, group_rows
from ggufeval.report.notes import notes
from ggufeval.report.rows import (
    DIVERGENCE,
    Row,
    divergence_cells,
    has_divergence,
    has_letter_mass,
    has_macro,
    n_positions,
    rows,
)
from ggufeval.report.sentences import (
    alarms,
    divergence_legend,
    finding,
    heading,
    legend,
    positions_legend,
)
from ggufeval.report.verdicts import basis, verdicts
from ggufeval.report.views import view_tables
from ggufeval.report.vocabulary import HEADERS as VOCABULARY_HEADERS
from ggufeval.report.vocabulary import vocabulary_cells, vocabulary_legend, vocabulary_title
from ggufeval.types import LETTERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ggufeval.types import Comparison, RunResult

_MARKUP = re.compile(
    r"[\\|`*~$]"
    r"|^[#>+=\[-]"  # at the start of a line: a heading, a quotation, a list, a box to tick
    r"|\](?=[(\[:])"  # a link, or the definition of one
    r"|<(?=[A-Za-z/!?])|&(?=[#A-Za-z])"
    r"|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])"  # inside a word it is no emphasis
    r"|(?<=:)/(?=/)|(?<=www)\."  # addresses become links by themselves
)
_MENTION = re.compile(r"(?<!\w)@(?=\w)")


def escape(text: str) -> str:
    """Text that GitHub shows as it stands, in a table's cell too."""
    plain = _MARKUP.sub(lambda match: rf"\{match.group()}", text)
    # A backslash does not stop a mention, which sends mail; a comment does.
    return _MENTION.sub("@<!-- -->", plain)


def images(comparison: Comparison, folder: str) -> str:
    """Links to the charts that `plots.files` writes into a folder beside the report."""
    from ggufeval.report.plots import plots

    links = [
        f"![{escape(each.title)}: {escape(each.sentence)}]"
        f"({quote(os.fsencode(f'{folder}/{each.name}.png'))})"
        for each in plots(comparison)
    ]
    return "\n".join(["", "## Charts", *(f"\n{link}" for link in links), ""])


def render(
    comparison: Comparison,
    _results: Sequence[RunResult] = (),
    _stream: TextIO | None = None,
) -> str:
    """Heading, finding, the tables, notes and alarms."""
    found = rows(comparison)
    differences = len(found) > 1
    cost = ["size", "bpw", "accuracy"]
    cost += ["difference", "lost", "won"] if differences else []
    cost += ["asked"] if comparison.stopping else ["p"] if differences else []
    cost_cells = (
        [row.name, row.size, row.bits, row.accuracy]
        + ([row.change, row.lost, row.won] if differences else [])
        + ([row.asked] if comparison.stopping else [row.p] if differences else [])
        for row in found
    )
    mass = has_letter_mass(found)
    macro = has_macro(found)
    ran = [*(["macro accuracy"] if macro else []), *(["letter mass"] if mass else [])]
    ran += ["questions/s", "tokens/s", "time", "memory"]
    ran_cells = (
        [
            row.name,
            *([row.macro_accuracy] if macro else []),
            *([row.letter_mass] if mass else []),
            row.questions_per_second,
            row.tokens_per_second,
            row.time,
            row.memory,
        ]
        for row in found
    )
    blocks = [
        escape(heading(comparison)),
        f"**{escape(finding(comparison))}**",
        *_verdicts(comparison),
        table(["model", *cost], cost_cells),
        table(["model", *ran], ran_cells),
        *_divergence(found),
        *_groups(comparison),
        *_decompositions(comparison),
        *_views(comparison),
        *_vocabulary(comparison),
        *_positions(found),
    ]
    legends = (
        basis(comparison),
        legend(comparison),
        divergence_legend(comparison),
        group_legend(comparison),
        decomposition_legend(comparison),
        vocabulary_legend(comparison),
        positions_legend(comparison),
    )
    blocks += [escape(how) for how in legends if how]
    remarks = [*notes(comparison), *(f"Alarm: {alarm}" for alarm in alarms(comparison))]
    if remarks:
        blocks.append("\n".join(f"- {escape(remark)}" for remark in remarks))
    return "\n\n".join(blocks) + "\n"


def _verdicts(comparison: Comparison) -> list[str]:
    """A list of them, where the finding has not said it all."""
    said = verdicts(comparison)
    if not said or said == (finding(comparison),):
        return []
    return ["\n".join(f"- {escape(each)}" for each in said)]


def _divergence(found: Sequence[Row]) -> list[str]:
    """The table of divergences with its title, where there is one."""
    if not has_divergence(found):
        return []
    return [
        "How the letters' probabilities moved:",
        table(["model", *DIVERGENCE], divergence_cells(found)),
    ]


def _groups(comparison: Comparison) -> list[str]:
    """The table of subjects or categories with its title, where it was asked for."""
    if not comparison.groups:
        return []
    cells = (
        [
            row.name,
            row.n,
            row.accuracies[0],
            *(
                f"{difference} {interval}".rstrip()
                for difference, interval in zip(row.differences[1:], row.intervals[1:], strict=True)
            ),
        ]
        for row in group_rows(comparison)
    )
    names = [escape(row.name) for row in rows(comparison)]
    return [f"By {comparison.by}:", table([comparison.by, "n", *names], cells)]


def _decompositions(comparison: Comparison) -> list[str]:
    """The table of weights and arithmetic with its title, where there is one."""
    found = decomposition_rows(comparison)
    return [f"{TITLE}:", table(HEADERS, (row.cells for row in found))] if found else []


def _views(comparison: Comparison) -> list[str]:
    """Each view's title, table and legend."""
    return [
        block
        for view in view_tables(comparison)
        for block in (f"{view.title}:", table(view.headers, view.cells), escape(view.legend))
    ]


def _vocabulary(comparison: Comparison) -> list[str]:
    """The table of the divergence over all tokens with its title, where there is one."""
    title = vocabulary_title(comparison)
    return [f"{title}:", table(VOCABULARY_HEADERS, vocabulary_cells(comparison))] if title else []


def _positions(found: Sequence[Row]) -> list[str]:
    """The table of positions with its title, where there is one."""
    n = n_positions(found)
    if not n:
        return []
    cells = ([row.name, *row.positions, row.micro, row.same] for row in found)
    return [
        "Position of the right choice:",
        table(["model", *LETTERS[:n], "mean", "same"], cells),
    ]


def table(headers: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    ruler = ["---", *("---:" for _ in headers[1:])]
    body = ([escape(name), *numbers] for name, *numbers in lines)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (headers, ruler, *body))


FORMAT = Format("md", ".md", render)
