"""Every message for the user goes through the catalogue, but for what programs said."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import dsk
from dsk.checks.facts import Facts
from dsk.checks.registry import CHECKS, judge_all
from dsk.cluster.model import Cluster, Local, Node, SshTarget
from dsk.connect.ssherrors import ssh_error
from dsk.errors import DskError
from dsk.survey.engine import engine_error
from dsk.text import Text, verbatim

CHINESE = re.compile("[\u4e00-\u9fff]")
ROOT = Path(dsk.__file__).parent
ENGLISH = {
    "diagnose.catalogue",  # mistakes in dsk's own files, which its developers read
    "jobs.knownwrong",
}
"""Modules with errors in English."""
IN_ENGLISH_ROOMS = ("probe", "rank")
"""What they print is among the lines of ranks, which are in English."""
PRINTED_ENGLISH = {"cli.keys", "cli.progress"}
"""Modules that print words which are the same in Chinese: the name of a variable, MB/s."""
MADE_OF_TEXT = {"of", "Text", "verbatim", "filled", "joined"}
PRINTERS = {"echo": 0, "confirm": 0, "say": 0, "Said": 0, "NodeDone": 1}
"""What shows a message, and which argument that is."""
COLLECTORS = ("append", "extend", "join")
"""Functions whose arguments are in what is printed."""
WORD = re.compile(r"[A-Za-z]{2}")


def errors() -> set[str]:
    """The names of dsk's error classes."""
    return {"DskError", *(kind.__name__ for kind in descendants(DskError))}


def descendants(kind: type[DskError]) -> Iterator[type[DskError]]:
    for each in kind.__subclasses__():
        yield each
        yield from descendants(each)


def english(name: str) -> Iterator[str]:
    """The sentences of errors raised in dsk.NAME that could be without Chinese: neither a Text, nor
    something that the code declares to be one."""
    module = importlib.import_module(f"dsk.{name}")
    tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
    functions = [each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef)]
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call):
            continue
        called = name_of(call)
        if called not in errors() and not (called == "ValueError" and name == "cluster.values"):
            continue
        if not issubclass(getattr(module, called, DskError), DskError | ValueError):
            continue  # another class of that name
        around = [each for each in functions if call in ast.walk(each)]
        said = [*call.args[:1], *(word.value for word in call.keywords if word.arg == "fix")]
        for sentence in said:
            if not is_text(sentence, around, module):
                yield f"dsk.{name}:{sentence.lineno}: {ast.unparse(sentence)}"


def is_text(said: ast.expr, around: list[ast.FunctionDef], module: ModuleType) -> bool:
    if isinstance(said, ast.IfExp):
        return is_text(said.body, around, module) and is_text(said.orelse, around, module)
    if isinstance(said, ast.Constant):
        return said.value is None
    if isinstance(said, ast.Call):
        called = name_of(said)
        return called in MADE_OF_TEXT or returned(said, module) in ("Text", "Text | None")
    if isinstance(said, ast.Attribute):
        return is_text_attribute(said, module)
    if isinstance(said, ast.Name):
        return is_text_name(said.id, around, module)
    return False


def is_text_attribute(said: ast.Attribute, module: ModuleType) -> bool:
    """A constant of another module, or a field that every class which has it declares a Text."""
    owner = getattr(module, getattr(said.value, "id", ""), None)
    if isinstance(owner, ModuleType):
        return isinstance(getattr(owner, said.attr, None), Text)
    classes = [each for each in vars(module).values() if isinstance(each, type)]
    fields = [each for each in classes if said.attr in getattr(each, "__annotations__", {})]
    return bool(fields) and all(declared(each, said.attr) for each in fields)


def is_text_name(name: str, around: list[ast.FunctionDef], module: ModuleType) -> bool:
    """Everything that the functions around it give the name must be a Text."""
    given = [
        is_text(each.value, around, module)
        for function in around
        for each in ast.walk(function)
        if isinstance(each, ast.Assign) and name in map(ast.unparse, each.targets)
    ]
    given += [
        isinstance(each.value, ast.Name) and is_pair(each.value.id, function, module)
        for function in around
        for each in ast.walk(function)
        if isinstance(each, ast.Assign) and isinstance(each.targets[0], ast.Tuple)
        if name in map(ast.unparse, each.targets[0].elts)
    ]
    parameters = [
        "Text" in ast.unparse(each.annotation) and "str" not in ast.unparse(each.annotation)
        for function in around
        for each in [*function.args.args, *function.args.kwonlyargs]
        if each.arg == name and each.annotation
    ]
    found = given + parameters
    return all(found) if found else isinstance(getattr(module, name, None), Text)


