"""A folder with the tiny model, and training runs in it."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from dsk.demo import tiny_model, training
from tests.training.places import Ended, Place

STEPS = 10
LIMIT_S = 600.0
# What DeepSpeed calls when it is imported.
BASIC = ("df",)
# gcc calls the other two. No g++, no nvcc, no ninja: what the image has.
C_COMPILER = ("gcc", "as", "ld")

# What LLaMA-Factory's own examples write, made small.
RECIPE: dict[str, Any] = {
    "stage": "sft",
    "do_train": True,
    "finetuning_type": "full",
    "dataset": "identity",
    "template": "qwen",
    "cutoff_len": 256,
    "preprocessing_num_workers": 1,
    "per_device_train_batch_size": 4,
    "max_steps": STEPS,
    "learning_rate": 1.0e-3,
    "lr_scheduler_type": "constant",
    "logging_steps": 1,
    "report_to": "tensorboard",
    "overwrite_output_dir": True,
}
QLORA: dict[str, Any] = {
    "finetuning_type": "lora",
    "lora_target": "all",
    "learning_rate": 5.0e-3,
    "quantization_bit": 4,
    "quantization_method": "bnb",
}


@dataclass(frozen=True)
class Run:
    """One run of train.py, and what it left."""

    ended: Ended
    folder: Path

    @property
    def output_dir(self) -> Path:
        return self.folder / "output"

    @property
    def compiled_ops(self) -> list[Path]:
        """What DeepSpeed compiled: it does so in TORCH_EXTENSIONS_DIR and nowhere else."""
        return files(self.folder / "torch-extensions")

    @property
    def triton_kernels(self) -> set[str]:
        """The names of the kernels that Triton compiled for a GPU."""
        return {path.stem for path in files(self.folder / "triton") if path.suffix == ".cubin"}

    @property
    def losses(self) -> list[float]:
        """The loss of each step. A run that failed has no answer: its output is the error."""
        assert self.ended.status == 0, self.ended.output
        log = self.output_dir / "trainer_log.jsonl"
        return training.losses(log.read_text().splitlines())


@dataclass(frozen=True)
class Site:
    """Runs below `folder`. A program finds on PATH the tools that it is given, nothing else."""

    place: Place
    accelerator: str
    folder: Path

    def make_model(self) -> None:
        done = self.script(Path(tiny_model.__file__), self.model, name="make-model")
        assert done.status == 0, done.output

    @property
    def model(self) -> str:
        return str(self.folder / "model")

    def script(
        self,
        path: Path,
        *words: str,
        name: str,
        tools: Iterable[str] = (),
        limit_s: float = LIMIT_S,
    ) -> Ended:
        """Run a file of ours there, with its own caches in the folder `name`."""
        own = self._folder(name)
        copy = own / path.name
        copy.write_text(path.read_text())
        return self._python([str(copy), *words], own, tools, limit_s)

    def train(self, name: str, preset: str, *, tools: Iterable[str] = (), **keys: Any) -> Run:
        """`deepspeed --num_gpus 1 train.py` with one of LLaMA-Factory's presets (`z2_offload`) and
        what `keys` add to RECIPE."""
        own = self._folder(name)
        shipped = self.place.llamafactory
        recipe = {
            **RECIPE, "model_name_or_path": self.model, "dataset_dir": str(shipped / "data"),
            "deepspeed": str(shipped / f"examples/deepspeed/ds_{preset}_config.json"),
            "output_dir": str(own / "output"), "bf16": self.accelerator == "cuda", **keys,
        }  # fmt: skip
        train_yaml = own / "train.yaml"
        train_yaml.write_text(yaml.safe_dump(recipe))
        words = [
            self.place.deepspeed, "--num_gpus=1", f"--master_port={free_port()}",
            str(shipped / "src/train.py"), "train", str(train_yaml),
        ]  # fmt: skip
        return Run(self._python(words, own, tools, LIMIT_S), own)

    def _folder(self, name: str) -> Path:
        folder = self.folder / name
        (folder / "bin").mkdir(parents=True)
        (folder / "home").mkdir()
        return folder

    def _python(
        self, words: Sequence[str], own: Path, tools: Iterable[str], limit_s: float
    ) -> Ended:
        for tool in (*BASIC, *tools):
            (own / "bin" / tool).symlink_to(self.place.program(tool))
        env = {
            "PATH": str(own / "bin"),
            "HOME": str(own / "home"),
            "USER": "dsk",
            "LANG": "C.UTF-8",
            "DS_ACCELERATOR": self.accelerator,
            "TORCH_EXTENSIONS_DIR": str(own / "torch-extensions"),
            "TRITON_CACHE_DIR": str(own / "triton"),
            "HF_HUB_OFFLINE": "1",
        }
        return self.place.python(words, folder=self.folder, env=env, limit_s=limit_s)


def answer(ended: Ended) -> Any:
    """What a script of ours printed as its last line, in JSON; libraries may print before it."""
    assert ended.status == 0, ended.output
    return json.loads(ended.stdout.splitlines()[-1])


def files(folder: Path) -> list[Path]:
    """All files below a folder, which need not be there."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
