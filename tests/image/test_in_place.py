"""Rented containers as the servers, step by step as docs/guide/containers-as-servers.md has it."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.image.engine import Image, docker
from tests.image.servers import (
    FOLDER,
    LIMIT_S,
    TRAIN,
    Servers,
    container,
    running,
    set_up,
    start_by_hand,
)
from tests.lab.hub_stand_in import Hub

pytestmark = pytest.mark.timeout(900)

STEPS = 2
RECIPE = {**TRAIN, "per_device_train_batch_size": 2, "max_steps": STEPS}
# Of a job that a test stops: it lasts longer than all that the test asks meanwhile.
LONG = ("max_steps=20000", "output_dir=outputs/long")
USERS_SSH_CONFIG = "Host mine\n  User me\n"
LOCKED_BY = "job {job} is running here"


@pytest.fixture(scope="module")
def rented(image: Image, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with running(tmp_path_factory.mktemp("rented"), image.reference) as servers:
        yield servers


@pytest.fixture(scope="module")
def servers(rented: Servers) -> Servers:
    """With dsk.yaml, the key, the host keys exchanged, the model on both and train.yaml."""
    rented.exec(0, "mkdir", "-p", "/root/.ssh")
    rented.write("/root/.ssh/config", USERS_SSH_CONFIG)
    set_up(rented, [1, 1], RECIPE, "--accelerator", "cpu")
    return rented


def nothing_left(servers: Servers, job: str) -> None:
    """No process of the job, no lock and no supervisor, on either server."""
    for index in (0, 1):
        assert servers.exec(index, "dsk-agent", "holder").stdout.strip() == ""
        left = f"grep -lz 'DSK_JOB={job}' /proc/[0-9]*/environ 2>/dev/null || true"
        assert servers.shell(index, left) == ""
    assert "no job is running" in servers.dsk("stop", code=2)


# ---- the worker ------------------------------------------------------------------------------


def test_the_log_shows_the_host_key(servers: Servers) -> None:
    logs = (
        docker("logs", container(0)).stdout,
        servers.exec(1, "cat", "/var/log/dsk-worker.log").stdout,
    )
    for index, log in enumerate(logs):
        [line] = re.findall(r"^dsk worker: host key (.*) (SHA256:\S+)$", log, re.M)
        assert line[0] == servers.exec(index, "dsk-agent", "host-key").stdout.strip()
        assert f"node{index} ({servers.host(index)})  {line[1]}\n" in servers.dsk("keys") + "\n"
        assert "dsk worker: accelerator cpu" in log
    assert "sessions lack PLATFORM: it holds a line break" in logs[0]


def test_the_host_key_outlives_a_restart(servers: Servers) -> None:
    before = servers.exec(1, "dsk-agent", "host-key").stdout
    docker("restart", "--time", "1", container(1))
    start_by_hand(servers, 1)
    servers.wait_for_worker(1)
    assert servers.exec(1, "dsk-agent", "host-key").stdout == before
    assert servers.dsk("status").count("worker running") == 2


def test_the_network_between_the_containers_is_checked(servers: Servers) -> None:
    names = ("interface", "reach", "mtu", "port")
    only = [word for name in names for word in ("--only", name)]
    found = json.loads(servers.dsk("check", "--json", *only))["findings"]
    said = [(each["check"], each["node"], each["state"]) for each in found]
    both = [(name, node, "ok") for name in names[:3] for node in (0, 1)]
    assert said == [*both, ("port", 0, "ok")], found


def test_containers_are_checked_as_servers_without_an_engine(servers: Servers) -> None:
    names = ["server", "clock", "worker", "worker-port", "image", "workspace", "modes", "login"]
    names += ["recipe", "inputs", "template"]
    only = [word for name in ("engine", *names) for word in ("--only", name)]
    found = json.loads(servers.dsk("check", "train.yaml", "--json", *only))["findings"]
    states = {(each["check"], each["state"]) for each in found}
    assert states == {("engine", "skipped"), *((name, "ok") for name in names)}, found


def test_a_session_finds_the_image_whoever_started_the_worker(servers: Servers) -> None:
    key, hosts = f"{FOLDER}/.dsk/keys/cluster", f"{FOLDER}/.dsk/known_hosts"
    ssh = ["ssh", "-F", "none", "-p", "2222", "-i", key, "-o", f"UserKnownHostsFile={hosts}",
           "-o", "StrictHostKeyChecking=yes"]  # fmt: skip
    found = 'echo "$DS_ACCELERATOR $GLOO_SOCKET_IFNAME $LANG $(command -v deepspeed)"'
    for index in (0, 1):
        said = servers.exec(0, *ssh, servers.host(index), found).stdout
        assert said == "cpu eth0 C.UTF-8 /opt/venv/bin/deepspeed\n"


# ---- a job -----------------------------------------------------------------------------------


def test_both_train_together(servers: Servers) -> None:
    said = servers.dsk("launch", "--in-place", "train.yaml")
    assert len(re.findall(r"\[node0 rank 0\] .*'loss': ", said)) == STEPS
    assert "[node1 rank 1]" in said and "succeeded after" in said
    for index in (0, 1):
        servers.exec(index, "test", "-s", "/workspace/outputs/tiny/model.safetensors")
    assert f"step {STEPS}/{STEPS}" in servers.dsk("status")
    assert "succeeded after" in servers.dsk("logs")
    job = re.findall(r"^job (\S+):", said, re.M)[0]
    nothing_left(servers, job)
    assert servers.exec(0, "cat", "/root/.ssh/config").stdout == USERS_SSH_CONFIG
    assert servers.shell(0, "ls /run/dsk/jobs") == ""


def launch_detached(servers: Servers) -> str:
    """Returns the job, once its ranks are being started."""
    job: str = json.loads(servers.dsk("launch", "--detach", "--json", "train.yaml", *LONG))["job"]
    events = f"/workspace/.dsk/jobs/{job}/events.jsonl"
    deadline = time.monotonic() + 60
    while "starting 2 ranks" not in servers.exec(0, "cat", events, check=False).stdout:
        assert time.monotonic() < deadline, servers.dsk("logs")
        time.sleep(0.3)
    return job


def test_a_detached_job_is_alone_is_followed_and_is_stopped(servers: Servers) -> None:
    job = launch_detached(servers)
    shown = json.loads(servers.dsk("status", "--json"))
    assert [node["worker"] for node in shown["nodes"]] == ["running"] * 2
    assert shown["jobs"][-1]["job"] == job
    assert shown["jobs"][-1]["state"] in ("starting", "running")
    supervisors = f"/run/dsk/supervisors/{job}"
    assert servers.shell(0, f"stat -c %a {supervisors}; test -e {supervisors}/job.json || echo read"
                         ) == "700\nread\n"  # fmt: skip

    second = servers.dsk("launch", "train.yaml", code=1)
    assert LOCKED_BY.format(job=job) in second and f"dsk stop {job}" in second
    *_, first, refused = json.loads(servers.dsk("status", "--json"))["jobs"]
    assert first["job"] == job and first["state"] in ("starting", "running")
    assert refused["state"] == "failed" and job in refused["cause"]
    assert job in servers.dsk("diagnose", refused["job"])

    following = subprocess.Popen(
        servers.argv("logs", "-f"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert f"job {job} has ended on all nodes" in servers.dsk("stop")
    assert "stopped after" in following.communicate(timeout=60)[0]
    nothing_left(servers, job)
    assert json.loads(servers.dsk("status", "--json"))["jobs"][-2]["exit_code"] == 130


@pytest.mark.full
def test_a_job_saves_on_request_and_ends(servers: Servers) -> None:
    long = ("max_steps=5000", "output_dir=outputs/saved")
    launched = servers.dsk("launch", "--detach", "--json", "train.yaml", *long)
    job = json.loads(launched)["job"]
    deadline = time.monotonic() + 120
    while "'loss'" not in servers.dsk("logs", job):
        assert time.monotonic() < deadline
        time.sleep(1)
    said = servers.dsk("stop", "--save")
    found = re.search(r"has saved a checkpoint at step (\d+)", said)
    assert found, said
    for index in (0, 1):
        state = f"/workspace/outputs/saved/checkpoint-{found[1]}/trainer_state.json"
        servers.exec(index, "test", "-s", state)
    nothing_left(servers, job)


def test_ctrl_c_stops_the_job(servers: Servers) -> None:
    argv, said = servers.argv("launch", "train.yaml", *LONG), ""
    with subprocess.Popen(
        argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as foreground:
        assert foreground.stdout
        for line in foreground.stdout:
            said += line
            if "starting 2 ranks" in line:
                servers.shell(0, f"kill -INT $(cat {FOLDER}/dsk.pid)")
        assert foreground.wait(LIMIT_S) == 130, said
    assert "stopped after" in said and "Traceback" not in said
    nothing_left(servers, re.findall(r"^job (\S+):", said, re.M)[0])


@pytest.mark.full
def test_a_supervisor_that_is_killed_leaves_no_rank_and_no_lock(servers: Servers) -> None:
    job = launch_detached(servers)
    servers.shell(0, f"kill -9 $(cat /run/dsk/supervisors/{job}/lock)")
    deadline = time.monotonic() + 30
    while any(servers.exec(index, "dsk-agent", "holder").stdout.strip() for index in (0, 1)):
        assert time.monotonic() < deadline
        time.sleep(0.3)
    assert json.loads(servers.dsk("status", "--json"))["jobs"][-1]["state"] == "lost"
    nothing_left(servers, job)


# ---- commands and files ----------------------------------------------------------------------


def test_exec_runs_side_by_side_and_alone(servers: Servers) -> None:
    both = servers.dsk("exec", "--", "sh", "-c", 'echo "$DSK_HOST at $(pwd)"')
    for index in (0, 1):
        assert f"[node{index}] {servers.host(index)} at " in both
    argv = servers.argv("exec", "--node", "1", "--", "sh", "-c", "cat; exit 7")
    alone = subprocess.run(argv, input=b"a 'b' $c\n", capture_output=True, timeout=60, check=False)
    assert (alone.returncode, alone.stdout) == (7, b"a 'b' $c\n"), alone.stderr
    failed = servers.dsk("exec", "sh", "-c", f"test $DSK_HOST = {servers.host(0)}", code=1)
    assert f"node1 ({servers.host(1)}): exit code 1" in failed


def test_ctrl_c_ends_what_exec_started(servers: Servers) -> None:
    argv = servers.argv("exec", "--", "sh", "-c", "echo begun; exec sleep 4321")
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout
        assert {running.stdout.readline(), running.stdout.readline()} == {
            "[node0] begun\n",
            "[node1] begun\n",
        }
        servers.shell(0, f"kill -INT $(cat {FOLDER}/dsk.pid)")
        assert running.wait(60) == 130
    for index in (0, 1):
        assert servers.exec(index, "pgrep", "-f", "^sleep 4321", check=False).stdout == ""


def test_files_are_pushed_and_pulled(servers: Servers) -> None:
    make = (
        "mkdir -p '/workspace/files/a b' && head -c 3000000 /dev/urandom >'/workspace/files/a b/x'"
    )
    servers.shell(0, make)
    digest = "cd /workspace/files && sha256sum *'/x'"
    there = [json.loads(line) for line in servers.dsk("push", "--json", "files").splitlines()]
    assert any(event["event"] == "moved" and event["node"] == 1 for event in there), there
    assert servers.shell(1, digest) == servers.shell(0, digest)
    # Of the same size and time, and not the same.
    spoil = "f='/workspace/files/a b/x'; t=$(stat -c %y \"$f\"); printf z | "
    spoil += 'dd of="$f" conv=notrunc status=none; touch -d "$t" "$f"; touch /workspace/files/own'
    servers.shell(1, spoil)
    servers.dsk("push", "files")
    assert servers.shell(1, digest) == servers.shell(0, digest)
    servers.shell(1, "test -e /workspace/files/own")
    servers.dsk("pull", "files")
    servers.shell(0, "test -e /workspace/files/own")


@pytest.mark.full
def test_a_model_of_a_hub_is_brought_by_the_first_container(
    servers: Servers, tmp_path: Path
) -> None:
    docker("cp", f"{container(0)}:/workspace/models/tiny", str(tmp_path / "tiny"))
    repo = "someone/tiny-qwen2"
    hub = Hub(f"{servers.first}.1", servers.host(0), {repo: tmp_path / "tiny"})
    hub.start()
    try:
        text = servers.exec(0, "cat", f"{FOLDER}/dsk.yaml").stdout
        text += f"env: {{HF_ENDPOINT: 'http://{hub.address}:{hub.port}'}}\n"
        with servers.changed(0, f"{FOLDER}/dsk.yaml", text):
            values = (f"model_name_or_path={repo}", "output_dir=outputs/hub")
            said = servers.dsk("launch", "train.yaml", *values)
    finally:
        hub.stop()
    assert "downloaded to the master's workspace" in said and "node1 has the model" in said
    assert {asked.client for asked in hub.requests} == {servers.host(0)}
    assert len(re.findall(r"\[node0 rank 0\] .*'loss': ", said)) == STEPS


def test_nothing_is_pushed_where_a_host_key_is_not_known(servers: Servers) -> None:
    own = servers.exec(0, "dsk-agent", "host-key").stdout
    with servers.changed(0, f"{FOLDER}/.dsk/known_hosts", own):
        said = servers.dsk("push", "models", code=2)
    assert f"the host key is not known of {servers.host(1)} (port 2222)" in said


# ---- what is wrong is said -------------------------------------------------------------------


def test_without_the_key(servers: Servers) -> None:
    with servers.changed(0, f"{FOLDER}/.dsk/keys/cluster", None):
        said = servers.dsk("launch", "train.yaml", code=2)
    assert ".dsk/keys/cluster: the cluster's private key is missing" in said
    assert "DSK_AUTHORIZED_KEY" in said


def test_another_key_is_refused(servers: Servers) -> None:
    make = "rm -f /tmp/other*; ssh-keygen -q -t ed25519 -N '' -f /tmp/other; cat /tmp/other"
    with servers.changed(0, f"{FOLDER}/.dsk/keys/cluster", servers.shell(0, make)):
        said = servers.dsk("launch", "train.yaml", code=3)
        assert "refuses the login" in servers.dsk("status", code=3)
    assert "Permission denied (publickey)" in said
    assert "DSK_AUTHORIZED_KEY" in said and "dsk up" not in said


def test_a_host_key_that_is_not_known(servers: Servers) -> None:
    own = servers.exec(0, "dsk-agent", "host-key").stdout
    with servers.changed(0, f"{FOLDER}/.dsk/known_hosts", own):
        said = servers.dsk("launch", "train.yaml", code=2)
        assert "the host key of" in servers.dsk("status", code=3)
    assert f"the host key is not known of {servers.host(1)} (port 2222)" in said
    assert "dsk-agent host-key" in said and "dsk keys --add" in said


def test_a_host_key_that_has_changed(servers: Servers) -> None:
    """Another server answers at node1's address: strict, also after the exchange."""
    own = servers.exec(0, "dsk-agent", "host-key").stdout
    wrong = own + own.replace(servers.host(0), servers.host(1))
    with servers.changed(0, f"{FOLDER}/.dsk/known_hosts", wrong):
        said = servers.dsk("launch", "train.yaml", code=3)
        kept = servers.dsk("keys", "--add", "node1-key", code=2)
    assert "HOST IDENTIFICATION HAS CHANGED" in said or "Host key verification failed" in said
    assert "dsk keys --add FILE --replace" in said
    assert f"node1 ({servers.host(1)}): the host key is SHA256:" in kept and "--replace" in kept


