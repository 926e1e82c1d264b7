"""The network part of `dsk check` on 2 to 64 nodes, against one ssh after another (as root).

The nodes are sshds on loopback addresses in namespaces of this script's own, with the agent behind
them as in a worker: no engine. Prints for each number of nodes the seconds, what was measured, the
leading process' peak memory and files, and what nodes that drop packets cost on top.
Usage: check_scale.py [NODES…]
"""

from __future__ import annotations

import itertools
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

from dsk.wire.jobspec import JobNode  # noqa: E402
from dsk.wire.measure import Order  # noqa: E402
from dsk.wire.sshconfig import ssh_config  # noqa: E402

FOLDER = Path("/run/dsk-bench")
VENV = Path("/opt/venv")
PORT = 2222
COUNTS = (2, 8, 32, 64)
SAMPLE = 60
"""Pairs that the naive way does where there are more; the whole is computed from them."""
PROGRAM = [str(VENV / "bin/python"), "-I", "-m", "dsk.supervisor.measure"]
SSHD = f"""\
HostKey {FOLDER}/host
AuthorizedKeysFile {FOLDER}/authorized_keys
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
PidFile none
MaxStartups 256
"""


def main() -> None:
    counts = [int(word) for word in sys.argv[1:]] or list(COUNTS)
    if os.environ.get("DSK_BENCH_INSIDE") != "1":
        inside = {**os.environ, "DSK_BENCH_INSIDE": "1"}
        apart = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        argv = [*apart, sys.executable, *sys.argv]
        sys.exit(subprocess.run(argv, check=False, env=inside).returncode)
    prepare(max(counts))
    for count in counts:
        measure(count)


def prepare(count: int) -> None:
    for folder in (Path("/opt"), Path("/run")):
        run("mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", str(folder))
    for folder in (VENV, Path("/run/sshd"), FOLDER / ".ssh"):
        folder.mkdir(parents=True, mode=0o755)
    run("mount", "--bind", str(ROOT / ".venv"), str(VENV))
    if (shell := Path.home() / ".bashrc").exists():  # a worker's is empty
        run("mount", "--bind", "/dev/null", str(shell))
    run("ip", "link", "set", "lo", "up")
    for name in ("host", ".ssh/id_ed25519"):
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(FOLDER / name))
    public = (FOLDER / "host.pub").read_text().rsplit(maxsplit=1)[0]
    hosts = [host(number) for number in range(count)]
    (FOLDER / "authorized_keys").write_bytes((FOLDER / ".ssh/id_ed25519.pub").read_bytes())
    known = "".join(f"[{each}]:{PORT} {public}\n" for each in hosts)
    (FOLDER / ".ssh/known_hosts").write_text(known)
    (FOLDER / ".ssh/config").write_text(ssh_config(str(FOLDER / ".ssh"), PORT, "root"))
    (FOLDER / "sshd_config").write_text(SSHD)
    for each in hosts:
        run("ip", "address", "add", f"{each}/32", "dev", "lo")
        run(
            "/usr/sbin/sshd",
            "-f",
            str(FOLDER / "sshd_config"),
            "-o",
            f"ListenAddress={each}:{PORT}",
        )


def host(number: int) -> str:
    return f"127.0.1.{number + 1}"


def run(*argv: str) -> None:
    subprocess.run(argv, check=True)


