"""What `dsk tune` prints: a line for each point, the table, the plot and the proposal."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from dsk.cli.printing import echo, encodes, in_words
from dsk.errors import UserError
from dsk.text import Text, joined, verbatim
from dsk.tune import overrides, yamledit
from dsk.tune import plot as bars
from dsk.tune.outcome import Outcome
from dsk.tune.points import Result, Setting

GIB = 1 << 30
MINUTE, HOUR = 60, 3600

NO_MEMORY = Text("out of memory")
FAILED = Text("failed: {why}")
MEMORY_FULL = Text("too full")
OWN = Text("as in the file")
BEST = Text("the best")
HEADS = (
    Text("batch"),
    Text("preset"),
    Text("other settings"),
    Text("samples/s"),
    Text("tokens/s"),
    Text("peak memory"),
    Text("remark"),
)
KINDS = {
    "cuda": verbatim("GPU"),
    "cgroup": Text("the worker's limit"),
    "host": Text("the server"),
    "kernel": Text("killed by the kernel's out-of-memory killer"),
}
POINT = Text("{setting}: {how} ({seconds:.1f} s)")


def tell(result: Result) -> None:
    """A line on standard error."""
    seconds = result.seconds
    text = POINT.filled(setting=_words(result.setting), how=_how(result), seconds=seconds)
    echo(text, err=True)


def _words(setting: Setting) -> Text:
    parts = [f"{setting.micro} x {setting.accumulation}", setting.variant.preset]
    if rest := _rest(setting):
        parts.append(rest)
    return verbatim(", ".join(parts))


def _rest(setting: Setting) -> str:
    variant = setting.variant
    parts = [
        "" if variant.checkpointing else f"{overrides.CHECKPOINTING}",
        overrides.LIGER if variant.liger else "",
        f"{overrides.ATTENTION}={variant.attention}" if variant.attention else "",
        f"{overrides.WORKERS}={variant.workers}" if variant.workers else "",
        overrides.PACKING if variant.packing else "",
    ]
    return " ".join(filter(None, parts))


def _how(result: Result) -> Text:
    if result.outcome == "memory":
        kind = KINDS.get(result.memory, verbatim(result.memory))
        return Text("{what} ({kind})").filled(what=NO_MEMORY, kind=kind)
    if result.outcome == "failed":
        return FAILED.filled(why=result.why)
    text = Text("{rate:.4g} samples/s, {peak}") if result.limit else Text("{rate:.4g} samples/s")
    return text.filled(rate=result.samples_per_s, peak=_peak(result))


def _peak(result: Result) -> str:
    if not result.limit:
        return ""
    return f"{result.peak / GIB:.1f} / {result.limit / GIB:.1f} GiB"


def table(found: Outcome) -> list[str]:
    rows = [[in_words(head) for head in HEADS]]
    ordered = sorted(found.results, key=lambda each: -each.samples_per_s)
    rows += [_row(each, found) for each in ordered]
    return _aligned(rows)


def _row(result: Result, found: Outcome) -> list[str]:
    setting = result.setting
    remarks = []
    if result.setting == found.best.setting:
        remarks.append(BEST)
    if result.setting == found.own.setting:
        remarks.append(OWN)
    if result.outcome != "measured":
        remarks.append(_how(result))
    elif result.samples_per_s > found.best.samples_per_s and result != found.best:
        remarks.append(MEMORY_FULL)
    measured = result.outcome == "measured"
    return [
        f"{setting.micro} x {setting.accumulation}",
        setting.variant.preset,
        _rest(setting),
        f"{result.samples_per_s:.4g}" if measured else "",
        f"{result.tokens_per_s:.4g}" if measured else "",
        _peak(result),
        in_words(joined(remarks)) if remarks else "",
    ]


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    from rich.cells import cell_len

    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in rows
    ]


def plot(found: Outcome) -> list[str]:
    width = min(100, shutil.get_terminal_size().columns)
    text = Text("samples/s by batch, {preset}:")
    head = in_words(text.filled(preset=found.best.setting.variant.preset))
    lines = bars.bars(
        found.results,
        found.best.setting.variant,
        width,
        blocks=encodes(bars.EIGHTHS),
        no_memory=in_words(NO_MEMORY),
    )
    return [head, *lines] if lines else []


def summary(found: Outcome) -> list[Text]:
    texts = []
    if found.changes:
        texts.append(
            Text("fastest: {words}").filled(words=" ".join(overrides.words(found.changes)))
        )
    else:
        texts.append(Text("fastest: the file's own settings"))
    texts += found.effects if found.changes else []
    if found.changes and found.speed_up:
        texts.append(
            Text(
                "{factor:.3g} times as fast as the file's own: {new:.4g} instead of {old:.4g} "
                "samples/s"
            ).filled(
                factor=found.speed_up, new=found.best.samples_per_s, old=found.own.samples_per_s
            )
        )
    if (best := found.full_run_s(found.best)) is not None:
        own = found.full_run_s(found.own)
        text = Text("the complete training takes about {best}, without evaluation and checkpoints")
        if own is not None and found.changes:
            text = Text(
                "the complete training takes about {best} instead of {own}, without evaluation and "
                "checkpoints"
            ).filled(own=_time(own))
        texts.append(text.filled(best=_time(best)))
    texts.append(
        Text("the search took {seconds}, {count} settings").filled(
            seconds=_time(found.seconds), count=len(found.results)
        )
    )
    return texts


def _time(seconds: float) -> str:
    if seconds < MINUTE:
        return f"{seconds:.0f} s"
    if seconds < HOUR:
        return f"{seconds / MINUTE:.1f} min"
    return f"{seconds / HOUR:.1f} h"


def how_to_use(found: Outcome, name: str) -> Text:
    words = " ".join(overrides.words(found.changes))
    return Text(
        "to train with them: dsk launch {name} {words}   to write a new file: --apply"
    ).filled(name=name, words=words)


def target(file: Path, words: Sequence[str]) -> Path:
    """Where --apply writes. Raises UserError where a file that dsk did not write is there, or an
    override cannot be written."""
    yamledit.of_overrides(words)
    path = file.with_suffix(f".tuned{file.suffix}")
    marked = file.suffix != ".json"  # which has no comments
    if (
        marked
        and path.exists()
        and yamledit.MARK not in path.read_text(encoding="utf-8", errors="replace")
    ):
        raise UserError(
            Text("is there already, and dsk tune did not write it"),
            where=str(path),
            fix=Text("move it away, or leave out --apply"),
        )
    return path
