from __future__ import annotations

import os
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from dsk.cluster.model import SshTarget
from dsk.connect import UnknownHostKey, hostkeys, open_server, processes
from dsk.connect.ssh import options
from dsk.connect.ssherrors import ChangedHostKey
from dsk.errors import Unreachable
from dsk.wire.sshconfig import ssh_config

from .conftest import Sshd, free_port

AWKWARD = ["a b", "$HOME", "'", '"', "`id`", ";", "*", "\\", "~", "é", "", "-x", "a\nb"]


def test_arguments_arrive_as_they_were(sshd: Sshd) -> None:
    with open_server(sshd.target, sshd.known_hosts) as server:
        done = server.run(["printf", "%s\\0", *AWKWARD], timeout=10)
    assert done.stdout.decode().split("\0")[:-1] == AWKWARD


def test_input_exit_code_and_stderr(sshd: Sshd) -> None:
    with open_server(sshd.target, sshd.known_hosts) as server:
        done = server.run(["sh", "-c", "cat; echo no >&2; exit 3"], input=b"\x00\xff", timeout=10)
        assert (done.returncode, done.stdout, done.stderr) == (3, b"\x00\xff", b"no\n")
        assert server.run(["sh", "-c", "exit 255"], timeout=10).returncode == 255


def test_streams(sshd: Sshd) -> None:
    with open_server(sshd.target, sshd.known_hosts) as server:
        process = server.popen(["sh", "-c", "echo one; exec sleep 60"])
        assert process.stdout
        assert process.stdout.readline() == b"one\n"
        processes.end(process)


def test_a_limit_is_kept(sshd: Sshd) -> None:
    with (
        open_server(sshd.target, sshd.known_hosts, where="node1") as server,
        pytest.raises(Unreachable, match=r"node1: `sleep 60` did not end within 0\.5 s"),
    ):
        server.run(["sleep", "60"], timeout=0.5)


def test_a_script_of_dsks_own_is_not_shown(sshd: Sshd) -> None:
    with (
        open_server(sshd.target, sshd.known_hosts, where="node1") as server,
        pytest.raises(Unreachable, match=r"`sh -c …` did not end within 0\.5 s"),
    ):
        server.run(["sh", "-c", "fact() { sleep 60; }\nfact"], timeout=0.5)


def test_a_lost_connection_is_not_an_exit_code(sshd: Sshd) -> None:
    # The parent of the command's shell is the session's sshd: the connection breaks from that side.
    with (
        open_server(sshd.target, sshd.known_hosts) as server,
        pytest.raises(Unreachable),
    ):
        server.run(["sh", "-c", "kill -9 $PPID; sleep 5"], timeout=20)


def test_nothing_stays_behind(sshd: Sshd) -> None:
    before = set(Path("/tmp").glob("dsk-*"))
    with open_server(sshd.target, sshd.known_hosts) as server:
        control = (set(Path("/tmp").glob("dsk-*")) - before).pop()
        assert control.stat().st_mode & 0o777 == 0o700
        server.run(["true"], timeout=10)
    assert set(Path("/tmp").glob("dsk-*")) == before
    running = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    assert str(control) not in running.stdout


def test_refused(sshd: Sshd) -> None:
    target = replace(sshd.target, port=free_port())
    with pytest.raises(Unreachable, match=r"node1: nothing listens at .* \(connection refused\)"):
        open_server(target, sshd.known_hosts, where="node1")


def test_wrong_key(sshd: Sshd) -> None:
    target = replace(sshd.target, key=sshd.folder / "other")
    with pytest.raises(Unreachable, match="refuses the login") as caught:
        open_server(target, sshd.known_hosts)
    assert "ssh-copy-id -p" in str(caught.value.fix)


def test_name_that_does_not_resolve(sshd: Sshd) -> None:
    with pytest.raises(Unreachable, match="cannot be resolved"):
        open_server(replace(sshd.target, host="no-such-host.invalid"), sshd.known_hosts)


