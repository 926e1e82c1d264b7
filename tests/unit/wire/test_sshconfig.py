"""The ssh configuration, read back with OpenSSH's own parser."""

from __future__ import annotations

import subprocess
from pathlib import Path

from dsk.wire.sshconfig import ssh_config


def _read_back(tmp_path: Path, text: str) -> dict[str, list[str]]:
    path = tmp_path / "config"
    path.write_text(text, encoding="utf-8")
    shown = subprocess.run(
        ["ssh", "-G", "-F", str(path), "10.0.0.11"], capture_output=True, text=True, check=True
    ).stdout
    values: dict[str, list[str]] = {}
    for line in shown.splitlines():
        key, _, value = line.partition(" ")
        values.setdefault(key, []).append(value)
    return values


def test_only_the_clusters_key_and_known_hosts(tmp_path: Path) -> None:
    values = _read_back(tmp_path, ssh_config("/keys", 2222, "dsk"))
    assert (values["user"], values["port"]) == (["dsk"], ["2222"])
    assert values["stricthostkeychecking"] == ["true"]
    assert values["batchmode"] == ["yes"]
    assert values["identityfile"] == ["/keys/id_ed25519"]
    assert values["identitiesonly"] == ["yes"]
    assert values["userknownhostsfile"] == ["/keys/known_hosts"]
    assert "setenv" not in values


def test_every_variable_arrives_whatever_it_holds(tmp_path: Path) -> None:
    env = {"A": "plain", "B": "two words", "C": 'quo"te', "D": "back\\slash", "E": "", "F": "雪 #x"}
    values = _read_back(tmp_path, ssh_config("/keys", 2222, "dsk", env=env))
    assert sorted(values["setenv"]) == sorted(f"{name}={value}" for name, value in env.items())
