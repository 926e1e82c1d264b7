"""GPU memory of a rank: what `dsk check` estimates beside what PyTorch's allocator measured.

Real training steps of LLaMA-Factory with random weights, every sequence exactly `cutoff_len` long,
one rank or several, each with a GPU. On a machine with GPUs, in a Python that has the whole stack
and dsk, as the image's:

    docker run --rm --gpus all --ipc=host -v "$PWD:/dsk" -e PYTHONPATH=/dsk/src dsk:cu128 \
        python /dsk/bench/gpu_memory.py [--answers FILE.json] [--only WORD] [--llamafactory DIR]

Several settings run side by side while their estimates fit the GPU together.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dsk.recipe.memory import Estimate, estimate_for
from dsk.recipe.shape import ModelShape

INSIDE = Path(__file__).parent / "inside"
STEPS = 3
LIMIT_S = 400
GIB = 1 << 30

QWEN2: dict[str, Any] = {
    "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "vocab_size": 151936,
    "num_key_value_heads": 2, "max_position_embeddings": 32768, "tie_word_embeddings": True,
    "dtype": "bfloat16",
}  # fmt: skip
CONFIGS: dict[str, dict[str, Any]] = {
    "0.5B": {
        **QWEN2, "hidden_size": 896, "intermediate_size": 4864, "num_hidden_layers": 24,
        "num_attention_heads": 14,
    },
    "1.5B": {
        **QWEN2, "hidden_size": 1536, "intermediate_size": 8960, "num_hidden_layers": 28,
        "num_attention_heads": 12,
    },
    "llama": {  # TinyLlama's shape
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 32000,
        "hidden_size": 2048, "intermediate_size": 5632, "num_hidden_layers": 22,
        "num_attention_heads": 32, "num_key_value_heads": 4, "max_position_embeddings": 8192,
        "tie_word_embeddings": False, "dtype": "bfloat16",
    },
}  # fmt: skip


@dataclass(frozen=True)
class Setting:
    """`preset` is one of LLaMA-Factory's DeepSpeed presets, "" for none."""

    model: str
    preset: str
    batch: int
    cutoff: int = 1024
    kind: str = "full"
    checkpointing: bool = True
    ranks: int = 1
    fitted: bool = True
    """Whether the formula's constants were chosen with it; the others prove them."""
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        words = [self.model, self.preset or "none", self.kind, f"{self.batch}x{self.cutoff}"]
        if not self.checkpointing:
            words.append("all-activations")
        if self.ranks > 1:
            words.append(f"{self.ranks}-ranks")
        return "-".join(words)

    def recipe(self, llamafactory: Path) -> dict[str, Any]:
        keys: dict[str, Any] = {
            "stage": "sft",
            "do_train": True,
            "finetuning_type": "full" if self.kind == "full" else "lora",
            "per_device_train_batch_size": self.batch,
            "gradient_accumulation_steps": 1,
            "cutoff_len": self.cutoff,
            "bf16": True,
            "disable_gradient_checkpointing": not self.checkpointing,
            **self.more,
        }
        if self.kind != "full":
            keys["lora_target"] = "all"
        if self.kind == "qlora":
            keys |= {"quantization_bit": 4, "quantization_method": "bnb"}
        if self.preset:
            path = llamafactory / f"examples/deepspeed/ds_{self.preset}_config.json"
            keys["deepspeed"] = str(path)
        return keys


