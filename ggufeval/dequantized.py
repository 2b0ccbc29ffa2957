"""Quantized weights written out in F32 or F16, so that their arithmetic is no longer rounded.

What a file so made answers is what the level's weights know; what the level itself answers
otherwise is the doing of llama.cpp's kernels for quantized weights.
"""

from __future__ import annotations

import glob
from collections.abc import Callable
from pathlib import Path

from ggufeval import runner
from ggufeval.catalog.cache import DEQUANTIZED_FOLDER, models_folder
from ggufeval.catalog.files import file_sha256
from ggufeval.job import to_keep
from ggufeval.llama.client import ModelProcess
from ggufeval.store import Store
from ggufeval.types import QuestionSet, Recipe, Run, RunStatus

BYTES = {"F32": 4, "F16": 2}
"""A weight's, of each type that weights can be written out in."""


def path(model: runner.ModelFiles, kind: str) -> Path:
    """Where the weights of a model belong, written out: found by its hash, whatever its name."""
    folder = models_folder() / DEQUANTIZED_FOLDER
    end = f"-{model.sha256[:12]}-{kind}.gguf"
    there = sorted(folder.glob(f"[!.]*{glob.escape(end)}"))
    stem = model.parts[0].stem.partition("-00001-of-")[0]
    return there[0] if there else folder / f"{stem}{end}"


def make(
    model: runner.ModelFiles, kind: str, n_threads: int, say: Callable[[str], None]
) -> runner.ModelFiles:
    """The same weights in `kind`, written unless they are there. Raises ModelError."""
    target = path(model, kind)
    if not target.exists():
        with ModelProcess() as process:
            info = process.info(model.parts, model.sha256)
            size = BYTES[kind] * info.n_params / 1e9
            say(f"Writing out the weights of {info.label} as {kind}: {size:.2f} GB ({target}) ...")
            recipe = Recipe(dequantized=model.sha256)
            process.quantize(model.parts, target, kind, n_threads, recipe)
    return runner.ModelFiles((target,), file_sha256(target))


def finished(
    model: runner.ModelFiles,
    kind: str,
    questions: QuestionSet,
    store: Store,
    options: runner.Options,
) -> Run | None:
    """The finished run that the written-out weights would find again, where the file is gone.

    They have the vocabulary and the template of their source, and the store knows their hash: so
    what would be asked of them is known without writing them again. None where it lacks
    probabilities that are to be kept.
    """
    if options.force or path(model, kind).exists():
        return None
    runs = [
        run
        for run in store.runs()
        if (run.model.dequantized_from, run.model.quantization) == (model.sha256, kind)
        and run.status is RunStatus.DONE
    ]
    for sha256 in dict.fromkeys(run.model.sha256 for run in runs):
        wanted = runner.fingerprint(
            runner.ModelFiles(model.parts, sha256), questions, options
        ).digest
        if found := next((run for run in runs if run.fingerprint.digest == wanted), None):
            lacking = to_keep(questions, options.kld) - store.vocabularies(found.id)
            return None if lacking else found
    return None
