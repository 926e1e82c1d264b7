"""Which points to measure next, from what was measured before. Pure.

`search` is a generator: it yields a setting and is sent what measuring that gave. It begins with
the user's own, climbs to the best batch of a variant by steps of 4, 2 and about 1.4, changes one
axis at a time, and ends by measuring the best once more where others are close to them. Whoever
drives it may stop at any point: `best` takes what there is.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, field, replace

from dsk.tune.points import Result, Setting, Space, Variant

BETTER = 1.01
"""By so much a rate must exceed another one to count as better."""
ALIKE = 1.005
CLOSE = 0.97
"""Rates of so much of the best one are measured once more, and compared again."""
HOPEFUL = 0.80
"""A variant with so much of the best rate may still have a batch that is the best."""
STEPS = (4.0, 2.0, 1.4)
STEP_DOWN = 2
"""From a batch that did not fit."""
FINE = (2.0, 1.4)
"""For a variant that begins at the best batch of a similar one."""
PASSES = 2
"""Over all axes: what one of them gains may change what another one does."""
FINALISTS = 3
NOISY = 0.006
"""A rate that is known to so much needs no further measurement."""
MOST = 3

Predict = Callable[[Setting], "int | None"]
"""Bytes that a rank needs by estimate; None where there is no estimate."""
Steps = Generator[Setting, Result, None]
Change = tuple[str, object]
"""An axis, and its value."""


@dataclass
class Log:
    """What is known: every setting with the mean of its measurements."""

    headroom: float
    results: dict[Setting, list[Result]] = field(default_factory=dict)

    def add(self, result: Result) -> None:
        self.results.setdefault(result.setting, []).append(result)

    def of(self, setting: Setting) -> Result | None:
        """None where the setting was not measured."""
        found = self.results.get(setting)
        return mean(found) if found else None

    def rate(self, setting: Setting) -> float:
        """0 for what was not measured or does not fit."""
        found = self.of(setting)
        return found.samples_per_s if found and found.fits(self.headroom) else 0.0

    def highest(self) -> float:
        """The best rate of what fits."""
        return max((self.rate(setting) for setting in self.results), default=0.0)

    def of_variant(self, variant: Variant) -> float:
        """The best rate of what fits of this variant."""
        found = (setting for setting in self.results if setting.variant == variant)
        return max((self.rate(setting) for setting in found), default=0.0)

    def all(self) -> list[Result]:
        return [mean(each) for each in self.results.values()]

    def best(self) -> Result | None:
        return best(self.all(), self.headroom)

    def too_large(self, variant: Variant) -> int | None:
        """The smallest batch of the variant that did not fit."""
        found = [
            each.setting.micro
            for each in self.all()
            if each.setting.variant == variant and _is_too_large(each, self.headroom)
        ]
        return min(found, default=None)


def mean(results: Sequence[Result]) -> Result:
    """Several measurements of one setting as one: the rate's mean, the memory's maximum. One that
    ran out of memory, or failed, counts for all."""
    bad = [each for each in results if each.outcome != "measured"]
    if bad:
        return bad[0]
    count = len(results)
    return replace(
        results[0],
        samples_per_s=sum(each.samples_per_s for each in results) / count,
        tokens_per_s=sum(each.tokens_per_s for each in results) / count,
        noise=max(each.noise for each in results) / count**0.5,
        peak=max(each.peak for each in results),
        reserved=max(each.reserved for each in results),
        seconds=sum(each.seconds for each in results),
    )


def best(results: Iterable[Result], headroom: float) -> Result | None:
    """The fastest that fits. Of those that are as fast but for ALIKE, the one that needs the least
    memory; None where none fits."""
    fit = [each for each in results if each.fits(headroom)]
    if not fit:
        return None
    highest = max(each.samples_per_s for each in fit)
    close = [each for each in fit if each.samples_per_s * ALIKE >= highest]
    return min(close, key=lambda each: (each.peak, -each.samples_per_s))


def search(space: Space, log: Log, predict: Predict) -> Steps:
    """`log` is filled on the way."""
    return _Search(space, log, predict).run()


class _Search:
    def __init__(self, space: Space, log: Log, predict: Predict) -> None:
        self._space = space
        self._log = log
        self._predict = predict
        self._poor: set[Change] = set()
        """Changes of one axis that lost much; they are not tried again."""

    def run(self) -> Steps:
        own, log = self._space.own, self._log
        yield from self._measure(own)
        yield from self._climb(own.variant, own.micro)
        if log.best() is None:
            yield from self._find_any()
        for _ in range(PASSES):
            before = log.best()
            if before is None:
                return
            yield from self._each_axis(before)
            after = log.best()
            if after and after.setting.variant == before.setting.variant:
                break
        if found := log.best():
            yield from self._climb(found.setting.variant, found.setting.micro, FINE)
        yield from _finals(log)

    def _measure(self, setting: Setting) -> Steps:
        """Unless that was done."""
        if setting not in self._log.results:
            self._log.add((yield setting))

    def _climb(self, variant: Variant, start: int, steps: Sequence[float] = STEPS) -> Steps:
        """To the batch of this variant with the best rate, which has one maximum but for noise."""
        batches, log = self._space.batches(), self._log
        fits = _Fits(self._space, variant, log, self._predict)
        wall = log.too_large(variant)
        here = fits.largest_up_to(batches, start if wall is None else min(start, wall // STEP_DOWN))
        while True:
            setting = self._space.setting(variant, here)
            yield from self._measure(setting)
            if log.rate(setting):
                break
            if here == batches[0] or not _is_too_large(log.of(setting), log.headroom):
                return
            here = fits.largest_up_to(batches, here // STEP_DOWN)
        for step in steps:
            if step <= 2.0 and self._rate(variant, here) < HOPEFUL * log.highest():
                return
            moved = True
            while moved:
                moved = False
                for batch in (_up(batches, here, step), _down(batches, here, step)):
                    if batch is None or not fits(batch):
                        continue
                    yield from self._measure(self._space.setting(variant, batch))
                    # A larger batch must gain something: it needs more memory.
                    least = self._rate(variant, here) * (BETTER if batch > here else 1.0)
                    if self._rate(variant, batch) > least:
                        here, moved = batch, True
                        break

    def _rate(self, variant: Variant, batch: int) -> float:
        return self._log.rate(self._space.setting(variant, batch))

    def _find_any(self) -> Steps:
        """The user's variant fits with no batch: another one that does, with the smallest."""
        smallest = self._space.batches()[0]
        for variant in _lean(self._space):
            yield from self._measure(self._space.setting(variant, smallest))
            if self._log.best():
                yield from self._climb(variant, smallest)
                return

    def _each_axis(self, found: Result) -> Steps:
        """Every axis from the best so far, `found`: where one gains, the next begins there."""
        log = self._log
        for changed in self._space.neighbours(found.setting.variant):
            now = log.best() or found
            change = _change(changed, found.setting.variant)
            variant = _changed(now.setting.variant, change)
            if variant == now.setting.variant or change in self._poor:
                continue
            fits = _Fits(self._space, variant, log, self._predict)
            batch = fits.largest_up_to(self._space.batches(), now.setting.micro)
            setting = self._space.setting(variant, batch)
            yield from self._measure(setting)
            tried = log.of(setting)
            if tried is None or tried.outcome in ("failed", "cut"):
                self._poor.add(change)
            elif tried.fits(log.headroom) and tried.samples_per_s < HOPEFUL * now.samples_per_s:
                self._poor.add(change)
                if tried.peak < now.peak and self._held_back(now):
                    # It may gain by a batch that the best one has no memory for.
                    yield from self._climb(variant, batch)
            else:
                yield from self._climb(variant, batch, FINE)
                if log.of_variant(variant) < HOPEFUL * log.highest():
                    self._poor.add(change)

    def _held_back(self, result: Result) -> bool:
        """Whether memory keeps this variant from a batch twice as large, which there is."""
        setting = result.setting
        double = _up(self._space.batches(), setting.micro, 2.0)
        fits = _Fits(self._space, setting.variant, self._log, self._predict)
        return double is not None and not fits(double)


