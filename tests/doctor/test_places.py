from __future__ import annotations

import os
import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest

from ggufeval.catalog import hub as the_hub
from ggufeval.doctor import places
from ggufeval.store import Store

REPOSITORY = "owner/Tiny-GGUF"


@pytest.fixture
def cache(hub, tmp_path) -> Path:
    """Empty caches, and a hub that answers."""
    folder = tmp_path / "cache" / "models" / "tiny"
    folder.mkdir(parents=True)
    return folder


def found(group, tmp_path, **options):
    findings = places.findings(tmp_path / "results" / "r.sqlite", **options)
    return [finding for finding in findings if finding.group == group]


def model(path: Path, head: bytes = b"GGUF\x03\0\0\0") -> Path:
    path.write_bytes(head + bytes(100))
    return path


# --- disk ---


def test_room_on_the_disks(cache, tmp_path):
    ours, results = found("disk", tmp_path)
    assert ours.status == results.status == "ok"
    assert ours.facts["folder"] == str(tmp_path / "cache")
    assert results.facts["folder"] == str(tmp_path / "results")  # which is not there yet
    assert results.facts["free_bytes"] > 0


def test_little_room(cache, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10**9))
    ours, results = found("disk", tmp_path)
    assert ours.is_wrong
    assert "1.00 GB free, which will not last. Make room (GGUFEVAL_CACHE moves it)" in ours.text
    assert results.status == "ok"


def test_a_folder_that_cannot_be_written(cache, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, _: Path(path) != tmp_path)
    ours, results = found("disk", tmp_path)
    assert ours.status == "ok"
    assert results.is_wrong
    assert "you may not write there" in results.text


