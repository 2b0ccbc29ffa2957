"""Pictures of a page at three widths, light and dark, as Chromium shows it.

    python scripts/screenshots.py report.html docs/report

writes docs/report-1280.png, -820.png, -390.png (the first screens) and -1280-dark.png.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Literal

from playwright.sync_api import sync_playwright

VIEWS: tuple[tuple[int, int, Literal["light", "dark"]], ...] = (
    (1280, 1600, "light"), (1280, 1600, "dark"), (820, 1600, "light"), (390, 1600, "light"),
)  # fmt: skip


def main() -> None:
    page_file, stem = Path(sys.argv[1]), sys.argv[2]
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    flags = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
        for width, height, scheme in VIEWS:
            page = browser.new_page(
                viewport={"width": width, "height": height}, color_scheme=scheme
            )
            page.goto(page_file.resolve().as_uri())
            page.wait_for_selector("body[data-ready=yes]")
            path = f"{stem}-{width}{'-dark' if scheme == 'dark' else ''}.png"
            page.screenshot(path=path)
            print(path)
            page.close()
        browser.close()


if __name__ == "__main__":
    main()
