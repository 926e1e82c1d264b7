"""What a proposal says that it changes."""

from __future__ import annotations

from dataclasses import replace

from dsk.tune.points import Setting, Variant
from dsk.tune.proposals import effects, total_samples, total_steps

Z2 = Variant("z2", checkpointing=True)
OWN = Setting(Z2, 1, 2)


def said(setting: Setting, **values: object) -> str:
    found = effects(setting, OWN, values, world_size=4, samples=1000)
    return "\n".join(each.in_language("en") for each in found)


def test_nothing() -> None:
    text = said(Setting(replace(Z2, preset="none", liger=True, workers=4), 2, 1))
    assert text.startswith("the optimisation stays the same: 8 samples per optimizer step")
    assert "\n" not in text


def test_another_global_batch() -> None:
    text = said(Setting(Z2, 16, 1), num_train_epochs=3.0, learning_rate=1e-4, warmup_steps=20)
    assert "from 8 to 64 samples per optimizer step" in text
    assert "47 optimizer steps instead of 375" in text
    assert "learning_rate 0.0001 was chosen for the old batch: for a larger one" in text
    assert "(0.00028) or in proportion (0.0008)" in text
    assert "warmup_steps count optimizer steps: each is now 8 times as many samples" in text


def test_a_smaller_global_batch() -> None:
    own = Setting(Z2, 8, 2)
    found = effects(Setting(Z2, 4, 1), own, {"learning_rate": 1e-4}, world_size=1, samples=10)
    text = found[2].in_language("en")
    assert "for a smaller one people lower it, to 5e-05 or 2.5e-05" in text


def test_max_steps() -> None:
    text = said(Setting(Z2, 8, 1), max_steps=100)
    assert "max_steps: 100 now trains on 4 times as many samples" in text
    assert "max_steps: 25 trains on as many as before" in text


def test_packing() -> None:
    text = said(Setting(replace(Z2, packing=True), 1, 2))
    assert text.startswith("packing joins short samples")


def test_shares_of_all_steps_are_not_counted() -> None:
    assert "count optimizer steps" not in said(Setting(Z2, 16, 1), save_steps=0.1)


def test_length_of_the_training() -> None:
    assert total_samples({}, 8, 1000) == 3000
    assert total_samples({"max_steps": 10}, 8, 1000) == 80
    assert total_steps({"num_train_epochs": 1}, 8, 1001) == 126
