"""A GGUF of random weights, in any shape of the llama architecture, with another file's vocabulary.

    python scripts/make_model.py OUT.gguf --vocabulary ggml-vocab-llama-bpe.gguf \
        --template meta-llama-Llama-3.2-3B-Instruct.jinja --shape llama-3.2-1b

For speed, memory and plumbing, which do not depend on what the weights know. Options such as
--layers change the shape. `python scripts/llama3_files.py` fetches the two files of the example.
"""

from __future__ import annotations

import argparse
import math
import struct
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import gguf
import numpy as np
from gguf import GGMLQuantizationType, GGUFValueType, LlamaFileType

Floats: TypeAlias = "np.ndarray[tuple[int, ...], np.dtype[np.float32]]"
Bytes: TypeAlias = "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]"

FILE_TYPES = {
    "F32": LlamaFileType.ALL_F32,
    "F16": LlamaFileType.MOSTLY_F16,
    "BF16": LlamaFileType.MOSTLY_BF16,
}
_VERSIONS = (2, 3)
_CODES = {
    GGUFValueType.UINT8: "<B",
    GGUFValueType.INT8: "<b",
    GGUFValueType.UINT16: "<H",
    GGUFValueType.INT16: "<h",
    GGUFValueType.UINT32: "<I",
    GGUFValueType.INT32: "<i",
    GGUFValueType.FLOAT32: "<f",
    GGUFValueType.BOOL: "<?",
    GGUFValueType.UINT64: "<Q",
    GGUFValueType.INT64: "<q",
    GGUFValueType.FLOAT64: "<d",
}
_CHUNK = 1 << 24
"""Weights drawn at once: 64 MB."""
_RMS_EPSILON = 1e-5
_LOW_FREQUENCY, _HIGH_FREQUENCY, _ORIGINAL_CONTEXT = 1.0, 4.0, 8192
"""Of LLaMA 3.1 and 3.2's `rope_scaling`; the factor differs."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What `config.json` says of a llama model."""

    layers: int
    embedding: int
    heads: int
    kv_heads: int
    feed_forward: int
    context: int
    rope_base: float = 500_000.0
    rope_factor: float = 1.0
    """Of llama3's rope scaling; 1 is none."""
    tied: bool = False
    """The output matrix is that of the token embeddings."""

    @property
    def head(self) -> int:
        return self.embedding // self.heads


SHAPES = {
    # Rows of multiples of 256, which K-quants need. Tied, the embeddings would be stored as Q6_K
    # at every level, and be nearly all of so small a model.
    "tiny": Shape(2, 256, 4, 2, 4096, 8192),
    # meta-llama/Llama-3.2-1B-Instruct and -3B-Instruct `config.json`.
    "llama-3.2-1b": Shape(16, 2048, 32, 8, 8192, 131_072, rope_factor=32.0, tied=True),
    "llama-3.2-3b": Shape(28, 3072, 24, 8, 8192, 131_072, rope_factor=32.0, tied=True),
}


@dataclass(frozen=True, slots=True)
class Matrix:
    """Normally distributed weights."""

    name: str
    rows: int
    columns: int
    deviation: float


@dataclass(frozen=True, slots=True)
class Vector:
    """Weights that are what they are, in F32 at every type."""

    name: str
    values: Floats


Tensor: TypeAlias = Matrix | Vector


