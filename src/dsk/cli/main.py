"""`dsk`: the group of commands, and what becomes of errors. Imports click and nothing heavier."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import click

from dsk import __version__
from dsk.cli.context import Context
from dsk.cli.lazy import LazyGroup
from dsk.cli.printing import BROKEN_PIPE, colourless, echo, prepare, reader_gone
from dsk.errors import INTERRUPTED, DskError
from dsk.text import Text

# Each in a module of its own name, as `command`. The help stands here as well, so that `dsk --help`
# need not import them; a test compares.
COMMANDS = {
    "init": "Write a dsk.yaml for HOST[:SLOTS] …",
    "render": "Write each node's bundle: the folder that `docker compose up -d` needs there.",
    "up": "Bring every node up: image, keys and a worker that one can log in to.",
    "keys": "Show the key for DSK_AUTHORIZED_KEY, and the workers' host keys that are known.",
    "check": "Find what would make a job fail, on all nodes, and say how to fix it.",
    "launch": "Train TRAIN.YAML, LLaMA-Factory's own file, on all nodes.",
    "tune": "Find the settings with which TRAIN.YAML trains fastest, by a few steps with each.",
    "status": "Show the worker on every node, and the jobs.",
    "metrics": "Print the nodes, workers and jobs as metrics in Prometheus' text format.",
    "logs": "Show the output and events of JOB, or of the newest one.",
    "diagnose": "Tell why JOB failed, by default the newest that did, or why LOGFILE's run did.",
    "report": "Write what is known of JOB, by default the newest one, as one HTML page.",
    "stop": "End JOB, or the one that runs, on all nodes.",
    "notify": "Show where messages about jobs are sent, and with --test whether they arrive.",
    "push": "Copy PATH in the master's workspace to the other nodes' workspaces.",
    "pull": "Copy what the other nodes have at PATH in their workspaces to the master's.",
    "image": "Compare, send, save and load the workers' image.",
    "exec": "Run COMMAND in the workers, on all nodes side by side.",
    "down": "Remove the workers and their keys from the nodes, also of workers started by hand.",
    "completion": "Print the script that completes commands, options and nodes in SHELL.",
    "demo": "Train a tiny model on two nodes on this machine: no GPU, no download needed.",
}
DEFECT = Text("this is a defect of dsk; report what the same command shows with `dsk --debug`")


@click.group(
    cls=LazyGroup,
    package="dsk.cli",
    modules=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option(
    "-f",
    "--file",
    type=click.Path(path_type=Path),
    default="dsk.yaml",
    show_default=True,
    envvar="DSK_FILE",
    help="The cluster file.",
)
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.version_option(__version__, prog_name="dsk")
@click.pass_context
def dsk(ctx: click.Context, *, file: Path, debug: bool) -> None:
    """Multi-node LLaMA-Factory and DeepSpeed training: one image, one file, one command.

    \b
    dsk init 10.0.0.11:4 10.0.0.12:4     write dsk.yaml
    dsk up                               bring both nodes up
    dsk launch train.yaml                train
    """  # noqa: D301 - click wants the character \b itself
    ctx.obj = Context(file.absolute(), debug)
    if colourless():
        ctx.color = False  # of what click itself prints


def main() -> None:
    """Exit codes: 0 done, 1 failed, 2 wrong input, 3 node or engine unreachable, 130 Ctrl-C."""
    debug = "--debug" in sys.argv
    prepare()
    stdout = sys.stdout
    try:
        code = dsk.main(standalone_mode=False)
    except SystemExit:
        if sys.stdout is not stdout:  # by click, which found its reader gone, and exits with 1
            sys.exit(BROKEN_PIPE)
        raise
    except click.ClickException as error:
        said = io.StringIO()
        error.show(file=said)
        echo(said.getvalue().rstrip("\n"), err=True)
        code = error.exit_code
        _show_json(error.format_message(), code)
    except DskError as error:
        from dsk.cli.errors import show

        _show_json(error.message, error.exit_code, error.where, error.fix)
        if debug:
            _show_traceback()
        else:
            show(error)
        code = error.exit_code
    except (KeyboardInterrupt, click.Abort):
        echo(Text("interrupted"), err=True)
        code = INTERRUPTED
    except BrokenPipeError:
        reader_gone()
    except Exception as error:
        what = Text("unexpected {kind}: {said}").filled(kind=type(error).__name__, said=error)
        defect = DskError(what, fix=DEFECT)
        code = defect.exit_code
        _show_json(defect.message, code, fix=defect.fix)
        if debug:
            _show_traceback()
        else:
            from dsk.cli.errors import show

            show(defect)
    sys.exit(code if isinstance(code, int) else 0)


def _show_json(
    message: str, exit_code: int, where: str | None = None, fix: str | None = None
) -> None:
    from dsk.cli.errors import asked_for_json, show_as_json

    if asked_for_json(dsk, sys.argv[1:]):
        show_as_json(message, exit_code, where, fix)


def _show_traceback() -> None:
    import traceback

    echo(traceback.format_exc().rstrip("\n"), err=True)
