"""The importance matrix of a model over a text: what its weights are multiplied with, squared.

llama.cpp's scheduler calls back for every node of the graph that is asked for, when it has been
computed. Of each product with a weight of a layer, the squares of the other factor are summed by
column. Source: llama.cpp `tools/imatrix/imatrix.cpp`, `collect_imatrix` and `compute_imatrix`,
which sums in F32; this sums in F64 and rounds once.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import llama_cpp
import numpy as np
import numpy.typing as npt

from ggufeval.errors import DataError, ModelError, WorkerError
from ggufeval.llama import capi
from ggufeval.llama.imatrix import Entry, ImatrixFile, write
from ggufeval.llama.model import Model
from ggufeval.types import Span, Tokens

CHUNK = 512
"""Tokens, each chunk a text of its own: llama-imatrix's default."""
_FEWEST_CHUNKS = 2
_FEWEST_ROWS = 16  # smaller products are passed over, as there
_TYPE_F32 = 0  # ggml.h `ggml_type`
_DIMENSIONS = 4


class _Tensor(ctypes.Structure):
    """ggml.h `ggml_tensor`, as far as it is read; `_check_layout` holds it against ggml's own."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("buffer", ctypes.c_void_p),
        ("ne", ctypes.c_int64 * _DIMENSIONS),
        ("nb", ctypes.c_size_t * _DIMENSIONS),
        ("op", ctypes.c_int),
        ("op_params", ctypes.c_int32 * 16),
        ("flags", ctypes.c_int32),
        ("src", ctypes.c_void_p * 10),
        ("view_src", ctypes.c_void_p),
        ("view_offs", ctypes.c_size_t),
        ("data", ctypes.c_void_p),
        ("name", ctypes.c_char * 64),
    )


def collect(
    path: Path, text: str, dataset: str, target: Path, n_threads: int
) -> Iterator[tuple[int, int]]:
    """Write the matrix of a text, and meanwhile yield the chunks that are done, and all there are.

    `dataset` is what the file says of the text. Raises DataError where the text is too short,
    ModelError for a model with experts, whose products are of another kind.
    """
    with Model(path, vocab_only=True) as model:
        _check_experts(model)
        chunks = _chunks(model, text, dataset)
    with Model(path) as model, _Collector(model, n_threads) as collector:
        for done, chunk in enumerate(chunks, start=1):
            collector.decode(chunk)
            yield done, len(chunks)
        write(ImatrixFile(collector.entries(), (dataset,), len(chunks), CHUNK), target)


def _check_experts(model: Model) -> None:
    n_experts = model.metadata(f"{model.metadata('general.architecture')}.expert_count")
    if n_experts not in {"", "0"}:
        raise ModelError(
            f"{model.path}: a model without experts was expected, found one with {n_experts}. "
            "llama.cpp's llama-imatrix makes its importance matrix."
        )


def _chunks(model: Model, text: str, dataset: str) -> list[Tokens]:
    """Whole ones; each begins with BOS where the vocabulary wants one."""
    tokens = model.tokenize([Span(text)])
    if len(tokens) < _FEWEST_CHUNKS * CHUNK:
        raise DataError(
            f"{dataset}: a text of at least {_FEWEST_CHUNKS * CHUNK:,} tokens was expected, found "
            f"{len(tokens):,}. Take a longer one: some hundred thousand tokens are usual."
        )
    found = [tokens[at : at + CHUNK] for at in range(0, len(tokens) - CHUNK + 1, CHUNK)]
    if model.adds_bos:
        for chunk in found:
            chunk[0] = llama_cpp.llama_vocab_bos(model.vocab)
    return found


class _Collector:
    """Owns a context whose products it adds up. Use as a context manager."""

    def __init__(self, model: Model, n_threads: int) -> None:
        self._path = model.path
        self._sums: dict[str, npt.NDArray[np.float64]] = {}
        self._counts: dict[str, int] = {}
        self._failure: Exception | None = None
        self._mul_mat = _operation("MUL_MAT")
        self._is_checked = False
        params = llama_cpp.llama_context_default_params()
        params.n_ctx = params.n_batch = params.n_ubatch = params.n_outputs_max = CHUNK
        params.n_seq_max = 1
        params.n_threads = params.n_threads_batch = n_threads
        params.no_perf = True
        self._callback = llama_cpp.ggml_backend_sched_eval_callback(self._hear)
        params.cb_eval = self._callback
        self._handle = llama_cpp.llama_init_from_model(model.handle, params)
        if not self._handle:
            raise ModelError(f"{model.path}: llama.cpp cannot make a context: {capi.last_error()}.")
        self._batch = llama_cpp.llama_batch_init(CHUNK, 0, 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        llama_cpp.llama_batch_free(self._batch)
        llama_cpp.llama_free(self._handle)

    def decode(self, chunk: Tokens) -> None:
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(self._handle), True)
        batch = self._batch
        batch.n_tokens = len(chunk)
        for i, token in enumerate(chunk):
            batch.token[i], batch.pos[i] = token, i
            batch.n_seq_id[i], batch.seq_id[i][0] = 1, 0
            batch.logits[i] = True  # else the last layer would leave rows out
        status = llama_cpp.llama_decode(self._handle, batch)
        llama_cpp.llama_synchronize(self._handle)
        if self._failure is not None:
            raise self._failure
        if status != 0:
            raise WorkerError(
                f"{self._path}: llama_decode failed with status {status} ({capi.last_error()})."
            )

    def entries(self) -> dict[str, Entry]:
        """Raises ModelError where there are none."""
        if not self._sums:
            raise ModelError(f"{self._path}: llama.cpp computes no products with its layers.")
        return {
            name: Entry(sums.astype(np.float32), np.array([self._counts[name]], np.float32))
            for name, sums in self._sums.items()
        }

    def _hear(self, address: int, ask: bool, _user_data: object) -> bool:
        try:
            return self._heard(address, ask=ask)
        except Exception as error:  # noqa: BLE001 - C cannot; `decode` raises it
            self._failure = error
            return False  # which ends the computation

    def _heard(self, address: int, *, ask: bool) -> bool:
        node = _Tensor.from_address(address)
        if not self._is_checked:
            _check_layout(address)
            self._is_checked = True
        if node.op != self._mul_mat:
            return False
        weight, factor = (_Tensor.from_address(source) for source in node.src[:2])
        name = _weight_name(weight.name.decode("utf-8", errors="replace"))
        wanted = (
            name.startswith("blk.") and factor.type == _TYPE_F32 and factor.ne[1] >= _FEWEST_ROWS
        )
        if wanted and not ask:
            self._add(name, weight.ne[2] * weight.ne[3], _values(node.src[1], factor), weight.ne)
        return wanted

    def _add(
        self, name: str, n_matrices: int, values: npt.NDArray[np.float32], shape: Sequence[int]
    ) -> None:
        """`values` are [.., .., rows, columns]; each matrix of the weight has its own share."""
        squares = np.square(values, dtype=np.float64).sum(axis=2)
        sums = self._sums.setdefault(name, np.zeros((n_matrices, values.shape[3])))
        for i3, outer in enumerate(squares):
            for i2, row in enumerate(outer):
                sums[i3 % shape[3] * shape[2] + i2 % shape[2]] += row
        n_rows = values.shape[0] * values.shape[1] * values.shape[2]
        self._counts[name] = self._counts.get(name, 0) + n_rows // n_matrices


def _values(address: int, tensor: _Tensor) -> npt.NDArray[np.float32]:
    """A copy of a tensor's values, wherever they are: [ne3, ne2, rows, columns]."""
    shape, strides = tensor.ne[::-1], tensor.nb[::-1]
    size = strides[-1] + sum((n - 1) * step for n, step in zip(shape, strides, strict=True))
    data = np.empty(size, np.uint8)
    _backend().ggml_backend_tensor_get(address, data.ctypes.data, 0, size)
    return np.ndarray(tuple(shape), np.float32, data, strides=tuple(strides))