SETTINGS = (
    Setting("0.5B", "z2", 1),
    Setting("0.5B", "z2", 8),
    Setting("0.5B", "z3", 4),
    Setting("0.5B", "z0", 4),
    Setting("0.5B", "", 4),
    Setting("0.5B", "z2_offload", 4),
    Setting("0.5B", "z3_offload", 4),
    Setting("0.5B", "z2", 4, kind="lora"),
    Setting("0.5B", "", 4, kind="qlora"),
    Setting("0.5B", "z2", 4, checkpointing=False),
    Setting("0.5B", "z2", 4, cutoff=4096, fitted=False),
    Setting("1.5B", "z2", 1),
    Setting("1.5B", "z2", 16),
    Setting("1.5B", "z0", 4),
    Setting("1.5B", "z3", 16, fitted=False),
    Setting("1.5B", "z2", 4, cutoff=2048, fitted=False),
    Setting("1.5B", "z3_offload", 8, fitted=False),
    Setting("1.5B", "z2_offload", 8, fitted=False),
    Setting("1.5B", "z2", 8, kind="lora", fitted=False),
    Setting("1.5B", "z3", 8, kind="lora"),
    Setting("1.5B", "z2", 8, kind="qlora", fitted=False),
    Setting("1.5B", "z2", 4, checkpointing=False, fitted=False),
    Setting("1.5B", "", 2, fitted=False),
    Setting("llama", "z2", 4, cutoff=2048, fitted=False),
    Setting("llama", "z3", 1),
    Setting("llama", "z2", 8, kind="lora", checkpointing=False),
    Setting("0.5B", "z2", 4, ranks=2, fitted=False),
    Setting("0.5B", "z3", 4, ranks=2, fitted=False),
    Setting("0.5B", "z0", 4, ranks=2, fitted=False),
    Setting("0.5B", "", 4, ranks=2),
    Setting("0.5B", "z2_offload", 4, ranks=2, fitted=False),
    Setting("0.5B", "z3_offload", 4, ranks=2, fitted=False),
    Setting("1.5B", "z2", 1, ranks=2, fitted=False),
    Setting("1.5B", "z3", 1, ranks=2, fitted=False),
    Setting("1.5B", "z3", 8, kind="lora", ranks=2, fitted=False),
    Setting("llama", "z3", 1, ranks=2, fitted=False),
)


class Room:
    """Bytes of each GPU that settings running side by side share."""

    def __init__(self, total: int) -> None:
        self._free = total
        self._changed = threading.Condition()

    def take(self, size: int) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._free >= size)
            self._free -= size

    def give(self, size: int) -> None:
        with self._changed:
            self._free += size
            self._changed.notify_all()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--llamafactory", type=Path, default=Path("/opt/llamafactory"))
    parser.add_argument("--answers", type=Path, help="where to write what was measured")
    parser.add_argument("--only", default="", help="settings whose name holds this")
    parser.add_argument("--jobs", type=int, default=5)
    options = parser.parse_args()
    sizes = gpu_bytes()
    chosen = [
        setting
        for setting in SETTINGS
        if options.only in setting.name and setting.ranks <= len(sizes)
    ]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_data(folder)
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda model: make_model(folder, model), {s.model for s in chosen}))
        total = min(sizes)
        room = Room(total)
        answers: dict[str, dict[str, int]] = {}

        def run(setting: Setting) -> None:
            need = int(expected(setting, options.llamafactory).peak * 1.2) + GIB
            need = min(need, total)
            room.take(need)
            try:
                answers[setting.name] = measure(folder, setting, options.llamafactory)
                if options.answers:
                    save(options.answers, chosen, answers)
            except (subprocess.SubprocessError, OSError) as error:
                print(f"{setting.name}: {error}", file=sys.stderr)
            finally:
                room.give(need)

        with ThreadPoolExecutor(options.jobs) as pool:
            list(pool.map(run, chosen))
    show(chosen, answers, options.llamafactory)


def expected(setting: Setting, llamafactory: Path) -> Estimate:
    shape = ModelShape.from_config(CONFIGS[setting.model])
    return estimate_for(setting.recipe(llamafactory), shape, world_size=setting.ranks)


def show(chosen: list[Setting], answers: dict[str, dict[str, int]], llamafactory: Path) -> None:
    print(f"{'setting':<42} {'GiB estimated':>13} {'measured':>9} {'ratio':>6}  reserved")
    for setting in chosen:
        if setting.name not in answers:
            continue
        found, estimate = answers[setting.name], expected(setting, llamafactory).peak
        peak = max(found["allocated"], found["start_peak"])
        print(
            f"{setting.name:<42} {estimate / GIB:13.2f} {peak / GIB:9.2f} {estimate / peak:6.2f}"
            f"  {found['reserved'] / GIB:.2f}{'' if setting.fitted else '  (not fitted)'}"
        )


