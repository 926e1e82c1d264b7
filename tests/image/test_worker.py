"""A worker as Compose starts it from a rendered bundle: who gets in, and what a session finds."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Iterator

import pytest
import yaml

from dsk.wire.session import NO_AGENT
from tests.image.engine import Image, docker, inspect
from tests.image.workers import AWKWARD, Workers, running

PORT = "2222"
HEALTH_KEY = "/dev/shm/dsk-health/id_ed25519"

# What a session over SSH has and `docker exec` has not: sshd's and the login shell's own, what the
# entrypoint found out about this node, and the cluster's env.
ONLY_OVER_SSH = {
    "AWKWARD", "GLOO_SOCKET_IFNAME", "LOGNAME", "MAIL", "NCCL_SOCKET_IFNAME", "PWD", "SHELL",
    "SHLVL", "SSH_CLIENT", "SSH_CONNECTION", "USER", "_",
}  # fmt: skip


@pytest.fixture(scope="module")
def workers(image: Image, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    with running(tmp_path_factory.mktemp("workers"), image.reference) as made:
        yield made


def strict(
    workers: Workers, key: str, *options: str, known_hosts: str = "/root/.ssh/known_hosts"
) -> list[str]:
    """`ssh` to node1 with one key and nothing from a configuration file."""
    return [
        "ssh", "-F", "none", "-i", key, "-p", PORT, "-o", "IdentitiesOnly=yes",
        "-o", "StrictHostKeyChecking=yes", "-o", f"UserKnownHostsFile={known_hosts}",
        "-o", "ConnectTimeout=10", *options, f"root@{workers.host(1)}",
    ]  # fmt: skip


def refused(done: subprocess.CompletedProcess[str]) -> None:
    """By sshd, which offers no other way to log in than a key."""
    assert done.returncode == 255, done
    assert "Permission denied (publickey)." in done.stderr
    assert done.stdout == ""


# ---- who gets in -----------------------------------------------------------------------------


def test_the_cluster_key_gets_in_on_every_node(workers: Workers) -> None:
    for index in (0, 1):
        said = workers.ssh(workers.host(index), "hostname").stdout.strip()
        assert said == f"node{index}"


def test_another_key_is_refused(workers: Workers) -> None:
    workers.exec(0, "sh", "-c", "rm -f /tmp/other*; ssh-keygen -q -t ed25519 -N '' -f /tmp/other")
    refused(workers.exec(0, *strict(workers, "/tmp/other", "-o", "BatchMode=yes"), check=False))


def test_a_password_is_refused(workers: Workers) -> None:
    """Even the right one: it is not asked for."""
    workers.exec(1, "sh", "-c", "echo root:right | chpasswd")
    workers.exec(0, "sh", "-c", "printf '#!/bin/sh\necho asked >&2; echo right\n' >/tmp/askpass")
    workers.exec(0, "chmod", "0755", "/tmp/askpass")
    ways = ("-o", "PreferredAuthentications=password,keyboard-interactive")
    done = workers.exec(
        0, *strict(workers, "/dev/null", *ways), "true",
        env=("SSH_ASKPASS=/tmp/askpass", "SSH_ASKPASS_REQUIRE=force"), check=False,
    )  # fmt: skip
    refused(done)
    assert "asked" not in done.stderr


def test_the_cluster_key_from_another_address_is_refused(workers: Workers, image: Image) -> None:
    place = f"{workers.bundle(0)}/ssh:/root/.ssh:ro"
    stranger = ("--network", workers.network, "--volume", place)
    command = strict(workers, "/root/.ssh/id_ed25519", "-o", "BatchMode=yes")
    refused(image.run(command, options=stranger, check=False))
    # The same on the master, so that it is the address that was refused.
    assert workers.exec(0, *strict(workers, "/root/.ssh/id_ed25519"), "echo in").stdout == "in\n"


@pytest.fixture
def changed_host_key(workers: Workers) -> Iterator[None]:
    """node1's container, started a second time with another host key in its bundle."""
    path = workers.bundle(1) / "ssh/host_ed25519_key"
    right = path.read_text()
    try:
        path.write_text((workers.folder / "keys/cluster").read_text())
        docker("restart", "--time", "5", workers.container(1))
        wait_for_sshd(workers, 1)
        yield
    finally:
        path.write_text(right)
        docker("restart", "--time", "5", workers.container(1))
        wait_for_sshd(workers, 1)


def wait_for_sshd(workers: Workers, index: int) -> None:
    for _ in range(100):
        probe = workers.exec(index, "/usr/local/lib/dsk/entrypoint/health.sh", check=False)
        if not probe.returncode:
            return
        time.sleep(0.1)
    raise AssertionError(probe.stderr)


