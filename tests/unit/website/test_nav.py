"""The site's navigation (website/nav.py)."""

from __future__ import annotations

from nav import navigation, placed

NAV = [
    "index.md",
    {"Guides": [{"Files": "guide/files.md"}, "guide/*"]},
    {"Decisions": ["decisions/*"]},
]
PAGES = {"index.md", "guide/files.md", "guide/b.md", "guide/a.md", "decisions/0001.md"}


def test_pages_without_a_line_of_their_own_follow_the_others() -> None:
    others = PAGES - placed(NAV)
    assert others == {"guide/a.md", "guide/b.md", "decisions/0001.md"}
    assert navigation(NAV, others, {"Guides": "指南"}) == [
        "index.md",
        {"指南": [{"Files": "guide/files.md"}, "guide/a.md", "guide/b.md"]},
        {"Decisions": ["decisions/0001.md"]},
    ]
