"""Options that several commands share, and how they become the values that the house wants."""

from __future__ import annotations

import math
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ggufeval import DEFAULT_DB
from ggufeval.cli import _engine
from ggufeval.errors import UsageError

if TYPE_CHECKING:
    from ggufeval.runner import Options
    from ggufeval.types import QuestionSet

Function = TypeVar("Function", bound=Callable[..., Any])
_PUT_AND_READ = ("prompt", "shots", "read", "grammar", "temperature", "max_tokens")
_NONE = "none"
_ROWS = "meta-rows"


def _number(_context: click.Context, parameter: click.Parameter, value: float) -> float:
    # click lets `nan` through every range.
    if math.isnan(value):
        raise click.BadParameter("a number was expected.", param=parameter)
    return value


db = click.option(
    "--db",
    type=click.Path(path_type=Path),
    envvar="GGUFEVAL_DB",
    default=DEFAULT_DB,
    show_default=True,
    show_envvar=True,
    help="The results database.",
)
quants = click.option(
    "--quants",
    metavar="LIST",
    help="Levels: Q8_0,Q4_K_M,...  [default: what suits a named model, else files as they are]",
)
quiet = click.option("-q", "--quiet", is_flag=True, help="No progress.")
offline = click.option("--offline", is_flag=True, help="Fetch nothing.")
threads = _engine.threads
tune = _engine.tune
floor = click.option(
    "--floor",
    type=click.IntRange(min=1),
    metavar="N",
    help="Ask N questions again in other batches: how many answers flip of themselves?",
)
table_format = click.option(
    "--format",
    "format_name",
    type=click.Choice(["table", "json", "csv", "md"]),
    default="table",
    show_default=True,
    help="What is printed.",
)
reference = click.option(
    "--reference", metavar="RUN|LEVEL", help="What to compare with.  [default: most bits a weight]"
)
_JUDGING = (
    click.option(
        "--margin",
        type=click.FloatRange(0, 100),
        metavar="POINTS",
        default=1.0,
        show_default=True,
        callback=_number,
        help="What a level may lose: verdicts are held against it.",
    ),
    click.option(
        "--alpha",
        type=click.FloatRange(0, 0.5, min_open=True, max_open=True),
        metavar="SHARE",
        default=0.05,
        show_default=True,
        callback=_number,
        help="How often any of the verdicts may be false.",
    ),
)

data = click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="A folder with MMLU (parquet or CSV), or own questions (.csv, .jsonl, .parquet).",
)
_SAMPLING = (
    click.option(
        "--limit", type=int, metavar="N", help="N questions, equally many from each subject."
    ),
    click.option("--sample", type=int, metavar="N", help="N questions, drawn at random."),
    click.option(
        "--seed",
        type=int,
        default=0,
        show_default=True,
        help="Of the draws: questions, tokens.",
    ),
)
_ASKED = (
    click.option(
        "--task", help="mmlu, meta-rows, or sample: the questions inside.  [default: mmlu]"
    ),
    data,
    click.option("--subjects", multiple=True, metavar="A,B", help="Only these subjects."),
    *_SAMPLING,
)
shots = click.option(
    "--shots", type=int, default=5, show_default=True, help="Solved examples in the prompt."
)
_PUT = (
    shots,
    click.option(
        "--prompt",
        help="Prompt style; `ggufeval prompts` lists them.  [default: mmlu; cloze: continuation]",
    ),
    click.option(
        "--permute",
        type=click.Choice(["none", "cyclic"]),
        default="none",
        show_default=True,
        help="Every rotation of the choices: how much does their order matter?",
    ),
)
_READING = (
    click.option(
        "--read",
        type=click.Choice(["letter", "sample", "cloze"]),
        default="letter",
        show_default=True,
        help="A letter, in one pass; a text, generated and parsed; the likelihood of texts.",
    ),
    click.option(
        "--grammar",
        metavar="NAME|FILE",
        help="For --read sample: letter, choice, json, none or a GBNF file.  [default: none]",
    ),
    click.option(
        "--temperature",
        type=click.FloatRange(min=0),
        help="For --read sample.  [default: 0, the likeliest token]",
    ),
    click.option(
        "--max-tokens", type=click.IntRange(min=1), help="For --read sample.  [default: 256]"
    ),
)


