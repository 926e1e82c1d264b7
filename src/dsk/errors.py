"""The errors that dsk raises on purpose. Each knows its exit code; only the CLI prints them."""

from __future__ import annotations

from dsk.text import Language, Text, joined, verbatim

FIX = Text("fix: {fix}")
INTERRUPTED = 130
"""The exit code of a program that Ctrl-C or a stop ended."""


def at(where: str | Text, message: Text) -> Text:
    return Text("{where}: {message}").filled(where=where, message=message)


class DskError(Exception):
    """What happened, where, and what to do about it.

    `where` is a node, a rank or a `file:line`; `fix` is the next step for the user, a command where
    one exists. `told`, `place` and `remedy` have them in every language, `message`, `where` and
    `fix` in English, as for JSON. A str, which is the same in every language, is left only where
    tests/unit/test_error_texts.py lists it.
    """

    exit_code = 1

    def __init__(
        self,
        message: str | Text,
        *,
        where: str | Text | None = None,
        fix: str | Text | None = None,
    ) -> None:
        self.told = verbatim(message) if isinstance(message, str) else message
        self.place = verbatim(where) if isinstance(where, str) else where
        self.remedy = verbatim(fix) if isinstance(fix, str) else fix
        super().__init__(self.message)

    @property
    def message(self) -> str:
        return self.told.in_language("en")

    @property
    def where(self) -> str | None:
        return self.place.in_language("en") if self.place else None

    @property
    def fix(self) -> str | None:
        return self.remedy.in_language("en") if self.remedy else None

    @property
    def located(self) -> Text:
        """The message after where it happened."""
        return at(self.place, self.told) if self.place and self.where else self.told

    @property
    def complete(self) -> Text:
        """All of it."""
        if self.remedy is None:
            return self.located
        return joined([self.located, FIX.filled(fix=self.remedy)], "\n  ")

    def in_language(self, language: Language) -> str:
        return self.complete.in_language(language)

    def __str__(self) -> str:
        return self.in_language("en")


class UserError(DskError):
    """The user's input is wrong: exit code 2."""

    exit_code = 2


class Unreachable(DskError):
    """A node or an engine could not be reached: exit code 3."""

    exit_code = 3


class JobFailed(DskError):
    """A job or a check ended badly: exit code 1."""
