"""Private files that others may read: ssh and sshd refuse them."""

from __future__ import annotations

from collections.abc import Iterator

from dsk.checks.facts import Facts
from dsk.checks.model import Check, Finding
from dsk.text import Text

OPEN = Text("others may read or write {files}; sshd then refuses every login")
FIX = Text("dsk check --fix")


def judge(facts: Facts) -> Iterator[Finding]:
    for node, server in facts.servers.items():
        worker = facts.workers.get(node)
        open_files = {**server.open_files, **(worker.modes if worker else {})}
        listed = ", ".join(f"{path} ({mode})" for path, mode in open_files.items())
        found = Finding("modes", "failed", OPEN, node, None, listed, "0600", FIX)
        private = Finding("modes", "ok", Text("private"), node)
        yield found.filled(files=listed) if open_files else private


CHECK = Check("modes", judge, ("server", "worker"), "workspace", facts=("open_files",))
