"""Runs that ended well match no cause and no finding, whatever their warnings say.

`good/*.log.xz` is all that runs of the image printed: LLaMA-Factory's tiny model on CPUs, started
by deepspeed, torchrun and llamafactory-cli, under the presets that the names tell.
"""

from __future__ import annotations

import io
import lzma
from pathlib import Path

import pytest

from dsk.diagnose import Judge, load

GOOD = sorted((Path(__file__).parent / "good").glob("*.log.xz"))
ENTRIES = load()


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.name)
def test_nothing_is_found_in_a_good_run(path: Path) -> None:
    found = Judge(ENTRIES).read(io.BytesIO(lzma.decompress(path.read_bytes())))
    assert (found.id, found.crash, found.others, found.second_hand) == (None, None, (), ())


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.name)
def test_no_line_of_it_matches_a_cause_by_itself(path: Path) -> None:
    """Whatever `also` and `unless` say: another log may have those as well."""
    text = lzma.decompress(path.read_bytes()).decode(errors="replace")
    matched = {
        (entry.id, line)
        for line in set(text.replace("\r", "\n").splitlines())
        for entry in ENTRIES
        if entry.kind in ("cause", "finding")
        for pattern in entry.one_of
        if pattern.match(line)
    }
    assert not matched


def test_there_are_such_logs() -> None:
    assert len(GOOD) >= 4
