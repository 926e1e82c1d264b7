"""Private files that others may read: ssh and sshd refuse them."""

from __future__ import annotations

from collections.abc import Iterator

from dsk.checks.facts import Facts
from dsk.checks.model import Check, Finding
from dsk.text import Text


def judge(facts: Facts) -> Iterator[Finding]:
    for node, server in facts.servers.items():
        worker = facts.workers.get(node)
        open_files = {**server.open_files, **(worker.modes if worker else {})}
        if not open_files:
            yield Finding("modes", "ok", Text("private", "仅所有者可读"), node)
            continue
        listed = ", ".join(f"{path} ({mode})" for path, mode in open_files.items())
        text = Text(
            "others may read or write {files}; sshd then refuses every login",
            "其他用户可以读写 {files}；sshd 会因此拒绝登录",
        ).filled(files=listed)
        fix = Text("dsk check --fix", "dsk check --fix")
        yield Finding("modes", "failed", text, node, None, listed, "0600", fix)


CHECK = Check("modes", judge, ("server", "worker"), "workspace", facts=("open_files",))
