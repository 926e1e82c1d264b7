"""What each guide's commands need on the lab's hosts before they can be typed there (reader.py)."""

from __future__ import annotations

import json
import subprocess
import time

from tests.lab.conftest import SMALL
from tests.lab.reader import MODEL, NAME, WORKSPACE, Reader, Scenario

CARRIED, OTHER = "dsk:guide-carried", "dsk:guide-other"
LOG = "outputs/run1/trainer_log.jsonl"


def _model(reader: Reader) -> None:
    reader.dsk("exec", "--", "python", "-m", "dsk.demo.tiny_model", MODEL)


def _two_servers(reader: Reader) -> None:
    reader.train(output_dir="outputs/guide")


def _both_nodes(reader: Reader) -> None:
    reader.set_nodes(*reader.lab.nodes)


# ---- README, quick start, from zero to a tuned model -----------------------------------------


def _first_steps(reader: Reader) -> None:
    reader.train(output_dir="outputs/first")


def _own_data(reader: Reader) -> None:
    """A run that is long enough to be stopped after its first checkpoint."""
    saving = {"save_strategy": "steps", "save_steps": 100, "overwrite_output_dir": False}
    reader.train(dataset="answers", output_dir="outputs/answers", max_steps=400, **saving)


def _first_checkpoint(reader: Reader) -> None:
    """On every node, with the file that is written last."""
    deadline = time.monotonic() + 300
    last = "outputs/answers/checkpoint-100/trainer_state.json"
    for node in reader.lab.nodes:
        while not (node.workspace / NAME / last).exists():
            assert time.monotonic() < deadline
            time.sleep(0.2)


def _workers_answer(reader: Reader) -> None:
    """`docker compose up -d` returns before the workers accept logins."""
    deadline = time.monotonic() + 60
    health = "/usr/local/lib/dsk/entrypoint/health.sh"
    for number, node in enumerate(reader.lab.nodes):
        argv = ["docker", "exec", f"dsk-{NAME}-node{number}", health]
        while node.run(argv, check=False).returncode:
            assert time.monotonic() < deadline
            time.sleep(1)


# ---- air-gapped ------------------------------------------------------------------------------


def _an_image_of_its_own(reader: Reader) -> None:
    """That no server has: a small one; and what stands for dsk's wheels."""
    _docker("build", "--network=none", f"--tag={CARRIED}", "-", text=f"FROM {SMALL}\nENV CARRIED=1")
    wheels = reader.folder / "carry/wheels"
    wheels.mkdir(parents=True)
    (wheels / "dsk.whl").write_text("stands for dsk's wheel")


def _forget_it_here(_: Reader) -> None:
    _docker("image", "rm", "--force", CARRIED)


def _docker(*words: str, text: str | None = None) -> None:
    """On this machine, the reader's."""
    subprocess.run(["docker", *words], input=text, text=True, check=True, capture_output=True)


# ---- files -----------------------------------------------------------------------------------


def _files(reader: Reader) -> None:
    """A model, and data of which the second server has a file too many."""
    first, second = reader.lab.nodes
    model = f"{WORKSPACE}/models/Qwen2-7B"
    reader.dsk("exec", "--node", "0", "--", "python", "-m", "dsk.demo.tiny_model", model)
    reader.write(first, "data/dataset_info.json", "{}")
    reader.write(second, "data/old.json", "{}")
    recipe = {"model_name_or_path": model, "template": "qwen", "finetuning_type": "full"}
    reader.write(first, "merge.yaml", json.dumps(recipe))


def _outputs(reader: Reader) -> None:
    """Of a job on disks of each server's own: some files differ, some only one server has."""
    for number, node in enumerate(reader.lab.nodes):
        reader.write(node, f"outputs/run1/checkpoint-500/shard-{number}.pt", f"of node {number}")
        reader.write(node, LOG, f"of node {number}")


def _without_the_masters_log(reader: Reader) -> None:
    """What the guide says before another server's file can take its place."""
    (reader.lab.nodes[0].workspace / NAME / LOG).unlink()


