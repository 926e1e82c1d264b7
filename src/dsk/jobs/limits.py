"""`--limit PHASE=TIME`: how long a job may be in a phase without any progress; and
`--max-restarts`."""

from __future__ import annotations

import re
from collections.abc import Sequence

from dsk.cluster import values
from dsk.errors import UserError
from dsk.text import Text
from dsk.wire.progress import PHASES

OFF = "off"
MAX_RESTARTS = "--max-restarts"
SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600}
_TIME = re.compile(r"(\d+(?:\.\d+)?)([smh]?)")


def parse_limits(words: Sequence[str]) -> dict[str, float | None]:
    """Seconds by phase, None for `off`; the last word on a phase counts. Raises UserError."""
    found: dict[str, float | None] = {}
    for word in words:
        phase, equals, text = word.partition("=")
        if not equals or phase not in PHASES:
            raise UserError(
                Text("--limit {word}: not a phase and its limit").filled(word=word),
                fix=Text("write PHASE=TIME, as in training=120; the phases are {phases}").filled(
                    phases=", ".join(PHASES)
                ),
            )
        time = _TIME.fullmatch(text)
        if text != OFF and (not time or float(time[1]) == 0):
            raise UserError(
                Text("--limit {word}: {text!r} is not a time").filled(word=word, text=text),
                fix=Text("write seconds, or 90s, 30m, 2h, or off for no limit"),
            )
        found[phase] = float(time[1]) * SECONDS[time[2]] if time else None
    return found


def parse_restarts(word: str) -> int | None:
    """As in dsk.yaml; None for auto. Raises UserError."""
    try:
        return values.restarts_meant(values.restarts(word))
    except ValueError as error:
        raise UserError(Text("{said}").filled(said=error.args[0]), where=MAX_RESTARTS) from None
