"""MMLU, MMLU-Redux and Meta's evals from the Hugging Face hub. The only file that imports
`datasets`."""

from __future__ import annotations

import hashlib
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ggufeval import endpoint
from ggufeval.errors import DataError

REPO = "cais/mmlu"
REVISION = "c30699e8356da336a370243923dbaf21066bb9fe"
SOURCE = f"{REPO}@{REVISION[:8]}"
# The config `all`. Loading it by name would fetch its auxiliary_train too, 47 MB of no use here.
FILES = {
    "test": "all/test-00000-of-00001.parquet",
    "dev": "all/dev-00000-of-00001.parquet",
}

_OTHERWISE = "give a local copy with --data PATH, or try the embedded questions with --task sample"

_CARD, _SPLIT = "README.md", "latest"
_OTHER_ROWS = "give a saved copy with --data FILE"

REDUX = "edinburgh-dawg/mmlu-redux-2.0"
_OTHER_LABELS = "give a saved copy with --redux FILE"


def parquet_files(*, offline: bool) -> dict[str, Path]:
    """Split -> its parquet file in the hub's cache, fetched if it is not there yet.

    Raises DataError where it is not there and cannot be fetched, or must not be, or is damaged.
    """
    if is_cached():
        paths = _in_cache()
    else:
        _check_online("MMLU", _OTHERWISE, offline=offline)
        urls = [_url(REPO, REVISION, file) for file in FILES.values()]
        paths = _download(urls, "MMLU", _OTHERWISE)
    _check_whole(paths, _OTHERWISE)
    return dict(zip(FILES, paths, strict=True))


def is_cached() -> bool:
    """Whether MMLU is in the hub's cache. A commit never changes: the hub need not be asked."""
    return all(os.access(path, os.R_OK) for path in _in_cache())


def _in_cache() -> list[Path]:
    return [_cached(REPO) / "snapshots" / REVISION / file for file in FILES.values()]


def details(repository: str, *, offline: bool) -> tuple[str, list[Path]]:
    """Meta's MMLU in one of its repositories `OWNER/MODEL-evals`: what it is called, for people,
    and its parquet files. What the cache has once is not asked for again.

    Raises DataError as `parquet_files` does, and where the repository has no such rows.
    """
    config = f"{repository.partition('/')[2]}__mmlu__details"
    commit, paths = _cached_details(repository, config)
    if not paths:
        _check_online(repository, _OTHER_ROWS, offline=offline)
        (card,) = _download([_url(repository, "main", _CARD)], repository, _OTHER_ROWS)
        commit = card.parent.name
        urls = _details_urls(repository, commit, config)
        paths = _download(urls, repository, _OTHER_ROWS)
    _check_whole(paths, _OTHER_ROWS)
    return f"{repository}@{commit[:8]}", paths


def _cached_details(repository: str, config: str) -> tuple[str, list[Path]]:
    """The commit that the cache has as `main`, and the files that its card names for the config;
    none unless all are there."""
    folder, commit = _cached(repository), _main(repository)
    try:
        card = (folder / "snapshots" / commit / _CARD).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return "", []
    # No parser of YAML: what this overlooks is asked for again, and read by the client's own.
    of_config = card.partition(f"config_name: {config}\n")[2].partition("config_name:")[0]
    of_split = of_config.partition(f"split: {_SPLIT}\n")[2].partition("split:")[0]
    names = re.findall(r"""[^\s'"]+\.parquet[^\s'"]*""", of_split)
    paths = [folder / "snapshots" / commit / name for name in names]
    return commit, paths if all(os.access(path, os.R_OK) for path in paths) else []


def _main(repository: str) -> str:
    """The commit that the cache has as `main`; empty where it has none."""
    try:
        return (_cached(repository) / "refs" / "main").read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _details_urls(repository: str, commit: str, config: str) -> list[str]:
    """Where the rows are, as the repository's card has it."""
    import datasets

    no_rows = DataError(
        f"{repository} has no rows of MMLU: expected the config {config} with the split "
        f"{_SPLIT}, found none. Name another repository, or {_OTHER_ROWS}."
    )
    try:
        builder = datasets.load_dataset_builder(repository, config, revision=commit)
    except ValueError as error:  # no such config
        raise no_rows from error
    except FileNotFoundError as error:
        # It tells all file names that it would take, and a folder here where it looked for them.
        missing = FileNotFoundError("the files that its card names cannot be listed")
        raise _failure(missing, repository, _OTHER_ROWS) from error
    except Exception as error:
        raise _failure(error, repository, _OTHER_ROWS) from error
    urls = [str(url) for url in (builder.config.data_files or {}).get(_SPLIT, ())]
    if not urls:
        raise no_rows
    return urls


