"""The files of accelerators/: whole, in agreement with compose/, and all that a new kind takes."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

import pytest
import yaml

from dsk import accelerators
from dsk.accelerators import Accelerator, accelerator, names
from dsk.agent import identity
from dsk.agent.examine.look import look
from dsk.bundle import compose
from dsk.cluster.model import Cluster, Local, Node
from dsk.plan import direct
from dsk.wire.jobspec import JobNode, JobSpec, RecipeText
from dsk.wire.operations import Devices

ROOT = Path(__file__).parents[2]
FILES = ROOT / "accelerators"
NODES = (Node(0, "10.0.0.11", 2, Local()),)
CLUSTER = Cluster("lab", NODES, Path("/nowhere/dsk.yaml"), accelerator="cuda")

every_kind = pytest.mark.parametrize("kind", [accelerator(name) for name in names()], ids=names())


@every_kind
def test_a_file_says_nothing_that_is_not_read(kind: Accelerator) -> None:
    text = (FILES / f"{kind.name}.env").read_text()
    written = {word.partition("=")[0].lower() for word in shlex.split(text, comments=True)}
    assert written <= {field.name for field in fields(Accelerator)} - {"name"}
    assert kind.deepspeed and kind.backend and kind.visible_devices


@every_kind
def test_a_shell_reads_what_python_reads(kind: Accelerator) -> None:
    script = f'. "{FILES}/{kind.name}.env"; printf %s "$WORKER_DEVICES|$DRIVER_VERSION"'
    read = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout
    assert read == f"{kind.worker_devices}|{kind.driver_version}"


@every_kind
def test_its_overlays_are_there(kind: Accelerator) -> None:
    for overlay in filter(None, (kind.overlay, kind.demo_overlay)):
        assert (ROOT / f"compose/{overlay}.yaml").is_file()
    assert bool(kind.overlay) == bool(kind.server_devices) == bool(kind.worker_devices)
    re.compile(kind.driver_version)
    re.compile(kind.device_line)


def test_amd_devices_are_those_with_simd_units(tmp_path: Path) -> None:
    """As amdkfd shows a server of one processor and two GPUs (its properties shortened)."""
    for number, units in enumerate((0, 416, 416)):
        node = tmp_path / f"sys/class/kfd/kfd/topology/nodes/{number}"
        node.mkdir(parents=True)
        (node / "properties").write_text(
            f"cpu_cores_count 0\nsimd_count {units}\nmem_banks_count 1\n"
        )
    # One that this container was not given cannot be read: here a folder, as root reads any file.
    (tmp_path / "sys/class/kfd/kfd/topology/nodes/3/properties").mkdir(parents=True)
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/kfd").touch()
    for command in (accelerator("rocm").server_devices, accelerator("rocm").worker_devices):
        there = command.replace("/sys", f"{tmp_path}/sys").replace("/dev", f"{tmp_path}/dev")
        assert len(listed(there)) == 2


def test_ascend_devices_are_numbered(tmp_path: Path) -> None:
    for name in ("davinci0", "davinci1", "davinci_manager", "devmm_svm", "hisi_hdc", "null"):
        (tmp_path / name).touch()
    for command in (accelerator("npu").server_devices, accelerator("npu").worker_devices):
        assert listed(command.replace("/dev", str(tmp_path))) == ["davinci0", "davinci1"]


def listed(command: str) -> list[str]:
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


@pytest.fixture
def made_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A kind that nobody has, of files alone: its devices are those of every machine."""
    shutil.copytree(FILES, tmp_path / "accelerators")
    (tmp_path / "accelerators/abacus.env").write_text(
        "MAKER=Babylon\nTOOL=beads\nDEEPSPEED=abacus\nBACKEND=pebbles\nVISIBLE_DEVICES=BEADS\n"
        "OVERLAY=abacus\nSERVER_DEVICES='ls -d /dev/null /dev/zero'\n"
        "WORKER_DEVICES='ls -d /dev/null /dev/zero /dev/tty'\nDEVICE_LINE='.*/(null|zero)'\n"
    )
    shutil.copytree(ROOT / "compose", tmp_path / "compose")
    (tmp_path / "compose/abacus.yaml").write_text(
        "services: {worker: {devices: ['/dev/beads${DSK_SLOT}', /dev/frame]}}\n"
    )
    monkeypatch.setattr(accelerators, "_FILES", tmp_path / "accelerators")
    monkeypatch.setattr(compose, "files", lambda _package: tmp_path)
    for cached in (names, accelerator):
        cached.cache_clear()
    yield "abacus"
    for cached in (names, accelerator):
        cached.cache_clear()


def test_a_new_kind_is_files_alone(made_up: str) -> None:
    assert made_up in names()
    cluster = replace(CLUSTER, accelerator=made_up)
    service = yaml.safe_load(compose.compose_file(cluster, NODES[0], config="c"))["services"]
    assert service["worker"]["devices"] == ["/dev/beads0", "/dev/beads1", "/dev/frame"]
    assert service["worker"]["environment"]["DS_ACCELERATOR"] == "abacus"
    assert identity.accelerators(made_up) == Devices(2)
    node = JobNode(0, "10.0.0.11", (0, 1), 2)
    spec = JobSpec(
        job="j", cluster="lab", created=0.0, nodes=(node,), worker_port=2222,
        workspace="/w", accelerator=made_up, recipe_shared=RecipeText("{}"),
        recipe_local=RecipeText("{}"), output_dir="/w/o", needed=(), env={},
    )  # fmt: skip
    assert direct.contract(spec, node, 0, 0, 29500)["BEADS"] == "0,1"


def test_a_check_looks_for_the_kind_and_not_for_deepspeeds_name_of_it(
    made_up: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which is another kind's, as ROCm's is cuda."""
    monkeypatch.setenv("DSK_ACCELERATOR", made_up)
    monkeypatch.setenv("DS_ACCELERATOR", "cuda")
    found = look()
    assert (found["accelerator"], found["gpus"], found["gpu_problem"]) == (made_up, 2, None)


def test_one_that_there_is_not() -> None:
    with pytest.raises(ValueError, match="'tpu' should be one of cpu, cuda, npu, rocm"):
        accelerator("tpu")
