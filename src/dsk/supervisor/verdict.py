"""What follows when it is known how an attempt ends. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dsk.wire.events import Failure


@dataclass(frozen=True)
class End:
    """The job ends with this attempt. `failure` is None where all ranks have succeeded."""

    failure: Failure | None


Judge = Callable[[Failure | None], End | None]
"""Of how an attempt failed; None: another attempt follows."""


def verdict(failure: Failure | None) -> End:
    """Every job ends with its first attempt."""
    return End(failure)
