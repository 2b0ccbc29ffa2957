"""A small study with real weights, its bundle, and bundles that were tampered with."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from ggufeval import runner, tasks
from ggufeval.bundle import archive
from ggufeval.bundle.writing import write
from ggufeval.cli import cli
from ggufeval.store import Store

OPTIONS = runner.Options(
    shots=1, n_batch=256, n_ubatch=256, n_threads=2, command="ggufeval run /home/jane/models/x.gguf"
)


@pytest.fixture(scope="session")
def asked():
    """A question of each of 16 subjects, one shot: several batches."""
    return tasks.load("sample", None, limit=16, shots=1)


@pytest.fixture(scope="session")
def database(small_f16, small_q4_0, asked, tmp_path_factory) -> Path:
    """Two levels of SmolLM2 over them."""
    path = tmp_path_factory.mktemp("study") / "r.sqlite"
    with Store.open(path) as store:
        number = store.begin_sweep()
        for model in (small_f16, small_q4_0):
            run = runner.evaluate(model, asked, store, OPTIONS)
            store.add_to_sweep(number, run.id)
    return path


@pytest.fixture(scope="session")
def study(database, tmp_path_factory) -> Path:
    """The bundle of both, with text: it is ours."""
    path = tmp_path_factory.mktemp("bundle") / "study.ggb"
    with Store.open(database, read_only=True) as store:
        write(store, store.latest(), path, with_text=None)
    return path


@pytest.fixture(scope="session")
def contents():
    """Member -> bytes."""

    def read(path: Path) -> dict[str, bytes]:
        with zipfile.ZipFile(path) as opened:
            return {name: opened.read(name) for name in opened.namelist()}

    return read


@pytest.fixture(scope="session")
def named(study, contents):
    """The one member in that folder."""

    def find(folder):
        (name,) = [name for name in contents(study) if name.startswith(f"{folder}/")]
        return name

    return find


@pytest.fixture
def changed(study, contents, tmp_path):
    """The bundle with members edited by somebody who knows how to make its hashes right again."""

    def change(edits, manifest_edit=lambda _: None) -> Path:
        members = contents(study)
        for ending, edit in edits.items():
            (name,) = [name for name in members if name.endswith(ending)]
            members[name] = edit(members[name])
        manifest = json.loads(members.pop("manifest.json"))
        manifest["members"] = {
            name: {"sha256": hashlib.sha256(text).hexdigest(), "size_bytes": len(text)}
            for name, text in members.items()
        }
        manifest_edit(manifest)
        path = tmp_path / "changed.ggb"
        members["manifest.json"] = json.dumps(manifest).encode()
        path.write_bytes(archive.packed(members))
        return path

    return change


@pytest.fixture(scope="session")
def lines():
    """An edit of a member of JSON lines: what the function makes of their list."""

    def edit(function):
        def apply(text: bytes) -> bytes:
            trees = [json.loads(line) for line in text.splitlines()]
            trees = function(trees) or trees
            return "".join(f"{json.dumps(tree)}\n" for tree in trees).encode()

        return apply

    return edit


@pytest.fixture(scope="session")
def own(tmp_path_factory):
    """Somebody's own questions, of no known licence, in a file that is called as MMLU is."""
    path = tmp_path_factory.mktemp("jane") / "mmlu.jsonl"
    rows = [
        {
            "question": f"The capital of Atlantis is {i}?",
            "choices": [f"Xanadu{i}", f"Utopia{i}"],
            "answer": i % 2,
            "split": "dev" if i == 4 else "test",
        }
        for i in range(5)
    ]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return tasks.load(None, path, shots=1)


@pytest.fixture(scope="session")
def own_database(own, small_q4_0, tmp_path_factory) -> Path:
    """One level's texts on them."""
    path = tmp_path_factory.mktemp("own") / "r.sqlite"
    options = runner.Options(
        shots=1,
        read="sample",
        max_tokens=8,
        n_threads=2,
        command=f"ggufeval run {small_q4_0.parts[0]} --data {own.source} --x hf_{'SECRET' * 5}",
    )
    with Store.open(path) as store:
        run = runner.evaluate(small_q4_0, own, store, options)
        store.add_to_sweep(store.begin_sweep(), run.id)
    return path


@pytest.fixture
def reproduce(tmp_path, small_f16, small_q4_0, monkeypatch):
    """Calls the command in a folder of its own, with empty caches beside the models' folder."""
    monkeypatch.setenv("GGUFEVAL_CACHE", str(tmp_path / "cache"))
    assert small_f16.parts[0].parent == small_q4_0.parts[0].parent

    def call(bundle, *more, models=small_f16.parts[0].parent):
        given = ["--models", str(models)] if models else []
        arguments = ["reproduce", str(bundle), *given, "--db", str(tmp_path / "again.sqlite")]
        return CliRunner().invoke(cli, [*arguments, "--offline", "--quiet", *map(str, more)])

    return call
