"""What an image records of itself is written last: `dsk image verify` compares the image with it.

Read as docker reads a Dockerfile: stages, instructions, and the commands of each RUN. That the
record of dsk:cu128 is right is shown on the image itself (tests/image/test_contents.py).
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES, CONTENT_ID, PACKAGES = "content-files", "content-id", "debian-packages"
RECORDS = {
    ("dpkg-query", "-W", "-f", r"${Package} ${Version}\n", ">/etc/dsk/debian-packages"): PACKAGES,
    ("dsk-agent", "content-id", "--files", ">/etc/dsk/content-files"): FILES,
    ("dsk-agent", "content-id", ">/etc/dsk/content-id"): CONTENT_ID,
}
INSTALLERS = {"/build/apt-install", "apt-get", "apt"}


def instructions(text: str) -> Iterator[list[str]]:
    """Each as its name and its arguments in one line."""
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("#"))
    for line in re.sub(r"\\\n", " ", "\n".join(lines)).splitlines():
        if line.strip():
            yield line.split(maxsplit=1)


def steps(text: str) -> list[str]:
    """What the stage's instructions do, in order: a record of RECORDS, "apt" for an installation of
    Debian packages, or "change"."""
    found = []
    for name, arguments in instructions(text):
        if name in ("COPY", "ADD"):
            found.append("change")
        elif name == "RUN":
            words = [word for word in shlex.split(arguments) if not word.startswith("--mount=")]
            commands = " ".join(map(shlex.quote, words)).split(" '&&' ")
            found += [_step(tuple(shlex.split(command))) for command in commands]
    return found


def _step(command: tuple[str, ...]) -> str:
    if command in RECORDS:
        return RECORDS[command]
    return "apt" if INSTALLERS & set(command) else "change"


def problem(text: str) -> str:
    """Why the stage's record would not be of what is in it; empty where it would."""
    found = steps(text)
    if found[-2:] != [FILES, CONTENT_ID]:
        return "the last two commands do not write the list of files, then the content id"
    after = found[found.index("apt") :] if "apt" in found else []
    if after and PACKAGES not in after[len(after) - after[::-1].index("apt") :]:
        return "the list of Debian packages is older than the last installation"
    return ""


def stages() -> dict[str, str]:
    """Those of the Dockerfile that are a worker's, and of the documents that make one of them."""
    found, workers = {}, {"worker"}
    for stage in re.split("^(?=FROM )", (ROOT / "Dockerfile").read_text(), flags=re.M):
        first, _, rest = stage.partition("\n")
        words = first.split()
        name = words[3] if len(words) > 3 else words[1] if len(words) > 1 else ""
        if len(words) > 1 and (name == "worker" or words[1] in workers) and steps(rest):
            workers.add(name)
            found[name] = rest
    for document in sorted(ROOT.glob("docs/**/*.md")):
        for block in re.findall(r"(?:^    .*\n|^\n(?=    ))+", document.read_text(), re.M):
            dockerfile = re.sub("^    ", "", block, flags=re.M).strip()
            first, _, rest = dockerfile.partition("\n")
            if first.startswith("FROM dsk:"):
                found[f"{document.name}: {first}"] = rest
    return found


def test_the_stages_that_are_looked_at() -> None:
    assert list(stages()) == [
        "worker",
        "devel",
        "image.md: FROM dsk:cu128-devel",
        "image.md: FROM dsk:cu128",
    ]


@pytest.mark.parametrize("name", stages())
def test_the_record_is_written_after_every_change(name: str) -> None:
    assert problem(stages()[name]) == ""


WRITES = (
    "dsk-agent content-id --files >/etc/dsk/content-files \\\n"
    "    && dsk-agent content-id >/etc/dsk/content-id"
)
LISTS = r"dpkg-query -W -f '${Package} ${Version}\n' >/etc/dsk/debian-packages"


@pytest.mark.parametrize(
    ("text", "right"),
    [
        (f"COPY a /b\nRUN {WRITES}", True),
        (f"RUN apt-get install x && {LISTS} && {WRITES}", True),
        (f"RUN apt-get install x && {LISTS}\nCOPY a /b\nRUN {WRITES}\nUSER me", True),
        ("RUN pip install x", False),
        (f"RUN {WRITES}\nCOPY a /b", False),
        (f"RUN {WRITES} && rm /x", False),
        ("RUN dsk-agent content-id >/etc/dsk/content-id", False),
        (f"RUN apt-get install x && {WRITES}", False),
        (f"RUN {LISTS} && apt-get install x && {WRITES}", False),
        (f"RUN apt-get install x && {LISTS} && apt-get install y && {WRITES}", False),
        (f"RUN # {WRITES}", False),
    ],
)
def test_what_a_record_that_is_too_early_is(text: str, *, right: bool) -> None:
    assert (problem(text) == "") == right
