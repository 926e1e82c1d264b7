"""What differs between two recipes, or two sets of versions, key by key."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Difference:
    """Values as they are shown; None: not set."""

    key: str
    one: str | None
    other: str | None


def differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> tuple[Difference, ...]:
    """Of nested mappings by `outer.inner`."""
    ones, others = dict(_flat(one)), dict(_flat(other))
    return tuple(
        Difference(key, ones.get(key), others.get(key))
        for key in sorted({*ones, *others})
        if ones.get(key) != others.get(key)
    )


def _flat(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", shown(value)


def shown(value: Any) -> str:
    """A value as it is written in YAML's one-line form."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
