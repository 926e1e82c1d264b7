"""Failures made for real in the image, and what the catalogue says of their whole output."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from dsk.diagnose import Judge, load
from tests.image import provocations
from tests.image.engine import Image

# Quick ones of each kind: a tool, a launcher, a rank alone, ranks of a training.
QUICK = {"ssh-timeout", "hostfile-broken", "gloo-interface", "rank-raises"}
EXPECTED = {
    example.origin.removeprefix("provoked: "): entry
    for entry in load()
    for example in entry.examples
}
CASES = [
    pytest.param(name, marks=() if name in QUICK else pytest.mark.full)
    for name in provocations.names()
]
DEFAULT = "cu128"
UNKNOWN = "RuntimeError: the moon is in the wrong phase"


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("made")


@pytest.mark.timeout(700)
@pytest.mark.parametrize("name", CASES)
def test_a_failure_that_was_provoked_is_named(
    name: str, image: Image, stack: dict[str, Any], made: Path
) -> None:
    if stack["name"] != DEFAULT:
        pytest.skip(f"the examples are what stack {DEFAULT} prints")
    log = provocations.run(name, image.reference, made)
    found = Judge(load()).read(io.BytesIO(log.encode()))
    if name == "rank-raises":
        assert found.id is None and found.crash, log
        assert found.crash.lines[-1] == UNKNOWN
        return
    entry = EXPECTED[name]
    if entry.kind == "cause":
        assert found.id == entry.id, log
        return
    # What is no cause may stand beside one.
    found = Judge([entry]).read(io.BytesIO(log.encode()))
    seen = (found.first, *found.others, *found.second_hand)
    assert entry.id in {each.entry.id for each in seen if each}, log
