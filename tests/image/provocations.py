"""Failures made for real in a container of the image, for the catalogue's examples and their test.

    python -m tests.image.provocations NAME    prints what provoke/NAME.sh makes a run print
    python -m tests.image.provocations         lists the names

Each runs what a user would have run, with one thing wrong. Nothing imitates an error's text.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.image.engine import NAMES, docker

HERE = Path(__file__).parent
SCRIPTS = HERE / "provoke"
PRELUDE = "prelude"
PARSER = "src/llamafactory/hparams/parser.py"
UNPATCHED = "read-args-unpatched"
OPTIONS = "# docker: "
"""Begins the line of a script that has further options of `docker run`."""
LIMIT_S = 600.0

RECIPE = {
    "model_name_or_path": "/made/model",
    "stage": "sft",
    "do_train": True,
    "finetuning_type": "full",
    "dataset": "identity",
    "dataset_dir": "/opt/llamafactory/data",
    "template": "qwen",
    "cutoff_len": 128,
    "preprocessing_num_workers": 1,
    "per_device_train_batch_size": 2,
    "max_steps": 2,
    "logging_steps": 1,
    "report_to": "none",
    "deepspeed": "/opt/llamafactory/examples/deepspeed/ds_z2_config.json",
    "output_dir": "/tmp/out",
}


def names() -> list[str]:
    return sorted(path.stem for path in SCRIPTS.glob("*.sh") if path.stem != PRELUDE)


def run(name: str, image: str, made: Path) -> str:
    """What NAME prints on both streams. `made` is a folder that keeps the model for the next."""
    script = (SCRIPTS / f"{name}.sh").read_text()
    options = [
        word
        for line in script.splitlines()
        if line.startswith(OPTIONS)
        for word in line.removeprefix(OPTIONS).split()
    ]
    if not any(option.startswith("--network=") for option in options):
        options.append("--network=none")
    _make(image, made)
    if name == UNPATCHED:
        options.append(f"--volume={_unpatched(image, made)}:/opt/llamafactory/{PARSER}:ro")
    container = f"{NAMES}-{name}"
    argv = [
        "docker", "run", "--rm", "--init", f"--name={container}",
        f"--volume={made}:/made:ro", f"--volume={SCRIPTS}:/provoke:ro",
        f"--env=BASH_ENV=/provoke/{PRELUDE}.sh", "--env=DS_ACCELERATOR=cpu",
        *options, "--entrypoint=/bin/bash", image, f"/provoke/{name}.sh",
    ]  # fmt: skip
    try:
        done = subprocess.run(
            argv, check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=LIMIT_S,
        )  # fmt: skip
    finally:
        docker("rm", "--force", container, check=False)
    return done.stdout.decode(errors="replace")


def _make(image: str, made: Path) -> None:
    if (made / "train.yaml").exists():
        return
    # Readable for everybody: safetensors files are not, and one provocation is another user's.
    make = "python -m dsk.demo.tiny_model /made/model && chmod -R a+rX /made"
    docker(
        "run", "--rm", f"--volume={made}:/made", "--entrypoint=/bin/bash", image, "-c", make,
        limit_s=LIMIT_S,
    )  # fmt: skip
    (made / "train.yaml").write_text(json.dumps(RECIPE))


def _unpatched(image: str, made: Path) -> Path:
    """LLaMA-Factory's own read_args: the image's, with the patch taken back."""
    copy = made / PARSER
    if not copy.exists():
        copy.parent.mkdir(parents=True)
        stack = json.loads(docker("run", "--rm", image, "cat", "/etc/dsk/stack.json").stdout)
        patch = HERE.parents[1] / "patches" / f"llamafactory-{stack['llamafactory']}.patch"
        text = docker("run", "--rm", image, "cat", f"/opt/llamafactory/{PARSER}").stdout
        copy.write_text(text)
        subprocess.run(
            ["git", "apply", "--reverse", f"--include={PARSER}", patch], cwd=made, check=True
        )
    return copy


def main() -> None:
    if len(sys.argv) < 2:
        print("\n".join(names()))
        return
    made = Path(os.environ.get("DSK_MADE") or tempfile.mkdtemp(prefix="dsk-provoke-"))
    for name in sys.argv[1:]:
        print(run(name, os.environ.get("DSK_IMAGE", "dsk:cu128"), made))


if __name__ == "__main__":
    main()
