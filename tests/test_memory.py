"""What does not fit is refused before it is loaded; an estimate never stops a run."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from ggufeval import memory, runner
from ggufeval.cli import cli
from ggufeval.errors import ModelError, WorkerError
from ggufeval.llama.client import ModelProcess
from ggufeval.memory import Room, check, here, limited
from ggufeval.store import Store
from ggufeval.types import Memory

GB = 10**9
NEEDED = Memory(
    mapped=2 * GB, allocated=GB // 2, cache=6 * GB // 10, compute=3 * GB // 10, devices=9 * GB
)
SMALL = runner.Options(shots=1, n_batch=256, n_ubatch=128)


# --- the verdict ---


@pytest.mark.parametrize(
    "room",
    [
        Room(total=8 * GB, available=4 * GB),
        Room(total=8 * GB, available=15 * GB // 10),  # mapped weights are dropped and reread
        Room(total=34 * GB // 10, available=14 * GB // 10),
    ],
)
def test_what_fits_goes_through(room):
    check("Llama Q4_K_M", NEEDED, room)


@pytest.mark.parametrize(
    ("total", "available"),
    [(2.0, 1.1), (2.0, 2.0), (3.3, 3.3), (64.0, 1.3)],
    ids=["both", "more than all there is", "nearly all", "what is held is not available"],
)
def test_what_does_not_fit_is_refused_with_the_numbers(total, available):
    with pytest.raises(ModelError) as caught:
        check("Llama Q4_K_M", NEEDED, Room(round(total * GB), round(available * GB)))
    assert str(caught.value) == (
        "Llama Q4_K_M needs 3.4 GB of memory (weights 2.5, cache 0.6, compute 0.3); this machine "
        f"has {total} GB, {available} GB of them available. Use a smaller quantization, -c or -b, "
        "or close other programs."
    )


# --- the machine ---


def test_this_machine_has_memory():
    room = here()
    assert 0 < room.available <= room.total


@pytest.fixture
def groups(tmp_path: Path):
    """A tree of control groups, and the limits found in it."""

    def make(own: str, files: dict[str, str]) -> list[tuple[int, int]]:
        for name, text in files.items():
            path = tmp_path / "cgroup" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{text}\n")
        (tmp_path / "self").write_text(own)
        found = limited(tmp_path / "self", tmp_path / "cgroup")
        return [(room.total, room.available) for room in found]

    return make


def test_a_container_of_version_2(groups):
    files = {
        "memory.max": "2000",
        "memory.current": "1500",
        "memory.stat": "anon 300\ninactive_file 700\nactive_file 200\nshmem 100",
    }
    assert groups("0::/\n", files) == [(2000, 1400)]


def test_groups_within_groups(groups):
    files = {
        "user.slice/memory.max": "5000",
        "user.slice/memory.current": "4900",
        "user.slice/run.scope/memory.max": "max",
        "user.slice/run.scope/memory.current": "10",
    }
    assert groups("0::/user.slice/run.scope\n", files) == [(5000, 100)]


def test_a_container_of_version_1_that_does_not_see_its_own_path(groups):
    files = {
        "memory/memory.limit_in_bytes": "2000",
        "memory/memory.usage_in_bytes": "2000",
        "memory/memory.stat": "inactive_file 0\ntotal_inactive_file 600\ntotal_active_file 0",
    }
    own = "11:cpu,cpuacct:/docker/4f\n4:memory:/docker/4f\n0::/docker/4f\n"
    assert groups(own, files) == [(2000, 600)]


def test_no_limits(groups):
    assert groups("0::/\n", {"memory.max": "max", "memory.current": "10"}) == []
    assert groups("", {}) == []


def test_the_narrowest_limit_counts(monkeypatch):
    rooms = [Room(2 * GB, GB, "its container"), Room(3 * GB, GB // 2, "its container")]
    monkeypatch.setattr(memory, "limited", lambda: rooms)
    assert here() == Room(2 * GB, GB // 2, "its container")


def test_a_limit_above_what_there_is_is_none(monkeypatch):
    monkeypatch.setattr(memory, "limited", lambda: [Room(1 << 62, 1 << 62, "its container")])
    assert here().where == "this machine has"


# --- the run ---


@pytest.fixture
def tiny_machine(monkeypatch):
    monkeypatch.setattr(memory, "here", lambda: Room(GB // 10, GB // 10))


@pytest.mark.usefixtures("tiny_machine")
def test_a_run_that_does_not_fit_is_refused_before_it_is_loaded(
    monkeypatch, q4_0, few_questions, tmp_path
):
    monkeypatch.setattr(ModelProcess, "score", lambda *_, **__: pytest.fail("it was loaded"))
    with (
        Store.open(tmp_path / "results.sqlite") as store,
        pytest.raises(ModelError, match=r"^SmolLM2-135M-Instruct Q4_0 needs 0\.\d GB of memory"),
    ):
        runner.evaluate(q4_0, few_questions, store, SMALL)


@pytest.mark.usefixtures("tiny_machine")
def test_the_command_line_says_it_in_one_sentence(smollm2, tmp_path):
    database = tmp_path / "results.sqlite"
    arguments = ["sweep", smollm2, "--task", "sample", "--db", database, "-q"]
    result = CliRunner().invoke(cli, [str(argument) for argument in arguments])
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: SmolLM2-135M-Instruct Q4_1 needs ")
    assert "; this machine has 0.1 GB, 0.1 GB of them available. Use a smaller" in line


@pytest.mark.usefixtures("tiny_machine")
@pytest.mark.parametrize("error", [WorkerError("it died"), ModelError("it was refused")])
def test_an_estimate_that_fails_stops_nothing(monkeypatch, q4_0, few_questions, tmp_path, error):
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(ModelProcess, "memory", fail)
    monkeypatch.setattr(ModelProcess, "score", lambda *_, **__: iter(()))
    with (
        Store.open(tmp_path / "results.sqlite") as store,
        pytest.raises(WorkerError, match="the answers ended before the questions"),
    ):
        runner.evaluate(q4_0, few_questions, store, SMALL)
