"""Takes LLaMA-Factory's entry points through their work on CPU: train, predict, export, chat.

Out: {name: {"exit": status, "output": text}, ..., "files": [path below the work folder, ...],
"metrics": what predict measured, "scalars": [name in TensorBoard's files, ...],
"compiled": [.pyc written meanwhile, ...]}.
"""

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

from dsk.demo.tiny_model import save

WORK = Path("/tmp/work")
MODEL = {"model_name_or_path": str(WORK / "model"), "template": "qwen"}
LORA = {**MODEL, "adapter_name_or_path": str(WORK / "lora"), "finetuning_type": "lora"}
DATA = {
    "stage": "sft",
    "dataset_dir": "/opt/llamafactory/data",
    "cutoff_len": 128,
    "preprocessing_num_workers": 1,
}
TRAIN = {
    **MODEL,
    **DATA,
    "do_train": True,
    "finetuning_type": "lora",
    "dataset": "identity",
    "val_size": 0.1,
    "eval_strategy": "steps",
    "eval_steps": 2,
    "max_steps": 2,
    "logging_steps": 1,
    "output_dir": str(WORK / "lora"),
    "plot_loss": True,
    "report_to": "tensorboard",
}
PREDICT = {
    **LORA,
    **DATA,
    "do_predict": True,
    "predict_with_generate": True,
    "eval_dataset": "identity",
    "max_samples": 2,
    "max_new_tokens": 4,
    "output_dir": str(WORK / "predict"),
    "report_to": "none",
}
EXPORT = {**LORA, "export_dir": str(WORK / "merged"), "export_device": "cpu"}
CHAT = {"model_name_or_path": EXPORT["export_dir"], "template": "qwen", "max_new_tokens": 4}
STEPS = (
    ("train", "train", TRAIN, ()),
    ("predict", "train", PREDICT, ()),
    ("export", "export", EXPORT, ()),
    ("chat", "chat", CHAT, ("hello\n", "exit\n")),
)
PROMPT = "\nUser: "
# Between the chat's prompt and the next line, as a person types. The thread that wrote the answer
# is a daemon and may still be in torch's code at the prompt; a Python that ends meanwhile ends
# by SIGABRT.
TYPING_S = 2.0


def scalars() -> list[str]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found: list[str] = []
    for file in WORK.rglob("events.out.tfevents.*"):
        events = EventAccumulator(str(file.parent))
        events.Reload()
        found += events.Tags()["scalars"]
    return found


def run(command: str, config: Path, lines: tuple[str, ...]) -> tuple[int, str]:
    """The exit status and the output of an entry point; each line is typed at its own prompt."""
    with subprocess.Popen(
        ["llamafactory-cli", command, str(config)],
        env={**os.environ, "DS_ACCELERATOR": "cpu", "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as process:  # fmt: skip
        assert process.stdin and process.stdout
        output = b""
        waiting = list(lines)
        while chunk := os.read(process.stdout.fileno(), 65536):
            output += chunk
            typed = len(lines) - len(waiting)
            if waiting and output.decode(errors="replace").count(PROMPT) > typed:
                time.sleep(TYPING_S)
                process.stdin.write(waiting.pop(0).encode())
                process.stdin.flush()
    return process.returncode, output.decode(errors="replace")


def main() -> None:
    WORK.mkdir()
    save(str(WORK / "model"))
    answer: dict[str, Any] = {}
    for name, command, content, lines in STEPS:
        config = WORK / f"{name}.yaml"
        config.write_text(json.dumps(content))
        status, output = run(command, config, lines)
        answer[name] = {"exit": status, "output": output[-6000:]}
    results = WORK / "predict/predict_results.json"
    answer["metrics"] = json.loads(results.read_text()) if results.exists() else {}
    answer["files"] = [str(path.relative_to(WORK)) for path in WORK.rglob("*") if path.is_file()]
    answer["scalars"] = scalars()
    find = ["find", "/", "-xdev", "-name", "*.pyc", "-newer", str(WORK / "train.yaml")]
    answer["compiled"] = subprocess.run(
        find, capture_output=True, text=True, check=False
    ).stdout.splitlines()
    print(json.dumps(answer))


main()
