from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ggufeval.cli import _options, _streams
from ggufeval.errors import UsageError

if TYPE_CHECKING:
    from ggufeval.types import Recipe


@click.command()
@click.argument("source", required=False)
@click.option("--to", "quants", metavar="LIST", help="Levels: Q8_0,Q4_K_M,...")
@click.option("--list-types", is_flag=True, help="What there is for --to, with bits per weight.")
@click.option(
    "--imatrix",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="An importance matrix of this model.",
)
@click.option(
    "--output-tensor-type", "output_type", metavar="TYPE", default="", help="For the output matrix."
)
@click.option(
    "--token-embedding-type",
    "embedding_type",
    metavar="TYPE",
    default="",
    help="For the token embeddings.",
)
@click.option(
    "--allow-requantize", is_flag=True, help="Also from a file that is, or was, quantized."
)
@_options.threads
@_options.offline
@_options.quiet
def quantize(source: str | None, **values: Any) -> None:
    """Make levels of a model with llama.cpp's quantizer.

    They are kept in the cache, and their paths are printed. A level made from a file that is
    itself quantized says so in its metadata, and everywhere it is shown. With an importance
    matrix or tensor types of your own, levels are made from SOURCE itself and get other names.
    """
    if values["list_types"]:
        _list_types()
        return
    if source is None or values["quants"] is None:
        raise UsageError(
            "a model and its levels were expected, as in `ggufeval quantize MODEL-F16.gguf "
            "--to Q8_0,Q4_K_M`; --list-types lists the levels that there are."
        )
    _make(source, _options.names(values["quants"]), _recipe(values), values)


def _recipe(values: dict[str, Any]) -> Recipe:
    from ggufeval.types import Recipe

    return Recipe(
        imatrix=values["imatrix"],
        output_type=values["output_type"],
        embedding_type=values["embedding_type"],
        may_requantize=values["allow_requantize"],
    )


def _make(source: str, names: list[str], recipe: Recipe, values: dict[str, Any]) -> None:
    from ggufeval import making
    from ggufeval.cli import _models, _progress
    from ggufeval.cli._steps import Steps

    quiet = values["quiet"]
    wanted = names if recipe.is_plain else ()
    selections = _models.resolve([source], wanted, offline=values["offline"], quiet=quiet)
    levels = making.levels(selections)
    if not recipe.is_plain:
        levels = making.made_anew(levels, names)
    if not recipe.may_requantize:
        making.refuse_lossy(levels)
    for level in levels:
        with Steps(level.label, "tensors", quiet=quiet) as steps:
            say = _progress.say(quiet=quiet)
            made = making.files_of(level, values["threads"], say, recipe, steps.advance)
        for path in made.parts:
            click.echo(_streams.path(path))


def _list_types() -> None:
    from ggufeval.llama.client import ModelProcess

    with ModelProcess() as process:
        types = process.quantization_types()
    for name, bits in sorted(types.items(), key=lambda item: (-item[1], item[0])):
        click.echo(f"{name:10} {bits:7.4f}".rstrip("0").rstrip("."))
    click.echo(
        "\nBits per weight of the tensor type that the name promises, its scales included; "
        "`ggufeval models show FILE` measures a file's."
    )
