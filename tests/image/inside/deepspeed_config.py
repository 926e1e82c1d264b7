"""Gives DeepSpeed configurations to transformers as its Trainer does, on one rank.

In: {"cases": [[text of the file, {argument: value}], ...]}. Out, for each: why it is refused, or
null.
"""

import json
import sys
import tempfile
from pathlib import Path

from transformers import TrainingArguments
from transformers.integrations.deepspeed import HfTrainerDeepSpeedConfig


def refusal(text, given):
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


def main():
    cases = json.load(sys.stdin)["cases"]
    print(json.dumps([refusal(text, given) for text, given in cases]))


main()
