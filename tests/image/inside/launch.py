"""Asks DeepSpeed's launch.py what it starts a node's ranks as.

In: [{"world": {host: [slot, ...]}, "node_rank": N, "master_addr": ..., "master_port": N}, ...].
Out: for each, [{"argv": [...], "env": {...}} of the node's first rank, ...].
"""

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

WORK = Path("/tmp/work")
RANK = """
import json, os, pathlib, sys
said = {"argv": sys.argv[1:], "env": dict(os.environ)}
pathlib.Path(os.environ["SAID"], os.environ["RANK"]).write_text(json.dumps(said))
"""
LIMIT_S = 120


def ranks(
    said: Path, world: dict[str, list[int]], node_rank: int, master_addr: str, master_port: int
) -> list[Any]:
    said.mkdir()
    argv = [
        sys.executable, "-m", "deepspeed.launcher.launch", f"--node_rank={node_rank}",
        f"--master_addr={master_addr}", f"--master_port={master_port}",
        f"--world_info={base64.urlsafe_b64encode(json.dumps(world).encode()).decode()}",
        "--module", "rank", "train", "recipe.yaml",
    ]  # fmt: skip
    # Set before, all of it is overwritten.
    env = {**os.environ, "DS_ACCELERATOR": "cpu", "SAID": str(said), "CUDA_VISIBLE_DEVICES": "7"}
    subprocess.run(argv, env=env, cwd=WORK, check=True, stdout=sys.stderr, timeout=LIMIT_S)
    return [json.loads(file.read_text()) for file in sorted(said.iterdir())]


def main() -> None:
    WORK.mkdir()
    (WORK / "rank.py").write_text(RANK)
    asked = json.load(sys.stdin)
    print(json.dumps([ranks(WORK / str(n), **each) for n, each in enumerate(asked)]))


main()
