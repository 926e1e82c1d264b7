"""`dsk notify --test`: one message to each target, sent from where a job's supervisor runs."""

from __future__ import annotations

import time
from collections.abc import Sequence

from dsk.cluster.caches import job_env
from dsk.cluster.model import Cluster
from dsk.connect import Server, open_server
from dsk.connect.local import LocalServer
from dsk.errors import DskError
from dsk.fleet.execute import check_worker, in_worker
from dsk.servers import in_place
from dsk.text import Language, Text, verbatim
from dsk.wire import paths
from dsk.wire.notify import TEST, Delivery, Message, Outcome, Target
from dsk.wire.remedies import OTHER_VERSION

PROGRAM = [str(paths.PYTHON), "-I", "-m", "dsk.supervisor.notify"]
LIMIT_S = 45.0
"""The program itself takes 15 s at most."""
TITLE = Text("dsk: a test message of {cluster}")
TEXT = Text("Messages about jobs will look like this one. It asked for: {events}")


def send_test(
    cluster: Cluster, targets: Sequence[Target], language: Language
) -> tuple[Outcome, ...]:
    """The outcomes in the targets' order. Raises DskError where nothing could be sent from the
    master."""
    env = job_env(cluster)
    deliveries = [Delivery(each, _message(cluster, each, language), env) for each in targets]
    with _server(cluster) as server:
        check_worker(server, cluster, cluster.master)
        argv = in_worker(cluster, cluster.master, PROGRAM, "--interactive")
        text = "".join(f"{delivery.to_json()}\n" for delivery in deliveries)
        done = server.run(argv, input=text.encode(), timeout=LIMIT_S)
    try:
        outcomes = tuple(map(Outcome.from_json, done.text.splitlines()))
    except ValueError:
        outcomes = ()
    if len(outcomes) != len(targets):
        # Its errors are not shown: a traceback could contain a URL.
        raise DskError(
            Text("the program that sends messages exited with code {code}").filled(
                code=done.returncode
            ),
            where=str(cluster.master),
            fix=OTHER_VERSION.of(in_place=cluster.in_place),
        )
    return outcomes


def _server(cluster: Cluster) -> Server:
    """Where there is no engine, supervisors are processes of this container."""
    if cluster.in_place:
        in_place.check_here(cluster)
        return LocalServer(str(cluster.master))
    return open_server(
        cluster.master.server, cluster.state_dir / "known_hosts", where=str(cluster.master)
    )


def _message(cluster: Cluster, target: Target, language: Language) -> Message:
    title = TITLE.filled(cluster=cluster.name)
    text = TEXT.filled(events=verbatim(", ".join(target.events)))
    return Message(
        event=TEST,
        job=None,
        cluster=cluster.name,
        at=time.time(),
        title=title.in_language(language),
        text=text.in_language(language),
    )
