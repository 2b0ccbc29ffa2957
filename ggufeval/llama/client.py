"""What the rest of the house talks to: a model's process, from outside."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from ggufeval import bounded
from ggufeval.errors import DataError, ModelError, PromptError, WorkerError
from ggufeval.llama import death, limits, starting, worker
from ggufeval.llama.limits import Render
from ggufeval.llama.log import Log
from ggufeval.llama.services import BatchOf
from ggufeval.llama.worker import Machine, Piece, Reply, Request
from ggufeval.types import (
    AnswerForm,
    ClozeScores,
    EngineSettings,
    Generation,
    LetterScores,
    Memory,
    ModelDetails,
    ModelInfo,
    Plan,
    Recipe,
    Sampling,
    TokenizedPrompt,
    Tokens,
)

_GRACE_SECONDS = 5.0


class ModelProcess:
    """Owns one worker process. Use as a context manager; leaving it ends the process.

    Every method raises what the worker raised, or WorkerError where the process died.
    """

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._log = Log()
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=worker.main, args=(theirs, self._log), daemon=True)
        try:
            starting.start(self._process)
        except OSError as error:
            self._log.close()
            raise WorkerError(
                f"the model's process cannot be started: {error.strerror or error}. "
                "Close other programs and repeat the command."
            ) from error
        theirs.close()  # else its end would stay open here and its death go unnoticed

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()
        if self._process.is_alive():
            self._process.terminate()
        self._process.join(_GRACE_SECONDS)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._log.close()

    # --- services ---

    def machine(self) -> Machine:
        value: Machine = self._call("machine")
        return value

    def quantization_types(self) -> dict[str, float]:
        """All that llama.cpp's quantizer makes -> nominal bits per weight."""
        value: dict[str, float] = self._call("quantization_types")
        return value

    def info(self, paths: Sequence[Path], sha256: str = "") -> ModelInfo:
        value: ModelInfo = self._header("info", paths[0], tuple(paths), sha256)
        return value

    def details(self, paths: Sequence[Path], sha256: str = "") -> ModelDetails:
        value: ModelDetails = self._header("details", paths[0], tuple(paths), sha256)
        return value

    def memory(self, path: Path, settings: EngineSettings) -> Memory:
        """What scoring with these settings will take. No weights are read for it."""
        value: Memory = self._header("memory", path, path, settings)
        return value

    def free_on_gpus(self) -> dict[str, int]:
        """Bytes by the device's name (`CUDA0`)."""
        value: dict[str, int] = self._call("free_on_gpus")
        return value

    def quantize(
        self,
        parts: Sequence[Path],
        target: Path,
        quantization: str,
        n_threads: int,
        recipe: Recipe | None = None,
        *,
        progress: Callable[[int, int], None] = lambda *_: None,
    ) -> Path:
        """`progress` is called with the tensors that are done, and with all there are."""
        recipe = recipe or Recipe()
        self._send("quantize", tuple(parts), target, quantization, n_threads, recipe)
        while not (reply := self._receive()).last:
            progress(*reply.value)
        return target

    def imatrix(
        self,
        path: Path,
        text: Path,
        target: Path,
        n_threads: int,
        *,
        progress: Callable[[int, int], None] = lambda *_: None,
    ) -> None:
        """Write a model's importance matrix over a text file.

        `progress` is called with the chunks of the text that are done, and with all there are.
        """
        try:
            content = bounded.text(text, limits.CORPUS_BYTES)
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is not UTF-8"
            raise DataError(
                f"{text}: a text was expected, but it cannot be read: {why}."
            ) from error
        self._send("imatrix", path, content, text.name, target, n_threads)
        while not (reply := self._receive()).last:
            progress(*reply.value)

    def quantized_size(self, parts: Sequence[Path], quantization: str) -> int:
        """What `quantize` would write, in bytes, about; 0 where llama.cpp does not say."""
        value: int = self._call("quantized_size", tuple(parts), quantization)
        return value

    def tokenize(
        self,
        path: Path,
        render: Render,
        *,
        timeout: float | None = None,
        template: str = "its chat template",
        cloze: bool = False,
    ) -> list[TokenizedPrompt]:
        """Prompts as `render` makes them from the model's chat template, in its tokens.

        `cloze`: their answers are texts of any length, and become continuations.

        A template is somebody else's program: PromptError, which calls it `template`, when its
        prompts are not all here after `timeout` seconds.
        """
        self._send("tokenize_cloze" if cloze else "tokenize", path, render)
        end = None if timeout is None else time.monotonic() + timeout
        found: list[TokenizedPrompt] = []
        while self._answers(None if end is None else max(end - time.monotonic(), 0.0)):
            if (reply := self._receive()).last:
                return found
            found += reply.value
        raise PromptError(
            f"{path}: {template} did not finish within {timeout:.0f} seconds. Use --prompt mmlu."
        )

    def pieces(self, path: Path, tokens: Tokens) -> list[Piece]:
        """What each of these tokens stands for."""
        value: list[Piece] = self._header("pieces", path, path, tokens)
        return value

    def check_grammar(self, path: Path, gbnf: str) -> None:
        """Raises ModelError where llama.cpp cannot read it, WorkerError where it does not find its
        first tokens within GRAMMAR_SECONDS, or dies of it. Loads the vocabulary alone."""
        self._send("check_grammar", path, gbnf)
        if not self._answers(limits.GRAMMAR_SECONDS):
            raise WorkerError(
                "llama.cpp was not through with the grammar within "
                f"{limits.GRAMMAR_SECONDS:.0f} seconds. Make it smaller: fewer repetitions, fewer "
                "ways to the same text."
            )
        self._receive()

    def score(
        self,
        path: Path,
        settings: EngineSettings,
        forms: Sequence[AnswerForm],
        plan: Plan,
        done: frozenset[int] = frozenset(),
        *,
        kept: frozenset[str] = frozenset(),
    ) -> Iterator[BatchOf[LetterScores]]:
        """Scores batch by batch, in the plan's order, those in `done` (positions) left out.

        Those of the questions in `kept` (ids) hold the whole vocabulary.
        """
        return self._stream(plan, "score", path, settings, tuple(forms), plan, done, kept)

    def generate(
        self,
        path: Path,
        settings: EngineSettings,
        sampling: Sampling,
        grammars: Mapping[str, str | None],
        plan: Plan,
        *,
        done: frozenset[int] = frozenset(),
    ) -> Iterator[BatchOf[Generation]]:
        """Texts batch by batch, as `score`. `grammars`: question id -> GBNF, where it has one."""
        args = path, settings, sampling, dict(grammars), plan, done
        return self._stream(plan, "generate", *args)

    def cloze(
        self,
        path: Path,
        settings: EngineSettings,
        plan: Plan,
        done: frozenset[int] = frozenset(),
    ) -> Iterator[BatchOf[ClozeScores]]:
        """Likelihoods of the continuations batch by batch, as `score`."""
        return self._stream(plan, "cloze", path, settings, plan, done)

    def prompt_seconds(
        self, path: Path, settings: EngineSettings, n_tokens: int, n_times: int, patience: float
    ) -> tuple[float, ...]:
        """llama.cpp's own prompt speed: see `promptspeed.seconds`."""
        return tuple(self._call("prompt_seconds", path, settings, n_tokens, n_times, patience))

    def oracle(
        self, path: Path, settings: EngineSettings, grammar: str, prompts: Sequence[TokenizedPrompt]
    ) -> dict[str, str]:
        """Letters by llama-cpp-python's own sampling: see `oracle.letters`."""
        value: dict[str, str] = self._call("oracle", path, settings, grammar, tuple(prompts))
        return value

    def resident(self) -> int:
        """Bytes that the process has in memory now."""
        value: int = self._call("resident")
        return value

    def peak_rss(self) -> int:
        value: int = self._call("peak_rss")
        return value

    # --- the wire ---

    def _call(self, name: str, *args: Any) -> Any:  # noqa: ANN401
        self._send(name, *args)
        return self._receive().value

    def _header(self, name: str, path: Path, *args: Any) -> Any:  # noqa: ANN401
        """As `_call`; ModelError where it takes longer than any header does."""
        self._send(name, *args)
        if not self._answers(limits.HEADER_SECONDS):
            raise ModelError(
                f"{path}: llama.cpp was not through with its header within "
                f"{limits.HEADER_SECONDS:.0f} seconds. The file is broken, or its disk stands "
                "still: check the disk, or download the file again."
            )
        return self._receive().value

    def _stream(self, plan: Plan, name: str, *args: Any) -> Iterator[Any]:  # noqa: ANN401
        """What each batch gave. At a stop of the plan the worker waits to be asked for more, so
        that whoever leaves a stream alone there leaves the cores to others."""
        pauses = frozenset(stop - 1 for stop in plan.stops)
        self._send(name, *args, pauses=pauses)
        while not (reply := self._receive()).last:
            yield reply.value
            if reply.value.position in pauses:
                self._send(worker.GO_ON)

    def _send(self, name: str, *args: Any, pauses: frozenset[int] = frozenset()) -> None:  # noqa: ANN401
        try:
            self._connection.send(Request(name, args, pauses))
        except (BrokenPipeError, ConnectionResetError):
            raise self._death() from None

    def _answers(self, timeout: float | None) -> bool:
        try:
            return self._connection.poll(timeout)
        except BrokenPipeError:  # Windows; elsewhere a closed end has something to say
            raise self._death() from None

    def _receive(self) -> Reply:
        try:
            reply: Reply = self._connection.recv()
        except (EOFError, ConnectionResetError):
            raise self._death() from None
        if reply.error is not None:
            raise reply.error
        return reply

    def _death(self) -> WorkerError | ModelError:
        self._process.join(_GRACE_SECONDS)
        return death.explained(self._process.exitcode, self._log.read())
