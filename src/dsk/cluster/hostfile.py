"""DeepSpeed's hostfile, as its runner reads it (launcher/runner.py, 0.19.8). Pure."""

from __future__ import annotations

import re
import unicodedata

from dsk.cluster.userfile import refuse_invisible
from dsk.errors import UserError
from dsk.text import Text

MOST_SLOTS = 64
"""A larger number behind `HOST:` is a port."""
# What follows the slots is ignored by DeepSpeed; Open MPI's own key is the one that people write.
_LINE = re.compile(r"(\S+)\s+slots=(\d+)(?:\s+max[-_]slots=\d+)?")
_TYPO = re.compile(r"(\S+)\s+(?:slots?|max[-_]slots|gpus?)\s*[-:=\s]\s*(\d+)", re.IGNORECASE)
_COLON = re.compile(r"([^:\s]+):(\d+)")
_FULL_WIDTH = re.compile(r"[！-～　]")


def parse(text: str, name: str) -> dict[str, int]:
    """Host (address or name) to slots, in order; `name` is the file's. Raises UserError."""
    found: dict[str, int] = {}
    for where, line in _lines(text, name):
        match = _LINE.fullmatch(line)
        if not match:
            raise UserError(
                Text("{line!r} is not `HOST slots=N`").filled(line=line),
                where=where,
                fix=_fix(line),
            )
        host, slots = match[1], int(match[2])
        check_host(host, where, slots)
        if slots == 0:
            raise UserError(
                Text("{host} has no slots").filled(host=host),
                where=where,
                fix=Text("delete the line, or write slots=1 or more"),
            )
        if host in found:
            raise UserError(
                Text("{host} is listed twice").filled(host=host),
                where=where,
                fix=Text("delete one of the lines"),
            )
        found[host] = slots
    if not found:
        raise UserError(
            Text("names no host"), where=name, fix=Text("write a line such as: 10.0.0.11 slots=4")
        )
    return found


def place_of(host: str, text: str, name: str) -> str:
    """Where the host is named: `hostfile:2`."""
    return next((where for where, line in _lines(text, name) if line.split()[0] == host), name)


def check_host(host: str, where: str, slots: int | None = None) -> None:
    """Raises UserError for a login, a port or an IPv6 address at a host."""
    slots_word = "" if slots is None else f" slots={slots}"
    login, at, address = host.rpartition("@")
    if at:
        raise UserError(
            Text("{host!r} contains a login: write the host's address or name alone").filled(
                host=host
            ),
            where=where,
            fix=Text(
                "leave out `{login}@`: write {corrected}; the login goes into dsk.yaml (ssh: "
                "{host}) or after --user: --user {login}"
            ).filled(login=login, corrected=f"{address}{slots_word}", host=host),
        )
    if address.count(":") > 1:
        raise UserError(
            Text("{host!r} is an IPv6 address, which the launcher cannot use").filled(host=host),
            where=where,
            fix=Text("write the node's IPv4 address on the LAN"),
        )
    address, colon, port = address.partition(":")
    if colon:
        raise UserError(
            Text("{host!r} contains a port: write the host's address or name alone").filled(
                host=host
            ),
            where=where,
            fix=Text(
                "leave out `:{port}`: write {corrected}; the server's port goes into dsk.yaml "
                "(ssh: root@{host}) or after --port: --port {port}"
            ).filled(port=port, corrected=f"{address}{slots_word}", host=host),
        )


def _lines(text: str, name: str) -> list[tuple[str, str]]:
    """Lines that count, with the place of each. Raises UserError for characters nobody sees."""
    found = []
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.partition("#")[0]
        if not line.strip():
            continue
        where = f"{name}:{number}"
        if wide := _FULL_WIDTH.search(line):
            plain = unicodedata.normalize("NFKC", line).partition("#")[0].strip()
            raise UserError(
                Text("'{character}' is a full-width character").filled(character=wide.group()),
                where=where,
                fix=Text("write {plain}").filled(plain=plain),
            )
        refuse_invisible(line.rstrip("\r"), where)
        found.append((where, line.strip()))
    return found


def _fix(line: str) -> Text:
    if typo := _TYPO.fullmatch(line):
        return Text("write {line} (DeepSpeed requires an equals sign and no spaces)").filled(
            line=f"{typo[1]} slots={typo[2]}"
        )
    if slots := re.match(r"(\S+)\s+slots=(\d+)\b", line):
        return Text("write {plain}").filled(plain=f"{slots[1]} slots={slots[2]}")
    host = line.split(maxsplit=1)[0]
    if (colon := _COLON.fullmatch(line)) and 0 < int(colon[2]) <= MOST_SLOTS:
        return Text("write {plain}").filled(plain=f"{colon[1]} slots={colon[2]}")
    if colon := _COLON.fullmatch(host):
        host = colon[1]
    return Text("write {host} slots=N, N the number of its GPUs, such as: {host} slots=4").filled(
        host=host
    )
