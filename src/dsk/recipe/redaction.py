"""Which values must never be shown, and what is shown instead."""

from __future__ import annotations

import re

HIDDEN = "***"

_SECRET_KEY = re.compile(r"(?:^|_)(?:token|api_key|secret|password|webhook_url)$", re.IGNORECASE)


def is_secret(key: str) -> bool:
    """Whether a value under this key is a credential (`hub_token` is, `max_new_tokens` is not)."""
    return _SECRET_KEY.search(key) is not None


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
    return value


def redact_override(word: str) -> str:
    """A `key=value` word as it may be printed."""
    key, equals, _ = word.partition("=")
    last_part = re.split(r"[.\[]", key.rstrip("]"))[-1]
    return f"{key}={HIDDEN}" if equals and is_secret(last_part) else word
