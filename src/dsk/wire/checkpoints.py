"""Do all nodes resume from the same step? Pure: what each node has saved in, the difference out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Saved = Sequence[tuple[int, bool]]
"""Of each checkpoint of one node its step, and whether it has its trainer_state.json."""


def from_raw(raw: Sequence[Sequence[int]]) -> Saved:
    """Of what an agent answers: JSON has no tuples."""
    return [(step, bool(is_complete)) for step, is_complete in raw]


def newest(saved: Saved) -> str:
    """The checkpoint that ranks of the node resume from by themselves, in words."""
    if not saved:
        return "no checkpoint"
    step, is_complete = max(saved)
    return f"checkpoint-{step}{'' if is_complete else ' (cut off: no trainer_state.json)'}"


def differ(nodes: Mapping[str, Saved]) -> bool:
    """Whether nodes (by name) would resume from different steps."""
    return len({newest(saved) for saved in nodes.values()}) > 1


def newest_of_all(nodes: Mapping[str, Saved]) -> int | None:
    """The highest step that every node has saved to the end; None if there is none."""
    steps = [{step for step, is_complete in saved if is_complete} for saved in nodes.values()]
    return max(set.intersection(*steps), default=None) if steps else None
