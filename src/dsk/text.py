"""A sentence for the user in every language that dsk speaks."""

from __future__ import annotations

import gettext
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache, reduce
from pathlib import Path
from typing import Any, Literal, get_args

Language = Literal["en", "zh"]


@dataclass(frozen=True)
class Text:
    """`en` is a template of str.format; a value may be a Text. The Chinese template with the same
    fields is in the catalogue (locale/zh_CN); what that does not have stays English."""

    en: str
    values: dict[str, Any] = field(default_factory=dict)

    def filled(self, **values: Any) -> Text:
        return Text(self.en, {**self.values, **values})

    @classmethod
    def from_raw(cls, raw: dict[str, Any]) -> Text:
        """Of `dataclasses.asdict`. An older image's programs send `zh` too, which is ignored. A
        template that another version's values do not fill is shown as it is."""
        values = {
            name: cls.from_raw(value) if isinstance(value, dict) and "en" in value else value
            for name, value in raw["values"].items()
        }
        text = cls(raw["en"], values)
        try:
            for language in get_args(Language):
                text.in_language(language)
        except (LookupError, ValueError, TypeError, AttributeError):
            return verbatim(text.en)
        return text

    def in_language(self, language: Language) -> str:
        values = {
            name: value.in_language(language) if isinstance(value, Text) else value
            for name, value in self.values.items()
        }
        return (_chinese(self.en) if language == "zh" else self.en).format(**values)


NOTHING = Text("")
_OR = Text("{one} or {other}")


def verbatim(said: str) -> Text:
    """What a program said, or a command: the same in every language."""
    return Text("{said}", {"said": said})


def joined(texts: Iterable[Text], separator: str = ", ") -> Text:
    """Several texts as one."""
    values = {f"text{n}": text for n, text in enumerate(texts)}
    return Text(separator.join(f"{{{name}}}" for name in values), values)


def alternatives(texts: Iterable[Text]) -> Text:
    """Return the texts, of which there is at least one, with `or` between them."""
    return reduce(lambda one, other: _OR.filled(one=one, other=other), texts)


def language_of(locale: str) -> Language:
    """Of LANG's value, such as `zh_CN.UTF-8`; English for every other."""
    return "zh" if locale.lower().startswith("zh") else "en"


def _chinese(template: str) -> str:
    # Of the empty message, gettext returns the catalogue's header.
    return _catalogue().gettext(template) if template else ""


@cache
def _catalogue() -> gettext.NullTranslations:
    folder = Path(__file__).parent / "locale"
    return gettext.translation("dsk", folder, ["zh_CN"], fallback=True)
