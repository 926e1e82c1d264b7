"""The lab's cabling: a switch, the operator's cable and one cable per node.

The switch is a bridge in a network namespace of its own: on the machine's side its frames would
pass the machine's firewall, and Docker's drops what it does not know (br_netfilter). A cable is a
veth pair. Both ends of it vanish with either namespace, so that ending the processes that hold the
namespaces leaves no interface behind.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

from hosts import cable
from hosts.command import LabError, run
from hosts.record import Process
from hosts.which import NUMBER

OPERATOR_LINK = f"dsk-lab{NUMBER}"
SUBNET = f"10.88.{NUMBER}"
OPERATOR_ADDRESS = f"{SUBNET}.1"
PREFIX_LENGTH = 24
SWITCH = "switch"
INTERFACE = "eth0"
"""The node's end of its cable."""


def node_address(number: int) -> str:
    return f"{SUBNET}.{10 + number}"


def in_network_of(process: Process, *argv: str) -> list[str]:
    return ["nsenter", f"--net=/proc/{process.pid}/ns/net", *argv]


def start_switch_process() -> subprocess.Popen[str]:
    """A process that holds the switch's namespace: says its pid, waits for a line, stays."""
    say_and_wait = 'read -r pid _ </proc/self/stat; echo "$pid"; read -r _ || exit 1'
    keep = f"{say_and_wait}; echo ready; exec sleep infinity"
    return subprocess.Popen(
        ["setsid", "--fork", "unshare", "--net", "bash", "-c", keep],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def build_switch(switch: Process) -> None:
    """The bridge, and the operator's cable into it.

    Raises:
        LabError: the interface's name is taken by something that is not this lab's.
    """
    if Path(f"/sys/class/net/{OPERATOR_LINK}").exists():
        raise LabError(
            f"an interface {OPERATOR_LINK} exists and no lab is written down that made it; "
            f"remove it: ip link delete {OPERATOR_LINK}"
        )
    run(in_network_of(switch, "ip", "link", "add", SWITCH, "type", "bridge"))
    run(in_network_of(switch, "ip", "link", "set", SWITCH, "up"))
    cable = ["ip", "link", "add", OPERATOR_LINK, "type", "veth", "peer", "name", "operator"]
    run([*cable, "netns", str(switch.pid)])
    _plug(switch, "operator")
    run(["ip", "address", "add", f"{OPERATOR_ADDRESS}/{PREFIX_LENGTH}", "dev", OPERATOR_LINK])
    run(["ip", "link", "set", OPERATOR_LINK, "up"])


def connect(switch: Process, number: int, node: Process) -> None:
    """Lay the node's cable and give it its address. No default route: a lab has no way out."""
    port = _port(number)
    cable = ["ip", "link", "add", port, "type", "veth", "peer", "name", INTERFACE]
    run(in_network_of(switch, *cable, "netns", str(node.pid)))
    _plug(switch, port)
    address = f"{node_address(number)}/{PREFIX_LENGTH}"
    run(in_network_of(node, "ip", "address", "add", address, "dev", INTERFACE))
    run(in_network_of(node, "ip", "link", "set", INTERFACE, "up"))


def set_cable(switch: Process, number: int, *, plugged: bool) -> None:
    """Pull the cable at the switch: the node keeps its address and loses its carrier."""
    state = "up" if plugged else "down"
    run(in_network_of(switch, "ip", "link", "set", _port(number), state))


def shape(node: Process, discipline: tuple[str, ...]) -> None:
    """A `tc` queueing discipline on what the node sends; none: as fast as the machine goes.

    Raises:
        LabError: tc or this machine's kernel does not know it (netem is a kernel option).
    """
    queue = ["tc", "qdisc"]
    if discipline:
        run(in_network_of(node, *queue, "replace", "dev", INTERFACE, "root", *discipline))
    elif "noqueue" not in run(in_network_of(node, *queue, "show", "dev", INTERFACE)):
        run(in_network_of(node, *queue, "delete", "dev", INTERFACE, "root"))


def set_latency(switch: Process, number: int, seconds: float) -> None:
    """Put a cable of user space between the switch and the node's port; each way takes `seconds`.

    It ends with its interfaces, or with the switch.
    """
    remove_latency(switch, number)
    near, far, beyond = _long_cable(number)
    program = [sys.executable, "-I", cable.__file__, str(switch.pid), near, far, f"{seconds:g}"]
    with subprocess.Popen(
        in_network_of(switch, "setsid", "--fork", *program), stdout=subprocess.PIPE, text=True
    ) as starting:
        assert starting.stdout is not None
        if starting.stdout.readline() != "ready\n":
            raise LabError(f"the long cable of node {number} did not start")
    run(in_network_of(switch, "ip", "link", "add", beyond, "type", "bridge"))
    run(in_network_of(switch, "ip", "link", "set", "dev", beyond, "up"))
    _plug(switch, near)
    _plug(switch, far, bridge=beyond)
    _plug(switch, _port(number), bridge=beyond)


def remove_latency(switch: Process, number: int) -> None:
    """Plug the node into the switch itself again."""
    for name in _long_cable(number):
        delete = in_network_of(switch, "ip", "link", "delete", name)
        subprocess.run(delete, capture_output=True, check=False)
    _plug(switch, _port(number))


def drop(switch: Process, number: int, *matches: str) -> None:
    """Lose frames of the node at the switch, where neither end can notice it.

    Args:
        matches: iptables' options that say which ones.

    Raises:
        LabError: bridged frames do not pass iptables here (module br_netfilter), or the kernel
            lacks that match.
    """
    passes = in_network_of(switch, "cat", "/proc/sys/net/bridge/bridge-nf-call-iptables")
    if run(passes).strip() != "1":
        raise LabError("bridged frames do not pass iptables: net.bridge.bridge-nf-call-iptables")
    # Of the first bridge alone: those of a long cable pass another one as well.
    rule = ["-A", "FORWARD", "-i", SWITCH, *_mark(number), *matches, "-j", "DROP"]
    run(in_network_of(switch, "iptables", "-w", *rule))


def stop_dropping(switch: Process, number: int) -> None:
    rules = run(in_network_of(switch, "iptables", "-w", "-S", "FORWARD")).splitlines()
    for rule in rules:
        words = shlex.split(rule)
        if _mark(number)[-1] in words:
            run(in_network_of(switch, "iptables", "-w", "-D", *words[1:]))


def remove_operator_link() -> None:
    """The kernel removes a dead namespace's cables in its own time; this does not wait for it."""
    subprocess.run(["ip", "link", "delete", OPERATOR_LINK], capture_output=True, check=False)


def _port(number: int) -> str:
    return f"node{number}"


def _long_cable(number: int) -> tuple[str, str, str]:
    """Its two ends, and the bridge at its far end."""
    return f"near{number}", f"far{number}", f"beyond{number}"


def _mark(number: int) -> list[str]:
    return ["-m", "comment", "--comment", f"lab-{_port(number)}"]


def _plug(switch: Process, port: str, *, bridge: str = SWITCH) -> None:
    run(in_network_of(switch, "ip", "link", "set", "dev", port, "master", bridge, "up"))
