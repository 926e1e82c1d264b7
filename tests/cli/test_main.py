"""The command line's entry: help, usage errors, errors on one line."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from dsk.cli.main import COMMANDS
from tests.cli.conftest import DSK, Dsk

HEAVY = ("docker", "omegaconf", "pydantic", "requests", "rich", "yaml")


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_says_what_each_commands_own_help_begins_with(name: str) -> None:
    command = importlib.import_module(f"dsk.cli.{name}").command
    assert str(command.help).startswith(COMMANDS[name])


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(dsk: Dsk, name: str) -> None:
    assert "Usage: dsk" in dsk(name, "--help").out


@pytest.mark.parametrize(
    "words",
    [
        *(("push",), ("pull",), ("logs",), ("exec",), ("down",), ("launch",)),
        *(("image", "sync"), ("image", "load"), ("image", "verify")),
    ],
)
def test_nodes_are_chosen_by_one_option(dsk: Dsk, words: tuple[str, ...]) -> None:
    shown = dsk(*words, "--help").out
    assert "--node NODE" in shown
    assert not {"--host", "--to", "--include"} & {
        line.split()[0].rstrip(",") for line in shown.splitlines() if line.strip()
    }


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys; sys.argv = ['dsk', '--help']\n"
        "from dsk.cli.main import main\n"
        "try: main()\n"
        f"finally: print(sorted(set(sys.modules) & set({HEAVY})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_version(dsk: Dsk) -> None:
    assert dsk("--version").out.startswith("dsk, version 0.")


@pytest.mark.parametrize(
    "words", [("lunch",), ("up", "--frce"), ("launch",), ("exec",), ("init",), ("logs", "a", "b")]
)
def test_usage_errors(dsk: Dsk, words: tuple[str, ...]) -> None:
    assert dsk(*words, code=2).err


@pytest.mark.parametrize("name", ["render", "up", "down", "status", "logs", "stop"])
def test_without_a_cluster_file(dsk: Dsk, name: str) -> None:
    said = dsk(name, code=2).err
    assert said.startswith("error: dsk.yaml: there is no such file")
    assert "dsk init" in said


def test_the_file_may_be_named(in_cluster: Dsk) -> None:
    (in_cluster.folder / "dsk.yaml").rename(in_cluster.folder / "other.yaml")
    in_cluster("-f", "other.yaml", "render")
    in_cluster("render", DSK_FILE="other.yaml")


def test_debug_shows_where_an_error_comes_from(dsk: Dsk) -> None:
    assert "Traceback" in dsk("--debug", "render", code=2).err


def test_a_reader_that_goes_away_is_no_error(in_cluster: Dsk) -> None:
    train = in_cluster.train()
    done = subprocess.run(
        f"set -o pipefail; {DSK} launch --dry-run {train} | head -n 1",
        shell=True,
        executable="/bin/bash",
        cwd=in_cluster.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
