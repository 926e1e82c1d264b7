"""`dsk launch --dry-run` against a bare start of the interpreter. Aim: under 1 s."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from interleaved import medians, show

DSK_YAML = "name: bench\nnodes: [{host: 10.0.0.11, slots: 8}, {host: 10.0.0.12, slots: 8}]\n"
TRAIN_YAML = """\
model_name_or_path: Qwen/Qwen2-7B
stage: sft
do_train: true
dataset: identity
template: qwen
output_dir: outputs/bench
deepspeed: z3
"""
BARE, DRY_RUN = "python -c pass", "dsk launch --dry-run"

with tempfile.TemporaryDirectory() as name:
    folder = Path(name)
    cluster, train = folder / "dsk.yaml", folder / "train.yaml"
    cluster.write_text(DSK_YAML)
    train.write_text(TRAIN_YAML)
    dsk = str(Path(sys.executable).with_name("dsk"))
    found = medians(
        {
            BARE: [sys.executable, "-c", "pass"],
            DRY_RUN: [dsk, "-f", str(cluster), "launch", "--dry-run", str(train)],
        }
    )
show(found)
print(f"{found[DRY_RUN] / found[BARE]:8.2f}     times as long")
