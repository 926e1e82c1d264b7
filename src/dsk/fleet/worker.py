"""One node's worker container: started, watched until it accepts SSH logins, removed."""

from __future__ import annotations

from dsk.bundle.compose import project
from dsk.cluster.model import Cluster, Node
from dsk.connect import Server
from dsk.errors import DskError
from dsk.servers import containers
from dsk.text import Text

COMPOSE_LIMIT_S = 180.0
HEALTHY_LIMIT_S = 60
SHOWN_LINES = 15
LIMIT_PASSED = 2
ENTRYPOINT = "dsk worker: "

START = r"""
cd "$HOME/.dsk/$1/$2" && exec docker compose up --detach --pull never
"""

# The image's own health check, asked here and now: Docker's first verdict takes its interval, 30 s.
# Prints the container's last lines where it fails. 1: it ended; 2: the limit passed.
WAIT = r"""
worker=$1 deadline=$(($(date +%s) + $2))
while :; do
  state=$(docker inspect --format '{{.State.Status}} {{.RestartCount}}' "$worker") || break
  [ "$state" = "${first:=$state}" ] && [ "${state% *}" = running ] || break
  docker exec "$worker" /usr/local/lib/dsk/entrypoint/health.sh >/dev/null 2>&1 && exit 0
  if [ "$(date +%s)" -ge "$deadline" ]; then code=2; break; fi
  sleep 0.2
done
docker logs --tail "$3" "$worker" 2>&1
exit "${code:-1}"
"""


def start(server: Server, cluster: Cluster, node: Node) -> None:
    """Starts the worker from the bundle that lies there, and waits until one can log in.

    Raises DskError with the worker's last lines.
    """
    argv = ["sh", "-c", START, "dsk", cluster.name, node.name]
    done = server.run(argv, timeout=COMPOSE_LIMIT_S)
    if done.returncode:
        raise _compose_error(done.error, node)
    wait(server, cluster, node, HEALTHY_LIMIT_S)


def wait(server: Server, cluster: Cluster, node: Node, limit_s: int) -> None:
    """Until one can log in to the worker; `limit_s` in whole seconds. Raises DskError."""
    argv = ["sh", "-c", WAIT, "dsk", project(cluster, node), str(limit_s), str(SHOWN_LINES)]
    done = server.run(argv, timeout=limit_s + 30)
    if done.returncode:
        raise _start_error(done.text, node, limit_s if done.returncode == LIMIT_PASSED else None)


def _compose_error(stderr: str, node: Node) -> DskError:
    if "could not select device driver" in stderr or "nvidia-container-cli" in stderr:
        fix = Text("there, try: docker run --rm --gpus all --entrypoint nvidia-smi IMAGE")
        return DskError(
            Text("Docker cannot give containers access to the GPUs: {stderr}").filled(
                stderr=stderr
            ),
            where=str(node),
            fix=fix,
        )
    return DskError(
        Text("docker compose up failed: {stderr}").filled(stderr=stderr), where=str(node)
    )


def _start_error(log: str, node: Node, limit_s: int | None) -> DskError:
    """`limit_s` None: the worker ended."""
    reasons = [line for line in log.splitlines() if line.startswith(ENTRYPOINT)]
    if limit_s is None and reasons:
        why = reasons[-1].removeprefix(ENTRYPOINT)
        return DskError(Text("the worker did not start: {why}").filled(why=why), where=str(node))
    what = (
        Text("the worker did not accept SSH logins within {limit} s").filled(limit=limit_s)
        if limit_s
        else Text("the worker exited")
    )
    lines = "".join(f"\n    {line}" for line in log.splitlines())
    return DskError(
        Text("{what}; its last lines:{lines}").filled(what=what, lines=lines), where=str(node)
    )


def remove(server: Server, cluster: Cluster, node: Node) -> None:
    """Remove the node's worker, if there is one, whatever number the node had when it was started;
    and the bundle of one that was started by hand. Raises DskError."""
    containers.remove(server, cluster, node, f"dsk.host={node.host}")