@pytest.mark.usefixtures("changed_host_key")
def test_a_worker_with_another_host_key_is_refused(workers: Workers) -> None:
    done = workers.ssh(workers.host(1), "true", check=False)
    assert done.returncode == 255
    assert "REMOTE HOST IDENTIFICATION HAS CHANGED" in done.stderr


def test_the_health_key_is_good_for_true_only(workers: Workers) -> None:
    done = workers.exec(
        1, *strict(workers, HEALTH_KEY, known_hosts="/dev/shm/dsk-health/known_hosts"), "echo more"
    )
    assert done.stdout == ""
    assert workers.exec(1, *("stat", "-f", "-c", "%T", HEALTH_KEY)).stdout == "tmpfs\n"


def test_the_health_key_is_good_on_its_own_node_only(workers: Workers) -> None:
    key = workers.exec(1, "cat", HEALTH_KEY).stdout
    docker("exec", "-i", workers.container(0), "sh", "-c", "umask 077; cat >/tmp/health", text=key)
    refused(workers.exec(0, *strict(workers, "/tmp/health", "-o", "BatchMode=yes"), check=False))


# ---- what a login may do ---------------------------------------------------------------------


def test_no_forwarding(workers: Workers) -> None:
    host = workers.host(1)
    to_port = workers.ssh("-W", f"{host}:{PORT}", host, check=False)
    assert to_port.returncode
    assert "administratively prohibited" in to_port.stderr or "failed" in to_port.stderr

    from_port = workers.ssh(
        "-o", "ExitOnForwardFailure=yes", "-R", "0:127.0.0.1:22", host, "echo in", check=False
    )
    assert (from_port.returncode, from_port.stdout) == (255, "")
    assert "remote port forwarding failed" in from_port.stderr

    agent = workers.exec(0, "ssh-agent", "ssh", "-A", host, 'echo "[$SSH_AUTH_SOCK]"')
    assert agent.stdout == "[]\n"

    screen = workers.ssh("-Y", host, 'echo "[$DISPLAY]"', env=("DISPLAY=:0",))
    assert screen.stdout == "[]\n"


def test_sshd_allows_no_more_than_it_must(workers: Workers) -> None:
    """What cannot be tried without a tunnel device or PAM: the settings as sshd took them."""
    shown = workers.exec(1, "/usr/sbin/sshd", "-T", "-f", "/run/dsk/sshd_config").stdout
    settings = dict(line.split(" ", 1) for line in shown.splitlines())
    for name in ("permittunnel", "passwordauthentication", "kbdinteractiveauthentication",
                 "permituserenvironment", "usepam", "permitemptypasswords"):  # fmt: skip
        assert settings[name] == "no", name
    assert settings["disableforwarding"] == "yes"
    assert settings["authenticationmethods"] == "publickey"
    assert settings["permitrootlogin"] in ("prohibit-password", "without-password")


def test_sshd_listens_on_the_nodes_address_only(workers: Workers) -> None:
    shown = workers.exec(1, "ss", "-H", "-l", "-t", "-n", f"sport = :{PORT}").stdout
    assert [line.split()[3] for line in shown.splitlines()] == [f"{workers.host(1)}:{PORT}"]


# ---- what a session finds --------------------------------------------------------------------


def variables(text: str) -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in text.split("\0") if pair)


def test_a_session_has_the_containers_environment(workers: Workers) -> None:
    over_ssh = variables(workers.ssh(workers.host(1), "env", "-0").stdout)
    direct = variables(workers.exec(1, "env", "-0").stdout)
    assert {name: over_ssh.get(name) for name in direct} == direct
    assert over_ssh.keys() - direct.keys() <= ONLY_OVER_SSH
    assert over_ssh["NCCL_SOCKET_IFNAME"] == over_ssh["GLOO_SOCKET_IFNAME"] == "eth0"
    assert over_ssh["AWKWARD"] == AWKWARD


@pytest.mark.parametrize("kind", ["-Sa", "-Ha"], ids=["soft", "hard"])
def test_a_session_has_the_containers_limits(workers: Workers, kind: str) -> None:
    over_ssh = workers.ssh(workers.host(1), f"bash -c 'ulimit {kind}'").stdout
    assert over_ssh == workers.exec(1, "bash", "-c", f"ulimit {kind}").stdout
    assert re.search(r"stack size .* 65536\n", over_ssh)


def test_many_sessions_at_once(workers: Workers) -> None:
    """pdsh opens one to every node in the same moment, and the supervisor its own beside it."""
    script = f"for i in $(seq 24); do ssh {workers.host(1)} echo in & done; wait"
    assert workers.exec(0, "bash", "-c", script).stdout.split() == ["in"] * 24


# ---- the container ---------------------------------------------------------------------------


