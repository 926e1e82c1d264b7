"""DeepSpeed's hostfile."""

from __future__ import annotations

import pytest

from dsk.cluster.hostfile import parse
from dsk.errors import UserError


def test_comments_and_blank_lines() -> None:
    text = "# nodes\n\nworker-1 slots=4  # rack 1\n  10.0.0.12   slots=8\n"
    assert parse(text, "hostfile") == {"worker-1": 4, "10.0.0.12": 8}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a slots=4\nb slots-4\n", ["hostfile:2", "write b slots=4"]),
        ("a slots = 4\n", ["write a slots=4", "no blanks"]),
        ("a slot=4\n", ["write a slots=4"]),
        ("a\n", ["'a' is not", "a slots=4"]),
        ("a slots=4\na slots=2\n", ["hostfile:2", "twice"]),
        ("# nothing\n", ["names no host"]),
    ],
)
def test_mistakes(text: str, said: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        parse(text, "hostfile")
    for part in said:
        assert part in str(caught.value)
