"""The answers of servers, read. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from dsk.survey import nvidia
from dsk.survey.engine import engine_error
from dsk.survey.fact import HUNG, Answer
from dsk.survey.values import (
    GONE,
    Container,
    Disk,
    Engine,
    Gpu,
    Image,
    Listener,
    Proxy,
    Worker,
    Xid,
)
from dsk.wire.imagefacts import ImageFacts

KIB = 1024
# `LISTEN 0 128 10.0.0.11:2222 0.0.0.0:* users:(("sshd",pid=812,fd=3))`
_USER = re.compile(r'\(\("(?P<program>[^"]+)",pid=(?P<pid>\d+)')


def told(answer: Answer) -> str:
    """The last line, as `docker` may print a warning before it; "" where the command failed."""
    return answer.lines[-1] if answer.lines else ""


def words(answer: Answer) -> tuple[str, ...]:
    return tuple(answer.text.split()) if answer.ok else ()


def number(answer: Answer) -> int:
    """0 where none is told."""
    return int(answer.text) if answer.ok and answer.text.isdecimal() else 0


def succeeded(answer: Answer) -> bool:
    return answer.ok


def succeeded_or_hung(answer: Answer) -> bool:
    """Of a folder: a disk that hangs does not say that it is gone."""
    return answer.code in (0, HUNG)


def kibibytes(answer: Answer) -> int:
    """`MemTotal:  2048 kB`, in bytes."""
    return int(answer.text.split()[1]) * KIB


def folder(answer: Answer) -> str:
    """Its device and inode."""
    return GONE if "No such file" in answer.text else told(answer)


def engine(answer: Answer) -> Engine:
    if not answer.ok:
        return Engine(problem=engine_error(answer.text, ""))
    version, _, platform = told(answer).partition(" ")
    return Engine(version, platform)


def runtime(answer: Answer) -> bool:
    """Whether the engine has the accelerator's container runtime."""
    return f'"{answer.accelerator.runtime}"' in answer.text


def proxy(answer: Answer) -> Proxy:
    url, _, without = told(answer).partition(" ")
    return Proxy(url, without)


def image(answer: Answer) -> Image | None:
    return Image.inspected(told(answer)) if answer.ok else None


def layers(answer: Answer) -> tuple[tuple[str, ...], ...]:
    """Of each image: `["sha256:1","sha256:2"]`, one line an image."""
    lists = (line for line in answer.lines if line.startswith("[") or line == "null")
    return tuple(tuple(json.loads(line) or ()) for line in lists)


def worker(answer: Answer) -> Worker:
    if not answer.ok:
        return Worker()
    raw: Mapping[str, Any] = json.loads(told(answer))
    labels = raw["Config"]["Labels"] or {}
    config, owner = labels.get("dsk.config", ""), labels.get("dsk.owner", "")
    return Worker(raw["State"]["Status"], raw["Image"], config, owner)


def contents(answer: Answer) -> ImageFacts:
    """The agent prints one line of JSON; before it, the engine may print warnings. Where it fails,
    `docker run` prints a hint behind the engine's own line."""
    lines = answer.text.splitlines() or [f"exit code {answer.code}"]
    why = next((line for line in lines if line.startswith("docker: ")), lines[-1])
    try:
        return ImageFacts.from_json(next(line for line in answer.lines if line.startswith("{")))
    except (StopIteration, ValueError, TypeError):
        raise ValueError(why) from None


def health(answer: Answer) -> str:
    return "" if answer.ok else answer.last_line


def containers(answer: Answer) -> tuple[Container, ...]:
    return tuple(Container(*line.split("|")) for line in answer.lines if line.count("|") == 4)


def owners(answer: Answer) -> dict[int, str]:
    """Lines of a process id and a container's full id, and of that id and the container's name."""
    pairs = dict(line.split(" ", 1) for line in answer.text.splitlines() if " " in line)
    return {int(pid): pairs[full] for pid, full in pairs.items() if full in pairs}


def driver(answer: Answer) -> str:
    """The version of the accelerator's driver."""
    pattern = answer.accelerator.driver_version
    found = re.search(pattern, answer.text) if pattern else None
    return found[1] if found else ""


def gpus(answer: Answer) -> tuple[Gpu, ...]:
    if not answer.accelerator.server_look:
        return ()
    if not answer.ok:
        raise ValueError(answer.last_line)
    return nvidia.gpus(answer.text)


def xids(answer: Answer) -> tuple[Xid, ...]:
    return nvidia.xids(answer.text)


def disk(answer: Answer) -> Disk | None:
    """`df -PB1`: the line below its heading. None where that place is not on this server."""
    fields = answer.lines[-1].split() if answer.lines else []
    if len(fields) < 6 or not fields[1].isdecimal():
        return None
    return Disk(" ".join(fields[5:]), int(fields[1]), int(fields[3]))


def disks(answer: Answer) -> dict[str, int]:
    """`1048576 /data`: KiB free and the mount point, one line a file system; in bytes."""
    pairs = (line.partition(" ") for line in answer.lines)
    return {mount: int(free) * KIB for free, _, mount in pairs}


def listeners(answer: Answer) -> tuple[Listener, ...]:
    """Of `ss -Hltnp`; without that program of /proc/net/tcp, which names no programs."""
    return tuple(
        _listener(line.split(), line)
        for line in answer.lines
        if line.startswith("LISTEN ") or re.fullmatch("[0-9A-F]{8}:[0-9A-F]{4}", line)
    )


def _listener(fields: list[str], line: str) -> Listener:
    if len(fields) == 1:
        # The address is in the machine's order, little-endian.
        address, _, port = line.partition(":")
        return Listener(".".join(map(str, reversed(bytes.fromhex(address)))), int(port, 16))
    address, _, port = fields[3].rpartition(":")
    if not (user := _USER.search(line)):
        return Listener(address, int(port))
    return Listener(address, int(port), user["program"], int(user["pid"]))


def files(answer: Answer) -> tuple[str, ...] | None:
    """`./ssh/config: FAILED`, one line a file; None where the bundle is not there."""
    if not answer.ok:
        return None
    bad = (line.partition(": ") for line in answer.lines)
    return tuple(path.removeprefix("./") for path, _, why in bad if why.startswith("FAILED"))


def modes(answer: Answer) -> dict[str, str]:
    """`644 ./ssh/authorized_keys`, one line a file; `.` is the bundle's folder."""
    lines = (line.partition(" ") for line in answer.lines)
    return {path.removeprefix("./"): mode.zfill(4) for mode, _, path in lines}
