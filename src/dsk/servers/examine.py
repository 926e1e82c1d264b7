"""What a server says for `dsk check`, asked in one round trip, its clock in one more."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import replace

from dsk.accelerators import Accelerator
from dsk.bundle import Bundle
from dsk.bundle.compose import project
from dsk.checks.facts import Clock, Container, Disk, Gpu, Listener, ServerFacts
from dsk.checks.worker import MISSING, RUNNING
from dsk.cluster.model import Cluster, Node
from dsk.connect import Completed, Server
from dsk.connect.engine import engine_error
from dsk.servers import driver, nvidia
from dsk.servers.probe import HUNG, Image, asking, checksums, count, read_facts

LIMIT_S = 60.0
CLOCK_LIMIT_S = 10.0
KIB = 1024

# As in fleet.probe. `slow` is "" for a launch: then nothing is asked that may take a second.
SCRIPT = asking(
    r"""
export image="$1" cluster="$2" node="$3" worker="$4" workspace="$5" slow="$6"
export devices="$7" driver="$8" look="$9" bundle="$HOME/.dsk/$2/$3"
""",
    r"""
differs() { cd "$bundle" 2>/dev/null && sha256sum --check --strict --quiet 2>/dev/null; true; }
open() { cd "$bundle" 2>/dev/null && find . -perm /077 ! -name compose.yaml -printf '%m %p\n'; }
health() { docker exec "$worker" /usr/local/lib/dsk/entrypoint/health.sh; }
nearest() {
  place=$1
  while [ "$place" ] && [ ! -d "$place" ]; do place=${place%/*}; done
  df -PB1 "${place:-/}"
}
# Which folder it is, by device and inode: a worker may have another one.
place() { [ -d "$workspace" ] || return 1; stat -Lc %d:%i "$workspace" 2>/dev/null; true; }
devices() { sh -c "$devices" 2>/dev/null | wc -l; }
info() { docker info --format '{{.DockerRootDir}}|{{json .Runtimes}}' 2>/dev/null; }
log() { dmesg 2>/dev/null || journalctl -k -b --no-pager 2>/dev/null; }
kernel() { log | grep -F 'NVRM: Xid' | tail -n 50; }
owners() {
  for id in "$@"; do printf '%s ' "$id"; grep -oEm1 '[0-9a-f]{64}' "/proc/$id/cgroup" || echo; done
}
holders() { owners $(ss -Hltnp | grep -oE 'pid=[0-9]+' | cut -d= -f2 | sort -u); }
computing() { owners $(nvidia-smi --query-compute-apps=pid --format=csv,noheader | sort -u); }
""",
    r"""
fact bundle test -d "$bundle"
fact differs differs
fact open open
fact docker docker version --format '{{.Server.Version}}'
fact image docker image inspect --format '{{json .}}' "$image"
fact worker docker container inspect --format '{{.State.Status}} {{.Image}}' "$worker"
fact devices devices
fact driver sh -c "$driver"
fact listening ss -Hltnp
fact workspace place
fact room nearest "$workspace"
fact memory cat /proc/meminfo
fact cpus nproc
if [ "$slow" ]; then
  fact info info
  [ "$code" = 0 ] && info=$out || info=
  fact runtimes printf %s "${info#*|}"
  fact engine_room nearest "${info%%|*}"
  fact hook command -v nvidia-container-runtime-hook
  fact containers docker ps --all --no-trunc --filter "label=dsk.cluster=$cluster" --format \
    '{{.Names}}|{{.Label "dsk.role"}}|{{.Label "dsk.host"}}|{{.State}}|{{.Label "dsk.job"}}'
  fact health health
  fact look sh -c "$look"
  fact kernel kernel
  fact holders holders
  fact computing computing
  fact names docker ps --no-trunc --format '{{.ID}} {{.Names}}'
fi
""",
)

# `LISTEN 0 128 10.0.0.11:2222 0.0.0.0:* users:(("sshd",pid=812,fd=3))`
_USER = re.compile(r'\(\("(?P<program>[^"]+)",pid=(?P<pid>\d+)')
# Of `date`: below what the login's shell may have printed.
_SECONDS = re.compile(r"^\d+\.\d+\Z", re.MULTILINE)


def examine(
    server: Server, cluster: Cluster, node: Node, bundle: Bundle | None, *, thorough: bool
) -> ServerFacts:
    """`bundle` None: its files are not compared. Raises Unreachable."""
    clock = _clock(server)
    argv = ["sh", "-c", SCRIPT, "dsk", cluster.image, cluster.name, node.name]
    argv += [project(cluster, node), str(cluster.workspace_source(node)), "1" if thorough else ""]
    devices = cluster.devices
    argv += [devices.server_devices, devices.server_driver, devices.server_look]
    done = server.run(argv, input=checksums(bundle or {}), timeout=LIMIT_S)
    facts = read_facts(done.stdout.decode(errors="replace"))
    found = parse(facts, clock, devices, known_bundle=bundle is not None)
    return replace(found, engine_problem=None, worker=RUNNING) if cluster.in_place else found


def _clock(server: Server) -> Clock:
    before = time.time()
    done = server.run(["date", "+%n%s.%N"], timeout=CLOCK_LIMIT_S)
    after = time.time()
    told = _SECONDS.search(done.text)
    return Clock(float(told[0] if told else after) - (before + after) / 2, (after - before) / 2)


def parse(
    facts: Mapping[str, Completed], clock: Clock, devices: Accelerator, *, known_bundle: bool
) -> ServerFacts:
    """Of SCRIPT's facts. Pure."""
    asked = [facts[name] for name in ("docker", "image", "worker")]
    docker = next((each for each in asked if each.returncode == HUNG), facts["docker"])
    broken = engine_error(docker.error, "").told if docker.returncode else None
    image = Image.inspected(facts["image"].text) if facts["image"].returncode == 0 else None
    labels = image.labels if image else {}
    inspected = facts["worker"].text if facts["worker"].returncode == 0 else MISSING
    worker, _, worker_image = inspected.partition(" ")
    memory = _meminfo(facts["memory"].text)
    room, folder = _disk(facts["room"].text), facts["workspace"]
    quick = ServerFacts(
        clock=clock,
        thorough=False,
        engine="" if broken else docker.text,
        engine_problem=broken,
        driver=driver.version(devices, facts["driver"].text),
        gpu_devices=count(facts["devices"]),
        image=image.id if image else "",
        cuda=labels.get(driver.CUDA, ""),
        min_driver=labels.get(driver.MIN_DRIVER, ""),
        worker=worker,
        worker_image=worker_image,
        workspace=folder.returncode in (0, HUNG),
        place=folder.text if folder.returncode == 0 else "",
        disks={"workspace": room} if room else {},
        memory=memory.get("MemTotal", 0),
        memory_free=memory.get("MemAvailable", 0),
        cpus=count(facts["cpus"]),
        listeners=_listeners(facts["listening"].text, {}),
        files=_differing(facts) if known_bundle else None,
        open_files=_open_files(facts),
    )
    return _thorough(facts, quick, devices) if "look" in facts else quick


def _thorough(
    facts: Mapping[str, Completed], quick: ServerFacts, devices: Accelerator
) -> ServerFacts:
    names = _pairs(facts["names"].text)

    def containers(owners: Completed) -> dict[int, str]:
        """By process id."""
        ids = _pairs(owners.text).items()
        return {int(pid): names[full] for pid, full in ids if full in names}

    gpus: tuple[Gpu, ...] = ()
    gpu_problem = ""
    if devices.server_look:
        gpus, gpu_problem = _gpus(facts["look"], containers(facts["computing"]))
    disks = {**quick.disks}
    engine = None if quick.engine_problem else _disk(facts["engine_room"].text)
    if engine and engine not in disks.values():
        disks["engine"] = engine
    told = facts["containers"].text if facts["containers"].returncode == 0 else ""
    lines = [] if quick.engine_problem else told.splitlines()
    return replace(
        quick,
        thorough=True,
        runtime=f'"{devices.runtime}"' in facts["runtimes"].text or facts["hook"].returncode == 0,
        gpus=gpus,
        gpu_problem=gpu_problem,
        xids=nvidia.xids(facts["kernel"].text),
        health=_health(facts["health"]) if quick.worker == RUNNING else None,
        containers=tuple(Container(*line.split("|")) for line in lines),
        disks=disks,
        listeners=_listeners(facts["listening"].text, containers(facts["holders"])),
    )


def _health(said: Completed) -> str:
    lines = said.text.splitlines()
    return "" if said.returncode == 0 else (lines[-1] if lines else f"exit code {said.returncode}")


def _differing(facts: Mapping[str, Completed]) -> tuple[str, ...]:
    """`./ssh/config: FAILED`, one line a file."""
    if facts["bundle"].returncode:
        return ()
    lines = facts["differs"].text.splitlines()
    return tuple(line.partition(":")[0].removeprefix("./") for line in lines if ": FAILED" in line)


def _open_files(facts: Mapping[str, Completed]) -> dict[str, str]:
    """`644 ./ssh/authorized_keys`, one line a file; `.` is the bundle's folder."""
    if facts["bundle"].returncode or facts["open"].returncode == HUNG:
        return {}
    lines = (line.partition(" ") for line in facts["open"].text.splitlines())
    return {path.removeprefix("./"): mode.zfill(4) for mode, _, path in lines}


def _gpus(said: Completed, containers: Mapping[int, str]) -> tuple[tuple[Gpu, ...], str]:
    """The GPUs, or why there are none to see."""
    if said.returncode:
        return (), (said.text.splitlines() or ["nvidia-smi failed"])[-1]
    try:
        found = nvidia.gpus(said.text)
    except ValueError as error:
        return (), str(error)

    def owned(gpu: Gpu) -> Gpu:
        processes = (replace(p, container=containers.get(p.pid, "")) for p in gpu.processes)
        return replace(gpu, processes=tuple(processes))

    return tuple(map(owned, found)), ""


def _disk(text: str) -> Disk | None:
    """`df -PB1`: the line below its heading."""
    fields = text.splitlines()[-1].split() if text else []
    if len(fields) < 6 or not fields[1].isdecimal():
        return None
    return Disk(" ".join(fields[5:]), int(fields[1]), int(fields[3]))


def _meminfo(text: str) -> dict[str, int]:
    """/proc/meminfo in bytes."""
    found = {}
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if value.strip().endswith("kB"):
            found[name] = int(value.split()[0]) * KIB
    return found


def _listeners(text: str, containers: Mapping[int, str]) -> tuple[Listener, ...]:
    """Of `ss -Hltnp`."""
    found = []
    for line in text.splitlines():
        fields = line.split()
        if len(fields) < 4 or fields[0] != "LISTEN":
            continue
        address, _, port = fields[3].rpartition(":")
        user = _USER.search(line)
        pid = int(user["pid"]) if user else None
        container = containers.get(pid, "") if pid else ""
        program = user["program"] if user else ""
        found.append(Listener(address, int(port), program, pid, container))
    return tuple(found)


def _pairs(text: str) -> dict[str, str]:
    """Lines of a word and the rest."""
    pairs = (line.partition(" ") for line in text.splitlines())
    return {first: rest.strip() for first, _, rest in pairs}
