"""A question on the terminal that Ctrl-C ends at any moment."""

from __future__ import annotations

import os
import select
import signal
import sys
from collections.abc import Mapping, Sequence

from dsk.cli.printing import echo


def ask(question: str, choices: str, answers: Mapping[str, Sequence[str]], default: str) -> str:
    """Return the key of `answers` that has the typed word, asking again after any other word. An
    empty line, and the end of the input, are `default`. Raises KeyboardInterrupt."""
    while True:
        echo(f"{question} ({choices}) [{default}]: ", nl=False, err=True)
        _wait_for_input()
        word = sys.stdin.readline().strip().lower()
        if not word:
            return default
        for answer, words in answers.items():
            if word in words:
                return answer
        echo(choices, err=True)


def _wait_for_input() -> None:
    """Python acts on a signal that arrives just before it reads from the terminal only once a line
    was typed. The wakeup descriptor gets a byte as soon as the signal arrives, so select ends."""
    told, teller = os.pipe()
    os.set_blocking(teller, False)
    before = signal.set_wakeup_fd(teller, warn_on_full_buffer=False)
    try:
        select.select([sys.stdin, told], [], [])
    finally:
        signal.set_wakeup_fd(before)
        os.close(told)
        os.close(teller)
