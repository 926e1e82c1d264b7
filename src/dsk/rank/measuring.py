"""Times a few steps of the trainer, notes the memory, and ends the rank.

Read in transformers 5.5.4 and 4.52, trainer.py: on_substep_end comes after each micro-batch but the
last of an optimizer step, on_step_end after the optimizer's step.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from dsk.rank import timing
from dsk.rank.hostmemory import HostMemory
from dsk.rank.reporter import Reporter
from dsk.rank.samples import Fed
from dsk.rank.timing import Step
from dsk.wire.tuning import WARM_UP, Memory, Tuned

HOST_WORDS = ("can't allocate memory", "Cannot allocate memory")
"""What PyTorch's allocator on the CPU and the kernel say."""


class Measurement:
    """Of one rank: `callback` is for the trainer; what runs inside `contained` prints the result
    where memory ran out."""

    def __init__(self, rank: int, reporter: Reporter, fed: Fed, limit_s: float) -> None:
        self._rank = rank
        self._fed = fed
        self._host = HostMemory()
        self.callback = _Timer(reporter, limit_s, self._print)

    def contained(self, train: Callable[[], None]) -> None:
        """Raises what `train` raises, after the result is printed."""
        # Known also where the kernel kills the rank.
        self._say(Tuned(self._rank, memory=(self._host.now(),)))
        try:
            train()
        except Exception as error:
            if kind := _ran_out_of(error):
                first = str(error).partition("\n")[0]
                self._say(Tuned(self._rank, memory=self._memory(), ran_out=kind, why=first))
            raise

    def _print(self, steps: list[Step]) -> None:
        found = timing.timing(steps)
        self._say(
            Tuned(
                self._rank,
                len(steps),
                found.batch_s,
                found.step_s,
                found.noise,
                self._fed.samples,
                self._fed.tokens,
                self._fed.longest,
                self._fed.per_row,
                self._memory(),
            )
        )

    def _memory(self) -> tuple[Memory, ...]:
        host = self._host.stop()
        if not torch.cuda.is_available() or not torch.cuda.is_initialized():
            return (host,)
        free, _ = torch.cuda.mem_get_info()
        # What the allocator could have: not what contexts and other processes hold.
        limit = free + torch.cuda.memory_reserved()
        peak, reserved = torch.cuda.max_memory_allocated(), torch.cuda.max_memory_reserved()
        return (Memory("cuda", peak, limit, reserved), host)

    def _say(self, result: Tuned) -> None:
        # A line of its own, whatever a progress bar has begun.
        print("\n" + result.to_line(), flush=True)


class _Timer(TrainerCallback):  # type: ignore[misc]  # transformers is in the image only
    """Must come after the callback that says what follows on the training."""

    def __init__(
        self, reporter: Reporter, limit_s: float, done: Callable[[list[Step]], None]
    ) -> None:
        self._reporter = reporter
        self._limit_s = limit_s
        self._done = done
        self._steps: list[Step] = []
        self._batches: list[float] = []
        self._at = 0.0

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        self._at = time.monotonic()

    def on_substep_end(self, *_: Any, **__: Any) -> None:
        self._end_batch()

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        self._end_batch()
        batches, self._batches = tuple(self._batches), []
        if state.global_step > WARM_UP:
            self._steps.append(Step(batches))
            if _agreed(timing.enough(self._steps, self._limit_s), args):
                control.should_training_stop = True
        # What was asked of the other ranks belongs to no step.
        self._at = time.monotonic()

    def on_train_end(self, *_: Any, **__: Any) -> None:
        self._reporter.enter("ending")
        if self._steps:
            self._done(self._steps)
        # LLaMA-Factory would now save the model.
        raise SystemExit(0)

    def _end_batch(self) -> None:
        if torch.cuda.is_available() and torch.cuda.is_initialized():
            torch.cuda.synchronize()
        now = time.monotonic()
        self._batches.append(now - self._at)
        self._at = now


def _agreed(mine: bool, args: TrainingArguments) -> bool:
    """The first rank's answer: all must stop at the same step."""
    if args.world_size < 2:
        return mine
    answer = torch.tensor([int(mine)], device=args.device)
    torch.distributed.broadcast(answer, 0)
    return bool(answer.item())


def _ran_out_of(error: BaseException) -> str:
    """The kind of memory that the error says is used up; "" where it says something else."""
    if isinstance(error, torch.cuda.OutOfMemoryError) or "CUDA out of memory" in str(error):
        return "cuda"
    host = isinstance(error, MemoryError) or any(words in str(error) for words in HOST_WORDS)
    return "host" if host else ""
