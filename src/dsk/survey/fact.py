"""What a fact is, and the script that asks a server for some of them. Pure."""

from __future__ import annotations

import base64
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from dsk.accelerators import Accelerator

T = TypeVar("T")

LIMIT_S = 15
"""For each fact: a driver, an engine or a network disk that hangs costs one fact, not all."""
HUNG = 137
"""As a shell reports what SIGKILL ended."""
MARK = "dsk-fact "
FACT = "fact"
_PROGRAM = re.compile(r"[\w-]+(?= )")
_DOCKER = re.compile(r"docker(?= )")

# One marked line per fact: name, exit code, output in base64. Nothing in the output can then look
# like another fact, and nothing that the login's shell prints can. Each fact has its own shell,
# which `timeout` ends; what no signal ends keeps the pipe open, hence the limit at its other end. A
# program that hung once is not asked again. The login's shell may have printed something that ends
# in no newline: hence the `echo`.
_SCRIPT = r"""
hung= nl='
'
fact() {
  code=137
  case " $hung " in *" $2 "*) ;; *)
    out=$({
      timeout -s KILL "$3" sh -c "$functions$nl$4" 2>&1
      printf '\n%s' "$?"
    } 2>/dev/null | timeout $(($3 + 1)) cat)
    code=${out##*"$nl"}; out=$(printf '%s' "${out%"$nl"*}") ;;
  esac
  [ "$code" != 137 ] || { hung="$hung $2"; out="did not end within $3 s"; }
  printf 'dsk-fact %s %s %s\n' "$1" "${code:-127}" "$(printf '%s' "$out" | base64 | tr -d '\n')"
}
echo
"""


@dataclass(frozen=True)
class Answer:
    """What a fact's command printed, its errors included, and its exit code. `accelerator` is the
    cluster's, whose tools were asked."""

    code: int
    text: str
    accelerator: Accelerator

    @property
    def ok(self) -> bool:
        return self.code == 0

    @property
    def lines(self) -> list[str]:
        """None where the command failed."""
        return self.text.splitlines() if self.ok else []

    @property
    def last_line(self) -> str:
        return (self.text.splitlines() or [f"exit code {self.code}"])[-1]


@dataclass(frozen=True)
class Fact(Generic[T]):
    """`command` is for a shell; `parse` raises ValueError where the answer does not tell the fact.

    `example` was recorded on a server, and `parse` makes `meaning` of it.
    """

    command: str
    parse: Callable[[Answer], T]
    example: str
    meaning: object
    limit_s: int

    def line(self, name: str) -> str:
        """Of the script. Facts of one program share its fate where it hangs."""
        found = _DOCKER.search(self.command) or _PROGRAM.match(self.command)
        words = [name, found[0] if found else name, str(self.limit_s), self.command]
        return f"fact {' '.join(map(shlex.quote, words))}\n"


def fact(
    command: str,
    parse: Callable[[Answer], T],
    unknown: Callable[[], T],
    *,
    example: str,
    meaning: object,
    limit_s: int = LIMIT_S,
) -> T:
    """Declare a fact as a field of a dataclass; `unknown` makes its value where it was not asked
    for, or not told."""
    made = Fact(command, parse, example, meaning, limit_s)
    return field(default_factory=unknown, metadata={FACT: made})


def script(facts: Mapping[str, Fact[Any]], variables: Mapping[str, str], functions: str) -> str:
    """For `sh -c`. Every command has `variables` and `functions`."""
    exports = "".join(f"export {name}={shlex.quote(text)}\n" for name, text in variables.items())
    begin = f"{exports}functions={shlex.quote(functions)}\n"
    return begin + _SCRIPT + "".join(each.line(name) for name, each in facts.items())


def answers(output: str, accelerator: Accelerator) -> Iterator[tuple[str, Answer]]:
    """Read the output of `script`; other lines are those of the login's own shell."""
    for line in output.splitlines():
        if line.startswith(MARK):
            name, code, *encoded = line.removeprefix(MARK).split(" ")
            text = base64.b64decode(encoded[0]).decode(errors="replace") if encoded else ""
            yield name, Answer(int(code), text.strip(), accelerator)
