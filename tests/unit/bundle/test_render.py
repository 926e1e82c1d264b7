from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from dsk.bundle import RECIPE, Keys, digest, render
from dsk.bundle.deepspeed import deepspeed_env
from dsk.cluster.model import Cluster, User
from dsk.cluster.secretnames import is_secret
from dsk.servers.containers import REMOVE

COMMON = {
    "compose.yaml",
    "hostfile",
    "deepspeed_env",
    "job_env.json",
    "ssh/host_ed25519_key",
    "ssh/authorized_keys",
}
MASTER_ONLY = {"ssh/id_ed25519", "ssh/known_hosts", "ssh/config"}


def test_only_the_master_gets_what_only_it_needs(cluster: Cluster, keys: Keys) -> None:
    bundles = render(cluster, keys)
    assert set(bundles[0]) == COMMON | MASTER_ONLY
    assert set(bundles[1]) == COMMON
    other = "".join(file.text for file in bundles[1].values())
    assert "private host1" in other
    assert "private cluster" not in other
    assert "private host0" not in other


def test_modes(cluster: Cluster, keys: Keys) -> None:
    for bundle in render(cluster, keys).values():
        assert {path for path, file in bundle.items() if file.mode != 0o600} == {"compose.yaml"}


def test_a_user_has_a_name_and_a_home(cluster: Cluster, keys: Keys) -> None:
    """As getpwuid() and getgrgid() look it up: the first line with the number."""
    bundles = render(replace(cluster, user=User(65534, 0)), keys)
    for bundle in bundles.values():
        assert COMMON | {"passwd", "group"} <= set(bundle)
        lines = [line.split(":") for line in bundle["passwd"].text.splitlines()]
        assert {len(fields) for fields in lines} == {7}
        mine = next(fields for fields in lines if fields[2] == "65534")
        assert (mine[0], mine[3], mine[6]) == ("dsk", "0", "/bin/bash")
        assert {fields[0] for fields in lines} == {"root", "dsk", "sshd", "nobody"}
        groups = [line.split(":") for line in bundle["group"].text.splitlines()]
        assert {len(fields) for fields in groups} == {4}
        assert ["tty", "x", "5", ""] in groups
    assert "User dsk\n" in bundles[0]["ssh/config"].text
    assert "User root\n" in render(cluster, keys)[0]["ssh/config"].text


def parse_hostfile(text: str) -> dict[str, int]:
    """_parse_hostfile() of DeepSpeed 0.19.8 (launcher/runner.py), its rule word for word."""
    pool: dict[str, int] = {}
    for raw in text.splitlines():
        line = raw.strip()
        match = re.search(r"^(\S+)\s+slots=(\d+)", line)
        if line.startswith("#") or line == "":
            continue
        assert match
        pool[match.group(1)] = int(match.group(2))
    return pool


def test_hostfile(cluster: Cluster, keys: Keys) -> None:
    text = render(cluster, keys)[1]["hostfile"].text
    assert parse_hostfile(text) == {"10.0.0.11": 4, "10.0.0.12": 2}


def exports(env_file: str) -> Mapping[str, str]:
    """What DeepSpeed's runner makes of the file: add_export() of multinode_runner.py."""
    found = {}
    for line in env_file.splitlines():
        key, value = line.split("=", maxsplit=1)
        value = value.strip()
        if re.search(r"[^\w@%+=:,./-]", value):
            value = f'"{value}"'
        found[key.strip()] = value
    return found


def test_deepspeed_env_reaches_the_ranks_unchanged(cluster: Cluster) -> None:
    text = deepspeed_env(cluster.env)
    got = {}
    for name, value in exports(text).items():
        command = f"export {name}={value}; printenv {name}".replace("%%", "%")
        shell = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
        got[name] = shell.stdout.removesuffix("\n")
    assert got == {name: cluster.env[name] for name in ("NCCL_DEBUG", "AWKWARD", "EMPTY")}


def test_a_warm_process_starts_with_what_every_rank_gets(cluster: Cluster, keys: Keys) -> None:
    for bundle in render(cluster, keys).values():
        env = json.loads(bundle["job_env.json"].text)
        assert env.pop("HF_HOME").startswith(str(cluster.workspace))
        assert env.pop("MODELSCOPE_CACHE").startswith(str(cluster.workspace))
        assert env == {n: v for n, v in cluster.env.items() if not is_secret(n)} != {}


def test_secrets_are_on_no_command_line(cluster: Cluster, keys: Keys) -> None:
    bundles = render(cluster, keys)
    holders = {
        (index, path)
        for index, bundle in bundles.items()
        for path, file in bundle.items()
        if "hf_secret" in file.text
    }
    assert holders == {(0, "ssh/config")}


def test_known_hosts_as_ssh_looks_it_up(cluster: Cluster, keys: Keys, tmp_path: Path) -> None:
    for port, name in ((2222, "[10.0.0.12]:2222"), (22, "10.0.0.12")):
        file = tmp_path / "known_hosts"
        bundle = render(replace(cluster, worker_port=port), keys)[0]
        file.write_text(bundle["ssh/known_hosts"].text)
        found = subprocess.run(
            ["ssh-keygen", "-F", name, "-f", str(file)], capture_output=True, text=True, check=False
        )
        assert "AAAAhost1" in found.stdout


def test_ssh_config_as_ssh_reads_it(cluster: Cluster, keys: Keys, tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_text(render(cluster, keys)[0]["ssh/config"].text)
    shown = subprocess.run(
        ["ssh", "-G", "-F", str(file), "10.0.0.12"], capture_output=True, text=True, check=True
    ).stdout
    settings = [line.partition(" ")[::2] for line in shown.splitlines()]
    assert ("port", "2222") in settings
    assert ("stricthostkeychecking", "true") in settings
    env = dict(value.partition("=")[::2] for name, value in settings if name == "setenv")
    assert env == dict(cluster.env)


def test_the_label_tells_configurations_apart(cluster: Cluster, keys: Keys) -> None:
    def label(of: Cluster) -> str:
        compose = yaml.safe_load(render(of, keys)[1]["compose.yaml"].text)
        return str(compose["services"]["worker"]["labels"]["dsk.config"])

    assert label(cluster) == label(replace(cluster))
    assert label(cluster) != label(replace(cluster, worker_port=2223))
    assert label(cluster) != label(replace(cluster, user=User(1000, 1000)))
    assert label(cluster) != label(replace(cluster, env={"NCCL_DEBUG": "INFO"}))


@pytest.mark.parametrize("change", ["text", "mode", "path"])
def test_digest(cluster: Cluster, keys: Keys, change: str) -> None:
    bundle = dict(render(cluster, keys)[1])
    before = digest(bundle)
    file = bundle.pop("hostfile")
    bundle["hosts" if change == "path" else "hostfile"] = replace(
        file,
        text=file.text + "#" * (change == "text"),
        mode=0o644 if change == "mode" else file.mode,
    )
    assert digest(bundle) != before


def test_dsk_down_knows_every_file_of_a_bundle(cluster: Cluster, keys: Keys) -> None:
    """The removal of a worker that was started by hand names them, in a folder of the user's."""
    words = set(REMOVE.split())
    bundles = render(replace(cluster, user=User(1000, 1000)), keys)
    assert {path for bundle in bundles.values() for path in bundle} | {RECIPE} <= words
