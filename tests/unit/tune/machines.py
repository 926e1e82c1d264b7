"""Simulated machines: what a point costs and gives, for tests of the search."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product

from dsk.tune.points import Result, Setting, Space, Variant

GIB = 1 << 30
COLD_S = 70.0
"""A run of its own until its first step, as measured on an H200 (wall of 12 steps: 82 to 93 s)."""
WARM_S = 8.0
STEPS = 8


@dataclass(frozen=True)
class Machine:
    """Seconds: `fixed` a micro-batch, `sample` a sample, `step` an optimizer step; factors and
    additions by preset. GiB: `held` by preset, `kept` a sample. `cliff`: from this batch on a
    sample costs twice."""

    space: Space
    fixed: float = 0.05
    sample: float = 0.02
    step: float = 0.1
    presets: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)
    """Seconds added to a micro-batch, to an optimizer step, and GiB held."""
    kept: float = 0.5
    limit: float = 80.0
    without_checkpointing: tuple[float, float] = (0.75, 5.0)
    """Factors on a sample's seconds and memory."""
    liger: tuple[float, float] = (0.9, 0.6)
    attention: float = 0.92
    packing: float = 0.6
    loading: float = 0.0
    """Seconds of a sample with one process; `workers` share them."""
    cliff: int = 1 << 30
    noise: float = 0.01
    headroom: float = 0.08

    def peak(self, setting: Setting) -> float:
        variant = setting.variant
        kept = self.kept
        if not variant.checkpointing:
            kept *= self.without_checkpointing[1]
        if variant.liger:
            kept *= self.liger[1]
        held = self.presets.get(variant.preset, (0.0, 0.0, 20.0))[2]
        return max(held + kept * setting.micro, held * 1.05)

    def seconds(self, setting: Setting) -> float:
        """Of one optimizer step."""
        variant, micro = setting.variant, setting.micro
        of_sample = self.sample
        if not variant.checkpointing:
            of_sample *= self.without_checkpointing[0]
        if variant.liger:
            of_sample *= self.liger[0]
        if variant.attention:
            of_sample *= self.attention
        if variant.packing:
            of_sample *= self.packing
        if micro >= self.cliff:
            of_sample *= 2
        more, at_step, _ = self.presets.get(variant.preset, (0.0, 0.0, 0.0))
        batch = self.fixed + more + micro * of_sample
        if self.loading:
            loading = micro * self.loading
            workers = variant.workers
            batch = max(batch, loading / workers) if workers else batch + loading
        return setting.accumulation * batch + self.step + at_step

    def rate(self, setting: Setting) -> float:
        """0 where it does not fit with the headroom."""
        if self.peak(setting) > self.limit * (1 - self.headroom):
            return 0.0
        return setting.micro * setting.accumulation / self.seconds(setting)

    def measure(self, setting: Setting, chance: random.Random) -> Result:
        measured = Setting(setting.variant, setting.micro, min(2, setting.accumulation))
        wall = WARM_S + STEPS * self.seconds(measured)
        peak = self.peak(setting)
        limit = round(self.limit * GIB)
        if peak > self.limit:
            return Result(setting, "memory", limit=limit, memory="cuda", seconds=wall)
        rate = setting.micro * setting.accumulation / self.seconds(setting)
        rate *= 1 + chance.gauss(0, self.noise)
        return Result(
            setting, "measured", rate, rate * 200, self.noise, round(peak * GIB), limit=limit,
            seconds=wall,
        )  # fmt: skip

    def grid(self) -> list[Setting]:
        space = self.space
        own = space.own.variant
        axes = product(
            space.presets or (own.preset,),
            space.checkpointing or (own.checkpointing,),
            space.liger or (own.liger,),
            space.attention or (own.attention,),
            space.workers or (own.workers,),
            space.packing or (own.packing,),
        )
        variants = [Variant(*axis) for axis in axes]
        return [space.setting(v, batch) for v in variants for batch in space.batches()]

    def grid_seconds(self) -> float:
        """Each point as a run of its own, of as many optimizer steps."""
        return sum(
            COLD_S + STEPS * self.seconds(setting) * (self.rate(setting) > 0)
            for setting in self.grid()
        )


def space(
    micro: int = 1,
    accumulation: int = 2,
    preset: str = "z2",
    *,
    keep: bool = False,
    most: int = 512,
    **axes: tuple[object, ...],
) -> Space:
    own = Setting(Variant(preset, checkpointing=True), micro, accumulation)
    return Space(own, keep, most=most, **axes)  # type: ignore[arg-type]


