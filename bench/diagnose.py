"""How long `dsk diagnose` takes for 100 MB of each kind of log, and that it finds the cause.

    python bench/diagnose.py [MB]

Prints for each how many seconds the command takes, how many of them a processor works, and what
share of the limit that is. The limit of 10 s is for 100 MB, and on processor time: other programs
on the machine change that less, but they do change it, so run it twice and take the lower figures.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

DSK = Path(sys.executable).parent / "dsk"
LIMIT_S = 10.0
"""For 100 MB."""
SMALL_MB = 20
"""The limit of a smaller log is that of this size, since Python has to start as well."""
CAUSE = (
    "[rank3]: Traceback (most recent call last):\n"
    '[rank3]:   File "train.py", line 28, in <module>\n'
    "[rank3]: OSError: [Errno 28] No space left on device\n"
)
WITHOUT_LIMIT = "logged errors, no two with the same words"
"""Of what never repeats itself, nothing that was found out can be used again."""
KINDS = {
    "a training's progress": (
        "{'loss': 0.8533, 'grad_norm': 4.86, 'learning_rate': 1.4e-05, 'epoch': 0.16}\n"
        "  2%|▏         | 13/620 [01:07<50:20,  4.98s/it]\r"
    ),
    "NCCL_DEBUG=INFO": (
        "worker:101542:101542 [0] NCCL INFO Channel 20 : 5[5] -> 4[4] via SHM/direct/direct\n"
        "worker:101542:101542 [0] NCCL INFO NET/Plugin: Could not find: libnccl-net.so.\n"
    ),
    "prefixes of docker compose": (
        "worker-1  | 2026-11-29T01:22:46.123456Z [INFO|trainer.py:2519] >> Saving checkpoint-100\n"
    ),
    "an error that is caught in every second line": (
        "10.0.0.12: WARNING:huggingface_hub: requests.exceptions.ConnectionError: no route, retry\n"
        "10.0.0.12: Traceback (most recent call last):\n"
        '10.0.0.12:   File "/opt/venv/lib/python3.11/site-packages/a.py", line 3, in retry\n'
        "10.0.0.12: PermissionError: [Errno 13] Permission denied: '/.triton'\n"
        "10.0.0.12: {'loss': 0.8533, 'grad_norm': 4.86, 'learning_rate': 1.4e-05}\n"
    ),
    "caught errors and nothing else": (
        "Traceback (most recent call last):\n"
        '  File "/opt/venv/lib/python3.11/site-packages/datasets/load.py", line 3, in read\n'
        "    return self.fetch(path)\n"
        "           ^^^^^^^^^^^^^^^^\n"
        "ValueError: the record is not complete\n"
    ),
    "logged errors, no two with the same numbers and addresses": (
        "[rank1]: 2026-11-29 01:22:46,123 ERROR shard NUMBER cannot be read, trying again\n"
        "Traceback (most recent call last):\n"
        '  File "/opt/venv/lib/python3.11/site-packages/urllib3/connection.py", line 174, in new\n'
        "    connection = connection.create_connection(\n"
        "                 ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n"
        "urllib3.exceptions.NewConnectionError: <HTTPSConnection object at ADDRESS>: refused\n"
        "{'loss': 0.NUMBER, 'epoch': 0.16}\n"
    ),
    WITHOUT_LIMIT: (
        "[rank1]: 2026-11-29 01:22:46,123 ERROR shard WORDS cannot be read, trying again\n"
        "Traceback (most recent call last):\n"
        '  File "/opt/venv/lib/python3.11/site-packages/datasets/load.py", line 174, in new\n'
        "    return self.fetch(path)\n"
        "           ^^^^^^^^^^^^^^^^\n"
        "ValueError: WORDS is not complete\n"
        "{'loss': 0.NUMBER, 'epoch': 0.16}\n"
    ),
}
CHANGING: dict[str, Callable[[int], str]] = {
    "NUMBER": lambda number: f"{number:08}",
    "ADDRESS": lambda number: f"0x7f{number * 2654435761 % 2**32:08x}",
    "WORDS": lambda number: f"{number:08}".translate(str.maketrans("0123456789", "abcdefghij")),
}
"""What differs each time that the lines are repeated."""


def write(log: Path, lines: str, size: int) -> None:
    """At least `size` bytes of the lines, and the cause."""
    times = 1 + size // len(_changed(lines, 0).encode())
    with log.open("w", encoding="utf-8") as file:
        file.writelines(_changed(lines, number) for number in range(times))
        file.write("\n" + CAUSE)


def _changed(lines: str, number: int) -> str:
    for what, text in CHANGING.items():
        if what in lines:
            lines = lines.replace(what, text(number))
    return lines


def worked_s() -> float:
    """Seconds that processors have worked for the programs started here."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    megabytes = int(sys.argv[1] if len(sys.argv) > 1 else "100")
    size = megabytes << 20
    limit_s = LIMIT_S * max(megabytes, SMALL_MB) / 100
    slow = []
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "train.log"
        for kind, lines in KINDS.items():
            write(log, lines, size)
            start, before = time.monotonic(), worked_s()
            done = subprocess.run(
                [DSK, "diagnose", str(log), "--json"], capture_output=True, check=False, text=True
            )
            took = time.monotonic() - start
            found = json.loads(done.stdout)
            worked = worked_s() - before
            share = worked / limit_s
            limit = "no limit" if kind == WITHOUT_LIMIT else f"{share:.0%} of the limit"
            print(
                f"{took:6.1f} s  {found['id']}  {kind} ({worked:.1f} s of work, {limit})",
                flush=True,
            )
            if share > 1 and kind != WITHOUT_LIMIT:
                slow.append(kind)
    if slow:
        sys.exit(f"over {limit_s:.1f} s of work: {', '.join(slow)}")


if __name__ == "__main__":
    main()
