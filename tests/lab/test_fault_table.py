"""Issue 6's table: each fault on the production path, when it is noticed, and what is left.

A row that ends its job is followed by the next row's launch: the next launch works. With `direct`
the ranks are forks of the workers' warm processes, except in the rows that say otherwise. The
figures are in docs/reliability.md.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hosts import Lab
from hosts.command import wait_until
from tests.lab.cluster import IMAGE, Cluster, Running
from tests.lab.conftest import ready
from tests.lab.faults import leftovers
from tests.lab.faults.processes import in_container
from tests.lab.faults.terminal import CTRL_C, Terminal
from tests.lab.faults.trial import Trial

pytestmark = [pytest.mark.lab, pytest.mark.timeout(900)]

full = pytest.mark.full
Start = Callable[..., Trial]

TRAIN = {"max_steps": 100_000, "finetuning_type": "full", "output_dir": "outputs/faulty"}
HOOK = Path(__file__).parent / "faults/hook/sitecustomize.py"
STALL_S = 10
"""The limit that rows with a stall give to the training phase."""
TIGHT = "/workspace/tight"
FREEZING = "/workspace/freezing"
LOGIN_S = 20
SAVE_S = 45
PAUSE_S = 17
OLD_S = 11
"""After which `dsk status` says that the supervisor has written nothing."""
FROZEN_S = 130
"""Longer than the limit that training has by default (wire.limits.SHORTEST_S)."""


@pytest.fixture(scope="module")
def hooked(lab: Lab, cluster: Cluster) -> Iterator[Cluster]:
    yield from hooking(lab, cluster)


def hooking(lab: Lab, cluster: Cluster) -> Iterator[Cluster]:
    """The cluster with hook/sitecustomize.py in each worker's warm process, and so in every rank:
    no job has to start cold because of its PYTHONPATH."""
    plain = cluster.file.read_text()
    place_hook(lab, cluster)
    cluster.dsk("up")
    yield cluster
    cluster.file.write_text(plain)
    cluster.dsk("up")


@pytest.fixture
def start(lab: Lab, hooked: Cluster) -> Iterator[Start]:
    """Starts the row's job; `hook` and `pause` are faults of hook/sitecustomize.py in one of its
    ranks."""
    yield from starter(lab, hooked)


def starter(lab: Lab, cluster: Cluster) -> Iterator[Start]:
    begun: list[Trial] = []
    plain = cluster.file.read_text()

    def begin(
        *,
        launcher: str = "direct",
        cold: bool = False,
        hook: str | None = None,
        pause: str | None = None,
        stall: int | None = None,
        restarts: str = "",
        terminal: bool = False,
        **train: Any,
    ) -> Trial:
        faults = {"FAULT": hook, "PAUSE": pause}
        asked = {name: what for name, what in faults.items() if what}
        cluster.change(env={**cluster.settings["env"], **asked})
        for node in lab.nodes:
            node.run(["rm", "-f", f"{cluster.workspace}/hook/struck"])
        if launcher == "direct" and not cold:
            cluster.wait_until_warm()
        limit = ["--limit", f"training={stall}"] if stall else []
        path = cluster.train(**{**TRAIN, **train})
        again = ["--max-restarts", restarts] if restarts else []
        # Faults that checks would find before are faults all the same.
        words = ["launch", "--no-check", "--launcher", launcher, *limit, *again, path]
        words += ["--cold"] if cold else []
        running = Terminal if terminal else Running
        launch = running(cluster.argv(*words), cluster.folder)
        begun.append(Trial(lab, cluster, launch, launcher, cold=cold))
        return begun[-1]

    try:
        yield begin
    finally:
        for trial in begun:
            trial.end()
        cluster.file.write_text(plain)


def place_hook(lab: Lab, cluster: Cluster) -> None:
    """On every node, and into the environment of every rank. Before `dsk up`."""
    folder = f"{cluster.workspace}/hook"
    for node in lab.nodes:
        script = 'mkdir -p "$1" && printf %s "$2" > "$1/sitecustomize.py"'
        node.run(["bash", "-c", script, "-", folder, HOOK.read_text()])
    cluster.change(env={"PYTHONPATH": folder})


def worker(lab: Lab, node: int) -> str:
    return leftovers.worker_of(lab.nodes[node], "lab")


def master(lab: Lab, trial: Trial) -> str:
    return lab.nodes[0].docker("ps", "--quiet", "--filter", f"label=dsk.job={trial.job}").strip()


# A rank goes wrong.


@pytest.mark.parametrize(
    ("rank", "number", "cold"),
    [
        (1, signal.SIGKILL, False),
        pytest.param(0, signal.SIGKILL, False, marks=full),
        pytest.param(1, signal.SIGKILL, True, marks=full),
        pytest.param(0, signal.SIGSEGV, False, marks=full),
        pytest.param(1, signal.SIGSEGV, False, marks=full),
        pytest.param(0, signal.SIGTERM, False, marks=full),
        pytest.param(1, signal.SIGTERM, False, marks=full),
    ],
)
def test_rank_killed(start: Start, rank: int, number: signal.Signals, cold: bool) -> None:
    trial = start(cold=cold)
    trial.reach()
    trial.strike(lambda: trial.processes.rank(rank).signal(number))
    fault = f"rank {rank} killed by {number.name}" + (" (`--cold`)" if cold else "")
    trial.fails(fault, 3, names=f"rank {rank} on node{rank}")
    assert number.name in trial.launch.text


@pytest.mark.parametrize(
    ("kind", "fault", "says", "cold"),
    [
        ("raise", "rank 1 raises", "a fault of the test", False),
        pytest.param("exit-3", "rank 1 exits with 3", "exited with 3", False, marks=full),
        pytest.param("exit-3", "rank 1 exits with 3 (`--cold`)", "exited with 3", True, marks=full),
        pytest.param("exit-0", "rank 1 exits with 0 early", "during training", False, marks=full),
    ],
)
def test_rank_ends_by_itself(start: Start, kind: str, fault: str, says: str, cold: bool) -> None:
    trial = start(hook=f"{kind} 1 3", cold=cold)
    trial.struck_by_hook(1)
    trial.fails(fault, 3, names="rank 1 on node1")
    assert says in trial.launch.text


@pytest.mark.parametrize("launcher", ["direct", pytest.param("deepspeed", marks=full)])
def test_rank_stopped(start: Start, launcher: str) -> None:
    trial = start(launcher=launcher, stall=STALL_S)
    trial.reach()
    trial.strike(lambda: trial.processes.rank(1).signal(signal.SIGSTOP))
    trial.fails(
        f"rank 1 stopped by SIGSTOP (limit {STALL_S} s)",
        STALL_S + 5,
        names="rank 1",
        ends_within=STALL_S + 25,
    )


@full
def test_rank_in_an_endless_loop(start: Start) -> None:
    trial = start(hook="loop 1 3", stall=STALL_S)
    trial.struck_by_hook(1)
    trial.fails(
        f"rank 1 in an endless loop (limit {STALL_S} s)",
        STALL_S + 5,
        names="rank 1",
        ends_within=STALL_S + 25,
    )
    assert "sitecustomize" in (trial.folder / "stacks/0/node1-rank1.txt").read_text()


@full
def test_rank_out_of_memory(lab: Lab, start: Start) -> None:
    container = worker(lab, 1)
    lab.nodes[1].docker("update", "--memory=2g", "--memory-swap=2g", container)
    try:
        trial = start(hook="eat 1 3")
        trial.struck_by_hook(1)
        gone = lambda: all(each.rank != 1 for each in trial.processes.all())  # noqa: E731
        wait_until(gone, "the kernel to kill rank 1", seconds=120)
        trial.strike()
        trial.fails("rank 1 killed for want of memory (cgroup)", 3, names="rank 1 on node1")
    finally:
        lab.nodes[1].docker("update", "--memory=0", "--memory-swap=-1", container)
    assert "memory" in trial.events("failure")[0]["cause"]


# A node goes wrong.


@pytest.mark.parametrize("launcher", ["direct", pytest.param("deepspeed", marks=full)])
def test_link_down(lab: Lab, start: Start, launcher: str) -> None:
    trial = start(launcher=launcher)
    trial.reach()
    try:
        trial.strike(lab.nodes[1].link_down)
        trial.fails("link of node1 down", 20, names="node1", ends_within=45)
    finally:
        lab.nodes[1].link_up()


@full
def test_link_down_for_five_seconds(lab: Lab, start: Start) -> None:
    trial = start()
    trial.reach()

    def blink() -> None:
        lab.nodes[1].link_down()
        time.sleep(5)
        lab.nodes[1].link_up()

    trial.strike(blink)
    trial.survives("link of node1 down for 5 s")


@full
def test_five_percent_loss(lab: Lab, start: Start) -> None:
    lab.nodes[1].loss(5)
    try:
        trial = start()
        trial.reach()
        trial.survives("5 % of node1's packets lost, from the start on")
    finally:
        lab.nodes[1].repair_cable()


@full
def test_worker_killed(lab: Lab, cluster: Cluster, start: Start) -> None:
    trial = start()
    trial.reach()
    container = worker(lab, 1)
    try:
        trial.strike(lambda: lab.nodes[1].docker("kill", container))
        trial.fails("worker container of node1 killed", 20, names="node1")
    finally:
        cluster.dsk("up")


@full
def test_engine_restarted(lab: Lab, cluster: Cluster, start: Start) -> None:
    trial = start()
    trial.reach()

    def restart() -> None:
        lab.nodes[1].stop_engine()
        lab.nodes[1].start_engine()

    try:
        trial.strike(restart)
        trial.fails("engine of node1 restarted", 20, names="node1")
    finally:
        lab.nodes[1].start_engine()
        cluster.dsk("up")


@full
def test_masters_engine_restarted(lab: Lab, cluster: Cluster, start: Start) -> None:
    """It takes the supervisor with it, and `dsk launch` may not hear the supervisor's last word."""
    trial = start()
    trial.reach()
    try:
        trial.strike(lab.nodes[0].stop_engine)
        gone = lambda: not trial.processes.all()  # noqa: E731
        wait_until(gone, "every process of the job to end", seconds=45)
    finally:
        lab.nodes[0].start_engine()
        cluster.dsk("up")
    (failure,) = trial.events("failure")
    assert "ended by SIGTERM" in failure["cause"]
    assert trial.events("finished")[-1]["state"] == "failed"


