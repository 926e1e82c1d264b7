"""Every fact that dsk asks a server. A command asks for those that it needs, in one round trip."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from types import NoneType
from typing import Any

from dsk.accelerators import Accelerator
from dsk.survey import parse
from dsk.survey.fact import FACT, HUNG, Answer, Fact, answers, fact, script
from dsk.survey.values import (
    Clock,
    Container,
    Disk,
    Engine,
    Gpu,
    Image,
    Listener,
    Proxy,
    Worker,
    Xid,
)
from dsk.wire.imagefacts import ImageFacts

_IMAGE = (
    '{"Id":"sha256:1","RootFS":{"Layers":["sha256:a"]},"Config":{"Env":["A=1"],"Labels":null},'
    '"Created":"2026-01-01T00:00:00.123Z","Size":5,"Os":"linux","Architecture":"amd64"}'
)
_WORKER = (
    '{"State":{"Status":"running"},"Image":"sha256:1","Config":{"Labels":{"dsk.config":"c",'
    '"dsk.owner":"jo@desk:/llm/dsk.yaml 7f"}}}'
)
_NVIDIA_SMI = (
    '<nvidia_smi_log><gpu id="00000000:81:00.0"><product_name>NVIDIA RTX A5000</product_name>'
    "<fb_memory_usage><total>24564 MiB</total><used>1 MiB</used></fb_memory_usage></gpu>"
    "</nvidia_smi_log>"
)
_DF = "Filesystem 1-blocks Used Available Capacity Mounted on\n/dev/sda1 100 40 60 40% {}"
_MIB = 1 << 20
_CONTENTS = ImageFacts("none", "0.1.0", {"pip": "25.0"}, {}, {}, "sha256:1", "sha256:1", {}, {}, {})

FUNCTIONS = r"""
# By its address: where a node was taken out of dsk.yaml, those behind it have other numbers.
worker() {
  docker ps --all --quiet --filter label=dsk.role=worker --filter "label=dsk.cluster=$cluster" \
    --filter "label=dsk.host=$host" 2>/dev/null | head -n 1
}
"""
"""Of every command; the variables are those of servers.survey.Asked."""


@dataclass(frozen=True)
class ServerFacts:
    """Facts that were not asked for have the value of an unknown one. `problems` says of others why
    they are not known. `clock` is asked in a round trip of its own."""

    clock: Clock = Clock(0.0, 0.0)
    problems: Mapping[str, str] = field(default_factory=dict)

    # A table: what is asked, how the answer is read, and an example.
    # fmt: off
    engine: Engine = fact(
        "docker version --format '{{.Server.Version}} {{.Server.Os}}/{{.Server.Arch}}'",
        parse.engine, Engine, example="27.0.3 linux/amd64", meaning=Engine("27.0.3", "linux/amd64"))
    image: Image | None = fact(
        "docker image inspect --format '{{json .}}' \"$image\"", parse.image, NoneType,
        example=_IMAGE, meaning=Image.inspected(_IMAGE))
    worker: Worker = fact(
        "docker container inspect --format '{{json .}}' \"$(worker)\"", parse.worker, Worker,
        example=_WORKER, meaning=Worker("running", "sha256:1", "c", "jo@desk:/llm/dsk.yaml 7f"))
    compose: str | None = fact(
        "docker compose version --short", parse.told, NoneType, example="2.26.1", meaning="2.26.1")
    runtime: bool = fact("docker info --format '{{json .Runtimes}}' 2>/dev/null\n"
        "command -v nvidia-container-runtime-hook >/dev/null && echo '\"nvidia\"'",
        parse.runtime, bool,
        example='{"nvidia":{"path":"nvidia-container-runtime"},"runc":{"path":"runc"}}',
        meaning=True)
    proxy: Proxy = fact(
        "docker info --format '{{.HTTPSProxy}} {{.NoProxy}}' 2>/dev/null", parse.proxy, Proxy,
        example="http://proxy:3128 10.0.0.0/8, localhost",
        meaning=Proxy("http://proxy:3128", "10.0.0.0/8, localhost"))
    layers: tuple[tuple[str, ...], ...] = fact("docker image ls --quiet --no-trunc | sort -u |\n"
        "xargs -r docker image inspect --format '{{json .RootFS.Layers}}' 2>/dev/null; true",
        parse.layers, tuple, example='["sha256:a","sha256:b"]\nnull',
        meaning=(("sha256:a", "sha256:b"), ()))
    holder: str = fact(
        'docker exec "$(worker)" dsk-agent holder', parse.told, str, example="20261124-101500-ab12",
        meaning="20261124-101500-ab12")
    """The job that has the worker."""
    contents: ImageFacts | None = fact(
        "docker run --rm --pull never --network none --cap-drop ALL --security-opt "
        'no-new-privileges --label dsk.role=verify "$image" dsk-agent verify $deep',
        parse.contents, NoneType, example=f"a warning\n{_CONTENTS.to_json()}", meaning=_CONTENTS,
        limit_s=3600)
    """What the image holds, looked at from inside, in a container that reaches nothing. Where its
    connection is lost it ends by itself, as the agent's steps have their limits."""
    health: str | None = fact(
        'docker exec "$(worker)" /usr/local/lib/dsk/entrypoint/health.sh', parse.health, NoneType,
        example="", meaning="")
    """What the worker's own health check said; "" is healthy."""
    containers: tuple[Container, ...] = fact(
        r"""docker ps --all --no-trunc --filter "label=dsk.cluster=$cluster" --format \
'{{.Names}}|{{.Label "dsk.role"}}|{{.Label "dsk.host"}}|{{.State}}|{{.Label "dsk.job"}}'""",
        parse.containers, tuple, example="dsk-lab-node0|worker|10.0.0.11|running|",
        meaning=(Container("dsk-lab-node0", "worker", "10.0.0.11", "running"),))
    engine_disk: Disk | None = fact(
        "df -PB1 \"$(docker info --format '{{.DockerRootDir}}')\" 2>/dev/null", parse.disk,
        NoneType,
        example=_DF.format("/var/lib/docker"),
        meaning=Disk("/var/lib/docker", 100, 60))
    """None also where the engine's data is not on this server, as with Docker Desktop."""
    gpu_devices: int = fact(
        'sh -c "$devices" 2>/dev/null | wc -l', parse.number, int, example="8", meaning=8)
    """As many as the accelerator's driver has."""
    driver: str = fact(
        'sh -c "$driver"', parse.driver, str,
        example="NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 01:15:15",
        meaning="535.104.05")
    gpus: tuple[Gpu, ...] = fact(
        'sh -c "$look"', parse.gpus, tuple, example=_NVIDIA_SMI,
        meaning=(Gpu(0, "00000000:81:00.0", "NVIDIA RTX A5000", 24564 * _MIB, _MIB),))
    xids: tuple[Xid, ...] = fact(
        "{ dmesg 2>/dev/null || journalctl -k -b --no-pager 2>/dev/null; } |\n"
        "grep -F 'NVRM: Xid' | tail -n 50",
        parse.xids, tuple,
        example="[1.5] NVRM: Xid (PCI:0000:44:00): 79, GPU has fallen off the bus.",
        meaning=(Xid("0000:44:00", 79, "GPU has fallen off the bus."),))
    listeners: tuple[Listener, ...] = fact(
        "ss -Hltnp 2>/dev/null || awk '$4 == \"0A\" { print $2 }' /proc/net/tcp", parse.listeners,
        tuple,
        example='LISTEN 0 128 10.0.0.11:2222 0.0.0.0:* users:(("sshd",pid=812,fd=3))\n'
        "LISTEN 0 4096 *:29500 *:*",
        meaning=(Listener("10.0.0.11", 2222, "sshd", 812), Listener("*", 29500)))
    owners: Mapping[int, str] = fact(r"""
for id in $(ss -Hltnp 2>/dev/null | grep -oE 'pid=[0-9]+' | cut -d= -f2 | sort -u
  nvidia-smi --query-compute-apps=pid --format=csv,noheader 2>/dev/null | sort -u); do
  container=$(grep -oEm1 '[0-9a-f]{64}' "/proc/$id/cgroup" 2>/dev/null) && echo "$id $container"
done
docker ps --no-trunc --format '{{.ID}} {{.Names}}' 2>/dev/null""",
        parse.owners, dict, example=f"812 {'e' * 64}\n900 {'f' * 64}\n{'e' * 64} dsk-lab-node0",
        meaning={812: "dsk-lab-node0"})
    """The container of each process that listens on a port or computes on a GPU."""
    workspace: bool = fact(
        '[ -d "$workspace" ]', parse.succeeded_or_hung, lambda: True, example="", meaning=True)
    """Whether the folder is there."""
    place: str = fact(
        'LC_ALL=C stat -Lc %d:%i "$workspace"', parse.folder, str, example="2049:1234",
        meaning="2049:1234")
    """The workspace's folder by device and inode, or GONE: a worker may have another one."""
    worker_place: str = fact(
        'docker exec "$(worker)" stat -Lc %d:%i "$inside" 2>/dev/null', parse.told, str,
        example="2049:1234", meaning="2049:1234")
    """The workspace's folder as the worker has it."""
    unwritable: tuple[str, ...] = fact(r"""
[ "$user" ] && cd "$workspace" 2>/dev/null || exit 0
as=
if [ "$(id -u)" = 0 ]; then
  command -v setpriv >/dev/null || exit 0
  as="setpriv --reuid ${user%:*} --regid ${user#*:} --clear-groups"
fi
for place in . .dsk .cache; do [ ! -e $place ] || $as test -w $place || echo $place; done""",
        parse.words, tuple, example=".\n.dsk", meaning=(".", ".dsk"))
    """What in the workspace the workers' user may not write. What cannot be tried here, the worker
    reports."""
    login: str = fact(
        'echo "$(id -u):$(id -g)"', parse.told, str, example="1000:1000", meaning="1000:1000")
    workspace_disk: Disk | None = fact(
        'place=$workspace; while [ "$place" ] && [ ! -d "$place" ]; do place=${place%/*}; done\n'
        'df -PB1 "${place:-/}"',
        parse.disk, NoneType,
        example=_DF.format("/my data"),
        meaning=Disk("/my data", 100, 60))
    disks: Mapping[str, int] = fact(
        "df -PkT 2>/dev/null | awk -v DISKS='^(ext|xfs|btrfs|zfs|nfs|ceph|lustre|fuse)' '\n"
        'NR > 1 && ($7 == "/" || $2 ~ DISKS) {\n'
        '  line = $5; for (i = 7; i <= NF; i++) line = line " " $i; print line }\'',
        parse.disks, dict, example="1024 /\n2048 /my data",
        meaning={"/": 1 << 20, "/my data": 2 << 20})
    """Free bytes of each file system that could hold a workspace, by mount point."""
    memory: int = fact(
        "grep '^MemTotal:' /proc/meminfo", parse.kibibytes, int, example="MemTotal:       65808 kB",
        meaning=65808 << 10)
    memory_free: int = fact(
        "grep '^MemAvailable:' /proc/meminfo", parse.kibibytes, int,
        example="MemAvailable:   60000 kB", meaning=60000 << 10)
    cpus: int = fact("nproc", parse.number, int, example="32", meaning=32)
    interface: str = fact(
        "ip -4 -o addr show to \"$host\" 2>/dev/null | awk '{ print $2; exit }'", parse.told, str,
        example="eth0", meaning="eth0")
    """The one with the node's address; "" where none has it."""
    infiniband: bool = fact(
        "[ -e /dev/infiniband ]", parse.succeeded, bool, example="", meaning=True)
    files: tuple[str, ...] | None = fact(r"""
[ "$sums" ] && cd "$HOME/.dsk/$cluster/$node" 2>/dev/null || exit 1
printf '%s\n' "$sums" | sha256sum --check --strict --quiet 2>/dev/null
find . -type f ! -path ./train.yaml | while IFS= read -r file; do
  case $sums in *"  $file
"* | *"  $file") ;; *) echo "$file: FAILED not one of them" ;; esac
done""",
        parse.files, NoneType, example="./ssh/config: FAILED\n./hostfile: FAILED open or read",
        meaning=("ssh/config", "hostfile"))
    """Those of the bundle that differ from what dsk renders."""
    open_files: Mapping[str, str] = fact('cd "$HOME/.dsk/$cluster/$node" 2>/dev/null &&\n'
        "find . -perm /077 ! -name compose.yaml -printf '%m %p\\n'",
        parse.modes, dict, example="644 ./ssh/authorized_keys\n750 .",
        meaning={"ssh/authorized_keys": "0644", ".": "0750"})
    """Files of the bundle that others may read, with their modes."""
    # fmt: on

    @property
    def moved(self) -> bool:
        """Whether the worker has another folder as its workspace than the one that is there now."""
        return bool(self.place and self.worker_place) and self.place != self.worker_place


FACTS: Mapping[str, Fact[Any]] = {
    each.name: each.metadata[FACT] for each in fields(ServerFacts) if FACT in each.metadata
}


def asking(names: Iterable[str], variables: Mapping[str, str]) -> str:
    """The script that asks for these facts, in the order of their declaration."""
    chosen = set(names)
    facts = {name: each for name, each in FACTS.items() if name in chosen}
    return script(facts, variables, FUNCTIONS)


def read(output: str, accelerator: Accelerator) -> ServerFacts:
    """Read what the script printed on a server whose cluster uses `accelerator`."""
    found: dict[str, Any] = {}
    problems: dict[str, str] = {}
    told: dict[str, Answer] = dict(answers(output, accelerator))
    for name, answer in told.items():
        if answer.code == HUNG:
            problems[name] = answer.text
        try:
            found[name] = FACTS[name].parse(answer)
        except (ValueError, LookupError) as error:
            problems[name] = str(error)
    # An engine that answers and then hangs does not answer.
    for name in ("image", "worker"):
        hung = name in told and told[name].code == HUNG
        if hung and "engine" in found and not found["engine"].problem:
            found["engine"] = parse.engine(told[name])
    return ServerFacts(**found, problems=problems)
