"""`dsk demo`, all of it: two nodes on this machine's own engine train, and nothing is left."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.image.engine import Image, docker

pytestmark = pytest.mark.timeout(600)
DSK = str(Path(sys.executable).with_name("dsk"))
LIMIT_S = 240


@pytest.fixture
def env(image: Image, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The demo's files below the test's folder."""
    env = {**os.environ, "XDG_CACHE_HOME": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    yield env
    demo(env, "--clean")


def demo(env: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    argv = [DSK, "demo", *words]
    return subprocess.run(
        argv, env=env, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )


def left() -> str:
    """The demo's containers and network on the engine."""
    containers = docker("ps", "--all", "--format", "{{.Names}}", "--filter", "name=dsk-demo").stdout
    return containers + docker("network", "ls", "--quiet", "--filter", "name=dsk-demo").stdout


def test_two_nodes_train_and_a_kept_demo_is_there_until_it_is_cleaned(
    env: dict[str, str], image: Image
) -> None:
    done = demo(env, "--keep", "--image", image.reference)
    assert done.returncode == 0, done.stdout + done.stderr
    found = re.search(r"loss +(\d+\.\d+) at the first step, (\d+\.\d+) at the last", done.stdout)
    assert found and float(found[2]) < float(found[1])
    adapter = re.search(r"adapter +(/.*)", done.stdout)
    assert adapter and (Path(adapter[1]) / "adapter_model.safetensors").is_file()
    assert left().count("dsk-demo-node") == 2
    assert demo(env, "--clean").returncode == 0
    assert left() == ""
    assert not (Path(env["XDG_CACHE_HOME"]) / "dsk/demo").exists()


def test_the_image_has_the_model_that_its_program_makes(image: Image) -> None:
    """For any user; with the same bytes."""
    script = """
set -e
cd /tmp
python -m dsk.demo.tiny_model copied
python -c 'from dsk.demo.tiny_model import make; make("made")'
diff -r copied made
"""
    image.run(["sh", "-c", script], options=["--user=1234:2345", "--network=none"])


def test_ctrl_c_takes_everything_away_and_a_second_demo_is_refused(
    env: dict[str, str], image: Image, tmp_path: Path
) -> None:
    log = tmp_path / "demo.log"
    with log.open("wb") as out:
        first = subprocess.Popen(
            [DSK, "demo", "--image", image.reference], env=env, stdout=out, stderr=out
        )
    try:
        deadline = time.monotonic() + LIMIT_S
        while "starting 2 ranks" not in log.read_text():
            assert first.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        second = demo(env)
        assert second.returncode == 2 and "another dsk demo is running" in second.stderr
        first.send_signal(signal.SIGINT)
        assert first.wait(LIMIT_S) == 130, log.read_text()
    finally:
        first.kill()
        first.wait()
    assert "Traceback" not in log.read_text()
    assert left() == ""
