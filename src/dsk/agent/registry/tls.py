"""Certificates for the time of one sync, made by openssl; the authority's key is gone at once."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

DAYS = "2"
LIMIT_S = 20.0
EC_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


@dataclass(frozen=True)
class Identity:
    """Paths of a certificate and its key."""

    cert: Path
    key: Path


@dataclass(frozen=True)
class Certificates:
    """`ca` signed the server's and the one client certificate, and nothing else ever."""

    ca: Path
    server: Identity
    client: Identity


def make(folder: Path, address: str) -> Certificates:
    """Certificates for a server at `address` (IPv4). Raises RuntimeError with openssl's words."""
    authority = _request(folder, "ca", ["-addext", "keyUsage=critical,keyCertSign"])
    try:
        server = _signed(folder, "server", authority, "serverAuth", f"IP:{address}")
        client = _signed(folder, "client", authority, "clientAuth", "DNS:dsk-node")
    finally:
        authority.key.unlink()
    return Certificates(authority.cert, server, client)


def _signed(folder: Path, name: str, authority: Identity, usage: str, subject: str) -> Identity:
    extensions = {
        "basicConstraints": "critical,CA:FALSE",
        "extendedKeyUsage": usage,
        "subjectAltName": subject,
    }
    options = ["-CA", str(authority.cert), "-CAkey", str(authority.key)]
    for extension, value in extensions.items():
        options += ["-addext", f"{extension}={value}"]
    return _request(folder, name, options)


def _request(folder: Path, name: str, options: list[str]) -> Identity:
    made = Identity(folder / f"{name}.crt", folder / f"{name}.key")
    argv = ["openssl", "req", "-x509", *EC_KEY, "-days", DAYS, "-subj", f"/CN=dsk-{name}"]
    argv += ["-keyout", str(made.key), "-out", str(made.cert), *options]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    if done.returncode:
        raise RuntimeError(f"openssl made no certificate: {done.stderr.strip()}")
    made.key.chmod(0o600)
    return made
