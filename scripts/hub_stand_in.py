"""A stand-in for the Hugging Face hub, on 127.0.0.1, with the faults that the real one has.

    python scripts/hub_stand_in.py FOLDER [--port N] [--fault NAME ...]

Serves FOLDER/models/OWNER/NAME and FOLDER/datasets/OWNER/NAME, at `main` and at their commit, to
whoever sets HF_ENDPOINT to its address; NAME@ANYTHING is what NAME was before, at its commit alone.
As on the hub, large files (GGUF, parquet) come from a CDN: another origin, to which the client
sends no token. Here that is a second port.
"""

from __future__ import annotations

import argparse
import http.server
import json
import re
import signal
import socket
import struct
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qsl, quote, unquote

from hub_faults import GRANTED, NAMED, NO_FAULT, STRANGER, Fault
from hub_files import Blob, Repository

PIECE = 1 << 16
"""Bytes written at a time."""
NO_HEADERS: Mapping[str, str] = {}


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    """With the query."""
    range: str | None = None
    token: str | None = None

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class HubStandIn:
    """`with HubStandIn(folder) as server:` serves until the block ends."""

    def __init__(self, folder: Path, *, port: int = 0, log: bool = False) -> None:
        self.folder, self.log = folder, log
        self.faults: list[Fault] = []
        """May be changed at any time. The first that matches a request counts."""
        self.requests: list[Request] = []
        self.offered: dict[str, Blob] = {}
        """What the CDN has under which path: whatever was redirected there."""
        self.stopping = threading.Event()
        self._met: Counter[Fault] = Counter()
        self._lock = threading.Lock()
        self._servers = [_Server(self, port), _Server(self, 0)]
        self.url, self.cdn_url = (f"http://127.0.0.1:{each.server_port}" for each in self._servers)

    def __enter__(self) -> Self:
        for server in self._servers:
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Nobody listens any more. Harmless the second time."""
        if not self.stopping.is_set():
            self.stopping.set()
            for server in self._servers:
                server.shutdown()
                server.server_close()

    def repositories(self, kind: str) -> list[Repository]:
        folders = sorted((self.folder / kind).glob("*/*"))
        return [Repository(kind, path) for path in folders]

    def gate(self, repository: Repository) -> bool:
        request = f"GET {repository.page}/resolve/main/"
        return any(fault.gated and re.search(fault.request, request) for fault in self.faults)

    def next_fault(self, request: Request, *, of_body: bool) -> Fault:
        with self._lock:
            for fault in self.faults:
                left = fault.times is None or self._met[fault] < fault.times
                fits = fault.of_body == of_body and not fault.gated
                if left and fits and re.search(fault.request, str(request)):
                    self._met[fault] += 1
                    return fault
        return NO_FAULT


class _Server(http.server.ThreadingHTTPServer):
    def __init__(self, hub: HubStandIn, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.hub = hub

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # the client may hang up
            super().handle_error(request, client_address)


class _Handler(http.server.BaseHTTPRequestHandler):
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.hub = self.server.hub

    def do_GET(self) -> None:
        if self.path == "/api/agent-harnesses":
            # The client asks for this once a day, so it is in no list of requests, and no fault.
            self.reply_json({"standardEnvVars": [], "harnesses": {}})
            return
        token = self.headers.get("Authorization", "").removeprefix("Bearer ") or None
        self.asked = Request(self.command, self.path, self.headers.get("Range"), token)
        self.hub.requests.append(self.asked)
        fault = self.hub.next_fault(self.asked, of_body=False)
        if fault.hang:
            self.hub.stopping.wait()
        elif fault.status == 429:
            self.refuse_for_now(fault.retry_after)
        elif fault.status:
            self.refuse(fault.status, "", "Internal Error - We're working hard to fix this!")
        elif not fault.drop:
            self.route()

    do_HEAD = do_GET  # noqa: N815

    def route(self) -> None:
        path, _, text = self.path.partition("?")
        query = dict(parse_qsl(text))
        if path in self.hub.offered:
            self.reply_file(self.hub.offered[path], {})
        elif self.asked.token not in {None, GRANTED, STRANGER}:
            self.refuse(401, "", "Invalid credentials in Authorization header")
        elif match := re.fullmatch(r"/api/(models|datasets)", path):
            self.reply_json(self.found(match[1], query))
        elif match := re.fullmatch(r"/api/(models|datasets)/([^/]+/[^/]+)(|/.*)", path):
            if repository := self.repository(match[1], match[2]):
                self.reply_about(repository, match[3], query)
        elif match := re.fullmatch(r"/(datasets/|)([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            kind = match[1].strip("/") or "models"
            if repository := self.repository(kind, match[2], unquote(match[3])):
                self.resolve(repository, unquote(match[4]))
        else:
            self.refuse(404, "", "Sorry, we can't find the page you are looking for.")

    def repository(self, kind: str, name: str, revision: str = "main") -> Repository | None:
        """None where that is all that there is to say to the client; then it was said."""
        known = [each for each in self.hub.repositories(kind) if each.id == name]
        for each in known:
            if revision == each.commit or (revision == "main" and each.is_main):
                return each
        if known:
            self.refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        elif self.asked.token:
            self.refuse(404, "RepoNotFound", "Repository not found")
        else:
            # To an https address the hub sends no code: the client concludes the same from 401.
            self.refuse(401, "RepoNotFound", "Invalid username or password.")
        return None

    def found(self, kind: str, query: Mapping[str, str]) -> list[dict[str, Any]]:
        """Repositories with every word of the search in their names."""
        words = query.get("search", "").lower().split()
        summaries = [
            repository.summary()
            for repository in self.hub.repositories(kind)
            if repository.is_main
            and query.get("author") in {None, repository.id.split("/")[0]}
            and all(word in repository.id.lower() for word in words)
        ]
        return summaries[: int(query.get("limit", 1000))]

    def reply_about(self, repository: Repository, rest: str, query: Mapping[str, str]) -> None:
        _, what, revision, under = (*map(unquote, rest.split("/", 3)), "", "", "")[:4]
        yes = {name for name, value in query.items() if value.lower() in {"1", "true"}}
        if what == "auth-check":
            if self.let_in(repository):
                self.reply_json({})
        elif what not in {"", "revision", "tree"}:
            self.refuse(404, "", "Sorry, we can't find the page you are looking for.")
        elif at := self.repository(repository.kind, repository.id, revision or "main"):
            if what == "tree":
                tree = at.tree(under, recursive="recursive" in yes, expand="expand" in yes)
                self.reply_json(tree)
            else:
                self.reply_json(at.info(blobs="blobs" in yes, gated=self.hub.gate(at)))

    def let_in(self, repository: Repository) -> bool:
        if not self.hub.gate(repository) or self.asked.token == GRANTED:
            return True
        restricted = f"Access to {repository.kind[:-1]} {repository.id} is restricted"
        if self.asked.token is None:
            rest = "You must have access to it and be authenticated to access it. Please log in."
            self.refuse(401, "GatedRepo", f"{restricted}. {rest}")
        else:
            rest = f"Visit https://huggingface.co{repository.page} to ask for access."
            message = f"{restricted} and you are not in the authorized list. {rest}"
            self.refuse(403, "GatedRepo", message)
        return False

    def resolve(self, repository: Repository, name: str) -> None:
        if not self.let_in(repository):
            return
        about = {"X-Repo-Commit": repository.commit}
        blob = repository.files().get(name)
        if blob is None:
            self.refuse(404, "EntryNotFound", "Entry not found", about)
        elif blob.sha256 is None:
            self.reply_file(blob, about)
        else:
            path = f"/cdn/{blob.sha256}/{quote(name)}"
            self.hub.offered[path] = blob
            about |= {"X-Linked-Etag": f'"{blob.sha256}"', "X-Linked-Size": str(blob.size)}
            self.reply(302, about | {"Location": f"{self.hub.cdn_url}{path}"})

    def reply_file(self, blob: Blob, headers: Mapping[str, str]) -> None:
        get = self.command == "GET"
        fault = self.hub.next_fault(self.asked, of_body=True) if get else NO_FAULT
        start, end = 0, blob.size - fault.short_by
        status, about = 200, {"ETag": f'"{blob.etag}"', "Accept-Ranges": "bytes", **headers}
        if match := re.fullmatch(r"bytes=(\d+)-(\d*)", self.asked.range or ""):
            size, start = end, int(match[1])
            if start >= size:
                self.reply(416, about | {"Content-Range": f"bytes */{size}"})
                return
            end = min(size, int(match[2]) + 1) if match[2] else size
            status = 206
            about["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
        self.start_reply(status, about | {"Content-Length": str(end - start)})
        if get:
            self.send_body(blob, start, end, fault)

    def send_body(self, blob: Blob, start: int, end: int, fault: Fault) -> None:
        stop = end if fault.cut_after is None else min(end, start + fault.cut_after)
        piece = max(1, min(PIECE, (end - start) // 8))
        with blob.path.open("rb") as file:
            file.seek(start)
            while (at := file.tell()) < stop:
                time.sleep(fault.delay)
                data = bytearray(file.read(min(piece, stop - at)))
                if fault.wrong and at <= blob.size // 2 < at + len(data):
                    data[blob.size // 2 - at] ^= 1
                self.wfile.write(data)
        if stop < end and fault.how == "stall":
            self.hub.stopping.wait()
        elif stop < end and fault.how == "reset":
            no_linger = struct.pack("ii", 1, 0)  # makes close() send RST
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, no_linger)
            self.rfile.close()
            self.connection.close()

    def refuse(
        self, status: int, code: str, message: str, headers: Mapping[str, str] = NO_HEADERS
    ) -> None:
        about = {"X-Error-Message": message} | ({"X-Error-Code": code} if code else {})
        self.reply_json({"error": message}, status, {**about, **headers})

    def refuse_for_now(self, seconds: int) -> None:
        limits = {
            "Retry-After": str(seconds),
            "RateLimit": f'"api";r=0;t={seconds}',
            "RateLimit-Policy": '"fixed window";"api";q=500;w=300',
        }
        message = "We had to rate limit your IP (127.0.0.1). To continue using our service, ..."
        self.refuse(429, "", message, limits)

    def reply_json(
        self, value: object, status: int = 200, headers: Mapping[str, str] = NO_HEADERS
    ) -> None:
        about = {"Content-Type": "application/json; charset=utf-8"}
        self.reply(status, {**about, **headers}, json.dumps(value).encode())

    def reply(self, status: int, headers: Mapping[str, str], body: bytes = b"") -> None:
        self.start_reply(status, {"Content-Length": str(len(body)), **headers})
        if self.command != "HEAD":
            self.wfile.write(body)

    def start_reply(self, status: int, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        if self.hub.log:
            super().log_message(*args)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--fault", choices=NAMED, action="append", default=[], metavar="NAME")
    options = parser.parse_args()
    # A shell that starts it in the background has told it to ignore Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with HubStandIn(options.folder, port=options.port, log=True) as server:
        server.faults += [NAMED[name] for name in options.fault]
        print(f"HF_ENDPOINT={server.url}", flush=True)
        try:
            server.stopping.wait()
        except KeyboardInterrupt:
            print()


if __name__ == "__main__":
    main()
