from __future__ import annotations

import pytest

from dsk.diagnose.pattern import Pattern


@pytest.mark.parametrize(
    ("text", "fixed"),
    [
        ("No space left on device", "No space left on device"),
        (r"Tried to allocate (?P<a>[\d.]+ \w+)\.", "Tried to allocate "),
        (r"\[Errno 98\] Address already", "[Errno 98] Address already"),
        (r"colou?red letters", "red letters"),
        (r"exit code\d{1,3}: wrong", "exit code"),
        (r"messages* [Tt]runcated", "runcated"),
        (r"ends with return code = -9\s*$", "ends with return code = -9"),
    ],
)
def test_the_fixed_text_stands_in_every_match(text: str, fixed: str) -> None:
    assert Pattern.read(text).fixed == fixed


@pytest.mark.parametrize("text", [r"\d+ (error|failure)s?", "this thing|that thing", "[abcdefgh]+"])
def test_a_pattern_that_would_match_anything_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no fixed text"):
        Pattern.read(text)
