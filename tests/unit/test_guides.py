"""README and the guides: the same commands in both languages, each known to dsk, none forgotten."""

from __future__ import annotations

import re
from contextlib import ExitStack
from pathlib import Path

import click
import pytest
from pages import CHINESE, headings

from dsk.cli.main import dsk
from tests.guides import (
    KINDS,
    NOT_RUN,
    PAIRS,
    PLACES,
    ROOT,
    RUN,
    TEXT,
    Block,
    blocks,
    dsk_commands,
    inline_commands,
    is_summary,
    read,
)
from tests.lab.scenarios import SCENARIOS

FILES = [file for pair in PAIRS for file in pair]
GUIDES = Path("docs/guide")
MARKDOWN = """\
Text

    dsk up    # a comment
    dsk down

<!-- not run: needs a GPU -->

    nvidia-smi

    nvidia-smi -L

<!-- text: dsk.yaml -->
But this text comes between.

```
dsk status
```
"""


def test_blocks_of_a_text() -> None:
    assert blocks("a.md", MARKDOWN) == [
        Block("a.md", 3, "dsk up    # a comment\ndsk down"),
        Block("a.md", 8, "nvidia-smi\n\nnvidia-smi -L", NOT_RUN, "needs a GPU"),
        Block("a.md", 16, "dsk status"),
    ]
    assert blocks("a.md", MARKDOWN)[0].code == ("dsk up", "dsk down")


@pytest.mark.parametrize(
    ("shell", "found"),
    [
        ("dsk up && ssh node dsk down; dsk status | cat", [["up"], ["status"]]),
        (
            "dsk exec -- sh -c 'a; b' \\\n  c  # and: dsk stop",
            [["exec", "--", "sh", "-c", "a; b", "c"]],
        ),
        ("(cd x && dsk check)", [["check"]]),
        ("cat dsk.yaml", []),
    ],
)
def test_the_commands_in_a_shell_text(shell: str, found: list[list[str]]) -> None:
    assert list(dsk_commands(shell)) == found


def test_every_guide_is_there_in_both_languages() -> None:
    guides = {path for path in (ROOT / GUIDES).glob("*.md") if not path.name.endswith(CHINESE)}
    assert {path.relative_to(ROOT).as_posix() for path in guides} <= {first for first, _ in PAIRS}
    assert ("docs/checks.md", "docs/guide/checks.zh-CN.md") in PAIRS
    for english, _ in PAIRS:
        assert (ROOT / english).is_file()


@pytest.mark.parametrize(("english", "chinese"), PAIRS)
def test_both_languages_have_the_same_headings_and_tables(english: str, chinese: str) -> None:
    if is_summary(english, chinese):
        return
    first, second = ((ROOT / file).read_text(encoding="utf-8") for file in (english, chinese))
    assert levels(first) == levels(second)
    assert tables(first) == tables(second)


def levels(text: str) -> list[int]:
    return [level for level, _ in headings(text)]


def tables(text: str) -> list[int]:
    """The number of cells of each row of a table."""
    rows = [line for line in text.splitlines() if line.startswith("|")]
    return [len(re.split(r"(?<!\\)\|", row)) - 2 for row in rows]


def test_a_heading_or_a_row_too_few_is_found() -> None:
    text = "# A\n\n## B\n\n```\n# no heading\n```\n\n| a | b \\| c |\n|---|---|\n"
    assert (levels(text), tables(text)) == ([1, 2], [2, 2])
    assert levels(text.replace("## B", "B")) != levels(text)
    assert tables(text.replace("|---|---|", "|---|")) != tables(text)


@pytest.mark.parametrize(("english", "chinese"), PAIRS)
def test_both_languages_have_the_same_blocks(english: str, chinese: str) -> None:
    for kinds in ([RUN, NOT_RUN], [TEXT]):
        first, second = (
            [(block.code, block.kind, block.about) for block in read(file) if block.kind in kinds]
            for file in (english, chinese)
        )
        # The two pages of reference also have texts that only programmers need.
        if kinds == [TEXT] and is_summary(english, chinese):
            first = [block for block in first if block in second]
        assert first == second


@pytest.mark.parametrize("file", FILES)
def test_every_block_is_run_or_says_why_not(file: str) -> None:
    run = [block for block in read(file) if block.kind == RUN]
    for block in run:
        assert block.about in PLACES, block.where
    english = next(first for first, second in PAIRS if file in (first, second))
    assert not run or english in [scenario.file for scenario in SCENARIOS]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.file)
def test_a_scenario_knows_its_text(scenario: object) -> None:
    """What the text asks of the reader is done, and all that is prepared is for a line of it."""
    found = next(each for each in SCENARIOS if each is scenario)
    lines = [line for block in found.blocks() for line in block.text.splitlines()]
    asked = [line for line in lines if line.startswith("# ")]
    for pattern in found.before:
        assert any(re.match(pattern, line) for line in lines), pattern
    for line in asked:
        assert any(re.match(pattern, line) for pattern in found.before), line
    for pattern in found.instead:
        assert any(re.search(pattern, line) for line in lines), pattern


@pytest.mark.parametrize("file", FILES)
def test_marks_are_of_a_known_kind(file: str) -> None:
    for number, line in enumerate((ROOT / file).read_text().splitlines(), start=1):
        if line.startswith("<!--"):
            known = rf"<!-- (({'|'.join(KINDS)}|figures): \S.*|/figures) -->"
            assert re.fullmatch(known, line), f"{file}:{number}"


@pytest.mark.parametrize("file", FILES)
def test_dsk_knows_every_command(
    file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("hostfile", "host-keys", "FILE"):
        (tmp_path / name).touch()
    shells = [(block.where, block.text) for block in read(file) if block.kind != TEXT]
    text = (ROOT / file).read_text(encoding="utf-8")
    inline = [(f"{file}:{number}", shell) for number, shell in inline_commands(text)]
    problems = []
    for where, shell in [*shells, *inline]:
        for words in dsk_commands(shell):
            try:
                parse(words)
            except click.MissingParameter:
                # A sentence may name a command without its arguments; a block is typed as it is.
                if (where, shell) in shells:
                    problems.append(f"{where}: dsk {' '.join(words)}: an argument is missing")
            except click.UsageError as error:
                problems.append(f"{where}: dsk {' '.join(words)}: {error.message}")
    assert problems == []


def parse(words: list[str]) -> None:
    """As `dsk WORDS` does, up to the command itself. Raises click.UsageError."""
    with ExitStack() as stack:
        command: click.Command = dsk
        context = stack.enter_context(dsk.make_context("dsk", list(words)))
        while isinstance(command, click.Group):
            given = [*context._protected_args, *context.args]
            name, found, rest = command.resolve_command(context, given)
            assert name
            assert found
            command = found
            context = stack.enter_context(command.make_context(name, rest, parent=context))


@pytest.mark.parametrize(
    "words",
    [
        ["lunch"],
        ["launch"],
        ["push", "x", "--nodes", "1"],
        ["image", "send"],
        ["check", "--lang", "xx"],
    ],
)
def test_a_command_that_does_not_exist_is_found(words: list[str]) -> None:
    with pytest.raises(click.UsageError):
        parse(words)
