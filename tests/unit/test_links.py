"""Links between the Markdown files: the file is there, and so is the heading."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from nav import placed
from pages import CHINESE, headings, links, slug

ROOT = Path(__file__).parents[2]
FILES = sorted(
    str(path.relative_to(ROOT)) for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
)


def anchors(file: Path) -> set[str]:
    """Those of a file's headings; of equal ones, the second has -1 behind it."""
    found: list[str] = []
    for _, heading in headings(file.read_text(encoding="utf-8")):
        anchor = slug(heading.replace("`", ""))
        found.append(f"{anchor}-{found.count(anchor)}" if anchor in found else anchor)
    return set(found)


def broken(file: Path, text: str) -> list[str]:
    """The links of a file that lead nowhere."""
    problems = []
    for link in links(text):
        path, _, anchor = link.partition("#")
        target = (file.parent / path).resolve() if path else file
        exists = target.is_file() and ROOT in target.parents
        if not exists or (anchor and anchor not in anchors(target)):
            problems.append(link)
    return problems


@pytest.mark.parametrize("name", FILES)
def test_every_link_leads_somewhere(name: str) -> None:
    file = ROOT / name
    assert broken(file, file.read_text(encoding="utf-8")) == []


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    file = ROOT / "docs/index.md"
    text = "[a](checks.md), [b](no.md), [c](checks.md#a-new-check), [d](checks.md#no), [e](guide)"
    assert broken(file, text) == ["no.md", "checks.md#no", "guide"]
    assert broken(file, "`[x](no.md)` and\n\n    [x](no.md)\n\n```\n[x](no.md)\n```\n") == [
        "no.md"
    ], "of code in a line, which no page has"


def titles(nav: object) -> set[str]:
    """Of the pages and sections of the site's navigation."""
    found: set[str] = set()
    for entry in nav if isinstance(nav, list) else []:
        if isinstance(entry, dict):
            found |= {str(title) for title in entry}
            found |= set().union(*map(titles, entry.values()))
    return found


def test_every_page_has_its_place_and_a_chinese_title() -> None:
    class Loader(yaml.SafeLoader):
        """Reads mkdocs' own tags as nothing."""

    Loader.add_multi_constructor("!", lambda *_: None)
    Loader.add_multi_constructor("tag:yaml.org,2002:python/", lambda *_: None)
    site, chinese = (
        yaml.load((ROOT / "website" / name).read_text(encoding="utf-8"), Loader)
        for name in ("mkdocs.yml", "zh.yml")
    )
    lines = placed(site["nav"])
    pages = {
        str(path.relative_to(ROOT / "docs"))
        for path in (ROOT / "docs").rglob("*.md")
        if not path.name.endswith(CHINESE)
    }
    missing = {page for page in pages if not {page, f"{Path(page).parent}/*"} & lines}
    assert missing == set(), "add a line under nav in website/mkdocs.yml"
    assert titles(site["nav"]) == set(chinese["extra"]["titles"]), "in website/zh.yml"
