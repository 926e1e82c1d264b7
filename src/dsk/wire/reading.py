"""Dataclasses from JSON that another version of dsk may have written.

Fields that are not known here are ignored; those that are must have the type that they have here.
"""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from dsk.text import Text
from dsk.wire.templates import read_text, restored

T = TypeVar("T")


def read(kind: type[T], raw: Any, where: str = "") -> T:
    """Lists become tuples, objects dataclasses. A Literal is any value of its values' types: a
    later version may have more of them. Raises ValueError, which names the field."""
    if not isinstance(raw, dict):
        raise _wrong(where, raw, kind.__name__)
    hints = _hints(kind)  # type: ignore[arg-type]
    raw = restored(kind, raw)
    values = {}
    for field in fields(kind):  # type: ignore[arg-type]
        name = f"{where}.{field.name}" if where else field.name
        if field.name in raw:
            values[field.name] = value(hints[field.name], raw[field.name], name)
        elif field.default is MISSING and field.default_factory is MISSING:
            raise ValueError(f"{name} is missing")
    return kind(**values)


def known(kind: type[Any], raw: dict[str, Any]) -> dict[str, Any]:
    """Those of the values whose fields `kind` has."""
    names = {field.name for field in fields(kind)}
    return {name: value for name, value in raw.items() if name in names}


@cache
def _hints(kind: type[Any]) -> dict[str, Any]:
    return get_type_hints(kind)


def value(hint: Any, raw: Any, where: str) -> Any:
    """Any other value of that type. Raises ValueError, which names `where` it is."""
    if hint is Any:
        return raw
    if get_origin(hint) in (Union, types.UnionType):
        kinds = get_args(hint)
        if raw is None and types.NoneType in kinds:
            return None
        [hint] = [each for each in kinds if each is not types.NoneType]
    if is_dataclass(hint):
        return read_text(raw, where) if hint is Text else read(hint, raw, where)  # type: ignore[arg-type]
    origin = get_origin(hint)
    if origin is tuple and isinstance(raw, list | tuple):
        return _tuple(get_args(hint), raw, where)
    if origin in (Mapping, dict) and isinstance(raw, dict):
        [_, kind] = get_args(hint)
        return {key: value(kind, each, f"{where}.{key}") for key, each in raw.items()}
    if not _is_plain(hint, raw):
        raise _wrong(where, raw, getattr(hint, "__name__", str(hint)))
    return raw


def _tuple(kinds: tuple[Any, ...], raw: Sequence[Any], where: str) -> tuple[Any, ...]:
    """`kinds` as in tuple[int, ...] or tuple[int, str]."""
    if kinds[-1] is Ellipsis:
        kinds = kinds[:1] * len(raw)
    if len(kinds) != len(raw):
        raise _wrong(where, raw, f"{len(kinds)} values")
    pairs = zip(kinds, raw, strict=True)
    return tuple(value(kind, each, f"{where}[{n}]") for n, (kind, each) in enumerate(pairs))


def _is_plain(hint: Any, raw: Any) -> bool:
    if get_origin(hint) is Literal:
        return type(raw) in {type(each) for each in get_args(hint)}
    if get_origin(hint) is not None:
        return False
    # In JSON 1.0 may be written as 1; true is no number.
    return type(raw) in ((float, int) if hint is float else (hint,))


def _wrong(where: str, raw: Any, expected: str) -> ValueError:
    return ValueError(f"{where or 'it'} is {str(raw)[:40]!r}, not {expected}")
