"""The Hugging Face hub: what it lists, and the bytes. The only file that imports its client."""

from __future__ import annotations

import http
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Self, TypeGuard

from ggufeval import endpoint
from ggufeval.catalog import hubcache, waits
from ggufeval.catalog.entries import nearest
from ggufeval.catalog.repository import HubFile, Listing, models
from ggufeval.errors import ModelError, UnavailableError, UnprotectedError, UnreachableError

if TYPE_CHECKING:
    from types import ModuleType

Say = Callable[[str], None]

_OFFLINE = "--offline or HF_HUB_OFFLINE forbids to fetch anything"
_LIST_SECONDS = 20.0
_NEAR_SECONDS = 5.0
_LOCK_SECONDS = 2.0
_PIECE = 1 << 18


def cache() -> Path:
    """Where the hub's client keeps what it fetched (`HF_HOME`, `HF_HUB_CACHE`)."""
    return Path(_client().constants.HF_HUB_CACHE)


def is_offline() -> bool:
    """Whether `HF_HUB_OFFLINE` forbids to ask the hub."""
    return bool(_client().constants.is_offline_mode())


def address() -> str:
    """The hub that is asked (`HF_ENDPOINT`), to be shown."""
    return endpoint.shown(_client().constants.ENDPOINT)


def has_token() -> bool:
    """Whether there is one (`HF_TOKEN`, or a login); whether it is any good, nobody asks."""
    return _client().get_token() is not None


def silence(seconds: float) -> str:
    """Why the hub does not answer whoever asks without a token; empty where it does."""
    try:
        _models(seconds, {"limit": 1})
    except Exception as error:  # noqa: BLE001 - of whatever library is below the client
        return _said(error)
    return ""


def listing(
    repository: str, wanted: tuple[str, ...] = (), *, offline: bool = False, commit: str = ""
) -> Listing:
    """The models of `OWNER/REPO` on its branch `main`; offline, or where the hub cannot be reached
    and the cache holds some, those in the cache, at the commit that has what is wanted. With
    `commit`, those at that one and at no other.

    Raises UnavailableError where there is no such repository or commit or no access to it,
    UnreachableError where the hub does not answer, ModelError where the repository, or offline the
    cache, has no GGUF model.
    """
    if offline:
        return hubcache.listing(cache(), repository, wanted, _OFFLINE, commit)
    try:
        return _online(repository, commit)
    except UnreachableError as error:
        try:
            return hubcache.listing(cache(), repository, wanted, error.reason, commit)
        except ModelError:
            raise error from None


def receive(
    the_listing: Listing, file: HubFile, stream: BinaryIO, moved: Callable[[int], None], say: Say
) -> None:
    """Append to `stream` what it lacks of the file, and tell `moved` how much it holds by then.

    The client tries again where a connection ends in order or stands still, but not where it
    breaks. Raises ModelError where the hub fails; an OSError is the disk's.
    """
    client = _asked()
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

    # Its own 10 MB are a minute on a slow line, in which nothing would move, and all would be lost.
    client.constants.DOWNLOAD_CHUNK_SIZE = _PIECE
    try:
        with waits.told(say):
            http_get(
                client.hf_hub_url(the_listing.repository, file.name, revision=the_listing.commit),
                stream,
                resume_size=stream.tell(),
                headers=build_hf_headers(),
                tqdm_class=_Bar(moved),  # type: ignore[arg-type]
            )
    except Exception as error:
        if _is_the_disks(error):
            raise
        found = _explained(error, the_listing.repository)
        if not isinstance(found, UnreachableError):
            raise found from error
        raise UnreachableError(
            f"{the_listing.repository}/{file.name}: the download stopped after "
            f"{stream.tell() / 1e6:,.1f} of {file.size_bytes / 1e6:,.1f} MB ({_said(error)})",
            "What has come is kept: repeat the command to go on.",
        ) from error
    finally:
        stream.flush()


def receive_small(the_listing: Listing, file: HubFile) -> None:
    """Fetch a file that the hub keeps in git, of which it tells no sha256, by the client alone."""
    client = _asked()
    try:
        client.hf_hub_download(
            the_listing.repository, file.name, revision=the_listing.commit, tqdm_class=_Bar()
        )
    except Exception as error:
        if _is_the_disks(error):
            raise
        raise _explained(error, the_listing.repository) from error


@contextmanager
def lock(path: Path, wait: Callable[[], None]) -> Iterator[None]:
    """The client's own lock of a file; `wait` is called where another process holds it."""
    from huggingface_hub.utils import WeakFileLock  # type: ignore[attr-defined]

    path.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        try:
            stack.enter_context(WeakFileLock(path, timeout=_LOCK_SECONDS))
        except TimeoutError:
            wait()
            stack.enter_context(WeakFileLock(path))
        yield


class _Bar:
    """In the form of a bar that the client can fill."""

    def __init__(self, moved: Callable[[int], None] = lambda _: None) -> None:
        self._done, self._moved = 0, moved

    def __call__(self, *, initial: int = 0, **_: object) -> Self:
        self._done = 0
        self.update(initial)
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def update(self, n: float | None = 1) -> None:
        self._done += int(n or 0)
        self._moved(self._done)


def _client() -> ModuleType:
    """huggingface_hub, which reads its variables when it is imported: late, and silent."""
    import huggingface_hub
    from huggingface_hub.utils.logging import set_verbosity_error

    set_verbosity_error()  # type: ignore[no-untyped-call]
    return huggingface_hub


