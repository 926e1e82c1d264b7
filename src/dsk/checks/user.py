"""The user that the workers run as: can it have its keys, and write the workspace?"""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from dsk.checks.facts import Facts
from dsk.checks.model import Check, Finding
from dsk.cluster.model import User
from dsk.errors import UserError
from dsk.survey.server import ServerFacts
from dsk.text import Text


def judge(facts: Facts) -> Iterator[Finding]:
    user = facts.cluster.user
    for node, server in facts.servers.items():
        if user is None:
            why = Text("the workers run as root", "worker 以 root 运行")
            yield Finding("user", "skipped", why, node)
        else:
            yield _login(node, server, user) or _workspace(facts, node, server, user)


def _login(node: int, server: ServerFacts, user: User) -> Finding | None:
    uid, _, _ = server.login.partition(":")
    if uid in ("", "0", str(user.uid)):
        return None
    text = Text(
        "dsk logs in there as uid {uid} and the worker would run as {user}, which could not read "
        "the keys that dsk puts there",
        "dsk 以 uid {uid} 登录该服务器，而 worker 会以 {user} 运行，无法读取 dsk 放在那里的密钥",
    ).filled(uid=uid, user=str(user))
    fix = Text(
        'write user: "{login}" in dsk.yaml, or log in as root or as uid {uid} (ssh.user)',
        '在 dsk.yaml 里写 user: "{login}"，或以 root 或 uid {uid} 登录（ssh.user）',
    ).filled(login=server.login, uid=user.uid)
    return Finding("user", "failed", text, node, seen=server.login, fix=fix, error=UserError)


def _workspace(facts: Facts, node: int, server: ServerFacts, user: User) -> Finding:
    if not server.unwritable:
        text = Text("{user} can write the workspace", "{user} 可以写工作区").filled(user=str(user))
        return Finding("user", "ok", text, node)
    folder = facts.cluster.workspace_source(facts.cluster.nodes[node])
    places = [folder / place for place in server.unwritable]
    # Not all that is in the workspace: it may hold files of others, which stay theirs.
    commands = [
        f"chown {'' if place == folder else '-R '}{user} {shlex.quote(str(place))}"
        for place in places
    ]
    text = Text(
        "the workers run as {user} (user), who may not write {places}",
        "worker 以 {user} 运行（dsk.yaml 的 user），无权写 {places}",
    ).filled(user=str(user), places=", ".join(map(str, places)))
    fix = Text("there, as root: {commands}", "在该服务器上以 root 执行：{commands}").filled(
        commands=" && ".join(commands)
    )
    return Finding("user", "failed", text, node, fix=fix, error=UserError)


CHECK = Check(
    "user", judge, ("server",), "gpu-health",
    facts=("login", "unwritable"), up=True, in_place=False,
)  # fmt: skip
