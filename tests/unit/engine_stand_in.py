"""A `docker` program without an engine: FOLDER has its images, REGISTRY is a folder of images.

Usage: engine_stand_in.py FOLDER REGISTRY WORDS of docker's own command line
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any


def main(folder: Path, registry: Path, words: list[str]) -> int:
    with (folder / "asked").open("a") as file:
        file.write(json.dumps(words) + "\n")
    kept = folder / "images.json"
    images: dict[str, Any] = json.loads(kept.read_text())
    if words[0] == "version":
        print("27.0.3 linux/amd64")
    elif words[0] == "info":
        print(folder if "DockerRootDir" in words[-1] else " ")
    elif words[:2] == ["image", "ls"]:
        print(*images, sep="\n")
    elif words[:2] == ["image", "inspect"]:
        return inspect(images, words[3], words[4:])
    elif words[:2] == ["image", "rm"]:
        del images[words[2]]
    elif words[0] == "save":
        print(json.dumps({words[1]: images[words[1]]}))
    elif words[0] == "load":
        images |= json.load(sys.stdin)
    elif words[0] == "pull":
        page = registry / words[-1].replace("/", "+")
        if not page.exists():
            print(f"manifest for {words[-1]} not found", file=sys.stderr)
            return 1
        images[words[-1]] = json.loads(page.read_text())
    elif words[0] == "rm":
        print(words[-1])
    elif words[0] == "exec":
        # The program `worker` of the folder stands for the worker: it gets what is run there.
        program = words[words.index("-I") + 1 :]
        os.execv(folder / "worker", ["worker", *program])
    else:
        print(f"the stand-in does not know: docker {' '.join(words)}", file=sys.stderr)
        return 125
    kept.write_text(json.dumps(images))
    return 0


def inspect(images: dict[str, Any], template: str, names: list[str]) -> int:
    for name in names:
        if name not in images:
            print(f"No such image: {name}", file=sys.stderr)
            return 1
        found = images[name]
        if "RepoDigests" in template:
            print(*found["RepoDigests"], sep="\n")
        else:
            print(json.dumps(found["RootFS"]["Layers"] if ".RootFS.Layers" in template else found))
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]))
