"""Gives DeepSpeed configurations to transformers as its Trainer does, on one rank.

In: {"cases": [[text of the file, {argument: value}], ...]}. Out, for each: why it is refused, or
null.
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from transformers import TrainingArguments
from transformers.integrations.deepspeed import HfTrainerDeepSpeedConfig


def refusal(text: str, given: dict[str, Any]) -> str | None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "ds.json")
        path.write_text(text)
        args = TrainingArguments(output_dir=folder, use_cpu=True, report_to="none", **given)
        try:
            config = HfTrainerDeepSpeedConfig(str(path))
            config.trainer_config_process(args)
        except Exception as error:
            return f"{type(error).__name__}: {error}"
    return "; ".join(config.mismatches) or None


def main() -> None:
    cases = json.load(sys.stdin)["cases"]
    print(json.dumps([refusal(text, given) for text, given in cases]))


main()
