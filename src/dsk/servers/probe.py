"""What a server is and has, asked in one round trip."""

from __future__ import annotations

import base64
import hashlib
import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dsk.accelerators import Accelerator
from dsk.bundle import Bundle
from dsk.cluster.model import Cluster, Node
from dsk.connect import Completed, Server
from dsk.servers import driver

LIMIT_S = 60.0

FACT_LIMIT_S = 15
"""For each: a driver, an engine or a network disk that hangs keeps one fact from being told."""
MARK = "dsk-fact "
HUNG = 137
"""As a shell calls what SIGKILL ended."""

# One marked line a fact: name, exit code, output in base64. Nothing in it can then look like
# another fact, and nothing that the login's shell prints can. Each is asked in a shell of its own,
# which `timeout` ends; what no signal ends keeps the pipe open, hence the limit at its other end.
# A program that hung once is not asked again.
FACT = r"""
hung= nl='
'
fact() {
  name=$1; shift
  code=137
  case " $hung " in *" $1 "*) ;; *)
    out=$({
      timeout -s KILL "$limit" sh -c "$functions$nl"'"$@"' sh "$@" 2>&1
      printf '\n%s' "$?"
    } 2>/dev/null | timeout $((limit + 1)) cat)
    code=${out##*"$nl"}; out=$(printf '%s' "${out%"$nl"*}") ;;
  esac
  [ "$code" != 137 ] || { hung="$hung $1"; out="did not end within $limit s"; }
  printf 'dsk-fact %s %s %s\n' "$name" "${code:-127}" "$(printf '%s' "$out" | base64 | tr -d '\n')"
}
# The login's shell may have printed something that ends in no newline.
echo
"""


def asking(arguments: str, functions: str, facts: str) -> str:
    """The script that tells `facts`, one `fact NAME COMMAND` each, its output then in $out and its
    exit code in $code; a command may be one of `functions`, and has the `arguments` as
    variables."""
    begin = f"limit={FACT_LIMIT_S}\n{arguments}functions={shlex.quote(functions)}\n"
    return begin + FACT + facts


# Standard input lists the bundle's files for sha256sum.
SCRIPT = asking(
    r"""
export image="$1" cluster="$2" node="$3" host="$4" workspace="$5" user="$6"
export devices="$7" driver="$8" inside="$9"
""",
    r"""
files() {
  cd "$HOME/.dsk/$cluster/$node" && sha256sum --check --strict --status &&
    find . -type f ! -path ./train.yaml | wc -l && find . -perm /077 ! -name compose.yaml | wc -l
}
# What of the workspace the workers' user may not write. What cannot be tried here, the worker says.
unwritable() {
  [ "$user" ] && cd "$workspace" 2>/dev/null || return 0
  as=
  if [ "$(id -u)" = 0 ]; then
    command -v setpriv >/dev/null || return 0
    as="setpriv --reuid ${user%:*} --regid ${user#*:} --clear-groups"
  fi
  for place in . .dsk .cache; do [ ! -e $place ] || $as test -w $place || echo $place; done
}
# Whether the worker has another folder as its workspace than the one that is there now, if any.
moved() {
  here=$(LC_ALL=C stat -Lc %d:%i "$workspace" 2>&1)
  case $here in *'No such file'*) return 0 ;; *[!0-9:]*) return 1 ;; esac
  there=$(docker exec "$worker" stat -Lc %d:%i "$inside" 2>/dev/null)
  [ "$there" ] && [ "$here" != "$there" ]
}
# By its address: with a node taken out of dsk.yaml, those behind it have other numbers.
found() {
  docker ps --all --quiet --filter label=dsk.role=worker --filter "label=dsk.cluster=$cluster" \
    --filter "label=dsk.host=$host" 2>/dev/null | head -n 1
}
login() { echo "$(id -u):$(id -g)"; }
devices() { sh -c "$devices" 2>/dev/null | wc -l; }
listening() { awk '$4 == "0A" { print $2 }' /proc/net/tcp; }
""",
    r"""
fact files files
fact found found
[ "$code" = 0 ] || out=
export worker="$out"
fact docker docker version --format '{{.Server.Version}}'
fact compose docker compose version --short
fact runtimes docker info --format '{{json .Runtimes}}'
fact image docker image inspect --format '{{json .}}' "$image"
fact worker docker container inspect --format '{{json .}}' "$worker"
fact holder docker exec "$worker" dsk-agent holder
fact hook command -v nvidia-container-runtime-hook
fact devices devices
fact driver sh -c "$driver"
fact listening listening
fact infiniband test -e /dev/infiniband
fact workspace test -d "$workspace"
fact moved moved
fact unwritable unwritable
fact login login
""",
)


