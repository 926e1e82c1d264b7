"""What keeps a server from being a node, and how that is put right. Pure."""

from __future__ import annotations

import shlex

from dsk.cluster.model import Cluster, Node, User
from dsk.connect.engine import INSTALL, engine_error
from dsk.errors import DskError, UserError
from dsk.servers import driver
from dsk.servers.probe import Probe
from dsk.text import Text

ANY = "0.0.0.0"  # noqa: S104 - compared, not bound
COMPOSE_PLUGIN = Text(
    "there: sudo apt-get install docker-compose-plugin (Docker's own packages) or "
    "docker-compose-v2 (Ubuntu's); otherwise {install}"
).filled(install=INSTALL)


def problem(cluster: Cluster, node: Node, probe: Probe) -> DskError | None:
    """The first thing that is missing on the node; what comes after it often follows from it."""
    where = str(node)
    if probe.docker.returncode:
        return engine_error(probe.docker.error, where)
    if probe.compose.returncode or probe.compose.text.lstrip("v").startswith("1."):
        return DskError(Text("Docker Compose v2 is missing"), where=where, fix=COMPOSE_PLUGIN)
    if cluster.devices.server_devices and (found := _gpu_problem(cluster, node, probe)):
        return found
    if cluster.user and (found := _user_problem(cluster, node, probe, cluster.user)):
        return found
    return _port_problem(cluster, node, probe)


def _user_problem(cluster: Cluster, node: Node, probe: Probe, user: User) -> UserError | None:
    """What keeps the workers' user from its keys and from the workspace."""
    uid, _, _ = probe.login.partition(":")
    if uid not in ("0", str(user.uid)):
        return UserError(
            Text(
                "dsk logs in there as uid {uid}, but the worker would run as {user}, which "
                "cannot read the keys that dsk puts there"
            ).filled(uid=uid, user=user),
            where=str(node),
            fix=Text(
                'write user: "{login}" in dsk.yaml, or log in as root or as uid {uid} (ssh.user)'
            ).filled(login=probe.login, uid=user.uid),
        )
    if probe.unwritable:
        folder = cluster.workspace_source(node)
        places = [folder / place for place in probe.unwritable]
        # Not all that is in the workspace: it may hold files of others, which stay theirs.
        commands = [
            f"chown {'' if place == folder else '-R '}{user} {shlex.quote(str(place))}"
            for place in places
        ]
        return UserError(
            Text("the workers run as {user} (user), which may not write {places}").filled(
                user=user, places=", ".join(map(str, places))
            ),
            where=str(node),
            fix=Text("there, as root: {commands}").filled(commands=" && ".join(commands)),
        )
    return None


def _gpu_problem(cluster: Cluster, node: Node, probe: Probe) -> DskError | None:
    where = str(node)
    devices = cluster.devices
    if probe.devices == 0:
        return DskError(
            Text("no {maker} driver is loaded there").filled(maker=devices.maker),
            where=where,
            fix=Text(
                "install the driver ({tool} must work), or set accelerator: cpu in dsk.yaml"
            ).filled(tool=devices.tool),
        )
    if cluster.demo and probe.devices < cluster.world_size:
        return DskError(
            Text("--gpus needs {world_size} GPUs on this machine, which has {devices}").filled(
                world_size=cluster.world_size, devices=probe.devices
            ),
            fix=Text("dsk demo, which trains on CPUs"),
        )
    if probe.devices < node.slots:
        return UserError(
            Text("slots: {slots}, but the server has {devices} GPU(s)").filled(
                slots=node.slots, devices=probe.devices
            ),
            where=where,
            fix=Text("set slots: {devices} in dsk.yaml (nodes[{index}])").filled(
                devices=probe.devices, index=node.index
            ),
        )
    if devices.runtime and not probe.runtime:
        return DskError(
            Text("the {maker} container toolkit is missing").filled(maker=devices.maker),
            where=where,
            fix=Text("there: {runtime_install}").filled(runtime_install=devices.runtime_install),
        )
    if not probe.image:
        return None
    return driver.problem(devices, probe.image.labels, probe.driver, where)


def _port_problem(cluster: Cluster, node: Node, probe: Probe) -> DskError | None:
    """Demo workers listen on addresses of their own; a running worker is what listens itself."""
    if cluster.demo or (probe.worker and probe.worker.running):
        return None
    port = cluster.worker_port
    for address in (node.host, ANY):
        if (address, port) in probe.listening:
            return DskError(
                Text("port {port} on {address} is already in use").filled(
                    port=port, address=address
                ),
                where=str(node),
                fix=Text(
                    "stop the process that uses it (there: sudo ss -ltnp 'sport = :{port}'), or "
                    "choose another worker_port in dsk.yaml"
                ).filled(port=port),
            )
    return None
