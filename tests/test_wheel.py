"""What a user installs is the wheel, not the checkout."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_wheel_carries_its_data(tmp_path: Path):
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    models = {f"ggufeval/catalog/models/{path.name}" for path in (ROOT / "models").glob("*.toml")}
    questions = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "ggufeval" / "tasks" / "sample").rglob("*.csv")
    }
    assert len(models) >= 2
    assert len(questions) == 32
    assert models | questions <= names
    templates = ("template.html.j2", "style.css.j2", "ladder/template.html.j2")
    assert {f"ggufeval/report/{name}" for name in templates} <= names
    assert "ggufeval/py.typed" in names
    assert not any(name.startswith(("tests/", "scripts/")) for name in names)
