"""The workers' host keys that a user brings: what is taken, what is refused, what is kept."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest

from dsk.cluster.model import Cluster
from dsk.cluster.parse import parse as parse_cluster
from dsk.errors import UserError
from dsk.servers import workerkeys
from dsk.servers.workerkeys import WorkerKey

START = b"\0\0\0\x0bssh-ed25519\0\0\0\x20"
ONE, OTHER = (base64.b64encode(START + bytes([n]) * 32).decode() for n in (1, 2))
LINE = f"[10.0.0.12]:2222 ssh-ed25519 {ONE}"
KEY = WorkerKey("10.0.0.12", 2222, ONE)


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    text = (
        "name: lab\nin_place: true\n"
        "nodes: [{host: 10.0.0.11, slots: 1}, {host: 10.0.0.12, slots: 1}]\n"
    )
    return parse_cluster(text, tmp_path / "dsk.yaml")


@pytest.mark.parametrize(
    "text",
    [
        LINE,
        f"\n# node 1\n{LINE}\n",
        f"dsk worker: host key {LINE} SHA256:abc",
        f"2026-01-02T03:04:05Z dsk worker: host key {LINE} SHA256:abc\r",
    ],
    ids=["as ssh-keyscan", "with a comment", "the log's line", "a platform's log"],
)
def test_what_is_taken(text: str) -> None:
    assert workerkeys.parse(text, "keys") == [KEY]


def test_port_22_has_no_brackets() -> None:
    line = f"10.0.0.12 ssh-ed25519 {ONE}"
    assert [key.line for key in workerkeys.parse(line, "keys")] == [line]


@pytest.mark.parametrize(
    "text",
    [
        "nothing",
        LINE.replace("ed25519", "rsa"),
        LINE[:-8],
        LINE.replace(ONE, ONE[:-1] + "!"),
        f"10.0.0.12:2222 ssh-ed25519 {ONE}",
    ],
)
def test_what_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="keys:2: is not a line for known_hosts"):
        workerkeys.parse(f"{LINE}\n{text}\n", "keys")


def test_a_file_without_keys() -> None:
    with pytest.raises(UserError, match="keys: contains no host key"):
        workerkeys.parse("\n", "keys")


def test_the_fingerprint_is_ssh_keygens(tmp_path: Path) -> None:
    file = tmp_path / "known_hosts"
    file.write_text(LINE)
    shown = subprocess.run(
        ["ssh-keygen", "-lf", str(file)], capture_output=True, text=True, check=True
    ).stdout
    assert shown.split()[1] == KEY.fingerprint


def test_known_keys_stay_and_a_second_time_changes_nothing(cluster: Cluster) -> None:
    first = WorkerKey("10.0.0.11", 2222, OTHER)
    workerkeys.add(cluster, [first], "a", replace=False)
    file = cluster.state_dir / "known_hosts"
    file.write_text(f"other.example ssh-rsa AAAA\n{file.read_text()}")
    for _ in range(2):
        workerkeys.add(cluster, [KEY], "b", replace=False)
    assert file.read_text() == f"other.example ssh-rsa AAAA\n{first.line}\n{LINE}\n"
    assert file.stat().st_mode & 0o777 == 0o600
    assert workerkeys.known(cluster) == {"10.0.0.11": first, "10.0.0.12": KEY}


def test_a_changed_key_is_taken_only_where_that_is_asked_for(cluster: Cluster) -> None:
    workerkeys.add(cluster, [KEY], "a", replace=False)
    changed = WorkerKey("10.0.0.12", 2222, OTHER)
    with pytest.raises(UserError) as caught:
        workerkeys.add(cluster, [changed], "keys", replace=False)
    for part in ("node1 (10.0.0.12)", KEY.fingerprint, changed.fingerprint, "--replace"):
        assert part in str(caught.value)
    assert workerkeys.known(cluster) == {"10.0.0.12": KEY}
    workerkeys.add(cluster, [changed], "keys", replace=True)
    assert workerkeys.known(cluster) == {"10.0.0.12": changed}


def test_every_mistake_at_once_and_then_nothing_is_written(cluster: Cluster) -> None:
    keys = [
        KEY,
        WorkerKey("10.0.0.12", 2222, OTHER),
        WorkerKey("10.0.0.11", 2200, ONE),
        WorkerKey("10.0.0.13", 2222, ONE),
    ]
    with pytest.raises(UserError) as caught:
        workerkeys.add(cluster, keys, "keys", replace=True)
    said = str(caught.value)
    assert "node1 (10.0.0.12): the host key is" in said
    assert (
        "node0 (10.0.0.11): its worker is at port 2200, but dsk.yaml has worker_port 2222" in said
    )
    assert "10.0.0.13 is not a node of dsk.yaml" in said
    assert not (cluster.state_dir / "known_hosts").exists()


def test_nodes_whose_key_is_missing_are_named(cluster: Cluster) -> None:
    workerkeys.add(cluster, [KEY], "a", replace=False)
    workerkeys.check_known(cluster, ["10.0.0.12"])
    with pytest.raises(UserError, match=r"not known of 10\.0\.0\.11 \(port 2222\)"):
        workerkeys.check_known(cluster, ["10.0.0.11", "10.0.0.12"])