def _weight_name(name: str) -> str:
    """`CUDA0#blk.0.attn_k.weight#0`, a copy on a device -> `blk.0.attn_k.weight`."""
    return name.split("#")[1] if "#" in name else name


def _operation(name: str) -> int:
    lib = _backend()
    return next(op for op in range(256) if lib.ggml_op_name(op) == name.encode())


def _check_layout(address: int) -> None:
    """Raises WorkerError where ggml's structure is not what we take it for."""
    node, lib = _Tensor.from_address(address), _backend()
    expected = (
        (lib.ggml_get_name(address), address + _Tensor.name.offset),
        (lib.ggml_get_data(address), node.data),
        (lib.ggml_nelements(address), int(np.prod(node.ne))),
        (lib.ggml_element_size(address), lib.ggml_type_size(node.type)),
        (lib.ggml_op_desc(address), lib.ggml_op_name(node.op)),
    )
    *same, (described, named) = expected
    # GLU and unary nodes are described by what they compute.
    fits = described == named or named in {b"UNARY", b"GLU"}
    if not fits or any(theirs != ours for theirs, ours in same):
        raise WorkerError(
            f"llama-cpp-python {llama_cpp.__version__} has tensors of another layout than this "
            "version of ggufeval knows. llama.cpp's llama-imatrix makes importance matrices too."
        )


def _backend() -> Any:  # noqa: ANN401 - a ctypes library is untyped
    """libggml-base, with the prototypes of the calls that only this module makes."""
    lib = capi.ggml()
    p, size = ctypes.c_void_p, ctypes.c_size_t
    lib.ggml_backend_tensor_get.argtypes = [p, p, size, size]
    lib.ggml_backend_tensor_get.restype = None
    for name, result in {
        "ggml_get_name": p,
        "ggml_get_data": p,
        "ggml_nelements": ctypes.c_int64,
        "ggml_element_size": size,
        "ggml_op_desc": ctypes.c_char_p,
    }.items():
        getattr(lib, name).argtypes, getattr(lib, name).restype = [p], result
    lib.ggml_op_name.argtypes, lib.ggml_op_name.restype = [ctypes.c_int], ctypes.c_char_p
    return lib