def save(path: Path, chosen: list[Setting], answers: dict[str, dict[str, int]]) -> None:
    """As tests/unit/recipe/measured_memory.json, which the estimate is tested on."""
    runs = [
        {
            "name": setting.name,
            "model": setting.model,
            "ranks": setting.ranks,
            "fitted": setting.fitted,
            "recipe": setting.recipe(Path("/opt/llamafactory")),
            "bytes": answers[setting.name],
        }
        for setting in chosen
        if setting.name in answers
    ]
    path.write_text(json.dumps({"models": CONFIGS, "runs": runs}, indent=1) + "\n")


def gpu_bytes() -> list[int]:
    """Of each GPU."""
    done = subprocess.run(
        ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [int(line) << 20 for line in done.stdout.splitlines()]


def make_data(folder: Path) -> None:
    text = "the quick brown fox jumps over the lazy dog " * 400
    rows = [{"instruction": text, "input": "", "output": text}] * 128
    (folder / "long.json").write_text(json.dumps(rows))
    (folder / "dataset_info.json").write_text(json.dumps({"long": {"file_name": "long.json"}}))


def make_model(folder: Path, model: str) -> None:
    config = folder / f"{model}.config"
    config.mkdir()
    (config / "config.json").write_text(json.dumps(CONFIGS[model]))
    done = subprocess.run(
        [sys.executable, str(INSIDE / "random_model.py"), str(config), str(folder / model)],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    counted, known = int(done.stdout.split()[-1]), ModelShape.from_config(CONFIGS[model]).parameters
    if counted != known:
        sys.exit(f"{model}: {known} parameters by the formula, {counted} by PyTorch")


def measure(folder: Path, setting: Setting, llamafactory: Path) -> dict[str, int]:
    """In bytes; of several ranks the highest."""
    own = folder / setting.name
    own.mkdir()
    recipe = {
        **setting.recipe(llamafactory),
        "model_name_or_path": str(folder / setting.model),
        "dataset": "long",
        "dataset_dir": str(folder),
        "template": "qwen",
        "preprocessing_num_workers": 1,
        "max_steps": STEPS,
        "save_strategy": "no",
        "report_to": "none",
        "output_dir": str(own / "output"),
    }
    asked = own / "setting.json"
    asked.write_text(json.dumps({"recipe": recipe, "answers": str(own)}))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = {
        **os.environ, "WORLD_SIZE": str(setting.ranks), "LOCAL_WORLD_SIZE": str(setting.ranks),
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "DS_ACCELERATOR": "cuda",
        "HF_DATASETS_CACHE": str(own / "cache"), "DISABLE_VERSION_CHECK": "1",
        "PYTHONPATH": f"{llamafactory / 'src'}:{os.environ.get('PYTHONPATH', '')}",
    }  # fmt: skip
    began = time.monotonic()

    def rank(number: int) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(INSIDE / "peak.py"), str(asked)],
            cwd=own, env={**env, "RANK": str(number), "LOCAL_RANK": str(number)},
            capture_output=True, text=True, errors="replace", timeout=LIMIT_S, check=False,
        )  # fmt: skip

    with ThreadPoolExecutor(setting.ranks) as pool:
        ended = list(pool.map(rank, range(setting.ranks)))
    for done in ended:
        if done.returncode:
            print(f"{setting.name}:\n{done.stdout[-500:]}\n{done.stderr[-1500:]}", file=sys.stderr)
            done.check_returncode()
    found = [json.loads(path.read_text()) for path in own.glob("rank*.json")]
    shutil.rmtree(own)  # LLaMA-Factory saves the model at the end
    print(f"{setting.name}: {time.monotonic() - began:.0f} s", file=sys.stderr)
    return {key: max(each[key] for each in found) for key in found[0]}


if __name__ == "__main__":
    main()
