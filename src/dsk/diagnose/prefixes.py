"""What other programs put before a line: who printed it, when, on which host. Pure.

Taken off from the left, one after the other, since people paste what several programs have
handled: `docker compose logs` of a container that runs torchrun, for example.
"""

from __future__ import annotations

import re
from functools import lru_cache
from string import ascii_letters

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


class Prefixes:
    """Remembers hosts: a name counts as pdsh's once its launch.py or a traceback has followed it,
    because `ValueError: ` looks the same."""

    def __init__(self) -> None:
        self.hosts: set[str] = set()

    def split(self, text: str) -> tuple[str, Place, bool]:
        """The program's own text, who printed it, and whether torch marked it as uncaught."""
        place, marked = NOWHERE, False
        text = _without_bar(text)
        for _ in range(MAX_PREFIXES):
            match = _form(text)
            if match is None:
                break
            rest = text[match.end() :]
            if match.lastgroup in ("compose", "pdsh") and not self._counts(match, rest):
                break
            place, marked = _placed(match, place, marked)
            text = _without_bar(rest)
        return text, place, marked

    def _counts(self, match: re.Match[str], rest: str) -> bool:
        if match.lastgroup == "compose":
            return bool(rest.strip("| "))
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
    text = _without_bar(text)
    match = _form(text)
    if not match or match.lastgroup not in ("torch", "mpirun"):
        return text, place, False
    found, marked = _placed(match, place, False)
    return text[match.end() :], found, marked


def embedded(before: str) -> int | None:
    """The rank whose mark ends `before`, the text in a line before a traceback's beginning."""
    match = _EMBEDDED.search(before)
    return int(match["rank"]) if match else None


def _form(text: str) -> re.Match[str] | None:
    """The prefix that the text begins with."""
    forms = _BY_FIRST.get(text[:1])
    if forms:
        return forms.match(text)
    if text.isascii():
        return None
    # Names may have letters and digits of other scripts.
    return _AFTER_DIGIT.match(text) or _AFTER_WORD.match(text)


@lru_cache(4096)
def _place(node: int | None, host: str | None, rank: int | None) -> Place:
    """One object for each place: lines are many, places few."""
    return Place(node, host, rank)


def _placed(match: re.Match[str], place: Place, marked: bool) -> tuple[Place, bool]:
    """What is known already counts more than what stands further right."""
    kind = match.lastgroup
    if kind in ("stamp", "clock", "stream", "quote"):
        return place, marked
    if kind == "dsk":
        return _place(_number(match["node"]), place.host, _number(match["of_node"])), marked
    if kind in ("torch", "mpirun"):
        rank = match["rank" if kind == "torch" else "mpi"]
        if place.rank is None:
            place = _place(place.node, place.host, int(rank))
        return place, marked or kind == "torch"
    if place.host is None:
        host = f"task {match['task']}" if kind == "srun" else match[_HOST_GROUPS[kind or ""]]
        place = _place(place.node, host, place.rank)
    return place, marked


def _without_bar(text: str) -> str:
    if ("/s" not in text and "s/it" not in text) or "]" not in text:
        return text
    match = _BAR.match(text)
    while match:
        text = text[match.end() :]
        match = _BAR.match(text)
    return text


def _number(digits: str | None) -> int | None:
    return None if digits is None else int(digits)
