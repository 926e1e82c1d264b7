"""What `--json` prints where a command fails: for every command that has it."""

from __future__ import annotations

import importlib
import json
import re

import click
import pytest

from dsk.cli.errors import asked_for_json
from dsk.cli.image import COMMANDS as OF_IMAGE
from dsk.cli.main import COMMANDS
from dsk.cli.main import dsk as group
from tests.cli.conftest import Dsk

KEYS = {"event", "message", "where", "fix", "exit_code"}


def with_json() -> list[tuple[str, ...]]:
    """The words of each command that has the option."""
    modules: dict[tuple[str, ...], str] = {(name,): f"dsk.cli.{name}" for name in COMMANDS}
    modules |= {("image", name): f"dsk.cli.image.{name}" for name in OF_IMAGE}
    found = []
    for words, module in modules.items():
        command = importlib.import_module(module).command
        if any("--json" in parameter.opts for parameter in command.params):
            found.append(words)
    return found


ARGUMENTS: dict[tuple[str, ...], list[str]] = {
    ("launch",): ["train.yaml"],
    ("tune",): ["train.yaml"],
    ("push",): ["a"],
    ("pull",): ["a"],
}


def test_these_have_it() -> None:
    assert {words[-1] for words in with_json()} == {
        *("keys", "check", "launch", "status", "logs", "diagnose", "notify", "push", "pull"),
        *("report", "tune"),
        "verify",
    }


@pytest.mark.parametrize("words", with_json(), ids=" ".join)
def test_a_dsk_yaml_that_is_wrong(dsk: Dsk, words: tuple[str, ...]) -> None:
    dsk.write("dsk.yaml", "nodes: 7\n")
    dsk.train()
    done = dsk(*words, *ARGUMENTS.get(words, []), "--json", code=2)
    error = json.loads(done.out)
    assert error.keys() == KEYS
    assert (error["event"], error["exit_code"]) == ("error", 2)
    assert error["where"].startswith("dsk.yaml") or "dsk.yaml" in error["message"]
    assert error["message"].splitlines()[0] in done.err, "people read it too"


@pytest.mark.parametrize("words", with_json(), ids=" ".join)
def test_an_option_that_does_not_exist(dsk: Dsk, words: tuple[str, ...]) -> None:
    done = dsk(*words, "--json", "--no-such-option", code=2)
    error = json.loads(done.out)
    assert error.keys() == KEYS
    assert re.search("No such option.*--no-such-option", error["message"])
    assert dsk(*words, "--no-such-option", code=2).out == ""


def test_what_is_unreachable(in_cluster: Dsk) -> None:
    in_cluster.write(
        "dsk.yaml", "name: here\nnodes: [{host: 10.255.255.11, slots: 1, ssh: local}]\n"
    )
    env = {"DOCKER_HOST": f"unix://{in_cluster.folder}/none.sock"}
    done = in_cluster("logs", "--json", code=3, **env)
    assert json.loads(done.out)["exit_code"] == 3


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        (["status", "--json"], True),
        (["-f", "x.yaml", "status", "--json"], True),
        (["image", "verify", "--here", "--json"], True),
        (["status"], False),
        (["up", "--json"], False),
        (["exec", "--", "program", "--json"], False),
        (["exec", "program", "--json"], False),
        (["no-such-command", "--json"], False),
    ],
)
def test_whether_json_is_asked_for(arguments: list[str], *, asked: bool) -> None:
    assert isinstance(group, click.Group)
    assert asked_for_json(group, arguments) == asked