def test_a_disk_that_fails(cache, tmp_path, monkeypatch):
    def fail(_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(shutil, "disk_usage", fail)
    assert [finding.is_wrong for finding in found("disk", tmp_path)] == [True, True]


# --- cache ---


def test_an_empty_cache(cache, tmp_path):
    (only,) = found("cache", tmp_path)
    assert (only.status, only.facts["files"], only.facts["bytes"]) == ("ok", 0, 0)


def test_what_is_in_the_caches(cache, tmp_path, publish):
    model(cache / "Tiny-Q8_0.gguf")
    (only,) = found("cache", tmp_path)
    assert only.text.startswith("1 model file, 108 B, in ")
    assert only.facts["bytes"] == 108


def test_files_that_are_no_models(cache, tmp_path):
    for i in range(7):
        model(cache / f"Tiny{i}-Q8_0.gguf", b"<html>")
    whole, *broken = found("cache", tmp_path)
    assert whole.facts["files"] == 7
    assert [finding.is_wrong for finding in broken] == 6 * [True]
    assert "a GGUF file was expected; this is a web page" in broken[0].text
    assert broken[-1].text == "2 further files of that kind"


def test_links_to_nothing_and_downloads_that_stopped(cache, tmp_path):
    home = the_hub.cache() / f"models--{REPOSITORY.replace('/', '--')}"
    snapshot, blobs = home / "snapshots" / ("0" * 40), home / "blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    (snapshot / "Tiny-Q4_0.gguf").symlink_to("../../blobs/" + "a" * 64)
    (blobs / f"{'b' * 64}.incomplete").write_bytes(bytes(1500))
    _, gone, half = found("cache", tmp_path)
    assert gone.is_wrong
    assert "Tiny-Q4_0.gguf: a link to a file that is gone" in gone.text
    assert half.status == "note"
    assert half.text.startswith("1 download stopped on the way, 2 kB so far")


def test_a_cache_that_cannot_be_read(cache, tmp_path, monkeypatch):
    def fail():
        raise PermissionError(13, "Permission denied", "/cache")

    monkeypatch.setattr(places.disk, "stored", fail)
    (only,) = found("cache", tmp_path)
    assert only.is_wrong
    assert only.text.startswith("/cache: cannot be read: Permission denied.")


# --- hub ---


def test_a_hub_that_answers(cache, hub, tmp_path):
    answer, token = found("hub", tmp_path)
    assert (answer.status, answer.facts["answers"]) == ("ok", True)
    assert answer.text == f"{hub.url} answers"
    assert (token.status, token.facts["token"]) == ("note", False)
    assert [str(request) for request in hub.requests] == ["GET /api/models?limit=1"]


def test_a_token_is_neither_shown_nor_sent(cache, hub, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_verysecret")
    answer, token = found("hub", tmp_path)
    assert (token.status, token.facts) == ("ok", {"token": True})
    assert "hf_verysecret" not in repr((answer, token))
    assert [request.token for request in hub.requests] == [None]


def test_a_password_in_the_address_is_not_shown(cache, tmp_path, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://me:verysecret@127.0.0.1:9")
    answer = found("hub", tmp_path)[0]
    assert answer.is_wrong
    assert answer.text.startswith("http://127.0.0.1:9 does not answer (")
    assert "verysecret" not in repr(answer)


def test_an_address_that_is_not_protected_is_not_asked(cache, tmp_path, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://huggingface.example")
    monkeypatch.setattr(the_hub, "silence", lambda _: pytest.fail("it was asked"))
    (only,) = found("hub", tmp_path)
    assert only.is_wrong
    assert "https:// was expected" in only.text


def test_offline_nobody_is_asked(cache, hub, tmp_path, monkeypatch):
    from huggingface_hub import constants

    assert "(--offline)" in found("hub", tmp_path, offline=True)[0].text
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    answer = found("hub", tmp_path)[0]
    assert answer.status == "note"
    assert "(HF_HUB_OFFLINE)" in answer.text
    assert hub.requests == []


def test_a_hub_that_is_gone(cache, hub, tmp_path):
    hub.stop()
    answer = found("hub", tmp_path)[0]
    assert (answer.is_wrong, answer.facts["answers"]) == (True, False)
    assert "ConnectError" in answer.text


def test_a_hub_that_takes_its_time(cache, tmp_path, monkeypatch):
    monkeypatch.setattr(places, "HUB_SECONDS", 0.2)
    monkeypatch.setattr(the_hub, "silence", lambda _: time.sleep(5))
    started = time.monotonic()
    answer = found("hub", tmp_path)[0]
    assert time.monotonic() - started < 3
    assert "(nothing came within 0.2 seconds)" in answer.text


def test_what_answers_is_no_hub(cache, tmp_path, monkeypatch):
    monkeypatch.setattr(the_hub, "_models", lambda *_: {}["id"])
    assert "(the answer is not a hub's)" in found("hub", tmp_path)[0].text


# --- database ---


def test_no_database_yet(tmp_path):
    (only,) = places.results(tmp_path / "r.sqlite")
    assert only.status == "note"
    assert "not there yet" in only.text


def test_a_database(tmp_path):
    path = tmp_path / "r.sqlite"
    Store.open(path).close()
    (only,) = places.results(path)
    assert only.status == "ok"
    assert only.text.startswith(f"{path}: format ")
    assert only.text.endswith("0 runs, whole")
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")
    (newer,) = places.results(path)
    assert newer.is_wrong
    assert "Upgrade ggufeval" in newer.text


@pytest.mark.parametrize(("n", "said"), [(1, "1 run unfinished (r0):"), (7, "r3, r4, ...)")])
def test_unfinished_runs(tmp_path, monkeypatch, n, said):
    runs = tuple(f"r{i}" for i in range(n))
    health = places.health.Health(4, 1000, n, runs, ())
    monkeypatch.setattr(places.health, "check", lambda _: health)
    (tmp_path / "r.sqlite").touch()
    whole, note = places.results(tmp_path / "r.sqlite")
    assert whole.status == "ok"
    assert note.status == "note"
    assert said in note.text
    assert note.facts["unfinished"] == runs


def test_damage_is_told(tmp_path, monkeypatch):
    health = places.health.Health(4, 1000, 3, ("r0",), ("Page 3: never used",))
    monkeypatch.setattr(places.health, "check", lambda _: health)
    (tmp_path / "r.sqlite").touch()
    (only,) = places.results(tmp_path / "r.sqlite")
    assert only.is_wrong
    assert "damaged: Page 3: never used." in only.text
