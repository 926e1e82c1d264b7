"""The last word on the read_args patch: call it as DeepSpeed's launcher makes the command line."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from llamafactory.hparams.parser import read_args


def main() -> None:
    with TemporaryDirectory() as folder:
        config = Path(folder) / "cfg.yaml"
        config.write_text("stage: sft\nlearning_rate: 1.0e-4\n")
        sys.argv = ["train.py", "--local_rank=0", "train", str(config), "learning_rate=2e-5"]
        found = read_args()
    expected = {"stage": "sft", "learning_rate": 2e-5}
    if found != expected:
        sys.exit(f"read_args gave {found!r} and not {expected!r}: the patch does not do its work")
    print("read_args accepts DeepSpeed's command line")


if __name__ == "__main__":
    main()
