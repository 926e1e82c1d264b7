"""What dsk knows of older images' results, and a known-wrong.yaml with mistakes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dsk.errors import UserError
from dsk.jobs.knownwrong import parse
from dsk.jobs.stacks import keys_of_image, known_wrong, outdated, shipped_stacks

ENTRY = "a:\n  presets: [z0]\n  problem: p\n  fix: f\n  source: https://example.org\n"


def keys(**more: Any) -> str:
    return json.dumps({"keys": {}, "presets": [], "datasets": [], **more})


@pytest.mark.parametrize("stack", shipped_stacks())
def test_an_image_from_before_revisions_is_the_first_one(stack: str) -> None:
    """Its keys name neither stack nor revision: the image's name says the stack."""
    old = keys_of_image(keys(), f"dsk:{stack}", where="")
    assert old.wrong == known_wrong(stack, 1) != ()
    assert outdated({"name": stack}) == tuple(entry.problem for entry in old.wrong)


def test_an_image_under_another_name_says_its_stack_itself() -> None:
    own = keys_of_image(keys(stack="cu128", revision=1), "registry.example/mine:1", where="")
    assert {entry.id for entry in own.wrong} >= {"z0-bf16", "z2-offload-accumulation"}


def test_of_another_stack_nothing_is_known() -> None:
    assert known_wrong("mine", 1) == known_wrong("", 1) == ()
    assert outdated({}) == ()


def test_an_entry_with_its_defaults() -> None:
    [entry] = parse(ENTRY, "x")
    assert (entry.precisions, entry.min_accumulation, entry.before_revision) == ((), 1, None)


@pytest.mark.parametrize(
    ("line", "where"),
    [
        ("  precision: [bf16]\n", "x:6: a.precision"),
        ("  precisions: [tf32]\n", "x:6: a.precisions.0"),
        ("  min_accumulation: 0\n", "x:6: a.min_accumulation"),
    ],
)
def test_mistakes_are_named_with_their_line(line: str, where: str) -> None:
    with pytest.raises(UserError, match=where):
        parse(ENTRY + line, "x")
