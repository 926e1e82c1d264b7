"""What has to be sent from one listing to another. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dsk.text import Text, joined, verbatim
from dsk.wire.transfer import Entry, Listing


@dataclass(frozen=True)
class Difference:
    """`send`: what the target lacks or has in another size, mode or kind. `alike`: files of the
    same size on both sides, whose hashes decide. `clash`: a folder on one side and none on the
    other. `extra`: what only the target has."""

    send: tuple[Entry, ...]
    alike: tuple[Entry, ...]
    clash: tuple[str, ...]
    extra: tuple[str, ...]


def difference(source: Mapping[str, Entry], target: Mapping[str, Entry]) -> Difference:
    """Times count for nothing: a file is the same if its bytes are."""
    send, alike, clash = [], [], []
    for path, entry in source.items():
        there = target.get(path)
        if there is None:
            send.append(entry)
        elif (entry.kind == "folder") != (there.kind == "folder"):
            clash.append(path)
        elif entry != there:
            send.append(entry)
        elif entry.kind == "file":
            alike.append(entry)
    extra = tuple(path for path in target if path not in source)
    return Difference(tuple(send), tuple(alike), tuple(clash), extra)


def room_needed(send: Iterable[Entry], target: Listing) -> int:
    """Bytes that the target's disk must have free: a new version lies beside the old until whole.

    What arrived of a file in an earlier transfer is continued where it lies.
    """
    growth, replaced = 0, 0
    for entry in send:
        old = target.entries.get(entry.path)
        was = old.size if old else 0
        growth += max(0, entry.size - was - target.partials.get(entry.path, 0))
        replaced = max(replaced, min(was, entry.size))
    return growth + replaced


def amount(entries: Iterable[Entry]) -> tuple[int, int]:
    """Files (links among them) and bytes."""
    sizes = [entry.size for entry in entries if entry.kind != "folder"]
    return len(sizes), sum(sizes)


def named(found: Iterable[str | Text], limit: int = 5) -> Text:
    """The first of these paths, or sentences, in words."""
    texts = [verbatim(each) if isinstance(each, str) else each for each in found]
    listed = joined(texts[:limit])
    if len(texts) <= limit:
        return listed
    return Text("{listed} and {number} more").filled(listed=listed, number=len(texts) - limit)


def size(number: int) -> str:
    """Bytes for people."""
    value = float(number)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"
