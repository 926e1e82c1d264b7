"""A catalogue's patterns: regular expressions, each with fixed text that is looked for first."""

from __future__ import annotations

import re
from dataclasses import dataclass

MIN_FIXED = 6
"""Letters: what has less would match anything, and make the reading of a long log slow."""

MIN_WORD = 3
_LETTERS = re.compile(r"[A-Za-z_]+")
_COMMON = frozenset((
    "the", "for", "and", "from", "with", "that", "this", "not", "has", "was", "are", "you",
    "your", "been", "error", "Error", "file", "File", "failed", "loss", "epoch", "train",
    "training", "INFO", "WARNING", "step", "data", "rank", "Rank", "NCCL", "to", "be", "is",
    "in", "of", "on",
))  # fmt: skip
_TOKEN = re.compile(r"\\(?P<escape>.)|(?P<special>[][(){}.^$*+?|])|(?P<char>.)", re.DOTALL)


@dataclass(frozen=True)
class Pattern:
    """`fixed` is in every line that `regex` matches, and so is `word`, with other characters on
    both sides; empty where `fixed` has no word of its own."""

    regex: re.Pattern[str]
    fixed: str
    word: str

    @classmethod
    def read(cls, text: str) -> Pattern:
        """Raises ValueError where it is no regular expression, or has no fixed text."""
        try:
            regex = re.compile(text)
        except re.error as error:
            raise ValueError(f"is no regular expression: {error}") from None
        fixed = max(_fixed_parts(text), key=len, default="")
        if len(fixed) < MIN_FIXED:
            raise ValueError(
                f"has no fixed text of {MIN_FIXED} characters outside groups and choices"
            )
        return cls(regex, fixed, _own_word(fixed))

    def match(self, text: str) -> re.Match[str] | None:
        return self.regex.search(text) if self.fixed in text else None


def _fixed_parts(text: str) -> list[str]:
    """Runs of characters that every match holds: outside groups, classes, choices, repeats."""
    parts, depth, in_class = [""], 0, False
    for token in _TOKEN.finditer(text):
        escape, special = token["escape"], token["special"]
        literal = token["char"] or (escape if escape and not escape.isalnum() else None)
        if in_class:
            in_class = special != "]"
        elif special == "[":
            in_class = True
            parts.append("")
        elif special == "|" and depth == 0:
            return []
        elif special in ("*", "?", "{") and depth == 0:
            parts[-1] = parts[-1][:-1]
            parts.append("")
        elif special in ("(", ")"):
            depth += 1 if special == "(" else -1
            parts.append("")
        elif literal and depth == 0:
            parts[-1] += literal
        else:
            parts.append("")
    # What a `{2,3}` holds is no text.
    return [part for part in parts if not re.fullmatch(r"[\d,]+", part)]


def _own_word(text: str) -> str:
    """The longest word that is no part of a longer one, whatever stands before and after `text`."""
    words = [
        match.group()
        for match in _LETTERS.finditer(text)
        if match.start() > 0 and match.end() < len(text)
    ]
    own = [word for word in words if len(word) >= MIN_WORD and word not in _COMMON]
    return max(own, key=len, default="")