def redux(subjects: Sequence[str]) -> tuple[str, list[Path]]:
    """MMLU-Redux: what it is called, for people, with its commit, and its file of each subject,
    Arrow streams. What the cache has once is not asked for again.

    Raises DataError as `parquet_files` does.
    """
    names = [f"{subject}/data-00000-of-00001.arrow" for subject in subjects]
    commit = _main(REDUX)
    paths = [_cached(REDUX) / "snapshots" / commit / name for name in names]
    if not (commit and all(os.access(path, os.R_OK) for path in paths)):
        _check_online(REDUX, _OTHER_LABELS, offline=False)
        (first,) = _download([_url(REDUX, "main", names[0])], REDUX, _OTHER_LABELS)
        commit = first.parent.parent.name
        urls = [_url(REDUX, commit, name) for name in names]
        paths = _download(urls, REDUX, _OTHER_LABELS)
    _check_whole(paths, _OTHER_LABELS)
    return f"{REDUX}@{commit[:8]}", paths


def cache_folder(environ: Mapping[str, str]) -> Path:
    """Where the hub's client keeps files, by its documented variables."""
    home = Path(environ.get("XDG_CACHE_HOME", "~/.cache")) / "huggingface"
    hub = Path(environ.get("HF_HOME", home)) / "hub"
    folder = environ.get("HF_HUB_CACHE", environ.get("HUGGINGFACE_HUB_CACHE", hub))
    return Path(os.path.expandvars(folder)).expanduser()


def _cached(repository: str) -> Path:
    return cache_folder(os.environ) / f"datasets--{repository.replace('/', '--')}"


def _url(repository: str, revision: str, file: str) -> str:
    return f"hf://datasets/{repository}@{revision}/{file}"


def _check_online(name: str, otherwise: str, *, offline: bool) -> None:
    """DataError where `name` must not be fetched."""
    if offline or os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}:
        raise DataError(
            f"{name} is not in the hub's cache ({cache_folder(os.environ)}), and --offline or "
            f"HF_HUB_OFFLINE forbids to fetch it. Run once with a network, or {otherwise}."
        )


def _download(urls: Sequence[str], name: str, otherwise: str) -> list[Path]:
    """Fetch files of `name` into the hub's cache. `otherwise` is what else its user can do."""
    endpoint.check(_endpoint())
    import datasets

    if not sys.stderr.isatty():
        datasets.disable_progress_bars()
    # Not load_dataset: it keeps a second copy as Arrow files, and without a network it takes
    # whichever revision was cached last.
    try:
        paths = datasets.DownloadManager().download(list(urls))
    except Exception as error:
        # Whatever its HTTP client raises: that has been requests, httpx and httpx2 so far.
        raise _failure(error, name, otherwise) from error
    return [Path(path) for path in paths]


def _endpoint() -> str:
    return os.environ.get("HF_ENDPOINT") or "https://huggingface.co"


def _failure(error: BaseException, name: str, otherwise: str) -> DataError:
    # That a file is not there is what the client concludes, from 429 or no answer too.
    while isinstance(error, FileNotFoundError) and error.__cause__:
        error = error.__cause__
    if type(error).__name__ == "GatedRepoError":  # of the hub's client, which is not known here
        return DataError(
            f"{name} is gated: ask for access on its page on the hub with your account, then set "
            f"HF_TOKEN; or {otherwise}."
        )
    what, advice = _explain(error)
    return DataError(
        f"{name} could not be fetched from {endpoint.shown(_endpoint())} ({what}). {advice}, or "
        f"{otherwise}."
    )


def _explain(error: BaseException) -> tuple[str, str]:
    """What happened, and what to do about it."""
    response = getattr(error, "response", None)
    status = 0 if response is None else response.status_code
    said = getattr(error, "server_message", None) or str(error)
    reason = f"{status or ''} {said}".split("\n")[0].strip().rstrip(".")
    if status == 429:
        wait = re.search(r"Retry after (\d+ seconds)", str(error))
        advice = f"Run again in {wait[1] if wait else 'five minutes'}, or set HF_TOKEN"
    elif status >= 500:
        advice = "Run again later"
    elif type(error).__name__ == "RepositoryNotFoundError":
        # The hub does not tell whether there is none, or none for this user.
        advice = "Check its name, HF_ENDPOINT and HF_TOKEN"
    elif status:
        advice = "Check HF_ENDPOINT and HF_TOKEN"
    elif getattr(error, "filename", None):
        advice = "Set HF_HOME to a folder that can be written"
    else:
        advice = "Check the network"
    return endpoint.shown(f"{type(error).__name__}: {reason}".rstrip(": ")), advice


def _check_whole(paths: Iterable[Path], otherwise: str) -> None:
    for path in paths:
        # The client names a file by the sha256 that the hub has promised, and does not check it.
        promised = _blob(path).name
        if re.fullmatch("[0-9a-f]{64}", promised):
            with path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
            if found != promised:
                raise DataError(
                    f"{path.resolve()} is damaged: the hub promised sha256 {promised}, and it has "
                    f"{found}. Delete it and run again, or {otherwise}."
                )


def _blob(path: Path) -> Path:
    """One step of links: behind it the client may keep the bytes under a hash of another kind."""
    return path.parent / path.readlink() if path.is_symlink() else path
