"""Which values of a recipe must never be shown, and what is shown instead."""

from __future__ import annotations

import re

from dsk.cluster.secretnames import HIDDEN, is_secret, without_logins


def redact(key: str, value: object) -> object:
    """The value as it may be printed, at any depth."""
    if value is None:
        return None
    if is_secret(key):
        return HIDDEN
    if isinstance(value, dict):
        return {name: redact(str(name), inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [redact("", inner) for inner in value]
    return without_logins(value) if isinstance(value, str) else value


def redact_override(word: str) -> str:
    """A `key=value` word as it may be printed."""
    key, equals, value = word.partition("=")
    last_part = re.split(r"[.\[]", key.rstrip("]"))[-1]
    return f"{key}={HIDDEN if is_secret(last_part) else without_logins(value)}" if equals else word
