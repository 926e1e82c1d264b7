"""Markdown files as pages of the site (website/pages.py)."""

from __future__ import annotations

import pytest
from pages import as_page, chinese_of, headings, links, slug, with_languages

COUNTERPARTS = {
    "guide/files.zh-CN.md": "guide/files.md",
    "guide/checks.zh-CN.md": "checks.md",
    "../README.zh-CN.md": "readme.md",
}


def english(text: str, source: str = "guide/files.md") -> str:
    return as_page(text, source, COUNTERPARTS, chinese=False).rstrip("\n")


def chinese(text: str, source: str = "guide/files.zh-CN.md") -> str:
    return as_page(text, source, COUNTERPARTS, chinese=True).rstrip("\n")


def test_the_link_to_the_other_language_is_left_out() -> None:
    assert english("Text. [中文](files.zh-CN.md)") == "Text."
    assert chinese("文字。[English](files.md)") == "文字。"


def test_marks_of_blocks_are_left_out_and_blocks_have_a_language() -> None:
    text = (
        "<!-- text: dsk.yaml -->\n\n    env: {}\n\nThen:\n\n    dsk up    # start\n\n    dsk down\n"
    )
    assert english(text) == (
        "\n```yaml\nenv: {}\n```\n\nThen:\n\n```bash\ndsk up    # start\n\ndsk down\n```"
    )


@pytest.mark.parametrize(
    ("block", "language"),
    [
        ("    docker exec x", "bash"),
        ("    (cd carry && ls)", "bash"),
        ("    FROM dsk:cu128", "dockerfile"),
        ("    def test(lab):", "python"),
        ("    job 2026 running", "text"),
        ("<!-- text: output -->\n\n    dsk: an output", "text"),
        ("<!-- not run: why -->\n\n    unzip x", "bash"),
    ],
)
def test_language_of_a_block(block: str, language: str) -> None:
    assert f"```{language}\n" in with_languages(block)


def test_links_in_blocks_stay() -> None:
    text = "```text\n[a](../../README.md)\n```\n[a](../../README.md)"
    assert english(text) == "```text\n[a](../../README.md)\n```\n[a](../readme.md)"


def test_what_is_no_block_stays() -> None:
    text = "- an item\n\n    of two paragraphs\n\n```yaml\n    a: 1\n```\n"
    assert with_languages(text) == text


@pytest.mark.parametrize(
    ("link", "source", "target"),
    [
        ("[a](../checks.md#x)", "guide/files.md", "../checks.md#x"),
        ("[a](user.zh-CN.md)", "guide/files.md", "user.zh-CN.md"),
        ("[a](../../README.md)", "guide/files.md", "../readme.md"),
        ("[a](../schema/dsk.schema.json)", "checks.md", "dsk.schema.json"),
        ("[a](docs/guide/files.md)", "../README.md", "guide/files.md"),
        ("[a](https://x.example/a.md)", "checks.md", "https://x.example/a.md"),
        ("[a](#x)", "checks.md", "#x"),
    ],
)
def test_links_of_an_english_page(link: str, source: str, target: str) -> None:
    assert english(link, source) == f"[a]({target})"


@pytest.mark.parametrize(
    ("link", "source", "target"),
    [
        # A Chinese file's links to Chinese files lead to the pages, which are named as in English.
        ("[a](checks.zh-CN.md)", "guide/files.zh-CN.md", "../checks.md"),
        ("[a](../guide/files.zh-CN.md)", "reference/causes.md", "../guide/files.md"),
        ("[a](docs/guide/files.zh-CN.md)", "../README.zh-CN.md", "guide/files.md"),
    ],
)
def test_links_of_a_chinese_page(link: str, source: str, target: str) -> None:
    assert chinese(link, source) == f"[a]({target})"


def test_the_lines_of_a_chinese_paragraph_have_no_spaces_between_them() -> None:
    assert chinese(
        "一行，\n二行\n三行 GPU\n四行。\n`x` 五行\n\n- 一项\n  续行\n- 二项：\n- 三项"
    ) == ("一行，二行三行 GPU\n四行。`x` 五行\n\n- 一项续行\n- 二项：\n- 三项")
    kept = "# 标题\n\n| 一 | 二 |\n|---|---|\n| 三 | 四 |\n\n文字：\n\n1. 一，\n2. 二"
    assert chinese(kept) == kept
    assert chinese("```bash\n# 一行\n二行\n```") == "```bash\n# 一行\n二行\n```"


def test_a_link_from_a_chinese_text_to_the_longer_english_one() -> None:
    """That is on the other site."""
    for link, target in (
        ("../checks.md", "../checks.html"),
        ("../checks.md#x", "../checks.html#x"),
    ):
        assert chinese(f"[a]({link})", "guide/checks.zh-CN.md") == f'<a href="{target}">a</a>'


def test_where_the_chinese_text_of_a_page_is() -> None:
    files = {"checks.md", "guide/checks.zh-CN.md", "guide/user.md", "guide/user.zh-CN.md"}
    assert chinese_of("guide/user.md", files) == "guide/user.zh-CN.md"
    assert chinese_of("checks.md", files) == "guide/checks.zh-CN.md"
    assert chinese_of("events.md", files) is None


def test_headings_and_their_anchors() -> None:
    text = "# One, `two`: three?\n\n```\n# not this\n```\n\n## 2. 安装 dsk，构建镜像\n"
    assert headings(text) == [(1, "One, `two`: three?"), (2, "2. 安装 dsk，构建镜像")]
    assert slug("One, two: three?") == "one-two-three"
    assert slug("2. 安装 dsk，构建镜像") == "2-安装-dsk构建镜像"


def test_links_of_a_text() -> None:
    assert links("[a](b.md) ![i](p.png) [c](https://x.example) [`d`](e.md#f)") == ["b.md", "e.md#f"]
