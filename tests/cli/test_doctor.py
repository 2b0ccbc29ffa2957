"""`doctor`: what it prints, and how it leaves."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from ggufeval.cli import cli
from ggufeval.doctor import Finding, Status, build, environment, places, selftest, speed

GROUPS = ["environment", "build", "devices", "disk", "cache", "hub", "database"]
COMMAND = 'CMAKE_ARGS="-DGGML_CUDA=on" pip install ' + 100 * "x"


@pytest.fixture
def doctor(monkeypatch, tmp_path, hub):
    """A hub that answers, empty caches, nothing left unused; then what is found besides."""

    def call(*arguments, found=()):
        ok = Finding("environment", Status.OK, "all right")
        monkeypatch.setattr(environment, "findings", lambda _: iter([ok, *found]))
        return CliRunner().invoke(cli, ["doctor", "--db", str(tmp_path / "r.sqlite"), *arguments])

    return call


@pytest.fixture
def sound(monkeypatch):
    monkeypatch.setattr(build, "here", lambda: iter([Finding("build", Status.OK, "fine")]))
    monkeypatch.setattr(places, "LEAST_FREE", {"cache": 0, "results": 0})


def widest(lines):
    """Of lines without a path, such as the test's own, that no line could hold."""
    return max(len(line) for line in lines if max(map(len, line.split()), default=0) <= 60)


def test_nothing_is_wrong(doctor, sound):
    result = doctor()
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert [line for line in lines if line in GROUPS] == [g for g in GROUPS if g != "devices"]
    assert "  ok  all right" in lines
    assert lines[-1] == "Nothing is wrong."
    assert widest(lines) <= 80


def test_something_is_wrong(doctor, sound):
    wrong = Finding("environment", Status.WRONG, 30 * "long words " + "end", COMMAND)
    result = doctor(
        found=[wrong, Finding("environment", Status.NOTE, "odd \x1b[31m", "ls \x1b[2J")]
    )
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert f"      {COMMAND}" in lines
    assert widest(line for line in lines if COMMAND not in line) <= 80
    assert sum(line.startswith("  !!  ") for line in lines) == 1
    assert "  --  odd \\x1b[31m" in lines
    assert "      ls \\x1b[2J" in lines
    assert lines[-1] == "1 thing to see to (!!)."


def test_for_programs(doctor, sound):
    wrong = Finding("environment", Status.WRONG, "no", COMMAND, {"unused": ["AVX2"]})
    result = doctor("--json", found=[wrong])
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    assert document["n_wrong"] == 1
    assert document["findings"][1] == {
        "group": "environment",
        "status": "wrong",
        "text": "no",
        "command": COMMAND,
        "facts": {"unused": ["AVX2"]},
    }
    assert {finding["group"] for finding in document["findings"]} <= set(GROUPS)
    assert json.loads(doctor("--json").stdout)["n_wrong"] == 0


def test_this_very_machine(tmp_path, hub):
    """Whatever is found here, it is told, and the status says whether anything is wrong."""
    result = CliRunner().invoke(cli, ["doctor", "--json", "--db", str(tmp_path / "r.sqlite")])
    document = json.loads(result.stdout)
    assert [*dict.fromkeys(finding["group"] for finding in document["findings"])] == GROUPS
    assert result.exit_code == (1 if document["n_wrong"] else 0)
    assert list(tmp_path.glob("r.sqlite*")) == []


def test_a_token_is_never_printed(doctor, sound, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_verysecret")
    for arguments in ([], ["--json"]):
        result = doctor(*arguments)
        assert result.exit_code == 0
        assert "a token is there" in result.stdout
        assert "verysecret" not in result.output


def test_offline_the_hub_is_not_asked(doctor, sound, hub):
    result = doctor("--offline")
    assert result.exit_code == 0
    assert "(--offline)" in result.stdout
    assert hub.requests == []


def test_speed_is_measured_if_it_is_asked_for(doctor, sound, q4_0, monkeypatch):
    monkeypatch.setattr(speed, "N_TOKENS", 64)
    monkeypatch.setattr(speed, "_N_ROWS", 64)
    assert "tokens/s" not in doctor().stdout
    result = doctor("--measure", str(q4_0.parts[0]))
    assert result.exit_code == 0, result.output
    said = result.stdout.partition("\nspeed\n")[2].partition("\n\n")[0]
    assert "SmolLM2-135M-Instruct Q4_0, " in said
    assert "tokens/s" in said
    assert "GFLOP/s, a yardstick" in " ".join(said.split())


def test_the_self_test_alone(doctor, q4_0, monkeypatch):
    def findings(model, *, say, progress):
        assert model == q4_0
        say("Self-test: ...")
        yield Finding("self-test", Status.OK, "the same run twice: 40 of 40")
        yield Finding("self-test", Status.WRONG, "-t 1: 39 of 40")

    monkeypatch.setattr(selftest, "findings", findings)
    result = doctor("--selftest", str(q4_0.parts[0]))
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "self-test",
        "  ok  the same run twice: 40 of 40",
        "  !!  -t 1: 39 of 40",
        "",
        "1 thing to see to (!!).",
    ]
    assert result.stderr == "Self-test: ...\n"
    quiet = doctor("--selftest", str(q4_0.parts[0]), "--json", "-q")
    assert json.loads(quiet.stdout)["n_wrong"] == 1
    assert quiet.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--selftest", "none.gguf"], "none.gguf: no such file or folder"),
        (["--measure", "none.gguf"], "none.gguf: no such file or folder"),
        (["--selftest", "a", "--measure", "b"], "one of the two was expected"),
        (["--selftset", "a"], "No such option"),
    ],
)
def test_wrong_usage(doctor, arguments, said):
    result = doctor(*arguments)
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stdout == ""


def test_a_folder_of_several_models(doctor, tmp_path):
    for level in ("Q4_0", "Q8_0"):
        (tmp_path / f"Tiny-{level}.gguf").write_bytes(b"GGUF\x03\0\0\0" + bytes(100))
    result = doctor("--measure", str(tmp_path))
    assert result.exit_code == 2
    assert "one model was expected, and there are 2" in result.stderr
