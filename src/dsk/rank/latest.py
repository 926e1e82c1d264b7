"""DeepSpeed's file `latest`, in each node's own copy of a checkpoint.

DeepSpeed's global rank 0 alone writes it (runtime/engine.py, save_checkpoint), also where every
node saves to a disk of its own. Without it, DeepSpeed does not load the node's part, and the job
cannot resume.
"""

from __future__ import annotations

from pathlib import Path

from dsk.files import write_atomic

NAME = "latest"


def complete(checkpoint: Path) -> None:
    """Write `latest` where this node's checkpoint has DeepSpeed's files and lacks it.

    Without DeepSpeed there is no folder `global_step*`, and nothing to do.
    """
    steps = [path.name for path in checkpoint.glob("global_step*") if path.is_dir()]
    if len(steps) == 1 and not (checkpoint / NAME).exists():
        write_atomic(checkpoint / NAME, steps[0].encode())
