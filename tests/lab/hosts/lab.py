"""The lab as a whole: up, down, and what tests need of it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from hosts import cores, files, network, node, seeding
from hosts.command import LabError
from hosts.node import Node
from hosts.record import Process, Record
from hosts.which import NAME

MAX_NODES = 5
DEFAULT_FOLDER = f"/var/lib/{NAME}"


def data_folder() -> Path:
    return Path(os.environ.get("DSK_LAB_DIR", DEFAULT_FOLDER)).resolve()


@dataclass(frozen=True)
class Lab:
    """Hosts that run. Hold `record.machine_lock` around each use."""

    folder: Path

    @property
    def nodes(self) -> list[Node]:
        """In order; read again each time, for a second `up` may have started others."""
        found = Record.load()
        if found is None or found.switch is None:
            return []
        return [
            Node(number, process, found.switch, self.folder / node.hostname(number))
            for number, process in sorted(found.nodes.items())
        ]

    @property
    def ssh_key(self) -> Path:
        """The private key that logs in as root on every node."""
        return self.folder / "id_ed25519"

    @property
    def known_hosts(self) -> Path:
        """The nodes' host keys, for OpenSSH's UserKnownHostsFile."""
        return self.folder / "known_hosts"

    @classmethod
    def up(cls, nodes: int = 2, images: Sequence[str] = (), *, fresh: bool = False) -> Lab:
        """Hosts with these images, whose engines and sshds answer.

        A lab that runs as asked is taken as it is, unless `fresh`. Otherwise what there is of one
        is ended first, and the nodes start as new servers: only those of their images that this
        machine's engine has too, and their SSH keys, outlive them.

        Raises:
            LabError: not root, a tool or image is missing, or something did not start.
        """
        if os.geteuid() != 0:
            raise LabError("the lab makes network namespaces and starts engines: run it as root")
        if not 1 <= nodes <= MAX_NODES:
            raise LabError(f"a lab has 1 to {MAX_NODES} nodes, not {nodes}")
        wanted = seeding.machine_images(images)
        running = None if fresh else cls.running()
        if running and len(running.nodes) == nodes and not running.problems():
            running.seed(images)
            return running
        end_recorded()
        return cls._start(nodes, wanted)

    @classmethod
    def running(cls) -> Lab | None:
        """The lab that is up, healthy or not; None where there is none."""
        found = Record.load()
        return None if found is None else cls(Path(found.folder))

    @classmethod
    def _start(cls, count: int, images: dict[str, str]) -> Lab:
        folder = data_folder()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        key = folder / "id_ed25519"
        files.make_key(key, NAME)
        numbers = range(1, count + 1)
        kept = seeding.machine_image_ids()
        folders = {number: folder / node.hostname(number) for number in numbers}

        def prepare(number: int) -> None:
            files.make_node_files(
                folders[number],
                hostname=node.hostname(number),
                address=network.node_address(number),
                operator_key=key,
                kept_images=kept,
            )

        _side_by_side(prepare, numbers)
        stores = [path / "docker" for path in folders.values()]
        linked = not images or seeding.by_hard_links(images, stores)
        record = Record(str(folder))
        record.save()

        def written_down(process: Process) -> None:
            record.switch = process
            record.save()

        switch = _start_process(network.start_switch_process(), written_down, "the lab's switch")
        network.build_switch(switch)
        for number, path in folders.items():

            def node_written_down(process: Process, number: int = number) -> None:
                record.nodes[number] = process
                record.save()

            booting = node.start_node_process(path, number)
            errors = path / "boot-errors.log"
            process = _start_process(booting, node_written_down, node.hostname(number), errors)
            network.connect(switch, number, process)
            cores.give(node.hostname(number), cores.of_host(number, count))
        lab = cls(folder)
        lab._write_known_hosts()
        _side_by_side(Node.start_sshd, lab.nodes)
        _side_by_side(Node.start_engine, lab.nodes)
        if images and not linked:
            lab._stream(images, lab.nodes)
        return lab

    def problems(self) -> list[str]:
        """What is wrong, a line each; empty where all nodes work."""
        nodes = self.nodes
        found = [] if nodes else ["no node was started"]
        for each in nodes:
            if not (each.process.alive() and each.switch.alive()):
                found.append(f"{each.hostname}: does not run")
                continue
            if not each.ssh_answers():
                found.append(f"{each.hostname}: sshd does not answer")
            if not each.engine_answers():
                found.append(f"{each.hostname}: the engine does not answer")
        return found

    def seed(self, images: Sequence[str], nodes: Sequence[Node] | None = None) -> None:
        """Give the nodes images of the machine's engine.

        A node that lacks one has its engine stopped for it and started again.
        """
        wanted = seeding.machine_images(images)
        lacking = [
            each for each in (self.nodes if nodes is None else nodes) if not _has(each, wanted)
        ]
        if not lacking:
            return
        _side_by_side(Node.stop_engine, lacking)
        linked = seeding.by_hard_links(wanted, [each.folder / "docker" for each in lacking])
        _side_by_side(Node.start_engine, lacking)
        if not linked:
            self._stream(wanted, lacking)

    def down(self) -> None:
        """End every node at once, as a power cut would; the images stay on disk."""
        end_recorded()

    def _stream(self, images: dict[str, str], nodes: Sequence[Node]) -> None:
        print("lab: layers cannot be linked from this machine's engine; using docker save | load")
        for each in nodes:
            seeding.by_stream(images, each.argv(["docker", "load"]))

    def _write_known_hosts(self) -> None:
        lines = []
        for each in self.nodes:
            key = (each.folder / "ssh_host_ed25519_key.pub").read_text().split()
            lines.append(f"{each.host} {key[0]} {key[1]}\n")
        self.known_hosts.write_text("".join(lines))


def end_recorded() -> None:
    """End what is written down, of this run or of one that was cut off, and nothing else."""
    found = Record.load()
    if found is None:
        return
    for number, process in found.nodes.items():
        process.kill(node.hostname(number))
    if found.switch:
        found.switch.kill("the lab's switch")
    network.remove_operator_link()
    node.remove_cgroups()
    Record.forget()


def _start_process(
    starting: subprocess.Popen[str],
    write_down: Callable[[Process], None],
    what: str,
    errors: Path | None = None,
) -> Process:
    """The starter's half of `boot.sh`: take the pid, write it down, say go, wait for "ready"."""
    assert starting.stdin is not None
    assert starting.stdout is not None
    with starting:
        pid = starting.stdout.readline().strip()
        if pid:
            process = Process.of(int(pid))
            write_down(process)
            starting.stdin.write("go\n")
            starting.stdin.flush()
            if starting.stdout.readline().strip() == "ready":
                return process
    why = errors.read_text().strip() if errors else ""
    raise LabError(f"{what} did not start: {why}")


def _has(each: Node, images: dict[str, str]) -> bool:
    return all(
        each.docker("image", "inspect", "--format", "{{.Id}}", name, check=False).strip() == image
        for name, image in images.items()
    )


def _side_by_side(action: Callable[..., None], items: Iterable[object]) -> None:
    """Run `action` for all at once; every failure is reported, not only the first."""
    with ThreadPoolExecutor(MAX_NODES) as pool:
        running = [pool.submit(action, item) for item in items]
    errors = [error for done in running if (error := done.exception())]
    unexpected = [error for error in errors if not isinstance(error, LabError)]
    if unexpected:
        raise unexpected[0]
    if errors:
        raise LabError("\n".join(str(error) for error in errors))
