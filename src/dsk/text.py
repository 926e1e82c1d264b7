"""A sentence for the user in every language that dsk speaks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Language = Literal["en", "zh"]


@dataclass(frozen=True)
class Text:
    """`en` and `zh` are templates of str.format with the same fields; a value may be a Text."""

    en: str
    zh: str
    values: dict[str, Any] = field(default_factory=dict)

    def filled(self, **values: Any) -> Text:
        return Text(self.en, self.zh, {**self.values, **values})

    @classmethod
    def from_raw(cls, raw: dict[str, Any]) -> Text:
        """Of `dataclasses.asdict`; the values are plain."""
        return cls(**raw)

    def in_language(self, language: Language) -> str:
        values = {
            name: value.in_language(language) if isinstance(value, Text) else value
            for name, value in self.values.items()
        }
        return (self.zh if language == "zh" else self.en).format(**values)


def verbatim(said: str) -> Text:
    """What a program said, or a command: the same in every language."""
    return Text("{said}", "{said}", {"said": said})


def language_of(locale: str) -> Language:
    """Of LANG's value, such as `zh_CN.UTF-8`; English for every other."""
    return "zh" if locale.lower().startswith("zh") else "en"
