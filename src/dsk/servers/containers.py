"""Containers of dsk on a server, found by their labels."""

from __future__ import annotations

from dsk.cluster.model import Cluster, Node
from dsk.connect import Server
from dsk.errors import DskError
from dsk.text import Text

REMOVE_LIMIT_S = 180.0

# A worker started by hand has its bundle, with private keys, in a folder that Compose put into a
# label. Only the bundle's own files are removed there, and the folder if nothing else is in it.
REMOVE = r"""
set -e
found=$(docker ps --all --quiet --filter "label=dsk.cluster=$1" --filter "label=$2")
[ -n "$found" ] || exit 0
folders=$(docker inspect \
  --format '{{index .Config.Labels "com.docker.compose.project.working_dir"}}' $found)
docker rm --force --volumes $found >/dev/null
printf '%s\n' "$folders" | sort -u | while IFS= read -r folder; do
  case $folder in '' | "$HOME/.dsk/$1"/*) continue ;; esac
  grep -Eqsx " *dsk.cluster: '?$1'?" "$folder/compose.yaml" || continue
  cd "$folder"
  rm -f -- compose.yaml hostfile deepspeed_env job_env.json passwd group train.yaml \
    ssh/host_ed25519_key ssh/authorized_keys ssh/id_ed25519 ssh/known_hosts ssh/config
  cd /
  rmdir -- "$folder/ssh" "$folder" 2>/dev/null || true
done
"""


def remove(server: Server, cluster: Cluster, node: Node, label: str) -> None:
    """Removes the cluster's containers with `label`. Raises DskError."""
    argv = ["sh", "-c", REMOVE, "dsk", cluster.name, label]
    done = server.run(argv, timeout=REMOVE_LIMIT_S)
    if done.returncode:
        raise DskError(
            Text("the worker cannot be removed: {error}").filled(error=done.error), where=str(node)
        )
