"""`dsk render`: the bundles for `docker compose up -d` by hand."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dsk.bundle.model import RECIPE
from dsk.cli.context import Context, pass_context
from dsk.cli.printing import echo
from dsk.text import Text, joined, verbatim

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from dsk.cluster.model import Cluster, Node
    from dsk.jobs.stacks import Stack

BY_HAND_PORT = 29500


RECIPE_PLACE = f"/run/dsk/bundle/{RECIPE}"
"""In every worker."""
TO_WRITE = Text(
    "That file must be on every node, with absolute paths for model, output_dir and dataset_dir "
    "(unless the model is a hub's), and deepspeed as the path of a JSON file, such as "
    "/opt/llamafactory/examples/deepspeed/ds_z2_config.json; `dsk render train.yaml` writes such a "
    "file."
)
WRITTEN = Text("{file} is your train.yaml as dsk launch resolves it.")
NOT_LOOKED_UP = Text(
    "By hand, nothing looks these up later: write the absolute path of what is in the workspace."
)


@click.command()
@click.argument("train_file", metavar="[TRAIN.YAML]", required=False)
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Where to write; .dsk/bundle beside dsk.yaml otherwise.",
)
@pass_context
def command(
    context: Context, train_file: str | None, overrides: tuple[str, ...], *, output: Path | None
) -> None:
    """Write each node's bundle: the folder that `docker compose up -d` needs there.

    With TRAIN.YAML, each bundle also holds it as `dsk launch` would pass it to LLaMA-Factory, for
    the printed line that starts DeepSpeed by hand. Nothing is contacted. The bundles hold private
    keys: move them as you would move a password.
    """
    from dsk.bundle import BundleFile, render
    from dsk.fleet.bundles import write_bundles
    from dsk.jobs.planning import Request, plan
    from dsk.jobs.stacks import stack_for
    from dsk.recipe import load_train_file
    from dsk.recipe.describe import describe_changes, describe_unchecked
    from dsk.servers.keys import ensure_keys

    cluster = context.cluster_with_engines()
    stack, note = stack_for(cluster.image)
    recipe = None
    if train_file:
        request = Request(cluster, load_train_file(train_file), overrides)
        recipe = plan(request, stack.keys).recipe
    keys = ensure_keys(cluster, echo)
    bundles = render(cluster, keys)
    if recipe:
        text = BundleFile(recipe.to_yaml())
        bundles = {index: {**bundle, RECIPE: text} for index, bundle in bundles.items()}
    paths = write_bundles(output or cluster.state_dir / "bundle", bundles)
    parts = [_instructions(cluster, paths, stack, resolved=recipe is not None)]
    if recipe and recipe.unchecked:
        parts = [describe_unchecked(recipe), NOT_LOOKED_UP, *parts]
    if recipe:
        parts = [describe_changes(recipe), *parts]
    echo(joined(parts, "\n\n"))
    if note:
        echo(Text("note: {note}").filled(note=note), err=True)


def _instructions(
    cluster: Cluster, paths: Mapping[int, Path], stack: Stack, *, resolved: bool
) -> Text:
    parent = f".dsk/{cluster.name}"
    last = cluster.nodes[-1]
    source = shlex.quote(str(paths[last.index]))
    example = [
        Text("such as:"),
        verbatim(f"ssh {last.host} mkdir -p -m 700 .dsk {parent}"),
        verbatim(f"scp -rp {source} {last.host}:{parent}/"),
    ]
    started = verbatim(
        f"docker exec -it dsk-{cluster.name}-{cluster.master.name} "
        f"{by_hand(cluster, stack, resolved=resolved)}"
    )
    ups = [f"{_owned(cluster)}docker compose up -d"] * len(cluster.nodes)
    downs = [f"docker compose down && cd && rm -r {parent}/{node.name}" for node in cluster.nodes]
    steps = [
        Text(
            "1. Copy each folder to its node, to the path shown, by any way that keeps the modes:"
        ),
        _lines(_copied(cluster, node, paths[node.index]) for node in cluster.nodes),
        _lines(example),
        _started_as(cluster),
        _lines(_in_folders(cluster, ups)),
        Text(
            "3. On the master, in the folder of your dsk.yaml: dsk launch train.yaml\n"
            "   or without dsk, as DeepSpeed is started everywhere:"
        ),
        _lines([started]),
        _lines([WRITTEN.filled(file=RECIPE_PLACE) if resolved else TO_WRITE]),
        Text(
            "4. To stop the workers and remove their keys: dsk down, where dsk reaches the servers;"
            " or on each node:"
        ),
        _lines(_in_folders(cluster, downs)),
    ]
    return joined(steps, "\n\n")


def _lines(texts: Iterable[Text]) -> Text:
    """Return the texts below each other, indented."""
    return joined((Text("   {text}").filled(text=text) for text in texts), "\n")


def _copied(cluster: Cluster, node: Node, source: Path) -> Text:
    master = "  (master)" if node == cluster.master else ""
    way = f"{shlex.quote(str(source))}  ->  ~/.dsk/{cluster.name}/{node.name}"
    return verbatim(f"{node.name}  {node.host}{master}  {way}")


def _started_as(cluster: Cluster) -> Text:
    if not cluster.user:
        text = Text("2. There, with the image {image} in the node's engine:")
        return text.filled(image=cluster.image)
    text = Text(
        "2. There, as root (the workers run as {user}), with the image {image} in the node's"
        " engine:"
    )
    return text.filled(user=cluster.user, image=cluster.image)


def _in_folders(cluster: Cluster, commands: Iterable[str]) -> Iterator[Text]:
    """Yield each node's command, in the node's folder of its bundle."""
    for node, command in zip(cluster.nodes, commands, strict=True):
        yield verbatim(f"{node.name}  cd ~/.dsk/{cluster.name}/{node.name} && {command}")


def _owned(cluster: Cluster) -> str:
    """What gives the workers' user its bundle and the workspace."""
    if not cluster.user:
        return ""
    owner = f"-o {cluster.user.uid} -g {cluster.user.gid}"
    workspace = shlex.quote(str(cluster.workspace))
    return f"chown -R {cluster.user} . && install -d {owner} {workspace} && "


def by_hand(cluster: Cluster, stack: Stack, *, resolved: bool) -> str:
    """Return DeepSpeed's usual command, for the master's worker. It is right for one node as well:
    the runner then starts the ranks itself."""
    arguments = [
        "deepspeed",
        "--hostfile=/run/dsk/bundle/hostfile",
        f"--master_addr={cluster.master.host}",
        f"--master_port={BY_HAND_PORT}",
        f"--ssh_port={cluster.worker_port}",
        *stack.train_entry,
        RECIPE_PLACE if resolved else f"{cluster.workspace}/{RECIPE}",
    ]
    return shlex.join(arguments)
