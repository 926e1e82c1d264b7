"""dsk.yaml: what is right, and each kind of mistake with its line, its key and the way out."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath

import pytest
import yaml

from dsk.cluster.model import Local, SshTarget, User
from dsk.cluster.parse import load, parse
from dsk.cluster.schema import json_schema
from dsk.errors import UserError

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "dsk.example.yaml"
FILE = Path("/c/dsk.yaml")
GOOD = """\
name: lab
nodes:
  - {host: 10.0.0.11, slots: 4}
  - {host: 10.0.0.12, slots: 2}
"""


def error(text: str) -> str:
    with pytest.raises(UserError) as caught:
        parse(text, FILE, "dsk.yaml")
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_the_least_that_a_file_can_say() -> None:
    cluster = parse(GOOD, FILE)
    assert [(node.host, node.slots) for node in cluster.nodes] == [
        ("10.0.0.11", 4),
        ("10.0.0.12", 2),
    ]
    assert cluster.master.server == SshTarget("root", "10.0.0.11", 22, None)
    assert cluster.world_size == 6
    assert cluster.state_dir == Path("/c/.dsk")
    assert (cluster.image, cluster.worker_port) == ("dsk:cu128", 2222)


def test_the_example_says_every_key() -> None:
    cluster = load(EXAMPLE)
    assert cluster.nodes[1].server == SshTarget(
        "root", "203.0.113.7", 30022, Path("~/.ssh/id_ed25519").expanduser()
    )
    said = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    schema = json_schema()
    assert list(said) == list(schema["properties"])
    for name, part in (("ssh", "SshModel"), ("network", "NetworkModel")):
        assert list(said[name]) == list(schema["$defs"][part]["properties"])
    assert set().union(*said["nodes"]) == set(schema["$defs"]["NodeModel"]["properties"])


def test_the_schema_that_is_checked_in_is_the_generated_one() -> None:
    """Write it again with `make schema`."""
    checked_in = json.loads((ROOT / "schema/dsk.schema.json").read_text(encoding="utf-8"))
    assert checked_in == json_schema()


def test_the_ways_to_a_server() -> None:
    text = """\
name: lab
ssh: {user: ubuntu, port: 2022, key: keys/id}
nodes:
  - {host: 10.0.0.11, slots: 1, ssh: local}
  - {host: 10.0.0.12, slots: 1, ssh: gate_1}
  - {host: 10.0.0.13, slots: 1, ssh: "admin@gate:7"}
  - {host: 10.0.0.14, slots: 1}
"""
    key = Path("/c/keys/id")
    assert [node.server for node in parse(text, FILE).nodes] == [
        Local(),
        SshTarget("ubuntu", "gate_1", 2022, key),
        SshTarget("admin", "gate", 7, key),
        SshTarget("ubuntu", "10.0.0.14", 2022, key),
    ]


def test_an_alias_of_ssh_config_keeps_what_that_says() -> None:
    text = """\
name: lab
nodes:
  - {host: 10.0.0.11, slots: 1, ssh: gpu1}
  - {host: 10.0.0.12, slots: 1, ssh: "admin@gpu2"}
  - {host: 10.0.0.13, slots: 1, ssh: "gpu3:7"}
  - {host: 10.0.0.14, slots: 1}
  - {host: 10.0.0.15, slots: 1, ssh: "jo@corp.example@gpu5"}
