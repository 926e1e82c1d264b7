"""The errors that dsk raises on purpose. Each knows its exit code; only the CLI prints them."""

from __future__ import annotations

from dsk.text import Text, verbatim


class DskError(Exception):
    """What happened, where, and what to do about it.

    `where` is a node, a rank or a `file:line`; `fix` is the next step for the user, a command where
    one exists. Both are English; those that a finding may tell are given as Text, and `told` and
    `remedy` have them in every language.
    """

    exit_code = 1

    def __init__(
        self, message: str | Text, *, where: str | None = None, fix: str | Text | None = None
    ) -> None:
        self.told = verbatim(message) if isinstance(message, str) else message
        self.remedy = verbatim(fix) if isinstance(fix, str) else fix
        self.message = self.told.in_language("en")
        super().__init__(self.message)
        self.where = where
        self.fix = self.remedy.in_language("en") if self.remedy else None

    def __str__(self) -> str:
        text = f"{self.where}: {self.message}" if self.where else self.message
        return f"{text}\n  fix: {self.fix}" if self.fix else text


class UserError(DskError):
    """The user's input is wrong: exit code 2."""

    exit_code = 2


class Unreachable(DskError):
    """A node or an engine could not be reached: exit code 3."""

    exit_code = 3


class JobFailed(DskError):
    """A job or a check ended badly: exit code 1."""
