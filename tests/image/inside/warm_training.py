"""Trains cold and warm, as an agent starts ranks, and looks at the warm process between.

In: {"runs": {NAME: recipe, ...}, "ranks": N, "again": N}. Each run is trained cold, then warm; then
the first one warm `again` times more. Out: {"runs": {NAME: {"cold": RUN, "warm": RUN}}, "parent":
[LOOK, ...]} before and after the runs, and after each of those. A RUN is {"losses", "phases",
"seconds", "notes", "exits", "imported"}: seconds to the first logged step, and every module that
rank 0 had imported at its end. The answer's own "imported" are the modules of a bare fork.
"""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from dsk.agent.starter import ExecStarter, RankCommand, Starter
from dsk.agent.warmstart import WarmStarter, read_state
from dsk.demo.tiny_model import save
from dsk.text import NOTHING
from dsk.wire import paths

WORK = Path("/tmp/work")
READY_LIMIT_S = 300
LLAMAFACTORY = Path("/opt/llamafactory")
HOOK = """
import atexit, json, os, sys

def write():
    if path := os.environ.get("MODULES"):
        with open(path, "w") as file:
            json.dump(list(sys.modules), file)

atexit.register(write)
"""
RECIPE: dict[str, Any] = {
    "model_name_or_path": str(WORK / "model"),
    "stage": "sft",
    "do_train": True,
    "finetuning_type": "full",
    "dataset": "identity",
    "dataset_dir": str(LLAMAFACTORY / "data"),
    "template": "qwen",
    "cutoff_len": 128,
    "preprocessing_num_workers": 2,
    "overwrite_cache": True,
    "max_samples": 24,
    "per_device_train_batch_size": 1,
    "max_steps": 4,
    "learning_rate": 1.0e-3,
    "logging_steps": 1,
    "report_to": "none",
    "dataloader_num_workers": 1,
    "deepspeed": str(LLAMAFACTORY / "examples/deepspeed/ds_z2_config.json"),
}
BASE = {
    **os.environ,
    "DS_ACCELERATOR": "cpu",
    "GLOO_SOCKET_IFNAME": "lo",
    "OMP_NUM_THREADS": "1",
    "PYTHONPATH": str(WORK / "hook"),
    # As sshd sets them.
    **{"HOME": "/root", "USER": "root", "LOGNAME": "root", "SHELL": "/bin/bash"},
}
PORTS = iter(range(29600, 29900))


def train(name: str, starter: Starter, recipe: dict[str, Any], ranks: int) -> dict[str, Any]:
    output_dir, config = WORK / name, WORK / f"{name}.yaml"
    config.write_text(json.dumps({**RECIPE, "output_dir": str(output_dir), **recipe}))
    port = next(PORTS)
    begin = time.monotonic()
    phases: list[str] = []
    done = threading.Event()
    log, first = output_dir / "trainer_log.jsonl", 0.0

    def watch() -> None:
        nonlocal first
        progress = Path(paths.progress(name, 0))
        while not done.wait(0.02):
            if not first and log.exists() and log.read_text().endswith("\n"):
                first = time.monotonic() - begin
            if progress.exists():
                phase = json.loads(progress.read_text())["phase"]
                if phases[-1:] != [phase]:
                    phases.append(phase)

    watching = threading.Thread(target=watch)
    watching.start()
    started, outputs = [], []
    for rank in range(ranks):
        env = {
            **BASE, "DSK_JOB": name, "RANK": str(rank), "LOCAL_RANK": str(rank),
            "WORLD_SIZE": str(ranks), "LOCAL_SIZE": str(ranks), "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(port), "MODULES": str(WORK / f"{name}-{rank}.json"),
            "CUDA_VISIBLE_DEVICES": ",".join(map(str, range(ranks))),
        }  # fmt: skip
        argv = [str(paths.PYTHON), "-u", "-m", "dsk.rank", f"--local_rank={rank}", "train"]
        command = RankCommand(rank, [*argv, str(config)], env, WORK)
        started.append(starter.start(command))
    for process in started:
        text: list[bytes] = []

        def drain(process: Any = process, text: list[bytes] = text) -> None:
            with process.output as output:
                while data := output.read(1 << 16):
                    text.append(data)

        reader = threading.Thread(target=drain)
        reader.start()
        outputs.append((reader, text))
    exits = [process.wait() for process in started]
    for reader, _ in outputs:
        reader.join(10)
    left_open = [reader.is_alive() for reader, _ in outputs]
    done.set()
    watching.join()
    lines = log.read_text().splitlines() if log.exists() else []
    losses = [entry["loss"] for entry in map(json.loads, lines) if "loss" in entry]
    imported = WORK / f"{name}-0.json"
    return {
        "losses": losses, "phases": phases, "seconds": first, "exits": exits,
        "notes": [(each.cold or NOTHING).in_language("en") for each in started],
        "left_open": any(left_open),
        "imported": json.loads(imported.read_text()) if imported.exists() else [],
        "output": "" if losses else b"".join(outputs[0][1]).decode()[-4000:],
    }  # fmt: skip


