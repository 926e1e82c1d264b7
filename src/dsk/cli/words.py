"""The words for states of jobs, workers and warm processes."""

from __future__ import annotations

from dsk.text import Text, verbatim

_WORDS = {
    "starting": Text("starting"),
    "running": Text("running"),
    "stopping": Text("stopping"),
    "succeeded": Text("succeeded"),
    "failed": Text("failed"),
    "stopped": Text("stopped"),
    "lost": Text("lost"),
    "unreadable": Text("unreadable"),
    "missing": Text("missing"),
    "unreachable": Text("unreachable"),
    "exited": Text("exited"),
    "healthy": Text("healthy"),
    "unhealthy": Text("unhealthy"),
    "importing": Text("importing"),
    "ready": Text("ready"),
    "gone": Text("gone"),
}


def state(word: str) -> Text:
    """One of another program, such as Docker, or of another version of dsk is shown as it is."""
    return _WORDS.get(word, verbatim(word))
