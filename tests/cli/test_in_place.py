"""Servers that are containers: what is said and written before one of them is contacted."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess

import pytest

from dsk.cluster import load
from dsk.servers.keys import ensure_keys
from dsk.servers.workerkeys import WorkerKey
from tests.cli.conftest import Dsk
from tests.unit.wire.test_documented_keys import paragraph

HOSTS = ("10.255.255.11:2", "10.255.255.12:2")
BLOB = base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + b"k" * 32).decode()
LINE = f"[10.255.255.12]:2222 ssh-ed25519 {BLOB}"


@pytest.fixture
def in_place(dsk: Dsk) -> Dsk:
    dsk("init", "--in-place", *HOSTS, "--accelerator", "cpu")
    return dsk


def test_init(dsk: Dsk) -> None:
    out = dsk("init", "--in-place", *HOSTS).out
    assert "next: dsk keys" in out
    cluster = load(dsk.folder / "dsk.yaml")
    assert cluster.in_place and str(cluster.workspace) == "/workspace"
    dsk("init", "--in-place", *HOSTS, "--full", "--force")
    assert load(dsk.folder / "dsk.yaml").in_place


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("10.255.255.11", "10.255.255.12:1"), "not known for 10.255.255.11"),
        ((*HOSTS, "--user", "ubuntu"), "--user says nothing with --in-place"),
    ],
)
def test_init_asks_nobody(dsk: Dsk, words: tuple[str, ...], said: str) -> None:
    assert said in dsk("init", "--in-place", *words, code=2).err
    assert not (dsk.folder / "dsk.yaml").exists()


def test_keys_are_made_once_and_shown(in_place: Dsk) -> None:
    first = in_place("keys")
    assert "created the key" in first.err
    assert first.out.startswith("DSK_AUTHORIZED_KEY=ssh-ed25519 AAAA")
    assert first.out.count("not known yet; there: dsk-agent host-key") == 2
    again = in_place("keys")
    assert (again.out, again.err) == (first.out, "")
    assert (in_place.folder / ".dsk/keys/cluster").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("mode", "said"),
    [(0o755, ""), (0o750, ""), (0o775, "had mode 0775, which gives others access")],
)
def test_the_folder_of_a_key_that_was_brought(in_place: Dsk, mode: int, said: str) -> None:
    """The guide brings it with `install -D`, which makes folders with mode 0755."""
    in_place("keys")
    keys = in_place.folder / ".dsk/keys"
    (keys / "cluster").rename(in_place.folder / "brought")
    shutil.rmtree(in_place.folder / ".dsk")
    subprocess.run(
        ["install", "-D", "-m", "0600", "brought", ".dsk/keys/cluster"],
        cwd=in_place.folder,
        check=True,
    )
    keys.chmod(mode)
    shown = in_place("keys").err
    assert said in shown and bool(said) == bool(shown)
    assert keys.stat().st_mode & 0o777 == 0o700


def test_a_key_that_others_could_read_is_said(in_place: Dsk) -> None:
    in_place("keys")
    (in_place.folder / ".dsk/keys/cluster").chmod(0o644)
    assert "had mode 0644, which gives others access" in in_place("keys").err


def test_host_keys_are_taken_from_files(in_place: Dsk) -> None:
    in_place.write("log", f"dsk worker: host key {LINE} SHA256:…\n")
    in_place("keys", "--add", "log")
    shown = json.loads(in_place("keys", "--json").out)
    assert [node["fingerprint"] is None for node in shown["nodes"]] == [True, False]
    assert shown["nodes"][1]["host"] == "10.255.255.12"
    assert LINE in (in_place.folder / ".dsk/known_hosts").read_text()


def test_a_host_key_that_is_none(in_place: Dsk) -> None:
    in_place.write("log", f"{LINE}\nsshd on 10.255.255.12:2222\n")
    assert "log:2: is not a line for known_hosts" in in_place("keys", "--add", "log", code=2).err
    assert not (in_place.folder / ".dsk/known_hosts").exists()


@pytest.mark.parametrize(
    "words",
    [("launch", "train.yaml"), ("status",), ("logs",), ("stop",), ("push", "a"), ("pull", "a")],
    ids=lambda w: w[0],
)
def test_a_machine_that_is_no_container_of_the_image(in_place: Dsk, words: tuple[str, ...]) -> None:
    in_place.train()
    said = in_place(*words, code=2).err
    assert "this machine is not a container of dsk's image" in said
    assert "run dsk in the first container" in said


def test_the_option_does_what_the_key_in_the_file_does(in_cluster: Dsk) -> None:
    in_cluster.train()
    said = in_cluster("launch", "--in-place", "train.yaml", code=2).err
    assert "not a container of dsk's image" in said
    assert "DSK_AUTHORIZED_KEY" in in_cluster("keys", "--in-place").out


def test_a_dry_run_contacts_nothing(in_place: Dsk) -> None:
    out = in_place("launch", "--dry-run", in_place.train()).out
    assert "10.255.255.12 slots=2" in out


@pytest.mark.parametrize("words", [("up",), ("down",), ("render",)])
def test_what_needs_an_engine(in_place: Dsk, words: tuple[str, ...]) -> None:
    said = in_place(*words, code=2).err
    assert "have no engine, which this command needs" in said and "containers-as-servers.md" in said


def test_exec_names_what_is_missing_before_it_contacts_anybody(in_place: Dsk) -> None:
    said = in_place("exec", "true", code=2).err
    assert ".dsk/keys/cluster: the cluster's private key is missing" in said
    in_place("keys")
    for words in (("exec", "true"), ("exec", "--node", "1", "true")):
        said = in_place(*words, code=2).err
        assert "the host key is not known of" in said and "dsk keys --add FILE" in said


def test_keys_that_up_made(in_cluster: Dsk) -> None:
    shown = json.loads(in_cluster("keys", "--json").out)
    assert shown["authorized_key"] is None
    assert [node["fingerprint"] for node in shown["nodes"]] == [None, None]
    assert not (in_cluster.folder / ".dsk").exists()
    assert shown.keys() | shown["nodes"][0].keys() <= paragraph("`dsk keys --json`")
    keys = ensure_keys(load(in_cluster.folder / "dsk.yaml"), print)
    shown = json.loads(in_cluster("keys", "--json").out)
    assert shown["authorized_key"] == keys.cluster.public
    for node, pair in zip(shown["nodes"], keys.hosts, strict=True):
        own = WorkerKey(node["host"], 2222, pair.public.split()[1])
        assert node["fingerprint"] == own.fingerprint
        assert own.fingerprint in in_cluster("keys").out
    (in_cluster.folder / ".dsk/keys/host-10.255.255.12").unlink()
    assert "not created yet; dsk up" in in_cluster("keys").out
    in_cluster.write("log", LINE)
    assert "dsk up creates" in in_cluster("keys", "--add", "log", code=2).err


def test_keys_of_servers_with_an_engine(in_cluster: Dsk) -> None:
    assert "dsk up creates and distributes the keys" in in_cluster("keys", code=2).err


def test_a_container_chooses_its_user_itself(in_cluster: Dsk) -> None:
    file = in_cluster.folder / "dsk.yaml"
    file.write_text(f"{file.read_text()}user: 1234:100\n")
    refused = in_cluster("exec", "--in-place", "--", "true", code=2).err
    assert "user: has no effect with --in-place" in refused and "delete that line" in refused