def _change(variant: Variant, old: Variant) -> Change:
    """The axis on which the two differ, and the first one's value."""
    return next(each for each in vars(variant).items() if each not in vars(old).items())


def _changed(variant: Variant, change: Change) -> Variant:
    return Variant(**{**vars(variant), **dict([change])})


def _up(batches: Sequence[int], here: int, step: float) -> int | None:
    """The largest batch that is at most `step` times as large, None where there is none."""
    larger = [b for b in batches if here < b <= here * step * 1.1]
    return larger[-1] if larger else next((b for b in batches if b > here), None)


def _down(batches: Sequence[int], here: int, step: float) -> int | None:
    smaller = [b for b in batches if here / step / 1.1 <= b < here]
    return smaller[0] if smaller else next((b for b in reversed(batches) if b < here), None)


def _lean(space: Space) -> list[Variant]:
    """The presets that need less memory, the faster ones first, with all else as lean as it can
    be."""
    base = replace(
        space.own.variant,
        checkpointing=True if True in space.checkpointing else space.own.variant.checkpointing,
        liger=True if True in space.liger else space.own.variant.liger,
    )
    order = ("z2", "z3", "z2_offload", "z3_offload")
    presets = [each for each in order if each in space.presets] or [base.preset]
    return [replace(base, preset=preset) for preset in presets]


