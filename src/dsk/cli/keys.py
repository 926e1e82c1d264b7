"""`dsk keys`: whom the workers let in, and by which host keys they are known."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any

import click

from dsk.cli.context import Context, in_place_option, pass_context
from dsk.cli.language import preferred
from dsk.cli.printing import echo, echo_json
from dsk.errors import UserError
from dsk.text import Text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dsk.cluster.model import Cluster
    from dsk.servers.workerkeys import WorkerKey


@click.command()
@click.option(
    "--add",
    "files",
    type=click.File(encoding="utf-8"),
    multiple=True,
    help="Take the host keys in FILE: lines of the workers' logs, or of dsk-agent host-key.",
)
@click.option("--replace", is_flag=True, help="Also where another key is known for a node.")
@in_place_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object (docs/events.md).")
@pass_context
def command(context: Context, *, files: tuple[IO[str], ...], replace: bool, as_json: bool) -> None:
    """Show the key for DSK_AUTHORIZED_KEY, and the workers' host keys that are known.

    Where the servers are containers, the cluster's key, .dsk/keys/cluster, is made if it is
    missing. This container's own host key is taken from it; --add takes the others'. Where they
    are not, `dsk up` makes and distributes all keys; they are only shown here.
    """
    from dsk.servers import workerkeys
    from dsk.servers.keys import ensure_cluster_key

    cluster = context.cluster()
    if not cluster.in_place:
        made = None if files or replace else workerkeys.made_by_up(cluster)
        if files or replace or not (made or as_json):
            raise UserError(
                Text("dsk up creates and distributes the keys of these servers"),
                where=context.file.name,
                fix=Text("dsk up; where the servers are containers: in_place: true in dsk.yaml"),
            )
        public, keys = made or (None, {})
        _show(cluster, public, keys, as_json=as_json)
        return
    pair = ensure_cluster_key(cluster, lambda text: echo(text, err=True))
    own = workerkeys.own()
    if own and own.host in {node.host for node in cluster.nodes}:
        workerkeys.add(cluster, [own], "this container", replace=True)
    for file in files:
        given = workerkeys.parse(file.read(), file.name)
        workerkeys.add(cluster, given, file.name, replace=replace)
    _show(cluster, pair.public, workerkeys.known(cluster), as_json=as_json)


def _show(
    cluster: Cluster, public: str | None, known: Mapping[str, WorkerKey], *, as_json: bool
) -> None:
    """`public` is None, in JSON alone, where `dsk up` has made no keys yet."""
    if as_json:
        echo_json(_as_json(cluster, public, known))
    else:
        echo(_text(cluster, public, known))


def _text(cluster: Cluster, public: str | None, known: Mapping[str, WorkerKey]) -> str:
    from dsk.servers.workerkeys import SHOW

    missing = (
        Text("not known yet; there: {show}").filled(show=SHOW)
        if cluster.in_place
        else Text("not created yet; dsk up")
    ).in_language(preferred())
    lines = [f"DSK_AUTHORIZED_KEY={public} dsk:{cluster.name}"]
    for node in cluster.nodes:
        key = known.get(node.host)
        lines.append(f"{node}  {key.fingerprint if key else missing}")
    return "\n".join(lines)


def _as_json(
    cluster: Cluster, public: str | None, known: Mapping[str, WorkerKey]
) -> dict[str, Any]:
    nodes = [
        {
            "node": node.index,
            "host": node.host,
            "fingerprint": known[node.host].fingerprint if node.host in known else None,
        }
        for node in cluster.nodes
    ]
    return {"authorized_key": public, "nodes": nodes}
