"""What a rank finds when it has been started, and what its agent has of it."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from dsk.agent.starter import ExecStarter, RankCommand, RankProcess

SHOWS = """
import json, os, sys
found = {"env": dict(os.environ), "folder": os.getcwd(), "leads": os.getsid(0) == os.getpid(),
         "parent": os.getppid(), "input": sys.stdin.read(), "words": sys.argv[1:]}
print(json.dumps(found), flush=True)
print("an error", file=sys.stderr)
sys.exit(3)
"""


def start(code: str, folder: Path, env: Mapping[str, str] | None = None) -> RankProcess:
    argv = [sys.executable, "-c", code, "a word"]
    return ExecStarter().start(RankCommand(0, argv, env or {}, folder))


def test_a_rank_has_its_environment_folder_and_session_and_no_input(tmp_path: Path) -> None:
    env = {"LC_ALL": "C.UTF-8", "RANK": "0"}
    rank = start(SHOWS, tmp_path, env)
    with rank.output:
        first, *rest = rank.output.read().decode().splitlines()
    assert rank.wait() == 3
    assert json.loads(first) == {
        "env": env,
        "folder": str(tmp_path),
        "leads": True,
        "parent": os.getpid(),
        "input": "",
        "words": ["a word"],
    }
    assert rest == ["an error"], "both streams come through one pipe"


def test_a_signal_is_a_negative_exit_code(tmp_path: Path) -> None:
    rank = start("import time; time.sleep(60)", tmp_path)
    os.kill(rank.pid, signal.SIGKILL)
    assert rank.wait() == -signal.SIGKILL
    rank.output.close()


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        ExecStarter().start(RankCommand(0, ["/nowhere"], {}, tmp_path))