@full
def test_sshd_killed(lab: Lab, start: Start) -> None:
    trial = start()
    trial.reach()
    pids = [
        pid for node in (0, 1) for pid in in_container(lab.nodes[node], worker(lab, node), "sshd")
    ]

    def kill() -> None:
        for pid in pids:
            os.kill(pid, signal.SIGKILL)

    trial.strike(kill)
    trial.survives("every sshd in both workers killed")


@full
def test_slow_login(lab: Lab, start: Start) -> None:
    """sshd runs sshrc before what was asked for. The first login from the other node starts the
    job's agent; the worker's health check logs in too."""
    container = worker(lab, 1)
    script = (
        f'[ "${{SSH_CONNECTION%% *}}" != {lab.nodes[0].host} ] || [ -e /tmp/slow ] || '
        f"{{ touch /tmp/slow; sleep {LOGIN_S}; date +%s >/tmp/slow; }}"
    )
    write = ["exec", container, "sh", "-c", 'printf "%s\\n" "$1" >/etc/ssh/sshrc', "-", script]
    lab.nodes[1].docker(*write)
    try:
        began = time.time()
        trial = start()
        trial.reach()
        assert (
            int(lab.nodes[1].docker("exec", container, "cat", "/tmp/slow")) >= began + LOGIN_S - 1
        )
        trial.survives(f"first SSH login of node1 takes {LOGIN_S} s")
    finally:
        lab.nodes[1].docker("exec", container, "rm", "-f", "/etc/ssh/sshrc", "/tmp/slow")


