"""What the ssh program says when it fails, as errors with their remedy. Pure.

The texts are OpenSSH's own (ssh.c, sshconnect.c, sshconnect2.c, misc.c), read in 9.2.
"""

from __future__ import annotations

import re
import shlex

from dsk.cluster.model import SshTarget
from dsk.errors import Unreachable
from dsk.text import Text


class UnknownHostKey(Unreachable):
    """The server's host key is in none of the known_hosts files: the first contact."""


class ChangedHostKey(Unreachable):
    """The server shows another host key than the one that is known."""


# What ssh prints, the error's kind, what happened, what to do. Placeholders are _facts' and the
# pattern's own groups. The first that matches counts: ssh prints several of these together.
_RULES: tuple[tuple[str, type[Unreachable], Text, Text], ...] = (
    (
        r"REMOTE HOST IDENTIFICATION HAS CHANGED"
        r"(?:.*Offending \S+ key in (?P<file>\S.*?):(?P<line>\d+))?",
        ChangedHostKey,
        Text(
            "the host key of {target} is not the known one. Somebody may be in between, or the "
            "server was installed again"
        ),
        Text("if it was installed again, forget the old key: ssh-keygen {forget}-R {name}"),
    ),
    (
        r"host key is known for|Host key verification failed",
        UnknownHostKey,
        Text("the host key of {target} is not known"),
        Text("`dsk up` shows it and asks; with --accept-new-host-keys it does not ask"),
    ),
    (
        r"Permission denied \((?P<methods>[^)]*)\)",
        Unreachable,
        Text("{target} refuses the login (it takes: {methods})"),
        Text(
            "put your public key there: ssh-copy-id {port}{login} (a key with a passphrase has to "
            "be in your agent: ssh-add)"
        ),
    ),
    (
        r"Too many authentication failures",
        Unreachable,
        Text("{target} refuses the login: too many keys were offered"),
        Text("name the right key in dsk.yaml (ssh.key)"),
    ),
    (
        r"Could not resolve hostname (?P<unresolved>\S+): (?P<why>[^\n]*)",
        Unreachable,
        Text("the name {unresolved} cannot be resolved ({why})"),
        Text("correct it in dsk.yaml (nodes[].ssh)"),
    ),
    (
        r"Connection refused",
        Unreachable,
        Text("nothing listens at {target} (connection refused)"),
        Text(
            "does the server's sshd run, and is this its port? (nodes[].ssh or ssh.port in "
            "dsk.yaml)"
        ),
    ),
    (
        r"timed out|Connection timeout",
        Unreachable,
        Text("no answer from {target} (timed out)"),
        Text("is it on, and is the port open in its firewall? Try: {command}"),
    ),
    (
        r"No route to host|Network is unreachable",
        Unreachable,
        Text("there is no route to {target}"),
        Text("is it on, and in a network that this machine reaches? Try: {command}"),
    ),
    (
        r"(?P<last>[^\n]*)\s*\Z",
        Unreachable,
        Text("ssh to {target} failed: {last}"),
        Text("try: {command}"),
    ),
)


def ssh_error(stderr: str, target: SshTarget, where: str | Text) -> Unreachable:
    """The typed error for what ssh printed when it could not connect, or lost the connection."""
    for pattern, kind, message, fix in _RULES:
        if match := re.search(pattern, stderr, re.DOTALL):
            facts = {**_facts(target), **match.groupdict()}
            facts["forget"] = f"-f {shlex.quote(facts['file'])} " if facts.get("file") else ""
            return kind(message.filled(**facts), where=where, fix=fix.filled(**facts))
    raise AssertionError("the last rule matches everything")


def _facts(target: SshTarget) -> dict[str, str]:
    port = f"-p {target.port} " if target.port not in (22, None) else ""
    key = f"-i {shlex.quote(str(target.key))} " if target.key else ""
    return {
        "target": str(target),
        "login": target.login,
        "port": port,
        "command": f"ssh {key}{port}{target.login}",
        "name": f"'[{target.host}]:{target.port}'" if port else target.host,
    }
