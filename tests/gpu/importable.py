"""`python importable.py LIST`: take the modules that cannot be imported here out of the file LIST.

For like_image.sh: the list of what the warm process imports was written in the image, and a machine
with other versions lacks some of them.
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

TRY = "--try"


def main(path: Path) -> None:
    names = [line for line in path.read_text().splitlines() if line and line[0] != "#"]
    left_out: list[str] = []
    # Again without those: an import that fails may leave behind what makes a later one succeed.
    while failing := _failing(names):
        names = [name for name in names if name not in failing]
        left_out += failing
    path.write_text("".join(f"{name}\n" for name in names))
    print(f"{len(names)} modules can be imported, {len(left_out)} cannot: {' '.join(left_out)}")


def _failing(names: list[str]) -> list[str]:
    """Those that a new process cannot import, in this order."""
    done = subprocess.run(
        [sys.executable, __file__, TRY],
        input="\n".join(names),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    # Imports print too.
    found: list[str] = json.loads(done.stdout.splitlines()[-1])
    return found


def _try(names: list[str]) -> None:
    failing = []
    for name in names:
        try:
            importlib.import_module(name)
        except (Exception, SystemExit):
            failing.append(name)
    print(f"\n{json.dumps(failing)}")


if __name__ == "__main__":
    if sys.argv[1] == TRY:
        _try(sys.stdin.read().splitlines())
    else:
        main(Path(sys.argv[1]))