def agent(lab: Lab, node: int) -> int:
    """The process of the job's agent there."""
    (pid,) = in_container(lab.nodes[node], worker(lab, node), "daemon")
    return pid


@full
def test_agent_stopped(lab: Lab, start: Start) -> None:
    trial = start()
    trial.reach()
    trial.strike(lambda: os.kill(agent(lab, 1), signal.SIGSTOP))
    trial.fails("agent of node1 stopped by SIGSTOP", 20, names="node1", ends_within=45)
    assert "stopped by a signal" in trial.launch.text
    trial.cluster.dsk("launch", "--no-check", trial.cluster.train(max_steps=2))


@full
def test_agent_killed(lab: Lab, start: Start) -> None:
    trial = start()
    trial.reach()
    trial.strike(lambda: os.kill(agent(lab, 1), signal.SIGKILL))
    trial.fails("agent of node1 killed by SIGKILL", 5, names="node1")
    assert "agent was killed" in trial.launch.text


@full
def test_node_lost_after_its_ranks_have_ended(lab: Lab, start: Start) -> None:
    """Rank 0 still saves: longer than a node may be silent, and than an agent waits."""
    trial = start(pause=f"saving 0 {SAVE_S}", max_steps=10)
    try:
        wait_until(lambda: bool(trial.events("exited")), "rank 1 to end", seconds=400)
        (ended,) = trial.events("exited")
        assert (ended["rank"], ended["code"]) == (1, 0)
        trial.strike(lab.nodes[1].link_down)
        trial.succeeds(
            "link of node1 down after its rank has ended, while rank 0 saves", SAVE_S + 60
        )
    finally:
        lab.nodes[1].link_up()
    assert "its ranks have succeeded" in trial.launch.text


