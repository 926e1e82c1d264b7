"""Every sentence exists in both languages, with the same fields."""

from __future__ import annotations

import ast
import json
import string
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

import dsk
from dsk.text import Text

ROOT = Path(dsk.__file__).parent
PLACES = ("checks", "recipe", "connect", "agent/needed.py", "jobs", "cli")
FILES = [
    file
    for place in PLACES
    for file in ([ROOT / place] if place.endswith(".py") else sorted((ROOT / place).rglob("*.py")))
    if "Text(" in file.read_text(encoding="utf-8")
]


def texts(file: Path) -> Iterator[tuple[str, str]]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Text":
            # Others are put together from such.
            words = [each.value for each in node.args[:2] if isinstance(each, ast.Constant)]
            if len(words) == 2:
                yield str(words[0]), str(words[1])


def fields(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_both_languages_have_the_same_fields(file: Path) -> None:
    for en, zh in texts(file):
        assert bool(en) == bool(zh)
        assert fields(en) == fields(zh), (en, zh)


def test_a_text_in_a_text_is_filled_in_in_the_same_language() -> None:
    inner = Text("no answer", "没有应答")
    outer = Text("the engine: {why}", "引擎：{why}").filled(why=inner)
    assert outer.in_language("en") == "the engine: no answer"
    assert outer.in_language("zh") == "引擎：没有应答"


def test_what_travels_is_the_same_text() -> None:
    text = Text("{path} does not exist", "{path} 不存在").filled(path="/w/a")
    assert Text.from_raw(json.loads(json.dumps(asdict(text)))) == text