"""
    alias, *others = servers = [node.server for node in parse(text, FILE).nodes]
    assert servers == [
        SshTarget(None, "gpu1", None),
        SshTarget("admin", "gpu2", None),
        SshTarget(None, "gpu3", 7),
        SshTarget("root", "10.0.0.14", 22),
        SshTarget("jo@corp.example", "gpu5", None),
    ]
    assert str(alias) == "gpu1"
    assert [str(each) for each in others][1:3] == ["gpu3:7", "root@10.0.0.14:22"]
    [first, *_] = parse(f"{text}ssh: {{user: ubuntu}}", FILE).nodes
    assert first.server == SshTarget("ubuntu", "gpu1", None)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: &a [*a]", "is nested too deeply, or contains itself"),
        ("name: " + "[" * 600 + "]" * 600, "is nested too deeply, or contains itself"),
        ("name: " + "{a: " * 600 + "}" * 600, "is nested too deeply, or contains itself"),
        (
            "a: &a [1,1,1,1,1,1,1,1,1]\n"
            + "".join(
                f"{n}: &{n} [{f'*{p},' * 9}]\n" for p, n in zip("abcdef", "bcdefg", strict=True)
            ),
            "more than 20000 values",
        ),
    ],
)
def test_yaml_without_an_end(text: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        parse(text, FILE)


@pytest.mark.parametrize("host", ["255.255.255.255", "240.0.0.1", "127.0.0.1", "224.0.0.1"])
def test_addresses_that_lead_to_no_node(host: str) -> None:
    with pytest.raises(UserError, match=f"other nodes cannot reach {host}"):
        parse(f"name: lab\nnodes: [{{host: {host}, slots: 1}}]", FILE)


def test_env_is_text_as_it_is_written() -> None:
    env = 'env: {A: 1, B: true, C: 1e-4, D: on, E: "x y", F: 0x10, G: , on: 1}'
    assert parse(f"{GOOD}{env}", FILE).env == {
        "A": "1",
        "B": "true",
        "C": "1e-4",
        "D": "on",
        "E": "x y",
        "F": "0x10",
        "G": "",
        "on": "1",
    }


@pytest.mark.parametrize("word", ["auto", "true", "false"])
def test_warm_is_a_word(word: str) -> None:
    assert parse(f"{GOOD}warm: {word}\n", FILE).warm == word


@pytest.mark.parametrize("word", ["on", "off", "auto"])
def test_infiniband_is_a_word(word: str) -> None:
    assert parse(f"{GOOD}network: {{infiniband: {word}}}", FILE).network.infiniband == word


@pytest.mark.parametrize("path", ["/workspace", "/data/my models", "/root/autodl-tmp", "/数据/一"])
def test_workspaces(path: str) -> None:
    assert parse(f"{GOOD}workspace: {path}", FILE).workspace == PurePosixPath(path)


@pytest.mark.parametrize(
    ("text", "user"),
    [
        ('"1000:1000"', User(1000, 1000)),
        # YAML 1.1 would read 61000, and 20 from the next.
        ("1000:1000", User(1000, 1000)),
        ("1234:0", User(1234, 0)),
        ("2147483647:5", User(2147483647, 5)),
        ("", None),
    ],
)
def test_whom_the_workers_run_as(text: str, user: User | None) -> None:
    cluster = parse(f"{GOOD}user: {text}\n", FILE)
    assert cluster.user == user
    assert cluster.login == ("dsk" if user else "root")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", ["dsk.yaml: the file is empty"]),
        ("# only a comment\n", ["the file is empty"]),
        ("- a\n", ["contains a list"]),
        ("word", ["contains a single value"]),
        ("name: [", ["dsk.yaml:1: is not valid YAML"]),
        ("name: lab\nnodes: {a: b}\n", ["dsk.yaml:2: nodes: settings where a list"]),
        ("name: lab\n", ["nodes: is missing"]),
        ("name: lab\nnodes: []\n", ["dsk.yaml:2: nodes", "at least 1 item"]),
        ("name: lab\nnodes: [10.0.0.1]\n", ["nodes[0]", "key: value"]),
        (GOOD + "name: other\n", ["dsk.yaml:5: name: is there twice (first in line 1)"]),
        (GOOD + "worker_prt: 1\n", ["dsk.yaml:5: worker_prt: unknown key", "worker_port"]),
        (GOOD + "zzz: 1\n", ["zzz: unknown key; the known keys are: name, image, workspace"]),
        (GOOD + "ssh: {pot: 1}\n", ["ssh.pot: unknown key; did you mean port?"]),
        (GOOD.replace("slots: 2", "slot: 2"), ["dsk.yaml: 2 mistakes", "did you mean slots?"]),
        (GOOD.replace("slots: 2", "slots: 0"), ["dsk.yaml:4: nodes[1].slots: 0", "equal to 1"]),
        (GOOD.replace("slots: 2", "slots: 65"), ["nodes[1].slots: 65", "equal to 64"]),
        (GOOD.replace("slots: 2", "slots: true"), ["slots: True", "integer"]),
        (GOOD.replace("slots: 2", "slots: four"), ["slots: 'four'", "integer"]),
        (GOOD.replace("10.0.0.12", "10.0.0.11"), ["dsk.yaml:4", "10.0.0.11 is nodes[0] already"]),
        (GOOD.replace("10.0.0.12", "gpu2"), ["nodes[1].host: 'gpu2'", "LAN address"]),
        (GOOD.replace("10.0.0.12", "127.0.0.1"), ["other nodes cannot reach"]),
        (GOOD.replace("10.0.0.12", "-oProxyCommand=x"), ["'-oProxyCommand=x' is not an IPv4"]),
        (
            GOOD.replace("slots: 2", "slots: 2, ssh: -oProxyCommand=x"),
            ["nodes[1].ssh", "not an SSH"],
        ),
        (GOOD.replace("slots: 2", 'slots: 2, ssh: "-l@gate"'), ["cannot be a login's name"]),
        (GOOD.replace("slots: 2", 'slots: 2, ssh: "gate:99999"'), ["1 to 65535"]),
        (GOOD.replace("name: lab", "name: Lab"), ["dsk.yaml:1: name: 'Lab'", "lower-case"]),
        (GOOD.replace("name: lab", "name: 7"), ["name: 7 should be a valid string"]),
        (GOOD.replace("name: lab", f"name: {'a' * 31}"), ["up to 30"]),
        (GOOD + "image: -v\n", ["image: '-v' is not an image reference"]),
        (GOOD + "image: dsk cu128\n", ["not an image reference"]),
        (GOOD + "workspace: work\n", ["not absolute", "/work"]),
        (GOOD + "workspace: /a/../b\n", ["without .."]),
        (GOOD + "workspace: /\n", ["would hide"]),
        (GOOD + "workspace: /etc/x\n", ["is in /etc"]),
        (GOOD + "workspace: /opt\n", ["would hide /opt/venv"]),
        (GOOD + "workspace: /a:b\n", ["a mount cannot have"]),
        (GOOD + 'workspace: "/a\\nb"\n', ["a mount cannot have"]),
        (GOOD + "user: 1000\n", ["dsk.yaml:5: user: '1000' is not uid:gid", '"1000:1000"']),
        (GOOD + "user: 010:10\n", ["'010:10' is not uid:gid"]),
        (GOOD + "user: 2147483648:1\n", ["'2147483648:1' is not uid:gid"]),
        (GOOD + "user: ada:users\n", ["'ada:users' is not uid:gid"]),
        (GOOD + "user: [1, 2]\n", ["user: [1, 2] should be a valid string"]),
        (GOOD + "user: 0:0\n", ["user: without user, workers run as root", "delete the line"]),
        (GOOD + "user: root\n", ["user: without user, workers run as root"]),
        (GOOD + "worker_port: 0\n", ["worker_port: 0", "equal to 1"]),
        (GOOD + "worker_port: 22\n", ["dsk.yaml:5: worker_port: 22 is the port of nodes[0]'s"]),
        (GOOD + "accelerator: tpu\n", ["'tpu' should be one of cpu, cuda, npu, rocm"]),
        (GOOD + "shm_size: big\n", ["'big' is not a size"]),
        (GOOD + 'network: {interface: "eth0;rm"}\n', ["not an interface's name"]),
        (GOOD + "warm: maybe\n", ["warm: 'maybe'", "'auto', 'true' or 'false'"]),
        (GOOD + "network: {infiniband: maybe}\n", ["infiniband: 'maybe'", "'auto', 'on' or 'off'"]),
        (GOOD + "env: {RANK: 1}\n", ["dsk.yaml:5: env.RANK", "DeepSpeed's launcher"]),
        (GOOD + "env: {NCCL_SOCKET_IFNAME: eth0}\n", ["network: {interface"]),
        (GOOD + "env: {DSK_JOB: x}\n", ["use it themselves"]),
        (GOOD + "env: {a-b: x}\n", ["env.a-b: is not a variable's name"]),
        (GOOD + "env: [A]\n", ["env: a list where lines of key: value"]),
        (GOOD + "ssh: {user: -x}\n", ["ssh.user: '-x' cannot be a login"]),
    ],
)
def test_mistakes(text: str, said: list[str]) -> None:
    message = error(text)
    for part in said:
        assert part in message


def test_all_mistakes_at_once_in_the_order_of_the_file() -> None:
    message = error("name: L\nnodes:\n  - {host: x, slots: 0}\nextra: 1\n")
    lines = message.splitlines()
    assert lines[0] == "dsk.yaml: 4 mistakes:"
    assert [line.split(":")[1] for line in lines[1:]] == ["1", "3", "3", "4"]


def test_no_message_holds_a_variables_value() -> None:
    assert "s3cret" not in error(GOOD + 'env: {HF_TOKEN: "s3cret\\n"}\n')
    assert "s3cret" not in error(GOOD + "env: {HF_TOKEN: [s3cret]}\n")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        load(tmp_path / "dsk.yaml")
    with pytest.raises(UserError, match="cannot be read: Is a directory"):
        load(tmp_path)
    (tmp_path / "dsk.yaml").write_bytes(b"name: \xff")
    with pytest.raises(UserError, match="not UTF-8"):
        load(tmp_path / "dsk.yaml")


def test_where_the_servers_are_containers_their_sshd_is_the_workers() -> None:
    cluster = parse(GOOD + "in_place: true\nworker_port: 22\n", FILE)
    assert cluster.in_place
    assert cluster.nodes[1].server == SshTarget(
        "root", "10.0.0.12", 22, Path("/c/.dsk/keys/cluster")
    )


def test_a_container_chooses_its_user_itself() -> None:
    said = error(GOOD + 'in_place: true\nuser: "1000:1000"\n')
    assert "dsk.yaml:6: user: with in_place, workers run as their container's user" in said


def test_a_server_that_is_a_container_has_no_ssh_of_its_own() -> None:
    said = error(GOOD.replace("slots: 2", "slots: 2, ssh: local") + "in_place: true\n")
    assert "dsk.yaml:4: nodes[1].ssh: with in_place" in said


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (GOOD.replace("name: lab", "name: 7"), "name：7 应为字符串"),
        (GOOD + "worker_port: 70000\n", "worker_port：70000 应小于或等于 65535"),
        (GOOD + "worker_port: no\n", "worker_port：False 应为整数"),
        (GOOD + "in_place: 3\n", "in_place：3 应为 true 或 false"),
        (GOOD + "network: {infiniband: 7}\n", "network.infiniband：'7' 应为 'auto'"),
        ("name: lab\nnodes: []\n", "nodes：[] 应至少有 1 项"),
    ],
)
def test_what_pydantic_finds_in_chinese(changed: str, said: str) -> None:
    with pytest.raises(UserError) as raised:
        parse(changed, Path("/c/dsk.yaml"))
    assert said in raised.value.in_language("zh")
