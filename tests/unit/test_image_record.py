"""What an image writes down of itself at the end of its build, for `dsk image verify`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DEBIAN = r"dpkg-query -W -f '${Package} ${Version}\n' >/etc/dsk/debian-packages"
FILES = "dsk-agent content-id --files >/etc/dsk/content-files"
CONTENT_ID = "dsk-agent content-id >/etc/dsk/content-id"


def stages() -> list[str]:
    """Those of the Dockerfile and of docs/image.md that write a content id, lines joined."""
    dockerfile = re.split("^(?=FROM )", (ROOT / "Dockerfile").read_text(), flags=re.M)
    document = re.findall(r"(?:^    .*\n)+", (ROOT / "docs/image.md").read_text(), re.M)
    joined = [re.sub(r"\s*\\\n\s*", " ", stage) for stage in (*dockerfile, *document)]
    return [stage for stage in joined if CONTENT_ID in stage]


def test_all_are_found() -> None:
    assert [stage.split()[1] for stage in stages()] == [
        "${CONTENT}",
        "worker",
        "dsk:cu128-devel",
        "dsk:cu128",
    ]


@pytest.mark.parametrize("stage", stages())
def test_an_id_is_written_with_all_that_it_stands_for(stage: str) -> None:
    assert f"{FILES} && {CONTENT_ID}" in stage
    if re.search(r"/apt-install|apt-get", stage):
        assert DEBIAN in stage