def is_pair(name: str, function: ast.AST, module: ModuleType) -> bool:
    """Whether the name is given what a function returns that is declared to return two texts."""
    named = [each for each in ast.walk(function) if isinstance(each, ast.NamedExpr)]
    calls = [each.value for each in named if each.target.id == name]
    return any(
        returned(each, module) == "tuple[Text, Text] | None"
        for each in calls
        if isinstance(each, ast.Call)
    )


def returned(call: ast.Call, module: ModuleType) -> str:
    """What the function is declared to return: of this module, of a class in it, or of another
    module."""
    owners: list[object] = [module]
    if isinstance(call.func, ast.Attribute):
        other = getattr(module, getattr(call.func.value, "id", ""), None)
        owners += [other, *(each for each in vars(module).values() if isinstance(each, type))]
    found = (getattr(owner, name_of(call), None) for owner in owners)
    kinds = (str(getattr(each, "__annotations__", {}).get("return", "")) for each in found)
    return next(filter(None, kinds), "")


def declared(owner: object, name: str) -> bool:
    annotation = str(getattr(owner, "__annotations__", {}).get(name, ""))
    return annotation in ("Text", "Text | None")


def printed(source: str) -> Iterator[str]:
    """The literals with words in them that are printed without a Text, also by way of the module's
    functions that return a str."""
    tree = ast.parse(source)
    functions = {each.name: each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef)}
    asked: list[str] = []
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call):
            continue
        called = name_of(call)
        if called not in PRINTERS or len(call.args) <= PRINTERS[called]:
            continue
        said = call.args[PRINTERS[called]]
        asked += calls_in(said)
        yield from (f"{call.lineno}: {part}" for part in parts_of(said) if WORD.search(part))
    for name in asked:  # grows on the way
        function = functions.pop(name, None)
        if function and function.returns and "str" in ast.unparse(function.returns):
            asked += calls_in(function)
            yield from (f"{name}: {part}" for part in literals(function) if WORD.search(part))


def name_of(call: ast.Call) -> str:
    return getattr(call.func, "id", "") or getattr(call.func, "attr", "")


def calls_in(node: ast.AST) -> list[str]:
    return [name_of(each) for each in ast.walk(node) if isinstance(each, ast.Call)]


def literals(function: ast.FunctionDef) -> Iterator[str]:
    """What of a function's text can be in what it returns: without arguments of calls, such as
    Text, keys and what it compares with."""
    unprinted = (ast.Call, ast.Compare, ast.Subscript)
    left: list[ast.AST] = list(function.body[bool(ast.get_docstring(function)) :])
    while left:
        node = left.pop()
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.FormattedValue):
            left.append(node.value)
        elif isinstance(node, ast.Call) and name_of(node) in COLLECTORS:
            left += node.args
        elif not isinstance(node, unprinted):
            left += ast.iter_child_nodes(node)


def parts_of(said: ast.expr) -> Iterator[str]:
    """The literal text of an expression, through `if`, `+` and f-strings."""
    if isinstance(said, ast.Constant) and isinstance(said.value, str):
        yield said.value
    elif isinstance(said, ast.JoinedStr):
        yield "".join(str(each.value) for each in said.values if isinstance(each, ast.Constant))
    elif isinstance(said, ast.IfExp):
        yield from parts_of(said.body)
        yield from parts_of(said.orelse)
    elif isinstance(said, ast.BinOp):
        yield from parts_of(said.left)
        yield from parts_of(said.right)


MODULES = [
    ".".join(file.relative_to(ROOT).with_suffix("").parts)
    for file in sorted(ROOT.rglob("*.py"))
    if file.stem not in ("__init__", "__main__")
    and file.relative_to(ROOT).parts[0] not in (*IN_ENGLISH_ROOMS, "assets", "errors.py")
]


@pytest.mark.parametrize("name", MODULES)
def test_errors_are_in_both_languages(name: str) -> None:
    found = list(english(name))
    if name in ENGLISH:
        assert found, "take it out of ENGLISH"
    else:
        assert found == []


