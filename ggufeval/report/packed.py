"""What a page carries along, so that it needs no network: scripts and data, packed."""

from __future__ import annotations

import gzip
import json
from base64 import b64encode
from functools import cache
from hashlib import sha256
from importlib.resources import files

_GLOBALS = "Object.assign(window, { vega, vegaLite, vegaEmbed });"


def packed(text: str) -> str:
    """gzip in base64, one line: nothing in it can end the element that holds it."""
    return b64encode(gzip.compress(text.encode(), 9, mtime=0)).decode("ascii")


def packed_json(tree: object) -> str:
    return packed(json.dumps(tree, ensure_ascii=False, allow_nan=False, separators=(",", ":")))


def allowed(script: str) -> str:
    """The script's name in a Content-Security-Policy: no other runs."""
    return f"'sha256-{b64encode(sha256(script.encode()).digest()).decode('ascii')}'"


@cache
def page_script() -> str:
    return (files(__package__) / "page.js").read_text("utf-8")


@cache
def chart_library() -> str:
    """Vega, Vega-Lite and vega-embed, as vl-convert has them: 0.9 MB, two seconds."""
    import vl_convert

    return vl_convert.javascript_bundle(_GLOBALS)
