"""What an image holds against the lock, its own build and another node's image. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from dsk.image.stacklock import Lock, is_version
from dsk.text import Text, verbatim
from dsk.wire.imagefacts import ImageFacts

Kind = Literal["stack", "package", "debian", "file", "proof", "altered", "content", "worker"]

LOCKED = Text("locked")
AT_BUILD = Text("when the image was built")
SUBJECTS: Mapping[Kind, Text] = {
    "stack": Text("stack name"),
    "package": Text("package {subject}"),
    "debian": Text("Debian package {subject}"),
    "file": Text("file {subject}"),
    "content": Text("content id"),
    "worker": Text("worker image"),
}
SHORT = 12
_NOT_HERE = Text("not here")


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be.

    `here` and `wanted` are versions, hashes or names; None where it is not there, or should not
    be. `by` says whose word `wanted` is. Of a proof or an altered file, `here` is what is wrong.
    """

    kind: Kind
    subject: str
    here: str | None
    wanted: str | None
    by: Text

    @property
    def text(self) -> Text:
        if self.kind in ("proof", "altered"):
            return verbatim(f"{self.subject}: {self.here}")
        here = Text("{value} here").filled(value=_shown(self.here)) if self.here else _NOT_HERE
        text = Text("{subject}: {here}, {wanted} {by}")
        if not self.wanted:
            text = Text("{subject}: {here}, not {by}")
        return text.filled(
            subject=SUBJECTS[self.kind].filled(subject=self.subject),
            here=here,
            wanted=_shown(self.wanted or ""),
            by=self.by,
        )

    def to_json(self) -> dict[str, Any]:
        return {**vars(self), "by": self.by.in_language("en")}


def _shown(value: str) -> str:
    """A hash's beginning is enough for a person."""
    digits = value.removeprefix("sha256:")
    return digits[:SHORT] if len(digits) == 64 else value


def against_lock(facts: ImageFacts, lock: Lock) -> list[Finding]:
    """Python's packages, version by version."""
    return list(_differences("package", facts.python, lock.python, LOCKED, is_version))


def against_build(facts: ImageFacts) -> list[Finding]:
    """What changed since the image was built, and what no longer does its work."""
    found = [
        *_differences("debian", facts.debian, facts.recorded_debian, AT_BUILD),
        *_differences("file", facts.files, facts.recorded_files, AT_BUILD),
    ]
    if facts.content_id != facts.recorded_content_id:
        here, built = facts.content_id, facts.recorded_content_id
        found.append(Finding("content", "id", here, built, AT_BUILD))
    for path, wrong in sorted((facts.altered or {}).items()):
        found.append(Finding("altered", path, wrong, None, verbatim("RECORD")))
    for proof, problem in facts.proofs.items():
        if problem:
            found.append(Finding("proof", proof, problem, None, verbatim("proof")))
    return found


def against_node(facts: ImageFacts, other: ImageFacts, node: str) -> list[Finding]:
    """What differs from another node's image; nothing where the content is the same."""
    by = Text("on {node}").filled(node=node)
    if facts.stack != other.stack:
        return [Finding("stack", "name", facts.stack, other.stack, by)]
    found = [
        *_differences("package", facts.python, other.python, by),
        *_differences("debian", facts.debian, other.debian, by),
        *_differences("file", facts.files, other.files, by),
    ]
    if facts.content_id != other.content_id:
        found.append(Finding("content", "id", facts.content_id, other.content_id, by))
    return found


def _differences(
    kind: Kind,
    here: Mapping[str, str],
    wanted: Mapping[str, str],
    by: Text,
    equal: Callable[[str, str], bool] = str.__eq__,
) -> Iterator[Finding]:
    for subject in sorted({*here, *wanted}):
        found, asked = here.get(subject), wanted.get(subject)
        if found is None or asked is None or not equal(found, asked):
            yield Finding(kind, subject, found, asked, by)
