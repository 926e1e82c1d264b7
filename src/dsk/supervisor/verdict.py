"""What follows when it is known how an attempt ends. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dsk.wire.events import Failure


@dataclass(frozen=True)
class End:
    """The job ends with this attempt. `failure` is None where all ranks have succeeded."""

    failure: Failure | None


Judge = Callable[[int, Failure | None], End | None]
"""Of an attempt's number and failure; None: another attempt follows."""


def verdict(number: int, failure: Failure | None) -> End:  # noqa: ARG001 - a Judge
    """Every job ends with its first attempt."""
    return End(failure)
