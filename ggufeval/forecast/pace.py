"""How fast a level would be on this machine, as earlier runs were."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ggufeval.readers import Reader
from ggufeval.types import BuildInfo, Pace, Run

_NEAR = 0.05
"""Two models are of one size, if their numbers of weights differ by no more of it."""
_LIKE = 0.1
"""Two runs are of one kind, if their tokens a question differ by no more of them."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What a speed depends on, the model aside. Equal builds name the same processor."""

    build: BuildInfo
    n_threads: int
    n_gpu_layers: int
    n_batch: int
    n_ubatch: int
    shots: int
    repack: bool
    reader: Reader


@dataclass(frozen=True, slots=True)
class Kind:
    """Of which model's speed one would like to know. Empty or 0: not known."""

    sha256: str = ""
    quantization: str = ""
    architecture: str = ""
    n_params: int = 0


def stored(
    runs: Iterable[Run], setting: Setting, kind: Kind, per_question: float | None = None
) -> Pace | None:
    """As a run of the same file, else of another one at the same level and size, was. `runs` come
    newest first.

    With `per_question`, tokens, only one that decoded as many a question: where fewer questions
    share the solved examples, or none do, a token takes another time.
    """
    alike = [run for run in runs if _is_alike(run, setting)]
    if per_question:
        alike = [run for run in alike if _is_like(run, setting, per_question)]
    same = [run for run in alike if run.model.sha256 == kind.sha256]
    near = [run for run in alike if _is_near(run, kind)]
    writes = bool(setting.reader.n_written)
    paces = [(run.n_done if writes else run.n_tokens) / run.seconds for run in same or near]
    if not paces:
        return None
    spread = (paces[0] / max(paces), paces[0] / min(paces)) if len(paces) > 1 else None
    return Pace(paces[0], (same or near)[0].id, spread=spread)


def _is_alike(run: Run, setting: Setting) -> bool:
    fingerprint, engine = run.fingerprint, run.fingerprint.engine
    wanted = setting.reader.conditions(())
    writes_alike = (
        not setting.reader.n_written
        or (fingerprint.prompt_style, fingerprint.max_tokens)
        == (setting.reader.prompt, wanted.max_tokens)
    )  # fmt: skip
    return (
        run.seconds > 0
        and fingerprint.read == setting.reader.name
        and fingerprint.build == setting.build
        and engine.n_threads == setting.n_threads
        and engine.n_gpu_layers == setting.n_gpu_layers
        and engine.repack == setting.repack
        and writes_alike
    )


def _is_like(run: Run, setting: Setting, per_question: float) -> bool:
    engine = run.fingerprint.engine
    return (
        (engine.n_batch, engine.n_ubatch) == (setting.n_batch, setting.n_ubatch)
        and run.fingerprint.shots == setting.shots
        and abs(run.n_tokens / run.n_done - per_question) <= _LIKE * per_question
    )


def _is_near(run: Run, kind: Kind) -> bool:
    model = run.model
    return (
        (model.quantization, model.architecture) == (kind.quantization, kind.architecture)
        and abs(model.n_params - kind.n_params) <= _NEAR * kind.n_params
    )  # fmt: skip