def test_unknown_then_remembered(sshd: Sshd, tmp_path: Path) -> None:
    known_hosts = tmp_path / "a b" / "known_hosts"
    with pytest.raises(UnknownHostKey):
        open_server(sshd.target, known_hosts)
    key = hostkeys.offered(sshd.target, "node1")
    assert key.fingerprint.startswith("ED25519 SHA256:")
    assert key.line in sshd.host_key_line()
    hostkeys.remember(known_hosts, key)
    assert known_hosts.stat().st_mode & 0o777 == 0o600
    with open_server(sshd.target, known_hosts) as server:
        assert server.run(["true"], timeout=10).returncode == 0


def test_changed_host_key(sshd: Sshd, tmp_path: Path) -> None:
    known_hosts = tmp_path / "known_hosts"
    known_hosts.write_text(sshd.host_key_line("other"))
    with pytest.raises(ChangedHostKey) as caught:
        open_server(sshd.target, known_hosts)
    assert f"-f {known_hosts} -R '[127.0.0.1]:{sshd.target.port}'" in str(caught.value.fix)


def test_no_answer(sshd: Sshd) -> None:
    # TEST-NET-1 (RFC 5737): routed nowhere. Some networks say so at once, others never.
    started = time.monotonic()
    with pytest.raises(Unreachable, match=r"no answer|no route|refused"):
        open_server(replace(sshd.target, host="192.0.2.1", port=22), sshd.known_hosts)
    assert time.monotonic() - started < 25


@pytest.mark.skipif(not os.access("/var/run/docker.sock", os.W_OK), reason="no Docker engine here")
def test_the_engine_of_the_server(sshd: Sshd) -> None:
    with open_server(sshd.target, sshd.known_hosts) as server:
        assert server.engine().version()["ApiVersion"]
        assert server.engine() is server.engine()


def test_an_alias_keeps_what_the_users_configuration_says(tmp_path: Path) -> None:
    """By ssh's own reading of its options and a configuration file."""
    config = tmp_path / "config"
    config.write_text("Host gpu1\n  HostName 203.0.113.7\n  User ubuntu\n  Port 2022\n")

    def read(target: SshTarget) -> dict[str, str]:
        argv = ["ssh", "-G", "-F", str(config), *options(target, tmp_path / "known"), target.host]
        out = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
        return dict(line.partition(" ")[::2] for line in out.splitlines())

    alias = read(SshTarget(None, "gpu1", None))
    assert (alias["hostname"], alias["user"], alias["port"]) == ("203.0.113.7", "ubuntu", "2022")
    written = read(SshTarget("jo@corp.example", "gpu1", 7))
    assert (written["user"], written["port"]) == ("jo@corp.example", "7")


def test_a_master_with_several_addresses_connects_from_the_one_that_workers_accept(
    sshd: Sshd, tmp_path: Path
) -> None:
    """As a worker's sshd, with `from=`; the kernel alone would choose 127.0.0.1."""
    authorized = sshd.folder / "authorized"
    before = authorized.read_text()
    (tmp_path / "id_ed25519").write_bytes((sshd.folder / "login").read_bytes())
    (tmp_path / "id_ed25519").chmod(0o600)
    (tmp_path / "known_hosts").write_text(sshd.host_key_line())

    def login(source: str | None) -> subprocess.CompletedProcess[str]:
        config = tmp_path / "config"
        user, port = str(sshd.target.user), int(sshd.target.port or 22)
        config.write_text(ssh_config(str(tmp_path), port, user, source=source))
        argv = ["ssh", "-F", str(config), "127.0.0.1", "echo $SSH_CLIENT"]
        return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)

    authorized.write_text(f'from="127.0.0.5" {before}')
    try:
        assert "Permission denied" in login(None).stderr
        assert login("127.0.0.5").stdout.startswith("127.0.0.5 ")
    finally:
        authorized.write_text(before)
