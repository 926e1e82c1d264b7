"""The demo's train.yaml, and reading what its training logged. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable

MODEL = "models/tiny-qwen2"
OUTPUT = "outputs/demo"
STEPS = 30

TRAIN_YAML = f"""\
model_name_or_path: {{workspace}}/{MODEL}
stage: sft
do_train: true
finetuning_type: lora
lora_target: all
lora_rank: 8
deepspeed: z2

dataset: identity
template: qwen
cutoff_len: 256
preprocessing_num_workers: 1

output_dir: {OUTPUT}
overwrite_output_dir: true
per_device_train_batch_size: 4
max_steps: {STEPS}
learning_rate: 5.0e-3
lr_scheduler_type: constant
logging_steps: 1
save_steps: {STEPS}
report_to: none
"""


def losses(trainer_log: Iterable[str]) -> list[float]:
    """The loss of each step, in order, from the lines of LLaMA-Factory's trainer_log.jsonl."""
    entries = (json.loads(line) for line in trainer_log if line.strip())
    return [float(entry["loss"]) for entry in entries if "loss" in entry]
