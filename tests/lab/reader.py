"""Types the command blocks of a guide on the lab's hosts, as printed and in order.

What differs from the printed text is what a reader would write in its place:

- the servers' addresses, one slot each; the cluster is called `guide` instead of `lab` and has a
  workspace and a port of its own, since other tests' clusters share the hosts;
- names in capitals, such as JOB, and what a scenario lists in `instead`;
- after `dsk init`, dsk.yaml gets what this machine needs: CPUs for accelerators, and the image.

The reader's home folder is a new one, with a key and the known_hosts of somebody who has logged in
to the servers before; questions at the terminal are answered with "y".
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pexpect
from hosts import Lab
from hosts.node import Node
from tests.guides import EACH, FOR_EACH, MASTER, RUN, Block, read
from tests.lab.cluster import DSK, IMAGE, Cluster

NAME, PORT, WORKSPACE = "guide", 2310, "/workspace/guide"
MODEL = f"{WORKSPACE}/models/tiny"
LIMIT_S = 900
# The last server of the guides; a text for each server shows its commands.
SHOWN_HOST, SHOWN_NODE = "10.0.0.12", "node1"

IN_A_NEW_HOME = """
set -e
home=$1; shift
sed "s|^root:\\([^:]*:[^:]*:[^:]*:[^:]*\\):[^:]*:|root:\\1:$home:|" /etc/passwd >"$home/passwd"
mount --bind "$home/passwd" /etc/passwd
exec "$@"
"""
# Variables and the folder outlast a block, as in a shell that stays open.
RESUME = 'set -e\nif [ -e "$STATE" ]; then . "$STATE"; fi\n'
KEEP = '\n{ export -p; printf "cd %q\\n" "$PWD"; } >"$STATE"\n'


@dataclass
class Scenario:
    """A file and what has to be there for it. `prepare` runs before its first block; `before` does
    what a line of the text asks of the reader, or what must be so before it, by a pattern of the
    line's begin. `instead`: patterns and what a reader writes in their place. `image` is that of
    dsk.yaml, which is there from the start where the text has no `dsk init`; `up`: workers run."""

    file: str
    image: str = IMAGE
    up: bool = True
    prepare: Callable[[Reader], None] | None = None
    before: Mapping[str, Callable[[Reader], None]] = field(default_factory=dict)
    instead: Mapping[str, str] = field(default_factory=dict)

    def blocks(self) -> list[Block]:
        return [block for block in read(self.file) if block.kind == RUN]

    @property
    def makes_dsk_yaml(self) -> bool:
        return any("dsk init" in block.text for block in self.blocks())


class Reader:
    """`folder` is where the reader begins to type. `instead` is the scenario's, for what is known
    only while it runs."""

    def __init__(self, lab: Lab, folder: Path, scenario: Scenario) -> None:
        self.lab = lab
        self.folder = folder / "work"
        self.cluster = Cluster(self.folder, WORKSPACE)
        self.instead: dict[str, str] = {}
        self._home = folder / "home"
        self._scenario = scenario
        self.folder.mkdir()
        self._make_home()

    def _make_home(self) -> None:
        ssh = self._home / ".ssh"
        ssh.mkdir(parents=True, mode=0o700)
        (ssh / "id_ed25519").write_bytes(self.lab.ssh_key.read_bytes())
        (ssh / "id_ed25519").chmod(0o600)
        (ssh / "known_hosts").write_text(self.lab.known_hosts.read_text())

    # ---- what a scenario needs -----------------------------------------------------------------

    def set_nodes(self, *nodes: Node) -> None:
        self.cluster.change(nodes=[{"host": node.host, "slots": 1} for node in nodes])

    def dsk(self, *words: str, code: int = 0) -> str:
        """As the reader would, beside dsk.yaml and without a terminal; what it prints."""
        done = subprocess.run(
            self.here([DSK, *words]),
            cwd=self.cluster.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        assert done.returncode == code, f"dsk {words}: exit code {done.returncode}\n{done.stdout}"
        return done.stdout

    def settle(self) -> None:
        """Change dsk.yaml as `dsk init` has written it to what this machine needs."""
        [file] = self.folder.rglob("dsk.yaml")
        self.cluster = Cluster(file.parent, WORKSPACE)
        settings = {"name": NAME, "worker_port": PORT, "workspace": WORKSPACE}
        image = self._scenario.image
        self.cluster.change(**settings, accelerator="cpu", shm_size="2gb", image=image)

    def train(self, **values: object) -> None:
        """Writes train.yaml: one step, unless told otherwise."""
        self.cluster.train(**{"model_name_or_path": MODEL, "max_steps": 1, **values})

    def write(self, node: Node, path: str, text: str) -> None:
        """A file in a server's workspace."""
        place = node.workspace / NAME / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)

    # ---- typing ---------------------------------------------------------------------------------

    def read_through(self) -> None:
        """Prepares, and types every block."""
        scenario = self._scenario
        if not scenario.makes_dsk_yaml:
            self.dsk("init", *(f"{node.host}:1" for node in self.lab.nodes))
            self.settle()
        if scenario.up:
            self.dsk("up")
        if scenario.prepare:
            scenario.prepare(self)
        for block in scenario.blocks():
            for lines in self._parts(block):
                self._type(block, lines)

    def _parts(self, block: Block) -> Iterator[str]:
        """The lines that are typed one after another, with what `before` names done in between."""
        lines: list[str] = []
        for line in block.text.splitlines():
            action = next(
                (each for begin, each in self._scenario.before.items() if re.match(begin, line)),
                None,
            )
            if action:
                if lines:
                    yield "\n".join(lines)
                    lines = []
                action(self)
            lines.append(line)
            if line.startswith("dsk init"):
                yield "\n".join(lines)
                lines = []
                self.settle()
        if lines:
            yield "\n".join(lines)

    def _type(self, block: Block, lines: str) -> None:
        nodes = self.lab.nodes
        if block.about == MASTER:
            self._run(block, nodes[0].argv, self._meant(lines), "/root")
        elif block.about == EACH:
            for number, node in enumerate(nodes):
                self._run(block, node.argv, self._meant(_of(lines, number, node)), "/root")
        elif block.about == FOR_EACH:
            for number, node in enumerate(nodes):
                self._run(block, self.here, self._meant(_of(lines, number, node)), str(self.folder))
        else:
            self._run(block, self.here, self._meant(lines), str(self.folder))

    def here(self, argv: Sequence[str]) -> list[str]:
        """The command line that runs `argv` on dsk's own machine, for root with a new home."""
        path = (
            f"PATH={Path(DSK).parent}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        )
        home = str(self._home)
        inside = ["env", f"HOME={home}", path, "TERM=dumb", *argv]
        return ["unshare", "--mount", "bash", "-c", IN_A_NEW_HOME, "new-home", home, *inside]

    def _meant(self, lines: str) -> str:
        for pattern, text in {**self._usual(), **self._scenario.instead, **self.instead}.items():
            lines = re.sub(pattern, text, lines)
        return lines

    def _usual(self) -> dict[str, str]:
        first, second = self.lab.nodes
        return {
            r"\b10\.0\.0\.11:\d\b": f"{first.host}:1",
            r"\b10\.0\.0\.12:\d\b": f"{second.host}:1",
            r"\b10\.0\.0\.11\b": first.host,
            r"\b10\.0\.0\.12\b": second.host,
            r"\.dsk/lab\b": f".dsk/{NAME}",
            r"\bdsk-lab-": f"dsk-{NAME}-",
            r"--ssh_port=2222\b": f"--ssh_port={PORT}",
            r"/workspace/": f"{WORKSPACE}/",
        }

    def _run(
        self, block: Block, place: Callable[[Sequence[str]], list[str]], lines: str, folder: str
    ) -> None:
        state = "/tmp/guide-state" if folder == "/root" else str(self._home / "state")
        script = f"STATE={state}\ncd {folder}\n{RESUME}{lines}{KEEP}"
        program, *arguments = place(["bash", "-c", script])
        child = pexpect.spawn(
            program, arguments, encoding="utf-8", codec_errors="replace", timeout=LIMIT_S
        )
        printed = ""
        try:
            while child.expect([r"\[y/N\][: ]*", pexpect.EOF]) == 0:
                printed += f"{child.before}{child.after}"
                child.sendline("y")
            printed += child.before
            child.wait()
        finally:
            child.close(force=True)
        assert child.exitstatus == 0, (
            f"{block.where}: exit code {child.exitstatus}\n{lines}\n----\n{printed}"
        )
        assert "Traceback" not in printed, f"{block.where}\n{lines}\n----\n{printed}"


def _of(lines: str, number: int, node: Node) -> str:
    """The lines for the shown server, for another one."""
    return lines.replace(SHOWN_HOST, node.host).replace(SHOWN_NODE, f"node{number}")
