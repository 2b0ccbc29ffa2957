"""What was tried on this machine, and what was found: kept in the cache, and found there again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from ggufeval.catalog import cache
from ggufeval.types import BuildInfo
from ggufeval.whole import whole

Found = dict[str, float]
"""Of a trial, by name: what is kept of it."""


class Trials:
    """What earlier ones found, and the place to try what they did not."""

    def __init__(
        self, build: BuildInfo, memory_limit: int | None, say: Callable[[str], None]
    ) -> None:
        self.memory_limit = memory_limit
        self.say = say
        self._began = False
        self._kept = False
        self._lost = False
        self._build = asdict(build)
        self._known = _known()

    def begin(self) -> None:
        if not self._began:
            self.say("Tuning, two minutes or three ...")
        self._began = True

    @property
    def how(self) -> str:
        """The choice is known, and whether the next one will know it."""
        if self._lost:
            return "not kept, since the cache cannot be written: the next trial may find another"
        if self._kept:
            return "kept for other runs"
        return "since nothing could be tried" if self._began else "known from an earlier trial"

    def once(self, facts: Sequence[object], names: set[str], find: Callable[[], Found]) -> Found:
        """What an earlier trial with these facts found, by these names; else what `find` does,
        which is kept unless it is empty."""
        key = hashlib.sha256(json.dumps([self._build, *facts]).encode()).hexdigest()
        if self._known.get(key, {}).keys() == names:
            return self._known[key]
        if found := find():
            if _keep(key, found):
                self._kept = True
            else:
                self._lost = True
        return found


def _path() -> Path:
    return cache.cache_folder() / "tuned.json"


def _known() -> dict[str, Found]:
    try:
        known = json.loads(_path().read_text(encoding="utf-8"))
        return {key: found for key, found in known.items() if _is_whole(found)}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}  # nobody tried yet, or it is not ours: tried again


def _is_whole(found: Found) -> bool:
    return all(type(n) in {int, float} and n > 0 for n in found.values())


def _keep(key: str, found: Found) -> bool:
    """Whether the next one will know it."""
    known = _known() | {key: found}
    with suppress(OSError), whole(_path()) as half:
        half.write_text(json.dumps(known, indent=1, sort_keys=True), encoding="utf-8")
        return True
    return False
