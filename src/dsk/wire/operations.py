"""What a supervisor, or a transfer, asks the agents in the workers, and what they answer.

Every agent answers the requests up to DeleteFiles (dsk.agent.node), a job's own agent also those
after it (dsk.agent.job). Each limit is in seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from dsk.text import Text
from dsk.wire.jobspec import Needed
from dsk.wire.news import News
from dsk.wire.request import Request
from dsk.wire.transfer import Listing

LIMIT_S = 20.0
"""For what needs no more than a look at a disk."""
DEVICES_LIMIT_S = 40.0
"""The agent itself gives up on a driver after 30 s."""
START_LIMIT_S = 30.0
STACKS_LIMIT_S = 12.0
END_LIMIT_S = 15.0
"""An agent needs 10 s at most."""
FILES_LIMIT_S = 600.0


@dataclass(frozen=True)
class Identity:
    """What a worker is. `content_id` and `stack` are its image's; `workspace`: whether that is a
    folder that can be written to. Of an agent with another protocol, only that counts."""

    protocol: int
    content_id: str = ""
    stack: Mapping[str, Any] | None = None
    accelerator: str = ""
    workspace: bool = False


@dataclass(frozen=True)
class AskIdentity(Request[Identity], op="identity", limit_s=LIMIT_S):
    """Its name is the same in every protocol."""


@dataclass(frozen=True)
class Devices:
    """How many accelerators a rank would find, None where that is for the user to say. `problem` is
    what was wrong where too few were found."""

    count: int | None
    problem: Text | None = None


@dataclass(frozen=True)
class CountDevices(Request[Devices], op="count_devices", limit_s=DEVICES_LIMIT_S):
    """`kind` is the accelerator of dsk.yaml."""

    kind: str


@dataclass(frozen=True)
class PutFile(Request[str], op="put_file", limit_s=LIMIT_S):
    """Writes a file of the job's; the answer is the SHA-256 of what is then on the disk."""

    name: str
    text: str


@dataclass(frozen=True)
class FindChanged(Request[tuple[str, ...]], op="find_changed", limit_s=LIMIT_S):
    """Paths of those of the job's files that do not have that SHA-256 any more."""

    files: Mapping[str, str]


@dataclass(frozen=True)
class Marker(Request[bool], op="marker", limit_s=LIMIT_S):
    """A file that only nodes with the same disk see; the answer is whether it is there."""

    name: str
    action: Literal["make", "look", "remove"]


@dataclass(frozen=True)
class FindMissing(Request[tuple[Text, ...]], op="find_missing", limit_s=LIMIT_S):
    """A sentence for each thing that the job needs and that is not there."""

    needed: tuple[Needed, ...]


@dataclass(frozen=True)
class ListCheckpoints(
    Request[tuple[tuple[int, bool], ...]], op="list_checkpoints", limit_s=LIMIT_S
):
    """As wire.checkpoints has them."""

    folder: str


@dataclass(frozen=True)
class ReservePort(Request[int], op="reserve_port", limit_s=LIMIT_S):
    """A port for the rendezvous; the one that was reserved before is given up."""

    host: str


@dataclass(frozen=True)
class ListFiles(Request[Listing], op="list_files", limit_s=FILES_LIMIT_S):
    """Of these paths in the workspace and all below."""

    paths: tuple[str, ...]


@dataclass(frozen=True)
class HashFiles(Request[tuple[str | None, ...]], op="hash_files", limit_s=FILES_LIMIT_S):
    """SHA-256 of each, None where it cannot be read. Whoever asks has a limit by their size."""

    paths: tuple[str, ...]


@dataclass(frozen=True)
class DeleteFiles(Request[int], op="delete_files", limit_s=FILES_LIMIT_S):
    """How many there were."""

    paths: tuple[str, ...]


@dataclass(frozen=True)
class TakeLock(Request[None], op="take_lock", limit_s=LIMIT_S):
    """The job has the worker from then on. Refused with `busy` where another job has it."""


@dataclass(frozen=True)
class RankSpec:
    """`env` is laid over the agent's own environment; it may hold secrets."""

    rank: int
    argv: tuple[str, ...]
    env: Mapping[str, str]


@dataclass(frozen=True)
class ColdStart:
    """A rank that could not be forked from the worker's warm process, and why."""

    rank: int
    reason: Text


@dataclass(frozen=True)
class StartRanks(Request[tuple[ColdStart, ...]], op="start_ranks", limit_s=START_LIMIT_S):
    """All or none. The answer has those that were to be forked, and are not."""

    attempt: int
    ranks: tuple[RankSpec, ...]


@dataclass(frozen=True)
class WatchRanks(Request[None], op="watch_ranks", limit_s=LIMIT_S):
    """Somebody else starts the ranks of this attempt, and lets them write into files here."""

    attempt: int


@dataclass(frozen=True)
class AskNews(Request[News], op="news", limit_s=LIMIT_S):
    """What is new of `attempt`: lines from `offsets` (pairs of rank and offset; 0 where a rank is
    not named), exits where there are more than `exits`, a report with a higher number than
    `report`. The agent waits up to `wait` seconds for any of it."""

    attempt: int
    offsets: tuple[tuple[int, int], ...]
    exits: int
    report: int
    wait: float


@dataclass(frozen=True)
class RankStack:
    """`state` as in proc(5); `text` is py-spy's, or a sentence why there is none."""

    rank: int
    state: str | None
    text: str


@dataclass(frozen=True)
class ReadStacks(Request[tuple[RankStack, ...]], op="read_stacks", limit_s=STACKS_LIMIT_S):
    """Of every rank that lives."""


@dataclass(frozen=True)
class RequestSave(Request[bool], op="request_save", limit_s=LIMIT_S):
    """Rank 0, on this node, is to have all ranks save and end: wire.saving. The answer is whether
    `attempt` is the one that runs there."""

    attempt: int
    number: int


@dataclass(frozen=True)
class EndRanks(Request[int], op="end_ranks", limit_s=END_LIMIT_S):
    """How many processes of the job would not end. No rank of `attempt`, or of an earlier one, is
    started after that."""

    attempt: int


@dataclass(frozen=True)
class Close(Request[None], op="close", limit_s=END_LIMIT_S):
    """Ends what the job has in the worker, and the agent."""
