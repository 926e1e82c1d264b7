"""Dataclasses of several kinds as JSON objects, one a line, that name their kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dsk.wire import strictjson, templates
from dsk.wire.reading import known


class UnknownKind(ValueError):
    """The line is of a kind that only another version of dsk has."""


class Tagged:
    """`key` holds the kind: the class's name in lower case. Lists are read back as tuples, and keys
    that another version of dsk added are ignored. Texts are in English, with their templates.
    `what` names such a line in errors. `older`: values of keys that lines of older versions lack,
    by kind."""

    def __init__(
        self,
        key: str,
        what: str,
        *kinds: type[Any],
        older: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        self._key = key
        self._what = what
        self._older = older or {}
        self._kinds = {kind.__name__.lower(): kind for kind in kinds}

    def encode(self, message: Any) -> str:
        return strictjson.dumps(self._raw(message, templates=True))

    def for_programs(self, message: Any) -> str:
        """The same without templates, as --json prints it."""
        return strictjson.dumps(self._raw(message, templates=False))

    def _raw(self, message: Any, **how: bool) -> dict[str, Any]:
        return {self._key: type(message).__name__.lower(), **templates.flat(message, **how)}

    def decode(self, line: str) -> Any:
        """Raises UnknownKind where the line names another kind, ValueError where it names none."""
        try:
            raw = strictjson.loads(line)
            name = str(raw.pop(self._key))
            raw = {**self._older.get(name, {}), **raw}
            kind = self._kind(name)
            fields = {
                name: tuple(value) if isinstance(value, list) else value
                for name, value in known(kind, templates.restored(kind, raw)).items()
            }
            return kind(**fields)
        except UnknownKind:
            raise
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(f"not {self._what}: {line[:200]!r}") from error

    def _kind(self, name: str) -> type[Any]:
        try:
            return self._kinds[name]
        except KeyError:
            text = f"{name} is not {self._what} that this version of dsk has"
            raise UnknownKind(text) from None
