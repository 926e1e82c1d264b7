"""`python -m dsk.agent.examine WORKSPACE`: answers the lines on its input, as wire.session has them
(`op` and its arguments; `result` or `error`). What it made is taken away when the input ends."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dsk.agent import checkpoints
from dsk.agent.examine import hub, inputs, logins, model, private
from dsk.agent.examine.look import look
from dsk.agent.examine.room import Room
from dsk.wire import session
from dsk.wire.request import plain


def main() -> None:
    room = Room(sys.argv[1])
    ops: dict[str, Callable[..., Any]] = {
        "look": lambda: {**look(), "workspace": room.look(), "modes": private.modes()},
        "mark": room.mark,
        "marks": room.marks,
        "logins": logins.log_in,
        "hub": hub.look,
        "inputs": inputs.examine,
        "checkpoints": lambda folder: plain(checkpoints.saved(folder)),
        "exists": lambda path: Path(path).exists(),
        "read": model.read,
        "recipe_keys": model.recipe_keys,
        "model": model.describe,
        "fix_modes": private.fix_modes,
        "fix_known_hosts": private.fix_known_hosts,
    }
    try:
        for line in sys.stdin.buffer:
            request = session.decode(line)
            number, op = request.pop("id"), request.pop("op")
            try:
                answer = {"id": number, "result": ops[op](**request)}
            except Exception as error:
                answer = {"id": number, "error": f"{type(error).__name__}: {error}"}
            sys.stdout.buffer.write(session.encode(answer))
            sys.stdout.buffer.flush()
    except (KeyboardInterrupt, BrokenPipeError):
        pass
    finally:
        room.clear()


if __name__ == "__main__":
    main()
