"""`dsk-agent`: what runs in a worker when somebody asks it something."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path

from dsk.text import Text
from dsk.wire import paths
from dsk.wire.session import AGENT_HANGS, NO_AGENT


def _session(args: argparse.Namespace) -> None:
    from dsk.agent.session import serve

    serve(args.workspace, args.job)


def _job(args: argparse.Namespace) -> None:
    from dsk.agent import bridge

    if why := _hanging(args.job):
        _tell(why)
        sys.exit(AGENT_HANGS)
    try:
        if args.start:
            bridge.start(args.workspace, args.job)
        bridge.join(args.job)
    except (FileNotFoundError, ConnectionRefusedError):
        from dsk.agent import aftermath

        why = aftermath.why_gone(args.job)
        # Ranks whose agent was killed have nobody else.
        aftermath.end(args.job)
        _tell(why)
        sys.exit(NO_AGENT)


def _hanging(job: str) -> Text | None:
    """Why the job's agent does not run, where it lives."""
    if not Path(paths.agent_note(job)).exists():  # as at each launch, which waits for this
        return None
    from dsk.agent import aftermath

    return aftermath.hanging(job)


def _tell(text: Text) -> None:
    """For the supervisor's connection, one line."""
    print(json.dumps(asdict(text)), file=sys.stderr)


def _daemon(args: argparse.Namespace) -> None:
    from dsk.agent.daemon import serve

    serve(args.socket, args.workspace, args.job)


def _content_id(args: argparse.Namespace) -> None:
    from dsk.agent import content_id

    files = content_id.content_files()
    sys.stdout.write(content_id.listing(files) if args.files else f"{content_id.digest(files)}\n")


def _verify(args: argparse.Namespace) -> None:
    from dsk.agent.verify import facts

    print(facts(deep=args.deep).to_json())


def _host_key(_: argparse.Namespace) -> None:
    try:
        print(Path(paths.KNOWN_HOST).read_text(encoding="utf-8").strip())
    except FileNotFoundError:
        sys.exit("no worker has been started here: entrypoint.sh worker makes the host key")


def _holder(_: argparse.Namespace) -> None:
    from dsk.agent import lock

    print(lock.holder() or "")


def _end(args: argparse.Namespace) -> None:
    from dsk.agent import aftermath, processes

    left = aftermath.end(args.job) if args.with_agent else processes.end_job(args.job)
    print(left)
    sys.exit(1 if left else 0)


def _warm(_: argparse.Namespace) -> None:
    from dsk.agent import warmstart

    if state := warmstart.look():
        sys.stdout.buffer.write(state.encode() + b"\n")


def _jobs(args: argparse.Namespace) -> None:
    from dsk.agent import jobfolder

    print(json.dumps(jobfolder.statuses(args.workspace), ensure_ascii=False))


def _logs(args: argparse.Namespace) -> None:
    from dsk.agent.joblog import stream
    from dsk.wire.position import ASKED_FOR, Position

    since = args.since if args.ago is None else time.time() - args.ago
    for line in stream(
        args.workspace,
        args.job,
        follow=args.follow,
        since=since,
        after=Position.parse(args.after) if args.after else None,
        positions=ASKED_FOR in os.environ,
    ):
        sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()


def _registry(args: argparse.Namespace) -> None:
    from dsk.agent.registry.serve import serve

    sys.exit(serve(args.host, args.repository, args.platform, args.layers, args.image))


WITHOUT_OPTIONS = (
    ("host-key", _host_key, "print this worker's line for known_hosts"),
    ("holder", _holder, "print the job that has this worker, if one has"),
    ("warm", _warm, "print how the warm process is, as JSON"),
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="dsk-agent", description=__doc__)
    commands = parser.add_subparsers(required=True)

    for name, run, text in WITHOUT_OPTIONS:
        commands.add_parser(name, help=text).set_defaults(run=run)

    command = commands.add_parser("session", help="serve one supervisor on stdin and stdout")
    command.add_argument("--workspace", required=True)
    command.add_argument("--job", required=True)
    command.set_defaults(run=_session)

    command = commands.add_parser("job", help="join stdin and stdout to the agent of a job")
    command.add_argument("--start", action="store_true", help="start that agent")
    command.add_argument("--workspace", required=True)
    command.add_argument("--job", required=True)
    command.set_defaults(run=_job)

    command = commands.add_parser("daemon", help="be the agent of a job, on an open socket")
    command.add_argument("socket", type=int, metavar="FD")
    command.add_argument("--workspace", required=True)
    command.add_argument("--job", required=True)
    command.set_defaults(run=_daemon)

    command = commands.add_parser("content-id", help="print what identifies this image's content")
    command.add_argument("--files", action="store_true", help="the files that it stands for")
    command.set_defaults(run=_content_id)

    command = commands.add_parser("verify", help="print what this image holds, as JSON")
    command.add_argument("--deep", action="store_true", help="read every file of every package")
    command.set_defaults(run=_verify)
    command = commands.add_parser("end", help="end every process that carries this job's label")
    command.add_argument("--with-agent", action="store_true", help="first the agent, which hangs")
    command.set_defaults(run=_end)
    command.add_argument("job")

    command = commands.add_parser("jobs", help="print the status of the jobs in a workspace")
    command.add_argument("--workspace", required=True)
    command.set_defaults(run=_jobs)

    command = commands.add_parser("logs", help="print a job's events")
    command.add_argument("--workspace", required=True)
    command.add_argument("--follow", action="store_true")
    command.add_argument("--since", type=float, help="seconds since the epoch")
    command.add_argument("--after", help="a position that this command has printed")
    command.add_argument("--ago", type=float, help="seconds, by this node's clock")
    command.add_argument("job")
    command.set_defaults(run=_logs)

    command = commands.add_parser("registry", help="serve a `docker save` stream until stdin ends")
    command.add_argument("--image", required=True, metavar="PIPE", type=Path)
    command.add_argument("--host", required=True)
    command.add_argument("--repository", required=True)
    command.add_argument("--platform", required=True)
    command.set_defaults(run=_registry)
    command.add_argument("layers", nargs="+", metavar="DIFF_ID")

    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
