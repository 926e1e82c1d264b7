"""Move what a step has written into folders of about the same size, each to become a layer.

Usage: split_layer.py TREE STAMP PARTS COUNT: of TREE all that is newer than the file STAMP goes to
PARTS/1 to PARTS/COUNT, under its full path.

An engine unpacks one layer after another, each as soon as it has arrived: of one large layer it
would unpack nothing until all of it is there (docs/decisions/0022-split-layers.md).
"""

import sys
from pathlib import Path


def main() -> None:
    tree, stamp, parts, count = Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4]
    written = stamp.lstat().st_ctime_ns
    files = sorted(path for path in tree.rglob("*") if path.is_symlink() or not path.is_dir())
    new = [path for path in files if path.lstat().st_ctime_ns > written]
    total = sum(path.lstat().st_size for path in new)
    folders = [parts / str(number + 1) for number in range(int(count))]
    for folder in folders:
        folder.mkdir(parents=True)
    moved = 0
    for path in new:
        size = path.lstat().st_size
        # By the file's middle, so that the parts' ends are as near as they can be to equal shares.
        part = min(len(folders) * (2 * moved + size) // (2 * total or 1), len(folders) - 1)
        to = folders[part] / path.relative_to("/")
        to.parent.mkdir(parents=True, exist_ok=True)
        path.rename(to)
        moved += size
    print(f"split: {len(new)} files, {total / 1e6:.1f} MB, into {count}")


if __name__ == "__main__":
    main()
