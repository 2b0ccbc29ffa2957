"""Settings under which a run fits, found by simulation; GPUs are made up."""

from __future__ import annotations

from dataclasses import replace

import pytest
from click.testing import CliRunner

from ggufeval import fit, memory, runner, tasks
from ggufeval.cli import cli
from ggufeval.errors import ModelError, WorkerError
from ggufeval.job import prepare
from ggufeval.llama.client import ModelProcess
from ggufeval.llama.worker import Machine
from ggufeval.store import Store
from ggufeval.types import Memory

MB = 10**6
OPTIONS = runner.Options(shots=1)


@pytest.fixture(scope="module")
def questions():
    return tasks.load("sample", None, shots=1)


@pytest.fixture(scope="module")
def job(q4_0, questions):
    with ModelProcess() as process:
        return prepare(process, q4_0, questions, OPTIONS)


def simulated(job, settings=None) -> Memory:
    with ModelProcess() as planner:
        return fit.simulated(planner, job, settings or job.work.settings)


# --- what would fit instead ---


def limited(job, needed: Memory, n_bytes: int, options=OPTIONS) -> str:
    return fit.advice(needed, job, options, memory.room(n_bytes))


def test_the_nearest_smaller_batch_is_named_with_what_it_would_take(job):
    needed = simulated(job)
    smaller = [replace(OPTIONS, n_batch=n, n_ubatch=n) for n in (256, 128)]
    takes = [simulated(job, job.otherwise(options).settings) for options in smaller]
    assert takes[1].peak < takes[0].peak < needed.peak
    between = (takes[0].peak + takes[1].peak) // 2
    found = limited(job, needed, between)
    assert found.startswith(f"With -b 128 it would take {takes[1].peak / 1e9:.1f}")


def test_a_context_that_is_longer_than_need_be_is_named_first(job):
    options = replace(OPTIONS, n_ctx=8192)
    long = replace(job, work=job.otherwise(options))
    needed = simulated(long)
    enough = simulated(job).peak + 10 * MB
    assert limited(long, needed, enough, options).startswith("Without -c it would take 0.")


def test_where_texts_are_written_the_context_is_made_smaller(q4_0, questions):
    options = replace(OPTIONS, read="sample", max_tokens=16)
    with ModelProcess() as process:
        job = prepare(process, q4_0, questions, options)
    n_ctx = job.work.settings.n_ctx
    needed = simulated(job)
    said = limited(job, needed, needed.peak - MB, options)
    assert said.startswith(f"With -c {-(-n_ctx // 512) * 256} it would take 0.")


def test_where_the_weights_alone_are_too_many_nothing_is_tried(job, monkeypatch):
    needed = simulated(job)
    monkeypatch.setattr(fit, "_smaller", lambda *_: pytest.fail("it was tried"))
    assert limited(job, needed, needed.mapped) == (
        "No other -b or -c would make it fit: use a smaller quantization, or a larger "
        "--memory-limit."
    )


def test_weights_need_not_be_in_memory_twice(job, monkeypatch):
    """Once in the file, once in llama.cpp's layout."""

    def memory_of(_self, _path, settings) -> Memory:
        copy = 900 * MB if settings.repack else 0
        return Memory(1000 * MB - copy, copy, 100 * MB, 100 * MB, copied=copy)

    monkeypatch.setattr(ModelProcess, "memory", memory_of)
    said = limited(job, simulated(job), 1300 * MB)
    assert said == "With --no-repack it would take 1.20 GB."


def test_fewer_layers_are_named_where_a_gpu_is_too_small(job, monkeypatch):
    def on_gpu(_self, _path, settings) -> Memory:
        n = 31 if settings.n_gpu_layers < 0 else settings.n_gpu_layers
        return Memory(0, 0, 10 * MB, 10 * MB, gpus={"CUDA0": n * 100 * MB})

    monkeypatch.setattr(ModelProcess, "memory", on_gpu)
    every = replace(job.work.settings, n_gpu_layers=-1)
    on_all = replace(job, work=replace(job.work, settings=every))
    room = replace(memory.room(), gpus={"CUDA0": 2000 * MB})
    said = fit.advice(simulated(on_all, every), on_all, OPTIONS, room)
    assert said == "With -ngl 15 it would take 0.02 GB and 1.50 GB on CUDA0."


# --- layers on GPUs ---


