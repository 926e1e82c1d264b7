"""`python -m dsk.rank [--local_rank=N] train RECIPE.yaml`: LLaMA-Factory's training in one rank.

With DSK_JOB and RANK in the environment it says how far it is (wire.progress). Without them, as by
hand, nothing differs from LLaMA-Factory's own src/train.py.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from dsk.rank import traced
from dsk.rank.reporter import Reporter
from dsk.wire import paths, tuning
from dsk.wire.jobspec import ONE_STEP
from dsk.wire.saving import SAVE_AUTO


def main() -> None:
    # `-m` puts the working folder there: a user's datasets.py must not stand for the library.
    if sys.path[0] == str(Path.cwd()):
        del sys.path[0]
    traced.allow()
    one_step, save_auto = _takes(ONE_STEP), _takes(SAVE_AUTO)
    measure_s = _takes_measure()
    job, rank = os.environ.get("DSK_JOB"), os.environ.get("RANK")
    if not job or not rank:
        _train([])
        return
    reporter = Reporter(Path(paths.progress(job, int(rank))))
    if measure_s is not None:
        train = partial(_measure, reporter, int(rank), measure_s)
    elif one_step:
        train = partial(_one_step, reporter)
    else:
        train = partial(_save_on_request, reporter, Path(paths.save_request(job)), auto=save_auto)
    _train_reporting(reporter, train)


def _takes(word: str) -> bool:
    """Whether `word` was on the command line, where LLaMA-Factory must not find it."""
    given = word in sys.argv
    if given:
        sys.argv.remove(word)
    return given


def _takes_measure() -> float | None:
    """Return the seconds for the timed steps of a measurement; None where it is none."""
    for word in [word for word in sys.argv if word.startswith(tuning.WORD)]:
        sys.argv.remove(word)
        return float(word.removeprefix(tuning.WORD))
    return None


def _train_reporting(reporter: Reporter, train: Callable[[list[object]], None]) -> None:
    """`train` is given the callbacks of the trainer that report."""
    from dsk.rank import hooks

    try:
        hooks.load_without_collecting()
        hooks.count_imports(reporter)
        hooks.count_progress_bars(reporter)
        hooks.tell_tokenizing(reporter)
        # The trainer's libraries, which take most of the time until now.
        from dsk.rank.callback import ProgressCallback

        train([ProgressCallback(reporter)])
        reporter.enter("ending")
    finally:
        # Where it failed, to the last step.
        reporter.write()


def _save_on_request(
    reporter: Reporter, request: Path, callbacks: list[object], *, auto: bool
) -> None:
    from dsk.rank.saving import SaveCallback

    _train([SaveCallback(reporter, request, auto=auto), *callbacks])


def _one_step(reporter: Reporter, callbacks: list[object]) -> None:
    from dsk.rank.onestep import EndAfterTraining

    _train([*callbacks, EndAfterTraining(reporter)])


def _measure(reporter: Reporter, rank: int, seconds: float, callbacks: list[object]) -> None:
    from dsk.rank.measuring import Measurement
    from dsk.rank.samples import feed_measurement

    measurement = Measurement(rank, reporter, feed_measurement(), seconds)
    measurement.contained(lambda: _train([*callbacks, measurement.callback]))


def _train(callbacks: list[object]) -> None:
    from llamafactory.train.tuner import run_exp

    run_exp(callbacks=callbacks)


if __name__ == "__main__":
    main()
