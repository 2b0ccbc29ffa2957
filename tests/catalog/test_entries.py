"""The catalogue: what ships is well formed, names are found, mistakes are told."""

import re
import tomllib

import pytest

from ggufeval.catalog import entries as module
from ggufeval.catalog.entries import (
    HubSource,
    WheelSource,
    catalog_folder,
    entries,
    entry,
)
from ggufeval.catalog.repository import HubName, parse
from ggufeval.errors import ModelError, UsageError

LEVEL = re.compile(r"(I?Q[1-8]_[A-Z0-9_]+|B?F16|F32)")
KEYS = {
    "title", "architecture", "parameters", "licence", "description", "levels", "source",
    "published",
}  # fmt: skip


@pytest.mark.parametrize("path", sorted(catalog_folder().glob("*.toml")), ids=lambda p: p.stem)
def test_shipped_entry_is_complete(path):
    assert set(tomllib.loads(path.read_text(encoding="utf-8"))) == KEYS
    found = entry(path.stem)
    assert re.fullmatch(r"[a-z0-9][a-z0-9.-]*", found.name)
    assert found.licence in {"Apache-2.0", "MIT", "Llama 3.2 Community License"}
    assert "\n" not in found.description
    assert len(found.description) <= 100
    assert found.parameters > 0
    assert all(LEVEL.fullmatch(level) for level in found.levels)
    assert len(set(found.levels)) == len(found.levels) >= 2
    for published in found.published:
        assert 0.2 < published.accuracy < 1
        assert 0 < published.allowance < 0.05
        assert LEVEL.fullmatch(published.quantization)
        assert published.source


@pytest.mark.parametrize("name", ["qwen2.5-coder-1.5b-instruct", "smollm2-135m-instruct"])
def test_wheels_are_pinned(name):
    source = entry(name).source
    assert isinstance(source, WheelSource)
    assert re.fullmatch(r"[0-9a-f]{64}", source.sha256)
    assert source.file.endswith(".gguf")
    assert source.size_bytes > 0
    assert LEVEL.fullmatch(source.quantization)
    for package in source.packages:
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][0-9a-z.]*", package.requirement)
        assert package.files


@pytest.mark.parametrize("size", ["1b", "3b"])
def test_llama_has_several_sources(size):
    source = entry(f"llama-3.2-{size}-instruct").source
    assert isinstance(source, HubSource)
    assert len(source.repositories) >= 3
    for repository in source.repositories:
        assert repository.endswith(f"/Llama-3.2-{size.upper()}-Instruct-GGUF")
        assert parse(repository) == HubName(repository)


def test_parts_come_in_the_order_of_their_numbers():
    packages = entry("qwen2.5-coder-1.5b-instruct").source.packages
    numbers = [int(re.search(r"part(\d+)\.bin", package.files[0])[1]) for package in packages]
    assert numbers == list(range(1, 23))
    assert [int(re.search(r"part(\d+)==", p.requirement)[1]) for p in packages] == numbers


def test_the_models_are_there():
    assert [found.name for found in entries()] == [
        "llama-3.2-1b-instruct",
        "llama-3.2-3b-instruct",
        "qwen2.5-coder-1.5b-instruct",
        "smollm2-135m-instruct",
    ]


def test_unknown_name_tells_the_nearest():
    with pytest.raises(UsageError, match=r"'smolm2-135m'.*Known: smollm2-135m-instruct\.$"):
        entry("smolm2-135m")


def test_name_like_nothing_tells_all():
    with pytest.raises(UsageError, match=r"qwen.*smollm2"):
        entry("zzz")


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("size = 98362432", "", "size"),
        ('kind = "pypi"', 'kind = "ftp"', "'hub' or 'pypi' was expected"),
        ('file = "', 'file = "../', "a plain name was expected"),
        ("size = 98362432", "size = ", "Invalid value"),
        ('average = "micro"', 'average = "mean"', "'macro' or 'micro' was expected"),
    ],
)
def test_broken_entry_is_named(tmp_path, monkeypatch, old, new, reason):
    text = (catalog_folder() / "smollm2-135m-instruct.toml").read_text()
    (tmp_path / "odd.toml").write_text(text.replace(old, new))
    monkeypatch.setattr(module, "catalog_folder", lambda: tmp_path)
    with pytest.raises(ModelError, match=f"odd.toml.*{reason}"):
        entries()


def test_the_installed_folder_goes_before_that_of_the_checkout(tmp_path, monkeypatch):
    package = tmp_path / "site" / "ggufeval" / "catalog"
    package.mkdir(parents=True)
    monkeypatch.setattr(module, "__file__", str(package / "entries.py"))
    with pytest.raises(ModelError, match="Install ggufeval again"):
        catalog_folder()
    (tmp_path / "site" / "models").mkdir()
    assert catalog_folder() == tmp_path / "site" / "models"
    (package / "models").mkdir()
    assert catalog_folder() == package / "models"
