"""What reaches a terminal, and what a pipe or another program gets."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pexpect
import pytest

from dsk import cli
from tests.cli.conftest import DSK, Dsk

RESET, CLIPBOARD, C1 = "\x1bc", "\x1b]52;c;cm0gLXJm\x07", "\x9b2J"
EVIL = f"{RESET}{CLIPBOARD}{C1}\x1b[2J\x08"
LOG = f"10.0.0.12: [rank1]: OSError: [Errno 28] No space left on device {EVIL}here\n"
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def on_a_terminal(dsk: Dsk, *words: str, **env: str) -> str:
    """All that dsk sends to a terminal, its line ends as `\n`."""
    child = pexpect.spawn(
        DSK,
        list(words),
        cwd=str(dsk.folder),
        env={**os.environ, "TERM": "xterm", "LANG": "C.UTF-8", **env},
        encoding="utf-8",
        timeout=60,
    )
    child.expect(pexpect.EOF)
    child.close()
    return str(child.before).replace("\r\n", "\n")


def test_a_log_cannot_move_the_terminal_through_a_diagnosis(dsk: Dsk) -> None:
    dsk.write("train.log", LOG)
    shown = on_a_terminal(dsk, "diagnose", "train.log", "--lang=en")
    assert "No space left on device here\n" in shown
    assert COLOUR.search(shown), "dsk's own colours stay"
    assert CONTROLS.findall(COLOUR.sub("", shown)) == []


def test_nor_through_json(dsk: Dsk) -> None:
    dsk.write("train.log", LOG)
    out = dsk("diagnose", "train.log", "--json").out
    assert CONTROLS.findall(out) == []
    assert C1 in json.loads(out)["evidence"][0]["text"], "JSON keeps what was there, escaped"


@pytest.mark.parametrize(
    "words", [("-f", f"x{EVIL}y.yaml", "render"), ("diagnose", f"./x{EVIL}y"), (f"x{EVIL}y",)]
)
def test_nor_can_a_files_name_or_a_word_that_is_wrong(dsk: Dsk, words: tuple[str, ...]) -> None:
    shown = on_a_terminal(dsk, *words)
    assert re.search("x.*y", shown)
    assert CONTROLS.findall(COLOUR.sub("", shown)) == []
    debug = on_a_terminal(dsk, "--debug", *words)
    assert CONTROLS.findall(COLOUR.sub("", debug)) == []


def test_a_recipes_notices_and_values_are_filtered(in_cluster: Dsk) -> None:
    train = in_cluster.train(output_dir=f"outputs/x{EVIL}y", run_name=EVIL)
    shown = on_a_terminal(in_cluster, "launch", "--dry-run", train)
    assert CONTROLS.findall(COLOUR.sub("", shown)) == []


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_terminals_without_colours(dsk: Dsk, env: dict[str, str]) -> None:
    dsk.write("train.log", LOG)
    assert "\x1b" not in on_a_terminal(dsk, "diagnose", "train.log", **env)
    assert "\x1b" not in on_a_terminal(dsk, "render", **env), "an error's word is red elsewhere"
    assert "\x1b" in on_a_terminal(dsk, "render")
    assert "\x1b" in on_a_terminal(dsk, "render", NO_COLOR=""), "as no-color.org says"


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
def test_a_terminal_that_is_not_utf_8(dsk: Dsk, encoding: str) -> None:
    dsk.write("train.log", LOG)
    done = dsk("diagnose", "train.log", "--lang=zh", PYTHONIOENCODING=encoding, PYTHONUTF8="0")
    assert done.out.startswith("\\u539f\\u56e0: ")
    assert dsk("--help", PYTHONIOENCODING=encoding).out


def test_a_files_name_that_is_not_utf_8(dsk: Dsk) -> None:
    name = os.fsdecode(b"./\xff.log")
    assert "\\udcff" in dsk("diagnose", name, code=2).err


def test_a_reader_that_goes_away_ends_dsk_as_sigpipe_would(dsk: Dsk) -> None:
    # More than a pipe holds, so that dsk cannot have written all of it before.
    dsk.write("train.log", "".join(f"[rank0]: RuntimeError: {n} {'x' * 500}\n" for n in range(400)))
    script = f"{DSK} diagnose train.log --json | true; echo ${{PIPESTATUS[0]}}"
    for _ in range(3):
        done = subprocess.run(
            ["bash", "-c", script], cwd=dsk.folder, capture_output=True, text=True, check=False
        )
        assert (done.stdout, done.stderr) == ("141\n", "")


def test_everything_is_printed_by_one_module() -> None:
    folder = Path(cli.__file__).parent
    other = [
        path.name
        for path in folder.rglob("*.py")
        if path.name != "printing.py"
        and re.search(
            r"click\.(secho|echo)\(|(?<![.\w])print\(|sys\.std\w+\.write", path.read_text()
        )
    ]
    # rich's own print() draws tables and bars: of names that dsk made, and of filtered lines.
    assert other == []
