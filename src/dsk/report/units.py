"""Numbers for people."""

from __future__ import annotations

import math
from datetime import datetime

from dsk.text import Text

MINUTE, HOUR, DAY = 60, 3600, 86400
_BYTES = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


def duration(seconds: float) -> Text:
    """In the two largest units: `42 s`, `3 min 20 s`, `2 h 5 min`, `1 d 4 h`."""
    full = round(seconds)
    if full < MINUTE:
        return Text("{seconds} s").filled(seconds=full)
    if full < HOUR:
        return Text("{minutes} min {seconds} s").filled(
            minutes=full // MINUTE, seconds=full % MINUTE
        )
    if full < DAY:
        return Text("{hours} h {minutes} min").filled(
            hours=full // HOUR, minutes=full % HOUR // MINUTE
        )
    return Text("{days} d {hours} h").filled(days=full // DAY, hours=full % DAY // HOUR)


def clock(seconds: float) -> str:
    """Since the start, all of the same form in one table: `0:00:42`, `27:05:00`."""
    full = max(0, round(seconds))
    return f"{full // HOUR}:{full % HOUR // MINUTE:02d}:{full % MINUTE:02d}"


def short_clock(seconds: float, most: float) -> str:
    """On an axis up to `most` seconds: without hours where there are none."""
    return clock(seconds) if most >= HOUR else clock(seconds).split(":", 1)[1]


def moment(at: float) -> str:
    """In this machine's time zone, with its offset."""
    try:
        return datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M:%S %z")
    except (OverflowError, ValueError, OSError):
        return "?"


def size(number: float) -> str:
    """Bytes: `1.25 GB`."""
    for unit, name in _BYTES:
        if number >= unit:
            return f"{figure(number / unit, 3)} {name}"
    return f"{number:.0f} B"


def figure(value: float, digits: int = 4) -> str:
    """With so many significant digits, without an exponent where a person reads it more easily."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "∞" if value > 0 else "-∞"
    if value == 0:
        return "0"
    power = math.floor(math.log10(abs(value)))
    if -4 <= power < 7:
        return f"{value:,.{max(0, digits - 1 - power)}f}"
    return f"{value:.{digits - 1}e}"
