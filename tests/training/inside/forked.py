"""Train several recipes, each by ranks that are forked from one process with the stack imported.

Usage: forked.py REQUEST.json

The request: {"jobs": how many runs at a time, "limit_s": seconds a run may take,
"gpus": how many this machine has, null where ranks use none,
"runs": [{"name": ..., "ranks": N, "after": name or null, "keep": bool, "recipe": {...}}, ...]}.
A run with `after` starts when that earlier run has ended. With `keep`, the run's output_dir stays.
The last line printed: {name: {"loss": [...], "grad_norm": [...], "error": text}, ...}, both lists
by optimizer step, as trainer_state.json has them; "error" is the end of the output of a run that
failed, otherwise null.

A rank's environment is the one that DeepSpeed's launcher makes, and it trains by LLaMA-Factory's
`run_exp`, as its src/train.py does. With fewer GPUs than ranks, all ranks share the first one.
Forking saves the imports: 2 seconds a run instead of 10.
"""

from __future__ import annotations

import contextlib
import faulthandler
import json
import os
import shutil
import signal
import socket
import sys
import time
import traceback
from pathlib import Path
from typing import Any

TAIL = 3000
"""Characters of a failed run's output."""
STACK_BEFORE_LIMIT_S = 5.0


def main() -> None:
    asked = json.loads(Path(sys.argv[1]).read_text())
    # Before torch is imported: threads of a parallel region would not survive the fork.
    os.environ |= {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    preload()
    waiting: list[dict[str, Any]] = asked["runs"]
    running: list[Run] = []
    answers: dict[str, Any] = {}
    # One thread for all: a fork copies no other thread, and leaves the locks that it held locked.
    while waiting or running:
        ready = [run for run in waiting if run["after"] is None or run["after"] in answers]
        for chosen in ready[: asked["jobs"] - len(running)]:
            waiting.remove(chosen)
            running.append(Run(chosen, asked["limit_s"], asked["gpus"]))
        for run in [run for run in running if run.ended()]:
            running.remove(run)
            answers[run.name] = run.answer()
        time.sleep(0.02)
    print(json.dumps(answers))


def preload() -> None:
    """Import what the training imports, without a CUDA context: that does not survive a fork."""
    # Without it torch.cuda.is_available() initializes CUDA.
    os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = "1"
    import torch

    # llamafactory.extras.misc asks at import whether the GPU has bf16, which makes a context.
    supported = torch.cuda.is_bf16_supported
    torch.cuda.is_bf16_supported = lambda including_emulation=True: True
    import deepspeed  # noqa: F401
    import llamafactory.train.sft.trainer
    import llamafactory.train.tuner  # noqa: F401
    import peft  # noqa: F401

    torch.cuda.is_bf16_supported = supported
    if torch.cuda.is_initialized():
        sys.exit("an import initialized CUDA: forked ranks would fail")


class Run:
    """One training, from the fork of its ranks to what it logged."""

    def __init__(self, asked: dict[str, Any], limit_s: float, gpus: int | None) -> None:
        self.name: str = asked["name"]
        self._keep: bool = asked["keep"]
        self._output_dir = Path(asked["recipe"]["output_dir"])
        self._output_dir.parent.mkdir(parents=True, exist_ok=True)
        self._log = self._output_dir.with_suffix(".log")
        self._deadline = time.monotonic() + limit_s
        self._failed: str | None = None
        self._port = free_port()
        where = places(asked["ranks"], gpus)
        self._left = start(where, asked["recipe"], self._port, self._log, limit_s)

    def ended(self) -> bool:
        """Collect the ranks that exited. Kills the others once one failed or the time is over."""
        for pid in list(self._left):
            exited, status = os.waitpid(pid, os.WNOHANG)
            if exited:
                rank = self._left.pop(pid)
                if status:
                    self._fail(f"rank {rank} exited with {os.waitstatus_to_exitcode(status)}")
        if self._left and time.monotonic() > self._deadline:
            self._fail(f"ranks {sorted(self._left.values())} did not end in time")
        return not self._left

    def _fail(self, why: str) -> None:
        if self._failed is None:
            self._failed = why
            for pid in self._left:
                os.kill(pid, signal.SIGKILL)

    def answer(self) -> dict[str, Any]:
        # DeepSpeed leaves its ranks' shared memory behind, 64 MB for each: it would fill /dev/shm.
        for segment in Path("/dev/shm").glob(f"deepspeed_allreduce_buffer_*_{self._port}_*"):
            segment.unlink()
        answer: dict[str, Any] = {"loss": [], "grad_norm": [], "error": None}
        if self._failed:
            answer["error"] = f"{self._failed}\n{self._log.read_text(errors='replace')[-TAIL:]}"
            return answer
        state = json.loads((self._output_dir / "trainer_state.json").read_text())
        steps = [entry for entry in state["log_history"] if "loss" in entry]
        for key in ("loss", "grad_norm"):
            answer[key] = [entry.get(key) for entry in steps]
        if not self._keep:
            shutil.rmtree(self._output_dir)
        return answer


PORTS = iter(range(21000, 30000))


def free_port() -> int:
    """Each once, and none that the kernel gives to connections: ranks of other runs have those."""
    for port in PORTS:
        with socket.socket() as free, contextlib.suppress(OSError):
            free.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no port from 21000 on is free")


def places(size: int, gpus: int | None) -> list[dict[str, str]]:
    """The environment of each rank that says where it is: all on this host, with a GPU each.

    With fewer GPUs than ranks, all share the first one. NCCL refuses two ranks of one host that
    do, so it is told that each is on a host of its own: it then connects them by sockets.
    """
    if gpus is not None and gpus < size:
        return [
            {
                "LOCAL_RANK": "0",
                "LOCAL_SIZE": "1",
                "CROSS_RANK": str(rank),
                "CROSS_SIZE": str(size),
                "NCCL_HOSTID": f"rank{rank}",
            }
            for rank in range(size)
        ]
    return [
        {
            "LOCAL_RANK": str(rank),
            "LOCAL_SIZE": str(size),
            "CROSS_RANK": "0",
            "CROSS_SIZE": "1",
        }
        for rank in range(size)
    ]


def start(
    where: list[dict[str, str]], recipe: dict[str, Any], port: int, log: Path, limit_s: float
) -> dict[int, int]:
    """Fork a rank for each of these places. Returns rank by process id."""
    ranks = {}
    for rank, place in enumerate(where):
        env = {
            "RANK": str(rank),
            "WORLD_SIZE": str(len(where)),
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(port),
            "GLOO_SOCKET_IFNAME": "lo",
            "NCCL_SOCKET_IFNAME": "lo",
            **place,
        }
        pid = os.fork()
        if pid == 0:
            become_a_rank(recipe, env, log, limit_s)
        ranks[pid] = rank
    return ranks


def become_a_rank(recipe: dict[str, Any], env: dict[str, str], log: Path, limit_s: float) -> None:
    """In the forked process; does not return. Shortly before the limit, its log gets the stack."""
    status = 1
    try:
        os.setsid()
        file = os.open(log, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o644)
        os.dup2(file, 1)
        os.dup2(file, 2)
        faulthandler.dump_traceback_later(limit_s - STACK_BEFORE_LIMIT_S)
        os.environ |= env
        sys.argv = ["train.py"]
        from llamafactory.train.tuner import run_exp

        run_exp(args=recipe)
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    main()
