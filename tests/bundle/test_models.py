"""A bundle's model files: found, made again, fetched, or a sentence on where to get them."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import replace

import pytest

from ggufeval.bundle.archive import Archive
from ggufeval.bundle.contents import Origin
from ggufeval.bundle.models import Models
from ggufeval.bundle.reading import studies
from ggufeval.catalog import hub as module
from ggufeval.catalog import hubcache
from ggufeval.errors import ModelError


@pytest.fixture
def wanted(study):
    """The first run, with another model and origin."""
    with Archive(study) as archive:
        bundled = next(studies(archive)).bundled

    def make(origin=None, **model):
        run = replace(bundled.run, model=replace(bundled.run.model, **model))
        return replace(bundled, run=run, origin=origin or bundled.origin)

    return make


@pytest.fixture
def models(tmp_path, monkeypatch):
    monkeypatch.setenv("GGUFEVAL_CACHE", str(tmp_path / "cache"))

    def make(folder=None, known=(), *, offline=True):
        return Models(folder, known, offline, lambda _: None)

    return make


def test_a_file_is_known_by_its_hash_not_by_its_name(
    wanted, models, small_f16, small_q4_0, tmp_path
):
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    shutil.copy(small_q4_0.parts[0], folder / small_f16.parts[0].name)
    with pytest.raises(ModelError, match="was looked for in"):
        models(tmp_path / "a").find(wanted())
    (folder / "other.gguf").symlink_to(small_f16.parts[0])
    assert models(tmp_path / "a").find(wanted()).parts == (folder / "other.gguf",)


def test_a_file_of_the_right_size_with_other_bytes_is_not_it(wanted, models, small_f16, tmp_path):
    content = bytearray(small_f16.parts[0].read_bytes())
    content[-1] ^= 1
    (tmp_path / "damaged.gguf").write_bytes(content)
    with pytest.raises(ModelError, match="is not there"):
        models(tmp_path).find(wanted())


def test_a_level_that_was_made_of_the_catalogues_file_is_made_again(
    wanted, models, f16, smollm2, tmp_path
):
    home = tmp_path / "cache" / "models" / "smollm2-135m-instruct"
    home.mkdir(parents=True)
    (home / smollm2.name).symlink_to(smollm2)
    made = Origin("made", "smollm2-135m-instruct", "", (f16.parts[0].name,))
    level = wanted(made, sha256=f16.sha256, size_bytes=f16.parts[0].stat().st_size)
    found = models().find(level)
    assert found.sha256 == f16.sha256
    assert found.parts[0].parent == home
    with pytest.raises(ModelError, match="has another sha256"):
        models().find(wanted(made, sha256="0" * 64))


def test_a_matrix_that_is_not_there_cannot_make_it_again(wanted, models):
    made = Origin("made", "smollm2-135m-instruct", "", ("x.gguf",))
    with pytest.raises(ModelError, match="with the importance matrix mine"):
        models().find(wanted(made, imatrix="mine.dat"))


@pytest.fixture
def changed_hub(hub, publish):
    """Its only repository has other bytes by now. The commit that it had, and the file's content at
    that."""
    content = publish("jane/tiny@before", "tiny-Q8_0.gguf")["tiny-Q8_0.gguf"]
    publish("jane/tiny", "tiny-Q8_0.gguf", "tiny-F16.gguf")
    (before,) = [each for each in hub.repositories("models") if not each.is_main]
    return before.commit, content


def test_what_came_from_the_hub_is_fetched_at_its_commit(wanted, models, hub, changed_hub):
    commit, content = changed_hub
    origin = Origin("hub", "jane/tiny", commit, ("tiny-Q8_0.gguf",))
    right = wanted(origin, sha256=hashlib.sha256(content).hexdigest(), size_bytes=len(content))
    with pytest.raises(ModelError, match=f"came from jane/tiny at {commit[:12]} on the hub"):
        models().find(right)
    with pytest.raises(ModelError, match="has another sha256"):
        models(offline=False).find(replace_sha(right))
    assert models(offline=False).find(right).parts[0].read_bytes() == content
    assert models().find(right).parts[0].read_bytes() == content  # it is in the cache now
    asked = [str(request) for request in hub.requests]
    assert f"GET /api/models/jane/tiny/revision/{commit}?blobs=true" in asked
    assert not [request for request in asked if "main" in request]
    # What `main` is at, the cache does not know from that.
    assert not (hubcache.folder(module.cache(), "jane/tiny") / "refs").exists()
    assert module.listing("jane/tiny").quantizations == ("F16", "Q8_0")


def test_a_commit_that_the_hub_has_no_longer(wanted, models, changed_hub):
    origin = Origin("hub", "jane/tiny", "0" * 40, ("tiny-Q8_0.gguf",))
    with pytest.raises(ModelError, match=f"jane/tiny has no commit {'0' * 40} on .* Or name the f"):
        models(offline=False).find(wanted(origin))


@pytest.fixture
def source_commit(hub, publish, smollm2):
    """Of a repository whose Q4_1 was SmolLM2 then, and is another file now."""
    before = hub.folder / "models" / "jane" / "tiny@before"
    before.mkdir(parents=True)
    (before / "tiny-Q4_1.gguf").symlink_to(smollm2)
    publish("jane/tiny", "tiny-Q4_1.gguf")
    (commit,) = [each.commit for each in hub.repositories("models") if not each.is_main]
    return commit


def test_a_level_of_the_hub_is_made_from_what_the_study_had(wanted, models, source_commit, q4_0):
    """The repository's other levels, which the study ran as they were, tell the commit."""
    published = wanted(Origin("hub", "jane/tiny", source_commit, ("tiny-Q8_0.gguf",)))
    made = Origin("made", "jane/tiny", "", ("tiny-Q4_0.gguf",))
    size = q4_0.parts[0].stat().st_size
    level = wanted(made, sha256=q4_0.sha256, size_bytes=size, quantization="Q4_0")
    assert models(None, [published, level], offline=False).find(level).sha256 == q4_0.sha256
    with pytest.raises(ModelError, match="Or name the folder that has tiny-Q4_0"):
        models(None, [level], offline=False).find(replace_sha(level))


