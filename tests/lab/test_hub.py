"""A model by its hub name: downloaded once, by the master; both hosts train from their disks."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hosts import Lab
from hosts.network import OPERATOR_ADDRESS
from tests.lab.cluster import Cluster
from tests.lab.hub_stand_in import GATED, Hub

pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]

WORKSPACE = "/workspace/hub"
REPO = "someone/tiny-qwen2"
LARGE = "someone/large"
BORROWED, CODE = "someone/borrowed", "someone/code"
TOKEN = "hf_secret0815"
MB = 1_000_000
INTERRUPTED = 130

OWN_FILES = ("spk_dict.pt", "value_head.bin", "tower/weights.pth")
"""Pickled, and no copies of the weights: Qwen2.5-Omni's and LLaMA-Factory's reward models'."""

MODULE = """
from transformers import Qwen2Config, Qwen2ForCausalLM
from .names import KIND


class BorrowedConfig(Qwen2Config):
    model_type = KIND


class BorrowedForCausalLM(Qwen2ForCausalLM):
    config_class = BorrowedConfig
"""


@pytest.fixture(scope="module")
def hub(lab: Lab, up: Cluster) -> Iterator[Hub]:
    """Serves the tiny model to the first host alone: nobody else has a way to a hub."""
    source = "/workspace/hub/source"
    up.in_worker(0, "python", "-m", "dsk.demo.tiny_model", f"{source}/tiny")
    files = lab.nodes[0].workspace / "hub/source"
    shutil.copytree(files / "tiny", files / "large")
    (files / "large/extra.txt").write_bytes(os.urandom(16 * MB))
    borrow(files / "tiny", files / "borrowed", files / "code")
    # A pickled copy of the weights, as many repositories have, and pickled files that are none.
    (files / "tiny/pytorch_model.bin").write_bytes(b"not wanted")
    (files / "tiny/tower").mkdir()
    for name in OWN_FILES:
        (files / "tiny" / name).write_bytes(name.encode())
    repos = {REPO: files / "tiny", GATED: files / "tiny", LARGE: files / "large"}
    repos |= {BORROWED: files / "borrowed", CODE: files / "code"}
    made = Hub(OPERATOR_ADDRESS, lab.nodes[0].host, repos)
    made.start()
    up.change(env={"HF_ENDPOINT": f"http://{OPERATOR_ADDRESS}:{made.port}", "HF_TOKEN": TOKEN})
    yield made
    made.stop()


def borrow(tiny: Path, model: Path, code: Path) -> None:
    """A model whose classes are in another repository."""
    shutil.copytree(tiny, model)
    config = json.loads((model / "config.json").read_text())
    classes = {"AutoConfig": "BorrowedConfig", "AutoModelForCausalLM": "BorrowedForCausalLM"}
    config["auto_map"] = {auto: f"{CODE}--modeling.{own}" for auto, own in classes.items()}
    config |= {"model_type": "borrowed", "architectures": ["BorrowedForCausalLM"]}
    (model / "config.json").write_text(json.dumps(config))
    code.mkdir()
    (code / "modeling.py").write_text(MODULE)
    (code / "names.py").write_text('KIND = "borrowed"\n')
    (code / "model.safetensors").write_bytes(b"not wanted")


