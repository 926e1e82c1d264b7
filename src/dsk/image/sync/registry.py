"""The master's side of a sync: docker-registry in a container of the image itself."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable
from types import TracebackType

from dsk.cluster.model import Cluster
from dsk.connect import Server, processes
from dsk.errors import DskError
from dsk.servers import containers
from dsk.survey.values import Image
from dsk.text import Text
from dsk.wire.registry import Broken, Opened, Ready, decode

ROLE = "dsk.role=registry"
OPEN_LIMIT_S = 60.0
# An engine writes the whole image to its disk before `docker save` says a word.
READY_LIMIT_S = 1800.0
END_LIMIT_S = 15.0
SHOWN_LINES = 5

# The container's standard input is this session's: it ends with dsk or the connection, whatever
# happens to them, and the container and its data with it. `docker save` writes into a pipe of its
# own, for what goes through `docker run`'s own input is copied by the engine three times. Nothing
# of the output may reach a log: it holds a key.
SERVE = r"""
image=$1 cluster=$2
shift 2
pipe=$(mktemp -d) && mkfifo -m 0600 "$pipe/image" || exit 1
docker save "$image" >"$pipe/image" &
trap 'kill $! 2>/dev/null; rm -rf "$pipe"' EXIT
docker run --rm --interactive --pull never --no-healthcheck --network host --log-driver none \
  --read-only --cap-drop ALL --cap-add DAC_READ_SEARCH --security-opt no-new-privileges \
  --label "dsk.cluster=$cluster" --label dsk.role=registry --tmpfs /run/dsk-registry:mode=0700 \
  --volume /var/lib/dsk-registry --volume "$pipe:/run/dsk-image:ro" \
  --entrypoint dsk-agent "$image" registry --image /run/dsk-image/image "$@"
"""


def repository(cluster: Cluster) -> str:
    return f"dsk-sync/{cluster.name}"


NO_START = Text("the registry there does not start: {why}")
NO_LAYERS = Text("the registry there reads no more layers: {why}")


class Registry:
    """Serves `image` to the nodes of `cluster`; for several threads. Use it in a `with`.

    `opened` is where it is, and what lets one in.
    """

    opened: Opened

    def __init__(self, server: Server, cluster: Cluster, image: Image) -> None:
        self._server = server
        self.cluster = cluster
        self.image = image
        self._ready: list[Ready] = []
        self._ended = False
        self._cause = ""
        self._failure: DskError | None = None
        self._stderr: deque[str] = deque(maxlen=SHOWN_LINES)
        self._news = threading.Condition()
        # What a dsk that was killed may have left.
        remove(server, cluster)
        argv = ["sh", "-c", SERVE, "dsk", cluster.image, cluster.name]
        argv += ["--host", cluster.master.host, "--repository", repository(cluster)]
        argv += ["--platform", image.platform, *image.layers]
        self._process = server.popen(argv, stdin=processes.PIPE)
        for follow in (self._follow, self._follow_errors):
            threading.Thread(target=follow, daemon=True).start()

    def __enter__(self) -> Registry:
        try:
            with self._news:
                self._wait_for(lambda: hasattr(self, "opened"), OPEN_LIMIT_S, NO_START)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        # What went wrong before says more, and after Ctrl-C there is no connection left.
        with contextlib.suppress(DskError) if error else contextlib.nullcontext():
            self.close()

    def after(self, layers: int) -> Ready:
        """The next group above the lowest `layers`, waited for. Raises DskError."""

        def next_one() -> Ready | None:
            return next((ready for ready in self._ready if ready.layers > layers), None)

        with self._news:
            self._wait_for(lambda: next_one() is not None, READY_LIMIT_S, NO_LAYERS)
            found = next_one()
        assert found  # noqa: S101 - waited for
        return found

    def blobs(self) -> dict[str, int]:
        """All layers known so far: digest to bytes on the wire."""
        with self._news:
            return dict(self._ready[-1].blobs) if self._ready else {}

    @property
    def complete(self) -> bool:
        """Whether `blobs` has all layers of the image."""
        with self._news:
            return bool(self._ready) and self._ready[-1].whole

    def check(self) -> None:
        """Raises DskError where it has ended."""
        with self._news:
            if self._ended:
                raise self._error(Text("the registry there ended: {why}"))

    def close(self) -> None:
        """Ends it and its data. Raises DskError where the master does not say that it is gone."""
        if self._process.stdin:
            self._process.stdin.close()
        # `docker save` may be writing still: then the container goes first.
        with contextlib.suppress(processes.TimeoutExpired):
            self._process.wait(END_LIMIT_S)
        remove(self._server, self.cluster)
        processes.end(self._process)

    def _wait_for(self, true: Callable[[], bool], limit: float, what: Text) -> None:
        self._news.wait_for(lambda: true() or self._ended, limit)
        if not true():
            raise self._error(what)

    def _error(self, what: Text) -> DskError:
        """One for all nodes that wait, so that it is shown once."""
        self._failure = self._failure or self._why(what)
        return self._failure

    def _why(self, what: Text) -> DskError:
        said = "; ".join(filter(None, (self._cause, *self._stderr)))
        if "invalid choice" in said or "dsk-agent: no such file" in said.lower():
            return DskError(
                Text(
                    "the image {image} was built by an older dsk and cannot distribute itself"
                ).filled(image=self.cluster.image),
                where=str(self.cluster.master),
                fix=Text("build it again: make image"),
            )
        return DskError(
            what.filled(why=said or Text("no reason was given")),
            where=str(self.cluster.master),
        )

    def _follow(self) -> None:
        assert self._process.stdout  # noqa: S101 - popen's default
        for line in self._process.stdout:
            try:
                message = decode(line.decode(errors="replace"))
            except ValueError:
                continue
            with self._news:
                if isinstance(message, Opened):
                    self.opened = message
                elif isinstance(message, Broken):
                    self._cause = message.cause
                else:
                    self._ready.append(message)
                self._news.notify_all()
        # The reason is on the other pipe, and may come a moment later.
        time.sleep(0.5)
        with self._news:
            self._ended = True
            self._news.notify_all()

    def _follow_errors(self) -> None:
        assert self._process.stderr  # noqa: S101 - popen's default
        for line in self._process.stderr:
            text = line.decode(errors="replace").strip()
            # A client without a certificate was refused, as it should be.
            if text and "TLS handshake error" not in text:
                self._stderr.append(text)


def remove(server: Server, cluster: Cluster) -> None:
    """Takes the registry's container and data away, if there are any. Raises DskError."""
    containers.remove(server, cluster, cluster.master, ROLE)
