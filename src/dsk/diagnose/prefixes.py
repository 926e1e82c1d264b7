"""What other programs put before a line: who printed it, when, on which host. Pure.

Taken off from the left, one after the other, since people paste what several programs have
handled: `docker compose logs` of a container that runs torchrun, for example.
"""

from __future__ import annotations

import re
from functools import lru_cache
from string import ascii_letters
from typing import NamedTuple

from dsk.diagnose.place import Place

MAX_PREFIXES = 6
BEGIN = "Traceback (most recent call last)"
LAUNCHER = "[launch.py:"
NOWHERE = Place()

_DATE = r"\d{4}[-/]\d\d[-/]\d\d"
_TIME = r"\d\d:\d\d:\d\d(?:[.,]\d+)?"
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
# DeepSpeed's and Python's own logs begin with a time as well; there it is the program's own text.
_NOT_OWN = r"(?! ?(?:\[(?:INFO|WARNING|ERROR|DEBUG)|- ?(?:INFO|WARNING|ERROR|DEBUG)|,\d))"
# Some versions end a mark with a blank and some do not: a traceback keeps its indentation.
_BLANK = r"(?: (?=\S| {2}\S| {4}|$))?"
_DSK = r"(?P<dsk>\[(?:node(?P<node>\d+)(?: rank (?P<of_node>\d+))?|master) *\] ?)"
# torch marks each line of an exception that nobody caught with [rankN]; torchrun every line.
_TORCH = rf"(?P<torch>\[(?:rank|default|trainer)(?P<rank>\d+)\]:{_BLANK})"
_MPIRUN = rf"(?P<mpirun>\[\d+,(?:mpirank:)?(?P<mpi>\d+)[^\]]{{0,40}}\]<std(?:out|err)>:{_BLANK})"
_RAY = r"(?P<ray>\((?P<actor>[^()]{0,60}\bpid=\d+[^()]{0,40})\) ?)"
_KUBECTL = r"(?P<kubectl>\[pod/(?P<pod>[^\]\s]+)\] ?)"
_STAMP = rf"(?P<stamp>\[?{_DATE}[ T_]{_TIME}(?: ?Z| ?[+-]\d\d:?\d\d)?\]?:?(?:[ \t]|$){_NOT_OWN})"
_CLOCK = rf"(?P<clock>\[?{_TIME}\]?:?(?:[ \t]|$){_NOT_OWN})"
_SYSLOG = rf"(?P<syslog>{_MONTH} [ \d]\d {_TIME} (?P<logger>[\w.-]+) [\w./@-]+(?:\[\d+\])?: ?)"
_STREAM = r"(?P<stream>(?:std(?:err|out)(?:: |:$| [FP] )))"
_QUOTE = r"(?P<quote>(?:> ?)+(?![=\s]*$))"
_COMPOSE = r"(?P<compose>(?P<service>[\w.-]{1,63})(?![\w.-])[ \t]*\| ?)"
_SRUN = r"(?P<srun>[ \t]{0,4}(?P<task>\d{1,4}):(?: |$))"
_PDSH = r"(?P<pdsh>(?P<host>[\w.-]+):(?: |$))"


def _any_of(*forms: str) -> re.Pattern[str]:
    return re.compile("|".join(forms))


# Most lines have no prefix: their first character rules out most forms.
_AFTER_WORD = _any_of(_SYSLOG, _STREAM, _COMPOSE, _PDSH)
_AFTER_DIGIT = _any_of(_STAMP, _CLOCK, _COMPOSE, _SRUN, _PDSH)
_AFTER_BLANK = _any_of(_SRUN)
_BY_FIRST = {
    "[": _any_of(_DSK, _TORCH, _MPIRUN, _KUBECTL, _STAMP, _CLOCK),
    "(": _any_of(_RAY),
    ">": _any_of(_QUOTE),
    " ": _AFTER_BLANK,
    "\t": _AFTER_BLANK,
    **dict.fromkeys("0123456789", _AFTER_DIGIT),
    **dict.fromkeys(f"{ascii_letters}_.-", _AFTER_WORD),
}
_HOST_GROUPS = {
    "ray": "actor",
    "kubectl": "pod",
    "syslog": "logger",
    "compose": "service",
    "pdsh": "host",
}
_ADDRESS = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")
_LAUNCH = re.compile(r"\[[^\]]+\] \[\w+\] " + re.escape(LAUNCHER))
_STACK = re.compile(r' {2}File "[^"]+", line \d+')
_CLASS = re.compile(r"(?:Error|Exception|Warning|Interrupt|Exit|Timeout)$")
# A progress bar has no line end of its own: what is printed next follows it at once.
_BAR = re.compile(r".{0,400}?\[[^\]]{0,80}(?:it/s|s/it|B/s|examples/s|files/s)[^\]]{0,40}\](?=\S)")
_EMBEDDED = re.compile(r"\[(?:rank|default|trainer)(?P<rank>\d+)\]: ?$")


