"""docs/reference/cli.md: written from the commands, and refused by lint where it is out of date."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from dsk.cli.image import COMMANDS as OF_IMAGE
from dsk.cli.main import COMMANDS

SCRIPT = Path(__file__).parents[3] / "scripts/write-cli-reference.py"


def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_a_page_that_is_out_of_date_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "cli.md"
    assert run("--check", page).returncode == 1, "there is none"
    assert run(page).returncode == 0
    assert run("--check", page).returncode == 0
    text = page.read_text(encoding="utf-8")
    headings = {line for line in text.splitlines() if line.startswith("## ")}
    assert headings == {
        "## dsk",
        *(f"## dsk {name}" for name in COMMANDS),
        *(f"## dsk image {name}" for name in OF_IMAGE),
    }
    page.write_text(text.replace("--detach ", "--detached "), encoding="utf-8")
    refused = run("--check", page)
    assert refused.returncode == 1
    assert "is out of date; write it with: make cli-reference" in refused.stderr
