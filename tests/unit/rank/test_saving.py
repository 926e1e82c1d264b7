"""When the callback has the trainer save and end. tests/image has it in real trainings."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dsk.rank import room
from dsk.rank.autosave import FIRST_S
from dsk.rank.reporter import Reporter
from dsk.wire.progress import Progress
from dsk.wire.saving import Room, SaveRequest
from tests.unit.rank.test_agreement import Shared

STEPS = 30


@pytest.fixture
def saving(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    names = ("TrainerCallback", "TrainerControl", "TrainerState", "TrainingArguments")
    stub = SimpleNamespace(**dict.fromkeys(names, object))
    monkeypatch.setitem(sys.modules, "transformers", stub)
    monkeypatch.delitem(sys.modules, "dsk.rank.saving", raising=False)
    module = importlib.import_module("dsk.rank.saving")
    monkeypatch.delitem(sys.modules, "dsk.rank.saving")
    monkeypatch.setattr(module, "_leave_process_group", lambda: None)
    yield module


class Trainer:
    """Calls the callback in transformers' order; `saved` are the steps of its saves."""

    def __init__(self, callback: Any, folder: Path, rank: int = 0, ranks: int = 1) -> None:
        self.callback = callback
        self.args = SimpleNamespace(
            world_size=ranks, process_index=rank, should_save=True, save_only_model=False,
            output_dir=str(folder), save_on_each_node=False,
        )  # fmt: skip
        self.state = SimpleNamespace(global_step=0, max_steps=STEPS)
        self.saved: list[int] = []
        self.evaluated: list[int] = []
        self.ended = False

    def run(
        self,
        before_step: Callable[[int], object] = lambda _: None,
        *,
        evaluate: bool = False,
        begin: bool = True,
    ) -> None:
        args, state, call = self.args, self.state, self.callback
        control = SimpleNamespace(should_training_stop=False)
        call.on_train_begin(args, state, control)
        try:
            while state.global_step < STEPS and not control.should_training_stop:
                before_step(state.global_step + 1)
                control.should_save = control.should_log = False
                control.should_evaluate = evaluate
                if begin:
                    call.on_step_begin(args, state, control)
                state.global_step += 1
                call.on_step_end(args, state, control, model=SimpleNamespace())
                if control.should_evaluate:
                    self.evaluated.append(state.global_step)
                    call.on_evaluate(args, state, control)
                if control.should_save:
                    self.saved.append(state.global_step)
                    call.on_save(args, state, control)
            call.on_epoch_end(args, state, control)
        except SystemExit as ended:
            assert ended.code == 0
            self.ended = True


def roomy(rank: int, *_: Any) -> Room:
    return Room(rank, 100, 10, measured=True)


@pytest.fixture
def trainer(saving: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trainer:
    monkeypatch.setattr(room, "look", roomy)
    made = saving.SaveCallback(Reporter(tmp_path / "0"), tmp_path / "save", auto=False)
    return Trainer(made, tmp_path)


def ask(folder: Path, number: int = 1) -> None:
    (folder / "save").write_text(SaveRequest(number).to_json())


def said(folder: Path, rank: int = 0) -> Progress:
    return Progress.from_json((folder / str(rank)).read_text())


def test_without_a_request_the_training_is_as_it_was(trainer: Trainer, tmp_path: Path) -> None:
    trainer.run(evaluate=True)
    assert (trainer.saved, trainer.ended, len(trainer.evaluated)) == ([], False, STEPS)
    assert said(tmp_path).answer is None


def test_a_request_saves_once_and_ends_before_an_evaluation(
    trainer: Trainer, tmp_path: Path
) -> None:
    trainer.run(lambda step: ask(tmp_path) if step == 1 else None, evaluate=True)
    assert (trainer.saved, trainer.ended, trainer.evaluated) == ([1], True, [])
    found = said(tmp_path)
    assert found.answer and (found.answer.state, found.answer.step) == ("saved", 1)
    assert found.phase == "ending" and found.save_s is not None


def test_a_request_at_the_last_step_changes_nothing(trainer: Trainer, tmp_path: Path) -> None:
    trainer.callback._request = tmp_path / "save"
    trainer.state.global_step = STEPS - 1
    ask(tmp_path)
    trainer.run()
    assert (trainer.saved, trainer.ended) == ([], False)


def test_where_the_disk_is_full_the_training_goes_on_and_can_be_asked_again(
    trainer: Trainer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, saving: Any
) -> None:
    monkeypatch.setattr(saving, "AGREE_EVERY_S", 0.0)
    full = Room(0, 5, 10, measured=True)
    monkeypatch.setattr(room, "look", lambda *_: full)

    def before(step: int) -> None:
        if step == 3:
            ask(tmp_path)
        if step == 6:
            answer = said(tmp_path).answer
            assert answer and (answer.state, answer.step, answer.room) == ("no_room", 3, full)
            monkeypatch.setattr(room, "look", roomy)
        if step == 9:
            ask(tmp_path, 2)

    trainer.run(before)
    assert (trainer.saved, trainer.ended) == ([9], True)


def test_ppo_which_begins_no_steps_is_left_alone(trainer: Trainer, tmp_path: Path) -> None:
    ask(tmp_path)
    trainer.run(begin=False)
    assert (trainer.saved, trainer.ended) == ([], False)


def test_auto_saves_by_time_and_does_not_end(
    saving: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr(saving.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(room, "look", roomy)
    callback = saving.SaveCallback(Reporter(tmp_path / "0"), tmp_path / "save", auto=True)
    made = Trainer(callback, tmp_path)

    def before(_: int) -> None:
        clock[0] += FIRST_S / 5

    made.run(before)
    assert made.saved[0] == 5 and not made.ended
    assert made.saved == sorted(set(made.saved))


def test_every_rank_saves_at_the_same_step(
    saving: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only rank 0 sees the request, and the ranks are never at the same step at the same time."""
    from dsk.rank.agreement import Agreement

    ranks = 3
    store = Shared()
    monkeypatch.setattr(
        saving, "_agreement", lambda args, _: Agreement(store, args.process_index, ranks)
    )
    monkeypatch.setattr(room, "look", roomy)
    trainers = []
    for rank in range(ranks):
        request = tmp_path / ("save" if rank == 0 else "none")
        callback = saving.SaveCallback(Reporter(tmp_path / str(rank)), request, auto=False)
        trainers.append(Trainer(callback, tmp_path, rank, ranks))

    def run(made: Trainer) -> None:
        first = made.args.process_index == 0
        made.run(lambda step: ask(tmp_path) if first and step == 2 else None)

    with ThreadPoolExecutor(ranks) as pool:
        list(pool.map(run, trainers))
    assert [each.ended for each in trainers] == [True] * ranks
    assert len({tuple(each.saved) for each in trainers}) == 1
    states = {
        each.answer.state for each in (said(tmp_path, r) for r in range(ranks)) if each.answer
    }
    assert states == {"saved"}
