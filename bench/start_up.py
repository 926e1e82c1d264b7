"""From launch to the first optimizer step: the image against itself without what it has ready.

One side is the image, the other the same with DeepSpeed's ops not built and no .pyc (and with the
compiler of target devel). A fresh container each time, two ranks on CPU, a tiny Qwen2, ZeRO-2 with
offload, which uses both ops. Usage: start_up.py [IMAGE [DEVEL_IMAGE [ROUNDS]]]
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from interleaved import medians, show

READY, BARE = "the image", "without prebuilt ops and .pyc"
BARE_IMAGE = "dsk-bench:bare"
BARE_DOCKERFILE = """\
FROM {devel}
RUN find /opt/venv /opt/llamafactory -name __pycache__ -prune -exec rm -r {{}} + \\
    && cd /opt/venv/lib/python3*/site-packages/deepspeed \\
    && rm ops/*/*_op.*.so \\
    && sed -i '/^installed_ops/s/: 1/: False/g' git_version_info_installed.py \\
    && ! grep -q 'cpu_adam.: 1' git_version_info_installed.py
"""
RECIPE = {
    "model_name_or_path": "/bench/model",
    "stage": "sft",
    "do_train": True,
    "finetuning_type": "full",
    "deepspeed": "/opt/llamafactory/examples/deepspeed/ds_z2_offload_config.json",
    "dataset": "identity",
    "dataset_dir": "/opt/llamafactory/data",
    "template": "qwen",
    "cutoff_len": 128,
    "output_dir": "/tmp/output",
    "max_steps": 2,
    "logging_steps": 1,
    "save_strategy": "no",
    "report_to": "none",
}
UNTIL_THE_FIRST_STEP = """\
deepspeed --num_gpus=2 --master_addr=127.0.0.1 \
    /opt/llamafactory/src/train.py train /bench/train.yaml >/tmp/log 2>&1 &
until [ -s /tmp/output/trainer_log.jsonl ]; do
    kill -0 $! || { cat /tmp/log >&2; exit 1; }
    sleep 0.1
done
"""


def docker_run(folder: Path, image: str, *command: str) -> list[str]:
    settings = ("DS_ACCELERATOR=cpu", "GLOO_SOCKET_IFNAME=lo", "OMP_NUM_THREADS=1")
    env = [f"--env={setting}" for setting in settings]
    options = ("--rm", "--network=none", f"--volume={folder}:/bench")
    return ["docker", "run", *options, *env, image, *command]


def main(image: str = "dsk:cu128", devel: str = "dsk:cu128-devel", rounds: str = "3") -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        # JSON is YAML too.
        (folder / "train.yaml").write_text(json.dumps(RECIPE))
        model = ("python", "-m", "dsk.demo.tiny_model", "/bench/model")
        subprocess.run(docker_run(folder, image, *model), check=True)
        subprocess.run(
            ["docker", "build", "--quiet", "--tag", BARE_IMAGE, "-"],
            input=BARE_DOCKERFILE.format(devel=devel), text=True, check=True,
        )  # fmt: skip
        try:
            found = medians(
                {
                    READY: docker_run(folder, image, "bash", "-c", UNTIL_THE_FIRST_STEP),
                    BARE: docker_run(folder, BARE_IMAGE, "bash", "-c", UNTIL_THE_FIRST_STEP),
                },
                int(rounds),
            )
        finally:
            subprocess.run(["docker", "image", "rm", "--no-prune", BARE_IMAGE], check=True)
    show(found)
    print(f"{found[BARE] / found[READY]:8.2f}     times as long without")


if __name__ == "__main__":
    main(*sys.argv[1:])