def test_keys_are_readable_by_root_only(workers: Workers) -> None:
    """Whatever modes and owner the bundle had: node1's was open to all."""
    shown = workers.exec(
        1, "stat", "-c", "%n %a %U", "/run/dsk/host_ed25519_key", "/run/dsk/authorized_keys",
        "/run/dsk/sshd_config", "/dev/shm/dsk-health", HEALTH_KEY, "/root/.ssh",
    ).stdout  # fmt: skip
    modes = {line.split()[0]: line.split()[1:] for line in shown.splitlines()}
    folders = {"/dev/shm/dsk-health", "/root/.ssh"}
    assert modes == {name: ["700" if name in folders else "600", "root"] for name in modes}

    shown = workers.exec(0, "stat", "-c", "%a %U", "/root/.ssh", "/root/.ssh/id_ed25519").stdout
    assert shown == "700 root\n600 root\n"
    assert workers.exec(1, "ls", "-A", "/root/.ssh").stdout == ""


def test_only_the_capabilities_of_compose_yaml(workers: Workers) -> None:
    service = yaml.safe_load((workers.bundle(1) / "compose.yaml").read_text())["services"]["worker"]
    # capability.h numbers them; the kernel shows the set as one hexadecimal number.
    numbers = {"CHOWN": 0, "DAC_OVERRIDE": 1, "FOWNER": 3, "SETGID": 6, "SETUID": 7,
               "SYS_CHROOT": 18, "SYS_PTRACE": 19}  # fmt: skip
    assert service["cap_drop"] == ["ALL"]
    assert set(service["cap_add"]) == set(numbers)
    status = workers.ssh(workers.host(1), "cat", "/proc/self/status").stdout
    expected = sum(1 << number for number in numbers.values())
    assert int(re.findall(r"CapBnd:\s(\w+)", status)[0], 16) == expected
    assert "NoNewPrivs:\t1" in status
    assert not inspect(workers.container(1))["HostConfig"]["Privileged"]


def test_py_spy_sees_into_a_process(workers: Workers) -> None:
    script = (
        "python -c 'import time\ndef stuck(): time.sleep(60)\nstuck()' & "
        "sleep 1; py-spy dump --nonblocking --pid $!; kill $!"
    )
    assert "stuck" in workers.ssh(workers.host(1), script).stdout


def agent(workers: Workers, words: str, request: str) -> subprocess.CompletedProcess[str]:
    """One session to a job's agent in node1, which asks one thing and ends."""
    command = f"echo '{request}' | dsk-agent job {words} --workspace /tmp"
    return workers.ssh(workers.host(1), command, check=False)


def test_a_jobs_agent_outlives_the_session_that_started_it(workers: Workers) -> None:
    taken = agent(workers, "--start --job j1", '{"id": 0, "op": "take_lock"}')
    assert json.loads(taken.stdout) == {"id": 0, "result": None}
    link = ("readlink", "/run/dsk/jobs/j1")
    assert workers.exec(1, *link).stdout == "/tmp/.dsk/jobs/j1\n"
    holder = ("dsk-agent", "holder")
    assert workers.exec(1, *holder).stdout == "j1\n"
    # Its parent is init, and so is whatever its ranks leave behind its own.
    parent = workers.exec(1, "bash", "-c", "ps -o ppid= -p $(pgrep -f 'dsk.agent daemo[n]')").stdout
    assert parent.split() == ["1"]
    closed = agent(workers, "--job j1", '{"id": 7, "op": "close"}')
    assert json.loads(closed.stdout) == {"id": 7, "result": None}
    assert workers.exec(1, *holder).stdout == "\n"
    deadline = time.monotonic() + 10
    while True:  # its socket may be there for a moment more
        gone = agent(workers, "--job j1", '{"id": 8, "op": "identity"}')
        if gone.returncode or time.monotonic() > deadline:
            break
    assert gone.returncode == NO_AGENT
    assert "no trace of the job is left there" in gone.stderr


def test_an_sshd_that_is_killed_is_started_again(workers: Workers) -> None:
    begun = inspect(workers.container(1))["State"]["StartedAt"]
    for number in ("KILL", "TERM"):
        workers.exec(1, "pkill", f"-{number}", "sshd", check=False)
        wait_for_sshd(workers, 1)
        assert workers.ssh(workers.host(1), "echo in").stdout == "in\n"
    assert inspect(workers.container(1))["State"]["StartedAt"] == begun


def test_it_stops_at_once_and_starts_again(workers: Workers) -> None:
    begin = time.monotonic()
    docker("stop", "--time", "30", workers.container(1))
    assert time.monotonic() - begin < 5
    docker("start", workers.container(1))
    wait_for_sshd(workers, 1)
    assert workers.ssh(workers.host(1), "echo in").stdout == "in\n"
