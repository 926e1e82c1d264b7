"""What a point of the search sets, what measuring it gives, and which points there are. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, get_args

Outcome = Literal["measured", "memory", "failed", "cut"]
"""`memory`: the ranks ran out of it. `cut`: the budget ended before the point was measured."""
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
MOST_BATCH = 1024
"""Samples of one rank at one time; no GPU gains from more."""
NONE = "none"
OWN = "own"
"""The preset of a file that names a DeepSpeed JSON of its own: no other one is tried then."""


@dataclass(frozen=True)
class Variant:
    """All that the search sets but the batch. `attention` is a value of flash_attn, "" where the
    file's own stays."""

    preset: str
    checkpointing: bool
    liger: bool = False
    attention: str = ""
    workers: int = 0
    packing: bool = False


@dataclass(frozen=True)
class Setting:
    """`micro` samples of one rank at one time, `accumulation` of them for an optimizer step."""

    variant: Variant
    micro: int
    accumulation: int

    def to_raw(self) -> dict[str, Any]:
        return {"micro": self.micro, "accumulation": self.accumulation, **asdict(self.variant)}

    @classmethod
    def from_raw(cls, raw: Mapping[str, Any]) -> Setting:
        """Raises KeyError or TypeError where `raw` is no setting."""
        rest = dict(raw)
        micro, accumulation = rest.pop("micro"), rest.pop("accumulation")
        return cls(Variant(**rest), micro, accumulation)


@dataclass(frozen=True)
class Result:
    """`samples_per_s` and `tokens_per_s` over all ranks; `noise` is the relative standard error of
    the rate. `peak` of `limit` bytes is the memory of the rank, or of the node, that has least
    left, and `memory` says which memory that is; 0 where it is not known. `why` says what failed.
    `seconds` is what the measurement took. `samples` are in the data."""

    setting: Setting
    outcome: Outcome
    samples_per_s: float = 0.0
    tokens_per_s: float = 0.0
    noise: float = 0.0
    peak: int = 0
    reserved: int = 0
    limit: int = 0
    memory: str = ""
    why: str = ""
    seconds: float = 0.0
    samples: int = 0

    def fits(self, headroom: float) -> bool:
        """Whether it was measured and leaves `headroom`, a share of the memory, free."""
        if self.outcome != "measured":
            return False
        return not self.limit or self.peak <= (1.0 - headroom) * self.limit

    def to_raw(self) -> dict[str, Any]:
        return {**asdict(self), "setting": self.setting.to_raw()}

    @classmethod
    def from_raw(cls, raw: Mapping[str, Any]) -> Result:
        """Raises KeyError or TypeError where `raw` is no result."""
        return cls(**{**raw, "setting": Setting.from_raw(raw["setting"])})


@dataclass(frozen=True)
class Space:
    """Everything that may be tried. `own` is the user's setting, and the first value of each axis
    is its. `most` is the largest batch of one rank that the data can fill."""

    own: Setting
    keep_global_batch: bool = True
    presets: tuple[str, ...] = ()
    checkpointing: tuple[bool, ...] = ()
    liger: tuple[bool, ...] = ()
    attention: tuple[str, ...] = ()
    workers: tuple[int, ...] = ()
    packing: tuple[bool, ...] = ()
    most: int = MOST_BATCH

    @property
    def per_rank(self) -> int:
        """Samples of one rank for one optimizer step, as the user wrote them."""
        return self.own.micro * self.own.accumulation

    def for_data(self, samples: int, world_size: int) -> Space:
        """Without batches that are larger than the data, where that is known."""
        most = max(self.own.micro, samples // world_size) if samples else self.most
        return replace(self, most=min(self.most, most))

    def batches(self) -> tuple[int, ...]:
        """Every batch of one rank that may be tried, the smallest first."""
        if self.keep_global_batch:
            found = {b for b in range(1, self.per_rank + 1) if self.per_rank % b == 0}
        else:
            found = {b for n in range(11) for b in (2**n, 3 * 2**n)}
        found = {b for b in found if b <= min(self.most, MOST_BATCH)}
        return tuple(sorted(found | {self.own.micro}))

    def setting(self, variant: Variant, micro: int) -> Setting:
        """With the accumulation that keeps the global batch or, where it may change, makes it no
        smaller than the user's."""
        return Setting(variant, micro, -(-self.per_rank // micro))

    def neighbours(self, variant: Variant) -> list[Variant]:
        """Every variant that differs from this one on one axis. Those that promise most come first:
        what saves arithmetic, then other presets, then the loading of the data."""
        found = [
            *(replace(variant, liger=value) for value in self.liger),
            *(replace(variant, attention=value) for value in self.attention),
            *(replace(variant, packing=value) for value in self.packing),
            *(replace(variant, checkpointing=value) for value in self.checkpointing),
            *(replace(variant, preset=value) for value in self.presets),
            *(replace(variant, workers=value) for value in self.workers),
        ]
        return [each for each in dict.fromkeys(found) if each != variant]
