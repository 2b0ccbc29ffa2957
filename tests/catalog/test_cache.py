"""Where the cache is, on each platform."""

from pathlib import Path

import pytest

from ggufeval.catalog.cache import _platform_folder, cache_folder, models_folder


@pytest.fixture(autouse=True)
def bare(monkeypatch):
    for name in ("GGUFEVAL_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/home/ada")


def test_chosen_by_the_user(monkeypatch):
    monkeypatch.setenv("GGUFEVAL_CACHE", "~/big")
    assert cache_folder() == Path("/home/ada/big")
    assert models_folder() == Path("/home/ada/big/models")


def test_relative_choice_becomes_absolute(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GGUFEVAL_CACHE", "here")
    assert cache_folder() == tmp_path / "here"


@pytest.mark.parametrize(
    ("platform", "folder"),
    [
        ("linux", "/home/ada/.cache"),
        ("darwin", "/home/ada/Library/Caches"),
        ("win32", "/home/ada/AppData/Local"),
    ],
)
def test_platforms(platform, folder):
    assert _platform_folder(platform) == Path(folder)


def test_platforms_own_variables(monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    monkeypatch.setenv("LOCALAPPDATA", "/local")
    assert _platform_folder("linux") == Path("/xdg")
    assert _platform_folder("win32") == Path("/local")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert _platform_folder("linux") == Path("/home/ada/.cache")


def test_default_is_a_folder_of_our_own(monkeypatch):
    monkeypatch.setattr("sys.platform", "linux")
    assert cache_folder() == Path("/home/ada/.cache/ggufeval")
