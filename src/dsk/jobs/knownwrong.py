"""A stack's known-wrong.yaml to its entries, or every mistake in the file. Pure."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dsk.cluster import document
from dsk.errors import UserError
from dsk.recipe import KnownWrong
from dsk.text import Text


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _EntryModel(_Model):
    presets: list[str] = []
    precisions: list[Literal["bf16", "fp16", "fp32"]] = []
    min_accumulation: int = Field(default=1, ge=1)
    before_revision: int | None = None
    problem: str = Field(min_length=1)
    fix: str = Field(min_length=1)
    source: str = Field(pattern=r"^https://\S+$")


def parse(text: str, name: str) -> list[KnownWrong]:
    """The entries of one file; `name` is for errors. Raises UserError with each mistake's line."""
    read = document.read(text, name)
    mistakes = [(each.line, each.key, each.text.in_language("en")) for each in read.mistakes]
    entries = []
    for id_, values in read.values.items():
        try:
            model = _EntryModel.model_validate(values)
        except ValidationError as error:
            for detail in error.errors():
                key: document.Key = (id_, *detail["loc"])
                mistakes.append((read.line(key), key, detail["msg"]))
            continue
        entries.append(
            KnownWrong(
                id_,
                tuple(model.presets),
                tuple(model.precisions),
                model.min_accumulation,
                model.before_revision,
                Text(model.problem),
                Text(model.fix),
                model.source,
            )
        )
    if mistakes:
        lines = [
            f"{name}:{line}: {'.'.join(map(str, key))}: {text}"
            for line, key, text in sorted(mistakes)
        ]
        raise UserError("\n".join(lines), where=name)
    return entries