def _all(options: tuple[Callable[[Any], Any], ...]) -> Callable[[Function], Function]:
    def decorate(function: Function) -> Function:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


judging = _all(_JUDGING)
sampling = _all(_SAMPLING)
asked = _all(_ASKED)
questions = _all((*_ASKED, *_PUT))
reading = _all(_READING)
engine = _all(_engine.OPTIONS)


def report_file(name: str) -> Callable[[Function], Function]:
    """The option that says where a command's report goes; `report_path` has its default."""
    return click.option(
        "-o",
        "--report",
        "report_path",
        type=click.Path(path_type=Path),
        help=f"The report, .html, .md, .json, ...  [default: {name} beside the database]",
    )


def report_path(values: dict[str, Any], name: str) -> Path:
    path: Path = values["report_path"] or values["db"].parent / name
    return path


def quantizations(text: str | None) -> list[str] | None:
    """What `--quants` asks for; None where it is not given."""
    return None if text is None else names(text)


def names(text: str) -> list[str]:
    """The quantizations in `Q8_0,Q4_K_M`. Raises UsageError where there is none."""
    found = [name.strip() for name in text.split(",") if name.strip()]
    if not found:
        raise UsageError("at least one quantization was expected, as in Q8_0,Q4_K_M.")
    return list(dict.fromkeys(found))


def load_questions(values: dict[str, Any], default_task: str | None = None) -> QuestionSet:
    """The question set that the options of `questions` ask for."""
    from ggufeval import tasks

    data = values["data"]
    return tasks.load(
        _task(values) or (default_task if data is None else None),
        data,
        subjects=values["subjects"],
        limit=values["limit"],
        sample=values["sample"],
        seed=values["seed"],
        shots=values["shots"],
        offline=values["offline"],
        fetch=not values.get("dry_run"),
    )


def _task(values: dict[str, Any]) -> str | None:
    """The task asked for; rows that bring their own prompts are a task and a style in one.

    Raises UsageError where only one of the two is meant.
    """
    task: str | None = values["task"]
    prompt = values.get("prompt")
    if _ROWS not in {task, prompt}:
        return task
    if "prompt" not in values:
        raise UsageError(f"--task {_ROWS}: prompts that are fixed cannot be put otherwise.")
    if prompt != _ROWS:
        raise UsageError(f"--task {_ROWS} brings its own prompts: add --prompt {_ROWS}.")
    if task not in {None, _ROWS}:
        raise UsageError(
            f"--prompt {_ROWS} asks the questions of Meta's rows, found --task {task}. Drop --task."
        )
    return _ROWS


def run_options(values: dict[str, Any]) -> Options:
    """The run's options, out of those of `engine` and, where they are there, `questions` and
    `reading`.

    What does not go together is refused before anything is fetched.
    """
    from ggufeval.runner import Options

    _task(values)
    reading = {name: values[name] for name in _PUT_AND_READ if name in values}
    permute = values.get("permute", _NONE)
    options = Options(
        **reading,
        seed=values["seed"],
        permute="" if permute == _NONE else permute,
        n_ctx=values["ctx_size"],
        n_batch=values["batch_size"],
        n_ubatch=min(values["ubatch_size"], values["batch_size"]),
        n_threads=values["threads"],
        n_gpu_layers=values["n_gpu_layers"],
        flash_attn=values["flash_attn"],
        repack=values["repack"],
        kld=values.get("kld") or 0,
        memory_limit=values["memory_limit"],
        tune=values.get("tune", False),
        force=values["force"],
        command=shlex.join(["ggufeval", *sys.argv[1:]]),
    )
    options.reader()
    return options
