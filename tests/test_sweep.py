from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ggufeval import making, runner, sweep, tuning
from ggufeval.catalog.resolve import Request, resolve
from ggufeval.errors import ModelError, UsageError
from ggufeval.store import Store

OPTIONS = runner.Options(shots=1)


@pytest.fixture
def cache(monkeypatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("GGUFEVAL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_without_quantizations_the_files_are_taken_as_they_are(smollm2):
    (level,) = making.levels([resolve(str(smollm2))])
    assert level.quantization == ""
    assert level.label == "SmolLM2-135M-Instruct Q4_1"


def test_a_level_that_is_there_is_not_made_again(made, cache):
    path = made("F16")
    (level,) = making.levels([resolve(str(path), Request(("f16",)))])
    assert making.files_of(level, 2, lambda _: None).parts == (path,)


def test_a_missing_level_is_made_once_from_the_best_file(made, smollm2, cache, tmp_path):
    folder = tmp_path / "levels"
    folder.mkdir()
    for path in (made("F16"), made("Q4_0")):
        (folder / path.name).symlink_to(path)
    f16, q8_0 = making.levels([resolve(str(folder), Request(("F16", "Q8_0")))])
    assert f16.quantization == ""
    assert (q8_0.quantization, q8_0.source.quantization_hint) == ("Q8_0", "F16")
    said: list[str] = []
    first = making.files_of(q8_0, 2, said.append)
    again = making.files_of(q8_0, 2, said.append)
    assert first == again
    assert len(said) == 1
    assert cache in first.parts[0].parents


def test_an_unknown_quantization_offers_the_nearest(smollm2):
    with pytest.raises(UsageError, match=r"no quantization 'Q4_K_N'\. Did you mean .*Q4_K_M"):
        making.levels([resolve(str(smollm2), Request(("Q4_K_N",)))])


def test_a_model_that_fails_does_not_stop_the_others(made, few_questions, tmp_path):
    broken = tmp_path / "broken-Q8_0.gguf"
    broken.write_bytes(made("F16").read_bytes()[:20_000_000])
    page = tmp_path / "page.gguf"
    page.write_bytes(b"<html>")
    (tmp_path / made("Q4_0").name).symlink_to(made("Q4_0"))
    selection = resolve(str(tmp_path))
    with Store.open(tmp_path / "results.sqlite") as store:
        outcome = sweep.sweep(making.levels([selection]), few_questions, store, replace(OPTIONS))
        store_order = [run.id for run in store.latest()]
    (run,) = outcome.runs
    failure, other = outcome.failures
    assert "a web page" in str(other.error)
    assert store_order == [run.id]
    assert run.model.label == "SmolLM2-135M-Instruct Q4_0"
    assert run.n_done == 32
    assert failure.label == "broken Q8_0"
    assert isinstance(failure.error, ModelError)
    assert "truncated" in str(failure.error)


def test_a_broken_file_does_not_stop_the_levels_of_others(made, tmp_path):
    broken = tmp_path / "broken-F16.gguf"
    broken.write_bytes(made("F16").read_bytes()[:20_000_000])
    request = Request(("Q4_0", "Q8_0"))
    found = making.levels([resolve(str(path), request) for path in (broken, made("Q4_0"))])
    assert [level.label for level in found] == [
        "SmolLM2-135M-Instruct Q4_0",
        "SmolLM2-135M-Instruct Q8_0",
        "broken F16",
    ]


def test_files_of_one_name_in_two_folders_are_two_models(made, tmp_path):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "model-F16.gguf").symlink_to(made("F16"))
    paths = [tmp_path / name / "model-F16.gguf" for name in ("one", "two")]
    found = making.levels([resolve(str(path), Request(("Q8_0",))) for path in paths])
    assert [level.source.path for level in found] == paths


def test_two_files_of_one_model_are_one_model(made, tmp_path):
    request = Request(("F16", "Q4_0", "Q8_0"))
    for quantization in ("F16", "Q4_0"):
        (tmp_path / f"model-{quantization}.gguf").symlink_to(made(quantization))
    found = making.levels([resolve(str(path), request) for path in sorted(tmp_path.iterdir())])
    assert [(level.source.label, level.quantization) for level in found] == [
        ("model F16", ""),
        ("model Q4_0", ""),
        ("model F16", "Q8_0"),
    ]


def test_a_level_that_llama_cpp_does_not_know_is_taken_by_its_name(made, tmp_path):
    (tmp_path / "model-Q6_K_L.gguf").symlink_to(made("Q4_0"))
    (level,) = making.levels([resolve(str(tmp_path), Request(("q6_k_l",)))])
    assert level.label == "model Q6_K_L"


def test_a_changed_file_of_the_catalogue_is_refused(smollm2):
    (source,) = resolve("smollm2-135m-instruct").sources
    changed = replace(source, sha256=("0" * 64,))
    with pytest.raises(ModelError, match="was damaged or changed"):
        making.files_of(making.Level(changed), 2, lambda _: None)


def test_all_levels_are_tuned_together_and_run_so(small, few_questions, tmp_path, monkeypatch):
    tried = []

    def tuned(options, models, *_):
        tried.extend(model.parts[0].name for model in models())
        return replace(options, n_ubatch=64, tune=False)

    monkeypatch.setattr(tuning, "tuned", tuned)
    levels = making.levels([resolve(str(small(name))) for name in ("Q4_0", "F16")])
    levels = making.with_written_out(levels, "F32", beside=True, kept=False)
    with Store.open(tmp_path / "results.sqlite") as store:
        outcome = sweep.sweep(levels[:1], few_questions, store, replace(OPTIONS, tune=True))
    tuning.tuned(OPTIONS, lambda: making.by_size(levels, OPTIONS, print))
    assert [run.fingerprint.engine.n_ubatch for run in outcome.runs] == [64]
    q4_0, f16 = (small(name).name for name in ("Q4_0", "F16"))
    assert tried == [q4_0, f16, q4_0]
