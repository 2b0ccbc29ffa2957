"""The options of the engine."""

from __future__ import annotations

import re

import click

_POWERS = {"k": 1, "m": 2, "g": 3, "t": 4}
_SIZE = re.compile(r"(?P<number>\d+(?:\.\d+)?) ?(?P<unit>[kmgt])(?P<binary>i?)b", re.IGNORECASE)


def _layers(_context: click.Context, parameter: click.Parameter, value: str | None) -> int | None:
    """A number of layers; None for `auto`."""
    if value is None or value.lower() == "auto":
        return None
    try:
        return int(value)
    except ValueError:
        raise click.BadParameter(
            f"a number of layers or auto was expected, found {value!r}.", param=parameter
        ) from None


def _size(_context: click.Context, parameter: click.Parameter, value: str | None) -> int | None:
    """Bytes, with a unit: powers of 1,000 (`8GB`) or of 1,024 (`6GiB`)."""
    if value is None:
        return None
    size = 0
    if found := _SIZE.fullmatch(value.strip()):
        base = 1024 if found["binary"] else 1000
        size = int(float(found["number"]) * base ** _POWERS[found["unit"].lower()])
    if not size:
        raise click.BadParameter(
            f"a size was expected, as 8GB, 800MB or 6GiB, found {value!r}.", param=parameter
        )
    return size


threads = click.option(
    "-t", "--threads", type=click.IntRange(min=1), help="Threads.  [default: physical cores]"
)
tune = click.option(
    "--tune",
    is_flag=True,
    help="Try which -ub, -t and layout are fastest here, for all levels together, once; "
    "two or three minutes.",
)
OPTIONS = (
    click.option(
        "-ngl",
        "--n-gpu-layers",
        metavar="N|auto",
        callback=_layers,
        help="Layers on the GPU, or auto: as many as fit.  [default: auto]",
    ),
    click.option(
        "-c",
        "--ctx-size",
        type=click.IntRange(min=1),
        help="Context in tokens.  [default: what the prompts need]",
    ),
    click.option(
        "-b",
        "--batch-size",
        type=click.IntRange(min=32),
        default=2048,
        show_default=True,
        help="Tokens decoded together.",
    ),
    click.option(
        "-ub",
        "--ubatch-size",
        type=click.IntRange(min=32),
        default=512,
        show_default=True,
        help="Tokens computed at once.",
    ),
    threads,
    click.option(
        "-fa",
        "--flash-attn",
        type=click.Choice(["auto", "on", "off"]),
        default="auto",
        show_default=True,
        help="Flash attention.",
    ),
    click.option(
        "--repack/--no-repack",
        default=True,
        show_default=True,
        help="Weights in llama.cpp's own layout for the CPU; --no-repack can be faster.",
    ),
    click.option(
        "--memory-limit",
        metavar="SIZE",
        callback=_size,
        help="What a model may have in memory, as 8GB or 800MB.  [default: what there is]",
    ),
    click.option("--force", is_flag=True, help="Run again what is finished."),
)