# Who watches goes wrong.


@full
def test_supervisor_paused(lab: Lab, start: Start) -> None:
    trial = start()
    trial.reach()
    container = master(lab, trial)
    told: list[str] = []

    def pause() -> None:
        lab.nodes[0].docker("pause", container)
        end = time.monotonic() + PAUSE_S
        time.sleep(OLD_S)
        told.append(trial.cluster.dsk("status").out)
        # On a busy machine dsk takes seconds, and a pause of 25 s ends the ranks.
        time.sleep(max(0.0, end - time.monotonic()))
        lab.nodes[0].docker("unpause", container)

    trial.strike(pause)
    assert "the supervisor has written nothing since then" in told[0]
    trial.survives(f"supervisor paused for {PAUSE_S} s (`docker pause`)")


@pytest.fixture
def freezing(lab: Lab, tmp_path: Path) -> Iterator[Cluster]:
    """A cluster whose job folders are, on the master, on a disk of their own."""
    node = lab.nodes[0]
    disk = f"{FREEZING}/.dsk"
    node.run(["mkdir", "-p", disk])
    node.run(["truncate", "--size=256M", "/root/freezing.img"])
    node.run(["mkfs.ext4", "-q", "/root/freezing.img"])
    node.run(["mount", "-o", "loop", "/root/freezing.img", disk])
    made = Cluster.init(
        lab,
        tmp_path,
        [f"{each.host}:1" for each in lab.nodes],
        name="freezing",
        workspace=FREEZING,
        worker_port=2227,
        image=IMAGE,
    )
    try:
        place_hook(lab, made)
        ready(made)
        yield made
    finally:
        node.run(["fsfreeze", "--unfreeze", disk], check=False)
        made.dsk("down", "--force", code=None)
        node.run(["umount", disk], check=False)


