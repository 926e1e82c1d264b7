"""`scripts/lab`: the lab for a person."""

from __future__ import annotations

import argparse
import os
import sys
import time

from hosts.command import LabError
from hosts.lab import MAX_NODES, Lab
from hosts.record import machine_lock


def main() -> int:
    arguments = _parser().parse_args()
    if os.geteuid() != 0:
        print("lab: error: run it as root", file=sys.stderr)
        return 2
    try:
        if arguments.command == "shell":
            _shell(arguments.node, arguments.program)
        with machine_lock(wait=0):
            return int({"up": _up, "down": _down, "status": _status}[arguments.command](arguments))
    except LabError as error:
        print(f"lab: error: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lab", description="Hosts of their own on this machine: engine, sshd, address, disk."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start the nodes, or leave them as they are if they run")
    up.add_argument("--nodes", type=int, default=2, choices=range(1, MAX_NODES + 1))
    up.add_argument(
        "--image", action="append", default=[], help="of this machine's engine, for every node"
    )
    up.add_argument("--fresh", action="store_true", help="start new nodes in any case")
    commands.add_parser("down", help="end the nodes; their images stay on disk")
    commands.add_parser("status", help="what runs, and how to reach it")
    shell = commands.add_parser("shell", help="a shell, or one program, on a node")
    shell.add_argument("node", type=int, help="from 1")
    shell.add_argument("program", nargs=argparse.REMAINDER)
    return parser


def _up(arguments: argparse.Namespace) -> int:
    begin = time.monotonic()
    Lab.up(arguments.nodes, arguments.image, fresh=arguments.fresh)
    print(f"lab: ready after {time.monotonic() - begin:.1f} s")
    return _status(arguments)


def _down(_: argparse.Namespace) -> int:
    lab = Lab.running()
    if lab is None:
        print("lab: nothing runs")
        return 0
    lab.down()
    print("lab: ended; images stay in", lab.folder)
    return 0


def _status(_: argparse.Namespace) -> int:
    lab = Lab.running()
    if lab is None:
        print("lab: nothing runs")
        return 1
    problems = lab.problems()
    for node in lab.nodes:
        print(f"{node.hostname}  {node.host}  its /workspace: {node.workspace}")
    print(f"ssh -i {lab.ssh_key} -o UserKnownHostsFile={lab.known_hosts} root@ADDRESS")
    for problem in problems:
        print("problem:", problem)
    return 1 if problems else 0


def _shell(number: int, program: list[str]) -> None:
    lab = Lab.running()
    found = [node for node in lab.nodes if node.number == number] if lab else []
    if not found:
        raise LabError(f"node {number} does not run; see `scripts/lab status`")
    terminal = os.environ.get("TERM", "dumb")
    argv = found[0].argv(["env", f"TERM={terminal}", *(program or ["bash", "--login"])])
    os.execvp(argv[0], argv)


if __name__ == "__main__":
    sys.exit(main())
