"""What `results_<date>.json` says of the samples beside it: model, version, shots.

As lm-eval 0.4.0 (`results.json`), 0.4.3, 0.4.9 and 0.4.13 write it. `lm_eval_version` is there
since 0.4.4 or so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path, PurePath
from typing import Any

from ggufeval.imports import documents
from ggufeval.imports.documents import Tree
from ggufeval.imports.log import UNKNOWN_SHOTS

__all__ = ["UNKNOWN_SHOTS", "About", "beside"]

_VERSION = re.compile(r"\d[\w.+-]{0,40}")
_BACKEND = re.compile(r"[\w.-]{1,40}")
_NAMED = re.compile(r"(?:^|,)(?:pretrained|model|path|peft|delta)=([^,]+)")


@dataclass(frozen=True, slots=True)
class About:
    model: str = ""
    backend: str = ""
    """What ran the model: `hf`, `vllm`, `gguf`."""
    version: str = ""
    created: str = ""
    tree: Tree = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def shots(self, task: str) -> int:
        value = self._of_task("n-shot", task)
        is_number = isinstance(value, int) and not isinstance(value, bool) and value >= 0
        return value if is_number else UNKNOWN_SHOTS

    def n_questions(self, task: str) -> int:
        """Of the whole task; 0: unknown."""
        value = self._of_task("n-samples", task)
        n = value.get("original") if isinstance(value, dict) else None
        return n if isinstance(n, int) and not isinstance(n, bool) and n > 0 else 0

    def _of_task(self, name: str, task: str) -> Any:  # noqa: ANN401 - whatever stands there
        """Before 0.4.3, a file's name ends in the task's."""
        found = self.tree.get(name)
        if not isinstance(found, dict):
            return None
        endings = [key for key in found if task == key or task.endswith(f"_{key}")]
        return found[max(endings, key=len)] if endings else None


def beside(samples: Path, date: str) -> About:
    """Of the file that belongs to samples of that date; empty where there is none.

    Raises DataError where there is one that cannot be read.
    """
    names = [f"results_{date}.json"] if date else ["results.json"]
    found = [samples.with_name(name) for name in names]
    if date and not found[0].is_file():  # a name of one's own: `--output_path NAME.json`
        found = sorted(samples.parent.glob(f"*_{date}.json"))
    if not found or not found[0].is_file():
        note = f"No results file lies beside {samples.name}: its version and shots are unknown."
        return About(notes=(note,))
    tree = documents.document(found[0])
    config = tree.get("config")
    config = config if isinstance(config, dict) else {}
    model = tree.get("model_name") or _model(config)
    return About(
        model=_plain(model) if isinstance(model, str) else "",
        backend=_like(_BACKEND, config.get("model")),
        version=_like(_VERSION, tree.get("lm_eval_version")),
        created=_created(tree.get("date")),
        tree=tree,
    )


def _like(pattern: re.Pattern[str], value: object) -> str:
    """Where a version cannot be told, the tool writes why instead."""
    return value if isinstance(value, str) and pattern.fullmatch(value) else ""


def _model(config: Tree) -> str:
    """Out of `pretrained=meta-llama/Llama-3.2-1B,dtype=bfloat16`."""
    arguments = config.get("model_args")
    if isinstance(arguments, dict):
        value = arguments.get("pretrained") or arguments.get("model")
        return value if isinstance(value, str) else ""
    found = _NAMED.search(arguments) if isinstance(arguments, str) else None
    return found[1] if found else ""


def _plain(name: str) -> str:
    """A path's last part: the rest is about a machine."""
    text = documents.encodable(name)
    is_path = text.startswith(("/", ".", "~")) or re.match(r"[A-Za-z]:\\", text)
    return PurePath(text.replace("\\", "/")).name if is_path else text


def _created(seconds: object) -> str:
    if isinstance(seconds, int | float) and 0 < seconds < 1e11:
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
    return ""
