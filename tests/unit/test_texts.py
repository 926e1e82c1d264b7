"""Every message of src/dsk is in the catalogue of Chinese messages, which has no others."""

from __future__ import annotations

import ast
import importlib
import io
import json
import re
import string
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from functools import cache
from pathlib import Path
from types import ModuleType

import build_messages
import messages
import pytest
from babel.messages.pofile import read_po

import dsk
from dsk.text import Text

ROOT = Path(dsk.__file__).parent
CHINESE = re.compile("[\u4e00-\u9fff]")
NOTHING_TO_TRANSLATE = re.compile(
    r"(dsk \w+( --\w+( \w+)?| train\.yaml)*|\w+=\w+|Docker|the master|[^A-Za-z])*"
)
ASSEMBLED = {
    "dsk.text",
    "dsk.diagnose.catalogue",
    "dsk.jobs.knownwrong",
    "dsk.recipe.refusals",
}
"""Modules that make a Text of other texts or of a file, which `messages.DATA` names."""


def fields(template: str) -> set[str]:
    names = [name for _, name, _, _ in string.Formatter().parse(template) if name is not None]
    return {re.split(r"[.\[]", name)[0] for name in names}


def problem(en: str, zh: str) -> str:
    """What is wrong with the pair; empty where it is right."""
    if not zh:
        return "no Chinese"
    if fields(en) != fields(zh):
        return f"fields {fields(en)} and {fields(zh)}"
    if CHINESE.search(en):
        return "not English"
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


def wrong_in(po: str, used: Mapping[str, list[str]]) -> list[str]:
    """What is wrong with a catalogue, given the messages of the code."""
    entries = read_po(io.BytesIO(po.encode()))
    known = {str(each.id): str(each.string or "") for each in entries if each.id}
    wrong = [
        f"{files[0]}: {said}: {message!r}"
        for message, files in used.items()
        if (said := problem(message, known.get(message, "")))
    ]
    wrong += [f"fuzzy: {each.id!r}" for each in entries if each.id and each.fuzzy]
    left_over = [*(known.keys() - used), *map(str, entries.obsolete)]
    return wrong + [f"not used any more: {message!r}" for message in left_over]


def test_the_catalogue_is_complete_and_current() -> None:
    used = messages.used()
    assert len(used) > 1000
    wrong = wrong_in(messages.PO.read_text(encoding="utf-8"), used)
    assert wrong == [], "run `make messages`, then write the Chinese into dsk.po"


@pytest.mark.parametrize(
    ("po", "wrong"),
    [
        ('msgid "no {a}"\nmsgstr "没有 {a}"\n', []),
        ('msgid "no {a}"\nmsgstr ""\n', ["a.py: no Chinese: 'no {a}'"]),
        ("", ["a.py: no Chinese: 'no {a}'"]),
        ('msgid "no {a}"\nmsgstr "没有"\n', ["a.py: fields {'a'} and set(): 'no {a}'"]),
        ('#, fuzzy\nmsgid "no {a}"\nmsgstr "没有 {a}"\n', ["fuzzy: 'no {a}'"]),
        (
            'msgid "no {a}"\nmsgstr "没有 {a}"\n\nmsgid "old"\nmsgstr "旧"\n',
            ["not used any more: 'old'"],
        ),
        (
            'msgid "no {a}"\nmsgstr "没有 {a}"\n\n#~ msgid "old"\n#~ msgstr "旧"\n',
            ["not used any more: 'old'"],
        ),
    ],
)
def test_what_is_wrong_with_a_catalogue(po: str, wrong: list[str]) -> None:
    assert wrong_in(po, {"no {a}": ["a.py"]}) == wrong


def test_the_compiled_catalogue_is_current() -> None:
    """Also: what this project's own reader of dsk.po finds is what Babel finds."""
    po = messages.PO.read_text(encoding="utf-8")
    read = {key: said for key, said in build_messages.read(po).items() if key}
    assert read == {str(each.id): each.string for each in messages.catalogue() if each.id}
    compiled = messages.PO.with_suffix(".mo").read_bytes()
    assert compiled == build_messages.compiled(build_messages.read(po)), "run `make venv`"


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


def test_every_text_is_a_literal_that_is_found() -> None:
    assembled, wrong = set(), []
    for name, (_, tree) in modules().items():
        for call in ast.walk(tree):
            if not (isinstance(call, ast.Call) and getattr(call.func, "id", "") == "Text"):
                continue
            if not isinstance(call.args[0], ast.Constant):
                assembled.add(name)
            elif len(call.args) > 1 and not isinstance(call.args[1], ast.Dict):
                wrong.append(f"{name}:{call.lineno}: Chinese goes into dsk.po (make messages)")
    assert wrong == []
    assert assembled == ASSEMBLED


def value(expression: ast.expr, module: ModuleType) -> Text | None:
    """None where it depends on what is known at run time only."""
    code = compile(ast.Expression(expression), module.__name__, "eval")
    try:
        found = eval(code, vars(module))
    except (NameError, AttributeError):
        return None
    return found if isinstance(found, Text) else None


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
    outer = Text("the master: {why}").filled(why=Text("the server cannot be reached"))
    assert outer.in_language("en") == "the master: the server cannot be reached"
    assert outer.in_language("zh") == "master：无法连接服务器"


def test_a_text_without_chinese_is_english_in_both_languages() -> None:
    assert Text("{x} is new here").filled(x=1).in_language("zh") == "1 is new here"
    assert Text("").in_language("zh") == ""


def test_what_travels_is_the_same_text() -> None:
    text = Text("{path} does not exist").filled(path="/w/a")
    raw = json.loads(json.dumps(asdict(text)))
    assert Text.from_raw(raw) == text
    assert Text.from_raw({**raw, "zh": "{path} 不存在"}) == text  # of an older image's agent
