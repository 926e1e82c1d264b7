"""What is known of one job: the files of its folder, read, with what is missing in them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

import yaml

from dsk.recipe.redaction import redact
from dsk.text import Text
from dsk.wire import paths, samples
from dsk.wire.events import FINAL_STATES, Attempt, Event, Finished, decode
from dsk.wire.reading import read
from dsk.wire.samples import NodeSample, TrainerSample, Versions
from dsk.wire.status import JobStatus
from dsk.wire.tagged import UnknownKind

RECIPE = "recipe.yaml"
FILES = (
    paths.EVENTS,
    paths.STATUS,
    samples.FIGURES,
    samples.TRAINER,
    samples.VERSIONS,
    RECIPE,
)
"""Of a job's folder, what a report is made of."""

MOST = 1 << 53
"""Integers up to this are exact as floating-point numbers."""
T = TypeVar("T")
_NOT_THERE = {
    paths.EVENTS: Text("{name} is not there: phases, attempts and events are not known"),
    samples.FIGURES: Text(
        "{name} is not there: the figures of GPUs, hosts and network are not known (jobs of older "
        "versions of dsk do not have them)"
    ),
    samples.TRAINER: Text(
        "{name} is not there: LLaMA-Factory has logged nothing yet, or not on the master; the loss "
        "is from the events, the learning rate is not known"
    ),
    samples.VERSIONS: Text("{name} is not there: versions are not known"),
    RECIPE: Text("{name} is not there: the recipe is not known"),
}
_UNREADABLE = Text("{name}: lines that cannot be read and are left out: {count}")
_CUT_OFF = Text("{name}: the last line is cut off and is left out")
_CANNOT_BE_READ = Text("{name} cannot be read: {why}")
_NO_STEP = Text("no training step has been reported yet")
_NO_ATTEMPT = Text("no rank has been started")


@dataclass(frozen=True)
class JobRecord:
    """`state` is the status's, or "lost" and the like (jobs.states). `until` is how far the job is
    known, in seconds since the epoch by the supervisor's clock. `recipe` is without secrets.
    `missing` is what the files lack, for the reader."""

    job: str
    state: str
    until: float
    status: JobStatus | None = None
    events: tuple[Event, ...] = ()
    figures: tuple[NodeSample, ...] = ()
    trainer: tuple[TrainerSample, ...] = ()
    recipe: Mapping[str, Any] | None = None
    versions: Versions | None = None
    missing: tuple[Text, ...] = ()

    @property
    def runs(self) -> bool:
        return self.state in ("starting", "running", "stopping")

    @property
    def finished(self) -> Finished | None:
        return next((each for each in self.events if isinstance(each, Finished)), None)

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        return tuple(each for each in self.events if isinstance(each, Attempt))

    @property
    def begin(self) -> float:
        """Of the first event."""
        if self.events:
            return self.events[0].at
        return self.status.started if self.status else self.until


def read_record(
    job: str, files: Mapping[str, bytes], *, state: str | None = None, age: float = 0.0
) -> JobRecord:
    """`state` of the job where it is known better than by its status; `age`: seconds since the
    status was written."""
    reader = _Reader(files)
    status = reader.document(paths.STATUS, JobStatus.from_json)
    # An event that says nothing of its time would be at the beginning of the epoch.
    events = tuple(each for each in reader.lines(paths.EVENTS, _event) if each.at > 0)
    record = JobRecord(
        job,
        state or (status.state if status else _state_of(events)),
        until=0.0,
        status=status,
        events=events,
        figures=reader.lines(
            samples.FIGURES, lambda line: _possible(samples.decode(NodeSample, line))
        ),
        trainer=reader.lines(
            samples.TRAINER, lambda line: _possible(samples.decode(TrainerSample, line))
        ),
        recipe=reader.document(RECIPE, _recipe),
        versions=reader.document(samples.VERSIONS, lambda line: samples.decode(Versions, line)),
    )
    return _complete(record, reader.missing, age)


def _event(line: str) -> Event:
    event = decode(line)
    read(type(event), asdict(event))
    return _possible(event)


def _possible(found: T) -> T:
    """Raises ValueError where a number is one that no job has, and that arithmetic fails on."""
    values: dict[str, Any] = vars(found)
    if not math.isfinite(values["at"]) or abs(values["at"]) > MOST:
        raise ValueError(f"at is {values['at']}")
    for name in ("step", "steps", "attempt", "number", "tokens"):
        if abs(values.get(name) or 0) > MOST:
            raise ValueError(f"{name} is too large")
    return found


def _complete(record: JobRecord, missing: list[Text], age: float) -> JobRecord:
    known = [each.at for each in record.events]
    if record.finished:
        known = [record.finished.at]
    elif record.status:
        known.append(record.status.updated + (age if record.runs else 0.0))
    if not record.attempts and record.events and not record.runs:
        missing.append(_NO_ATTEMPT)
    elif record.events and not record.trainer and not _has_step(record.events):
        missing.append(_NO_STEP)
    values = {**vars(record), "until": max(known, default=0.0), "missing": tuple(missing)}
    return JobRecord(**values)


def _has_step(events: tuple[Event, ...]) -> bool:
    return any(getattr(each, "step", None) is not None for each in events)


def _state_of(events: tuple[Event, ...]) -> str:
    """Where there is no status."""
    states = [each.state for each in events if hasattr(each, "state")]
    return states[-1] if states and states[-1] in FINAL_STATES else "unreadable"


def _recipe(text: str) -> Mapping[str, Any]:
    """Without secrets. Raises ValueError."""
    try:
        found = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(str(error).splitlines()[0]) from error
    if not isinstance(found, dict):
        raise ValueError("it is no mapping")  # noqa: TRY004 - what it raises for any other text
    return {str(key): redact(str(key), value) for key, value in found.items()}


class _Reader:
    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files
        self.missing: list[Text] = []

    def lines(self, name: str, decoded: Callable[[str], T]) -> tuple[T, ...]:
        data = self._content(name)
        *complete, rest = data.split(b"\n")
        found, wrong = [], 0
        for line in complete:
            try:
                found.append(decoded(line.decode()))
            except UnknownKind:
                continue  # a later version's
            except (ValueError, RecursionError):
                wrong += 1
        if wrong:
            self.missing.append(_UNREADABLE.filled(name=name, count=wrong))
        if rest:
            self.missing.append(_CUT_OFF.filled(name=name))
        return tuple(found)

    def document(self, name: str, decoded: Callable[[str], T]) -> T | None:
        data = self._content(name)
        if not data:
            return None
        try:
            return decoded(data.decode())
        except (ValueError, RecursionError) as error:
            self.missing.append(_CANNOT_BE_READ.filled(name=name, why=str(error)))
            return None

    def _content(self, name: str) -> bytes:
        data = self._files.get(name, b"")
        if not data.strip() and name in _NOT_THERE:
            self.missing.append(_NOT_THERE[name].filled(name=name))
        return data