def tensors(shape: Shape, n_vocab: int) -> Iterator[Tensor]:
    """In the order of the file.

    Deviations keep the activations near 1 at any depth: 1/sqrt(columns), and less for what is
    added to the residual stream by each of the layers. Queries and keys are larger, so that
    attention looks at some tokens more than at others and questions get answers of their own.
    """
    wide, narrow = shape.embedding, shape.kv_heads * shape.head
    ones = np.ones(wide, dtype=np.float32)
    unit = 1 / math.sqrt(wide)
    sharp = 2 * unit
    added = 1 / math.sqrt(2 * shape.layers)
    if shape.rope_factor != 1:
        yield Vector("rope_freqs.weight", rope_factors(shape))
    yield Matrix("token_embd.weight", n_vocab, wide, unit)
    if not shape.tied:
        yield Matrix("output.weight", n_vocab, wide, unit)
    yield Vector("output_norm.weight", ones)
    for i in range(shape.layers):
        layer = f"blk.{i}"
        yield Vector(f"{layer}.attn_norm.weight", ones)
        yield Matrix(f"{layer}.attn_q.weight", wide, wide, sharp)
        yield Matrix(f"{layer}.attn_k.weight", narrow, wide, sharp)
        yield Matrix(f"{layer}.attn_v.weight", narrow, wide, unit)
        yield Matrix(f"{layer}.attn_output.weight", wide, wide, added * unit)
        yield Vector(f"{layer}.ffn_norm.weight", ones)
        yield Matrix(f"{layer}.ffn_gate.weight", shape.feed_forward, wide, unit)
        yield Matrix(f"{layer}.ffn_up.weight", shape.feed_forward, wide, unit)
        down = added / math.sqrt(shape.feed_forward)
        yield Matrix(f"{layer}.ffn_down.weight", wide, shape.feed_forward, down)


def rope_factors(shape: Shape) -> Floats:
    """What each rotation's frequency is divided by.

    Source: llama.cpp `conversion`, `rope_type` llama3: short wavelengths stay, long ones are
    divided by the factor, and those between lie between.
    """
    frequencies = shape.rope_base ** (-np.arange(0, shape.head, 2, dtype=np.float64) / shape.head)
    turns = _ORIGINAL_CONTEXT * frequencies / (2 * math.pi)
    smooth = (turns - _LOW_FREQUENCY) / (_HIGH_FREQUENCY - _LOW_FREQUENCY)
    smooth = np.clip(smooth, 0.0, 1.0)
    return (1 / ((1 - smooth) / shape.rope_factor + smooth)).astype(np.float32)


def draw(matrix: Matrix, kind: GGMLQuantizationType, rng: np.random.Generator) -> Bytes:
    """The matrix's bytes, a piece at a time: all of it in F32 would be twice as large."""
    columns = gguf.quant_shape_to_byte_shape((matrix.columns,), kind)[-1]
    result = np.empty((matrix.rows, columns), dtype=np.uint8)
    step = max(1, _CHUNK // matrix.columns)
    for start in range(0, matrix.rows, step):
        part = result[start : start + step]
        weights = rng.standard_normal((len(part), matrix.columns), dtype=np.float32)
        weights *= np.float32(matrix.deviation)
        part[:] = gguf.quantize(weights, kind).view(np.uint8)
    return result


def write(
    path: Path,
    shape: Shape,
    vocabulary: Path,
    *,
    template: str | None = None,
    kind: str = "F16",
    seed: int = 0,
) -> None:
    """Write the model; it appears under its name when it is complete."""
    half = path.with_name(f".{path.name}.part")
    writer = gguf.GGUFWriter(half, "llama")
    writer.add_name(path.stem)
    writer.add_file_type(FILE_TYPES[kind])
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    n_vocab = _copy_vocabulary(vocabulary, writer)
    if template is not None:
        writer.kv_data[0].pop(gguf.Keys.Tokenizer.CHAT_TEMPLATE, None)
        writer.add_chat_template(template)
    _add_shape(shape, n_vocab, writer)
    weights_type = GGMLQuantizationType[kind]
    for tensor in tensors(shape, n_vocab):
        _add_info(tensor, weights_type, writer)
    rng = np.random.default_rng(seed)
    try:
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        for tensor in tensors(shape, n_vocab):
            if isinstance(tensor, Vector):
                writer.write_tensor_data(tensor.values)
            else:
                writer.write_tensor_data(draw(tensor, weights_type, rng))
        writer.close()
        half.replace(path)
    finally:
        writer.close()
        half.unlink(missing_ok=True)


def _copy_vocabulary(source: Path, writer: gguf.GGUFWriter) -> int:
    """All that `source` says of its tokenizer, as it says it. Returns the number of tokens."""
    n_tokens = 0
    for name, kind, value in metadata(source):
        if name.startswith("tokenizer."):
            writer.add_key_value(name, value, kind)
        if name == gguf.Keys.Tokenizer.LIST:
            n_tokens = len(value)
    if not n_tokens:
        raise SystemExit(f"{source}: a vocabulary was expected, and the file has none.")
    return n_tokens


def metadata(path: Path) -> Iterator[tuple[str, GGUFValueType, Any]]:
    """Name, type and value of all that a GGUF's header says.

    `gguf.GGUFReader` gives the same after ten seconds, since it views each string by itself.
    """
    with path.open("rb") as file:
        magic, version, _, n_entries = struct.unpack("<IIQQ", file.read(24).ljust(24, b"\0"))
        if magic != gguf.GGUF_MAGIC or version not in _VERSIONS:
            raise SystemExit(f"{path}: a GGUF file of version 2 or 3 was expected.")
        for _ in range(n_entries):
            name = _value(file, GGUFValueType.STRING)
            kind = GGUFValueType(_value(file, GGUFValueType.UINT32))
            yield name, kind, _value(file, kind)


def _value(file: BinaryIO, kind: GGUFValueType) -> Any:
    if kind is GGUFValueType.STRING:
        return file.read(_value(file, GGUFValueType.UINT64)).decode()
    if kind is GGUFValueType.ARRAY:
        member, n = struct.unpack("<IQ", file.read(12))
        if member == GGUFValueType.UINT8:
            return file.read(n)  # bytes, which the writer takes for an array of this type
        return [_value(file, GGUFValueType(member)) for _ in range(n)]
    code = _CODES[kind]
    return struct.unpack(code, file.read(struct.calcsize(code)))[0]


def _add_shape(shape: Shape, n_vocab: int, writer: gguf.GGUFWriter) -> None:
    writer.add_vocab_size(n_vocab)
    writer.add_block_count(shape.layers)
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.embedding)
    writer.add_feed_forward_length(shape.feed_forward)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_key_length(shape.head)
    writer.add_value_length(shape.head)
    writer.add_rope_dimension_count(shape.head)
    writer.add_rope_freq_base(shape.rope_base)
    writer.add_layer_norm_rms_eps(_RMS_EPSILON)


