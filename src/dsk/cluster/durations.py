"""How long: 7h50m, 90m, 45s, 1d12h. Pure."""

from __future__ import annotations

import re

from dsk.errors import UserError
from dsk.text import Text

_UNITS = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))
_DURATION = re.compile("".join(rf"(?:(\d{{1,6}}){unit})?" for unit, _ in _UNITS))
FIX = Text("write days, hours, minutes and seconds in this order: 7h50m, 90m, 45s, 1d12h")


def seconds(text: str) -> float:
    """Raises ValueError with a Text where that is no duration, or none at all."""
    found = _DURATION.fullmatch(text.strip())
    total = sum(
        int(number) * each
        for number, (_, each) in zip(found.groups() if found else (), _UNITS, strict=False)
        if number
    )
    if not total:
        raise ValueError(Text("{text!r} is not a time; {fix}").filled(text=text, fix=FIX))
    return float(total)


def parse_option(option: str, text: str) -> float:
    """What `option` of a command says. Raises UserError."""
    try:
        return seconds(text)
    except ValueError:
        raise UserError(
            Text("{option} {text}: not a time").filled(option=option, text=text), fix=FIX
        ) from None