PRESETS = ("z2", "none", "z0", "z3", "z2_offload", "z3_offload")
H200 = {
    "none": (0.0, -0.02, 24.0),
    "z0": (0.0, 0.02, 28.8),
    "z2": (0.0, 0.0, 31.7),
    "z3": (0.15, 0.05, 30.0),
    "z2_offload": (0.02, 1.35, 16.0),
    "z3_offload": (0.4, 1.8, 14.0),
}
TEN_GIGABIT = {
    "none": (0.0, 5.0, 24.0),
    "z0": (0.0, 2.5, 28.0),
    "z2": (1.2, 1.3, 17.0),
    "z3": (7.5, 0.0, 10.0),
    "z2_offload": (1.2, 3.0, 8.0),
    "z3_offload": (7.5, 3.0, 4.0),
}
"""Two servers, 1.5 billion parameters: z3 is slower by more than 20 times."""
SMALL_GPU = {
    "none": (0.0, 0.0, 30.0),
    "z0": (0.0, 0.0, 29.0),
    "z2": (0.0, 0.0, 27.0),
    "z3": (0.1, 0.0, 26.0),
    "z2_offload": (0.02, 1.5, 9.0),
    "z3_offload": (0.3, 1.9, 5.0),
}
TWO = (True, False)

MACHINES: Mapping[str, Machine] = {
    "one H200, full": Machine(
        space(presets=PRESETS, checkpointing=TWO, liger=(False, True)),
        fixed=0.58, sample=0.0116, step=0.1, presets=H200, kept=1.13, limit=139,
    ),
    "one H200, global batch kept": Machine(
        space(1, 64, keep=True, presets=PRESETS, checkpointing=TWO, liger=(False, True)),
        fixed=0.58, sample=0.0116, presets=H200, kept=1.13, limit=139,
    ),
    "only batches": Machine(
        space(presets=("z2", "z3"), checkpointing=TWO),
        fixed=0.58, sample=0.0116, presets=H200, kept=1.13, limit=139,
    ),
    "slow network, z3 chosen": Machine(
        space(4, 4, "z3", presets=("z3", *PRESETS[:3], *PRESETS[4:]), checkpointing=TWO),
        fixed=0.1, sample=0.03, presets=TEN_GIGABIT, kept=1.1, limit=80,
    ),
    "slow network, kept": Machine(
        space(2, 8, "z3", keep=True, presets=("z3", *PRESETS[:3], *PRESETS[4:]), checkpointing=TWO),
        fixed=0.1, sample=0.03, presets=TEN_GIGABIT, kept=1.1, limit=80,
    ),
    "only an offload preset fits": Machine(
        space(presets=PRESETS, checkpointing=TWO), fixed=0.2, presets=SMALL_GPU, kept=0.8, limit=24,
    ),
    "z2 fits with a batch of one, offload is faster": Machine(
        space(presets=PRESETS, checkpointing=TWO),
        fixed=0.5, sample=0.01, presets=SMALL_GPU, kept=0.5, limit=30.5,
    ),
    "the loading of the data limits": Machine(
        space(8, 1, presets=PRESETS, workers=(0, 2, 4, 8)), fixed=0.1, sample=0.01, loading=0.03,
        presets=H200, kept=0.6,
    ),
    "memory to spare": Machine(
        space(1, 16, keep=True, presets=PRESETS, checkpointing=TWO, liger=(False, True)),
        fixed=0.04, sample=0.005, presets=H200, kept=0.05, limit=139,
    ),
    "slower from a batch on": Machine(
        space(2, 4, presets=PRESETS, checkpointing=TWO),
        fixed=0.3, sample=0.01, presets=H200, cliff=32,
    ),
    "starts far too large": Machine(
        space(256, 1, presets=PRESETS, checkpointing=TWO), fixed=0.3, sample=0.01, presets=H200,
    ),
    "all alike, as on a CPU": Machine(
        space(4, 1, presets=("z2", "none", "z3"), checkpointing=TWO, most=64),
        fixed=0.002, sample=0.02, step=0.01, kept=0.02, limit=4, without_checkpointing=(0.8, 1.5),
        presets={"z2": (0, 0, 2), "none": (0, -0.005, 1.8), "z3": (0.02, 0, 2)},
    ),
    "everything may change": Machine(
        space(
            2, 8, presets=PRESETS, checkpointing=TWO, liger=(False, True), attention=("", "fa2"),
            packing=(False, True), workers=(0, 4),
        ),
        fixed=0.3, sample=0.012, presets=H200, kept=1.0, limit=80, loading=0.004,
    ),
}  # fmt: skip
NOISES = (0.0, 0.01, 0.02)