@pytest.fixture(scope="module")
def up(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster.init(
        lab,
        tmp_path_factory.mktemp("hub"),
        [f"{node.host}:1" for node in lab.nodes],
        name="hub",
        workspace=WORKSPACE,
        worker_port=2226,
    )
    made.dsk("up", "--accept-new-host-keys")
    yield made
    made.dsk("down")


@pytest.fixture(autouse=True)
def fresh(hub: Hub) -> Iterator[None]:
    hub.requests.clear()
    yield
    hub.rate = None


def cache(lab: Lab, node: int, repo: str = REPO) -> Path:
    name = f"models--{repo.replace('/', '--')}"
    return lab.nodes[node].workspace / "hub/.cache/huggingface/hub" / name


def test_both_hosts_train_and_only_the_master_asked_the_hub(
    lab: Lab, up: Cluster, hub: Hub
) -> None:
    train = up.train(model_name_or_path=REPO, max_steps=2, output_dir="outputs/hub")
    done = up.dsk("launch", train)
    assert f"{REPO}: " in done.out and "downloaded to the master's workspace" in done.out
    assert "node1 has the model" in done.out
    assert "HF_HUB_OFFLINE=1 for the ranks" in done.out
    assert {asked.client for asked in hub.requests} == {lab.nodes[0].host}
    asked_for = [asked.path.rpartition("/")[2] for asked in hub.downloads]
    assert "model.safetensors" in asked_for and "pytorch_model.bin" not in asked_for
    assert {name.rpartition("/")[2] for name in OWN_FILES} <= set(asked_for)
    assert len(asked_for) == len(set(asked_for))
    assert {asked.token for asked in hub.downloads} == {f"Bearer {TOKEN}"}
    assert len(up.losses("outputs/hub")) == 2
    for node in (0, 1):
        saved = f"{WORKSPACE}/outputs/hub/adapter_config.json"
        adapter = json.loads(up.in_worker(node, "cat", saved))
        assert adapter["base_model_name_or_path"] == REPO
    blobs = [{path.name for path in (cache(lab, node) / "blobs").iterdir()} for node in (0, 1)]
    assert blobs[0] == blobs[1]
    jobs = lab.nodes[0].workspace / "hub/.dsk/jobs"
    texts = [path.read_text() for path in jobs.rglob("*") if path.is_file()]
    assert TOKEN not in done.text and not any(TOKEN in text for text in texts)


def test_code_of_another_repository_comes_along(up: Cluster, hub: Hub) -> None:
    train = up.train(
        model_name_or_path=BORROWED, trust_remote_code=True, max_steps=1, output_dir="outputs/code"
    )
    done = up.dsk("launch", train)
    assert "HF_HUB_OFFLINE=1 for the ranks" in done.out
    asked_for = [asked.path for asked in hub.downloads if f"/{CODE}/" in asked.path]
    assert sorted(path.rpartition("/")[2] for path in asked_for) == ["modeling.py", "names.py"]
    assert len(up.losses("outputs/code")) == 1


def test_check_asks_the_hub_and_downloads_nothing(up: Cluster, hub: Hub) -> None:
    found = up.dsk("check", up.train(model_name_or_path=LARGE), "--only", "hub")
    assert f"{LARGE} can be read" in found.out
    assert hub.downloads == [] and hub.requests


def test_what_is_in_the_cache_needs_no_hub(lab: Lab, up: Cluster, hub: Hub) -> None:
    shutil.rmtree(cache(lab, 1))
    port = hub.port
    hub.stop()
    try:
        train = up.train(model_name_or_path=REPO, max_steps=1, output_dir="outputs/again")
        done = up.dsk("launch", train)
    finally:
        hub.start(port)
    assert f"{REPO}: in the master's workspace already" in done.out
    assert "node1 has the model" in done.out


@pytest.mark.parametrize(
    ("repo", "says"),
    [
        ("someone/absent", "has no repository someone/absent that may be read with this token"),
        (GATED, "someone/gated is gated"),
    ],
)
def test_what_the_hub_refuses(lab: Lab, up: Cluster, hub: Hub, repo: str, says: str) -> None:
    train = up.train(model_name_or_path=repo)
    check = up.dsk("check", train, "--only", "hub", code=1)
    assert says in check.text and TOKEN not in check.text
    done = up.dsk("launch", train, code=2)
    assert f"node0 ({lab.nodes[0].host}): " in done.text and says in done.text
    assert "HF_TOKEN" in done.text and TOKEN not in done.text


def test_a_folder_that_was_meant_and_is_not_there(up: Cluster, hub: Hub) -> None:
    train = up.train(model_name_or_path="models/absent")
    missing = f"no folder of that name was found on the master either (looked for {WORKSPACE}/"
    fix = f"copy it to {WORKSPACE}/models/absent on the master, then: dsk push models/absent"
    check = up.dsk("check", train, "--only", "hub", code=1)
    launch = up.dsk("launch", train, "--json", code=2)
    for said in (check.text, launch.out):
        assert f"{missing}models/absent)" in said and fix in said
    events = [json.loads(line) for line in launch.out.splitlines()]
    [failure] = [event for event in events if event["event"] == "failure"]
    assert missing in failure["cause"] and fix in failure["fix"]


def test_a_hub_that_cannot_be_reached(lab: Lab, up: Cluster, hub: Hub) -> None:
    port = hub.port
    hub.stop()
    try:
        train = up.train(model_name_or_path="someone/new")
        done = up.dsk("launch", train, code=3, timeout=120)
        check = up.dsk("check", train, "--only", "hub", code=1, timeout=120)
    finally:
        hub.start(port)
    assert f"http://{OPERATOR_ADDRESS}:{port} cannot be used" in check.text
    assert "HF_ENDPOINT" in check.text and TOKEN not in check.text
    assert f"http://{OPERATOR_ADDRESS}:{port} cannot be used" in done.text
    assert "HF_ENDPOINT" in done.text
    assert f"(looked for {WORKSPACE}/someone/new)" in done.text
    assert "dsk push someone/new" in done.text


@pytest.mark.full
def test_a_download_that_is_stopped_goes_on(lab: Lab, up: Cluster, hub: Hub) -> None:
    hub.rate = 2 * MB
    train = up.train(model_name_or_path=LARGE, max_steps=1, output_dir="outputs/large")
    launch = up.start("launch", train)
    launch.wait_for(f"models from the hub: {LARGE}")
    deadline = time.monotonic() + 60
    while arrived(cache(lab, 0, LARGE)) < 4 * MB:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    launch.interrupt()
    assert launch.wait(60) == INTERRUPTED
    ended = len(hub.requests)
    time.sleep(3)
    assert len(hub.requests) == ended
    assert "dsk.hub" not in up.dsk("exec", "--", "ps", "ax").out
    hub.rate = None
    hub.requests.clear()
    done = up.dsk("launch", train)
    assert "node1 has the model" in done.out
    (begin,) = [asked.begin for asked in hub.downloads if asked.path.endswith("/extra.txt")]
    assert begin >= 4 * MB
    assert holds_extra(lab, hub)


@pytest.mark.full
def test_what_a_stopped_download_left_was_damaged(lab: Lab, up: Cluster, hub: Hub) -> None:
    (link,) = cache(lab, 0, LARGE).rglob("extra.txt")
    blob = cache(lab, 0, LARGE) / "blobs" / link.readlink().name
    link.unlink()
    blob.unlink()
    blob.with_name(f"{blob.name}.dsk-partial").write_bytes(bytes(MB))
    train = up.train(model_name_or_path=LARGE, max_steps=1, output_dir="outputs/damaged")
    up.dsk("launch", train)
    assert [asked.begin for asked in hub.downloads] == [MB, 0]
    assert holds_extra(lab, hub)


def holds_extra(lab: Lab, hub: Hub) -> bool:
    """Whether the master's cache has the large file as it is on the hub, and no part of another."""
    folder = cache(lab, 0, LARGE)
    (link,) = folder.rglob("extra.txt")
    blobs = list((folder / "blobs").iterdir())
    content = (folder / "blobs" / link.readlink().name).read_bytes()
    whole = content == (hub.repos[LARGE] / "extra.txt").read_bytes()
    return whole and not any(blob.suffix for blob in blobs)


@pytest.mark.full
def test_modelscope(lab: Lab, up: Cluster, hub: Hub) -> None:
    before = up.settings["env"]
    endpoint = f"http://{OPERATOR_ADDRESS}:{hub.port}"
    up.change(env={"USE_MODELSCOPE_HUB": "1", "MODELSCOPE_ENDPOINT": endpoint})
    try:
        train = up.train(model_name_or_path=REPO, max_steps=1, output_dir="outputs/modelscope")
        done = up.dsk("launch", train)
        train = up.train(
            model_name_or_path=REPO, model_revision="v2", max_steps=1, output_dir="outputs/v2"
        )
        other = up.dsk("launch", train)
        absent = up.dsk("launch", up.train(model_name_or_path="someone/absent"), code=2)
    finally:
        up.change(env=before)
    folder = f"{WORKSPACE}/.cache/modelscope/dsk/{REPO}"
    assert f"model_name_or_path: {REPO} -> {folder}" in done.out
    assert "node1 has the model" in done.out
    assert f"model_name_or_path: {REPO} -> {folder}@v2" in other.out
    assert "node1 has the model" in other.out
    assert any("Revision=v2" in asked.path for asked in hub.downloads)
    assert {asked.client for asked in hub.requests} == {lab.nodes[0].host}
    assert "ModelScope has no repository someone/absent" in absent.text


def arrived(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("blobs/*") if path.is_file())
