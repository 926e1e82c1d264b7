"""The catalogue's files (catalogue/*.yaml) to entries, or every mistake in a file."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from string import Formatter
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dsk.cluster import document
from dsk.cluster.document import Key
from dsk.diagnose.entry import Entry, Example, Kind
from dsk.diagnose.pattern import Pattern
from dsk.diagnose.raised import GIVEN, Rule
from dsk.errors import UserError
from dsk.text import Text


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


_Line = Annotated[str, Field(min_length=1)]


class _ExampleModel(_Model):
    origin: str = Field(pattern=r"^(https://github\.com/\S+|provoked: [a-z0-9-]+|(lab|gpu): \w+)$")
    log: str = Field(min_length=1)


class _RaisedModel(_Model):
    type: str = Field(min_length=1)
    file: str | None = None
    function: str | None = None
    message: str | None = None
    through: bool = False


class _EntryModel(_Model):
    kind: Kind = "cause"
    one_of: list[str] = []
    raised: list[_RaisedModel] = []
    also: list[str] = []
    unless: list[str] = []
    cause: _Line
    fix: _Line
    not_proved: _Line
    follows: bool = False
    issues: list[str] = []
    examples: list[_ExampleModel] = Field(min_length=1)
    near_misses: list[_Line] = Field(min_length=1)


@cache
def load() -> tuple[Entry, ...]:
    """Every entry that ships with dsk. Raises UserError as `parse` does."""
    folder = files("dsk.diagnose") / "catalogue"
    entries: dict[str, Entry] = {}
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        if not file.name.endswith(".yaml"):
            continue
        text = file.read_text(encoding="utf-8")
        for entry in _parse_fast(text) or parse(text, file.name):
            if entry.id in entries:
                raise UserError(
                    Text("{id} is in another file already").filled(id=entry.id), where=file.name
                )
            entries[entry.id] = entry
    return tuple(entries.values())


def _parse_fast(text: str) -> list[Entry]:
    """The entries of a file without mistakes, by libyaml; of another one, none: `parse` says what
    is wrong, ten times slower."""
    try:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        values = yaml.load(text, Loader=loader)  # noqa: S506
        return [_entry(id_, _EntryModel.model_validate(each)) for id_, each in values.items()]
    except (yaml.YAMLError, ValidationError, _Wrong, AttributeError):
        return []


def parse(text: str, name: str) -> list[Entry]:
    """The entries of one file. Raises UserError with each mistake's line and key."""
    read = document.read(text, name)
    mistakes = [(each.line, each.key, each.text.in_language("en")) for each in read.mistakes]
    entries = []
    for id_, values in read.values.items():
        try:
            entries.append(_entry(id_, _EntryModel.model_validate(values)))
        except ValidationError as error:
            for detail in error.errors():
                key: Key = (id_, *detail["loc"])
                mistakes.append((read.line(key), key, detail["msg"]))
        except _Wrong as wrong:
            mistakes.append((read.line(wrong.key), wrong.key, wrong.text))
    if mistakes:
        lines = [f"{name}:{line}: {_path(key)}: {text}" for line, key, text in sorted(mistakes)]
        raise UserError("\n".join(lines), where="catalogue")
    return entries


class _Wrong(ValueError):
    def __init__(self, key: Key, text: str) -> None:
        super().__init__(text)
        self.key = key
        self.text = text


def _entry(id_: str, model: _EntryModel) -> Entry:
    one_of, also, unless = (
        tuple(_pattern((id_, name, i), text) for i, text in enumerate(getattr(model, name)))
        for name in ("one_of", "also", "unless")
    )
    raised = tuple(_rule((id_, "raised", i), each) for i, each in enumerate(model.raised))
    if bool(one_of) == bool(raised):
        raise _Wrong((id_,), "either one_of or raised, and not both")
    if raised and (also or unless or model.kind != "cause"):
        raise _Wrong((id_, "raised"), "kind: cause, without also and unless")
    groups = [set(pattern.regex.groupindex) for pattern in one_of]
    groups += [rule.groups | GIVEN for rule in raised]
    known = set.intersection(*groups)
    texts = {}
    for name in ("cause", "fix", "not_proved"):
        text: str = getattr(model, name)
        used = _fields((id_, name), text)
        if used and name == "not_proved":
            fields = ", ".join(sorted(used))
            raise _Wrong((id_, name), f"only cause and fix can have fields: {fields}")
        if used - known:
            place = "raised" if raised else "one_of"
            missing = ", ".join(sorted(used - known))
            raise _Wrong((id_, name), f"no such group in every {place}: {missing}")
        texts[name] = Text(text)
    return Entry(
        id_,
        model.kind,
        one_of,
        also,
        unless,
        issues=tuple(model.issues),
        examples=tuple(Example(each.origin, each.log) for each in model.examples),
        near_misses=tuple(model.near_misses),
        raised=raised,
        follows=model.follows,
        **texts,
    )


def _pattern(key: Key, text: str) -> Pattern:
    try:
        return Pattern.read(text)
    except ValueError as error:
        raise _Wrong(key, str(error)) from None


def _rule(key: Key, model: _RaisedModel) -> Rule:
    try:
        return Rule.read(model.type, model.file, model.function, model.message, model.through)
    except ValueError as error:
        raise _Wrong(key, str(error)) from None


def _fields(key: Key, text: str) -> set[str]:
    try:
        return {name for _, name, _, _ in Formatter().parse(text) if name is not None}
    except ValueError as error:
        raise _Wrong(key, f"write {{{{ and }}}} for braces: {error}") from None


def _path(key: tuple[Any, ...]) -> str:
    return ".".join(map(str, key))
