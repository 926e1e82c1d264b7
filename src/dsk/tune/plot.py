"""Samples per second by batch, as bars for a terminal. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from dsk.tune.points import Result, Variant

EIGHTHS = " ▏▎▍▌▋▊▉█"


def bars(
    results: Sequence[Result], variant: Variant, width: int, *, blocks: bool, no_memory: str
) -> list[str]:
    """A line for each batch of the variant, smallest first; `no_memory` in place of a bar where
    memory ran out. `blocks`: the terminal has the characters for eighths of a cell."""
    own = sorted(
        (each for each in results if each.setting.variant == variant),
        key=lambda each: each.setting.micro,
    )
    own = [each for each in own if each.outcome in ("measured", "memory")]
    highest = max((each.samples_per_s for each in own), default=0.0)
    if not highest:
        return []
    left = max(len(str(each.setting.micro)) for each in own)
    rates = [f"{each.samples_per_s:.4g}" for each in own]
    room = max(8, width - left - 3 - max(map(len, rates)) - 1)
    lines = []
    for each, rate in zip(own, rates, strict=True):
        head = f"{each.setting.micro:>{left}} | "
        if each.outcome == "memory":
            lines.append(head + no_memory)
            continue
        bar = _bar(each.samples_per_s / highest * room, blocks=blocks)
        lines.append(f"{head}{bar} {rate}")
    return lines


def _bar(cells: float, *, blocks: bool) -> str:
    if not blocks:
        return "#" * max(1, round(cells))
    eighths = max(1, round(cells * 8))
    return "█" * (eighths // 8) + EIGHTHS[eighths % 8].strip()
