from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml

from dsk.bundle.compose import _overlays, _values, compose_file
from dsk.cluster.model import Cluster, Demo, Network, User

TEMPLATES = Path(__file__).parents[3] / "compose"

needs_compose = pytest.mark.skipif(
    shutil.which("docker") is None
    or subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode
    != 0,
    reason="Docker Compose is not installed",
)


def worker(cluster: Cluster) -> dict[str, Any]:
    text = compose_file(cluster, cluster.nodes[1], config="sha256:1")
    service: dict[str, Any] = yaml.safe_load(text)["services"]["worker"]
    return service


def test_only_what_it_needs(cluster: Cluster) -> None:
    service = worker(cluster)
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert "devices" not in service
    assert "docker.sock" not in str(service)
    assert "privileged" not in service


def test_gpus(cluster: Cluster) -> None:
    devices = worker(cluster)["deploy"]["resources"]["reservations"]["devices"]
    assert devices == [{"driver": "nvidia", "count": 2, "capabilities": ["gpu"]}]
    assert "deploy" not in worker(replace(cluster, accelerator="cpu"))


def test_the_warm_process_is_told_what_dsk_yaml_says(cluster: Cluster) -> None:
    environment = worker(replace(cluster, warm="true"))["environment"]
    assert (environment["DSK_WARM"], environment["DSK_SLOTS"]) == ("true", 2)


def test_other_accelerators(cluster: Cluster) -> None:
    rocm = worker(replace(cluster, accelerator="rocm"))
    assert rocm["devices"] == ["/dev/kfd", "/dev/dri"] and "deploy" not in rocm
    assert rocm["environment"]["DSK_ACCELERATOR"] == "rocm"
    assert rocm["environment"]["DS_ACCELERATOR"] == "cuda"
    npu = worker(replace(cluster, accelerator="npu"))
    assert npu["devices"][:3] == ["/dev/davinci0", "/dev/davinci1", "/dev/davinci_manager"]
    assert "/usr/local/Ascend/driver" in [mount["target"] for mount in npu["volumes"]]
    assert npu["environment"]["DS_ACCELERATOR"] == "npu"


def test_infiniband(cluster: Cluster) -> None:
    on = worker(replace(cluster, network=Network(infiniband="on")))
    assert on["devices"] == ["/dev/infiniband:/dev/infiniband"]
    assert "IPC_LOCK" in on["cap_add"]
    assert "IPC_LOCK" not in worker(cluster)["cap_add"]


def test_a_user(cluster: Cluster) -> None:
    service = worker(replace(cluster, user=User(1234, 100), network=Network(infiniband="on")))
    assert service["user"] == "1234:100"
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert service["tmpfs"] == ["/run/dsk:mode=0700,uid=1234,gid=100"]
    mounts = {mount["target"]: mount for mount in service["volumes"]}
    assert all(mounts[f"/etc/{name}"]["read_only"] for name in ("passwd", "group"))
    assert not {"user", "tmpfs"} & worker(cluster).keys()


def test_demo(cluster: Cluster, demo: Demo) -> None:
    service = worker(replace(cluster, demo=demo, accelerator="cpu"))
    assert "network_mode" not in service
    assert service["networks"] == {"demo": {"ipv4_address": "10.0.0.12"}}
    assert service["cpus"] == "1.50"
    assert service["volumes"][0]["source"] == "/w/node1"


def docker_compose(*arguments: str, env: dict[str, str] | None = None) -> dict[str, Any]:
    done = subprocess.run(
        ["docker", "compose", *arguments, "config", "--format", "json"],
        capture_output=True,
        text=True,
        env=env,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@needs_compose
@pytest.mark.parametrize("variant", ["plain", "cpu", "rocm", "npu", "rdma", "demo", "user"])
def test_docker_compose_makes_the_same_of_the_templates(
    cluster: Cluster, demo: Demo, tmp_path: Path, variant: str
) -> None:
    """The templates are Compose files themselves: its own merging and filling in is the judge."""
    cluster = {
        "plain": cluster,
        "cpu": replace(cluster, accelerator="cpu"),
        "rocm": replace(cluster, accelerator="rocm"),
        # Compose itself cannot say something once for each slot.
        "npu": replace(
            cluster,
            accelerator="npu",
            nodes=tuple(replace(node, slots=1) for node in cluster.nodes),
        ),
        "rdma": replace(cluster, network=Network(infiniband="on")),
        "demo": replace(cluster, demo=demo, accelerator="cpu"),
        "user": replace(cluster, user=User(1234, 100), network=Network(infiniband="on")),
    }[variant]
    node = cluster.nodes[1]
    values = {name: str(value) for name, value in _values(cluster, node, "sha256:1").items()}
    files = [part for name in _overlays(cluster) for part in ("-f", f"{TEMPLATES}/{name}.yaml")]
    path = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/root"}
    from_templates = docker_compose(
        "--project-directory", str(tmp_path), *files, env={"DSK_SLOT": "0", **path, **values}
    )

    rendered = tmp_path / "compose.yaml"
    rendered.write_text(compose_file(cluster, node, config="sha256:1"))
    assert docker_compose("-f", str(rendered)) == from_templates


@needs_compose
def test_docker_compose_reads_the_values_back(cluster: Cluster, tmp_path: Path) -> None:
    rendered = tmp_path / "compose.yaml"
    rendered.write_text(compose_file(cluster, cluster.nodes[1], config="sha256:1"))
    found = docker_compose("-f", str(rendered))["services"]["worker"]
    workspace, bundle = found["volumes"]
    # `config` prints a file again, in which `$` is doubled.
    shown = PurePosixPath(workspace["target"].replace("$$", "$"))
    assert shown == cluster.workspace
    assert workspace["source"] == workspace["target"]
    assert bundle["source"].rstrip("/") == str(tmp_path)
    assert found["container_name"] == "dsk-lab-node1"
    assert found["labels"]["dsk.node"] == "1"
    assert found["labels"]["dsk.host"] == "10.0.0.12"
