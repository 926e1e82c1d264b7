from __future__ import annotations

import pytest

from dsk.cluster.durations import parse_option, seconds
from dsk.errors import UserError


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("7h50m", 28200), ("90m", 5400), ("45s", 45), ("1d12h", 129600), (" 1h1s ", 3601)],
)
def test_times(text: str, wanted: float) -> None:
    assert seconds(text) == wanted


@pytest.mark.parametrize("text", ["", "0s", "7h 50m", "50m7h", "90", "1.5h", "-5m", "7:50", "h"])
def test_what_is_none(text: str) -> None:
    with pytest.raises(ValueError):
        seconds(text)
    with pytest.raises(UserError) as error:
        parse_option("--time-limit", text)
    assert "--time-limit" in error.value.message and "7h50m" in str(error.value.fix)
