"""What a run told TensorBoard, as TensorBoard itself reads it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.training.runs import Run, Site, answer

SCRIPT = Path(__file__).parent / "inside/scalars.py"


@dataclass(frozen=True)
class Written:
    """One run's event file: for each step when it was logged (unix seconds), and its loss."""

    times: list[float]
    losses: list[float]

    @property
    def seconds_a_step(self) -> float:
        """The median: the first step, which warms the GPU up, hardly counts."""
        return median(b - a for a, b in zip(self.times, self.times[1:], strict=False))


def read(site: Site, run: Run) -> Written:
    name = f"{run.folder.name}-tensorboard"
    steps = answer(site.script(SCRIPT, str(run.output_dir), name=name))
    return Written([float(time) for time, _ in steps], [float(loss) for _, loss in steps])
