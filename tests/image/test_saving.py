"""Ranks that are asked to save and to end, and the training that resumes from what they saved."""

from __future__ import annotations

from typing import Any

import pytest

from tests.image.engine import Image

pytestmark = pytest.mark.timeout(900)
LIMIT_S = 880
OPTIONS = ("--network=none", "--shm-size=1g")
STEPS = 40
TOLERANCE = 1e-3
DEEPSPEED = {
    "none": None,
    **{
        preset: f"/opt/llamafactory/examples/deepspeed/ds_{preset}_config.json"
        for preset in ("z0", "z2", "z3")
    },
}
KINDS = {"full": {"finetuning_type": "full"}, "lora": {"finetuning_type": "lora"}}
QUICK = ("z2", "lora")


def asked(preset: str, kind: str, **recipe: Any) -> dict[str, Any]:
    keys = {**KINDS[kind], "deepspeed": DEEPSPEED[preset], **recipe}
    return {"name": f"{preset}-{kind}", "recipe": keys}


@pytest.mark.parametrize(
    ("preset", "kind"),
    [
        pytest.param(preset, kind, marks=() if (preset, kind) == QUICK else pytest.mark.full)
        for preset in DEEPSPEED
        for kind in KINDS
    ],
)
def test_a_training_goes_on_from_what_was_saved_on_request(
    image: Image, preset: str, kind: str
) -> None:
    question = asked(preset, kind)
    answers = image.script("saving.py", [question], options=OPTIONS, limit_s=LIMIT_S)
    done = answers[question["name"]]
    assert done["complete"]["exit"] == [0, 0], done["complete"]["output"]
    assert done["first"]["exit"] == [0, 0], done["first"]["output"]
    for last in done["first"]["last"]:
        answer = last["answer"]
        assert (answer["number"], answer["state"], last["phase"]) == (1, "saved", "ending")
    step = answer["step"]
    assert 3 <= step < STEPS
    complete(done["files"], step, preset)
    # Nothing that looks like the result of a training that is done.
    assert not [file for file in done["files"] if file.endswith(".safetensors") and "/" not in file]
    assert done["again"]["exit"] == [0, 0], done["again"]["output"]
    wanted, first = done["complete"]["losses"], done["first"]["losses"]
    assert list(first) == [str(each) for each in range(1, step + 1)]
    after = {each: loss for each, loss in done["again"]["losses"].items() if int(each) > step}
    assert list(after) == [str(each) for each in range(step + 1, STEPS + 1)]
    for each, loss in {**first, **after}.items():
        assert loss == pytest.approx(wanted[each], abs=TOLERANCE), each


@pytest.mark.full
def test_a_request_while_all_ranks_evaluate(image: Image) -> None:
    recipe = {"val_size": 0.5, "eval_strategy": "steps", "eval_steps": 1}
    question = asked("z2", "lora", per_device_eval_batch_size=1, **recipe)
    done = image.script("saving.py", [question], options=OPTIONS, limit_s=LIMIT_S)["z2-lora"]
    assert done["first"]["exit"] == [0, 0], done["first"]["output"]
    (first, second) = (each["answer"] for each in done["first"]["last"])
    assert first == second and first["state"] == "saved"
    complete(done["files"], first["step"], "z2")


@pytest.mark.full
def test_without_room_nothing_is_saved_and_the_training_goes_on(image: Image) -> None:
    """The disk has room for the model at the end, and not for a checkpoint with its optimizer."""
    question = {**asked("z2", "full"), "at": "/small"}
    options = (*OPTIONS, "--tmpfs=/small:size=3m")
    done = image.script("saving.py", [question], options=options, limit_s=LIMIT_S)["z2-full"]
    assert done["first"]["exit"] == [0, 0], done["first"]["output"]
    assert not [file for file in done["files"] if "checkpoint-" in file]
    answer = done["first"]["last"][0]["answer"]
    assert answer["state"] == "no_room" and not answer["room"]["measured"]
    assert answer["room"]["free"] < answer["room"]["needed"] < 6e6
    assert done["first"]["losses"] == done["complete"]["losses"]


@pytest.mark.full
def test_save_auto_saves_and_goes_on_without_changing_the_losses(image: Image) -> None:
    question = {**asked("z2", "lora"), "auto": True}
    done = image.script("saving.py", [question], options=OPTIONS, limit_s=LIMIT_S)["z2-lora"]
    assert done["first"]["exit"] == [0, 0], done["first"]["output"]
    assert done["first"]["losses"] == done["complete"]["losses"]
    (step,) = {
        int(file.split("/")[0].removeprefix("checkpoint-"))
        for file in done["files"]
        if file.startswith("checkpoint-")
    }
    assert 0 < step < STEPS
    complete(done["files"], step, "z2")
    assert done["first"]["last"][0]["save_s"] > 0


def complete(files: list[str], step: int, preset: str) -> None:
    """Every rank's part of the one checkpoint is there."""
    saved = [file.removeprefix(f"checkpoint-{step}/") for file in files if "checkpoint-" in file]
    assert {"trainer_state.json", "rng_state_0.pth", "rng_state_1.pth", "scheduler.pt"} <= {*saved}
    if preset == "none":
        assert "optimizer.pt" in saved
        return
    assert "latest" in saved
    if preset != "z0":
        parts = [file for file in saved if "optim_states" in file]
        assert sorted(part.split("_rank_")[1][0] for part in parts) == ["0", "1"], saved
