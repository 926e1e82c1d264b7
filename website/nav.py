"""The navigation of mkdocs.yml in one language. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

REST = "/*"
"""`FOLDER/*` stands for every page of a folder that has no line of its own, under its heading."""


def placed(nav: Any) -> set[str]:
    """The pages that have a line of their own, and each FOLDER/*."""
    if isinstance(nav, str):
        return {nav}
    values = nav.values() if isinstance(nav, dict) else nav
    return set().union(*map(placed, values))


def navigation(nav: Any, others: Collection[str], titles: Mapping[str, str]) -> list[Any]:
    """With the titles of a language, and pages in place of FOLDER/*. `others` have no line."""
    result: list[Any] = []
    for entry in nav:
        if isinstance(entry, str):
            folder = entry.removesuffix("*")
            rest = sorted(page for page in others if page.startswith(folder))
            result += rest if entry.endswith(REST) else [entry]
        else:
            [(title, value)] = entry.items()
            lines = navigation(value, others, titles) if isinstance(value, list) else value
            result.append({titles.get(title, title): lines})
    return result
