"""A recipe in llama.cpp's terms, held against the model that it is for."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import llama_cpp

from ggufeval.errors import ModelError, UsageError
from ggufeval.llama import gguf, imatrix, tensor_types
from ggufeval.llama.imatrix import ImatrixFile
from ggufeval.types import Recipe

Shapes = Mapping[str, tuple[int, int, int]]

_OUTPUT = "output.weight"
_EMBEDDINGS = ("token_embd.weight", "per_layer_token_embd.weight")
_NAMED = 3
"""Entries that an error names."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What goes into `llama_model_quantize_params`, and into the new file's metadata."""

    output_type: int
    embedding_type: int
    facts: Mapping[str, str | int]
    imatrix: Any = None
    """A C array that an empty item ends, or None."""
    _values: Sequence[imatrix.Floats] = field(default=(), repr=False)
    """What the array points to."""

    def put(self, params: Any) -> None:  # noqa: ANN401 - a ctypes structure
        params.output_tensor_type = self.output_type
        params.token_embedding_type = self.embedding_type
        if self.imatrix is not None:
            params.imatrix = self.imatrix


def terms(recipe: Recipe, parts: Sequence[Path]) -> Terms:
    """Raises UsageError for an unknown type, ModelError where type or matrix do not fit."""
    if recipe.is_plain:
        return Terms(tensor_types.none(), tensor_types.none(), {gguf.IMATRIX_KEY: ""})
    shapes = gguf.shapes(parts)
    matrix = imatrix.read(recipe.imatrix) if recipe.imatrix else None
    if matrix and recipe.imatrix:
        _check_matrix(matrix, recipe.imatrix, shapes, parts[0])
    output, embedding = _types(recipe, shapes, parts[0])
    measured = frozenset(matrix.entries if matrix else ())
    _check_type(output, (_OUTPUT,), shapes, measured, parts[0])
    _check_type(embedding, _EMBEDDINGS, shapes, measured, parts[0])
    facts: dict[str, str | int] = {gguf.IMATRIX_KEY: ""}
    if matrix is None or recipe.imatrix is None:
        return Terms(output, embedding, facts)
    # All four, since a source may have brought its own. As llama.cpp's tools/quantize writes them,
    # save that the file's folder is nobody's business.
    dataset = matrix.datasets[0] if matrix.datasets else ""
    name = recipe.imatrix_name or recipe.imatrix.name
    values = (name, dataset, len(matrix.entries), matrix.n_chunks)
    facts |= dict(zip(gguf.IMATRIX_KEYS, values, strict=True))
    facts[gguf.IMATRIX_KEY] = name
    means = [entry.means for entry in matrix.entries.values()]
    return Terms(output, embedding, facts, _array(list(matrix.entries), means), means)


def _array(names: Sequence[str], means: Sequence[imatrix.Floats]) -> Any:  # noqa: ANN401
    array = (llama_cpp.llama_model_imatrix_data * (len(names) + 1))()
    for item, name, values in zip(array, names, means, strict=False):
        item.name = name.encode()
        item.data = values.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
        item.size = values.size
    return array


def _check_matrix(matrix: ImatrixFile, path: Path, shapes: Shapes, model: Path) -> None:
    # llama.cpp itself would pass over names that it does not know.
    foreign = [name for name in matrix.entries if name.endswith(".weight") and name not in shapes]
    if foreign or not any(name in shapes for name in matrix.entries):
        shown = ", ".join((foreign or list(matrix.entries))[:_NAMED])
        raise ModelError(
            f"{path}: an importance matrix of {model} was expected; this one is of another model, "
            f"as it has entries for weights that are not there ({shown})."
        )
    for name, entry in matrix.entries.items():
        columns, _, matrices = shapes.get(name, (entry.sums.size, 0, 1))
        if entry.sums.size != columns * matrices:
            raise ModelError(
                f"{path}: an importance matrix of {model} was expected; this one is of another "
                f"model, as it has {entry.sums.size:,} values for {name}, which has "
                f"{columns * matrices:,} columns."
            )


def _types(recipe: Recipe, shapes: Shapes, model: Path) -> tuple[int, int]:
    """Of the output matrix and of the token embeddings, which some models have in one."""
    none = tensor_types.none()
    output = tensor_types.code(recipe.output_type) if recipe.output_type else none
    embedding = tensor_types.code(recipe.embedding_type) if recipe.embedding_type else none
    if _OUTPUT in shapes or output == none:
        return output, embedding
    if embedding not in {none, output}:
        raise UsageError(
            f"{model}: its output matrix is that of the token embeddings, so one type for both was "
            f"expected, found {recipe.output_type} and {recipe.embedding_type}. Leave out one."
        )
    return none, output


def _check_type(
    kind: int, names: Sequence[str], shapes: Shapes, measured: frozenset[str], model: Path
) -> None:
    """What would make llama.cpp abort, or write a tensor that nothing can read."""
    if kind == tensor_types.none():
        return
    block, called = tensor_types.block_size(kind), tensor_types.name(kind)
    for name in names:
        columns, _, _ = shapes.get(name, (0, 0, 0))
        if columns % block:
            raise ModelError(
                f"{model}: {name} has rows of {columns:,} weights, which are no multiple of "
                f"{called}'s blocks of {block}. Choose another type for it, such as Q8_0."
            )
        if columns and tensor_types.needs_matrix(kind) and name not in measured:
            raise ModelError(
                f"{model}: {name} cannot be made {called} without an importance matrix that has "
                "an entry for it. Choose another type for it, such as Q4_K."
            )