@pytest.fixture
def gpu(monkeypatch):
    """A build that offloads, with 2 GB free, and a model of 30 layers of 100 MB."""

    def machine(process: ModelProcess) -> Machine:
        return replace(real(process), supports_gpu_offload=True)

    def on_gpu(_self, _path, settings) -> Memory:
        n = 31 if settings.n_gpu_layers < 0 else settings.n_gpu_layers
        return Memory(0, 0, 0, 0, gpus={"CUDA0": n * 100 * MB})

    real = ModelProcess.machine
    monkeypatch.setattr(ModelProcess, "machine", machine)
    monkeypatch.setattr(ModelProcess, "memory", on_gpu)
    monkeypatch.setattr(ModelProcess, "free_on_gpus", lambda _: {"CUDA0": 2000 * MB})


def with_layers(options, model, questions, store=None) -> int | None:
    return fit.with_layers(options, lambda: model, questions, store).n_gpu_layers


def test_a_build_without_offload_has_none(q4_0, few_questions):
    def unwanted():
        pytest.fail("no file is needed to know it")

    options = fit.with_layers(OPTIONS, unwanted, few_questions, None)
    assert options == replace(OPTIONS, n_gpu_layers=0)


@pytest.mark.usefixtures("gpu")
def test_as_many_as_fit_unless_a_number_is_given(q4_0, few_questions):
    assert with_layers(OPTIONS, q4_0, few_questions) == 15
    assert with_layers(replace(OPTIONS, n_gpu_layers=7), q4_0, few_questions) == 7


@pytest.mark.usefixtures("gpu")
def test_an_earlier_run_of_the_same_is_found_again(q4_0, few_questions, tmp_path):
    with Store.open(tmp_path / "results.sqlite") as store:
        with runner.opened(q4_0, few_questions, store, replace(OPTIONS, n_gpu_layers=9)):
            pass
        assert with_layers(OPTIONS, q4_0, few_questions, store) == 9
        assert with_layers(replace(OPTIONS, force=True), q4_0, few_questions, store) == 15
        assert with_layers(replace(OPTIONS, n_batch=64), q4_0, few_questions, store) == 15


@pytest.mark.usefixtures("gpu")
def test_what_was_tuned_is_the_same_run_where_it_will_be_tuned(q4_0, few_questions, tmp_path):
    was = replace(OPTIONS, n_gpu_layers=9, n_ubatch=1024, n_threads=1, repack=False)
    with Store.open(tmp_path / "results.sqlite") as store:
        with runner.opened(q4_0, few_questions, store, was):
            pass
        assert with_layers(OPTIONS, q4_0, few_questions, store) == 15
        assert with_layers(replace(OPTIONS, tune=True), q4_0, few_questions, store) == 9


@pytest.mark.usefixtures("gpu")
def test_a_simulation_that_fails_changes_nothing(q4_0, few_questions, monkeypatch):
    def fail(*_: object) -> Memory:
        raise WorkerError("it died")

    monkeypatch.setattr(ModelProcess, "memory", fail)
    assert with_layers(OPTIONS, q4_0, few_questions) is None


@pytest.mark.usefixtures("gpu")
def test_a_number_of_layers_that_does_not_fit_is_refused(q4_0, few_questions, tmp_path):
    options = replace(OPTIONS, n_gpu_layers=99)
    with (
        Store.open(tmp_path / "results.sqlite") as store,
        pytest.raises(
            ModelError, match=r"needs 9\.90 GB on CUDA0; 2\.00 GB are free there\. With "
        ),
    ):
        runner.evaluate(q4_0, few_questions, store, options)


# --- the command line ---


def run(*arguments: object):
    return CliRunner().invoke(cli, ["run", *map(str, arguments), "-q"])


def test_a_run_over_the_limit_says_what_would_fit(smollm2, tmp_path):
    words = ("--task", "sample", "--shots", 1, "--db", tmp_path / "r.sqlite", "-c", 16384)
    result = run(smollm2, *words, "--memory-limit", "450MB")
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: SmolLM2-135M-Instruct Q4_1 needs 0.")
    assert "; --memory-limit allows 0.45 GB. Without -c it would take 0." in line


@pytest.mark.parametrize("size", ["8", "eight GB", "0GB", "-1GB", "8 gigabytes"])
def test_what_is_no_size_is_refused(size):
    result = run("m.gguf", f"--memory-limit={size}")
    assert result.exit_code == 2
    assert f"a size was expected, as 8GB, 800MB or 6GiB, found {size!r}" in " ".join(
        result.stderr.split()
    )


def test_layers_are_a_number_or_auto():
    result = run("m.gguf", "-ngl", "many")
    assert result.exit_code == 2
    assert "a number of layers or auto was expected, found 'many'" in result.stderr
