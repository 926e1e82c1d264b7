"""How many of the ranks' lines one supervisor takes."""

from __future__ import annotations

from dsk.supervisor.heard import Heard, Lines, Reach
from dsk.supervisor.trickle import AT_ONCE, LINES_PER_S, Trickle
from dsk.text import verbatim
from dsk.wire.jobspec import JobNode

NODE = JobNode(0, "10.0.0.11", (0, 1), 2)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def flood(rank: int, count: int) -> Lines:
    return Lines(NODE, tuple((rank, f"line {n}") for n in range(count)))


def texts(heard: list[Heard], rank: int) -> list[str]:
    return [
        text for each in heard if isinstance(each, Lines) for of, text in each.lines if of == rank
    ]


def test_ranks_that_flood_are_bounded_and_others_lose_nothing() -> None:
    heard: list[Heard] = []
    clock = Clock()
    trickle = Trickle(heard.append, 512, clock)
    for _ in range(60):
        clock.now += 1
        trickle.tell(flood(0, 200))
    trickle.tell(Lines(NODE, ((1, "Traceback"), (1, "ValueError: no"))))
    most = AT_ONCE + 60 * LINES_PER_S / 512
    assert AT_ONCE < len(texts(heard, 0)) < most * 1.1
    assert texts(heard, 1) == ["Traceback", "ValueError: no"]
    said = [text for text in texts(heard, 0) if "left out here" in text]
    left_out = sum(int(text.split()[1]) for text in said)
    assert said and "rank0.log on its node has them" in said[0]
    passed = len(texts(heard, 0)) - len(said)
    assert passed + left_out <= 60 * 200 < passed + left_out + 200 * 3, "all are accounted for"


def test_what_an_agent_passes_on_of_few_ranks_comes_whole() -> None:
    heard: list[Heard] = []
    clock = Clock()
    trickle = Trickle(heard.append, 16, clock)
    for _ in range(30):
        clock.now += 1
        trickle.tell(flood(3, 200))
    assert len(texts(heard, 3)) == 30 * 200


def test_everything_but_lines_passes() -> None:
    heard: list[Heard] = []
    trickle = Trickle(heard.append, 512, Clock())
    trickle.tell(flood(0, 10_000))
    trickle.tell(Reach(NODE, verbatim("closed")))
    assert heard[-1] == Reach(NODE, verbatim("closed"))
