"""`dsk image`: the commands of the group, and what they refuse before anything is contacted."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from dsk.cli.image import COMMANDS
from tests.cli.conftest import Dsk, needs_docker_program


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_says_what_each_commands_own_help_begins_with(dsk: Dsk, name: str) -> None:
    command = importlib.import_module(f"dsk.cli.image.{name}").command
    assert str(command.help).startswith(COMMANDS[name])
    assert f"Usage: dsk image {name}" in dsk("image", name, "--help").out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("verify", "--here", "--node", "1"), "exclude each other"),
        (("verify", "--image", "dsk:x"), "--image needs --here"),
        (("verify", "--node", "9"), "'9' is not a node of this cluster"),
        (("load", "none.tar.zst"), "none.tar.zst: cannot be read: No such file"),
        (("load", "none.tar.zst", "--to", "node7"), "'node7' is not a node of this cluster"),
        (("load",), "Missing argument 'FILE'"),
        (("save",), "Missing argument 'FILE'"),
    ],
)
def test_what_is_refused(in_cluster: Dsk, words: tuple[str, ...], said: str) -> None:
    assert said in in_cluster("image", *words, code=2).err


@pytest.mark.parametrize("words", [("verify",), ("load", "a.tar.zst", "--to", "0")])
def test_without_a_cluster_file(dsk: Dsk, words: tuple[str, ...]) -> None:
    assert "there is no such file" in dsk("image", *words, code=2).err


@needs_docker_program
@pytest.mark.parametrize("words", [("verify", "--here"), ("save", "a.tar.zst")])
def test_no_engine(dsk: Dsk, tmp_path: Path, words: tuple[str, ...]) -> None:
    said = dsk("image", *words, code=3, DOCKER_HOST=f"unix://{tmp_path}/none.sock").err
    assert "the Docker engine is not running" in said
    assert list(tmp_path.iterdir()) == []
