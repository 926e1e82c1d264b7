"""The table of docs/reliability.md, made from the figures that the fault table's tests leave.

DSK_FAULT_FIGURES=figures.jsonl pytest tests/lab/test_fault_table.py
python bench/fault_table.py figures.jsonl docs/reliability.md
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

BEGIN, END = "<!-- figures: bench/fault_table.py -->\n", "<!-- /figures -->\n"
COLUMNS = "fault", "launcher", "noticed after", "at most", "gone everywhere", "exit code", "left"
HEAD = f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|\n"


def latest(lines: Iterable[str]) -> list[dict[str, Any]]:
    """One of each fault and launcher, the last measured, in the order in which they first came."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for line in lines:
        figures = json.loads(line)
        found[figures["fault"], figures["launcher"]] = figures
    return list(found.values())


def row(figures: dict[str, Any]) -> str:
    def seconds(name: str) -> str:
        return "–" if figures[name] is None else f"{figures[name]:g} s"

    if figures["outcome"] == "goes on":
        cells = ["–", "–", "the job goes on", "–", "–"]
    else:
        left = "; ".join(figures["left"]) or "nothing"
        code = str(figures["exit_code"])
        cells = [seconds("detected"), seconds("within"), seconds("ended"), code, left]
    return f"| {' | '.join([figures['fault'], figures['launcher'], *cells])} |\n"


def main(source: str, target: str) -> None:
    table = HEAD + "".join(map(row, latest(Path(source).read_text(encoding="utf-8").splitlines())))
    path = Path(target)
    before, rest = path.read_text(encoding="utf-8").split(BEGIN)
    _, after = rest.split(END)
    path.write_text(f"{before}{BEGIN}{table}{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
