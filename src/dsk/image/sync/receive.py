"""One node's part of a sync: it pulls from the master, group of layers by group."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dsk.cluster.model import Cluster, Node
from dsk.connect import Server
from dsk.connect.engine import pull
from dsk.errors import DskError, Unreachable
from dsk.image import holders, stall
from dsk.image.sync import admission
from dsk.image.sync.registry import Registry, repository
from dsk.servers.progress import NodeDone, Tell, Transferred, unpacking
from dsk.text import Text
from dsk.wire.registry import Ready

if TYPE_CHECKING:
    from docker import DockerClient

PULLS_AT_ONCE = 16
TAG_LIMIT_S = 120.0
TELL_EVERY_S = 0.5

# Untags only, where the image has another name.
REMOVE = r"""
names=$(docker image ls --digests --format '{{.Repository}}@{{.Digest}}' \
  --filter "reference=*/$1") || exit 1
[ -z "$names" ] || docker image rm $names >/dev/null
"""


class NoRoom(DskError):
    """The node's disk is full."""


def receive(server: Server, node: Node, registry: Registry, tell: Tell, proxy: str) -> None:
    """The image under its name, or not at all. Raises DskError.

    `proxy` is what the node's engine asks for the master, empty where it asks none.
    What a pull that failed for want of the network has got stays, for the next one to go on.
    """
    cluster = registry.cluster
    with _admitted(server, node, registry):
        progress = _Progress(node, registry, tell)
        try:
            engine = _Engine(server.engine(), server.where, proxy)
            whole = _pull_all(engine, registry, progress)
            _name(server, node, registry, whole)
        except NoRoom:
            # An engine without any room cannot even take away; the next run does it then.
            with contextlib.suppress(DskError):
                clean(server, cluster, node)
            raise
    clean(server, cluster, node)
    holders.compare(server, cluster.image, registry.image, str(node), str(cluster.master))
    tell(NodeDone(node, progress.summary))


def clean(server: Server, cluster: Cluster, node: Node) -> None:
    """Takes away all that a sync left but the image itself. Raises DskError."""
    admission.forget(server, cluster, node)
    argv = ["sh", "-c", REMOVE, "dsk", repository(cluster)]
    done = server.run(argv, timeout=TAG_LIMIT_S)
    if done.returncode:
        raise DskError(
            Text("docker image rm failed: {error}").filled(error=done.error), where=str(node)
        )


@contextlib.contextmanager
def _admitted(server: Server, node: Node, registry: Registry) -> Iterator[None]:
    admission.forget(server, registry.cluster, node)
    try:
        admission.admit(server, registry.cluster, node, registry.opened)
        yield
    finally:
        with contextlib.suppress(Unreachable):
            admission.forget(server, registry.cluster, node)


def _source(registry: Registry) -> str:
    return f"{registry.opened.address}/{repository(registry.cluster)}"


@dataclass(frozen=True)
class _Engine:
    """The node's, `where` in errors."""

    client: DockerClient
    where: str | Text
    proxy: str


def _pull_all(engine: _Engine, registry: Registry, progress: _Progress) -> Ready:
    """Every group as soon as it is ready, all of them at once; the last, which is the image.

    The engine fetches a layer that several pulls want once, and unpacks one while others come.
    """
    pulls = []
    with ThreadPoolExecutor(max_workers=PULLS_AT_ONCE) as pool:
        ready = registry.after(0)
        while True:
            progress.heard()
            pulls.append(pool.submit(_pull, engine, registry, ready, progress))
            if ready.whole:
                break
            ready = registry.after(ready.layers)
    for done in pulls:
        done.result()
    return ready


def _pull(engine: _Engine, registry: Registry, ready: Ready, progress: _Progress) -> None:
    try:
        for event in pull(engine.client, _source(registry), ready.digest):
            registry.check()
            if event is not None:
                progress.take(event)
            elif progress.silent_s > stall.LIMIT_S:
                text = Text("docker pull has reported nothing for {minutes:.0f} min").filled(
                    minutes=stall.LIMIT_S / 60
                )
                raise stall.stalled(text, engine.where)
    except OSError as error:
        registry.check()
        raise pull_error(str(error), engine.where, registry.cluster.image, engine.proxy) from None


