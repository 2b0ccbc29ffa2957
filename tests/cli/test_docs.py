from __future__ import annotations

import runpy
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_page_of_commands_is_up_to_date(monkeypatch):
    monkeypatch.delenv("GGUFEVAL_DB", raising=False)
    script = runpy.run_path(str(ROOT / "scripts" / "make_cli_docs.py"))
    written = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert script["document"]() == written, "run python scripts/make_cli_docs.py"


def test_the_readme_names_commands_that_exist():
    from ggufeval.cli import cli

    text = (ROOT / "README.md").read_text(encoding="utf-8")
    lines = [line.strip() for line in text.splitlines() if line.startswith("    ")]
    called = {line.split("ggufeval ")[1].split()[0] for line in lines if "ggufeval " in line}
    assert called
    assert called <= set(cli.commands) | set(cli.list_commands(None))  # type: ignore[arg-type]