class Cut(NamedTuple):
    """Where a line's prefixes end, and where those say who printed it: as characters from and to.
    `names` are what pdsh may have put there, and whether each counts as a host. Lines that differ
    in their numbers alone are cut alike, as long as their names count alike."""

    end: int
    node: tuple[int, int] | None = None
    host: tuple[int, int] | None = None
    task: bool = False
    """The host is the number of srun's task."""
    rank: tuple[int, int] | None = None
    marked: bool = False
    names: tuple[tuple[int, int, bool], ...] = ()

    def place(self, text: str) -> Place:
        if self.node is self.host is self.rank is None:
            return NOWHERE
        host = text[slice(*self.host)] if self.host else None
        host = f"task {host}" if self.task else host
        return _place(_number(self.node, text), host, _number(self.rank, text))


UNCUT = Cut(0)


class Prefixes:
    """Remembers hosts: a name counts as pdsh's once its launch.py or a traceback has followed it,
    because `ValueError: ` looks the same."""

    def __init__(self) -> None:
        self.hosts: set[str] = set()

    def holds(self, cut: Cut, text: str) -> bool:
        """Whether the text is cut like another one that differs in its numbers alone."""
        return all((text[start:end] in self.hosts) is known for start, end, known in cut.names)

    def cut(self, text: str) -> Cut:
        end = _bar_end(text, 0)
        cut = Cut(end) if end else UNCUT
        for _ in range(MAX_PREFIXES):
            match = _form(text, cut.end)
            if match is None:
                break
            if match.lastgroup == "compose" and not text[match.end() :].strip("| "):
                break
            if match.lastgroup == "pdsh":
                counts = self._counts(match, text[match.end() :])
                if not _ADDRESS.fullmatch(match["host"]):
                    cut = cut._replace(names=(*cut.names, (*match.span("host"), counts)))
                if not counts:
                    break
            cut = _with(cut, match, _bar_end(text, match.end()))
        return cut

    def _counts(self, match: re.Match[str], rest: str) -> bool:
        name = match["host"]
        if name in self.hosts or _ADDRESS.fullmatch(name):
            return True
        if rest[:1] not in "T [":
            return False
        begins = rest.startswith(BEGIN) or _STACK.match(rest) or _LAUNCH.match(rest)
        if begins and not _CLASS.search(name):
            self.hosts.add(name)
            return True
        return False


def of_rank(text: str, place: Place) -> tuple[str, Place, bool]:
    """The same for a line whose node and rank dsk knows: only torch's or mpirun's own mark."""
    text = text[_bar_end(text, 0) :]
    match = _form(text, 0)
    if not match or match.lastgroup not in ("torch", "mpirun"):
        return text, place, False
    cut = _with(UNCUT, match, match.end())
    rank = place.rank if place.rank is not None else cut.place(text).rank
    return text[match.end() :], _place(place.node, place.host, rank), cut.marked


def embedded(before: str) -> int | None:
    """The rank whose mark ends `before`, the text in a line before a traceback's beginning."""
    match = _EMBEDDED.search(before)
    return int(match["rank"]) if match else None


def _form(text: str, start: int) -> re.Match[str] | None:
    """The prefix that the text begins with, from `start` on."""
    forms = _BY_FIRST.get(text[start : start + 1])
    if forms:
        return forms.match(text, start)
    if text.isascii():
        return None
    # Names may have letters and digits of other scripts.
    return _AFTER_DIGIT.match(text, start) or _AFTER_WORD.match(text, start)


@lru_cache(4096)
def _place(node: int | None, host: str | None, rank: int | None) -> Place:
    """One object for each place: lines are many, places few."""
    return Place(node, host, rank)


def _with(cut: Cut, match: re.Match[str], end: int) -> Cut:
    """The cut behind one more prefix. What is known already counts more than what is further
    right."""
    _, node, host, task, rank, marked, names = cut
    kind = match.lastgroup
    if kind == "dsk":
        node = match.span("node") if match["node"] else None
        rank = match.span("of_node") if match["of_node"] else None
    elif kind in ("torch", "mpirun"):
        rank = rank or match.span("rank" if kind == "torch" else "mpi")
        marked = marked or kind == "torch"
    elif kind == "srun":
        host, task = (host, task) if host else (match.span("task"), True)
    elif kind in _HOST_GROUPS:
        host = host or match.span(_HOST_GROUPS[kind])
    return Cut(end, node, host, task, rank, marked, names)


def _bar_end(text: str, start: int) -> int:
    """Where the progress bars end that the text begins with, from `start` on."""
    if ("/s" not in text and "s/it" not in text) or "]" not in text:
        return start
    match = _BAR.match(text, start)
    while match:
        start = match.end()
        match = _BAR.match(text, start)
    return start


def _number(span: tuple[int, int] | None, text: str) -> int | None:
    return None if span is None else int(text[slice(*span)])