@full
def test_disk_of_the_job_folder_takes_nothing(lab: Lab, freezing: Cluster) -> None:
    """Neither fsync nor write returns, as while a network disk fails over."""
    disk = f"{FREEZING}/.dsk"
    for start in starter(lab, freezing):
        trial = start()
        trial.reach()
        # What the machine sees at that path is below the mount: the worker's view counts.
        status = ["dsk-agent", "jobs", "--workspace", FREEZING]
        trial.strike(lambda: lab.nodes[0].run(["fsfreeze", "--freeze", disk]))
        step = trial.step()
        time.sleep(FROZEN_S)
        assert trial.step() > step
        lab.nodes[0].run(["fsfreeze", "--unfreeze", disk])
        trial.survives(f"disk of the master's job folder takes nothing for {FROZEN_S} s")
        time.sleep(5)
        (job,) = json.loads(freezing.in_worker(0, *status))
        assert time.time() - job["updated"] < 10 and job["state"] == "running"
        assert "left out" not in trial.launch.text


@full
def test_supervisor_killed(lab: Lab, start: Start) -> None:
    trial = start()
    trial.reach()
    (supervisor,) = in_container(lab.nodes[0], master(lab, trial), "dsk.supervisor")
    trial.strike(lambda: os.kill(supervisor, signal.SIGKILL))
    trial.fails("supervisor killed by SIGKILL", 30, ends_within=30, supervised=False)


@full
def test_master_container_killed(lab: Lab, start: Start) -> None:
    trial = start()
    trial.reach()
    container = master(lab, trial)
    trial.strike(lambda: lab.nodes[0].docker("kill", container))
    trial.fails("master container killed", 30, ends_within=30, supervised=False)


@full
def test_deepspeeds_launcher_killed(start: Start) -> None:
    trial = start(launcher="deepspeed")
    trial.reach()
    (launcher,) = (
        each
        for each in trial.processes.all()
        if each.node == 1 and "deepspeed.launcher.launch" in each.words and each.rank is None
    )
    trial.strike(lambda: launcher.signal(signal.SIGKILL))
    trial.fails("launch.py on node1 killed by SIGKILL", 20, names="node1")


@full
@pytest.mark.parametrize("way", ["killed by SIGKILL", "in a terminal that is closed"])
def test_client_gone(start: Start, way: str) -> None:
    trial = start(terminal="terminal" in way)
    trial.reach()
    close = trial.launch.close if isinstance(trial.launch, Terminal) else trial.launch.kill
    trial.strike(close)
    wait_until(lambda: trial.launch.process.poll() is not None, "dsk launch to end", seconds=20)
    trial.survives(f"`dsk launch` {way}")
    follow = trial.cluster.start("logs", "-f")
    try:
        follow.wait_for("'loss'")
        shown = follow.text.count("'loss'")
        wait_until(lambda: follow.text.count("'loss'") > shown, "dsk logs -f to go on", seconds=30)
    finally:
        follow.kill()


# The user ends it.


@pytest.mark.parametrize(
    "phase",
    ["training", *(pytest.param(each, marks=full) for each in ("start", "loading", "saving"))],
)
def test_stop(start: Start, phase: str) -> None:
    saving = {"save_strategy": "steps", "save_steps": 1} if phase == "saving" else {}
    trial = start(**saving)
    if phase != "start":
        trial.reach(phase, 0 if phase == "loading" else 1, all_ranks=phase == "training")
    trial.strike()
    trial.cluster.dsk("stop", trial.job)
    trial.stops(f"`dsk stop` during {phase}", 10)


@full
def test_ctrl_c(start: Start) -> None:
    trial = start(terminal=True)
    trial.reach()
    terminal = trial.launch
    assert isinstance(terminal, Terminal)
    trial.strike(lambda: terminal.press(CTRL_C))
    trial.launch.wait_for("stop the job, or detach", 20)
    step = trial.step()
    wait_until(lambda: trial.step() > step, "the job to go on while dsk asks", seconds=60)
    trial.strike(lambda: terminal.press(CTRL_C))
    trial.stops("Ctrl-C a second time", 10)