def _name(server: Server, node: Node, registry: Registry, ready: Ready) -> None:
    argv = ["docker", "tag", f"{_source(registry)}@{ready.digest}", registry.cluster.image]
    done = server.run(argv, timeout=TAG_LIMIT_S)
    if done.returncode:
        raise DskError(Text("docker tag failed: {error}").filled(error=done.error), where=str(node))


def pull_error(said: str, where: str | Text, reference: str, proxy: str = "") -> DskError:
    """What an engine's words mean when a pull, by this proxy if any, failed. Pure."""
    text = said.lower()
    if "no space left" in text or "disk quota exceeded" in text:
        return NoRoom(
            Text("the disk is full; the image {reference} was not installed").filled(
                reference=reference
            ),
            where=where,
            fix=Text(
                "free space on the engine's disk (there: docker system df; docker image prune)"
            ),
        )
    if "not yet valid" in text or "has expired" in text:
        return DskError(
            Text("the certificate of the sync is not valid by this server's clock: {said}").filled(
                said=said
            ),
            where=where,
            fix=Text("set the clocks of all servers (there: timedatectl set-ntp true)"),
        )
    if proxy:
        return Unreachable(
            Text(
                "its engine uses the proxy {proxy} to reach the master and gets no answer: {said}"
            ).filled(proxy=proxy, said=said),
            where=where,
            fix=Text(
                "put the LAN's addresses into NO_PROXY of that engine (no-proxy under "
                "proxies in /etc/docker/daemon.json, or its service's environment), and "
                "restart it"
            ),
        )
    if "unauthorized" in text or "denied" in text or "no basic auth" in text:
        return DskError(
            Text("the registry refuses {reference}: {said}").filled(reference=reference, said=said),
            where=where,
            fix=Text("there, as the same login: docker login"),
        )
    if any(word in text for word in ("timeout", "refused", "no such host", "no route", "eof")):
        return Unreachable(
            Text("the registry does not answer: {said}").filled(said=said), where=where
        )
    return DskError(Text("docker pull failed: {said}").filled(said=said), where=where)


class _Progress:
    """The engine's events as bytes of the whole image's; for several threads."""

    def __init__(self, node: Node, registry: Registry, tell: Tell) -> None:
        self._node = node
        self._registry = registry
        self._tell = tell
        self._lock = threading.Lock()
        self._begin = time.monotonic()
        self._told = 0.0
        self._received = False
        self._done: dict[str, int] = {}
        self._there: set[str] = set()
        self._heard = self._begin

    def heard(self) -> None:
        """The engine has said something, or is about to."""
        self._heard = time.monotonic()

    @property
    def silent_s(self) -> float:
        """Of all pulls: one of them may wait for its turn as long as the others take."""
        return time.monotonic() - self._heard

    def take(self, event: Mapping[str, Any]) -> None:
        self.heard()
        with self._lock:
            if not self._count(event):
                return
            so_far = self._transferred()
            now = time.monotonic()
            if so_far.done and now - self._told > TELL_EVERY_S:
                self._told = now
                self._tell(so_far)
            if so_far.done and so_far.done == so_far.total and not self._received:
                self._received = True
                self._tell(so_far)
                self._tell(unpacking(self._node))

    def _count(self, event: Mapping[str, Any]) -> bool:
        """Whether the event says something about bytes."""
        layer, status = event.get("id", ""), event.get("status", "")
        if status == "Downloading":
            self._done[layer] = event["progressDetail"].get("current", 0)
        elif status == "Download complete":
            self._done[layer] = self._size(layer)
        elif status == "Already exists":
            self._there.update({layer} - self._done.keys())
        else:
            return False
        return True

    def _size(self, layer: str) -> int:
        return next((n for digest, n in self._registry.blobs().items() if layer in digest), 0)

    def _transferred(self) -> Transferred:
        done = sum(self._done.values())
        if not self._registry.complete:
            return Transferred(self._node, done, None)
        sizes = self._registry.blobs()
        missing = (
            n for digest, n in sizes.items() if not any(there in digest for there in self._there)
        )
        return Transferred(self._node, done, max(done, sum(missing)))

    @property
    def summary(self) -> Text:
        """The last report is made here, so that a bar ends full."""
        last = self._transferred()
        if last.done:
            self._tell(Transferred(self._node, last.done, last.done))
        took = time.monotonic() - self._begin
        return Text("has the image: {size:.1f} MB in {seconds:.0f} s").filled(
            size=last.done / 1e6, seconds=took
        )
