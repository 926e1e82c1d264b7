"""Which checkpoint all nodes resume from, and what is copied before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import pytest

from dsk.wire.checkpoints import (
    Choice,
    Copy,
    SavedFile,
    SavedStep,
    choose,
    is_new,
    marks,
)

LOCAL = {0: range(2), 1: range(2, 4)}
"""Two nodes with two ranks and a disk each."""
SHARED = {0: range(4)}
PRESETS = ("z0", "z0 bf16", "z2", "z3", "none")
Step = Mapping[str, SavedFile]


def names(preset: str, step: int, ranks: Sequence[int], *, first: bool) -> list[str]:
    """What the ranks of one place write, in the order of a save; `first`: rank 0 is among them."""
    folder = f"global_step{step}"
    found = ["adapter_model.safetensors"]
    if preset == "none":
        found += ["optimizer.pt", "scheduler.pt"]
    else:
        found.append(f"{folder}/")
    if preset == "z3":
        found += [f"{folder}/zero_pp_rank_{rank}_mp_rank_00_model_states.pt" for rank in ranks]
    elif preset != "none":
        found.append(f"{folder}/mp_rank_00_model_states.pt")
    if preset not in ("none", "z0"):
        prefix = "bf16_" if preset == "z0 bf16" else ""
        shards = [f"{prefix}zero_pp_rank_{rank}_mp_rank_00_optim_states.pt" for rank in ranks]
        found += [f"{folder}/{shard}" for shard in shards]
    if preset != "none" and first:
        found.append("latest")
    if preset != "none":
        found.append("scheduler.pt")
    return [*found, *(f"rng_state_{rank}.pth" for rank in ranks), "trainer_state.json"]


def saved_step(preset: str, step: int, ranks: Sequence[int], **words: bool) -> SavedStep:
    files = (SavedFile(name, 10, step) for name in names(preset, step, ranks, **words))
    return SavedStep(step, tuple(files))


def disks(
    preset: str, places: Mapping[int, Sequence[int]], *steps: int
) -> dict[int, list[SavedStep]]:
    return {
        place: [saved_step(preset, step, ranks, first=place == 0) for step in steps]
        for place, ranks in places.items()
    }


def changed(
    saved: dict[int, list[SavedStep]],
    place: int,
    name: str,
    change: Callable[[SavedFile], SavedFile | None],
) -> dict[int, list[SavedStep]]:
    """Where a file of the newest step is another one, or gone."""
    *older, newest = saved[place]
    files = (change(file) if file.name == name else file for file in newest.files)
    kept = tuple(file for file in files if file)
    return {**saved, place: [*older, replace(newest, files=kept)]}


def gone(_: SavedFile) -> None:
    return None


def cut(file: SavedFile) -> SavedFile:
    return replace(file, sound=False)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("places", [LOCAL, SHARED])
def test_the_newest_complete_step(preset: str, places: Mapping[int, range]) -> None:
    saved = disks(preset, places, 9, 10)
    choice = choose(saved, places)
    assert (choice.step, choice.skipped) == (10, ())
    # DeepSpeed's rank 0 writes `latest` in its own place alone.
    lacks_latest = preset != "none" and places is LOCAL
    assert choice.copies == ((Copy("latest", 0, 1),) if lacks_latest else ())


@pytest.mark.parametrize("change", [gone, cut])
@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("places", [LOCAL, SHARED])
def test_a_file_that_ranks_need_is_missing_or_cut_off(
    preset: str, places: Mapping[int, range], change: Callable[[SavedFile], SavedFile | None]
) -> None:
    saved = disks(preset, places, 4, 6)
    last = max(places)
    for name in names(preset, 6, places[last], first=last == 0):
        shared_by_all = name in ("trainer_state.json", "scheduler.pt", "latest")
        weights_only = name == "adapter_model.safetensors" and preset != "none"
        if (
            name.endswith("/")
            or weights_only
            or (shared_by_all and preset != "none" and places is LOCAL)
        ):
            continue
        choice = choose(changed(saved, last, name, change), places)
        if name == "scheduler.pt" and change is gone and places is SHARED:
            continue  # a job may have none
        assert choice.step == 4, name
        (skipped,) = choice.skipped
        assert (skipped.step, skipped.place) == (6, last)
        why = skipped.why.in_language("en")
        assert (name in why) or (name.startswith("adapter") and "weights" in why)


@pytest.mark.parametrize("change", [gone, cut])
@pytest.mark.parametrize("name", ["latest", "trainer_state.json", "scheduler.pt"])
@pytest.mark.parametrize("preset", ["z0", "z2", "z3"])
def test_small_files_are_copied_to_the_nodes_that_lack_them(
    preset: str, name: str, change: Callable[[SavedFile], SavedFile | None]
) -> None:
    saved = changed(disks(preset, LOCAL, 4, 6), 1, name, change)
    choice = choose(saved, LOCAL)
    assert choice.step == 6
    assert Copy(name, 0, 1) in choice.copies
    if name != "scheduler.pt" or change is cut:  # a job may have no scheduler
        assert choose(changed(saved, 0, name, change), LOCAL).step == 4, "nobody has it"


def test_a_step_that_one_node_lacks_is_not_chosen() -> None:
    saved = disks("z2", LOCAL, 4, 6)
    saved[1].pop()
    assert choose(saved, LOCAL).step == 4
    assert choose({0: saved[0], 1: []}, LOCAL) == Choice(
        skipped=choose({0: saved[0], 1: []}, LOCAL).skipped
    )
    assert [each.step for each in choose({0: saved[0], 1: []}, LOCAL).skipped] == [6, 4]
    assert choose({0: [], 1: []}, LOCAL) == Choice()


def test_shards_of_another_number_of_ranks() -> None:
    saved = disks("z2", {0: range(4), 1: range(4, 8)}, 6)
    choice = choose({0: saved[0]}, {0: range(4)})
    assert choice.step == 6, "by these files alone nothing is wrong"
    choice = choose({0: [SavedStep(6, (*saved[0][0].files, *saved[1][0].files))]}, SHARED)
    assert choice.step is None
    assert "saved by 8 ranks, and this job has 4" in choice.skipped[0].why.in_language("en")


def test_weights_in_several_files() -> None:
    saved = disks("none", {0: range(1)}, 4, 6)
    rng = SavedFile("rng_state.pth", 1, 1)
    index = SavedFile("model.safetensors.index.json", 1, 1)
    saved[0] = [replace(each, files=(*each.files, rng, index)) for each in saved[0]]
    assert choose(saved, {0: range(1)}).step == 6
    broken = changed(saved, 0, index.name, cut)
    assert choose(broken, {0: range(1)}).step == 4


def test_a_checkpoint_of_fsdp_is_taken_as_it_is() -> None:
    files = ("pytorch_model_fsdp_0/", "optimizer_0/", "scheduler.pt", "trainer_state.json")
    random = tuple(f"rng_state_{rank}.pth" for rank in range(4))
    step = SavedStep(6, tuple(SavedFile(name, 1, 1) for name in (*files, *random)))
    assert choose({0: [step]}, SHARED).step == 6


def test_only_steps_that_are_allowed() -> None:
    choice = choose(disks("z2", LOCAL, 4, 6), LOCAL, lambda step: step < 6)
    assert (choice.step, choice.skipped) == (4, ())


def test_a_step_is_new_if_every_place_has_saved_it_again() -> None:
    before = marks(disks("z2", LOCAL, 4, 6))
    assert not is_new(6, before, before)
    assert is_new(8, marks(disks("z2", LOCAL, 8)), before)
    again = disks("z2", LOCAL, 4, 6)
    touch = lambda file: replace(file, changed_ns=99)  # noqa: E731
    one = changed(again, 0, "trainer_state.json", touch)
    assert not is_new(6, marks(one), before), "node 1 may have files of the first save"
    both = changed(one, 1, "trainer_state.json", touch)
    assert is_new(6, marks(both), before)
    without = changed(one, 1, "trainer_state.json", gone)
    assert is_new(6, marks(without), before)
    assert not is_new(6, marks(changed(without, 0, "trainer_state.json", gone)), before)
