"""What a rank imports before its first step, with Python's garbage collector on and off.

In containers of the image, in turn; processor seconds, which a busy machine changes little.
Usage: imports.py [IMAGE [ROUNDS]]
"""

from __future__ import annotations

import statistics
import subprocess
import sys

WAYS = {
    "collecting": "",
    "as dsk.rank does": "from dsk.rank import hooks; hooks.load_without_collecting()",
}
IMPORTS = """
import time
import transformers.trainer, llamafactory.train.tuner, deepspeed
print(time.process_time())
"""


def seconds(image: str, before: str) -> float:
    options = ["--rm", "--network=none", "--env=DS_ACCELERATOR=cpu"]
    python = ["--entrypoint=/opt/venv/bin/python", image, "-c", f"{before}\n{IMPORTS}"]
    argv = ["docker", "run", *options, *python]
    done = subprocess.run(argv, check=True, capture_output=True, text=True)
    # Libraries may print before.
    return float(done.stdout.splitlines()[-1])


def main(image: str = "dsk:cu128", rounds: str = "5") -> None:
    times: dict[str, list[float]] = {way: [] for way in WAYS}
    for number in range(int(rounds) + 1):
        for way, before in WAYS.items():
            took = seconds(image, before)
            if number:  # the first round warms the disk's cache
                times[way].append(took)
    middle = {way: statistics.median(each) for way, each in times.items()}
    for way, took in middle.items():
        ratio = took / middle["collecting"]
        print(f"{took:6.2f} s  {ratio:5.2f} of collecting  {way}")


if __name__ == "__main__":
    main(*sys.argv[1:])
