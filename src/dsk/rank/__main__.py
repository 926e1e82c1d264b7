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
from dsk.wire import paths
from dsk.wire.jobspec import ONE_STEP
from dsk.wire.saving import SAVE_AUTO


def main() -> None:
    # `-m` puts the working folder there: a user's datasets.py must not stand for the library.
    if sys.path[0] == str(Path.cwd()):
        del sys.path[0]
    traced.allow()
    one_step, save_auto = _takes(ONE_STEP), _takes(SAVE_AUTO)
    job, rank = os.environ.get("DSK_JOB"), os.environ.get("RANK")
    if job and rank:
        reporter = Reporter(Path(paths.progress(job, int(rank))))
        request = Path(paths.save_request(job))
        _train_reporting(reporter, request, one_step=one_step, save_auto=save_auto)
    else:
        _train([])


def _takes(word: str) -> bool:
    """Whether `word` was on the command line, where LLaMA-Factory must not find it."""
    given = word in sys.argv
    if given:
        sys.argv.remove(word)
    return given


def _train_reporting(reporter: Reporter, request: Path, *, one_step: bool, save_auto: bool) -> None:
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
        else:
            from dsk.rank.saving import SaveCallback

            callbacks.insert(0, SaveCallback(reporter, request, auto=save_auto))
        _train(callbacks)
        reporter.enter("ending")
    finally:
        # Where it failed, to the last step.
        reporter.write()


def _train(callbacks: list[object]) -> None:
    from llamafactory.train.tuner import run_exp

    run_exp(callbacks=callbacks)


if __name__ == "__main__":
    main()
