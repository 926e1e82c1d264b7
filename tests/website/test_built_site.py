"""The built documentation site loads nothing from other hosts, and its links lead somewhere.

`make docs` builds the site and runs these tests; without DSK_SITE, its folder, they are skipped.
"""

from __future__ import annotations

import json
import os
import re
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.website.built import Built, is_foreign, loaded_by_style

SITE = Path(os.environ.get("DSK_SITE", "/nowhere")).resolve()
PAGES = sorted(str(path.relative_to(SITE)) for path in SITE.rglob("*.html"))
ENGLISH = [page for page in PAGES if not page.startswith("zh/")]
NOT_REQUESTED = (
    # Namespaces, and names of licences and projects in comments.
    r"http://www\.w3\.org/",
    r"https?://(bit\.ly|clipboardjs\.com|lunrjs\.com|tartarus\.org|fontawesome\.com)",
    r"https?://(github\.com|snowball\.tartarus\.org|www\.mozilla\.org|opensource\.org)",
    # Would be loaded for Mermaid drawings, in browsers of before 2020, and for a repository's
    # figures: the site has none of these, and the policy of every page forbids it.
    r"https://unpkg\.com/(mermaid|resize-observer-polyfill)",
    r"https://api\.github\.com/",
    r"https://\$\{\w+\}/api/v4/projects/",
)
"""Addresses in the scripts that no page of ours requests."""

built = pytest.mark.skipif("DSK_SITE" not in os.environ, reason="make docs runs this")


@cache
def page(name: str) -> Built:
    return Built((SITE / name).read_text(encoding="utf-8"))


@built
def test_there_are_pages_in_both_languages() -> None:
    assert len(ENGLISH) > 50
    assert [page for page in PAGES if page.startswith("zh/")] == [f"zh/{page}" for page in ENGLISH]


@built
@pytest.mark.parametrize("name", PAGES)
def test_a_page_loads_nothing_from_another_host(name: str) -> None:
    assert page(name).foreign == []
    sources = page(name).policy.removeprefix("default-src ").split()
    assert set(sources) == {"'self'", "file:", "data:", "blob:", "'unsafe-inline'"}
    assert page(name).unguarded == [], "what is loaded before the policy is known"


@built
def test_stylesheets_load_nothing_from_another_host() -> None:
    styles = sorted(SITE.rglob("*.css"))
    assert styles
    for style in styles:
        loaded = loaded_by_style(style.read_text(encoding="utf-8"))
        assert [target for target in loaded if is_foreign(target)] == [], style


@built
def test_scripts_name_no_other_hosts_than_before() -> None:
    # The index is data. Of the search's languages, no page loads those that no site is in.
    languages = ("lunr.stemmer.support.min.js", "lunr.zh.min.js")
    scripts = [
        path
        for path in SITE.rglob("*.js")
        if path.name != "search_index.js" and ("lunr" not in path.parts or path.name in languages)
    ]
    assert scripts
    for script in scripts:
        named = re.findall(r"https?://[^\s\"'`<>)]+", script.read_text(encoding="utf-8"))
        new = [url for url in named if not any(re.match(each, url) for each in NOT_REQUESTED)]
        assert new == [], script


@built
@pytest.mark.parametrize("name", [page for page in PAGES if not page.endswith("404.html")])
def test_links_lead_to_pages_and_headings(name: str) -> None:
    """Between the two languages as well, which mkdocs does not see."""
    problems = []
    for link in page(name).links:
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = unquote(link).partition("#")
        target = (SITE / name).parent.joinpath(path).resolve() if path else SITE / name
        exists = target.is_file() and SITE in target.parents
        if not exists or (anchor and anchor not in page(str(target.relative_to(SITE))).anchors):
            problems.append(link)
    assert problems == []


@built
@pytest.mark.parametrize("name", [page for page in PAGES if not page.endswith("404.html")])
def test_a_page_leads_to_itself_in_the_other_language(name: str) -> None:
    other = name.removeprefix("zh/") if name.startswith("zh/") else f"zh/{name}"
    targets = {(SITE / name).parent.joinpath(link).resolve() for link in page(name).links}
    assert SITE / other in targets


@built
@pytest.mark.parametrize(("folder", "word"), [("", "hostfile"), ("zh", "密钥")])
def test_the_search_knows_words_without_a_server(folder: str, word: str) -> None:
    """Chinese text is cut into words when the site is built, with zero-width spaces."""
    index = json.loads((SITE / folder / "search/search_index.json").read_text(encoding="utf-8"))
    texts = [document["text"] for document in index["docs"]]
    assert any(word in re.split(r"[\s\u200b]", text) for text in texts)
    script = (SITE / folder / "search/search_index.js").read_text(encoding="utf-8")
    assert script.startswith("var __index = "), "what pages that are opened as files read"


@built
def test_a_page_without_chinese_says_so() -> None:
    without, with_chinese = (
        (SITE / "zh" / name).read_text(encoding="utf-8") for name in ("events.html", "index.html")
    )
    assert "本页暂无中文" in without
    assert "本页暂无中文" not in with_chinese


POLICY = '<meta http-equiv="Content-Security-Policy" content="default-src \'self\'">'


@pytest.mark.parametrize(
    "html",
    [
        '<script src="https://x.example/a.js"></script>',
        '<script src="//x.example/a.js"></script>',
        '<link rel="stylesheet" href="https://x.example/a.css">',
        '<link rel="preconnect" href="https://x.example">',
        '<img src="HTTP://x.example/a.png">',
        "<style>@import 'https://x.example/a.css'; a { }</style>",
        '<p style="background: url(https://x.example/a.png)">',
        "<svg><use href='https://x.example/a.svg'/></svg>",
    ],
)
def test_what_comes_from_another_host_is_found(html: str) -> None:
    found = Built(POLICY + html)
    assert len(found.foreign) == 1
    assert found.unguarded == []
    assert Built(html + POLICY).unguarded == found.foreign


@pytest.mark.parametrize(
    "html",
    [
        '<script src="a.js"></script>',
        '<a href="https://x.example">source</a>',
        '<link rel="canonical" href="https://x.example/a.html">',
        '<img src="data:image/png;base64,AA">',
        "<pre>@import 'https://x.example/a.css'</pre>",
    ],
)
def test_what_does_not_is_not(html: str) -> None:
    assert Built(html).foreign == []


def test_links_and_anchors_of_a_page() -> None:
    found = Built('<h2 id="x"><a href="a.html#y">a</a></h2>')
    assert (found.links, found.anchors) == (["a.html#y"], {"x"})
