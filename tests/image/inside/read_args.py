"""Answers how read_args takes command lines; stands in the image, all of them in one process.

In: {"files": {name: text}, "lines": [[word, ...], ...]}.
Out, for each line: {"patched": outcome, "upstream": outcome}, an outcome being {"value": ...} or
{"error": text}.
"""

import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from llamafactory.hparams.parser import read_args
from omegaconf import OmegaConf


def upstream() -> Any:
    """read_args of LLaMA-Factory 0.9.5 without the patch, but for json.load, which crashes."""
    if len(sys.argv) > 1 and (sys.argv[1].endswith(".yaml") or sys.argv[1].endswith(".yml")):
        override_config = OmegaConf.from_cli(sys.argv[2:])
        dict_config = OmegaConf.load(Path(sys.argv[1]).absolute())
        return OmegaConf.to_container(OmegaConf.merge(dict_config, override_config))
    if len(sys.argv) > 1 and sys.argv[1].endswith(".json"):
        override_config = OmegaConf.from_cli(sys.argv[2:])
        dict_config = OmegaConf.create(json.loads(Path(sys.argv[1]).absolute().read_text()))
        return OmegaConf.to_container(OmegaConf.merge(dict_config, override_config))
    return sys.argv[1:]


def outcome(function: Callable[[], Any], words: Sequence[str]) -> dict[str, Any]:
    sys.argv = ["/opt/llamafactory/src/train.py", *words]
    try:
        return {"value": function()}
    except (Exception, SystemExit) as error:
        return {"error": str(error)}


def main() -> None:
    asked = json.load(sys.stdin)
    with TemporaryDirectory() as folder:
        os.chdir(folder)
        for name, text in asked["files"].items():
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(name).write_bytes(text.encode("latin-1" if name.startswith("latin") else "utf-8"))
        Path("folder.yaml").mkdir()
        answers = [
            {"patched": outcome(read_args, words), "upstream": outcome(upstream, words)}
            for words in asked["lines"]
        ]
        os.chdir("/")
    print(json.dumps(answers))


main()
