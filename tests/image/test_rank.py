"""What ranks say of themselves while they train, and that it changes nothing in the training."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from tests.image.engine import Image

pytestmark = pytest.mark.timeout(900)
LIMIT_S = 880
OPTIONS = ("--network=none", "--shm-size=1g")
STEPS, EVAL_STEPS, SAVE_STEPS = 4, 2, 3
PPO_STEPS, PPO_SAVE_STEPS = 3, 2
TRAIN = {
    "deepspeed": "/opt/llamafactory/examples/deepspeed/ds_z2_config.json",
    "gradient_accumulation_steps": 2,
    "max_steps": STEPS,
    "val_size": 0.25,
    "eval_strategy": "steps",
    "eval_steps": EVAL_STEPS,
    "save_steps": SAVE_STEPS,
}
PREDICT = {
    "do_train": False,
    "do_predict": True,
    "predict_with_generate": True,
    "dataset": None,
    "eval_dataset": "identity",
    "max_samples": 3,
    "max_new_tokens": 4,
}
WAYS = ("upstream", "deepspeed", "direct")

Said = list[dict[str, Any]]


def asked(name: str, way: str, recipe: dict[str, Any], ranks: int = 1) -> dict[str, Any]:
    return {"name": name, "way": way, "ranks": ranks, "recipe": recipe}


def phases(said: Said) -> list[str]:
    return [phase for phase, _ in itertools.groupby(each["phase"] for each in said)]


def assert_goes_on(said: Said) -> None:
    """From the first moment on, and never backwards."""
    assert (said[0]["phase"], said[0]["step"]) == ("loading", None)
    ticks = [each["ticks"] for each in said]
    assert ticks == sorted(set(ticks))
    steps = [each["step"] or 0 for each in said]
    assert steps == sorted(steps)


@pytest.fixture(scope="module")
def done(image: Image) -> dict[str, Any]:
    """The same training by each way, with two ranks."""
    questions = [asked(way, way, TRAIN, ranks=2) for way in WAYS]
    answer: dict[str, Any] = image.script("rank.py", questions, options=OPTIONS, limit_s=LIMIT_S)
    for way in WAYS:
        assert answer[way]["exit"] == 0, answer[way]["output"]
    return answer


def test_the_losses_are_bit_equal_with_and_without(done: dict[str, Any]) -> None:
    wanted = done["upstream"]["losses"]
    assert len(wanted) == STEPS
    assert done["deepspeed"]["losses"] == done["direct"]["losses"] == wanted


def test_without_a_job_nothing_is_written(done: dict[str, Any]) -> None:
    assert done["upstream"]["said"] == [[], []]


@pytest.mark.parametrize("way", WAYS[1:])
@pytest.mark.parametrize("rank", [0, 1])
def test_a_rank_says_its_phases_and_steps(done: dict[str, Any], way: str, rank: int) -> None:
    said = done[way]["said"][rank]
    assert_goes_on(said)
    assert phases(said) == [
        *("loading", "tokenizing", "loading", "training", "evaluating", "training"),
        *("saving", "training", "evaluating", "saving", "evaluating", "ending"),
    ]
    last = said[-1]
    assert (last["step"], last["steps"]) == (STEPS, STEPS)
    # The mean over all ranks, which the trainer logs.
    assert last["loss"] == pytest.approx(done[way]["losses"][-1])
    assert last["samples_per_s"] > 0


def test_imports_and_tokenizing_move(done: dict[str, Any]) -> None:
    said = done["direct"]["said"][0]
    loading = [each for each in said if each["phase"] == "loading"]
    assert len(loading) > 5
    before, after = (
        next(each["ticks"] for each in said if each["phase"] == phase)
        for phase in ("tokenizing", "training")
    )
    assert before > 1000 and after > before


@pytest.mark.full
@pytest.mark.needs("jieba")
def test_a_prediction_is_an_evaluation(image: Image) -> None:
    answer = image.script(
        "rank.py", [asked("predict", "direct", PREDICT)], options=OPTIONS, limit_s=LIMIT_S
    )["predict"]
    assert answer["exit"] == 0, answer["output"]
    (said,) = answer["said"]
    assert_goes_on(said)
    assert phases(said) == ["loading", "tokenizing", "loading", "evaluating", "ending"]


@pytest.mark.full
@pytest.mark.parametrize(
    ("stage", "recipe"),
    [
        ("pt", {"dataset": "c4_demo"}),
        ("rm", {"dataset": "dpo_en_demo"}),
        ("dpo", {"dataset": "dpo_en_demo"}),
        ("kto", {"dataset": "kto_en_demo"}),
        ("sft", {"save_strategy": "epoch", "num_train_epochs": 2, "max_steps": -1}),
    ],
)
def test_every_stage_says_its_steps(image: Image, stage: str, recipe: dict[str, Any]) -> None:
    keys = {"stage": stage, "finetuning_type": "lora", "max_steps": 2, "max_samples": 8, **recipe}
    answer = image.script(
        "rank.py", [asked("run", "direct", keys)], options=OPTIONS, limit_s=LIMIT_S
    )["run"]
    assert answer["exit"] == 0, answer["output"]
    (said,) = answer["said"]
    assert_goes_on(said)
    assert phases(said)[:4] == ["loading", "tokenizing", "loading", "training"]
    assert phases(said)[-2:] == ["saving", "ending"]
    assert said[-1]["step"] == said[-1]["steps"] > 0
    assert said[-1]["loss"] is not None


@pytest.mark.full
def test_ppo_saves_in_the_phase_saving(image: Image) -> None:
    lora = {"finetuning_type": "lora", "max_samples": 8, "deepspeed": None}
    reward = {**lora, "stage": "rm", "dataset": "dpo_en_demo", "max_steps": 1}
    ppo = {
        **lora, "stage": "ppo", "reward_model": "/tmp/work/reward", "reward_model_type": "lora",
        "max_steps": PPO_STEPS, "save_steps": PPO_SAVE_STEPS, "max_new_tokens": 4,
    }  # fmt: skip
    questions = [asked("reward", "upstream", reward), asked("ppo", "direct", ppo)]
    answers = image.script("rank.py", questions, options=OPTIONS, limit_s=LIMIT_S)
    if "ppo requires TRL version" in answers["ppo"]["output"]:
        pytest.skip("LLaMA-Factory refuses PPO with this stack's trl")
    for answer in answers.values():
        assert answer["exit"] == 0, answer["output"]
    (said,) = answers["ppo"]["said"]
    assert_goes_on(said)
    assert (said[-1]["step"], said[-1]["steps"]) == (PPO_STEPS, PPO_STEPS)
    assert phases(said) == [
        *("loading", "tokenizing", "loading", "training", "saving", "training", "saving", "ending")
    ]
    (saving,) = {each["step"] for each in said if each["phase"] == "saving"} - {PPO_STEPS}
    assert saving == PPO_SAVE_STEPS


@pytest.mark.full
def test_a_rank_that_fails_leaves_where_it_was(image: Image) -> None:
    keys = {"model_name_or_path": "/tmp/work/no-model", "max_steps": 1}
    answer = image.script(
        "rank.py", [asked("failed", "direct", keys)], options=OPTIONS, limit_s=LIMIT_S
    )["failed"]
    assert answer["exit"] == 1 and "no-model" in answer["output"]
    assert phases(answer["said"][0]) == ["loading"]
