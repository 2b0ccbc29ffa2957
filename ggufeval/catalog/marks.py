"""What file names say of levels that are made in another way than llama.cpp's usual one."""

from __future__ import annotations

from ggufeval.catalog.files import file_sha256
from ggufeval.types import Recipe

_DIGITS = 8
"""Of the matrix's hash: enough to tell a person's files apart."""


def mark(recipe: Recipe) -> str:
    """Empty for the usual way; `imatrix-0a1b2c3d-output-q8_0`.

    Raises ModelError where the matrix cannot be read.
    """
    said = []
    if recipe.imatrix:
        said.append(f"imatrix-{file_sha256(recipe.imatrix)[:_DIGITS]}")
    if recipe.output_type:
        said.append(f"output-{recipe.output_type.lower()}")
    if recipe.embedding_type:
        said.append(f"embeddings-{recipe.embedding_type.lower()}")
    return "-".join(said)
