"""How does the time of a run grow, and was it known beforehand?

    python scripts/bench_growth.py MODEL.gguf... --data FOLDER [--questions 250,500,1000,2000,4000]
        [--limit 250] [-o growth]

The first model is run over so many questions each, then all models (of three sizes, say, which
`make_model.py` makes) over `--limit` of them. Before each run stands what `ggufeval estimate` says
of it, measured then. Prints a Markdown table of both series, with a straight line fitted to each
and how far the runs lie off it, and writes NAME.svg and NAME.png. Machines drift: what is run while
nothing else runs tells more.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ggufeval import making, runner, sweep, tasks
from ggufeval.catalog.resolve import resolve
from ggufeval.forecast import forecast
from ggufeval.store import Store
from ggufeval.types import QuestionSet

GREY, BLUE = "#7b8794", "#4f86c6"


@dataclass(frozen=True, slots=True)
class Point:
    """A run, and what was said of it before."""

    name: str
    x: float
    """Questions, or billions of weights."""
    n_tokens: int
    estimated: float
    took: float
    """Seconds."""


def point(path: Path, questions: QuestionSet, *, by_size: bool) -> Point:
    (source,) = resolve(str(path)).sources
    level, options = making.Level(source), runner.Options()
    found = forecast([level], questions, None, options, margin=0.0, alpha=0.0)
    (expected,) = found.levels
    if expected.seconds is None:
        raise SystemExit(f"{path}: {expected.trouble or 'no estimate'}")
    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder) / "r.sqlite") as store:
        started = time.perf_counter()
        outcome = sweep.sweep([level], questions, store, options)
        took = time.perf_counter() - started
    if outcome.failures:
        raise SystemExit(str(outcome.failures[0].error))
    (run,) = outcome.runs
    x = run.model.n_params / 1e9 if by_size else run.n_done
    return Point(run.model.label, x, run.n_tokens, expected.seconds, took)


def line(points: Sequence[Point]) -> tuple[float, float]:
    """Slope and intercept, by least squares; flat where all stand at one place."""
    if len({p.x for p in points}) < 2:
        return 0.0, sum(p.took for p in points) / len(points)
    slope, intercept = np.polyfit([p.x for p in points], [p.took for p in points], 1)
    return float(slope), float(intercept)


def show(points: Sequence[Point], unit: str) -> None:
    slope, intercept = line(points)
    print(
        f"\n| model | {unit} | tokens | estimated, s | took, s | estimated/took | off the line |\n"
        "|---|---:|---:|---:|---:|---:|---:|"
    )
    for p in points:
        off = p.took / (slope * p.x + intercept) - 1
        print(
            f"| {p.name} | {p.x:,.4g} | {p.n_tokens:,} | {p.estimated:.1f} | {p.took:.1f} | "
            f"{p.estimated / p.took:.3f} | {off:+.1%} |"
        )
    print(f"\nseconds = {intercept:.1f} + {slope:.4g} x {unit}", flush=True)


def chart(points: Sequence[Point], unit: str) -> Any:
    import altair as alt
    import pandas as pd

    slope, intercept = line(points)
    rows = [
        {"x": p.x, "seconds": seconds, "what": what}
        for p in points
        for what, seconds in (("took", p.took), ("estimated", p.estimated))
    ]
    ends = [min(p.x for p in points), max(p.x for p in points)]
    fitted = [{"x": x, "seconds": slope * x + intercept} for x in ends]
    x, y = alt.X("x:Q", title=unit), alt.Y("seconds:Q", title="seconds")
    what = alt.Shape("what:N", title=None)
    color = alt.Color("what:N", scale=alt.Scale(range=[GREY, BLUE]), title=None)
    dots = alt.Chart(pd.DataFrame(rows)).mark_point(size=80, filled=True)
    straight = alt.Chart(pd.DataFrame(fitted)).mark_line(color=BLUE, strokeWidth=1)
    return (straight.encode(x, y) + dots.encode(x, y, shape=what, color=color)).properties(
        width=420, height=300, title=f"Seconds of a run against {unit}"
    )


def write(charts: Sequence[Any], name: Path) -> None:
    import altair as alt
    import vl_convert

    spec = alt.hconcat(*charts).properties(background="white", padding=16).to_dict()
    name.with_suffix(".svg").write_text(vl_convert.vegalite_to_svg(spec), encoding="utf-8")
    name.with_suffix(".png").write_bytes(vl_convert.vegalite_to_png(spec, scale=2.0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", type=Path, nargs="+")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--questions", default="250,500,1000,2000,4000")
    parser.add_argument("--limit", type=int, default=250, help="questions for each of the models")
    parser.add_argument("--subjects", default="", help="only these, with commas between")
    parser.add_argument("-o", "--output", type=Path, default=Path("growth"))
    options = parser.parse_args()
    subjects = tuple(filter(None, options.subjects.split(",")))

    def load(n: int) -> QuestionSet:
        return tasks.load("mmlu", options.data, subjects=subjects, limit=n)

    charts = []
    by_questions = [
        point(options.models[0], load(int(n)), by_size=False) for n in options.questions.split(",")
    ]
    show(by_questions, "questions")
    if len(by_questions) > 1:
        charts.append(chart(by_questions, "questions"))
    if len(options.models) > 1:
        questions = load(options.limit)
        by_size = [point(path, questions, by_size=True) for path in options.models]
        show(by_size, "billion weights")
        charts.append(chart(by_size, "billion weights"))
    if charts:
        write(charts, options.output)


if __name__ == "__main__":
    main()
