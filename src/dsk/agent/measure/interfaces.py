"""The interfaces and routes of this node, by iproute2 and sysfs."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dsk.wire.measure import Interface, Route

SYS = Path("/sys/class/net")
LIMIT_S = 10.0
DEFAULT_MTU = 1500


def interfaces(node: int) -> list[Interface]:
    """Raises OSError where ip fails."""
    return [_interface(node, raw) for raw in json.loads(_ip("-details", "address", "show"))]


def _interface(node: int, raw: dict[str, Any]) -> Interface:
    name, flags = raw["ifname"], raw["flags"]
    kind = "loopback" if "LOOPBACK" in flags else raw.get("linkinfo", {}).get("info_kind", "")
    addresses = (
        f"{each['local']}/{each['prefixlen']}"
        for each in raw.get("addr_info", [])
        if each.get("family") == "inet"
    )
    return Interface(
        node,
        name,
        kind,
        tuple(addresses),
        raw["mtu"],
        up="UP" in flags,
        carrier="LOWER_UP" in flags,
        speed=_speed(name),
        duplex=_read(name, "duplex"),
    )


def _speed(name: str) -> int | None:
    """Mbit/s; None where the driver does not know, which it says by -1 or an error."""
    text = _read(name, "speed")
    return int(text) if text and text.isdigit() else None


def _read(name: str, attribute: str) -> str | None:
    try:
        text = (SYS / name / attribute).read_text().strip()
    except OSError:
        return None
    return None if text in ("", "unknown") else text


def owner(found: Sequence[Interface], address: str) -> str:
    """The interface that has the address; "" if none has."""
    return next((each.name for each in found if address in _bare(each)), "")


def address_on(found: Sequence[Interface], interface: str, preferred: str) -> str:
    """The address that NCCL takes on the interface, `preferred` where that has it or has none."""
    mine = next((_bare(each) for each in found if each.name == interface), [])
    return preferred if preferred in mine or not mine else mine[0]


def _bare(interface: Interface) -> list[str]:
    return [address.partition("/")[0] for address in interface.addresses]


def mtu_of(interface: str, address: str) -> int:
    """Of the interface, or of the one that routes `address`."""
    name = interface or routes(0, [(0, address)])[0].interface
    return int(_read(name, "mtu") or DEFAULT_MTU)


def routes(node: int, targets: Sequence[tuple[int, str]]) -> list[Route]:
    """For each (peer, address)."""
    commands = "".join(f"route get {address}\n" for _, address in targets)
    # One ip for all: it prints a line for each command, and goes on after one that fails (-force).
    lines = _ip("-force", "-batch", "-", input=commands, check=False).splitlines()
    by_target = {}
    for line in lines:
        if line.startswith("["):
            for raw in json.loads(line):
                by_target[raw["dst"]] = raw
    return [_route(node, peer, by_target.get(address)) for peer, address in targets]


def _route(node: int, peer: int, raw: dict[str, Any] | None) -> Route:
    if raw is None:
        return Route(node, peer, "", "", "no route")
    return Route(node, peer, raw.get("dev", ""), raw.get("prefsrc", ""))


def _ip(*words: str, input: str = "", check: bool = True) -> str:  # noqa: A002 - subprocess's word
    done = subprocess.run(
        ["ip", "-json", *words],
        input=input,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    if check and done.returncode:
        raise OSError(f"ip {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout
