"""Every Text of src/dsk has both languages, with the same fields, and is filled with those fields.

Each is read as the code makes it: the arguments of `Text(...)` are evaluated where its module
stands, f-strings and constants included.
"""

from __future__ import annotations

import ast
import importlib
import json
import re
import string
from collections.abc import Iterator
from dataclasses import asdict
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

import dsk
from dsk.recipe.refusals import read_refusals
from dsk.text import Text

ROOT = Path(dsk.__file__).parent
CHINESE = re.compile("[\u4e00-\u9fff]")
NOTHING_TO_TRANSLATE = re.compile(r"(dsk \w+( --\w+( \w+)?)*|\w+=\w+|Docker|the master|[^A-Za-z])*")
ASSEMBLED = {
    "dsk.text",
    "dsk.diagnose.catalogue",  # of its files, whose keys the catalogue's own tests check
    "dsk.jobs.knownwrong",
    "dsk.recipe.parse",  # a list of texts, of which each is checked here
    "dsk.recipe.refusals",
    "dsk.recipe.types",
}
"""Modules that make a Text of other texts or of a file: such a Text is known at run time only."""


@cache
def modules() -> dict[str, tuple[ModuleType, ast.Module]]:
    """Those that make texts."""
    found = {}
    for file in sorted(ROOT.rglob("*.py")):
        source = file.read_text(encoding="utf-8")
        if "Text(" in source:
            parts = file.relative_to(ROOT.parent).with_suffix("").parts
            name = ".".join(parts).removesuffix(".__init__")
            found[name] = (importlib.import_module(name), ast.parse(source))
    return found


def value(expression: ast.expr, module: ModuleType) -> Text | None:
    """None where it depends on what is known at run time only."""
    code = compile(ast.Expression(expression), module.__name__, "eval")
    try:
        found = eval(code, vars(module))
    except (NameError, AttributeError):
        return None
    return found if isinstance(found, Text) else None


def fields(template: str) -> set[str]:
    names = [name for _, name, _, _ in string.Formatter().parse(template) if name is not None]
    return {re.split(r"[.\[]", name)[0] for name in names}


def problem(en: str, zh: str) -> str:
    """What is wrong with the pair; empty where it is right."""
    if fields(en) != fields(zh):
        return f"fields {fields(en)} and {fields(zh)}"
    if bool(en) != bool(zh) or CHINESE.search(en):
        return "one language is missing"
    plain = re.sub(r"{[^}]*}", "", en)
    if not CHINESE.search(zh) and not NOTHING_TO_TRANSLATE.fullmatch(plain):
        return "not translated"
    return ""


@pytest.mark.parametrize(
    ("en", "zh", "wrong"),
    [
        ("no {a}", "没有 {a}", False),
        ("{a}, {b}", "{a}，{b}", False),
        ("dsk check --fix", "dsk check --fix", False),
        ("bf16=true deepspeed=z3", "bf16=true deepspeed=z3", False),
        ("no {a}", "没有 {b}", True),
        ("dsk up makes it", "dsk up makes it", True),
        ("no {a}", "no {a}", True),
        ("no", "", True),
        ("没有", "没有", True),
    ],
)
def test_what_a_wrong_pair_is(en: str, zh: str, *, wrong: bool) -> None:
    assert bool(problem(en, zh)) == wrong


def test_every_text_has_both_languages_with_the_same_fields() -> None:
    wrong, assembled, checked = [], set(), 0
    for name, (module, tree) in modules().items():
        for call in ast.walk(tree):
            if not (isinstance(call, ast.Call) and getattr(call.func, "id", "") == "Text"):
                continue
            text = value(call, module)
            if text is None:
                assembled.add(name)
            elif said := problem(text.en, text.zh):
                wrong.append(f"{name}:{call.lineno}: {said}: {text.en!r} {text.zh!r}")
            else:
                checked += 1
    assert wrong == []
    assert assembled == ASSEMBLED
    assert checked > 400


def test_texts_of_files_have_both_languages_with_the_same_fields() -> None:
    texts: list[Text] = []
    for file in sorted(ROOT.glob("assets/stacks/*/refusals.yaml")):
        for refusal in read_refusals(file.read_text(encoding="utf-8")):
            texts += [refusal.says, refusal.fix]
    assert texts
    assert [text for text in texts if problem(text.en, text.zh)] == []


def could_be(expression: ast.expr, function: ast.AST, module: ModuleType) -> Iterator[Text]:
    """The texts that an expression may have, through `if` and names of the same function."""
    if isinstance(expression, ast.IfExp):
        yield from could_be(expression.body, function, module)
        yield from could_be(expression.orelse, function, module)
    elif text := value(expression, module):
        yield text
    elif isinstance(expression, ast.Name):
        for each in ast.walk(function):
            if isinstance(each, ast.Assign) and expression.id in map(ast.unparse, each.targets):
                yield from could_be(each.value, function, module)


def test_every_text_is_filled_with_its_own_fields() -> None:
    wrong, checked = [], 0
    for name, (module, tree) in modules().items():
        calls = [
            (function, call, {keyword.arg for keyword in call.keywords})
            for function in ast.walk(tree)
            if isinstance(function, ast.FunctionDef)
            for call in ast.walk(function)
            if isinstance(call, ast.Call) and getattr(call.func, "attr", "") == "filled"
        ]
        everywhere = {keyword for _, _, given in calls for keyword in given}
        for function, call, given in calls:
            assert isinstance(call.func, ast.Attribute)
            texts = list(could_be(call.func.value, function, module))
            known = {field for text in texts for field in fields(text.en)}
            checked += bool(texts)
            if texts and given - known - {None}:
                wrong.append(f"{name}:{call.lineno}: no field {given - known}")
            # A field that another call of the module fills is filled later.
            for text in texts:
                left = fields(text.en) - set(text.values) - everywhere
                if left and None not in given:
                    wrong.append(f"{name}:{call.lineno}: nobody fills {left}")
    assert wrong == []
    assert checked > 140


def test_a_text_in_a_text_is_filled_in_in_the_same_language() -> None:
    inner = Text("no answer", "没有应答")
    outer = Text("the engine: {why}", "引擎：{why}").filled(why=inner)
    assert outer.in_language("en") == "the engine: no answer"
    assert outer.in_language("zh") == "引擎：没有应答"


def test_what_travels_is_the_same_text() -> None:
    text = Text("{path} does not exist", "{path} 不存在").filled(path="/w/a")
    assert Text.from_raw(json.loads(json.dumps(asdict(text)))) == text
