"""HTML from parts that are escaped unless they are HTML already."""

from __future__ import annotations

import html
import json
import re
from typing import Any

from dsk.text import Language, Text

VOID = ("link", "meta")
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb"
    "\ud800-\udfff]"
)
"""Control characters, and what changes the direction or the look of the text around it."""


class Markup(str):
    """HTML. Everything else is text."""

    __slots__ = ()


def visible(text: str) -> str:
    """With escapes in place of characters that cannot be seen, but for tabs and line breaks."""
    return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def escaped(text: str) -> Markup:
    return Markup(html.escape(visible(text)))


class Writer:
    """Elements in one language."""

    def __init__(self, language: Language) -> None:
        self.language = language

    def said(self, text: Text | str) -> str:
        return text.in_language(self.language) if isinstance(text, Text) else text

    def el(self, name: str, /, *children: Text | str | None, **attributes: str | None) -> Markup:
        """An attribute's name may end with `_`; others have `-` for `_`. None is left out."""
        written = "".join(
            f' {key.rstrip("_").replace("_", "-")}="{escaped(value)}"'
            for key, value in attributes.items()
            if value is not None
        )
        if name in VOID:
            return Markup(f"<{name}{written}>")
        return Markup(f"<{name}{written}>{self.join(*children)}</{name}>")

    def join(self, *children: Text | str | None) -> Markup:
        return Markup(
            "".join(
                child if isinstance(child, Markup) else escaped(self.said(child))
                for child in children
                if child is not None
            )
        )

    def foreign(self, text: str) -> Markup:
        """What a program or a user wrote: its direction does not change what is around it."""
        return self.el("bdi", text)


def json_for_script(value: Any) -> Markup:
    """JSON that no HTML parser takes for the end of a script."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)