# ---- limits, checks, diagnose ----------------------------------------------------------------


def _a_job(reader: Reader) -> None:
    _model(reader)
    reader.train(output_dir="outputs/guide")


def _a_failed_job(reader: Reader) -> None:
    """Its model's weights are cut off. What it printed is in train.log."""
    _model(reader)
    broken = f"{WORKSPACE}/models/broken"
    cut = f"cp -r {MODEL} {broken} && truncate -s 1000 {broken}/model.safetensors"
    reader.dsk("exec", "--", "sh", "-c", cut)
    reader.train(output_dir="outputs/failed", model_name_or_path=broken)
    (reader.folder / "train.log").write_text(reader.dsk("launch", "train.yaml", code=1))
    [job] = json.loads(reader.dsk("status", "--json"))["jobs"]
    reader.instead[r"\bJOB\b"] = job["job"]
    reader.train(output_dir="outputs/guide")


# ---- operations ------------------------------------------------------------------------------


def _one_node_with_models(reader: Reader) -> None:
    first, _ = reader.lab.nodes
    reader.set_nodes(first)
    reader.dsk("up")
    reader.write(first, "models/m/config.json", "{}")


def _second_node_alone(reader: Reader) -> None:
    reader.set_nodes(reader.lab.nodes[1])


def _another_image(reader: Reader) -> None:
    """On the master under another name: the small image."""
    reader.lab.nodes[0].docker("tag", SMALL, OTHER)


def _use_another_image(reader: Reader) -> None:
    reader.cluster.change(image=OTHER)


# ---- user ------------------------------------------------------------------------------------


def _a_user(reader: Reader) -> None:
    reader.cluster.change(user="1000:1000")


SCENARIOS = (
    Scenario(
        "README.md",
        up=False,
        prepare=_two_servers,
        before={
            "dsk launch train.yaml": _model,
            "docker exec": _workers_answer,
        },
    ),
    Scenario(
        "docs/quick-start.md",
        up=False,
        prepare=_first_steps,
        before={"dsk check train.yaml": _model},
    ),
    Scenario(
        "docs/guide/zero-to-model.md",
        up=False,
        prepare=_own_data,
        before={"dsk check train.yaml": _model, "dsk stop": _first_checkpoint},
        instead={r"Qwen/Qwen2\.5-7B-Instruct": MODEL},
    ),
    Scenario("docs/checks.md", prepare=_a_job),
    Scenario("docs/diagnose.md", prepare=_a_failed_job),
    Scenario(
        "docs/guide/air-gapped.md",
        image=CARRIED,
        up=False,
        prepare=_an_image_of_its_own,
        before={"cd carry": _forget_it_here},
        instead={
            r"dsk image verify --here": f"dsk image verify --here --image {CARRIED}",
            r"dsk image save": f"dsk image save --image {CARRIED}",
        },
    ),
    Scenario(
        "docs/guide/files.md",
        prepare=_files,
        before={
            "dsk pull outputs/run1/checkpoint": _outputs,
            "dsk pull outputs/run1 --node": _without_the_masters_log,
        },
    ),
    Scenario("docs/guide/limits.md", prepare=_a_job),
    Scenario("docs/guide/metrics.md"),
    Scenario(
        "docs/guide/operations.md",
        image=SMALL,
        up=False,
        prepare=_one_node_with_models,
        before={
            "# dsk.yaml: one more line under nodes": _both_nodes,
            # The lab has two servers: the new one has the old one's address.
            "# dsk.yaml: the new address": _both_nodes,
            "# dsk.yaml: without that line": _second_node_alone,
            "dsk image sync +# may run": _both_nodes,
            "# on the master: build or load it": _another_image,
            "# dsk.yaml: image: dsk:seed": _use_another_image,
        },
    ),
    Scenario(
        "docs/guide/user.md",
        image=SMALL,
        up=False,
        before={'# dsk.yaml: user: "1000:1000"': _a_user},
    ),
)
