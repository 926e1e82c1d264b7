"""`dsk init`: the cluster file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dsk.accelerators import names
from dsk.cli.context import Context, pass_context
from dsk.cli.language import preferred
from dsk.cli.printing import echo
from dsk.cluster.model import DEFAULT_WORKSPACE
from dsk.errors import UserError
from dsk.text import Text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dsk.cluster.model import Cluster
    from dsk.connect.outcome import Outcome
    from dsk.survey.server import ServerFacts

GB = 1e9
NOTE = Text("note:")
NO_SLOTS = 1
"""Stands for a number of slots that is not known yet, until the servers are asked."""


@click.command()
@click.argument("hosts", nargs=-1, metavar="[HOST[:SLOTS]]...")
@click.option(
    "--hostfile",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Take hosts and slots from DeepSpeed's hostfile.",
)
@click.option("--name", default="lab", show_default=True, help="The cluster's name.")
@click.option("--image", help="The workers' image.")
@click.option("--workspace", help="Absolute path on every node; by default where there is room.")
@click.option("--accelerator", type=click.Choice(names()), help="cuda if not given.")
@click.option("--user", help="Login on the servers.  [default: root]")
@click.option("--port", type=int, help="Port of the servers' sshd.  [default: 22]")
@click.option("--key", help="Private key for the servers.")
@click.option(
    "--in-place",
    is_flag=True,
    help="The servers are containers of the image, without an engine; this is the first.",
)
@click.option("--full", is_flag=True, help="Write every key, with its meaning.")
@click.option("--force", is_flag=True, help="Overwrite a file that is there.")
@pass_context
def command(
    context: Context,
    /,
    hosts: tuple[str, ...],
    *,
    hostfile: Path | None,
    in_place: bool,
    full: bool,
    force: bool,
    **given: Any,
) -> None:
    """Write a dsk.yaml for HOST[:SLOTS] …

    The first host is the master. Names are looked up. Over SSH, where that is possible, the servers
    are asked for their GPUs, interface and disks; the file is written either way.
    """
    from dsk.cluster import write
    from dsk.cluster.parse import parse
    from dsk.files import write_atomic

    if context.file.exists() and not force:
        raise UserError(
            Text("exists already"),
            where=context.file.name,
            fix=Text("dsk init --force … overwrites it"),
        )
    slots = _slots(hosts, hostfile)
    if in_place:
        values = _values_in_place(slots, given)
    else:
        values = _values(slots, given)
        cluster = parse(write.short(values), context.file, written=False)
        _ask_servers(cluster, values, slots)
    text = write.full(values) if full else write.short(values)
    parse(text, context.file, written=False)
    write_atomic(context.file, text.encode())
    command = "dsk keys" if in_place else "dsk up"
    echo(Text("wrote {file}; next: {command}").filled(file=context.file.name, command=command))


def _slots(hosts: Sequence[str], hostfile: Path | None) -> dict[str, int | None]:
    """Address to slots, None where the user named none."""
    from dsk.cluster import hostfile as reader
    from dsk.cluster.userfile import decode
    from dsk.connect.addresses import lan_address

    if bool(hosts) == bool(hostfile):
        raise click.UsageError("name the hosts, or a --hostfile: dsk init 10.0.0.11:4 10.0.0.12:4")
    named: dict[str, int | None] = {}
    text = decode(hostfile.read_bytes(), str(hostfile)) if hostfile else ""
    if hostfile:
        named.update(reader.parse(text, str(hostfile)))
    for word in hosts:
        name, colon, number = word.rpartition(":") if ":" in word else (word, "", "")
        reader.check_host(name, word, int(number) if number.isdecimal() else None)
        if not name or (colon and not number.isdecimal()):
            raise UserError(
                Text("{word!r} is not HOST:SLOTS").filled(word=word),
                fix=Text("write e.g. 10.0.0.11:4"),
            )
        if name in named:
            raise UserError(
                Text("{name} is named twice").filled(name=name), fix=Text("name each server once")
            )
        named[name] = int(number) if colon else None
    found: dict[str, int | None] = {}
    for name, number_of_slots in named.items():
        address = lan_address(name, reader.place_of(name, text, str(hostfile)) if text else None)
        if address != name:
            echo(Text("{name} is {address}").filled(name=name, address=address))
        if address in found:
            raise UserError(
                Text("{name} is {address}, the same address as another name's").filled(
                    name=name, address=address
                ),
                where=name,
            )
        found[address] = number_of_slots
    return found


def _values(slots: Mapping[str, int | None], given: Mapping[str, Any]) -> dict[str, Any]:
    from dsk.connect.addresses import is_here

    nodes = []
    for host, number in slots.items():
        node: dict[str, Any] = {"host": host, "slots": NO_SLOTS if number is None else number}
        if is_here(host):
            echo(Text("{host} is this machine: dsk reaches it without SSH").filled(host=host))
            node["ssh"] = "local"
        nodes.append(node)
    top = {key: given[key] for key in ("image", "accelerator", "workspace") if given[key]}
    values = {"name": given["name"], **top, "nodes": nodes}
    if ssh := {key: given[key] for key in ("user", "port", "key") if given[key] is not None}:
        values["ssh"] = ssh
    return values


def _values_in_place(slots: Mapping[str, int | None], given: Mapping[str, Any]) -> dict[str, Any]:
    """No server can be asked before the host keys are exchanged."""
    if useless := [f"--{key}" for key in ("user", "port", "key", "image") if given[key]]:
        raise click.UsageError(f"{useless[0]} says nothing with --in-place: workers start by hand")
    _check_slots([host for host, number in slots.items() if number is None])
    chosen = {key: given[key] for key in ("accelerator", "workspace") if given[key]}
    nodes = [{"host": host, "slots": number} for host, number in slots.items()]
    return {
        "name": given["name"],
        "workspace": str(DEFAULT_WORKSPACE),
        **chosen,
        "in_place": True,
        "nodes": nodes,
    }


def _check_slots(unknown: Sequence[str]) -> None:
    if unknown:
        raise UserError(
            Text("the number of GPUs to use is not known for {unknown}").filled(
                unknown=", ".join(unknown)
            ),
            fix=Text("write it after the host: {unknown}:4").filled(unknown=unknown[0]),
        )


def _ask_servers(cluster: Cluster, values: dict[str, Any], slots: Mapping[str, int | None]) -> None:
    """Completes `values` with what the servers say, and tells what they do not."""
    from dsk.checks.registry import INIT, facts_for, first_error
    from dsk.servers.proposal import ask_all, propose_workspace

    outcomes = ask_all(cluster, cluster.state_dir / "known_hosts", facts_for(INIT))
    for outcome in outcomes:
        echo(Text("{node}: {told}").filled(node=outcome.node, told=_told(outcome)))
        there = outcome.value
        if there and (problem := first_error(cluster, outcome.node, there, INIT)):
            echo(f"{NOTE.in_language(preferred())} {problem.in_language(preferred())}")
    unknown = []
    for outcome, entry in zip(outcomes, values["nodes"], strict=True):
        if slots[outcome.node.host] is not None:
            continue
        if outcome.value and outcome.value.gpu_devices:
            entry["slots"] = outcome.value.gpu_devices
        else:
            unknown.append(outcome.node.host)
    _check_slots(unknown)
    if "workspace" not in values:
        found = [outcome.value for outcome in outcomes if outcome.value]
        proposal = propose_workspace(found)
        values["workspace"] = str(proposal.workspace)
        if proposal.refused:
            text = Text(
                "{folder} has more free space, but a workspace cannot be there: the worker has the "
                "image's own files under that path"
            )
            echo(text.filled(folder=proposal.refused))
        text = Text("workspace: {folder} (--workspace chooses another)")
        echo(text.filled(folder=values["workspace"]))


def _told(outcome: Outcome[ServerFacts]) -> Text:
    found = outcome.value
    if found is None:
        why = outcome.error.told if outcome.error else Text("no answer")
        return Text("not asked for GPUs, interface and disks: {why}").filled(why=why)
    interface = found.interface or Text("no interface with {host}!").filled(host=outcome.node.host)
    disks = ", ".join(f"{mount} {free / GB:.0f} GB" for mount, free in found.disks.items())
    return Text("{gpus} GPUs; {interface}; free: {disks}").filled(
        gpus=found.gpu_devices, interface=interface, disks=disks or Text("unknown")
    )
