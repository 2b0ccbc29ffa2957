"""All that a GGUF file says of itself, and what llama.cpp makes of it, for people to read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ggufeval.llama import gguf
from ggufeval.llama.model import Model
from ggufeval.types import ImportanceMatrix, ModelDetails


def read(paths: Sequence[Path], sha256: str = "") -> ModelDetails:
    """The details of a model in one file or in the parts of a split one. Loads no weights.

    Raises ModelError where a file is damaged, truncated, without weights or not supported.
    """
    info = gguf.read(paths, sha256)
    with Model(paths[0], vocab_only=True) as model:
        architecture = info.architecture
        n_heads = _number(model, f"{architecture}.attention.head_count")
        return ModelDetails(
            info=info,
            name=model.metadata("general.name"),
            licence=model.metadata("general.license"),
            quantized_by=model.metadata("general.quantized_by"),
            imatrix=_imatrix(model) if info.imatrix else None,
            n_layers=_number(model, f"{architecture}.block_count"),
            n_embd=_number(model, f"{architecture}.embedding_length"),
            n_heads=n_heads,
            n_heads_kv=_number(model, f"{architecture}.attention.head_count_kv") or n_heads,
            tokenizer=model.metadata("tokenizer.ggml.model"),
            pre_tokenizer=model.metadata("tokenizer.ggml.pre"),
            n_vocab=model.n_vocab,
            bos=model.bos,
            adds_bos=model.adds_bos,
            eos=model.eos,
            template=model.chat_template,
        )


def _imatrix(model: Model) -> ImportanceMatrix:
    file, dataset, n_entries, n_chunks = gguf.IMATRIX_KEYS
    return ImportanceMatrix(
        file=model.metadata(file),
        dataset=model.metadata(dataset),
        n_entries=_number(model, n_entries),
        n_chunks=_number(model, n_chunks),
    )


def _number(model: Model, key: str) -> int:
    text = model.metadata(key)
    return int(text) if text.isdecimal() else 0
