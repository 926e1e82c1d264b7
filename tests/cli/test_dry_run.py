"""`dsk launch --dry-run`, and what is refused before anything is contacted."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import Dsk
from tests.unit.wire.test_documented_keys import paragraph


def test_everything_that_the_launch_would_do(in_cluster: Dsk) -> None:
    out = in_cluster("launch", "--dry-run", in_cluster.train(), "learning_rate=2e-5").out
    for part in (
        "learning_rate",
        "/opt/llamafactory/examples/deepspeed/ds_z2_config.json",
        "/workspace/outputs/x",
        "10.255.255.11 slots=2\n",
        "NCCL_DEBUG=WARN",
        "OMP_NUM_THREADS=<cores of the worker / ranks of the node",
        "MASTER_ADDR",
        "-m dsk.rank '--local_rank=<local rank>' train",
        "not checked",
    ):
        assert part in out


def test_the_command_of_deepspeeds_own_launcher(in_cluster: Dsk) -> None:
    words = ("launch", "--dry-run", "--launcher", "deepspeed", in_cluster.train())
    out = in_cluster(*words).out
    for part in ("--master_addr=10.255.255.11", "--force_multi", "--module dsk.rank train"):
        assert part in out
    shown = json.loads(in_cluster(*words, "--json").out)
    assert shown["launcher"] == "deepspeed"
    assert shown["command"][0].endswith("deepspeed")


def test_as_json(in_cluster: Dsk) -> None:
    shown = json.loads(in_cluster("launch", "--dry-run", "--json", in_cluster.train()).out)
    assert shown["recipe"]["output_dir"] == "/workspace/outputs/x"
    assert {"key", "reason"} <= set(shown["changes"][0])
    assert shown["launcher"] == "direct"
    assert shown["command"][0].endswith("python")
    assert shown["unchecked"]
    assert shown.keys() | shown["changes"][0].keys() <= paragraph("`dsk launch --dry-run --json`")


def test_the_users_own_number_of_threads(in_cluster: Dsk) -> None:
    file = in_cluster.folder / "dsk.yaml"
    file.write_text(file.read_text().replace("env: {", "env: {OMP_NUM_THREADS: 3, "))
    shown = json.loads(in_cluster("launch", "--dry-run", "--json", in_cluster.train()).out)
    assert shown["env"]["OMP_NUM_THREADS"] == "3"


def test_no_secret_is_shown(in_cluster: Dsk) -> None:
    train = in_cluster.train(hf_hub_token="hf_abc")
    for words in ((), ("--json",)):
        out = in_cluster("launch", "--dry-run", *words, train).out
        assert "s3cret" not in out and "hf_abc" not in out
        assert "HF_TOKEN" in out


SECRET_NAMES = (
    "OPENAI_APIKEY", "MYSQL_PWD", "FEISHU_WEBHOOK", "GPG_PASSPHRASE", "VOLC_AK", "VOLC_SK",
    "SMTP_PASS", "PGPASSWORD", "COS_SECRET_ID", "SENTRY_DSN", "REGISTRY_AUTH",
)  # fmt: skip


def test_no_secret_of_any_usual_name_nor_in_an_address(in_cluster: Dsk) -> None:
    env = dict.fromkeys(SECRET_NAMES, "s3cret")
    env |= {"HTTP_PROXY": "http://user:s3cret@proxy:3128", "ALL_PROXY": "user:s3cret@proxy:1080"}
    env |= {"HOOK": "https://h/bot?access_token=s3cret", "TOKENIZERS_PARALLELISM": "false"}
    text = (in_cluster.folder / "dsk.yaml").read_text().partition("env:")[0]
    in_cluster.write("dsk.yaml", f"{text}env: {json.dumps(env)}\n")
    train = in_cluster.train(swanlab_lark_webhook_url="https://h/s3cret")
    words = ("launch", "--dry-run", train, "run_name=http://me:s3cret@h/x")
    for more in ((), ("--json",), ("--launcher=deepspeed",)):
        out = in_cluster(*words, *more).out
        assert "s3cret" not in out
        assert all(name in out for name in env)
        assert "***@proxy:3128" in out
    assert "TOKENIZERS_PARALLELISM=false" in in_cluster(*words).out
    wrong = in_cluster("launch", "--dry-run", train, "run_nam=http://me:s3cret@h/x", code=2)
    assert "s3cret" not in wrong.err


@pytest.mark.parametrize(
    ("option", "nodes"),
    [
        (("--node", "node1"), ["10.255.255.12 slots=2"]),
        (("--node", "1", "--node", "node0:1"), ["10.255.255.11 slots=2", "10.255.255.12 slots=2"]),
        (("--include", "node1"), ["10.255.255.12 slots=2"]),
        (("--exclude", "10.255.255.12:0"), ["10.255.255.11 slots=2", "10.255.255.12 slots=2"]),
    ],
)
def test_chosen_nodes(in_cluster: Dsk, option: tuple[str, ...], nodes: list[str]) -> None:
    shown = json.loads(in_cluster("launch", "--dry-run", "--json", *option, in_cluster.train()).out)
    assert shown["hostfile"].splitlines() == nodes


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, ["train.yaml", "no such file"]),
        ("", ["train.yaml", "empty"]),
        ("- a\n- b\n", ["train.yaml", "list"]),
        ("a: [", ["train.yaml:1", "YAML"]),
        ("stage: sft\nlearning_rat: 1\n", ["train.yaml:2", "learning_rat", "learning_rate"]),
        ("stage: sft\nstage: pt\n", ["train.yaml:2", "twice"]),
        ("stage: &a [*a]\n", ["train.yaml", "contains itself"]),
        ("stage: " + "[" * 600 + "]" * 600, ["train.yaml", "nested too deeply"]),
        (
            "do_train: true\ndataset: identity\nmodel_name_or_path: /models/m\n",
            ["train.yaml:3", "/models/m", "workspace"],
        ),
    ],
)
def test_a_train_file_that_is_wrong(in_cluster: Dsk, text: str | None, said: list[str]) -> None:
    if text is not None:
        in_cluster.write("train.yaml", text)
    for dry in (["--dry-run"], []):
        message = in_cluster("launch", *dry, "train.yaml", code=2).err
        for part in said:
            assert part in message


@pytest.mark.parametrize(
    ("word", "said"),
    [("lr", "needs a '='"), ("learning_rat=1", "learning_rate"), ("--stage=sft", "without dashes")],
)
def test_an_override_that_is_wrong(in_cluster: Dsk, word: str, said: str) -> None:
    train = in_cluster.train()
    assert said in in_cluster("launch", "--dry-run", train, "--", word, code=2).err


def test_nodes_that_do_not_exist(in_cluster: Dsk) -> None:
    train = in_cluster.train()
    said = in_cluster("launch", "--dry-run", "--include", "node7", train, code=2).err
    assert "'node7' is not a node" in said and "node1 (10.255.255.12)" in said


def with_image(dsk: Dsk, image: str) -> None:
    dsk.write("dsk.yaml", f"image: {image}\n" + (dsk.folder / "dsk.yaml").read_text())


def test_another_stacks_keys(in_cluster: Dsk) -> None:
    of_older_transformers = in_cluster.train(save_safetensors=True)
    said = in_cluster("launch", "--dry-run", of_older_transformers, code=2).err
    assert "does not know the key 'save_safetensors'" in said
    with_image(in_cluster, "dsk:seed")
    done = in_cluster("launch", "--dry-run", "--json", of_older_transformers)
    assert json.loads(done.out)["recipe"]["save_safetensors"] is True
    assert done.err == ""


def test_an_image_that_nobody_can_ask(in_cluster: Dsk) -> None:
    with_image(in_cluster, "registry.example/mine:7")
    words = ("launch", "--dry-run", "--json", "--launcher=deepspeed")
    done = in_cluster(*words, in_cluster.train())
    assert "registry.example/mine:7" in done.err and "stack cu128" in done.err
    shown = json.loads(done.out)
    assert "registry.example/mine:7" in shown["unchecked"][-1]
    assert "dsk.rank" in shown["command"]


def test_a_time_limit(in_cluster: Dsk) -> None:
    words = ("launch", "--dry-run", in_cluster.train())
    limited = in_cluster(*words, "--time-limit", "7h50m")
    assert "stopped after 7 h 50 min, and saves a checkpoint shortly before" in limited.out
    ppo = in_cluster(*words, "stage=ppo", "reward_model=/workspace/rm", "--time-limit", "1h")
    assert "cannot save a checkpoint" in ppo.out
    file = in_cluster.folder / "dsk.yaml"
    file.write_text(file.read_text() + "time_limit: 90m\n")
    assert json.loads(in_cluster(*words, "--json").out)["time_limit"] == 5400
    off = in_cluster(*words, "--json", "--time-limit", "off").out
    assert json.loads(off)["time_limit"] is None
    wrong = in_cluster(*words, "--time-limit", "90", code=2).err
    assert "--time-limit 90" in wrong and "7h50m" in wrong
    file.write_text(file.read_text().replace("90m", "soon"))
    wrong = in_cluster(*words, code=2).err
    assert "time_limit" in wrong and "'soon' is not a time" in wrong


def test_save_auto(in_cluster: Dsk) -> None:
    words = ("launch", "--dry-run", "--json", in_cluster.train())
    assert "--save-auto" not in json.loads(in_cluster(*words).out)["command"]
    shown = json.loads(in_cluster(*words, "--save", "auto").out)
    assert "--save-auto" in shown["command"]
    assert shown["recipe"]["save_strategy"] == "no"
    file = in_cluster.folder / "dsk.yaml"
    file.write_text(file.read_text() + "save: auto\n")
    assert "--save-auto" in json.loads(in_cluster(*words).out)["command"]
    asked = json.loads(in_cluster(*words, "--save", "recipe").out)
    assert "--save-auto" not in asked["command"]