def _finals(log: Log) -> Steps:
    """The fastest again, until noise no longer decides between them or each was measured MOST
    times."""
    while close := _undecided(log):
        for setting in close:
            log.add((yield setting))


def _undecided(log: Log) -> list[Setting]:
    """Those of the fastest whose rate is not known well enough; none where one is far ahead."""
    highest = log.highest()
    near = [each for each in log.results if log.rate(each) >= CLOSE * highest > 0]
    if len(near) < 2:
        return []
    near.sort(key=log.rate, reverse=True)
    return [
        each
        for each in near[:FINALISTS]
        if mean(log.results[each]).noise > NOISY and len(log.results[each]) < MOST
    ]


class _Fits:
    """Whether a batch of a variant is worth measuring: not where a smaller one did not fit, nor
    where the memory that was measured, or else the estimate, says that it will not fit."""

    def __init__(self, space: Space, variant: Variant, log: Log, predict: Predict) -> None:
        self._space = space
        self._variant = variant
        self._log = log
        self._predict = predict

    def __call__(self, batch: int) -> bool:
        wall = self._log.too_large(self._variant)
        if wall is not None and batch >= wall:
            return False
        limit = self._limit()
        expected = self._expected(batch)
        return not limit or expected is None or expected <= limit * (1.0 - self._log.headroom)

    def largest_up_to(self, batches: Sequence[int], start: int) -> int:
        """The largest batch up to `start` that fits; the smallest of all where none does."""
        return next((b for b in reversed(batches) if b <= start and self(b)), batches[0])

    def _limit(self) -> int:
        return next((each.limit for each in self._log.all() if each.limit), 0)

    def _expected(self, batch: int) -> int | None:
        measured = self._peaks(self._variant)
        if len(measured) >= 2:
            return _line(measured, batch)
        estimated = self._predict(self._space.setting(self._variant, batch))
        if not measured:
            return estimated
        micro, peak = measured[0]
        at = self._predict(self._space.setting(self._variant, micro))
        if estimated is not None and at is not None:
            return estimated + peak - at
        for other in {each.setting.variant: None for each in self._log.all()}:
            # The preset shares out what stays; what a sample needs is the same with all of them.
            alike = replace(other, preset=self._variant.preset, workers=self._variant.workers)
            if alike == self._variant and len(others := self._peaks(other)) >= 2:
                return peak + _line(others, batch) - _line(others, micro)
        return None

    def _peaks(self, variant: Variant) -> list[tuple[int, int]]:
        """Batches and bytes that were measured, by batch."""
        return sorted(
            (each.setting.micro, each.peak)
            for each in self._log.all()
            if each.setting.variant == variant and each.outcome == "measured" and each.peak
        )


def _line(measured: Sequence[tuple[int, int]], batch: int) -> int:
    """Through the two largest batches: memory may be constant below them, and grows by this line
    above."""
    (small, low), (large, high) = measured[-2:]
    return round(high + (batch - large) * (high - low) / (large - small))


def _is_too_large(result: Result | None, headroom: float) -> bool:
    """Whether it ran out of memory, or leaves too little."""
    if result is None:
        return False
    out = result.outcome == "memory"
    return out or (result.outcome == "measured" and not result.fits(headroom))
