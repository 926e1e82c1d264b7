"""LLaMA-Factory's comma-separated values."""

from __future__ import annotations


def split_commas(value: object) -> tuple[str, ...]:
    """The parts of `a, b`. A YAML list is taken as it is, as in upstream's split_arg."""
    if value is None:
        return ()
    if isinstance(value, list):
        return tuple(str(item) for item in value)
    return tuple(item.strip() for item in str(value).split(","))
