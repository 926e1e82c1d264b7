"""Asks a hub for a repository, by the program that downloads it for a job (wire.hub)."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from dsk.text import Text
from dsk.wire import paths
from dsk.wire.hub import Fetch, Ready, Refused, decode

LIMIT_S = 90.0
"""The hubs' libraries ask again for a while before they give up."""
UNREACHABLE = 3
"""dsk's exit code for it."""


def look(fetch: Mapping[str, Any], env: Mapping[str, str]) -> dict[str, Any]:
    """`fetch` as a wire Fetch, `env` the ranks'. `bytes` would be downloaded, `note` is what the
    program said about it; or `problem`, its `fix` and dsk's exit `code` for it. Neither a token nor
    a variable is on a command line."""
    process = subprocess.Popen(
        [str(paths.PYTHON), "-I", "-m", "dsk.hub"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        errors="replace",
        env={**os.environ, **env},
    )
    assert process.stdin and process.stdout  # noqa: S101 - PIPE above
    limit = threading.Timer(LIMIT_S, process.kill)
    limit.start()
    try:
        process.stdin.write(replace(Fetch(**fetch), look_only=True).to_json() + "\n")
        process.stdin.flush()
        return _listen(process)
    except (BrokenPipeError, json.JSONDecodeError):
        return _silent()
    finally:
        limit.cancel()
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def _listen(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout  # noqa: S101 - PIPE above
    for line in process.stdout:
        try:
            word = decode(line)
        except ValueError:
            continue
        if isinstance(word, Ready):
            return {"bytes": word.downloaded, "note": word.note and asdict(word.note)}
        if isinstance(word, Refused):
            fix = word.fix and asdict(word.fix)
            return {"problem": asdict(word.message), "fix": fix, "code": word.code}
    return _silent()


def _silent() -> dict[str, Any]:
    text = Text("the program that asks the hub ended, or said nothing for {limit:.0f} s")
    return {"problem": asdict(text.filled(limit=LIMIT_S)), "fix": None, "code": UNREACHABLE}
