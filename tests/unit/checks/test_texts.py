"""Every sentence exists in both languages, with the same fields."""

from __future__ import annotations

import ast
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

import dsk

ROOT = Path(dsk.__file__).parent
FILES = [*(ROOT / "checks").glob("*.py"), ROOT / "jobs/check.py", ROOT / "jobs/mend.py"]


def texts(file: Path) -> Iterator[tuple[str, str]]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Text":
            en, zh = (ast.literal_eval(argument) for argument in node.args[:2])
            yield en, zh


def fields(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_both_languages_have_the_same_fields(file: Path) -> None:
    for en, zh in texts(file):
        assert en and zh
        assert fields(en) == fields(zh), (en, zh)
