"""`--limit`, as users write it."""

from __future__ import annotations

import pytest

from dsk.errors import UserError
from dsk.jobs.limits import parse_limits


def test_seconds_units_and_none() -> None:
    words = ["training=120", "saving=1.5m", "loading=2h", "evaluating=off", "training=90s"]
    assert parse_limits(words) == {
        "training": 90,
        "saving": 90,
        "loading": 7200,
        "evaluating": None,
    }
    assert parse_limits([]) == {}


@pytest.mark.parametrize(
    "word", ["training", "120", "train=3", "training=", "training=0", "training=1d", "saving=-3"]
)
def test_what_is_none_is_named_with_what_to_write(word: str) -> None:
    with pytest.raises(UserError, match=f"--limit {word}") as raised:
        parse_limits([word])
    assert raised.value.fix is not None
    assert "training" in raised.value.fix or "30m" in raised.value.fix
