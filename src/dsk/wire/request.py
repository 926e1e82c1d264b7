"""Questions to an agent as dataclasses, each of which knows the type of its answer.

    class CountFiles(Request[int], op="count_files", limit_s=20): folder: str

`op` names the question in messages (wire.session), `limit_s` is the time for its answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, is_dataclass
from typing import Any, ClassVar, Generic, TypeVar, get_args

from dsk.wire.reading import read, value

A = TypeVar("A")


class Request(Generic[A]):
    """`A` is the type of the answer."""

    op: ClassVar[str]
    limit_s: ClassVar[float]
    _answer: ClassVar[Any]

    def __init_subclass__(cls, *, op: str, limit_s: float) -> None:
        cls.op = op
        cls.limit_s = limit_s
        [base] = cls.__orig_bases__  # type: ignore[attr-defined]
        [cls._answer] = get_args(base)

    def to_raw(self) -> dict[str, Any]:
        return {"op": self.op, **asdict(self)}  # type: ignore[call-overload]

    @classmethod
    def read_answer(cls, raw: Any) -> A:
        """Raises ValueError, which names the field, where `raw` is no such answer."""
        found: A = value(cls._answer, raw, f"the answer to {cls.op!r}")
        return found


Handler = Callable[[Any], Any]
"""Takes one kind of request, and returns its answer."""
Handlers = Mapping[type[Request[Any]], Handler]


def by_op(kinds: Iterable[type[Request[Any]]]) -> dict[str, type[Request[Any]]]:
    return {kind.op: kind for kind in kinds}


def read_request(kind: type[Request[A]], raw: Mapping[str, Any]) -> Request[A]:
    """Raises ValueError, which names the field."""
    return read(kind, dict(raw), kind.op)


def plain(answer: Any) -> Any:
    """An answer as JSON has it."""
    if is_dataclass(answer) and not isinstance(answer, type):
        return asdict(answer)
    if isinstance(answer, list | tuple):
        return [plain(each) for each in answer]
    return answer
