"""The user that the workers run as: can it have its keys, and write the workspace?"""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from dsk.checks.facts import Facts
from dsk.checks.model import Check, Finding, each_server
from dsk.cluster.model import Node
from dsk.errors import UserError
from dsk.survey.server import ServerFacts
from dsk.text import Text

ROOT = Text("the workers run as root")
OK = Text("{user} can write the workspace")
OTHER = Text(
    "dsk logs in there as uid {uid}, but the worker would run as {user}, which cannot read the "
    "keys that dsk puts there"
)
FIX_OTHER = Text(
    'write user: "{login}" in dsk.yaml, or log in as root or as uid {wanted} (ssh.user)'
)
UNWRITABLE = Text("the workers run as {user} (user), which may not write {places}")
FIX_UNWRITABLE = Text("there, as root: {commands}")


def _judge(facts: Facts, node: Node, server: ServerFacts) -> Iterator[Finding]:
    user, login = facts.cluster.user, server.login
    if user is None:
        yield Finding("user", "skipped", ROOT, node.index)
        return
    uid, _, _ = login.partition(":")
    folder = facts.cluster.workspace_source(node)
    places = [folder / place for place in server.unwritable]
    # Not all that is in the workspace: it may hold files of others, which stay theirs.
    commands = [
        f"chown {'' if place == folder else '-R '}{user} {shlex.quote(str(place))}"
        for place in places
    ]
    found = Finding("user", "ok", OK, node.index)
    if uid not in ("", "0", str(user.uid)):
        found = Finding(
            "user", "failed", OTHER, node.index, seen=login, fix=FIX_OTHER, error=UserError
        )
    elif places:
        found = Finding(
            "user", "failed", UNWRITABLE, node.index, fix=FIX_UNWRITABLE, error=UserError
        )
    yield found.filled(
        user=str(user),
        uid=uid,
        login=login,
        wanted=user.uid,
        places=", ".join(map(str, places)),
        commands=" && ".join(commands),
    )


CHECK = Check(
    "user", each_server("user", _judge), ("server",), "gpu-health",
    facts=("login", "unwritable"), asked_by=("up",), in_place=False,
)  # fmt: skip
