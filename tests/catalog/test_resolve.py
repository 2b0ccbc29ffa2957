"""What MODEL may be."""

import errno
import os
from pathlib import Path

import pytest

from ggufeval.catalog import resolve as module
from ggufeval.catalog.files import check_gguf
from ggufeval.catalog.resolve import installed, level_path, resolve
from ggufeval.errors import ModelError

from .test_files import GGUF


def gguf(path, extra=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(GGUF + bytes(extra))
    return path


def test_file(tmp_path, catalogue):
    path = gguf(tmp_path / "Llama-3.2-1B-Instruct-Q4_K_M.gguf", 7)
    (source,) = resolve(str(path))
    assert source.path == path
    assert source.parts == (path,)
    assert source.size_bytes == len(GGUF) + 7
    assert source.label == "Llama-3.2-1B-Instruct Q4_K_M"
    assert source.quantization_hint == "Q4_K_M"
    assert source.entry is None


def test_name_without_a_quantization(tmp_path, catalogue):
    assert resolve(str(gguf(tmp_path / "model.gguf")))[0].label == "model"


def test_name_that_is_only_a_quantization_takes_the_folders(tmp_path, catalogue):
    (source,) = resolve(str(gguf(tmp_path / "Llama" / "Q8_0.gguf")))
    assert source.label == "Llama Q8_0"


def test_home_is_expanded(tmp_path, catalogue, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    gguf(tmp_path / "m.gguf")
    assert resolve("~/m.gguf")[0].path == tmp_path / "m.gguf"


def test_folder_gives_the_largest_first(tmp_path, catalogue):
    folder = tmp_path / "f"
    gguf(folder / "m-Q2_K.gguf", 1)
    gguf(folder / "m-F16.GGUF", 30)
    gguf(folder / "m-Q4_K_M.gguf", 9)
    gguf(folder / "m-Q8_0-00001-of-00002.gguf", 5)
    gguf(folder / "m-Q8_0-00002-of-00002.gguf", 5)
    gguf(folder / "mmproj-m-F16.gguf", 99)
    gguf(folder / "m.mmproj-f16.gguf", 99)
    gguf(folder / "m-imatrix.gguf", 99)
    gguf(folder / "._m-Q2_K.gguf", 99)
    gguf(folder / "deeper" / "m-Q6_K.gguf", 99)
    (folder / "odd.gguf").mkdir()
    (folder / "README.md").write_text("")
    sources = resolve(str(folder))
    assert [source.quantization_hint for source in sources] == ["Q8_0", "F16", "Q4_K_M", "Q2_K"]
    assert sources[0].path.name == "m-Q8_0-00001-of-00002.gguf"
    assert len(sources[0].parts) == 2
    assert sources[0].size_bytes == 2 * (len(GGUF) + 5)


def test_any_part_stands_for_the_whole(tmp_path, catalogue):
    first = gguf(tmp_path / "m-Q8_0-00001-of-00002.gguf")
    second = gguf(tmp_path / "m-Q8_0-00002-of-00002.gguf")
    assert resolve(str(second))[0].path == first


@pytest.mark.parametrize("given", ["", "m-00002-of-00002.gguf"])
def test_split_model_without_its_first_part(tmp_path, catalogue, given):
    gguf(tmp_path / "m-00002-of-00002.gguf")
    with pytest.raises(ModelError, match=r"2 parts were expected, 1 missing: m-00001-of-00002"):
        resolve(str(tmp_path / given))


def test_part_that_is_no_gguf(tmp_path, catalogue):
    gguf(tmp_path / "m-00001-of-00002.gguf")
    (tmp_path / "m-00002-of-00002.gguf").write_bytes(b"")
    with pytest.raises(ModelError, match=r"00002-of-00002.gguf: .* this is empty"):
        resolve(str(tmp_path / "m-00001-of-00002.gguf"))


def test_a_broken_file_in_a_folder_is_found_when_its_turn_comes(tmp_path, catalogue):
    gguf(tmp_path / "a.gguf")
    (tmp_path / "b.gguf").symlink_to(tmp_path / "gone")
    assert [source.path.name for source in resolve(str(tmp_path))] == ["a.gguf", "b.gguf"]
    with pytest.raises(ModelError, match=r"b.gguf.*no regular file"):
        check_gguf(tmp_path / "b.gguf")


def test_folder_without_models(tmp_path, catalogue):
    with pytest.raises(ModelError, match=r"it has none \(folders inside it are not searched\)"):
        resolve(str(tmp_path))


@pytest.mark.parametrize("name", ["OWNER/REPO:Q4_K_M", "bartowski/L-3.2-1B-GGUF:IQ4_XS", "hf://a"])
def test_hub(catalogue, name):
    with pytest.raises(ModelError, match=r"not supported yet. Download the GGUF and give its path"):
        resolve(name)


@pytest.mark.parametrize("name", ["no/such.gguf", "nothing.gguf", "./tiny-model"])
def test_no_such_file(catalogue, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match=r"no such file or folder\. Give the path"):
        resolve(name)


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("tiny-modle", "Did you mean tiny-model?"),
        ("zzz", "The catalogue has tiny-model."),
        ("", ""),
    ],
)
def test_no_such_name(catalogue, name, advice):
    with pytest.raises(
        ModelError, match="no such file or folder, and no model of the cat"
    ) as caught:
        resolve(name)
    assert str(caught.value).endswith(advice)


