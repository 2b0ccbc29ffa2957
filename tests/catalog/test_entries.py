"""The catalogue: what ships is well formed, names are found, mistakes are told."""

import re
import tomllib

import pytest

from ggufeval.catalog import entries as module
from ggufeval.catalog.entries import catalog_folder, entries, entry
from ggufeval.errors import ModelError, UsageError

LEVEL = re.compile(r"(I?Q[1-8]_[A-Z0-9_]+|B?F16|F32)")
KEYS = {
    "title", "architecture", "parameters", "licence", "description", "file", "quantization",
    "size", "sha256", "levels", "source",
}  # fmt: skip


@pytest.mark.parametrize("path", sorted(catalog_folder().glob("*.toml")), ids=lambda p: p.stem)
def test_shipped_entry_is_complete(path):
    assert set(tomllib.loads(path.read_text())) == KEYS
    found = entry(path.stem)
    assert re.fullmatch(r"[a-z0-9][a-z0-9.-]*", found.name)
    assert re.fullmatch(r"[0-9a-f]{64}", found.sha256)
    assert found.licence in {"Apache-2.0", "MIT"}
    assert found.file.endswith(".gguf")
    assert "\n" not in found.description
    assert len(found.description) <= 100
    assert found.parameters > 0
    assert found.size_bytes > 0
    assert all(LEVEL.fullmatch(level) for level in (found.quantization, *found.levels))
    assert len(set(found.levels)) == len(found.levels) >= 2
    for package in found.packages:
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][0-9a-z.]*", package.requirement)
        assert package.files


def test_parts_come_in_the_order_of_their_numbers():
    packages = entry("qwen2.5-coder-1.5b-instruct").packages
    numbers = [int(re.search(r"part(\d+)\.bin", package.files[0])[1]) for package in packages]
    assert numbers == list(range(1, 23))
    assert [int(re.search(r"part(\d+)==", p.requirement)[1]) for p in packages] == numbers


def test_both_models_are_there():
    assert [found.name for found in entries()] == [
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
        ('kind = "pypi"', 'kind = "ftp"', "only 'pypi' is known"),
        ('file = "', 'file = "../', "a plain name was expected"),
        ("size = 98362432", "size = ", "Invalid value"),
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
