"""Question and answer with a real program."""

from __future__ import annotations

import sys
import time

import pytest

from dsk.connect import dialogue as dialogue_module
from dsk.connect.dialogue import Dialogue
from dsk.connect.local import LocalServer
from dsk.errors import DskError, Unreachable

ECHO = "import sys\nfor line in sys.stdin: print('heard', line.strip(), flush=True)"


def talk(program: str) -> Dialogue:
    return Dialogue(LocalServer("here"), [sys.executable, "-c", program], "node1")


def test_line_by_line() -> None:
    with talk(ECHO) as dialogue:
        assert dialogue.ask(b"one\n", 10) == b"heard one"
        assert dialogue.ask(b"two\n", 10) == b"heard two"


def test_a_program_that_ends_says_why() -> None:
    program = "import sys; sys.stdin.readline(); sys.exit('no room')"
    with talk(program) as dialogue, pytest.raises(DskError, match="node1: no room"):
        dialogue.ask(b"one\n", 10)


def test_a_program_that_was_never_there() -> None:
    with talk("import sys; sys.exit('cannot start')") as dialogue:
        time.sleep(0.2)
        with pytest.raises(DskError, match="cannot start"):
            dialogue.ask(b"one\n", 10)


def test_silence_has_a_limit_and_the_program_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialogue_module, "LAST_WORDS_S", 0.1)
    dialogue = talk("import time; time.sleep(60)")
    with pytest.raises(Unreachable, match=r"no answer within 0\.3 s"):
        dialogue.ask(b"one\n", 0.3)
    begun = time.monotonic()
    dialogue.close()
    assert time.monotonic() - begun < 30
