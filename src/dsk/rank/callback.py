"""What the trainer says of itself, as a rank's phases and steps.

Read in transformers 5.5.4, trainer.py: on_step_end comes before its log, evaluation and save, in
this order, and the flow callback, which decides on them, before this one.
"""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from dsk.rank import latest
from dsk.rank.pace import Pace
from dsk.rank.reporter import Reporter
from dsk.wire.progress import RankPhase


class ProgressCallback(TrainerCallback):  # type: ignore[misc]  # transformers is in the image only
    """`training` begins with the first step: what lies before it, such as skipping the batches of a
    run that goes on, is loading."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._pace = Pace()
        self._in_training = False
        # PPO's loop is LLaMA-Factory's own: it begins no steps, and asks `control` for its end
        # alone. Read in LLaMA-Factory 0.9.3 and 0.9.5, train/ppo/trainer.py.
        self._own_loop = True

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        self._in_training = True
        self._reporter.tick()

    def on_epoch_begin(self, *_: Any, **__: Any) -> None:
        self._reporter.tick()

    def on_step_begin(
        self, _args: TrainingArguments, state: TrainerState, *_: Any, **__: Any
    ) -> None:
        self._own_loop = False
        self._reporter.at_step(state.global_step, state.max_steps)
        self._enter("training")

    def on_substep_end(self, *_: Any, **__: Any) -> None:
        self._reporter.tick()

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        self._enter("training")  # where no step was begun
        batch = args.train_batch_size * args.gradient_accumulation_steps * args.world_size
        pace = self._pace.step_done(time.monotonic(), batch)
        self._reporter.at_step(state.global_step, state.max_steps or None, pace)
        self._reporter.tick()
        if not self._own_loop:
            self._enter(_next(control))
        elif state.global_step % args.save_steps == 0:
            self._enter("saving")

    def on_epoch_end(
        self, _args: TrainingArguments, _state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        self._enter(_next(control))

    def on_log(self, *_: Any, logs: dict[str, Any] | None = None, **__: Any) -> None:
        loss = (logs or {}).get("loss")
        # JSON has no number for the others; the rank's log shows them.
        if isinstance(loss, int | float) and math.isfinite(loss):
            self._reporter.at_loss(loss)
        self._reporter.tick()

    def on_prediction_step(self, *_: Any, **__: Any) -> None:
        self._enter("evaluating")
        self._reporter.tick()

    def on_evaluate(
        self, args: TrainingArguments, _state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        # Whether this one was the best, and is saved, is decided after this call.
        may_save = args.save_strategy == "best"
        self._evaluated("saving" if may_save else _next(control))

    def on_predict(self, *_: Any, **__: Any) -> None:
        self._evaluated("training")

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        if args.save_on_each_node and args.local_process_index == 0:
            latest.complete(Path(args.output_dir, f"checkpoint-{state.global_step}"))
        self._enter("training" if self._own_loop else _next(control))

    def on_train_end(self, *_: Any, **__: Any) -> None:
        self._in_training = False
        self._enter("saving")  # LLaMA-Factory saves the model when the trainer has returned

    def _evaluated(self, within_training: RankPhase) -> None:
        self._enter(within_training if self._in_training else "ending")

    def _enter(self, phase: RankPhase) -> None:
        if phase != "training":
            self._pace.pause()
        self._reporter.enter(phase)


def _next(control: TrainerControl) -> RankPhase:
    """What the trainer does when a callback has returned."""
    if control.should_evaluate:
        return "evaluating"
    # After the last step the best checkpoint may be loaded, and old ones deleted.
    return "saving" if control.should_save or control.should_training_stop else "training"
