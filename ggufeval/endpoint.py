"""Where the hub is asked, and whether what is sent and fetched there is protected on its way."""

from __future__ import annotations

import ipaddress
import re
from typing import Any
from urllib.parse import urlsplit

from ggufeval.errors import UnprotectedError, UsageError


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


def follow_protected(client: Any) -> None:  # noqa: ANN401 - of whatever library the hub's client has
    """Have an HTTP client raise UnprotectedError before it goes where `check` would not let it:
    the hub redirects to other addresses."""
    hooks = client.event_hooks
    if _follow not in hooks["request"]:
        client.event_hooks = hooks | {"request": [*hooks["request"], _follow]}


def _follow(request: Any) -> None:  # noqa: ANN401
    try:
        check(str(request.url))
    except UsageError:
        raise UnprotectedError(
            f"The hub sends to {request.url.scheme}://{request.url.host}, where anybody on the way "
            "could read and change what comes. Check HF_ENDPOINT, or give the path of a GGUF."
        ) from None


def shown(text: str) -> str:
    """An address, or what was said of one, without a user's name and password or token in it."""
    return re.sub(r"(//)[^/@\s]*@|(Bearer )[^'\"]*", r"\1\2", text)
