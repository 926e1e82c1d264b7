"""Gives values to LLaMA-Factory's own argument classes, as its parser of files does.

In: {"cases": [[key, value], ...]}. Out, for each: {"error": text}, or {"value": the attribute that
the trainer then reads, "declared": whether that is of the type that the class declares}.
"""

import dataclasses
import enum
import fcntl
import json
import logging
import os
import sys
import typing
from typing import Any

from llamafactory.hparams.parser import _TRAIN_ARGS
from pydantic import ConfigDict, TypeAdapter, ValidationError
from transformers import HfArgumentParser

BASE = {
    "model_name_or_path": "x",
    "output_dir": "/tmp/out",
    "report_to": "none",
    "use_cpu": True,
}


def plain(value: Any) -> Any:
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return {"class": type(value).__name__}


def adapters() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for cls in _TRAIN_ARGS:
        hints = typing.get_type_hints(cls)
        for field in dataclasses.fields(cls):
            hint = hints[field.name]
            try:
                found[field.name] = TypeAdapter(
                    hint, config=ConfigDict(arbitrary_types_allowed=True)
                )
            except Exception:
                found[field.name] = TypeAdapter(hint)
    return found


def is_declared(adapter: Any, value: object) -> bool:
    try:
        adapter.validate_python(value, strict=True)
    except ValidationError:
        return False
    return True


def main() -> None:
    logging.disable(logging.CRITICAL)
    # A number given as a path is opened, and closed, as the descriptor of that number.
    out = os.fdopen(fcntl.fcntl(1, fcntl.F_DUPFD, 100), "w")
    cases = json.load(sys.stdin)["cases"]
    parser, known = HfArgumentParser(_TRAIN_ARGS), adapters()
    answers: list[dict[str, Any]] = []
    for key, value in cases:
        try:
            made = parser.parse_dict({**BASE, key: value})
        except (Exception, SystemExit) as error:
            answers.append({"error": f"{type(error).__name__}: {error}"[:200]})
            continue
        (holder,) = [each for each in made if key in {f.name for f in dataclasses.fields(each)}][:1]
        got = getattr(holder, key)
        answers.append({"value": plain(got), "declared": is_declared(known[key], got)})
    print(json.dumps(answers), file=out)


main()