def test_another_image(servers: Servers) -> None:
    with servers.changed(1, "/etc/dsk/content-id", "sha256:other\n"):
        said = servers.dsk("launch", "train.yaml", code=1)
    assert f"node1 ({servers.host(1)}): its image differs from node0" in said
    assert "start every container from the same image" in said


def test_another_port(servers: Servers) -> None:
    text = servers.exec(0, "cat", f"{FOLDER}/dsk.yaml").stdout + "worker_port: 2200\n"
    with servers.changed(0, f"{FOLDER}/dsk.yaml", text):
        said = servers.dsk("keys", "--add", "node1-key", code=2)
        assert "(port 2200)" in servers.dsk("launch", "train.yaml", code=2)
    assert "port 2222, but dsk.yaml has worker_port 2200" in said and "DSK_WORKER_PORT" in said


def test_another_accelerator(servers: Servers) -> None:
    text = servers.exec(0, "cat", f"{FOLDER}/dsk.yaml").stdout
    with servers.changed(
        0, f"{FOLDER}/dsk.yaml", text.replace("accelerator: cpu", "accelerator: cuda")
    ):
        checked = servers.dsk("launch", "train.yaml", code=1)
        said = servers.dsk("launch", "train.yaml", "--no-check", code=1)
    assert checked.count("no NVIDIA driver is loaded there") == 2
    assert said.count("its worker uses cpu, dsk.yaml says cuda") == 2


def test_another_container_than_the_first(servers: Servers) -> None:
    text = servers.exec(0, "cat", f"{FOLDER}/dsk.yaml").stdout
    servers.exec(1, "sh", "-c", f"mkdir -p {FOLDER}; cat >{FOLDER}/dsk.yaml", text=text)
    said = servers.dsk("status", code=2, index=1)
    assert f"jobs start in the container of node0 ({servers.host(0)})" in said


def test_no_worker_was_started(servers: Servers) -> None:
    with servers.changed(0, "/run/dsk/known_host", None):
        said = servers.dsk("launch", "train.yaml", code=1)
    assert "no worker has been started in this container" in said
    assert "entrypoint.sh worker" in said


@pytest.mark.full
def test_a_worker_that_is_gone(servers: Servers) -> None:
    docker("stop", "--time", "1", container(1))
    try:
        said = servers.dsk("launch", "train.yaml", code=3)
        assert "worker unreachable" in servers.dsk("status", code=3)
    finally:
        docker("start", container(1))
        start_by_hand(servers, 1)
        servers.wait_for_worker(1)
    assert f"node1 ({servers.host(1)})" in said and "is that container up" in said
