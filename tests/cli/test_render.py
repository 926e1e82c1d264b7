"""`dsk render`: bundles for those who carry them to the nodes by hand."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
import yaml

from tests.cli.conftest import Dsk

MASTERS_OWN = {"id_ed25519", "known_hosts", "config"}


def test_a_folder_for_each_node(in_cluster: Dsk) -> None:
    out = in_cluster("render").out
    folder = in_cluster.folder / ".dsk/bundle"
    assert sorted(path.name for path in folder.glob("node*")) == ["node0", "node1"]
    assert "docker compose up -d" in out
    assert "deepspeed --hostfile=/run/dsk/bundle/hostfile --master_addr=10.255.255.11" in out
    for path in folder.rglob("*"):
        mode = stat.S_IMODE(path.stat().st_mode)
        if path.is_dir():
            assert mode == 0o700
        elif path.name != "compose.yaml":
            assert mode == 0o600
    master, other = ({p.name for p in (folder / f"node{i}/ssh").iterdir()} for i in (0, 1))
    assert master - other == MASTERS_OWN


def test_private_keys_only_where_they_belong(in_cluster: Dsk) -> None:
    in_cluster("render")
    folder = in_cluster.folder / ".dsk/bundle"
    private = sorted(
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and "PRIVATE KEY" in path.read_text()
    )
    assert private == [
        "node0/ssh/host_ed25519_key",
        "node0/ssh/id_ed25519",
        "node1/ssh/host_ed25519_key",
    ]
    hosts = {(folder / f"node{i}/ssh/host_ed25519_key").read_text() for i in (0, 1)}
    assert len(hosts) == 2


def test_again_with_the_same_keys_and_without_nodes_that_are_gone(in_cluster: Dsk) -> None:
    in_cluster("render", "-o", "out")
    before = (in_cluster.folder / "out/node0/ssh/id_ed25519").read_text()
    file = in_cluster.folder / "dsk.yaml"
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(line for line in lines if "10.255.255.12" not in line))
    in_cluster("render", "-o", "out")
    assert (in_cluster.folder / "out/node0/ssh/id_ed25519").read_text() == before
    assert not (in_cluster.folder / "out/node1").exists()


def test_a_folder_of_somebody_else_is_left_alone(in_cluster: Dsk) -> None:
    (in_cluster.folder / "mine").mkdir()
    (in_cluster.folder / "mine/thesis").write_text("x")
    assert "not empty" in in_cluster("render", "-o", "mine", code=2).err
    assert [path.name for path in (in_cluster.folder / "mine").iterdir()] == ["thesis"]


def test_a_key_that_others_can_read_is_repaired_and_told(in_cluster: Dsk) -> None:
    in_cluster("render")
    key = in_cluster.folder / ".dsk/keys/cluster"
    key.chmod(0o644)
    assert "had mode 0644" in in_cluster("render").out
    assert stat.S_IMODE(key.stat().st_mode) == 0o600


def test_a_file_in_the_place_of_a_key(in_cluster: Dsk) -> None:
    in_cluster("render")
    (in_cluster.folder / ".dsk/keys/cluster").write_text("nonsense")
    said = in_cluster("render", code=2).err
    assert ".dsk/keys/cluster" in said


def test_the_line_by_hand_starts_what_the_images_stack_starts(in_cluster: Dsk) -> None:
    file = in_cluster.folder / "dsk.yaml"
    text = file.read_text()
    assert "/opt/llamafactory/src/train.py train /workspace/train.yaml" in in_cluster("render").out
    file.write_text(f"image: dsk:seed\n{text}")
    done = in_cluster("render")
    assert "/opt/llamafactory/src/train.py train /workspace/train.yaml" in done.out
    assert "dsk:seed" not in done.err, "its stack is known"
    file.write_text(f"image: registry.example/mine:7\n{text}")
    done = in_cluster("render")
    assert "src/train.py train" in done.out
    assert "registry.example/mine:7" in done.err


def test_with_a_user_its_files_are_handed_over_by_root(in_cluster: Dsk) -> None:
    assert "chown" not in in_cluster("render").out
    file = in_cluster.folder / "dsk.yaml"
    file.write_text(f"{file.read_text()}user: 1234:100\n")
    out = in_cluster("render").out
    assert "There, as root (the workers run as 1234:100)" in out
    assert "chown -R 1234:100 . && install -d -o 1234 -g 100 /workspace && docker compose" in out
    passwd = (in_cluster.folder / ".dsk/bundle/node1/passwd").read_text()
    assert "dsk:x:1234:100:" in passwd


def test_the_resolved_recipe_is_in_every_bundle(in_cluster: Dsk) -> None:
    train = in_cluster.train(hf_hub_token="hf_s3cret")
    out = in_cluster("render", train, "learning_rate=2e-5").out
    line = next(line for line in out.splitlines() if "deepspeed --hostfile=" in line)
    assert line.endswith(" train /run/dsk/bundle/train.yaml")
    files = [in_cluster.folder / f".dsk/bundle/node{node}/train.yaml" for node in (0, 1)]
    assert files[0].read_text() == files[1].read_text()
    assert stat.S_IMODE(files[0].stat().st_mode) == 0o600
    recipe = yaml.safe_load(files[0].read_text())
    assert recipe["output_dir"] == "/workspace/outputs/x"
    assert recipe["deepspeed"] == "/opt/llamafactory/examples/deepspeed/ds_z2_config.json"
    assert (recipe["learning_rate"], recipe["hf_hub_token"]) == (2e-5, "hf_s3cret")
    assert "s3cret" not in out and "output_dir: outputs/x -> /workspace/outputs/x" in out
    shown = json.loads(in_cluster("launch", "--dry-run", "--json", train, "learning_rate=2e-5").out)
    assert {**recipe, "hf_hub_token": "***"} == shown["recipe"]
    in_cluster("render")
    assert not files[0].exists()


def test_without_a_recipe_the_line_says_what_one_has_to_write(in_cluster: Dsk) -> None:
    out = in_cluster("render").out
    for word in ("absolute paths", "dataset_dir", "ds_z2_config.json", "dsk render train.yaml"):
        assert word in out


@pytest.mark.parametrize("settings", [{"learning_rat": 1}, {"output_dir": "/etc/x"}, {"stage": ""}])
def test_a_recipe_is_refused_as_launch_refuses_it(
    in_cluster: Dsk, settings: dict[str, object]
) -> None:
    train = in_cluster.train(**settings)
    said = in_cluster("render", train, code=2).err
    assert said == in_cluster("launch", "--dry-run", train, code=2).err
    assert not (in_cluster.folder / ".dsk").exists()


def test_one_folder_everywhere(in_cluster: Dsk) -> None:
    """Where dsk up would put it, so that dsk down finds it; and how to stop such workers."""
    out = in_cluster("render").out
    for node in ("node0", "node1"):
        assert f"->  ~/.dsk/lab/{node}\n" in out
        assert f"cd ~/.dsk/lab/{node} && docker compose up -d" in out
        assert f"cd ~/.dsk/lab/{node} && docker compose down && cd && rm -r .dsk/lab/{node}" in out
    root = Path(__file__).parents[2]
    for name in ("README.md", "README.zh-CN.md"):
        text = (root / name).read_text()
        assert "cd ~/.dsk/lab/node1 && docker compose up -d" in text
        assert "docker compose down && cd && rm -r .dsk/lab/node1" in text
        assert "~/dsk " not in text
