"""One known failure: what it looks like, what it means, what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dsk.diagnose.pattern import Pattern
from dsk.diagnose.raised import Rule
from dsk.text import Text

Kind = Literal["cause", "finding", "circumstance", "second-hand"]
"""`finding`: a fact that ends no run by itself; the answer where nothing else is known.
`circumstance`: makes some runs fail and others not; shown where no cause is seen, never as one.
`second-hand`: what the others say when one rank has failed; never the cause."""


@dataclass(frozen=True)
class Example:
    """`origin` is an issue's address, `provoked: NAME` (tests/image/provoke/NAME.sh),
    `lab: TEST` (tests/lab/test_diagnose.py) or `gpu: TEST` (tests/gpu/test_cluster.py)."""

    origin: str
    log: str


@dataclass(frozen=True)
class Entry:
    """Matches a log in which one of `one_of` is seen, all of `also`, and none of `unless`; or,
    where no other entry names the cause, an exception that one of `raised` fits.

    `cause` and `fix` may name the groups that every pattern of `one_of` has, or every rule of
    `raised` and GIVEN (dsk.diagnose.raised).
    """

    id: str
    kind: Kind
    one_of: tuple[Pattern, ...]
    also: tuple[Pattern, ...]
    unless: tuple[Pattern, ...]
    cause: Text
    fix: Text
    not_proved: Text
    """What a match leaves open."""
    issues: tuple[str, ...]
    examples: tuple[Example, ...]
    near_misses: tuple[str, ...]
    raised: tuple[Rule, ...] = ()
    follows: bool = False
    """Whether the failure of another rank can bring this about as well."""

    @property
    def patterns(self) -> tuple[Pattern, ...]:
        return self.one_of + self.also + self.unless
