"""No engine on this machine, where it is a node itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Dsk, needs_docker_program

pytestmark = needs_docker_program


@pytest.mark.parametrize("words", [("up",), ("logs",), ("stop",), ("down",), ("exec", "true")])
def test_no_engine_answers(here: Callable[[], Dsk], tmp_path: Path, words: tuple[str, ...]) -> None:
    nowhere = f"unix://{tmp_path}/none.sock"
    said = here()(*words, code=3, DOCKER_HOST=nowhere).err
    assert "the Docker engine is not running" in said
    assert "systemctl start docker" in said


def test_the_demo_without_an_engine(dsk: Dsk, tmp_path: Path) -> None:
    said = dsk("demo", code=3, DOCKER_HOST=f"unix://{tmp_path}/none.sock").err
    assert "the Docker engine is not running" in said
