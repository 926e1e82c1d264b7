"""The rows of docs/reliability.md, made from the figures that the fault table's tests leave.

DSK_FAULT_FIGURES=figures.jsonl pytest tests/lab/test_fault_table.py tests/lab/test_restarts.py
python bench/fault_table.py figures.jsonl docs/reliability*.md
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

BEGIN, END = "<!-- figures: bench/fault_table.py -->\n", "<!-- /figures -->\n"
RESTARTS = "<!-- figures: bench/fault_table.py, restarts -->\n"
"""Begins the table of jobs that went on with another attempt."""
NONE = "–"


def latest(lines: Iterable[str]) -> list[dict[str, Any]]:
    """One of each fault and launcher, the last measured, in the order in which they first came."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for line in lines:
        figures = json.loads(line)
        found[figures["fault"], figures["launcher"]] = figures
    return list(found.values())


def row(figures: dict[str, Any]) -> str:
    def seconds(name: str) -> str:
        return NONE if figures[name] is None else f"{figures[name]:g} s"

    if restarted(figures):
        cells = [seconds("detected"), seconds("again"), seconds("within")]
    elif figures["outcome"] == "goes on":
        cells = [NONE, NONE, "the job goes on", NONE, NONE]
    else:
        left = "; ".join(figures["left"]) or "nothing"
        code = str(figures["exit_code"])
        cells = [seconds("detected"), seconds("within"), seconds("ended"), code, left]
    return f"| {' | '.join([figures['fault'], figures['launcher'], *cells])} |\n"


def restarted(figures: dict[str, Any]) -> bool:
    return bool(figures["outcome"] == "restarted")


def replace_rows(path: Path, begin: str, rows: str) -> None:
    """The table's head stays: each language has its own."""
    before, rest = path.read_text(encoding="utf-8").split(begin)
    table, after = rest.split(END, 1)
    head = "".join(table.splitlines(keepends=True)[:2])
    path.write_text(f"{before}{begin}{head}{rows}{END}{after}", encoding="utf-8")


def main(source: str, *targets: str) -> None:
    """A table of which no row was measured stays as it is."""
    found = latest(Path(source).read_text(encoding="utf-8").splitlines())
    for begin, belongs in ((BEGIN, False), (RESTARTS, True)):
        rows = "".join(row(figures) for figures in found if restarted(figures) is belongs)
        for target in targets if rows else ():
            replace_rows(Path(target), begin, rows)


if __name__ == "__main__":
    main(*sys.argv[1:])
