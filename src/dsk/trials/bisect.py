"""Which nodes, or pairs of nodes, make jobs fail: who is tried together, and what that tells. Pure.

`ask` tries groups of nodes that have no node in common, side by side, and says of each whether it
worked: a round. A fault is a node that fails alone, a node that works alone and fails with every
other, or two nodes that fail only together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

Group = frozenset[int]
Ask = Callable[[Sequence[Group]], Sequence[bool]]


@dataclass(frozen=True)
class Found:
    """Nodes by index. `alone` fail by themselves, `with_any` with every other one, `pairs` only
    with each other. `crowd` is not empty where these nodes fail together and no two of them do."""

    alone: tuple[int, ...] = ()
    with_any: tuple[int, ...] = ()
    pairs: tuple[tuple[int, int], ...] = ()
    crowd: tuple[int, ...] = ()

    @property
    def sound(self) -> bool:
        return self == Found()


def bisect(nodes: Sequence[int], ask: Ask) -> Found:
    """Two rounds where all is well, O(log n) for one fault, at most n + O(log n) for any number."""
    ask = _remembering(ask)
    single = [Group({node}) for node in nodes]
    works = dict(zip(nodes, ask(single), strict=True))
    alone = tuple(node for node in nodes if not works[node])
    good = Group(node for node in nodes if works[node])
    if len(good) < 2 or _ask_one(ask, good):
        return Found(alone)
    found = _one_fault(good, ask)
    if found is None:
        found = _every_pair(good, ask)
    return Found(alone, found.with_any, found.pairs, found.crowd)


def _remembering(ask: Ask) -> Ask:
    """Asks for no group twice."""
    known: dict[Group, bool] = {}

    def once(groups: Sequence[Group]) -> list[bool]:
        if new := [group for group in groups if group not in known]:
            known.update(zip(new, ask(new), strict=True))
        return [known[group] for group in groups]

    return once


def _one_fault(good: Group, ask: Ask) -> Found | None:
    """The fault of `good`, which fails; None unless it explains all that was seen."""
    first, second = _failing_pair(good, ask)
    if not _fails(ask, Group({first, second})):
        return None
    others = sorted(good - {first, second})
    if not others:
        return Found(pairs=(_pair(first, second),))
    fails = _with_others(first, second, others, ask)
    if fails[0] == fails[1]:
        # Two bad nodes, or a bad pair; then each of them works with all the rest.
        without = [good - {first}, good - {second}]
        sound = not fails[0] and all(_ask_one(ask, group) for group in without)
        return Found(pairs=(_pair(first, second),)) if sound else None
    culprit = first if fails[0] else second
    rest = good - {culprit}
    return Found(with_any=(culprit,)) if _ask_one(ask, rest) else None


def _failing_pair(group: Group, ask: Ask) -> tuple[int, int]:
    """Two of a group that fails, by halving, which fail together unless it takes more than two."""
    while len(group) > 2:
        left, right = _halves(group)
        tried = [half for half in (left, right) if len(half) > 1]
        failed = [h for h, works in zip(tried, ask(tried), strict=True) if not works]
        if not failed:
            first = _narrow(left, right, ask)
            return first, _narrow(right, Group({first}), ask)
        group = failed[0]
    first, second = sorted(group)
    return first, second


def _narrow(group: Group, others: Group, ask: Ask) -> int:
    """The one of `group` that fails with `others`, where each of the two works by itself."""
    while len(group) > 1:
        left, right = _halves(group)
        group = left if _fails(ask, left | others) else right
    return next(iter(group))


def _with_others(first: int, second: int, others: Sequence[int], ask: Ask) -> tuple[bool, bool]:
    """Whether each of the two fails with one of the others, in one round where there are enough."""
    one, other = Group({first, others[0]}), Group({second, others[-1]})
    if len(others) > 1:
        works = ask([one, other])
        return not works[0], not works[1]
    return _fails(ask, one), _fails(ask, other)


def _every_pair(good: Group, ask: Ask) -> Found:
    bad = {
        _pair(*sorted(pair))
        for groups in rounds(sorted(good))
        for pair, works in zip(groups, ask(groups), strict=True)
        if not works
    }
    if not bad:
        return Found(crowd=tuple(sorted(good)))
    count = {node: sum(node in pair for pair in bad) for node in good}
    # Bad nodes fail with each other too: a node that fails with all sound ones is one.
    with_any = {node for node in good if count[node] == len(good) - 1 and len(good) > 2}
    pairs = tuple(sorted(pair for pair in bad if not with_any & set(pair)))
    return Found(with_any=tuple(sorted(with_any)), pairs=pairs)


def rounds(nodes: Sequence[int]) -> Iterable[list[Group]]:
    """Every pair once, in as few rounds of disjoint pairs as there can be (the circle method)."""
    circle: list[int | None] = [*nodes, *([None] if len(nodes) % 2 else [])]
    half = len(circle) // 2
    for _ in range(len(circle) - 1):
        facing = zip(circle[:half], reversed(circle[half:]), strict=True)
        yield [Group({a, b}) for a, b in facing if a is not None and b is not None]
        circle = [circle[0], circle[-1], *circle[1:-1]]


def most_rounds(nodes: int) -> int:
    """A bound for any faults, for those who wait."""
    halvings = max(1, (nodes - 1).bit_length())
    return nodes + 3 * halvings + 7


def _halves(group: Group) -> tuple[Group, Group]:
    ordered = sorted(group)
    middle = len(ordered) // 2
    return Group(ordered[:middle]), Group(ordered[middle:])


def _pair(one: int, other: int) -> tuple[int, int]:
    return (one, other) if one < other else (other, one)


def _ask_one(ask: Ask, group: Group) -> bool:
    return ask([group])[0]


def _fails(ask: Ask, group: Group) -> bool:
    return not _ask_one(ask, group)
