"""A kind of accelerator that two files make, in real workers: devices, a tool that lists them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from dsk import accelerators
from dsk.bundle import compose
from dsk.checks.registry import chosen, judge_all
from dsk.preflight.measure import Measuring
from tests.image.engine import Image
from tests.image.workers import Workers, running

ROOT = Path(__file__).parents[2]
KIND = "abacus"
FILE = """\
MAKER=Babylon
TOOL=beads
DEEPSPEED=cpu
BACKEND=gloo
VISIBLE_DEVICES=BEADS
DEMO_OVERLAY=abacus
WORKER_DEVICES='beads -L'
DEVICE_LINE='Bead [0-9]+'
FIGURES='beads --figures'
"""
TOOL = """#!/bin/sh
for bead in /dev/bead[0-9]*; do
    [ -c "$bead" ] || continue
    case $1 in
        -L) echo "Bead ${bead#/dev/bead}" ;;
        --figures) echo "${bead#/dev/bead}, 37, 100, 1000, 41, [N/A]" ;;
    esac
done
echo abacus 1.0 >&2
"""
ASK = """\
import json, threading, time
from dsk.accelerators import accelerator, here
from dsk.agent import identity
from dsk.agent.figures import Figures
figures = Figures("/", threading.Event())
deadline = time.monotonic() + 20
while not (found := figures.report(0, "", {}).gpus) and time.monotonic() < deadline:
    time.sleep(0.1)
gpus = [[gpu.index, gpu.used] for gpu in found]
count = identity.accelerators(here()).count
print(json.dumps([here(), accelerator(here()).backend, count, gpus]))
"""


@pytest.fixture(scope="module")
def workers(image: Image, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    """The image that was built without the kind is handed its file, as a rebuilt one would hold."""
    folder = tmp_path_factory.mktemp("accelerators")
    for part in ("accelerators", "compose"):
        shutil.copytree(ROOT / part, folder / part)
    file = folder / f"accelerators/{KIND}.env"
    file.write_text(FILE)
    tool = folder / "beads"
    tool.write_text(TOOL)
    tool.chmod(0o755)
    where = "import dsk.assets as assets; print(assets.__path__[0], end='')"
    inside = image.run(["python", "-c", where]).stdout
    mounts = [f"{file}:{inside}/accelerators/{KIND}.env:ro", f"{tool}:/usr/local/bin/beads:ro"]
    overlay = {"devices": ["/dev/null:/dev/bead${DSK_SLOT}"], "volumes": mounts}
    text = yaml.safe_dump({"services": {"worker": overlay}})
    (folder / f"compose/{KIND}.yaml").write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(accelerators, "_FILES", folder / "accelerators")
        patch.setattr(compose, "files", lambda _package: folder)
        forget()
        try:
            place = folder / "workers"
            place.mkdir()
            with running(place, image.reference, accelerator=KIND) as made:
                yield made
        finally:
            forget()


def forget() -> None:
    for cached in (accelerators.names, accelerators.accelerator):
        cached.cache_clear()


def test_two_files_are_a_kind(workers: Workers) -> None:
    """As a job's supervisor asks: in a session over SSH."""
    script = workers.folder / "node0/workspace/ask.py"
    script.write_text(ASK)
    said = workers.ssh(workers.host(0), "python", f"{workers.cluster.workspace}/ask.py").stdout
    kind, backend, found, figures = json.loads(said)
    assert (kind, backend) == (KIND, "gloo")
    assert found == 1
    assert figures == [[0, 37.0]]
    env = workers.ssh(workers.host(0), "env").stdout.splitlines()
    assert {f"DSK_ACCELERATOR={KIND}", "DS_ACCELERATOR=cpu"} <= set(env)


def test_a_worker_that_lost_its_devices_is_found_by_check(workers: Workers) -> None:
    workers.exec(1, "rm", "/dev/bead0")
    (check,) = chosen(["worker-gpus"])
    found = judge_all(Measuring(workers.cluster).run(check.needs), [check])
    said = [(each.node, each.state, each.text.in_language("en")) for each in found]
    assert said == [
        (0, "ok", "the worker sees 1 GPU(s)"),
        (1, "failed", "slots: 1, but the worker sees 0 GPU(s) (abacus 1.0)"),
    ]
