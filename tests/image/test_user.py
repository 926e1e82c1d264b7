"""A worker that is not root: all in it runs as the user of dsk.yaml, and can do nothing more."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from dsk.cluster.model import User
from tests.image.engine import Image, docker
from tests.image.workers import Workers, running

USER = User(1234, 4321)
HOME = "/var/lib/dsk/home"

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: files of another user")


@pytest.fixture(scope="module")
def workers(image: Image, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    with running(tmp_path_factory.mktemp("user"), image.reference, USER) as made:
        yield made


def test_everything_runs_as_the_user(workers: Workers) -> None:
    me = "uid=1234(dsk) gid=4321(dsk) groups=4321(dsk)\n"
    for index in (0, 1):
        assert workers.ssh(workers.host(index), "id").stdout == me
        assert workers.exec(index, "id").stdout == me
        owners = workers.exec(index, "ps", "-e", "-o", "uid=,gid=").stdout
        assert {tuple(line.split()) for line in owners.splitlines()} == {("1234", "4321")}


def test_a_session_has_the_containers_environment(workers: Workers) -> None:
    def read(text: str) -> dict[str, str]:
        return dict(pair.split("=", 1) for pair in text.split("\0") if pair)

    over_ssh = read(workers.ssh(workers.host(1), "env", "-0").stdout)
    direct = read(workers.exec(1, "env", "-0").stdout)
    assert {name: over_ssh.get(name) for name in direct} == direct
    assert (over_ssh["HOME"], over_ssh["USER"]) == (HOME, "dsk")


def test_a_session_has_a_terminal(workers: Workers) -> None:
    assert workers.ssh("-tt", workers.host(1), "tty").stdout.startswith("/dev/pts/")


def test_nobody_else_gets_in(workers: Workers) -> None:
    done = workers.ssh("-l", "root", workers.host(1), "id", check=False)
    assert done.returncode == 255
    assert "Permission denied (publickey)." in done.stderr


def test_no_capability_at_all(workers: Workers) -> None:
    status = workers.ssh(workers.host(1), "cat", "/proc/self/status").stdout
    sets = [line.split()[1] for line in status.splitlines() if line.startswith("Cap")]
    assert {int(digits, 16) for digits in sets} == {0}
    assert "NoNewPrivs:\t1" in status


def test_keys_are_the_users_alone(workers: Workers) -> None:
    """Of node1 as well, whose bundle belongs to somebody else and is open to all."""
    shown = workers.exec(
        1, "stat", "-c", "%n %a %u", "/run/dsk", "/run/dsk/host_ed25519_key",
        "/run/dsk/authorized_keys", "/run/dsk/sshd_config", "/dev/shm/dsk-health", f"{HOME}/.ssh",
    ).stdout  # fmt: skip
    folders = ("/run/dsk", "/dev/shm/dsk-health", f"{HOME}/.ssh")
    for name, mode, owner in map(str.split, shown.splitlines()):
        assert (mode, owner) == ("700" if name in folders else "600", "1234"), name
    own = workers.exec(0, "stat", "-c", "%a %u", f"{HOME}/.ssh/id_ed25519").stdout
    assert own == "600 1234\n"


def test_what_it_writes_is_the_users(workers: Workers) -> None:
    workspace = workers.cluster.workspace
    workers.ssh(workers.host(1), f"mkdir {workspace}/out && touch {workspace}/out/file")
    folder = Path(workers.cluster.workspace_source(workers.cluster.nodes[1]))
    for path in (folder / "out", folder / "out/file"):
        assert (path.stat().st_uid, path.stat().st_gid) == (USER.uid, USER.gid)


def test_what_it_may_not_read_is_said(workers: Workers) -> None:
    place = Path(workers.cluster.workspace_source(workers.cluster.nodes[1])) / "models"
    (place / "theirs").mkdir(mode=0o700, parents=True)
    (place / "theirs/model").touch()
    script = (
        "from dsk.agent.needed import missing; from dsk.wire.jobspec import Needed\n"
        "need = [Needed(f'/workspace/models/{name}') for name in ('theirs', 'theirs/model', 'none',"
        " '')]\n"
        "print(*(text.in_language('en') for text in missing(need)), sep='\\n')"
    )
    closed = "uid 1234 may not read /workspace/models/theirs (mode 0700, owner 0:0)"
    assert workers.exec(1, "python", "-c", script).stdout.splitlines() == [
        closed,
        closed,  # the file in it
        "/workspace/models/none does not exist",
        closed,  # the folder that holds it
    ]


def test_libraries_can_be_built_and_loaded_at_home(workers: Workers) -> None:
    """As Triton does: what it compiles lies below ~/.triton."""
    script = (
        "cd && echo 'int seven(void) { return 7; }' | gcc -shared -x c -o seven.so - && "
        "python -c 'import ctypes; print(ctypes.CDLL(\"./seven.so\").seven())'"
    )
    assert workers.ssh(workers.host(1), script).stdout == "7\n"


def test_py_spy_sees_into_a_rank(workers: Workers) -> None:
    """Beside it, not above it, as the agent's is: with Yama the rank has to allow it."""
    program = (
        "import time; from dsk.rank import traced; traced.allow()\n"
        "def stuck(): time.sleep(60)\n"
        "stuck()"
    )
    script = f"python -c '{program}' & sleep 1; py-spy dump --nonblocking --pid $!; kill $!"
    assert "stuck" in workers.ssh(workers.host(1), script).stdout


def test_it_starts_again(workers: Workers) -> None:
    docker("restart", "--time", "30", workers.container(1))
    workers.wait_healthy(1)
    assert workers.ssh(workers.host(1), "id -u").stdout == "1234\n"
