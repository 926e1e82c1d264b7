"""Why a run failed, as far as its log tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dsk.diagnose.entry import Entry
from dsk.diagnose.lines import Line
from dsk.diagnose.tracebacks import Certainty, Traceback
from dsk.text import Language, Text

SUPERVISOR = "supervisor"
"""The id of a cause that the supervisor named itself, with what to do."""


@dataclass(frozen=True)
class Found:
    """An entry that matches. `first` is its earliest line; `lines` one of each rank; `certainty`
    of the surest error that it was seen in."""

    entry: Entry
    first: Line
    values: Mapping[str, str]
    lines: tuple[Line, ...]
    certainty: Certainty = Certainty.PLAIN

    @property
    def cause(self) -> Text:
        return self.entry.cause.filled(**self.values)

    @property
    def fix(self) -> Text:
        return self.entry.fix.filled(**self.values)


@dataclass(frozen=True)
class Diagnosis:
    """`first` is the cause, None where the catalogue does not know it; `others` were seen as well;
    `second_hand` came of it. `crash` is an exception that no entry knows, `said` what dsk's
    supervisor said of the failure."""

    first: Found | None
    others: tuple[Found, ...] = ()
    second_hand: tuple[Found, ...] = ()
    crash: Traceback | None = None
    said: Line | None = None

    @property
    def found(self) -> bool:
        return self.first is not None or self._supervisors is not None

    @property
    def id(self) -> str | None:
        if self.first:
            return self.first.entry.id
        return SUPERVISOR if self._supervisors else None

    @property
    def cause(self) -> Text | None:
        if self.first:
            return self.first.cause
        return self._supervisors.told if self._supervisors else None

    @property
    def fix(self) -> Text | None:
        if self.first:
            return self.first.fix
        return self._supervisors.fix if self._supervisors else None

    @property
    def evidence(self) -> tuple[Line, ...]:
        """The lines that tell; where the cause is unknown, none."""
        if self.first:
            return self.first.lines
        return (self._supervisors,) if self._supervisors else ()

    @property
    def _supervisors(self) -> Line | None:
        """What the supervisor said, where that is all that one needs: it has a fix of its own."""
        unexplained = self.first is None and self.crash is None
        return self.said if unexplained and self.said and self.said.fix else None

    def to_json(self, language: Language) -> dict[str, Any]:
        """As docs/diagnose.md documents it."""
        return {
            "found": self.found,
            "id": self.id,
            "cause": self.cause and self.cause.in_language(language),
            "fix": self.fix and self.fix.in_language(language),
            "not_proved": self.first and self.first.entry.not_proved.in_language(language),
            "issues": list(self.first.entry.issues) if self.first else [],
            "evidence": [_line(line) for line in self.evidence],
            "others": [
                {
                    "id": each.entry.id,
                    "cause": each.cause.in_language(language),
                    "fix": each.fix.in_language(language),
                    "evidence": [_line(line) for line in each.lines],
                }
                for each in self.others
            ],
            "second_hand": [
                {"id": each.entry.id, "evidence": [_line(line) for line in each.lines]}
                for each in self.second_hand
            ],
            "traceback": {**_line(self.crash.first), "lines": self.crash.lines}
            if self.crash
            else None,
        }


def _line(line: Line) -> dict[str, Any]:
    return {"text": line.text, "line": line.number, "at": line.at, **line.place._asdict()}
