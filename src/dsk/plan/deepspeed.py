"""DeepSpeed's own runner: its hostfile, its command line, and what its output says.

Read in DeepSpeed 0.19.8: launcher/runner.py, multinode_runner.py (PDSHRunner), launch.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dsk.wire import paths
from dsk.wire.jobspec import JobNode, JobSpec, ranks_by_node

RUNNER = "/opt/venv/bin/deepspeed"
HOSTFILE = "hostfile"
RECIPE = "recipe.yaml"


def hostfile(nodes: tuple[JobNode, ...]) -> str:
    return "".join(f"{node.host} slots={node.available}\n" for node in nodes)


def include(nodes: tuple[JobNode, ...]) -> str | None:
    """DeepSpeed's --include where a node gives only some of its slots, else None."""
    if all(len(node.slots) == node.available for node in nodes):
        return None
    return "@".join(f"{node.host}:{','.join(map(str, node.slots))}" for node in nodes)


def command(spec: JobSpec, *, master_port: int | str, attempt: int) -> list[str]:
    """The runner's argument vector in the master container.

    Every path goes through the job's link: the runner and pdsh split on blanks and pdsh expands
    `%`. `--force_multi`, since without it a single node's ranks would start in the master container
    itself. `--master_addr`, since the runner would otherwise take the first of `hostname -I`.
    """
    link = paths.job_link(spec.job)
    chosen = include(spec.nodes)
    return [
        RUNNER,
        f"--hostfile={link / HOSTFILE}",
        *([f"--include={chosen}"] if chosen else []),
        f"--master_addr={spec.nodes[0].host}",
        f"--master_port={master_port}",
        f"--ssh_port={spec.worker_port}",
        "--no_ssh_check",
        "--force_multi",
        "--launcher=pdsh",
        f"--enable_each_rank_log={paths.rank_logs(link, attempt)}",
        "--module",
        *spec.program,
        str(link / RECIPE),
    ]


def runner_env(accelerator: str, path: str, home: str, *, ssh_config: Path) -> dict[str, str]:
    """The runner's whole environment. It exports what starts with NCCL, PYTHON, MLFLOW, … on the
    ranks' command lines, for everybody to see: the job's own variables travel by SSH instead, as
    `ssh_config` says. pdsh splits these arguments on blanks; the runner adds the port to them."""
    return {
        "PATH": path,
        "HOME": home,
        "LANG": "C.UTF-8",
        "DS_ACCELERATOR": accelerator,
        "PDSH_SSH_ARGS_APPEND": f"-F {ssh_config}",
    }


def rank_env(spec: JobSpec) -> Mapping[str, str]:
    """What every rank's SSH session is given; DSK_JOB is the label by which a job is ended."""
    return {**spec.env, "DSK_JOB": spec.job}


def global_ranks(nodes: tuple[JobNode, ...], host: str) -> range:
    """Those of one node, which takes part."""
    for node in nodes:
        if node.host == host:
            return ranks_by_node(nodes)[node.index]
    raise ValueError(f"{host} does not take part")


@dataclass(frozen=True)
class RankSucceeded:
    """launch.py saw one rank of `host` end with 0."""

    host: str


@dataclass(frozen=True)
class RankFailed:
    """launch.py on `host` gives up: a rank ended with `code` (negative: by that signal). Which one
    it does not say: its line names the command of the rank that it started last."""

    host: str
    code: int


@dataclass(frozen=True)
class SessionEnded:
    """pdsh's ssh to `host` ended with `code`; 255 is ssh's own failure (ssh(1))."""

    host: str
    code: int


Fact = RankSucceeded | RankFailed | SessionEnded

_PREFIX = re.compile(r"(?P<host>[\w.-]+): (?P<text>.*)", re.DOTALL)
_PDSH = re.compile(r"pdsh@[^:]*: (?P<host>[^:]+): ssh exited with exit code (?P<code>\d+)")
_FAILED = re.compile(r"exits with return code = (?P<code>-?\d+)\s*$")


def read_line(line: str, hosts: frozenset[str]) -> tuple[str | None, str, Fact | None]:
    """A line of the runner as (host that printed it, its text, what it tells); host None is the
    master container."""
    if match := _PDSH.match(line):
        return match["host"], line, SessionEnded(match["host"], int(match["code"]))
    match = _PREFIX.match(line)
    if not match or match["host"] not in hosts:
        return None, line, None
    host, text = match["host"], match["text"]
    if failed := _FAILED.search(text):
        return host, text, RankFailed(host, int(failed["code"]))
    if "exits successfully." in text:
        return host, text, RankSucceeded(host)
    return host, text, None


def job_folder_files(spec: JobSpec, recipe: str) -> dict[str, str]:
    """What stands in the job's folder on every node before a rank starts, by file name."""
    return {RECIPE: recipe, HOSTFILE: hostfile(spec.nodes)}
