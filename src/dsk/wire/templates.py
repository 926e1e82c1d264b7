"""Texts in JSON: in English under their own keys, for people and for older readers, and under
`templates` what they were filled from, which the operator's side translates."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict, fields
from functools import cache
from typing import Any

from dsk.text import Text, verbatim

KEY = "templates"


@cache
def names(kind: Any) -> tuple[str, ...]:
    """The fields of a dataclass that are texts."""
    return tuple(each.name for each in fields(kind) if each.type in ("Text", "Text | None"))


def flat(message: Any, *, templates: bool = True) -> dict[str, Any]:
    """A dataclass as JSON has it; without `templates` in English alone, as for --json."""
    raw = asdict(message)
    found = names(type(message))  # type: ignore[arg-type]
    texts = {name: raw[name] for name in found if raw[name] is not None}
    for name in texts:
        raw[name] = getattr(message, name).in_language("en")
    return {**raw, KEY: texts} if texts and templates else raw


def restored(kind: type[Any], raw: dict[str, Any]) -> dict[str, Any]:
    """The reverse: `raw` with its texts. A sentence without a template, or with one that does not
    make that sentence, is the same in every language: another version of dsk has written it.
    Raises ValueError where a sentence is none."""
    texts = names(kind)  # type: ignore[arg-type]
    if not texts:
        return raw
    sent = raw.get(KEY)
    found = {}
    for name in texts:
        if raw.get(name) is not None:
            text = read_text(raw[name], name)
            template = sent.get(name) if isinstance(sent, dict) else None
            found[name] = _filled(template, text)
    return {**raw, **found}


def _filled(template: Any, said: Text) -> Text:
    with suppress(ValueError):
        text = read_text(template, KEY)
        if text.in_language("en") == said.in_language("en"):
            return text
    return said


def read_text(raw: Any, where: str) -> Text:
    """Of a sentence, or of a Text as `asdict` has it. Raises ValueError, which names `where`."""
    if isinstance(raw, Text):
        return raw
    if isinstance(raw, str):
        return verbatim(raw)
    try:
        return Text.from_raw(raw)
    except (LookupError, TypeError, AttributeError):
        raise ValueError(f"{where} is {str(raw)[:40]!r}, not a sentence") from None
