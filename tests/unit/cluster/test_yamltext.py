"""Mistakes in YAML are told at their own line."""

from __future__ import annotations

import pytest
import yaml

from dsk.cluster import yamltext
from dsk.errors import UserError

GOOD = "# 模型：说明\nmodel: /models/通义\nnote: '冒号：在引号里'\nurl: http://a:80/b\n"


def mistake(text: str) -> tuple[int, str, str]:
    try:
        loaded = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        found = yamltext.explain(text, error)
    else:
        assert isinstance(loaded, str)
        scalar = yamltext.of_scalar(text)
        assert scalar
        found = scalar
    return (
        found.line,
        found.said.in_language("en"),
        found.fix.in_language("en") if found.fix else "",
    )


@pytest.mark.parametrize(
    ("text", "line", "said", "fix"),
    [
        ("a: 1\nstage：sft\nb: 2\n", 2, "full-width colon", "write stage: sft"),
        ("a: 1\nstage:sft\nb: 2\n", 2, "needs a blank", "write stage: sft"),
        ("stage：sft\n", 1, "full-width colon", "write stage: sft"),
        ("stage:sft\n", 1, "needs a blank", "write stage: sft"),
        ('a: "x\nb: 1\nc: 2\n', 1, "quote that opens here", "close it"),
        ("a: 1\n\tb: 2\n", 2, "tab", "blanks"),
        ("a: [1,\nb: 2\nc: 3\n", 1, "bracket", "close it"),
        ("a: {b: 1\nc: 3\n", 1, "bracket", "close it"),
    ],
)
def test_a_mistake_is_told_where_it_is_made(text: str, line: int, said: str, fix: str) -> None:
    found = mistake(text)
    assert found[0] == line
    assert said in found[1] and fix in found[2]


def test_chinese_texts_are_no_mistake() -> None:
    assert yaml.safe_load(GOOD)["model"] == "/models/通义"
    yamltext.refuse_invisible_characters(GOOD, "train.yaml")


@pytest.mark.parametrize("line", ["sta\u200bge: sft", "stage:\u00a0sft", "stage: sft\u200b"])
def test_characters_that_nobody_sees_are_refused(line: str) -> None:
    with pytest.raises(UserError, match=r"train\.yaml:2"):
        yamltext.refuse_invisible_characters(f"a: 1\n{line}\n", "train.yaml")
