"""Take away what a trim.txt lists for one layer. Usage: trim.py TRIM_TXT LAYER SITE_PACKAGES

A line is LAYER ACTION GLOB; actions are `remove` (a file, or a folder with all in it) and `strip`.
"""

import shutil
import subprocess
import sys
from pathlib import Path


def size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.lstat().st_size for file in files)


def remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def strip(path: Path) -> None:
    subprocess.run(["strip", "--strip-unneeded", str(path)], check=True)


ACTIONS = {"remove": remove, "strip": strip}


def main() -> None:
    layer, folder = sys.argv[2], Path(sys.argv[3])
    lines = (line.split() for line in Path(sys.argv[1]).read_text().splitlines())
    rules = [line for line in lines if line and line[0] == layer]
    for _, action, pattern in rules:
        paths = sorted(folder.glob(pattern))
        if not paths:
            sys.exit(f"trim: nothing matches {layer} {action} {pattern}")
        before = sum(map(size, paths))
        for path in paths:
            ACTIONS[action](path)
        after = sum(size(path) for path in paths if path.exists())
        print(f"trim: {(before - after) / 1e6:6.1f} MB  {action} {pattern}")


if __name__ == "__main__":
    main()
