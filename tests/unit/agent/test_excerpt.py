"""What is sent on of what a program prints, wherever its writes are cut."""

from __future__ import annotations

import pytest

from dsk.agent.excerpt import BAR_S, BURST, LONGEST, NEWEST, RATE, Excerpt, Lines
from dsk.wire.events import BAR

WHERE = "all of them are in rank0.log"


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
@pytest.mark.parametrize(
    ("printed", "lines"),
    [
        ("one\ntwo\n", ["one", "two"]),
        ("one  \n\n  \ntwo\n", ["one", "two"]),
        ("windows\r\nends\r\n", ["windows", "ends"]),
        ("\r 10%|#\r 20%|##\r100%|###\n", ["100%|###"]),
        # tqdm.write, as Transformers prints its losses
        ("\r 10%|#\r      \r{'loss': 1}\n\r 20%|##\n", ["{'loss': 1}", " 20%|##"]),
        ("\r 10%|#\r      \r\n", [" 10%|#"]),
        ("läuft 雪\n", ["läuft 雪"]),
    ],
)
def test_lines_are_cut_as_a_terminal_would(printed: str, lines: list[str], size: int) -> None:
    found, data = Lines(), printed.encode()
    assert [
        text for i in range(0, len(data), size) for text in found.feed(data[i : i + size])
    ] == lines


def test_what_is_no_text_does_not_break_the_stream() -> None:
    texts = Excerpt(WHERE).feed(b"\xff\xfe\x00\x80\nafter\n", 0.0)
    assert texts == ["��\x00�", "after"]


def test_a_long_line_is_cut_and_says_so() -> None:
    excerpt, chunk = Excerpt(WHERE), b"x" * (1 << 16)
    assert [text for i in range(1000) for text in excerpt.feed(chunk, i / 1000)] == []
    [text] = excerpt.feed(b"\n", 1.0)
    assert text == "x" * LONGEST + f" … ({1000 * (1 << 16) - LONGEST} more bytes of this line)"
    assert excerpt.feed(b"after\n", 1.0) == ["after"]


def test_a_bar_is_told_now_and_then_and_its_end_as_a_line() -> None:
    excerpt, told = Excerpt(WHERE), []
    for tenth in range(101):
        told += excerpt.feed(f"\r{tenth:3}%|".encode(), 100 + tenth / 10)
    told += excerpt.feed(b"\n", 110.1)
    assert [text for text in told if not text.startswith(BAR)] == ["100%|"]
    bars = [text for text in told if text.startswith(BAR)]
    assert 4 <= len(bars) <= 10.1 / BAR_S + 1


def test_an_unfinished_line_is_told_once_when_it_stands_still() -> None:
    excerpt = Excerpt(WHERE)
    assert excerpt.feed(b"name and no end", 100.0) == []
    assert excerpt.pending
    assert excerpt.tick(100.5) == []
    assert excerpt.tick(100 + BAR_S) == [BAR + "name and no end"]
    assert not excerpt.pending
    assert excerpt.tick(110) == []
    assert excerpt.feed(b": done\n", 120.0) == ["name and no end: done"]


def flood(excerpt: Excerpt, lines: int, seconds: float) -> list[str]:
    """`lines` numbered ones, evenly over the time, in writes of a hundred."""
    told = []
    for first in range(0, lines, 100):
        data = "".join(f"line {number}\n" for number in range(first, first + 100)).encode()
        told += excerpt.feed(data, first / lines * seconds)
    return told


def test_a_flood_is_bounded_and_what_is_left_out_is_counted() -> None:
    excerpt = Excerpt(WHERE)
    told = flood(excerpt, 1_000_000, 20) + excerpt.end()
    lines = [text for text in told if text.startswith("line")]
    notes = [text for text in told if text.startswith("dsk:")]
    assert len(lines) <= BURST + 20 * RATE + NEWEST
    assert len(notes) <= 21
    assert all(text.endswith(WHERE) for text in notes)
    assert sum(int(text.split()[1]) for text in notes) + len(lines) == 1_000_000
    numbers = [int(text.split()[1]) for text in lines]
    assert numbers == sorted(set(numbers))
    assert numbers[-NEWEST:] == list(range(1_000_000 - NEWEST, 1_000_000))


def test_the_last_words_of_a_flood_come_when_it_is_over() -> None:
    excerpt = Excerpt(WHERE)
    assert "line 9999" not in flood(excerpt, 10_000, 0.01)
    assert excerpt.pending
    assert excerpt.tick(0.5) == []
    assert excerpt.tick(2.0)[-1] == "line 9999"
    assert not excerpt.pending


def test_as_many_lines_as_are_let_through_are_all_told() -> None:
    assert len(flood(Excerpt(WHERE), 10_000, 10_000 / RATE)) == 10_000