def test_path_that_may_not_be_looked_at(catalogue, monkeypatch):
    def refuse(self, **_):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "stat", refuse)
    with pytest.raises(ModelError, match="cannot be read: Permission denied"):
        resolve("/elsewhere/m.gguf")


def test_path_that_is_too_long(catalogue):
    with pytest.raises(ModelError, match="cannot be read: File name too long"):
        resolve("a" * 5000)


def test_catalogue_name_is_fetched_once(catalogue, wheels, tiny, monkeypatch):
    steps = []
    (source,) = resolve("tiny-model", progress=lambda done, _: steps.append(done))
    assert steps
    assert source.path == catalogue / "tiny-model" / "Tiny.Q4_1.gguf"
    assert source.label == "Tiny Q4_1"
    assert source.entry == tiny
    monkeypatch.setattr(module, "fetch", None)
    assert resolve("tiny-model") == resolve("tiny-model", offline=True) == (source,)


def test_catalogue_name_offline(catalogue):
    with pytest.raises(ModelError, match=r"tiny-model is not on this disk yet.*--offline forbids"):
        resolve("tiny-model", offline=True)


def test_file_goes_before_the_name(catalogue, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    gguf(tmp_path / "tiny-model")
    assert resolve("tiny-model")[0].entry is None


def test_levels_of_the_catalogue(catalogue, wheels, tiny):
    (nothing,) = installed()
    assert (nothing.path, nothing.levels, nothing.size_bytes) == (None, (), 0)
    (source,) = resolve("tiny-model")
    assert level_path(source, "Q4_1") == source.path
    gguf(level_path(source, "Q4_0"), 10)
    gguf(level_path(source, "Q8_0"), 20)
    (source.path.parent / ".Tiny-F16.gguf.1.part").write_bytes(b"")
    (found,) = installed()
    assert found.path == source.path
    assert [level.quantization for level in found.levels] == ["Q8_0", "Q4_0"]
    assert found.levels[0].path == catalogue / "tiny-model" / "Tiny-Q8_0.gguf"
    assert found.size_bytes == tiny.size_bytes + 2 * len(GGUF) + 30


def test_levels_of_a_users_file_follow_the_file(catalogue, tmp_path):
    path = gguf(tmp_path / "a" / "m-F16.gguf")
    other = gguf(tmp_path / "b" / "m-F16.gguf")
    (source,), (namesake,) = resolve(str(path)), resolve(str(other))
    level = level_path(source, "Q8_0")
    assert level.name == "m-Q8_0.gguf"
    assert level.is_relative_to(catalogue)
    assert level == level_path(source, "Q8_0")
    assert level != level_path(namesake, "Q8_0")
    os.utime(path, (1, 1))
    assert level != level_path(source, "Q8_0")
