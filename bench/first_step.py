"""From launch to the first optimizer step, the same for every way to launch: until rank 0 has
logged that step's loss (LLaMA-Factory's trainer_log.jsonl, with `logging_steps: 1`)."""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

LIMIT_S = 600.0
POLL_S = 0.02
TRAINER_LOG = "trainer_log.jsonl"


@dataclass(frozen=True)
class Way:
    """The commands that make one job together, each a whole process here."""

    argvs: Sequence[Sequence[str]]
    env: Mapping[str, str] | None = None


def first_step(way: Way, output_dir: Path) -> tuple[float, float]:
    """Seconds until the first step was logged, and its loss. The job ends before this returns, and
    its output_dir is gone, also before it starts."""
    shutil.rmtree(output_dir, ignore_errors=True)
    with tempfile.TemporaryFile() as output:
        begin = time.perf_counter()
        started = [
            subprocess.Popen(
                argv, env=way.env, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
            for argv in way.argvs
        ]
        try:
            while (loss := _first_loss(output_dir / TRAINER_LOG)) is None:
                late = time.perf_counter() - begin > LIMIT_S
                if late or any(each.poll() for each in started):
                    raise SystemExit(f"no first step: {way.argvs}\n{_tail(output)}")
                time.sleep(POLL_S)
            seconds = time.perf_counter() - begin
            if any(each.wait(LIMIT_S) for each in started):
                raise SystemExit(f"failed after the first step: {way.argvs}\n{_tail(output)}")
        finally:
            for each in started:
                each.kill()
                each.wait()
    shutil.rmtree(output_dir)
    return seconds, loss


def _first_loss(log: Path) -> float | None:
    if not log.exists():
        return None
    line, end, _ = log.read_text().partition("\n")
    return float(json.loads(line)["loss"]) if end else None


def _tail(output: IO[bytes]) -> str:
    output.seek(0)
    return output.read()[-6000:].decode(errors="replace")


def compare(
    ways: Mapping[str, Callable[[], Way]], output_dir: Path, rounds: int, limit_s: float = 1e9
) -> dict[str, list[float]]:
    """Interleaved rounds after one that warms the caches; no further round begins after `limit_s`.

    Raises SystemExit where the ways do not train the same.
    """
    begin = time.perf_counter()
    times: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        if time.perf_counter() - begin > limit_s:
            break
        losses = {}
        for name, way in ways.items():
            seconds, losses[name] = first_step(way(), output_dir)
            print(f"round {number}: {seconds:6.1f} s  {name}", file=sys.stderr, flush=True)
            if number:
                times[name].append(seconds)
        if len(set(losses.values())) > 1:
            raise SystemExit(f"the first step's loss differs: {losses}")
    return times


def show(times: Mapping[str, Sequence[float]], reference: str) -> None:
    if not all(times.values()):
        raise SystemExit("no round counts: the time was up after the one that warms the caches")
    middle = {name: statistics.median(seconds) for name, seconds in times.items()}
    for name, seconds in times.items():
        ratio = middle[name] / middle[reference]
        each = ", ".join(f"{one:.1f}" for one in seconds)
        print(f"{middle[name]:6.1f} s  {ratio:5.2f} of {reference}  {name}  ({each})")