def measure(count: int) -> None:
    pairs = count * (count - 1)
    seconds, told = check(count, show=True)
    kinds = Counter(each["measured"] for each in told)
    bad = [each for each in told if each["measured"] == "reach" and each["outcome"] != "ok"]
    bad += [each for each in told if each["measured"] == "packet" and each["passed"] < each["mtu"]]
    bad += [each for each in told if each["measured"] in ("silent", "failed")]
    assert not bad, bad[:5]
    assert kinds["reach"] == kinds["packet"] == pairs, kinds
    naive_s, done = naive(count)
    print(
        f"{count:3} nodes  naive: connections alone, one ssh after another {naive_s:8.1f} s"
        + (f" (from {done} of {pairs} pairs)" if done < pairs else "")
        + f"; ratio {seconds / naive_s:.3f}",
        flush=True,
    )
    if count < 3:
        return
    for what, rule in (
        ("one drops all", []),
        ("one drops NCCL's ports", ["-p", "tcp", "--syn", "--dport", "32768:60999"]),
    ):
        with dropping(host(1), rule):
            slower, told = check(count)
        lost = {each["node"] for each in told if each["measured"] == "silent"}
        lost |= {
            each["peer"] for each in told if each.get("outcome") == "timeout" and "peer" in each
        }
        lost |= {
            each["node"] for each in told if each["measured"] == "knock" and each["outcome"] != "ok"
        }
        assert lost == {1}, lost
        cost = slower - seconds
        print(f"{count:3} nodes  {what:24} {slower:6.1f} s, {cost:+5.1f} s", flush=True)
        assert cost <= 10, cost


def check(count: int, *, show: bool = False) -> tuple[float, list[dict[str, Any]]]:
    nodes = tuple(JobNode(number, host(number), (0,), 1) for number in range(count))
    begin = time.monotonic()
    process = subprocess.Popen(
        PROGRAM,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "HOME": str(FOLDER)},
        text=True,
    )
    assert process.stdin and process.stdout
    peak = Peak(process.pid)
    process.stdin.write(Order(nodes, PORT).to_json() + "\n")
    process.stdin.flush()
    told = [json.loads(line) for line in process.stdout]
    seconds = time.monotonic() - begin
    assert process.wait() == 0, process.returncode
    assert told[-1]["measured"] == "complete", told[-1:]
    if show:
        speeds = [each["rate"] for each in told if each["measured"] == "speed"]
        print(
            f"{count:3} nodes  dsk {seconds:6.1f} s  {count * (count - 1):5} pairs reached  "
            f"{told[-1]['rounds']} rounds, {len(speeds):4} streams  "
            f"peak {peak.stop() / 1e6:.0f} MB, {peak.files} files, {peak.threads} threads",
            flush=True,
        )
    return seconds, told


class Peak:
    """The most files, threads and bytes of resident memory of a process, looked at often."""

    def __init__(self, pid: int) -> None:
        self._process = Path(f"/proc/{pid}")
        self.files = self.threads = self._resident = 0
        self._looking = threading.Thread(target=self._look)
        self._looking.start()

    def _look(self) -> None:
        while True:
            try:
                self.files = max(self.files, len(list((self._process / "fd").iterdir())))
                status = (self._process / "status").read_text()
            except OSError:
                return
            fields = dict(line.split(":", 1) for line in status.splitlines())
            if "VmHWM" not in fields:  # a zombie
                return
            self.threads = max(self.threads, int(fields["Threads"]))
            self._resident = int(fields["VmHWM"].split()[0]) * 1024
            time.sleep(0.05)

    def stop(self) -> int:
        self._looking.join()
        return self._resident


def naive(count: int) -> tuple[float, int]:
    """Seconds for all pairs, and how many were really done."""
    pairs = list(itertools.permutations(range(count), 2))
    sample = random.Random(0).sample(pairs, min(SAMPLE, len(pairs)))
    begin = time.monotonic()
    for node, peer in sample:
        connect = f"timeout 5 bash -c '</dev/tcp/{host(peer)}/{PORT}'"
        run("ssh", "-F", str(FOLDER / ".ssh/config"), host(node), connect)
    return (time.monotonic() - begin) * len(pairs) / len(sample), len(sample)


@contextmanager
def dropping(address: str, rule: Sequence[str]) -> Iterator[None]:
    """The address gets no such packets any more, and says nothing."""
    words = ["INPUT", "-d", address, "!", "-s", address, *rule, "-j", "DROP"]
    run("iptables", "-I", *words)
    try:
        yield
    finally:
        run("iptables", "-D", *words)


if __name__ == "__main__":
    main()
