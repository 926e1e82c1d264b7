"""What there still is of a job that should have ended."""

from __future__ import annotations

import re

from hosts import Lab
from hosts.node import Node
from tests.lab.faults.processes import JobProcesses

IN_WORKER = """
exec 9>>/run/dsk/lock
flock --nonblock 9 || echo "the lock"
[[ ! -L /run/dsk/jobs/$1 ]] || echo "the job's link"
[[ ! -e /dev/shm/dsk-progress/$1 ]] || echo "the ranks' progress"
printf -v port ':%04X' "$2"
for _ in {1..50}; do
    pgrep -f "/dsk/warm/[k]eeper.py" >/dev/null || break
    sleep 0.1
done
! pgrep -af "/dsk/warm/[k]eeper.py" || echo "the keeper of a rank"
! awk '$4 == "0A" { print $2 }' /proc/net/tcp | grep -q "$port\\$" || echo "a listener on port $2"
"""


def of(lab: Lab, job: str, cluster: str, events: str) -> list[str]:
    """A line each, that names the node; `events` is the text of events.jsonl."""
    found = [str(each) for each in JobProcesses(lab, job).all()]
    rendezvous = re.search(r"rendezvous at [\d.]+:(\d+)", events)
    port = rendezvous[1] if rendezvous else "0"
    for index, node in enumerate(lab.nodes):
        master = node.docker("ps", "--quiet", "--filter", f"label=dsk.job={job}")
        if master.strip():
            found.append(f"node{index}: the master container")
        if worker := worker_of(node, cluster):
            left = node.docker("exec", worker, "bash", "-c", IN_WORKER, "-", job, port)
            found += [f"node{index}: {line}" for line in left.splitlines()]
    return found


def worker_of(node: Node, cluster: str) -> str:
    """The id of the node's running worker, "" where none runs."""
    labels = [f"label=dsk.cluster={cluster}", "label=dsk.role=worker"]
    words = [word for label in labels for word in ("--filter", label)]
    return node.docker("ps", "--quiet", *words).strip()
