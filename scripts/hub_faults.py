"""What can go wrong between the hub and its client. Used by hub_stand_in.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

GRANTED = "hf_granted"
"""The token of somebody who may read gated repositories."""
STRANGER = "hf_stranger"
"""The token of somebody who may not. No other tokens are valid."""


@dataclass(frozen=True, eq=False)
class Fault:
    """What goes wrong with a request: set one of the fields after `times`."""

    request: str = ""
    """Searched in `METHOD /path?query`, a regular expression. An empty one is in every request."""
    times: int | None = None
    """The first so many requests that match; all of them where it is None."""

    status: int = 0
    """Answers this. 429 comes with the hub's headers, which say to wait `retry_after` seconds."""
    retry_after: int = 1
    gated: bool = False
    """Files only, since anybody may list them: 401 without a token, 403 for a STRANGER."""
    hang: bool = False
    """Takes the request and never answers."""
    drop: bool = False
    """Takes the request and closes the connection."""

    # These concern the bytes of files only.
    cut_after: int | None = None
    """Ends the connection after so many bytes of the body, if it is longer."""
    how: Literal["close", "reset", "stall"] = "close"
    """How `cut_after` does that: in good order (FIN), not (RST), or by sending no more."""
    wrong: bool = False
    """Changes the byte in the middle of the file."""
    short_by: int = 0
    """The file on the CDN lacks so many bytes at its end. Its Content-Length is true."""
    delay: float = 0.0
    """Seconds before each piece; a file has at least eight."""

    @property
    def of_body(self) -> bool:
        return bool(self.cut_after is not None or self.wrong or self.short_by or self.delay)


NO_FAULT = Fault(times=0)
NAMED = {
    "429": Fault(status=429, times=1),
    "429-always": Fault(status=429),
    "500": Fault(status=500),
    "503": Fault(status=503),
    "cut": Fault(cut_after=11 << 20, times=1),  # the client keeps whole 10 MiB
    "cut-always": Fault(cut_after=0),
    "drop": Fault(drop=True),
    "gated": Fault(gated=True),
    "hang": Fault(hang=True),
    "reset": Fault(cut_after=0, how="reset"),
    "short": Fault(short_by=1),
    "slow": Fault(delay=0.5),
    "stall": Fault(cut_after=0, how="stall"),
    "wrong": Fault(wrong=True),
}
"""What `--fault` takes."""