# Two at once, disks that are full, and changes behind the job's back.


@full
def test_two_launches_at_once(lab: Lab, hooked: Cluster) -> None:
    hooked.wait_until_warm()
    trains = [hooked.train(f"{name}.yaml", **TRAIN) for name in ("one", "two")]
    launches = [hooked.start("launch", train) for train in trains]
    began = time.time()

    def ended() -> list[Running]:
        return [each for each in launches if each.process.poll() is not None]

    wait_until(lambda: bool(ended()), "one of them to be refused", seconds=120)
    refused_after = time.time() - began
    (refused,) = ended()
    (other,) = (each for each in launches if each is not refused)
    trial = Trial(lab, hooked, other, "direct")
    try:
        assert refused.process.returncode == 1 and trial.job in refused.text, refused.text
        trial.reach()
        trial.strike()
        trial.survives(f"two launches at the same moment (one refused after {refused_after:.0f} s)")
    finally:
        trial.end()


@full
def test_recipe_edited_on_one_node(lab: Lab, start: Start) -> None:
    folder = lab.nodes[1].workspace / ".dsk/jobs"
    before = set(folder.glob("*"))
    edited_at: list[float] = []

    def edit() -> None:
        deadline = time.monotonic() + 120
        while not edited_at and time.monotonic() < deadline:
            for job in set(folder.glob("*")) - before:
                if (recipe := job / "recipe.yaml").exists():
                    recipe.write_text(recipe.read_text().replace("seed: 7", "seed: 8"))
                    edited_at.append(time.time())

    editor = threading.Thread(target=edit)
    editor.start()
    trial = start()
    editor.join()
    (trial.struck,) = edited_at
    trial.fails("recipe edited on node1 after the launch", 10, names="node1")
    assert "recipe.yaml" in trial.launch.text
    assert trial.events("exited") == []


@pytest.fixture
def tight(lab: Lab, tmp_path: Path) -> Iterator[Cluster]:
    """A cluster whose workspace on node1 is a disk of 64 MB."""
    node = lab.nodes[1]
    node.run(["mkdir", "-p", TIGHT])
    node.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tight", TIGHT])
    made = Cluster.init(
        lab,
        tmp_path,
        [f"{each.host}:1" for each in lab.nodes],
        name="tight",
        workspace=TIGHT,
        worker_port=2226,
        image=IMAGE,
    )
    try:
        place_hook(lab, made)
        ready(made)
        yield made
    finally:
        made.dsk("down", "--force", code=None)
        node.run(["umount", TIGHT], check=False)


def fill(lab: Lab) -> None:
    """All of the small disk but what is in use."""
    write = f"dd if=/dev/zero of={TIGHT}/filler bs=64k 2>/dev/null; sync"
    lab.nodes[1].run(["sh", "-c", write])


@full
def test_disk_full_while_saving(lab: Lab, tight: Cluster) -> None:
    for start in starter(lab, tight):
        trial = start(save_strategy="steps", save_steps=60)
        trial.reach()
        fill(lab)
        trial.reach("saving", 1, all_ranks=False)
        trial.strike()
        trial.fails("disk of node1 full while saving", 5, names="rank 1 on node1")
        assert "No space left on device" in trial.launch.text


@full
def test_disk_full_while_logging(lab: Lab, tight: Cluster) -> None:
    for start in starter(lab, tight):
        trial = start(hook="talk 1 3")
        trial.reach()
        trial.strike(lambda: fill(lab))
        trial.survives("disk of node1 full while rank 1 prints")
        # What is left of the file's last page takes some lines more.
        trial.launch.wait_for("is not written while this lasts", 120)