def test_of_several_files_a_level_is_made_from_the_one_that_is_called_so(wanted, models):
    known = [wanted(Origin("file", "", "", (f"{name}-F16.gguf",))) for name in ("a", "ab")]
    for name, base in zip(("a", "ab"), known, strict=True):
        made = Origin("made", "", "", (f"{name}-imatrix-0a1b2c3d-Q4_0.gguf",))
        level = wanted(made, quantization="Q4_0", quantized_from="F16")
        assert models(None, known)._base(level) is base
    assert models(None, known)._base(wanted(made, quantized_from="BF16")) is None


def replace_sha(bundled):
    model = replace(bundled.run.model, sha256="0" * 64)
    return replace(bundled, run=replace(bundled.run, model=model))


@pytest.mark.parametrize(
    "origin",
    [
        Origin("catalogue", "/etc/passwd", "", ()),
        Origin("catalogue", "secret.gguf", "", ()),
        Origin("hub", "../..", "", ("x.gguf",)),
        Origin("hub", "jane/tiny", "", ("../../secret.gguf",)),
        Origin("hub", "jane/tiny", "", ()),
        Origin("hub", "jane/tiny", "../../secret", ("x.gguf",)),
        Origin("made", "./secret", "", ()),
        Origin("nonsense", "x", "", ()),
    ],
)
def test_no_path_that_a_bundle_names_is_opened(origin, wanted, models, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret.gguf").write_bytes(b"GGUF" + bytes(60))
    with pytest.raises(ModelError, match="was looked for in the caches, and is not there"):
        models(offline=False).find(wanted(origin))
