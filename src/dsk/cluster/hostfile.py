"""DeepSpeed's hostfile, as its runner reads it (launcher/runner.py, 0.19.8). Pure."""

from __future__ import annotations

import re
import unicodedata

from dsk.cluster.userfile import refuse_invisible
from dsk.errors import UserError

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
            raise UserError(f"{line!r} is not `HOST slots=N`", where=where, fix=_fix(line))
        host, slots = match[1], int(match[2])
        check_host(host, where, slots)
        if slots == 0:
            raise UserError(
                f"{host} has no slots", where=where, fix="delete the line, or write slots=1 or more"
            )
        if host in found:
            raise UserError(f"{host} is there twice", where=where, fix="delete one of the lines")
        found[host] = slots
    if not found:
        raise UserError("names no host", where=name, fix="write a line such as: 10.0.0.11 slots=4")
    return found


def place_of(host: str, text: str, name: str) -> str:
    """Where the host is named: `hostfile:2`."""
    return next((where for where, line in _lines(text, name) if line.split()[0] == host), name)


def check_host(host: str, where: str, slots: int | None = None) -> None:
    """Raises UserError for a login, a port or an IPv6 address at a host."""
    line = "write {}" if slots is None else f"write {{}} slots={slots}"
    login, at, address = host.rpartition("@")
    if at:
        raise UserError(
            f"{host!r} names a login: a host is its address or name alone",
            where=where,
            fix=f"leave out `{login}@`: {line.format(address)}; the login belongs into dsk.yaml "
            f"(ssh: {host}) or behind --user: --user {login}",
        )
    if address.count(":") > 1:
        raise UserError(
            f"{host!r} is an IPv6 address, which the launcher cannot use",
            where=where,
            fix="write the node's IPv4 address on the LAN",
        )
    address, colon, port = address.partition(":")
    if colon:
        raise UserError(
            f"{host!r} names a port: a host is its address or name alone",
            where=where,
            fix=f"leave out `:{port}`: {line.format(address)}; the server's port belongs into "
            f"dsk.yaml (ssh: root@{host}) or behind --port: --port {port}",
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
                f"'{wide.group()}' is a full-width character", where=where, fix=f"write {plain}"
            )
        refuse_invisible(line.rstrip("\r"), where)
        found.append((where, line.strip()))
    return found


def _fix(line: str) -> str:
    if typo := _TYPO.fullmatch(line):
        return f"write {typo[1]} slots={typo[2]} (DeepSpeed wants an equals sign, and no blanks)"
    if slots := re.match(r"(\S+)\s+slots=(\d+)\b", line):
        return f"write {slots[1]} slots={slots[2]}"
    host = line.split(maxsplit=1)[0]
    if (colon := _COLON.fullmatch(line)) and 0 < int(colon[2]) <= MOST_SLOTS:
        return f"write {colon[1]} slots={colon[2]}"
    if colon := _COLON.fullmatch(host):
        host = colon[1]
    return f"write {host} slots=N, N the number of its GPUs, such as: {host} slots=4"
