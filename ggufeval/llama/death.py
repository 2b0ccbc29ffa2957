"""Why a model's process died, in a sentence."""

from __future__ import annotations

import signal

from ggufeval.errors import ModelError, WorkerError
from ggufeval.llama.limits import GRAMMAR_SECONDS


def explained(code: int | None, log: str) -> WorkerError | ModelError:
    """`code` is the exit status, negative for a signal; `log` is what the process printed."""
    if not log and code is not None and code > 0:
        return WorkerError(
            f"the model's process ended at its start (exit status {code}); what it printed "
            "says why. A script that uses ggufeval must do so under "
            '`if __name__ == "__main__":`.'
        )
    said = log.strip().splitlines()
    last = next((line for line in reversed(said) if "GGML_ASSERT" in line), None)
    last = last or (said[-1] if said else "it left no message")
    if code is not None and code == -signal.SIGABRT:
        return ModelError(
            f"llama.cpp aborted on this model: {last}. The file is broken, or this build of "
            "llama.cpp supports neither it nor these settings."
        )
    if code is not None and code == -signal.SIGILL:
        return WorkerError(
            "llama.cpp was built for another processor than this one (illegal instruction). "
            "Build it anew on this machine: pip install --force-reinstall --no-cache-dir "
            "llama-cpp-python."
        )
    if code is not None and code == -getattr(signal, "SIGKILL", 9):
        return WorkerError(
            "the model's process was killed, most likely for want of memory: "
            "use a smaller model, -c or -b. Repeat the command to go on."
        )
    if code is not None and code == -getattr(signal, "SIGALRM", 14):
        return WorkerError(
            f"llama.cpp took more than {GRAMMAR_SECONDS:.0f} seconds over the grammar. Make it "
            "smaller: fewer repetitions, fewer ways to the same text."
        )
    return WorkerError(f"the model's process died (exit status {code}): {last}.")
