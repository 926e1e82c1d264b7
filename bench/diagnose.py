"""How long `dsk diagnose` takes for 100 MB of each kind of log, and that it finds the cause.

    python bench/diagnose.py [MB]

Prints for each how many seconds the command takes, and how many of them a processor works: other
programs on the machine change the first more than the second.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

DSK = Path(sys.executable).parent / "dsk"
LIMIT_S = 10.0
CAUSE = (
    "[rank3]: Traceback (most recent call last):\n"
    '[rank3]:   File "train.py", line 28, in <module>\n'
    "[rank3]: OSError: [Errno 28] No space left on device\n"
)
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
    "logged errors, no two with the same numbers": (
        "[rank1]: 2026-11-29 01:22:46,123 ERROR shard NUMBER cannot be read, trying again\n"
        "Traceback (most recent call last):\n"
        '  File "/opt/venv/lib/python3.11/site-packages/urllib3/connection.py", line 174, in new\n'
        "    connection = connection.create_connection(\n"
        "                 ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n"
        "urllib3.exceptions.NewConnectionError: <HTTPSConnection object at 0x7fNUMBER>: refused\n"
        "{'loss': 0.NUMBER, 'epoch': 0.16}\n"
    ),
}
NUMBER = "NUMBER"
"""What differs each time that the lines are repeated."""


def write(log: Path, lines: str, size: int) -> None:
    """At least `size` bytes of the lines, and the cause."""
    times = size // len(lines.encode())
    with log.open("w", encoding="utf-8") as file:
        if NUMBER in lines:
            file.writelines(lines.replace(NUMBER, f"{number:08}") for number in range(times))
        else:
            file.write(lines * times)
        file.write("\n" + CAUSE)


def worked_s() -> float:
    """Seconds that processors have worked for the programs started here."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    size = int(sys.argv[1] if len(sys.argv) > 1 else "100") << 20
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
            print(f"{took:6.1f} s  {found['id']}  {kind} ({worked:.1f} s of work)", flush=True)
            if worked > LIMIT_S:
                slow.append(kind)
    if slow:
        sys.exit(f"over {LIMIT_S:.0f} s of work: {', '.join(slow)}")


if __name__ == "__main__":
    main()