def _asked() -> ModuleType:
    """The client, where it may go out. Raises UsageError for an unprotected endpoint."""
    client = _client()
    endpoint.check(client.constants.ENDPOINT)
    endpoint.follow_protected(client.get_session())
    return client


def _online(repository: str, commit: str) -> Listing:
    from huggingface_hub import errors

    client = _asked()
    try:
        info = client.HfApi().model_info(
            repository, revision=commit or None, files_metadata=True, timeout=_LIST_SECONDS
        )
        files = [
            HubFile(sibling.rfilename, sibling.size or 0, sibling.lfs.sha256 if sibling.lfs else "")
            for sibling in info.siblings
        ]
    except Exception as error:
        if commit and isinstance(error, errors.RevisionNotFoundError):
            raise UnavailableError(
                f"{repository} has no commit {commit} on {address()}, or has it no longer."
            ) from error
        raise _explained(error, repository) from error
    if not info.sha:
        raise _explained(ValueError("no commit"), repository)
    found = models(repository, files)
    if not found:
        raise UnavailableError(
            f"{repository}: a repository with .gguf files was expected, and it has none. Look for "
            f"one of the same model, mostly called {repository.split('/')[1]}-GGUF."
        )
    return Listing(repository, info.sha, found, is_main=not commit)


# --- what went wrong -----------------------------------------------------------------------


def _is_the_disks(error: Exception) -> TypeGuard[OSError]:
    """The client's own errors are OSErrors too, without a number."""
    return isinstance(error, OSError) and error.errno is not None


def _explained(error: Exception, repository: str) -> ModelError:  # noqa: PLR0911 - a return a kind
    """Whatever the client or its HTTP library raised, as a sentence.

    The library has been requests, httpx and httpx2 so far, so its errors are not told apart.
    """
    from huggingface_hub import errors

    if isinstance(error, errors.LocalEntryNotFoundError) and isinstance(error.__cause__, Exception):
        error = error.__cause__  # it means that the hub was asked in vain, and this is why
    hub = address()
    if isinstance(error, UnprotectedError):
        return error
    if _is_the_disks(error):
        return ModelError(f"{error.filename}: cannot be read: {error.strerror}. Check HF_HOME.")
    if isinstance(error, errors.HFValidationError):
        return UnavailableError(f"{repository}: OWNER/REPO was expected, as the hub can have it.")
    if isinstance(error, errors.GatedRepoError):
        return UnavailableError(
            f"{repository} is gated: its owner wants to know who downloads it. {_access()}, or "
            "take another repository of the same model."
        )
    if isinstance(error, errors.RepositoryNotFoundError):
        return UnavailableError(
            f"{repository}: no such repository on {hub}, or a private one{_near(repository)}"
        )
    if isinstance(error, errors.RevisionNotFoundError | errors.EntryNotFoundError):
        return ModelError(f"{repository} has changed since it was listed. Run again.")
    status = _status(error)
    if status in (401, 403):
        return UnavailableError(
            f"{repository}: {hub} refuses access ({_said(error)}). Check HF_TOKEN, or log in "
            "again with `hf auth login`."
        )
    return UnreachableError(
        f"{hub} could not be asked for {repository} ({_said(error)})", _advice(error, status)
    )


def _access() -> str:
    if _client().get_token() is None:
        return "Set HF_TOKEN, or log in with `hf auth login`"
    return "The token at hand has no access: ask for it on the repository's page"


def _advice(error: Exception, status: int) -> str:
    otherwise = "or give the path of a GGUF."
    if status == http.HTTPStatus.TOO_MANY_REQUESTS:
        wait = re.search(r"Retry after (\d+ seconds)", str(error))
        return f"Run again in {wait[1] if wait else 'five minutes'}, set HF_TOKEN, {otherwise}"
    if status >= 500:
        return f"Run again later, {otherwise}"
    return f"Check the network and HF_ENDPOINT, {otherwise}"


def _status(error: Exception) -> int:
    """What the hub answered; 0 where it did not."""
    return getattr(getattr(error, "response", None), "status_code", None) or 0


def _said(error: Exception) -> str:
    if status := _status(error):
        with suppress(ValueError):
            return f"{status} {http.HTTPStatus(status).phrase}"
        return str(status)
    if isinstance(error, ValueError | LookupError | TypeError):  # of the code that reads JSON
        return "the answer is not a hub's"
    reason = (str(error).strip().splitlines() or ["no reason given"])[0].rstrip(".")
    return endpoint.shown(f"{type(error).__name__}: {reason}")


def _near(repository: str) -> str:
    """Names of the same owner that resemble it, where the hub tells them within a moment."""
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

    near: tuple[str, ...] = ()
    with suppress(Exception):
        of_owner = {"author": repository.partition("/")[0], "limit": 500}
        near = nearest(repository, _models(_NEAR_SECONDS, of_owner, build_hf_headers()))
    return f". Did you mean {' or '.join(near)}?" if near else ". Check the name."


def _models(seconds: float, params: Mapping[str, object], headers: object = None) -> list[str]:
    """Names of models. Not the client's list_models, which has no limit of time."""
    client = _asked()
    page = f"{client.constants.ENDPOINT}/api/models"
    answer = client.get_session().get(page, params=params, headers=headers, timeout=seconds)
    answer.raise_for_status()
    return [model["id"] for model in answer.json()]
