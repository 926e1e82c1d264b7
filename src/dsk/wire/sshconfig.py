"""The OpenSSH client's configuration for logins to the workers (ssh_config(5))."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def ssh_config(
    folder: str,
    port: int,
    login: str,
    *,
    hosts: Sequence[str] = ("*",),
    env: Mapping[str, str] | None = None,
    source: str | None = None,
) -> str:
    """With the cluster's key and known host keys in `folder`, and with no others.

    `source`: the address of this machine to connect from. The workers accept the key from the
    nodes' addresses alone, and the kernel might choose another one of a machine that has several.
    `env` is sent along: here, and not on a command line, where every user of a server could read
    it. Only the first SetEnv of a file counts, so all of it stands on one line.
    """
    lines = [
        f"Host {' '.join(hosts)}",
        f"Port {port}",
        f"User {login}",
        f"IdentityFile {folder}/id_ed25519",
        "IdentitiesOnly yes",
        f"UserKnownHostsFile {folder}/known_hosts",
        "GlobalKnownHostsFile /dev/null",
        "StrictHostKeyChecking yes",
        "UpdateHostKeys no",
        "BatchMode yes",
        "ConnectTimeout 10",
        "ServerAliveInterval 5",
        "ServerAliveCountMax 3",
        "LogLevel ERROR",
    ]
    if source:
        lines.append(f"BindAddress {source}")
    if env:
        lines.append("SetEnv " + " ".join(_quoted(f"{name}={env[name]}") for name in sorted(env)))
    return "\n  ".join(lines) + "\n"


def _quoted(word: str) -> str:
    # ssh splits the line as argv_split() in OpenSSH's misc.c does: inside double quotes a backslash
    # escapes only a quote or a backslash.
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'
