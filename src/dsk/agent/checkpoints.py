"""The checkpoints in a job's output_dir on this node."""

from __future__ import annotations

import re
from pathlib import Path

TRAINER_STATE = "trainer_state.json"
"""Among the last files of a save, on every node that saves; no job resumes without it."""
_NAME = re.compile(r"checkpoint-(\d+)")


def saved(folder: str) -> list[tuple[int, bool]]:
    """Step of each checkpoint, and whether it has its trainer_state.json; the oldest first. Chosen
    by name as in get_last_checkpoint of transformers."""
    found = []
    for path in Path(folder).glob("checkpoint-*"):
        if (match := _NAME.fullmatch(path.name)) and path.is_dir():
            found.append((int(match[1]), (path / TRAINER_STATE).is_file()))
    return sorted(found)
