"""`python -m dsk.rank [--local_rank=N] train RECIPE.yaml`: LLaMA-Factory's training in one rank.

With DSK_JOB and RANK in the environment it says how far it is (wire.progress). Without them, as by
hand, nothing differs from LLaMA-Factory's own src/train.py.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from dsk.rank import traced
from dsk.rank.reporter import Reporter
from dsk.wire import paths, tuning
from dsk.wire.jobspec import ONE_STEP


def main() -> None:
    # `-m` puts the working folder there: a user's datasets.py must not stand for the library.
    if sys.path[0] == str(Path.cwd()):
        del sys.path[0]
    traced.allow()
    one_step = ONE_STEP in sys.argv
    if one_step:
        sys.argv.remove(ONE_STEP)
    measured = [word for word in sys.argv if word.startswith(tuning.WORD)]
    for word in measured:
        sys.argv.remove(word)
    job, rank = os.environ.get("DSK_JOB"), os.environ.get("RANK")
    if job and rank:
        reporter = Reporter(Path(paths.progress(job, int(rank))))
        measure_s = float(measured[0].removeprefix(tuning.WORD)) if measured else None
        _train_reporting(reporter, int(rank), one_step=one_step, measure_s=measure_s)
    else:
        _train([])


def _train_reporting(
    reporter: Reporter, rank: int, *, one_step: bool, measure_s: float | None
) -> None:
    """`measure_s`: the seconds for the timed steps of a measurement, None where it is none."""
    from dsk.rank import hooks

    try:
        hooks.load_without_collecting()
        hooks.count_imports(reporter)
        hooks.count_progress_bars(reporter)
        hooks.tell_tokenizing(reporter)
        # The trainer's libraries, which take most of the time until now.
        from dsk.rank.callback import ProgressCallback

        callbacks: list[object] = [ProgressCallback(reporter)]
        if one_step:
            from dsk.rank.onestep import EndAfterTraining

            callbacks.append(EndAfterTraining(reporter))
        if measure_s is None:
            _train(callbacks)
        else:
            _measure(reporter, rank, callbacks, measure_s)
        reporter.enter("ending")
    finally:
        # Where it failed, to the last step.
        reporter.write()


def _measure(reporter: Reporter, rank: int, callbacks: list[object], seconds: float) -> None:
    from dsk.rank.measuring import Measurement
    from dsk.rank.samples import feed_measurement

    measurement = Measurement(rank, reporter, feed_measurement(), seconds)
    measurement.contained(lambda: _train([*callbacks, measurement.callback]))


def _train(callbacks: list[object]) -> None:
    from llamafactory.train.tuner import run_exp

    run_exp(callbacks=callbacks)


if __name__ == "__main__":
    main()
