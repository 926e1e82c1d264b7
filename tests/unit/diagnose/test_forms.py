"""A report has the same verdict in whatever form it is pasted."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest

from dsk.diagnose import Judge, load
from tests.unit.diagnose.test_reports import ALL

ENTRIES = load()
LOGS = [row["log"] for rows in ALL.values() for row in rows]

Form = Callable[[str], bytes]


def each_line(change: Callable[[str], str]) -> Form:
    return lambda log: "\n".join(change(line) for line in log.splitlines()).encode()


def after(prefix: str) -> Form:
    return each_line(lambda line: prefix + line)


FORMS: dict[str, Form] = {
    "docker compose with stamps": after("trainer-1  | 2026-11-29T01:22:46.123456789Z "),
    "pdsh": after("10.0.0.12: "),
    "srun": after("3: "),
    "mpirun": after("[1,3]<stderr>:"),
    "ray": after("(TrainWorker pid=812, ip=10.0.0.4) "),
    "kubectl": after("[pod/train-0/main] "),
    "syslog": after("Nov 29 01:22:46 node1 train[812]: "),
    "stamps, blanks at the end cut off": each_line(
        lambda line: f"2026-11-29 01:22:46,123 {line}".rstrip()
    ),
    "a quote": after("> "),
    "a block of code": after("    "),
    "no indentation": each_line(str.lstrip),
    "blanks at the end": each_line(lambda line: f"{line}   "),
    "colours": each_line(lambda line: f"\x1b[31m{line}\x1b[0m"),
    "UTF-16": lambda log: log.encode("utf-16"),
    "CRLF": lambda log: log.replace("\n", "\r\n").encode(),
    "every rank the same": lambda log: "\n".join(
        f"[rank{rank}]: {line}" for line in log.splitlines() for rank in (0, 1)
    ).encode(),
}


def verdict(raw: bytes) -> tuple[str | None, bool]:
    found = Judge(ENTRIES).read(io.BytesIO(raw))
    return found.id, found.id is None and found.crash is not None


PLAIN = [verdict(log.encode()) for log in LOGS]


@pytest.mark.parametrize("form", FORMS)
def test_the_form_changes_nothing(form: str) -> None:
    changed = [
        (was, now, log)
        for was, log in zip(PLAIN, LOGS, strict=True)
        if (now := verdict(FORMS[form](log))) != was
    ]
    assert not changed
