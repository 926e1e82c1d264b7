"""What an error says in a finding is in the finding's language, but for what programs said."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import dsk
from dsk.checks.facts import Facts
from dsk.checks.registry import CHECKS, judge_all
from dsk.cluster.model import Cluster, Local, Node, SshTarget
from dsk.connect.engine import engine_error
from dsk.connect.ssherrors import ssh_error
from dsk.errors import DskError
from dsk.text import Text, verbatim

ROOT = Path(dsk.__file__).parent
CHINESE = re.compile("[\u4e00-\u9fff]")
# Errors raised there become findings of `dsk check`; those of the files left out end a command.
LEFT_OUT = ("load.py", "keys.py", "keygen.py", "addresses.py")
FILES = sorted(
    file
    for room in ("connect", "recipe")
    for file in (ROOT / room).glob("*.py")
    if file.name not in LEFT_OUT
)
ERRORS = {"UserError", "Unreachable", "DskError", "JobFailed", "error"}


def sentences(file: Path) -> Iterator[ast.expr]:
    """What errors are made with there: their message and their fix."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", "") or getattr(node.func, "attr", "")
            if name in ERRORS:
                yield from node.args[1 if name == "error" else 0 :][:1]
                yield from (word.value for word in node.keywords if word.arg == "fix")


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_no_sentence_is_in_english_alone(file: Path) -> None:
    for said in sentences(file):
        assert not isinstance(said, (ast.Constant, ast.JoinedStr)), (file, said.lineno)


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
    error = DskError(
        Text("failed: {said}", "失败：{said}").filled(said=verbatim(said)), fix="try: {y}"
    )
    assert error.told.in_language("zh") == f"失败：{said}"
    assert str(error) == f"failed: {said}\n  fix: try: {{y}}"