def _add_info(tensor: Tensor, kind: GGMLQuantizationType, writer: gguf.GGUFWriter) -> None:
    if isinstance(tensor, Vector):
        values = tensor.values
        writer.add_tensor_info(tensor.name, values.shape, values.dtype, values.nbytes)
        return
    # Bytes' shape and type, which the writer turns back into those of the weights.
    shape = gguf.quant_shape_to_byte_shape((tensor.rows, tensor.columns), kind)
    size = math.prod(shape)
    writer.add_tensor_info(tensor.name, shape, np.dtype(np.uint8), size, raw_dtype=kind)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--vocabulary", type=Path, required=True, help="any GGUF")
    parser.add_argument("--template", type=Path, help="a chat template instead of its own")
    parser.add_argument("--type", choices=FILE_TYPES, default="F16")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--shape", choices=SHAPES, default="tiny")
    for field in fields(Shape):
        name = f"--{field.name.replace('_', '-')}"
        if field.name == "tied":
            parser.add_argument(name, action=argparse.BooleanOptionalAction)
        else:
            parser.add_argument(name, type=float if "rope" in name else int)
    options = parser.parse_args()
    given = {field.name: getattr(options, field.name) for field in fields(Shape)}
    given = {name: value for name, value in given.items() if value is not None}
    shape = replace(SHAPES[options.shape], **given)
    if shape.embedding % shape.heads or shape.heads % shape.kv_heads or shape.head % 2:
        parser.error(f"heads must divide the embedding evenly, kv heads the heads: {asdict(shape)}")
    template = None if options.template is None else options.template.read_text(encoding="utf-8")
    write(
        options.out,
        shape,
        options.vocabulary,
        template=template,
        kind=options.type,
        seed=options.seed,
    )
    size = options.out.stat().st_size
    print(f"{options.out}: {size / 1e9:.2f} GB", file=sys.stderr)


if __name__ == "__main__":
    main()
