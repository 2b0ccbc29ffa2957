"""How fast the installed build is on one model, measured, with weights in either layout; beside it
what the processor can do."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from pathlib import Path

from ggufeval.doctor.finding import Finding, Group
from ggufeval.job import Options, engine_settings, gpu_layers
from ggufeval.llama.client import ModelProcess
from ggufeval.report.numerals import rate
from ggufeval.runner import ModelFiles
from ggufeval.tuning import layouts

N_TOKENS = 512
N_TIMES = 3
_PATIENCE_SECONDS = 10.0
_N_ROWS = 2048
"""Of the square matrices that are multiplied: large enough for a BLAS to be at its best."""

_WORTH_A_CHANGE = 1.1
"""What is not faster by so much may be chance."""

_SPEED = Group("speed")


def findings(model: ModelFiles) -> Iterator[Finding]:
    """The build's own prompt speed, the same without another layout of weights where it made one,
    then numpy's float32 product. Raises what llama.cpp raises."""
    with ModelProcess() as process:
        info = process.info(model.parts, model.sha256)
        settings = engine_settings(
            Options(),
            n_ctx=2 * N_TOKENS,
            n_seq_max=2,
            n_gpu_layers=gpu_layers(process.machine(), None),
        )
        path = Path(info.path)
        found, *plain = (
            process.prompt_seconds(path, layout, N_TOKENS, N_TIMES, _PATIENCE_SECONDS)
            for layout in layouts(path, settings)
        )
    seconds = statistics.median(found)
    per_second = N_TOKENS / seconds
    gflops = 2 * info.n_params * per_second / 1e9
    on = "all layers on the GPU" if settings.n_gpu_layers else f"{settings.n_threads} threads"
    yield _SPEED.ok(
        f"{info.label}, {on}: {N_TOKENS} tokens of a prompt in {seconds:.3g} s "
        f"({_of(len(found))}), {rate(per_second)} tokens/s, {rate(gflops)} GFLOP/s "
        "(2 x weights x tokens)",
        model=info.label,
        n_params=info.n_params,
        seconds=list(found),
        tokens_per_second=per_second,
        gflops=gflops,
        n_threads=settings.n_threads,
        n_gpu_layers=settings.n_gpu_layers,
    )
    for others in plain:
        yield _layout(seconds, statistics.median(others))
    yard = yardstick()
    yield _SPEED.ok(
        f"numpy's float32 matrix product on this processor: {rate(yard)} GFLOP/s, a yardstick",
        gflops=yard,
    )


def _layout(seconds: float, plain: float) -> Finding:
    """Whether llama.cpp's own layout of the weights pays here."""
    gain = seconds / plain
    measured = (
        f"With weights as they are in the file (--no-repack) {rate(N_TOKENS / plain)} tokens/s, "
        f"{gain:.2f} times as fast"
    )
    facts = {"tokens_per_second": N_TOKENS / plain, "gain": gain}
    if gain < _WORTH_A_CHANGE:
        return _SPEED.ok(f"{measured}: leave it out", **facts)
    return _SPEED.note(
        f"{measured}, and in less memory. It moves the logits, so all runs of a study "
        "should have it, or none.",
        **facts,
    )


def _of(n: int) -> str:
    return "once" if n == 1 else f"median of {n}"


def yardstick(n: int = _N_ROWS) -> float:
    """GFLOP/s of numpy's product of two n x n matrices of float32, the median of three."""
    import numpy as np

    rng = np.random.default_rng(0)
    one, other = (rng.random((n, n), dtype=np.float32) for _ in range(2))
    found = []
    for _ in range(1 + N_TIMES):  # the first warms up
        started = time.perf_counter()
        one @ other
        found.append(time.perf_counter() - started)
    return 2 * n**3 / statistics.median(found[1:]) / 1e9
