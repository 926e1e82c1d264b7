"""A cluster on the lab's hosts, driven through `dsk` alone, as from a third machine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from hosts import Lab

DSK = str(Path(sys.executable).with_name("dsk"))
MODEL = "models/tiny-qwen2"
STEPS = 6
WARM_LIMIT_S = 300
IMAGE = os.environ.get("DSK_IMAGE", "dsk:cu128")

TRAIN: Mapping[str, Any] = {
    "stage": "sft",
    "do_train": True,
    "finetuning_type": "lora",
    "lora_target": "all",
    "dataset": "identity",
    "template": "qwen",
    "cutoff_len": 128,
    "preprocessing_num_workers": 1,
    "per_device_train_batch_size": 4,
    "max_steps": STEPS,
    "learning_rate": 0.005,
    "lr_scheduler_type": "constant",
    "logging_steps": 1,
    "save_strategy": "no",
    "report_to": "none",
    "overwrite_output_dir": True,
    "deepspeed": "z2",
    "seed": 7,
    "data_seed": 7,
}


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err


class Cluster:
    """`folder` holds dsk.yaml and train.yaml; `workspace` is the path on the hosts."""

    def __init__(self, folder: Path, workspace: str = "/workspace") -> None:
        self.folder = folder
        self.workspace = workspace

    @classmethod
    def init(
        cls,
        lab: Lab,
        folder: Path,
        hosts: Sequence[str],
        *,
        name: str = "lab",
        workspace: str = "/workspace",
        **settings: Any,
    ) -> Cluster:
        """`settings` are further top-level keys of dsk.yaml."""
        made = cls(folder, workspace)
        options = ["--name", name, "--workspace", workspace, "--key", str(lab.ssh_key)]
        made.dsk("init", *hosts, *options)
        made.change(**{"accelerator": "cpu", "shm_size": "2gb", "image": IMAGE, **settings})
        return made

    @property
    def file(self) -> Path:
        return self.folder / "dsk.yaml"

    @property
    def settings(self) -> dict[str, Any]:
        """What dsk.yaml says."""
        content: dict[str, Any] = yaml.safe_load(self.file.read_text())
        return content

    def change(self, **settings: Any) -> None:
        """Sets top-level keys of dsk.yaml."""
        content = {**self.settings, **settings}
        self.file.write_text(yaml.safe_dump(content, allow_unicode=True))

    def argv(self, *words: str) -> list[str]:
        return [DSK, "-f", str(self.file), *words]

    def dsk(self, *words: str, timeout: float = 300, code: int | None = 0) -> Result:
        """Runs dsk without a terminal; checks its exit code unless `code` is None."""
        done = subprocess.run(
            self.argv(*words),
            check=False,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        result = Result(done.returncode, done.stdout, done.stderr)
        assert code is None or result.code == code, f"{words}: {result.code}\n{result.text}"
        assert "Traceback" not in result.err, result.err
        return result

    def start(self, *words: str) -> Running:
        return Running(self.argv(*words), self.folder)

    def train(self, name: str = "train.yaml", /, **values: Any) -> str:
        """Writes a train.yaml (JSON is YAML) and returns its path."""
        path = self.folder / name
        settings = {"model_name_or_path": f"{self.workspace}/{MODEL}", **TRAIN, **values}
        path.write_text(json.dumps(settings, ensure_ascii=False, indent=1), encoding="utf-8")
        return str(path)

    def wait_until_warm(self) -> list[dict[str, Any]]:
        """The nodes of `dsk status --json`, once every worker's warm process can fork ranks."""
        deadline = time.monotonic() + WARM_LIMIT_S
        while True:
            nodes: list[dict[str, Any]] = json.loads(self.dsk("status", "--json").out)["nodes"]
            states = [(node["warm"] or {}).get("state") for node in nodes]
            if all(state == "ready" for state in states):
                return nodes
            late = time.monotonic() > deadline
            assert not late and "off" not in states, f"no warm process: {nodes}"
            time.sleep(0.5)

    def in_worker(self, node: int, *words: str) -> str:
        return self.dsk("exec", "--node", str(node), "--", *words).out

    def losses(self, output_dir: str, node: int = 0) -> list[float]:
        log = self.in_worker(node, "cat", f"{self.workspace}/{output_dir}/trainer_log.jsonl")
        entries = [json.loads(line) for line in log.splitlines()]
        return [entry["loss"] for entry in entries if "loss" in entry]

    def processes_of(self, job: str) -> list[str]:
        """Processes of a job on any node, whatever their parents."""
        script = f"grep -lz '^DSK_JOB={job}$' /proc/[0-9]*/environ 2>/dev/null || true"
        return self.dsk("exec", "--", "bash", "-c", script).out.split()

    def wait_until_gone(self, job: str) -> None:
        """Agents whose supervisor is gone end their ranks by themselves."""
        deadline = time.monotonic() + 30
        while (left := self.processes_of(job)) and time.monotonic() < deadline:
            time.sleep(1)
        assert left == []


class Running:
    """A dsk in the background, its output in a file that is read while it runs."""

    def __init__(self, argv: Sequence[str], folder: Path) -> None:
        self._path = folder / f"out-{time.monotonic_ns()}"
        with self._path.open("wb") as out:
            self.process = subprocess.Popen(
                argv,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )

    @property
    def text(self) -> str:
        return self._path.read_text(errors="replace")

    def wait_for(self, text: str, limit: float = 180) -> None:
        deadline = time.monotonic() + limit
        while text not in self.text:
            assert self.process.poll() is None, f"ended before {text!r}:\n{self.text}"
            assert time.monotonic() < deadline, f"no {text!r} within {limit} s:\n{self.text}"
            time.sleep(0.2)

    def interrupt(self) -> None:
        self.process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def wait(self, limit: float = 180) -> int:
        return self.process.wait(timeout=limit)
