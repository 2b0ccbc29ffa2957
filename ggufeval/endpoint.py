"""Where the hub is asked, and whether what is sent and fetched there is protected on its way."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from ggufeval.errors import UsageError


def check(endpoint: str) -> None:
    """Raise UsageError unless it is an https address, or one of this machine's own.

    Over plain http anybody on the way could read the token that is sent, and change what comes.
    """
    parts = urlsplit(endpoint)
    if parts.scheme == "https" or (parts.scheme == "http" and _is_here(parts.hostname or "")):
        return
    raise UsageError(
        f"HF_ENDPOINT={shown(endpoint)}: an address with https:// was expected (http:// only on "
        "this machine), since a token and models travel over it. Change or unset HF_ENDPOINT."
    )


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def shown(text: str) -> str:
    """An address, or what was said of one, without a user's name and password in it."""
    return re.sub(r"//[^/@\s]*@", "//", text)
