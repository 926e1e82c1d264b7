"""Private files that others may read: ssh and sshd refuse them."""

from __future__ import annotations

from collections.abc import Iterator

from dsk.checks.facts import Facts
from dsk.checks.model import Finding
from dsk.text import Text


def judge(facts: Facts) -> Iterator[Finding]:
    for node, server in facts.servers.items():
        worker = facts.workers.get(node)
        open_files = {**server.open_files, **(worker.modes if worker else {})}
        if not open_files:
            yield Finding("modes", "ok", Text("private"), node)
            continue
        listed = ", ".join(f"{path} ({mode})" for path, mode in open_files.items())
        text = Text("others may read or write {files}; sshd then refuses every login").filled(
            files=listed
        )
        fix = Text("dsk check --fix")
        yield Finding("modes", "failed", text, node, None, listed, "0600", fix)
