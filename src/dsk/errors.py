"""The errors that dsk raises on purpose. Each knows its exit code; only the CLI prints them."""

from __future__ import annotations


class DskError(Exception):
    """What happened, where, and what to do about it.

    `where` is a node, a rank or a `file:line`; `fix` is the next step for the user, a command where
    one exists.
    """

    exit_code = 1

    def __init__(self, message: str, *, where: str | None = None, fix: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.fix = fix

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
