"""Which lines of a paste are one line that a terminal or a form has cut at a fixed width. Pure.

A wrong answer would change what a log says, so there has to be proof: no line is longer than the
width, lines of different texts have exactly it, and words are cut.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

NARROWEST = 60
WIDEST = 300
MIN_CUTS = 2
"""Lines with different texts that are cut. One is no proof: a log's longest line may be followed by
anything."""
MIN_SHARE = 0.6
"""Of the lines that have the full width: how many are cut at least."""

# Lines that fill a width by themselves: boxes, tables, rules, progress bars.
_FILLS = re.compile(
    r"[│╮╯┐┘┤|]$|(?P<rule>[-=*_#~^+.─━])(?P=rule)(?P=rule)$|(?:it/s|s/it|B/s)[^]]*\]$"
)
# What begins a line of its own.
_BEGINS = re.compile(
    r"$|\t| {2}|[│╭╰┌└|>]|\[[\w/]|\(\w*[^()]*\bpid=|(?P<rule>[-=*_#~^+])(?P=rule)(?P=rule)"
    r"|\d{4}-\d\d-\d\d|\d\d:\d\d:\d\d|[A-Z][a-z]{2} [ \d]\d |[IWEF]\d{3,4} "
    r"|(?:INFO|WARNING|ERROR|DEBUG|CRITICAL)\b|\{'|\s?\d+%\||[\w.-]+:\d+:\d+ \[|\S+\.py:\d+"
    r"|Traceback \(|File \"|During handling|The above exception|Exception (?:raised|ignored|in)"
    r"|(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Exit|Interrupt|Expired)\b"
    r"|terminate called|Fatal Python|frame #|what\(\)|[\w/.-]+: line \d"
    r"|(?:srun|slurmstepd|pdsh@\w+): |[\w.-]+[ \t]+\| |\$ |\S+[@:~]\S*[$#] "
)
# The name of a host or task, as pdsh and srun print before each line.
_PREFIX = re.compile(r"[\w.-]+: ")
_DIGITS = re.compile(r"\d+")


def groups(texts: Sequence[str]) -> list[range]:
    """The indexes of the lines that belong together, in order; most are alone."""
    cut = set(_cuts(texts))
    found: list[range] = []
    start = 0
    for index in range(len(texts)):
        if index not in cut:
            found.append(range(start, index + 1))
            start = index + 1
    return found


def _cuts(texts: Sequence[str]) -> list[int]:
    """The lines that go on in the next one; none without proof that the paste is wrapped."""
    width = max(map(len, texts), default=0)
    if not NARROWEST <= width <= WIDEST:
        return []
    full = [index for index, text in enumerate(texts) if len(text) == width]
    cuts = [
        index
        for index in full
        if index + 1 < len(texts) and _goes_on(texts[index], texts[index + 1])
    ]
    different = {_shape(texts[index]) for index in cuts}
    in_word = [index for index in cuts if _in_word(texts[index], texts[index + 1])]
    if len(different) < MIN_CUTS or not in_word or len(cuts) < MIN_SHARE * len(full):
        return []
    return cuts


def _goes_on(text: str, following: str) -> bool:
    if _FILLS.search(text) or _BEGINS.match(following):
        return False
    if text.endswith("  "):  # a screen's lines, filled with blanks
        return False
    prefix = _PREFIX.match(text)
    if prefix and following.startswith(prefix[0]):
        return False
    return _shape(text) != _shape(following)


def _in_word(text: str, following: str) -> bool:
    return text[-1].isalnum() and following[0].isalnum()


def _shape(text: str) -> str:
    return _DIGITS.sub("0", text)
