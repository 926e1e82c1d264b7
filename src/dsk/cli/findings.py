"""What checks found, for people and for programs."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from dsk.checks.model import Finding
from dsk.cli.printing import colourless, echo, encodes
from dsk.cluster.model import Cluster, Node
from dsk.text import Language, Text

if TYPE_CHECKING:
    from dsk.preflight.fix import Fixed

VERSION = 1
WORDS: Mapping[str, Text] = {
    "ok": Text("ok"),
    "warning": Text("warning"),
    "failed": Text("failed"),
    "skipped": Text("skipped"),
}
COLOURS = {"ok": "green", "warning": "yellow", "failed": "red", "skipped": "bright_black"}
FIX = Text("fix: {fix}")
FIXED = Text("fixed")
SUMMARY = Text("{failed} failed, {warning} warning(s), {ok} ok, {skipped} skipped")
GRAVITY = ("failed", "warning", "ok", "skipped")


def to_json(
    cluster: Cluster,
    found: Sequence[Finding],
    done: Sequence[Fixed],
    language: Language,
    seconds: float,
) -> dict[str, Any]:
    """As schema/check.schema.json says."""
    return {
        "version": VERSION,
        "cluster": cluster.name,
        "state": _gravest([finding.state for finding in found]) or "ok",
        "seconds": round(seconds, 1),
        "findings": [_as_json(cluster, finding, language) for finding in found],
        "mended": [
            {"node": each.node.index, "text": each.text.in_language(language)} for each in done
        ],
    }


def _as_json(cluster: Cluster, finding: Finding, language: Language) -> dict[str, Any]:
    return {
        "check": finding.check,
        "state": finding.state,
        "node": finding.node,
        "host": None if finding.node is None else cluster.nodes[finding.node].host,
        "peer": finding.peer,
        "text": finding.text.in_language(language),
        "seen": finding.seen,
        "expected": finding.expected,
        "fix": finding.fix and finding.fix.in_language(language),
    }


def show(
    cluster: Cluster, found: Sequence[Finding], done: Sequence[Fixed], language: Language
) -> None:
    """A table by node on a terminal and then what is wrong; in a pipe a line a finding."""
    for each in done:
        echo(f"{FIXED.in_language(language)}: {each.node}: {each.text.in_language(language)}")
    if sys.stdout.isatty():
        _table(cluster, found)
        complaints = [finding for finding in found if finding.state in ("failed", "warning")]
    else:
        complaints = list(found)
    skipped = [finding for finding in complaints if finding.state == "skipped"]
    for finding in complaints:
        if finding.state != "skipped":
            echo(line(cluster, finding, language))
    for text in _together(cluster, skipped, language):
        echo(text)
    counts = {state: sum(each.state == state for each in found) for state in GRAVITY}
    echo(SUMMARY.filled(**counts).in_language(language))


def line(cluster: Cluster, finding: Finding, language: Language) -> str:
    """One finding, its fix on a second line."""
    word = WORDS[finding.state].in_language(language)
    parts = [click.style(word, fg=COLOURS[finding.state]), finding.check]
    if finding.node is not None:
        parts.append(_named(cluster.nodes[finding.node], cluster, finding.peer))
    text = f"{'  '.join(parts)}: {finding.text.in_language(language)}"
    if not finding.fix or finding.state in ("ok", "skipped"):
        return text
    return f"{text}\n  {FIX.filled(fix=finding.fix.in_language(language)).in_language(language)}"


def _together(cluster: Cluster, skipped: Sequence[Finding], language: Language) -> Iterator[str]:
    """A line for each reason and node: a server that is off takes all its checks with it."""
    checks: dict[tuple[str, int | None], list[str]] = {}
    for finding in skipped:
        why = finding.text.in_language(language)
        checks.setdefault((why, finding.node), []).append(finding.check)
    for (why, node), names in checks.items():
        word = click.style(WORDS["skipped"].in_language(language), fg=COLOURS["skipped"])
        where = "" if node is None else f"  {cluster.nodes[node]}"
        yield f"{word}  {', '.join(dict.fromkeys(names))}{where}: {why}"


def _named(node: Node, cluster: Cluster, peer: int | None) -> str:
    return str(node) if peer is None else f"{node} → {cluster.nodes[peer]}"


def _gravest(states: Sequence[str]) -> str | None:
    return next((state for state in GRAVITY if state in states), None)


def _table(cluster: Cluster, found: Sequence[Finding]) -> None:
    """A row a check, a column a node; what concerns all nodes stands in the first one's."""
    from rich.console import Console
    from rich.table import Table

    ok, failed, skipped = ("✓", "✗", "–") if encodes("✓✗–") else ("ok", "x", "-")
    signs = {
        "ok": f"[green]{ok}[/]",
        "warning": "[yellow]![/]",
        "failed": f"[red]{failed}[/]",
        "skipped": f"[dim]{skipped}[/]",
        None: "",
    }
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    for node in cluster.nodes:
        table.add_column(f"{node.name}\n{node.host}", justify="center")
    for check in dict.fromkeys(finding.check for finding in found):
        states: dict[int, list[str]] = {node.index: [] for node in cluster.nodes}
        for finding in found:
            if finding.check == check:
                states[finding.node or 0].append(finding.state)
        table.add_row(check, *(signs[_gravest(here)] for here in states.values()))
    Console(no_color=colourless()).print(table)
