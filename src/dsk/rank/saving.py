"""Saves at a step that all ranks agree on: on request, after which the rank ends, or `save: auto`.

Read in transformers 5.5.4 and 4.52.4, trainer.py: on_step_end comes before the step's log,
evaluation and save; on_epoch_end also comes when the training stops within an epoch, and after it
the best checkpoint may be loaded and others be deleted.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from dsk.rank import room
from dsk.rank.agreement import Agreement, join
from dsk.rank.autosave import AutoSave
from dsk.rank.reporter import Reporter
from dsk.wire.reading import read
from dsk.wire.saving import Room, SaveAnswer, SaveRequest

AGREE_EVERY_S = 1.0
"""Steps that are shorter are not all asked about."""
MOST_STEPS = 100
"""From one agreement to the next: steps may become slower."""
STOP, SAVE, NOTHING = "stop", "save", ""


class SaveCallback(TrainerCallback):  # type: ignore[misc]  # transformers is in the image only
    """Must come before the callback that reports what the trainer does next."""

    def __init__(self, reporter: Reporter, request: Path, *, auto: bool) -> None:
        """`request` is a file that rank 0 looks for; with `auto`, it also saves by time."""
        self._reporter = reporter
        self._request = request
        self._auto_wanted = auto
        self._auto: AutoSave | None = None
        self._agreement: Agreement | None = None
        self._trainings = 0
        # PPO's loop is LLaMA-Factory's own: it begins no steps, and saves by `save_steps` alone.
        self._begun = False
        self._next = 0
        self._answered = 0
        self._stopping = 0
        """The request for which the training ends, 0 while it goes on."""
        self._step_ended: float | None = None
        self._save_began: float | None = None

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, *_: Any, **__: Any
    ) -> None:
        self._trainings += 1
        self._next = state.global_step + 1
        self._agreement = _agreement(args, self._trainings) if args.world_size > 1 else None
        if self._auto_wanted:
            self._auto = AutoSave(_nodes(args), time.monotonic())

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        self._begun = True

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        model: Any = None,
        **_: Any,
    ) -> None:
        now = time.monotonic()
        took = None if self._step_ended is None else now - self._step_ended
        self._step_ended = now
        # After the last step the training ends and is saved anyway, and no rank waits for another.
        if self._begun and state.global_step >= self._next and state.global_step < state.max_steps:
            self._agree(args, state, control, model, took)
        self._save_began = time.monotonic() if control.should_save else None

    def on_evaluate(self, *_: Any, **__: Any) -> None:
        self._step_ended = None
        # The save, if there is one, comes after it.
        self._save_began = time.monotonic()

    def on_save(
        self, _args: TrainingArguments, _state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        now = time.monotonic()
        self._step_ended = None
        if self._save_began is not None:
            self._reporter.at_save(now - self._save_began)
            if self._auto:
                self._auto.saved(now, now - self._save_began)
        if self._stopping:
            control.should_training_stop = True

    def on_epoch_end(
        self, args: TrainingArguments, state: TrainerState, *_: Any, **__: Any
    ) -> None:
        """Where a training that was asked to end does: the callbacks of its save are done."""
        self._step_ended = None
        if not self._stopping:
            return
        if self._agreement:
            # Only when this is complete does every rank know that all have saved.
            self._agreement.gather("saved", "")
        answer = SaveAnswer(self._stopping, "saved", state.global_step, args.save_only_model)
        self._reporter.answer(answer)
        self._reporter.enter("ending")
        if self._agreement:
            self._agreement.leave()
        _leave_process_group()
        raise SystemExit(0)

    def _agree(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        model: Any,
        took: float | None,
    ) -> None:
        step = state.global_step
        decision = None if args.process_index else json.dumps(self._decide(took))
        if self._agreement:
            decision = self._agreement.decide(f"step/{step}", decision)
        action, number, steps = json.loads(decision or "")
        self._next = step + steps
        if action == NOTHING:
            return
        if action == STOP:
            self._answered = number
        if full := self._full(args, model, step):
            if action == STOP:
                self._reporter.answer(SaveAnswer(number, "no_room", step, room=full))
            elif self._auto:
                self._auto.put_off(time.monotonic())
            return
        control.should_save = True
        if action == STOP:
            self._stopping = number
            # What was not logged yet belongs to this run; an evaluation may take its time.
            control.should_log, control.should_evaluate = True, False
            self._reporter.answer(SaveAnswer(number, "saving", step, args.save_only_model))

    def _decide(self, took: float | None) -> tuple[str, int, int]:
        """Rank 0's: what happens at the end of this step, for which request, and how many steps
        later all ranks agree again."""
        steps = max(1, min(MOST_STEPS, int(AGREE_EVERY_S / took))) if took else 1
        with contextlib.suppress(OSError, ValueError):
            asked = SaveRequest.from_json(self._request.read_text(encoding="utf-8"))
            if asked.number > self._answered:
                return STOP, asked.number, steps
        if self._auto and self._auto.due(time.monotonic()):
            return SAVE, 0, steps
        return NOTHING, 0, steps

    def _full(self, args: TrainingArguments, model: Any, step: int) -> Room | None:
        """The first disk, by rank, on which the checkpoint does not fit. The same on all ranks."""
        found = None
        if args.should_save and model is not None:
            # Where the disk cannot be asked, the save itself tells what is wrong with it.
            with contextlib.suppress(OSError):
                found = room.look(args.process_index, args, model, _nodes(args))
        mine = json.dumps(found and asdict(found))
        words = self._agreement.gather(f"room/{step}", mine) if self._agreement else [mine]
        rooms = [read(Room, raw) for word in words if (raw := json.loads(word))]
        return next((each for each in rooms if each.free < each.needed), None)


def _nodes(args: TrainingArguments) -> int:
    """LOCAL_SIZE is the number of ranks on this node, whatever the launcher."""
    local = int(os.environ.get("LOCAL_SIZE") or args.world_size)
    return max(1, -(-int(args.world_size) // local))


def _agreement(args: TrainingArguments, training: int) -> Agreement:
    address, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    store = join(address, port, f"dsk/{training}")
    return Agreement(store, args.process_index, args.world_size)


def _leave_process_group() -> None:
    """As LLaMA-Factory does at its own end."""
    import torch.distributed as dist

    with contextlib.suppress(Exception):
        if dist.is_initialized():
            dist.destroy_process_group()