def test_nothing_in_the_workers_bypasses_the_catalogue() -> None:
    """What a supervisor, an agent or a download sends is typed as Text; a sentence of its own that
    is said to be a program's would be English in every language."""
    bypassing = []
    for room in ("agent", "hub", "supervisor", "warm"):
        for file in sorted((ROOT / room).rglob("*.py")):
            for call in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(call, ast.Call) and name_of(call) == "verbatim":
                    said = "".join(parts_of(call.args[0]))
                    bypassing += [f"{file}: {said}"] if WORD.search(said) else []
    assert bypassing == []


@pytest.mark.parametrize("name", MODULES)
def test_what_is_printed_is_in_both_languages(name: str) -> None:
    file = ROOT.joinpath(*name.split(".")).with_suffix(".py")
    found = list(printed(file.read_text(encoding="utf-8")))
    if name in PRINTED_ENGLISH:
        assert found, "take it out of PRINTED_ENGLISH"
    else:
        assert found == []


@pytest.mark.parametrize(
    ("source", "wrong"),
    [
        ('echo(f"wrote {file}")', True),
        ('echo("a" + "next" if x else "")', True),
        ('tell(Said("pulling it", node))', True),
        ('tell(NodeDone(node, f"{n} done"))', True),
        ('echo(f"{name}: {text}")', False),
        ('echo(Text("wrote {file}").filled(file=file))', False),
        ("echo(text)", False),
        ('def shown() -> str:\n    return f"{n} nodes"\necho(shown())', True),
        ('def shown() -> str:\n    """Return it."""\n    return in_words(x)\necho(shown())', False),
        (
            'def a() -> str:\n    return "\\n".join(b())\n'
            'def b() -> list[str]:\n    lines = []\n    lines.append("done")\necho(a())',
            True,
        ),
        ('def shown() -> Text:\n    return Text("nodes")\necho(shown())', False),
    ],
)
def test_what_bypasses_the_catalogue(source: str, *, wrong: bool) -> None:
    assert bool(list(printed(source))) == wrong


@pytest.mark.parametrize(
    "stderr",
    [
        "@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @",
        "No ED25519 host key is known for 10.0.0.12 and you have requested strict checking.",
        "root@10.0.0.12: Permission denied (publickey).",
        "Received disconnect: Too many authentication failures",
        "ssh: Could not resolve hostname node9: Name or service not known",
        "connect to host 10.0.0.12 port 22: Connection refused",
        "connect to host 10.0.0.12 port 22: Connection timed out",
        "connect to host 10.0.0.12 port 22: No route to host",
        "kex_exchange_identification: read: broken",
    ],
)
def test_a_server_out_of_reach_in_chinese(stderr: str) -> None:
    error = ssh_error(stderr, SshTarget("root", "10.0.0.12"), "node1 (10.0.0.12)")
    nodes = (Node(0, "10.0.0.11", 1, Local()), Node(1, "10.0.0.12", 1, Local()))
    facts = Facts(Cluster("lab", nodes, Path("/dsk.yaml")), unreachable={1: error})
    found = judge_all(facts, [check for check in CHECKS if check.name == "server"])
    (failed,) = [each for each in found if each.state == "failed"]
    assert failed.fix
    assert CHINESE.search(failed.text.in_language("zh"))
    assert CHINESE.search(failed.fix.in_language("zh"))
    assert failed.text.in_language("en") == error.message
    assert failed.fix.in_language("en") == error.fix


@pytest.mark.parametrize(
    "stderr",
    [
        "permission denied while trying to connect to the Docker daemon socket",
        "Cannot connect to the Docker daemon at unix:///var/run/docker.sock.",
        "docker: not found",
        "something else",
    ],
)
def test_an_engine_that_is_none_in_chinese(stderr: str) -> None:
    error = engine_error(stderr, "node1")
    assert CHINESE.search(error.told.in_language("zh"))
    assert error.remedy is None or CHINESE.search(error.remedy.in_language("zh"))


def test_what_a_program_said_stays_as_it_is() -> None:
    said = "unknown option {x}"
    error = DskError(Text("fails alone: {cause}").filled(cause=verbatim(said)), fix="try: {y}")
    assert error.told.in_language("zh") == f"单独就失败：{said}"
    assert str(error) == f"fails alone: {said}\n  fix: try: {{y}}"
