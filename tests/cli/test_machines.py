"""Every command on consoles that show little, in narrow terminals, and on other systems."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path, PureWindowsPath
from types import SimpleNamespace

import psutil
import pytest

from ggufeval import prompts, runner
from ggufeval.catalog.files import first_part, split_name
from ggufeval.cli import _progress, cli, main
from ggufeval.errors import WorkerError
from ggufeval.llama import services, worker
from ggufeval.llama.client import ModelProcess
from ggufeval.llama.log import Log
from ggufeval.store import Store
from ggufeval.types import (
    BuildInfo,
    Design,
    EngineSettings,
    Fingerprint,
    ModelInfo,
    Question,
    Record,
    Run,
    RunStatus,
)

QUESTIONS = tuple(
    Question(f"é/physics/{i}", "physics", f"“π” — ≈ {i}…\nIs it so?", ("½", "不"), i % 2)
    for i in range(8)
)
COMMANDS = sorted(cli.list_commands(None))  # type: ignore[arg-type]


def store_run(store: Store, quantization: str) -> str:
    model = ModelInfo(
        label=f"Größe 测试 {quantization}",
        path=f"Modèle/{quantization}.gguf",
        sha256=quantization,
        size_bytes=10**8,
        architecture="llama",
        n_params=10**8,
        quantization=quantization,
        tensor_types={"Q8_0": 10**8},
        bits_per_weight=8.5,
        nominal_share=1.0,
        requantized_from="Q4_1",
    )
    build = BuildInfo("0.3.36", "", "libraries", "AVX2", ("CPU",))
    engine = EngineSettings(4096, 512, 512, 64, 2, 0, "on")
    fingerprint = Fingerprint(
        quantization, "p", "q", "mmlu", 0, "letter", 'root ::= " " [AB]', engine, build
    )
    run = Run(
        id="",
        model=model,
        fingerprint=fingerprint,
        task="é",
        source="é.csv",
        design=Design.FULL,
        population={"physics": 8},
        n_questions=8,
        n_batches=1,
        status=RunStatus.RUNNING,
        created="",
        n_done=0,
        n_tokens=0,
        seconds=0.0,
        peak_rss_bytes=0,
        command="ggufeval run Modèle",
    )
    run_id = store.begin(run, QUESTIONS)
    records = [
        Record(
            run_id=run_id,
            question_id=question.id,
            rotation=0,
            letter=0,
            correct=question.answer == 0,
            letter_logits=(1.0, 0.0),
            logsumexp=2.0,
            letter_mass=0.5,
            margin=1.0,
            top_token=1,
            top_logit=1.0,
            n_tokens=10,
        )
        for question in QUESTIONS
    ]
    store.add_batch(run_id, 0, "p", records, n_tokens=80, seconds=1.0)
    store.finish(run_id)
    return run_id


@dataclass(frozen=True)
class Stored:
    path: Path
    run_id: str

    def arguments(self, command: str) -> list[str]:
        more = {
            "show": [self.run_id, "--question", QUESTIONS[0].id],
            "report": ["-o", str(self.path.with_name("é.md"))],
            "export": ["-o", str(self.path.with_name("é.csv"))],
        }
        return [command, *more.get(command, []), "--db", str(self.path)]


@pytest.fixture(scope="module")
def stored(tmp_path_factory) -> Stored:
    path = tmp_path_factory.mktemp("mit Größe") / "é.sqlite"
    with Store.open(path) as store:
        number = store.begin_sweep()
        for run_id in [store_run(store, level) for level in ("Q8_0", "Q4_0")]:
            store.add_to_sweep(number, run_id)
    return Stored(path, run_id)


@dataclass(frozen=True)
class Printed:
    status: object
    out: str
    err: str


@pytest.fixture
def printed(monkeypatch):
    """Runs the program as its script does, on streams of that encoding."""

    def call(*arguments: object, encoding: str = "utf-8", columns: int = 80) -> Printed:
        raw = io.BytesIO(), io.BytesIO()
        out, err = (io.TextIOWrapper(r, encoding=encoding, write_through=True) for r in raw)
        monkeypatch.setattr(sys, "stdout", out)
        monkeypatch.setattr(sys, "stderr", err)
        monkeypatch.setattr(sys, "argv", ["ggufeval", *map(str, arguments)])
        monkeypatch.setenv("COLUMNS", str(columns))
        with pytest.raises(SystemExit) as left:
            main()
        texts = (r.getvalue().decode(encoding).replace(os.linesep, "\n") for r in raw)
        return Printed(left.value.code, *texts)

    return call


# --- consoles ---

ENCODINGS = ["ascii", "cp437", "cp1252", "latin-1"]
READING = ["compare", "export", "report", "runs", "show"]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("command", READING)
def test_every_console_shows_every_result(printed, stored, command, encoding):
    result = printed(*stored.arguments(command), encoding=encoding)
    assert result.status == 0, result.err
    assert result.out
    assert "?" not in result.out.replace("Is it so?", "")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_console_shows_every_help(printed, command):
    assert printed(command, "--help", encoding="ascii").out.startswith("Usage: ggufeval")


def test_an_ascii_table_and_its_notes_have_the_same_marks(printed, stored):
    out = printed(*stored.arguments("compare"), encoding="ascii").out
    assert "\nQ8_0+  100 MB" in out
    assert "\n-----" in out
    assert "Q8_0+, Q4_0+ (from Q4_1): made from" in out
    assert r"Gr\xf6\xdfe \u6d4b\u8bd5 Q8_0" in out


def test_an_error_names_a_file_that_the_console_cannot(printed):
    result = printed("run", "Modèle.gguf", "--task", "sample", encoding="ascii")
    assert result.status == 2
    assert result.err.startswith(r"Error: Mod\xe8le.gguf: no such file")


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "md", "html", "json"])
def test_files_are_utf_8_whatever_the_console_is(printed, stored, suffix):
    path = stored.path.with_name(f"out.{suffix}")
    command = "export" if suffix == "jsonl" else "report"
    assert printed(command, "-o", path, "--db", stored.path, encoding="cp1252").status == 0
    text = path.read_text(encoding="utf-8")
    assert ("Gr\\u00f6\\u00dfe" if suffix == "json" else "Größe 测试") in text


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX locales")
def test_the_c_locale(stored, tmp_path):
    env = {key: value for key, value in os.environ.items() if not key.startswith(("LC_", "PYTHON"))}
    env |= {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "ggufeval", *stored.arguments("report")]
    done = subprocess.run(command, env=env, capture_output=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr.decode()
    report, charts = done.stdout.splitlines()
    assert report == os.fsencode(stored.path.with_name("é.md"))  # as it was typed
    assert charts.startswith(os.fsencode(stored.path.with_name("é-charts")))
    text = stored.path.with_name("é.md").read_text(encoding="utf-8")
    assert "Q8_0†" in text
    assert "(%C3%A9-charts/" in text


# --- terminals ---


@pytest.mark.parametrize("columns", [60, 80])
@pytest.mark.parametrize("command", COMMANDS)
def test_help_fits(printed, command, columns):
    lines = printed(command, "--help", columns=columns).out.splitlines()
    assert max(map(len, lines)) <= columns


@pytest.mark.parametrize("columns", [60, 80])
@pytest.mark.parametrize("command", ["compare", "runs"])
def test_tables_fit(printed, stored, command, columns):
    out = printed(*stored.arguments(command), columns=columns).out
    assert max(map(len, out.splitlines())) <= columns
    assert "Q4_0" in out


def test_runs_are_whole_at_any_width(printed, stored):
    for columns in (20, 40, 200):
        out = printed("runs", "--db", stored.path, columns=columns).out
        assert re.search(r"\b[0-9a-f]{12}  8 ", out)
        assert "Größe 测试 Q4_0" in out


def test_the_demos_last_words_fit():
    lines = import_module("ggufeval.cli.sweep")._DEMO_END.splitlines()
    assert max(len(line) for line in lines if "{program}" not in line) <= 60


@pytest.mark.parametrize("name", ["FORCE_COLOR", "CLICOLOR_FORCE", "TTY_COMPATIBLE"])
def test_a_pipe_gets_no_escape_codes(printed, stored, monkeypatch, name):
    monkeypatch.setenv(name, "1")
    for command in READING:
        assert "\x1b" not in printed(*stored.arguments(command)).out


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("columns", "shown"),
    [
        (100, "Tiny 135M Instruct Q4_0 |"),
        (60, "Tiny 135M Instruct Q4_0 |"),
        (40, "Tiny 135M...t Q4_0 |"),
        (30, "Tiny 135M...t Q4_0 |"),
    ],
)
@pytest.mark.parametrize("max_tokens", [0, 10])  # how long texts are, nobody knows beforehand
def test_a_bar_cuts_no_number(monkeypatch, columns, shown, max_tokens):
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setattr("tqdm.std._screen_shape_wrapper", lambda: lambda _: (columns, 24))
    run = SimpleNamespace(
        model=SimpleNamespace(label="Tiny 135M Instruct Q4_0"),
        fingerprint=SimpleNamespace(max_tokens=max_tokens),
        n_tokens=0,
    )
    bar = _progress.Bar()
    bar.start(run, SimpleNamespace(n_questions=160, n_tokens=16_000, stops=()), 0, 0)
    for _ in range(4):
        bar.advance(40, 20, 4_000)
    bar.end()
    last = sys.stderr.getvalue().split("\r")[-1].rstrip()
    assert last.startswith(shown)
    assert len(last) <= columns
    assert re.search(r"160/160(, \d+:\d\d left(, 50% right(, [\d,]+ tokens/s)?)?)?$", last)
    assert ("tokens/s" in last) == (columns == 100)


def test_how_long_a_run_takes_that_may_end_early_nobody_knows(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setattr("tqdm.std._screen_shape_wrapper", lambda: lambda _: (100, 24))
    run = SimpleNamespace(
        model=SimpleNamespace(label="Tiny Q4_0"),
        fingerprint=SimpleNamespace(max_tokens=0),
        n_tokens=0,
    )
    bar = _progress.Bar()
    bar.start(run, SimpleNamespace(n_questions=160, n_tokens=16_000, stops=(2, 9)), 0, 0)
    bar.advance(40, 20, 4_000)
    assert bar._bar.postfix.startswith("50% right, ")
    bar.end()
    assert not sys.stderr.getvalue().split("\r")[-1].strip()


def test_what_a_run_tells_is_told_once_for_all_levels(capsys):
    plan = SimpleNamespace(n_questions=160, n_tokens=16_000, stops=())
    lines, bar = _progress.Lines(), _progress.Bar()
    for progress in (lines, bar):
        for label in ("Tiny Q8_0", "Tiny Q4_0"):
            run = SimpleNamespace(
                model=SimpleNamespace(label=label),
                fingerprint=SimpleNamespace(max_tokens=0),
                n_tokens=0,
            )
            progress.start(run, plan, 0, 0)
            progress.tell("In plain text.")
            progress.end()
    told = capsys.readouterr().err
    assert told.count("Note: Tiny Q8_0: In plain text.\n") == 2
    assert told.count("Note: ") == 2


# --- systems ---


def test_a_mistyped_command_is_corrected(printed):
    result = printed("swep")
    assert result.status == 2
    assert "Error: No such command 'swep'. Did you mean 'sweep'?" in result.err
    assert "Did you mean" not in printed("xyz").err


def test_names_of_files_on_windows():
    path = PureWindowsPath(r"C:\Meine Modelle\Llama-3.2-1B-Q4_K_M-00002-of-00003.gguf")
    assert split_name(path) == ("Llama-3.2-1B", "Q4_K_M")
    assert first_part(path).name == "Llama-3.2-1B-Q4_K_M-00001-of-00003.gguf"
    assert str(first_part(path)).startswith("C:\\Meine Modelle\\")


@pytest.mark.parametrize("name", [r"C:\models\none.gguf", r"C:\models\none", r"models\none"])
def test_a_path_of_windows_is_no_name_of_the_catalogue_or_the_hub(printed, name):
    result = printed("run", name, "--task", "sample", "--offline")
    assert result.status == 2
    assert "no such file or folder. Give the path" in result.err


def test_cores_where_the_system_does_not_tell_which_are_ours(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert 1 <= runner.physical_cores() <= (os.cpu_count() or 1)


def test_a_process_that_dies_where_there_is_no_sigkill(monkeypatch):
    process = ModelProcess()
    process._process.kill()
    process._process.join()
    monkeypatch.delattr(signal, "SIGKILL", raising=False)
    with pytest.raises(WorkerError, match="killed, most likely for want of memory"):
        process.machine()
    process.close()


def test_a_closed_pipe_on_windows_is_a_process_that_died(monkeypatch):
    with ModelProcess() as process:
        process._process.kill()
        process._process.join()

        def broken(_timeout):
            raise BrokenPipeError

        monkeypatch.setattr(process._connection, "poll", broken)
        with pytest.raises(WorkerError, match="process"):
            process.tokenize(Path("model.gguf"), prompts.render)


def test_a_log_on_windows_is_opened_by_its_name(monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(os, "O_TEMPORARY", 0, raising=False)
    monkeypatch.setattr(tempfile, "TemporaryFile", tempfile.NamedTemporaryFile)
    log = Log()
    opened, arguments = log.__reduce__()
    descriptor = opened(*arguments)
    os.write(descriptor, b"said")
    os.close(descriptor)
    assert log.read() == "said"
    log.close()


@pytest.mark.parametrize("platform", ["win32", "darwin"])
def test_a_worker_needs_nothing_of_linux(monkeypatch, platform):
    windows = SimpleNamespace(memory_info=lambda: SimpleNamespace(peak_wset=2_000_000))
    monkeypatch.setattr(psutil, "Process", lambda: windows)
    monkeypatch.setattr(sys, "platform", platform)
    worker._die_with_parent()
    assert services.peak_rss() > 10_000
