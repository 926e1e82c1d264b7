"""JSON as RFC 8259 has it, for other programs: where a training diverges, its loss is not a number.

Figures that JSON does not have are the strings "NaN", "Infinity" and "-Infinity", as in Protocol
Buffers' JSON.
"""

from __future__ import annotations

import json
import math
from typing import Any

FIGURES = ("loss", "samples_per_s", "seconds_left")
"""The keys whose values come from a training's arithmetic."""
_READ = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def dumps(value: Any, *, indent: int | None = None, compact: bool = False) -> str:
    """`compact`: without blanks. What fills a text may be anything: then it is a string."""
    encoder = json.JSONEncoder(
        ensure_ascii=False,
        indent=indent,
        allow_nan=False,
        default=str,
        separators=(",", ":") if compact else None,
    )
    try:
        text = encoder.encode(value)
    except ValueError:
        text = encoder.encode(_spelled(value))
    # A lone surrogate, as in the name of a file that is no UTF-8, becomes JSON's own escape.
    return text.encode(errors="backslashreplace").decode()


def loads(text: str) -> Any:
    """The inverse, for FIGURES. Raises ValueError where the text is no JSON."""
    return json.loads(text, object_hook=_read)


def _spelled(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {key: _spelled(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_spelled(each) for each in value]
    return value


def _read(raw: dict[str, Any]) -> dict[str, Any]:
    for name in FIGURES:
        if isinstance(found := raw.get(name), str):
            raw[name] = _READ.get(found, found)
    return raw
