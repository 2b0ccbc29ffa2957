"""What does not fit is refused before it is loaded; an estimate never stops a run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from ggufeval import memory, runner
from ggufeval.cli import cli
from ggufeval.errors import ModelError, WorkerError
from ggufeval.llama.client import ModelProcess
from ggufeval.memory import ALL, Room, check, here, lacking, layers_that_fit, limited, room
from ggufeval.store import Store
from ggufeval.types import Memory

GB = 10**9
NEEDED = Memory(
    mapped=2 * GB,
    allocated=GB // 2,
    cache=6 * GB // 10,
    compute=2 * GB // 10,
    process=GB // 10,
    copied=GB,
    gpus={"CUDA0": 9 * GB},
)
SMALL = runner.Options(shots=1, n_batch=256, n_ubatch=128)


def advise() -> str:
    return "Buy some."


# --- the verdict ---


@pytest.mark.parametrize(
    "room",
    [
        Room(total=8 * GB, available=4 * GB),
        Room(total=8 * GB, available=15 * GB // 10),  # mapped weights are dropped and reread
        Room(total=34 * GB // 10, available=14 * GB // 10),
        Room(total=8 * GB, available=4 * GB, gpus={"CUDA0": 9 * GB}),
        Room(total=8 * GB, available=4 * GB, gpus={"Vulkan0": GB}),  # of CUDA0 nothing is known
        Room(total=44 * GB // 10, available=44 * GB // 10, is_limit=True),
    ],
)
def test_what_fits_goes_through(room):
    check("Llama Q4_K_M", NEEDED, room, advise)


@pytest.mark.parametrize(
    ("total", "available"),
    [(2.0, 1.1), (2.0, 2.0), (3.3, 3.3), (64.0, 1.3)],
    ids=["both", "more than all there is", "nearly all", "what is held is not available"],
)
def test_what_does_not_fit_is_refused_with_the_numbers(total, available):
    with pytest.raises(ModelError) as caught:
        check("Llama Q4_K_M", NEEDED, Room(round(total * GB), round(available * GB)), advise)
    assert str(caught.value) == (
        "Llama Q4_K_M needs 3.40 GB of memory (weights 2.50, cache 0.60, compute 0.20, the "
        f"process itself 0.10); this machine has {total:.2f} GB, {available:.2f} GB of them "
        "available. Buy some."
    )


def test_under_a_limit_all_that_the_process_holds_counts():
    room = Room(43 * GB // 10, 43 * GB // 10, "--memory-limit allows", is_limit=True)
    assert lacking(NEEDED, room) == (
        "4.40 GB of memory (weights 3.50, cache 0.60, compute 0.20, the process itself 0.10); "
        "--memory-limit allows 4.30 GB"
    )


def test_where_the_gpu_has_the_machines_memory_it_is_counted_with_it():
    room = Room(12 * GB, 12 * GB, is_shared=True)
    assert lacking(NEEDED, room).startswith(
        "12.40 GB of memory (weights 2.50, GPU 9.00, cache 0.60,"
    )


def test_what_does_not_fit_on_a_gpu_is_refused():
    room = Room(64 * GB, 64 * GB, gpus={"CUDA0": 8 * GB, "CUDA1": 24 * GB})
    assert lacking(NEEDED, room) == "9.00 GB on CUDA0; 8.00 GB are free there"


# --- layers ---


def layers(n_layers: int, free: dict[str, int], *, a_layer: int = GB, first: str = "CUDA0") -> int:
    """What is found for a model whose layers take `a_layer` each, its output as much."""
    asked = []

    def simulate(n: int) -> Memory:
        asked.append(n)
        n = n_layers + 1 if n == ALL else n
        return replace(NEEDED, gpus={first: n * a_layer})

    found = layers_that_fit(simulate, n_layers, free)
    assert len(asked) <= 1 + n_layers.bit_length()
    return found


@pytest.mark.parametrize(
    ("free", "n"), [(100 * GB, ALL), (35 * GB, ALL), (33 * GB, 31), (5 * GB, 3), (GB, 0), (0, 0)]
)
def test_as_many_layers_as_leave_a_gpu_its_spare(free, n):
    assert layers(32, {"CUDA0": free}) == n


def test_of_a_small_gpu_a_quarter_is_left():
    assert layers(32, {"CUDA0": 2 * GB}, a_layer=GB // 10) == 15


def test_every_gpu_has_to_hold_its_part():
    def simulate(n: int) -> Memory:
        n = 33 if n == ALL else n
        return replace(NEEDED, gpus={"CUDA0": n * GB // 2, "CUDA1": n * GB // 2})

    free = {"CUDA0": 80 * GB, "CUDA1": 10 * GB}
    assert layers_that_fit(simulate, 32, free) == 17


def test_where_nothing_is_known_of_a_gpu_all_layers_go_to_it():
    assert layers(32, {}) == ALL
    assert layers(32, {"CUDA0": GB}, first="MTL0") == ALL


# --- the machine ---


def test_this_machine_has_memory():
    there = here()
    assert 0 < there.available <= there.total


def test_a_users_limit_takes_the_place_of_what_there_is():
    limited_to = room(5 * GB, {"CUDA0": GB})
    assert (limited_to.total, limited_to.available) == (5 * GB, 5 * GB)
    assert (limited_to.is_limit, limited_to.gpus) == (True, {"CUDA0": GB})
    assert room().total == here().total


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
        pytest.raises(ModelError, match=r"^SmolLM2-135M-Instruct Q4_0 needs 0\.\d\d GB of memory"),
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
    assert line.endswith(
        "; this machine has 0.10 GB, 0.10 GB of them available. No other -b or -c would make it "
        "fit: use a smaller quantization, or close other programs."
    )


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
