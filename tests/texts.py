"""Texts in tests."""

from __future__ import annotations

from dsk.text import Text


def en(text: Text | None) -> str:
    """In English; "" for none."""
    return text.in_language("en") if text else ""
