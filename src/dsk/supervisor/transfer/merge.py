"""Several nodes' files to one folder. Pure.

Nodes have different shards of a checkpoint, each on its own disk, and the same tokenizer; both
merge. What differs under one name cannot: nothing here knows which one is meant.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from dsk.wire.transfer import Entry

K = TypeVar("K")


@dataclass(frozen=True)
class Conflict(Generic[K]):
    """`path` is one thing on one node and another on the other."""

    path: str
    one: K
    other: K


@dataclass(frozen=True)
class Merge(Generic[K]):
    """`take`: what the master lacks, by the node that gives it. `kept`: paths where the master's
    own stays."""

    take: Mapping[K, tuple[Entry, ...]]
    conflicts: tuple[Conflict[K], ...]
    kept: tuple[str, ...]


def held_twice(holdings: Mapping[K, Mapping[str, Entry]]) -> dict[K, list[Entry]]:
    """For each node its files that another node has too: their hashes tell whether they differ."""
    count: dict[str, int] = {}
    for entries in holdings.values():
        for path in entries:
            count[path] = count.get(path, 0) + 1
    return {
        node: [
            entry for entry in entries.values() if entry.kind == "file" and count[entry.path] > 1
        ]
        for node, entries in holdings.items()
    }


def merge(
    master: K,
    holdings: Mapping[K, Mapping[str, Entry]],
    digests: Mapping[K, Mapping[str, str | None]],
    *,
    prefer_master: bool,
) -> Merge[K]:
    """`holdings` are the entries by node, the master's too; `digests` those of `held_twice`."""
    own = holdings[master]
    take: dict[K, list[Entry]] = {node: [] for node in holdings if node != master}
    first: dict[str, K] = dict.fromkeys(own, master)
    conflicts, kept = [], []
    for node, taken in take.items():
        for path, entry in holdings[node].items():
            if path not in first:
                first[path] = node
                taken.append(entry)
                continue
            there = first[path]
            if _same(entry, holdings[there][path], digests[node], digests[there]):
                continue
            if there == master and prefer_master:
                kept.append(path)
            else:
                conflicts.append(Conflict(path, there, node))
    lists = {node: tuple(entries) for node, entries in take.items()}
    return Merge(lists, tuple(conflicts), tuple(dict.fromkeys(kept)))


def _same(
    one: Entry, other: Entry, ones: Mapping[str, str | None], others: Mapping[str, str | None]
) -> bool:
    if (one.kind, one.size, one.link) != (other.kind, other.size, other.link):
        return False
    if one.kind != "file":
        return True
    digest = ones.get(one.path)
    return digest is not None and digest == others.get(other.path)
