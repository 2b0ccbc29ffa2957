"""Where fetched models, and the levels made from them, are kept."""

from __future__ import annotations

import os
import sys
from pathlib import Path

DEQUANTIZED_FOLDER = "dequantized"
"""Of `models_folder`: weights of any quantized model, written out."""


def cache_folder() -> Path:
    """`GGUFEVAL_CACHE`, or the platform's place for caches. Not created."""
    if chosen := os.environ.get("GGUFEVAL_CACHE"):
        return Path(chosen).expanduser().absolute()
    return _platform_folder(sys.platform) / "ggufeval"


def models_folder() -> Path:
    """One folder a model: the file that was fetched, and beside it the levels made from it."""
    return cache_folder() / "models"


def _platform_folder(platform: str) -> Path:
    home = Path.home()
    if platform == "darwin":
        return home / "Library" / "Caches"
    if platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    # The XDG specification: a relative path is invalid and is to be ignored.
    chosen = os.environ.get("XDG_CACHE_HOME", "")
    return Path(chosen) if Path(chosen).is_absolute() else home / ".cache"
