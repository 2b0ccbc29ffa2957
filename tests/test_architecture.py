"""The rules of the house that no linter holds (import-linter holds the others)."""

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import ggufeval
from ggufeval.cli import cli

PACKAGE = Path(ggufeval.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
COMMANDS = cli.list_commands(click.Context(cli))
LONGEST = 320


HEAVY = ["datasets", "jinja2", "llama_cpp", "numpy", "pandas", "pyarrow", "rich", "scipy", "tqdm"]


def command(name):
    return cli.get_command(click.Context(cli), name)


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_module_stays_short(path):
    assert len(path.read_text("utf-8").splitlines()) < LONGEST


@pytest.mark.parametrize("arguments", [["--help"], *([name, "--help"] for name in COMMANDS)])
def test_help_imports_nothing_heavy(arguments):
    program = (
        "import json, sys\n"
        "from ggufeval.cli import cli\n"
        "cli(sys.argv[1:], prog_name='ggufeval', standalone_mode=False)\n"
        "roots = {name.partition('.')[0] for name in sys.modules}\n"
        "print(json.dumps(sorted(roots)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True
    )
    help_text, _, roots = done.stdout.strip().rpartition("\n")
    assert help_text.startswith("Usage: ggufeval")
    assert "click" in json.loads(roots)
    assert not set(HEAVY) & set(json.loads(roots))


def test_there_are_commands():
    assert {"sweep", "run", "compare", "export"} <= set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_answers_help(name):
    result = CliRunner().invoke(cli, [name, "--help"])
    assert result.exit_code == 0
    assert result.stdout.startswith(f"Usage: cli {name} ")


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_named_as_its_file(name):
    assert command(name).name == name


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_what_it_does(name):
    assert command(name).help


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_says_what_it_does(name):
    options = [p for p in command(name).params if isinstance(p, click.Option)]
    assert [option.name for option in options if not option.help] == []


def test_the_help_lists_every_command():
    result = CliRunner().invoke(cli, ["-h"])
    assert result.exit_code == 0
    listed = result.stdout.partition("Commands:\n")[2].splitlines()
    assert [line.split()[0] for line in listed] == COMMANDS


def test_an_unknown_command_is_wrong_usage():
    result = CliRunner().invoke(cli, ["evaluate"])
    assert result.exit_code == 2
    assert "No such command 'evaluate'" in result.output
