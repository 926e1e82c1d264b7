"""DeepSpeed's hostfile."""

from __future__ import annotations

import pytest

from dsk.cluster.hostfile import parse
from dsk.errors import UserError


def test_comments_and_blank_lines() -> None:
    text = "# nodes\n\nworker-1 slots=4  # rack 1\n  10.0.0.12   slots=8\n"
    assert parse(text, "hostfile") == {"worker-1": 4, "10.0.0.12": 8}


@pytest.mark.parametrize("line", ["a slots=4 max-slots=8", "a\tslots=4", "a slots=4 # rack 1\r"])
def test_what_deepspeed_or_open_mpi_takes(line: str) -> None:
    assert parse(f"{line}\n", "hostfile") == {"a": 4}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a slots=4\nb slots-4\n", ["hostfile:2", "write b slots=4"]),
        ("a slots = 4\n", ["write a slots=4", "no spaces"]),
        ("a slot=4\n", ["write a slots=4"]),
        ("a\n", ["'a' is not", "a slots=4"]),
        ("a slots=4\na slots=2\n", ["hostfile:2", "twice"]),
        ("# nothing\n", ["names no host"]),
        ("\ufeffa:4\n", ["invisible"]),
        ("a:4\n", ["write a slots=4"]),
        ("a:22 slots=4\n", ["hostfile:1", "contains a port", "write a slots=4", "--port 22"]),
        ("a:2222\n", ["write a slots=N"]),
        ("root@a slots=4\n", ["contains a login", "write a slots=4", "--user root"]),
        ("fe80::1 slots=4\n", ["IPv6"]),
        ("a slots=0\n", ["a has no slots", "hostfile:1"]),
        ("a slots=4 extra\n", ["write a slots=4"]),
        ("a\u3000slots＝4\n", ["full-width", "write a slots=4"]),
        ("a\u200b slots=4\n", ["hostfile:1", "U+200B"]),
    ],
)
def test_mistakes(text: str, said: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        parse(text, "hostfile")
    for part in said:
        assert part in str(caught.value)
