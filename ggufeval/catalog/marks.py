"""What file names say of levels that are made in another way than llama.cpp's usual one."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ggufeval.catalog.files import file_sha256
from ggufeval.types import Recipe

_DIGITS = 8
"""Of the matrix's hash: enough to tell a person's files apart."""
_TYPE = r"(?:b?f|[it]?q|mxfp|nvfp)\d\w*"
"""ggml's types, in small letters."""
_MARKED = re.compile(
    rf"(?:-imatrix-(?P<imatrix>[0-9a-f]{{{_DIGITS}}}))?(?:-output-(?P<output_type>{_TYPE}))?"
    rf"(?:-embeddings-(?P<embedding_type>{_TYPE}))?-\w+\.gguf$"
)


@dataclass(frozen=True, slots=True)
class Mark:
    """What a level's file name says of its recipe. Empty: nothing out of the usual."""

    imatrix: str = ""
    """The first digits of its importance matrix's sha256."""
    output_type: str = ""
    embedding_type: str = ""


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


def read(name: str) -> Mark:
    """The mark in the name of a level's file, `MODEL-MARK-Q4_K_M.gguf`."""
    found = _MARKED.search(name)
    return Mark(**found.groupdict(default="")) if found else Mark()