@dataclass(frozen=True)
class Image:
    """`id` is the engine's own; `content` is the same on every engine, whatever its image store.

    `size` in bytes, unpacked; `platform` as `linux/amd64`; `layers`: their diff ids, lowest first.
    """

    id: str
    content: str
    size: int
    platform: str = ""
    layers: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def inspected(cls, text: str) -> Image:
        raw: dict[str, Any] = json.loads(text)
        told = json.dumps([raw["RootFS"]["Layers"], raw["Config"].get("Env"), raw["Created"][:19]])
        return cls(
            raw["Id"],
            hashlib.sha256(told.encode()).hexdigest(),
            raw["Size"],
            f"{raw.get('Os', '')}/{raw.get('Architecture', '')}",
            tuple(raw["RootFS"]["Layers"]),
            raw["Config"].get("Labels") or {},
        )


@dataclass(frozen=True)
class Worker:
    """The node's worker container; `config` is its dsk.config label, `image` its image's id,
    `owner` whose dsk.yaml made it ("": an older dsk)."""

    running: bool
    restarting: bool
    config: str
    image: str
    owner: str = ""


@dataclass(frozen=True)
class Probe:
    """`docker` and `compose` are how `docker version` and `docker compose version` ended;
    `same_files`: the bundle lies there as it should; `holder`: the job that has the worker;
    `listening`: local addresses and ports of the server's IPv4 listeners; `devices`: how many
    accelerators the driver has; `runtime`: the engine has the one that hands them in; `moved`: the
    worker's workspace is not the folder that is there now; `driver`: its version, empty where none
    is known; `login`: dsk's own uid:gid there; `unwritable`: what the workers' user may not
    write, as paths in the workspace."""

    docker: Completed
    compose: Completed
    runtime: bool
    devices: int
    infiniband: bool
    workspace: bool
    image: Image | None
    worker: Worker | None
    holder: str | None
    same_files: bool
    listening: frozenset[tuple[str, int]]
    moved: bool = False
    driver: str = ""
    login: str = "0:0"
    unwritable: tuple[str, ...] = ()


def probe(server: Server, cluster: Cluster, node: Node, bundle: Bundle) -> Probe:
    """Raises Unreachable."""
    argv = ["sh", "-c", SCRIPT, "dsk", cluster.image, cluster.name, node.name, node.host]
    argv += [str(cluster.workspace_source(node)), str(cluster.user or "")]
    devices = cluster.devices
    argv += [devices.server_devices, devices.server_driver, str(cluster.workspace)]
    done = server.run(argv, input=checksums(bundle), timeout=LIMIT_S)
    return parse(done.stdout.decode(errors="replace"), len(bundle), devices)


def checksums(bundle: Bundle) -> bytes:
    """What `sha256sum --check` reads in the bundle's folder."""
    return "".join(
        f"{hashlib.sha256(file.text.encode()).hexdigest()}  ./{path}\n"
        for path, file in bundle.items()
    ).encode()


def parse(output: str, files: int, devices: Accelerator) -> Probe:
    """Reads SCRIPT's output; `files` is the number of files in the bundle."""
    facts = read_facts(output)
    worker = facts["worker"]
    holder = facts["holder"]
    return Probe(
        docker=facts["docker"],
        compose=facts["compose"],
        runtime=f'"{devices.runtime}"' in facts["runtimes"].text or facts["hook"].returncode == 0,
        devices=count(facts["devices"]),
        infiniband=facts["infiniband"].returncode == 0,
        workspace=facts["workspace"].returncode in (0, HUNG),
        image=_ok(facts["image"], Image.inspected),
        worker=_ok(worker, _worker),
        holder=(holder.text or None) if holder.returncode == 0 else None,
        same_files=facts["files"].text.split() == [str(files), "0"],
        listening=frozenset(map(_address, _words(facts["listening"]))),
        moved=facts["moved"].returncode == 0,
        driver=driver.version(devices, facts["driver"].text),
        login=facts["login"].text,
        unwritable=tuple(_words(facts["unwritable"])),
    )


def read_facts(output: str) -> dict[str, Completed]:
    """What FACT's function printed, by name; output and errors are one. All else in `output` is of
    the login's own."""
    facts = {}
    for line in output.splitlines():
        if not line.startswith(MARK):
            continue
        name, code, *encoded = line.removeprefix(MARK).split(" ")
        text = base64.b64decode(encoded[0] if encoded else "")
        facts[name] = Completed(int(code), text.strip(), text)
    return facts


def _words(fact: Completed) -> list[str]:
    return fact.text.split() if fact.returncode == 0 else []


def count(fact: Completed) -> int:
    """The number that it told; 0 where it did not."""
    return int(fact.text) if fact.returncode == 0 and fact.text.isdecimal() else 0


def _ok(fact: Completed, read: Any) -> Any:
    return read(fact.text) if fact.returncode == 0 else None


def _worker(text: str) -> Worker:
    raw: Mapping[str, Any] = json.loads(text)
    state, labels = raw["State"], raw["Config"]["Labels"] or {}
    return Worker(
        state["Running"],
        state["Restarting"],
        labels.get("dsk.config", ""),
        raw["Image"],
        labels.get("dsk.owner", ""),
    )


def _address(text: str) -> tuple[str, int]:
    """`0B00580A:08AE` of /proc/net/tcp: the address is in the machine's order, little-endian."""
    address, port = text.split(":")
    return ".".join(str(byte) for byte in reversed(bytes.fromhex(address))), int(port, 16)