def imported() -> list[str]:
    """The modules that the list of the image brings, in a process of its own."""
    code = (
        "import json, sys; from dsk.warm import stack; stack.import_all(stack.modules()); "
        "import dsk.warm.__main__; print(json.dumps(list(sys.modules)))"
    )
    done = subprocess.run(
        [str(paths.PYTHON), "-c", code], env=BASE, capture_output=True, check=True
    )
    names: list[str] = json.loads(done.stdout.splitlines()[-1])
    return names


def look(pid: int) -> dict[str, Any]:
    """At the warm process, and at what forks could leave elsewhere."""
    deadline = time.monotonic() + 5
    while (children := below(pid)) and time.monotonic() < deadline:
        time.sleep(0.1)  # keepers that end
    lines = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines()
    )
    return {
        "anonymous_kb": int(lines["RssAnon"].split()[0]),
        "threads": int(lines["Threads"]),
        "descriptors": len(list(Path(f"/proc/{pid}/fd").iterdir())),
        "children": children,
        "processes": len([p for p in Path("/proc").iterdir() if p.name.isdigit()]),
        "shared": sorted(p.name for p in Path("/dev/shm").iterdir() if p.name != "dsk-progress"),
        "temporary": sorted(p.name for p in Path("/tmp").iterdir()),
        "names": sorted(p.read_text().strip() for p in Path(f"/proc/{pid}/task").glob("*/comm")),
    }


def below(pid: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_bytes().rpartition(b") ")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(int(stat.parent.name))
    return found


def remove_buffers() -> None:
    """Which DeepSpeed leaves in /dev/shm, 128 MB each, after a cold job too: many jobs fill it."""
    for buffer in Path("/dev/shm").glob("deepspeed_allreduce_buffer*"):
        buffer.unlink()


def main() -> None:
    asked = json.load(sys.stdin)
    (WORK / "hook").mkdir(parents=True)
    (WORK / "hook/sitecustomize.py").write_text(HOOK)
    Path(paths.WARM).mkdir(parents=True)
    save(str(WORK / "model"))
    log = Path("/tmp/warm.log")
    with log.open("wb") as out:
        warm = subprocess.Popen(
            [str(paths.PYTHON), "-u", "-m", "dsk.warm"],
            env={**BASE, "DSK_WARM": "true"}, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
        )  # fmt: skip
    deadline = time.monotonic() + READY_LIMIT_S
    while not (state := read_state()) or state.state == "importing":
        if warm.poll() is not None or time.monotonic() > deadline:
            sys.exit(f"no warm process: {state} {log.read_text()}")
        time.sleep(0.1)
    seen = [look(warm.pid)]
    runs = {}
    for name, recipe in asked["runs"].items():
        runs[name] = {
            way: train(f"{name}-{way}", starter, recipe, asked["ranks"])
            for way, starter in (("cold", ExecStarter()), ("warm", WarmStarter(ExecStarter())))
        }
        remove_buffers()
    seen.append(look(warm.pid))
    for number in range(asked["again"]):
        recipe = next(iter(asked["runs"].values()))
        train(f"again-{number}", WarmStarter(ExecStarter()), recipe, asked["ranks"])
        seen.append(look(warm.pid))
    answer = {
        "imported": imported(),
        "runs": runs,
        "parent": seen,
        "log": log.read_text(),
        "import_s": state.seconds,
    }
    print(json.dumps(answer))


main()
