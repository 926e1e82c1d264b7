"""`python -m dsk.hub` in the master's worker: downloads one repository (wire.hub)."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
from pathlib import Path

from dsk.errors import INTERRUPTED, DskError
from dsk.wire.hub import Fetch, Refused, Word, encode


def main() -> int:
    # Libraries print what they like: the supervisor reads this process's own output.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    wanted = Fetch(**json.loads(sys.stdin.readline()))
    # A job's end reaches it twice: the agent ends the job's processes, and its input ends.
    signal.signal(signal.SIGTERM, lambda *_: _end())
    threading.Thread(target=_end_with_input, daemon=True).start()

    def tell(word: Word) -> None:
        print(encode(word), file=out, flush=True)

    if wanted.hub == "huggingface":
        from dsk.hub.huggingface import fetch
    else:
        from dsk.hub.modelscope import fetch
    try:
        tell(fetch(wanted, tell))
    except DskError as error:
        tell(Refused(error.told, error.exit_code, error.remedy))
        return error.exit_code
    return 0


def _end_with_input() -> None:
    sys.stdin.read()
    _end()


def _end() -> None:
    # Large files go on where they were (dsk.hub.ranges). What huggingface_hub itself has open it
    # would begin again under another name, and this would lie in the cache for good.
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            if (open_file := descriptor.readlink()).suffix == ".incomplete":
                open_file.unlink()
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    sys.exit(main())
