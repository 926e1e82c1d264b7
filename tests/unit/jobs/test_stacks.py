"""Which stack an image's name stands for, where nobody can ask the image."""

from __future__ import annotations

import pytest

from dsk.jobs.stacks import shipped_stacks, stack_for


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ("dsk:seed", "seed"),
        ("dsk:cu128", "cu128"),
        ("registry.example:5000/owner/dsk:seed-1.2.3", "seed"),
        ("owner/dsk:cu128-0.1.0@sha256:" + "0" * 64, "cu128"),
    ],
)
def test_an_image_of_dsks_own(image: str, name: str) -> None:
    stack, note = stack_for(image)
    assert (stack.name, note) == (name, None)


@pytest.mark.parametrize(
    "image",
    [
        "dsk",
        "dsk:seedling",
        "mydsk:seed",
        "dsk/seed:1",
        "dsk@sha256:" + "0" * 64,
        "localhost:5000/a",
    ],
)
def test_any_other_image_is_taken_for_the_default_and_that_is_said(image: str) -> None:
    stack, note = stack_for(image)
    assert stack.name == "cu128"
    assert note and image in (said := note.in_language("en")) and "cu128" in said


def test_stacks_differ_in_what_they_start_and_know() -> None:
    assert shipped_stacks() == ["cu128", "seed"]
    cu128, seed = (stack_for(f"dsk:{name}")[0] for name in shipped_stacks())
    assert cu128.train_entry == ("/opt/llamafactory/src/train.py", "train")
    assert seed.train_entry == cu128.train_entry
    assert cu128.keys.keys.keys() != seed.keys.keys.keys()
