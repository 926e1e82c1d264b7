"""Dataclasses of several kinds as JSON objects, one a line, that name their kind."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from dsk.wire import strictjson
from dsk.wire.reading import known


class Tagged:
    """`key` holds the kind: the class's name in lower case. Lists are read back as tuples, and keys
    that another version of dsk added are ignored.
    `what` names such a line in errors."""

    def __init__(self, key: str, what: str, *kinds: type[Any]) -> None:
        self._key = key
        self._what = what
        self.kinds = {kind.__name__.lower(): kind for kind in kinds}

    def encode(self, message: Any) -> str:
        kind = type(message).__name__.lower()
        return strictjson.dumps({self._key: kind, **asdict(message)})

    def decode(self, line: str) -> Any:
        """Raises ValueError where the line is none of these kinds."""
        try:
            raw = strictjson.loads(line)
            kind = self.kinds[raw.pop(self._key)]
            fields = {
                name: tuple(value) if isinstance(value, list) else value
                for name, value in known(kind, raw).items()
            }
            return kind(**fields)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(f"not {self._what}: {line[:200]!r}") from error
