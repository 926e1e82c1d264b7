"""Pages that are written from the code: written, or compared with what would be written."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

REFERENCE = Path(__file__).resolve().parents[1] / "docs/reference"


def write_or_check(description: str | None, pages: Mapping[str, str]) -> int:
    """Write each page, by its name in docs/reference or in the folder that is given.

    With --check nothing is written: the exit code is 1 where a file differs.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("folder", nargs="?", type=Path, default=REFERENCE)
    args = parser.parse_args()
    differs = False
    for name, text in pages.items():
        file = args.folder / name
        if not args.check:
            file.write_text(text, encoding="utf-8")
        elif not file.exists() or file.read_text(encoding="utf-8") != text:
            print(f"{file} is out of date; write it with: make reference", file=sys.stderr)
            differs = True
    return int(differs)
