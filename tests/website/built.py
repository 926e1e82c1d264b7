"""What a built page and a stylesheet load, and where a page's links lead. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from html.parser import HTMLParser

LOADED = {
    "script": ("src",),
    "link": ("href",),
    "img": ("src", "srcset"),
    "source": ("src", "srcset"),
    "video": ("src", "poster"),
    "audio": ("src",),
    "iframe": ("src",),
    "embed": ("src",),
    "object": ("data",),
    "input": ("src",),
    "use": ("href", "xlink:href"),
    "image": ("href", "xlink:href"),
}
"""The attributes by which an element makes a browser load something."""
NOT_LOADED = {"canonical", "next", "prev", "alternate"}
"""`rel` of links that a browser does not follow by itself."""
_FOREIGN = re.compile(r"\s*(?:[a-z][a-z0-9+.-]*:)?//", re.IGNORECASE)
_IN_STYLE = re.compile(r"url\(\s*['\"]?([^'\")]+)|@import\s+['\"]([^'\"]+)")


@dataclass
class Built(HTMLParser):
    """A page's text, read. `policy` is its Content-Security-Policy; `unguarded` is loaded before
    that; `links` are the targets of what a reader can follow."""

    text: str
    policy: str = ""
    loaded: list[str] = field(default_factory=list)
    unguarded: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    anchors: set[str] = field(default_factory=set)
    _style: bool = False

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.anchors |= {values[name] for name in ("id", "name") if name in values}
        self._style = tag == "style"
        if tag == "meta" and values.get("http-equiv", "").lower() == "content-security-policy":
            self.policy = values["content"]
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        self._load(loaded_by_style(values.get("style", "")))
        if tag == "link" and set(values.get("rel", "").split()) <= NOT_LOADED:
            return
        self._load(values[name] for name in LOADED.get(tag, ()) if name in values)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self._style = False

    def handle_endtag(self, tag: str) -> None:
        self._style = False

    def handle_data(self, data: str) -> None:
        if self._style:
            self._load(loaded_by_style(data))

    def _load(self, targets: Iterable[str]) -> None:
        found = list(targets)
        self.loaded += found
        if not self.policy:
            self.unguarded += found

    @property
    def foreign(self) -> list[str]:
        return [target for target in self.loaded if is_foreign(target)]


def loaded_by_style(text: str) -> list[str]:
    """What a stylesheet loads."""
    return [first or second for first, second in _IN_STYLE.findall(text)]


def is_foreign(target: str) -> bool:
    """Whether a target is on a host that it names; `data:` is not."""
    return bool(_FOREIGN.match(target))
