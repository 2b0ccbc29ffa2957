"""The model's own process: it holds one model, answers requests, and may die alone.

A request is a `Request`, a reply a `Reply`; `stream` replies come before the last one. llama.cpp
and the C library write where they like, so the process's own output goes to a log (log.py).
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import traceback
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ggufeval import bounded
from ggufeval.errors import GgufevalError, WorkerError
from ggufeval.llama import limits, services
from ggufeval.llama.limits import Render
from ggufeval.types import (
    BuildInfo,
    EngineSettings,
    Memory,
    ModelDetails,
    ModelInfo,
    Prompt,
    Recipe,
    TokenizedPrompt,
    Tokens,
)

if TYPE_CHECKING:
    from ggufeval.llama.model import Model

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
GO_ON = "go on"
_PROMPTS = 500
"""That are sent at once."""


@dataclass(frozen=True, slots=True)
class Request:
    name: str
    args: tuple[Any, ...]
    pauses: frozenset[int] = frozenset()
    """Batches after which a stream stands still until the next request: GO_ON, or another one,
    which ends it."""


@dataclass(frozen=True, slots=True)
class Reply:
    value: Any = None
    error: GgufevalError | None = None
    last: bool = True


@dataclass(frozen=True, slots=True)
class Machine:
    build: BuildInfo
    supports_gpu_offload: bool
    gpus: tuple[str, ...] = ()
    """Names and descriptions of the devices that it can offload to."""


@dataclass(frozen=True, slots=True)
class Piece:
    """What a token stands for: bytes, which may be a part of a character only."""

    token: int
    spelled: bytes
    control: bool


def main(connection: Connection, log: int) -> None:
    """The process. Ends when the other end of the connection does. `log` is a file descriptor."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    _die_with_parent()
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.write(log, b"\n")  # so that a death at the start can be told from a later one
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            request: Request = connection.recv()
            _answer(connection, request)


