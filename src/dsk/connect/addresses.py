"""Names to LAN addresses, and whether an address is this machine's own."""

from __future__ import annotations

import ipaddress
import socket

from dsk.errors import UserError
from dsk.text import Text


def lan_address(name: str, place: str | None = None) -> str:
    """The IPv4 address of a host, from the resolver where it is a name; `place` is where the user
    wrote it. Raises UserError."""
    where = f"{place}: {name}" if place else name
    try:
        found = socket.getaddrinfo(name, None, socket.AF_INET, socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise UserError(
            Text("cannot be resolved to an IPv4 address"),
            where=where,
            fix=Text("write the node's LAN address instead of its name"),
        ) from None
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    address = ipaddress.IPv4Address(addresses[0])
    if address.is_loopback or address.is_unspecified:
        raise UserError(
            Text("resolves to {address}, an address that other nodes cannot reach").filled(
                address=address
            ),
            where=where,
            fix=Text("write the node's LAN address instead of its name"),
        )
    return str(address)


def is_here(address: str) -> bool:
    """Whether this machine has the address: only then can a socket be bound to it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True