def _die_with_parent() -> None:
    """On Linux at once; elsewhere the next message finds the connection closed."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _answer(connection: Connection, request: Request) -> None:
    try:
        _find_library()
        result = _SERVICES[request.name](*request.args)
        if isinstance(result, Generator):
            with contextlib.closing(result):  # a model is in it
                following = _stream(connection, result, request.pauses)
            if following:
                _answer(connection, following)
                return
            result = None
        connection.send(Reply(result))
    except GgufevalError as error:
        connection.send(Reply(error=error))
    except (BrokenPipeError, ConnectionResetError):
        raise
    except BaseException as error:  # noqa: BLE001 - whatever happens here, the parent is told
        traceback.print_exc()
        connection.send(Reply(error=WorkerError(f"{type(error).__name__}: {error}")))


def _stream(
    connection: Connection, values: Iterator[Any], pauses: frozenset[int]
) -> Request | None:
    """Send the values. Return the request that came in a pause in place of GO_ON, if one did:
    nobody wants the rest any more."""
    for value in values:
        connection.send(Reply(value, last=False))
        if pauses and value.position in pauses:
            request: Request = connection.recv()
            if request.name != GO_ON:
                return request
    return None


def _find_library() -> None:
    """Raises WorkerError where llama.cpp is not there, or does not load on this machine."""
    try:
        import llama_cpp  # noqa: F401
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and error.name == "llama_cpp":
            raise WorkerError(
                f"llama-cpp-python, which runs the models, is not installed in {sys.prefix}. "
                "Install it there: pip install llama-cpp-python."
            ) from error
        reason = " ".join(str(error).split()) or type(error).__name__
        raise WorkerError(
            f"llama-cpp-python, which runs the models, cannot be loaded: {reason}. Install the "
            "library that is missing, or build it anew on this machine: pip install "
            "--force-reinstall --no-cache-dir llama-cpp-python."
        ) from error


def _machine() -> Machine:
    from ggufeval.llama import capi

    capi.start()
    gpus = capi.devices(only_gpus=True)
    return Machine(capi.build_info(), capi.supports_gpu_offload(), gpus)


def _quantization_types() -> dict[str, float]:
    from ggufeval.llama import capi, tensor_types

    capi.start()
    return tensor_types.makeable()


def _info(paths: Sequence[Path], sha256: str) -> ModelInfo:
    from ggufeval.llama import capi, gguf

    capi.start()
    return gguf.read(paths, sha256)


def _details(paths: Sequence[Path], sha256: str) -> ModelDetails:
    from ggufeval.llama import capi, details

    capi.start()
    return details.read(paths, sha256)


def _memory(path: Path, settings: EngineSettings) -> Memory:
    from ggufeval.llama import capi, memory

    capi.start()
    return memory.measure(path, settings)


def _free_on_gpus() -> dict[str, int]:
    from ggufeval.llama import capi

    capi.start()
    return capi.free_memory()


def _quantize(
    parts: Sequence[Path], target: Path, quantization: str, n_threads: int, recipe: Recipe
) -> Iterator[tuple[int, int]]:
    from ggufeval.llama import capi, quantize

    capi.start()
    yield from quantize.steps(parts, target, quantization, n_threads, recipe)


def _imatrix(
    path: Path, text: str, dataset: str, target: Path, n_threads: int
) -> Iterator[tuple[int, int]]:
    from ggufeval.llama import capi, collector

    capi.start()
    yield from collector.collect(path, text, dataset, target, n_threads)


def _quantized_size(parts: Sequence[Path], quantization: str) -> int:
    from ggufeval.llama import capi, quantize

    capi.start()
    return quantize.predicted_size(parts, quantization)


def _tokenize(path: Path, render: Render) -> Iterator[list[TokenizedPrompt]]:
    """The prompts that `render` makes for this model, in its tokens, some at a time: all of MMLU's
    are 80 MB, which would lie here, in the pipe and beyond it. Loads the vocabulary alone."""
    from ggufeval.llama.model import Model

    return _in_tokens(path, render, Model.tokenize_prompts)


def _in_tokens(
    path: Path,
    render: Render,
    tokenize: Callable[[Model, Sequence[Prompt]], list[TokenizedPrompt]],
) -> Iterator[list[TokenizedPrompt]]:
    from ggufeval.llama import capi
    from ggufeval.llama.model import Model
    from ggufeval.llama.remarks import remarked

    capi.start()
    with Model(path, vocab_only=True) as model:
        prompts = limits.prompts(render, model.chat_template)
        for start in range(0, len(prompts), _PROMPTS):
            tokenized = tokenize(model, prompts[start : start + _PROMPTS])
            if not start:
                tokenized[:1] = [remarked(model, prompt) for prompt in tokenized[:1]]
            yield tokenized


def _pieces(path: Path, tokens: Tokens) -> list[Piece]:
    from ggufeval.llama import capi
    from ggufeval.llama.model import Model

    capi.start()
    with Model(path, vocab_only=True) as model:
        return [Piece(token, model.spelled(token), model.is_control(token)) for token in tokens]


def _tokenize_cloze(path: Path, render: Render) -> Iterator[list[TokenizedPrompt]]:
    """As `_tokenize`, with the prompts' answers as continuations."""
    from ggufeval.llama import cloze

    return _in_tokens(path, render, cloze.tokenize_prompts)


def _check_grammar(path: Path, gbnf: str) -> None:
    from ggufeval.llama import capi, grammar
    from ggufeval.llama.model import Model

    capi.start()
    with Model(path, vocab_only=True) as model, bounded.memory(limits.GRAMMAR_BYTES):
        grammar.first_tokens(model, gbnf)


def _prompt_seconds(
    path: Path, settings: EngineSettings, n_tokens: int, n_times: int, patience: float
) -> tuple[float, ...]:
    from ggufeval.llama import capi, promptspeed

    capi.start()
    return promptspeed.seconds(path, settings, n_tokens, n_times, patience)


def _oracle(
    path: Path, settings: EngineSettings, grammar: str, prompts: Sequence[TokenizedPrompt]
) -> dict[str, str]:
    from ggufeval.llama import capi, oracle

    capi.start()
    return oracle.letters(path, settings, grammar, prompts)


_SERVICES: dict[str, Callable[..., Any]] = {
    "machine": _machine,
    "quantization_types": _quantization_types,
    "info": _info,
    "details": _details,
    "memory": _memory,
    "free_on_gpus": _free_on_gpus,
    "quantize": _quantize,
    "imatrix": _imatrix,
    "quantized_size": _quantized_size,
    "tokenize": _tokenize,
    "tokenize_cloze": _tokenize_cloze,
    "pieces": _pieces,
    "check_grammar": _check_grammar,
    "score": services.score,
    "cloze": services.cloze,
    "generate": services.generate,
    "prompt_seconds": _prompt_seconds,
    "oracle": _oracle,
    "resident": services.resident,
    "peak_rss": services.peak_rss,
}
