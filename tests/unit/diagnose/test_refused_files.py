"""Files that a library refuses to read, in the words that it had for real ones: with mode 0600 and
a user who is not the owner (transformers 4.52.4 and 5.5.4), or with objects in a checkpoint."""

from __future__ import annotations

import io

import pytest

from dsk.diagnose import Judge, load

RESUMED = """\
  File "/opt/venv/lib/python3.11/site-packages/transformers/trainer.py", line 2393, in _inner_training_loop
    deepspeed_load_checkpoint(
  File "/opt/venv/lib/python3.11/site-packages/transformers/integrations/deepspeed.py", line 495, in deepspeed_load_checkpoint
    load_path, _ = deepspeed_engine.load_checkpoint(
                   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  File "/opt/venv/lib/python3.11/site-packages/deepspeed/runtime/checkpoint_engine/torch_checkpoint_engine.py", line 28, in load
    partition = torch.load(path, map_location=map_location)
                ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  File "/opt/venv/lib/python3.11/site-packages/torch/serialization.py", line 1470, in load
    raise pickle.UnpicklingError(_get_wo_message(str(e))) from None
_pickle.UnpicklingError: Weights only load failed. This file can still be loaded, to do so you have two options, \x1b[1mdo those steps only if you trust the source of the checkpoint\x1b[0m.
\t(1) In PyTorch 2.6, we changed the default value of the `weights_only` argument in `torch.load` from `False` to `True`. Re-running `torch.load` with `weights_only` set to `False` will likely succeed, but it can result in arbitrary code execution. Do it only if you got the file from a trusted source.
\t(2) Alternatively, to load with `weights_only=True` please check the recommended steps in the following error message.
\tWeightsUnpickler error: Unsupported global: GLOBAL {what} was not an allowed global by default. Please use `torch.serialization.add_safe_globals([fragment_address])` or the `torch.serialization.safe_globals([fragment_address])` context manager to allowlist this global if you trust this class/function.

Check the documentation of torch.load to learn more about types accepted by default with weights_only https://pytorch.org/docs/stable/generated/torch.load.html.
DeepSpeed deepspeed.ops.comm.deepspeed_shm_comm_op built successfully
"""  # noqa: E501
CHAIN = "\n\nThe above exception was the direct cause of the following exception:\n\n"
HEAD = 'Traceback (most recent call last):\n  File "a.py", line 3, in load\n'


def diagnosed(log: str) -> tuple[str | None, str]:
    found = Judge(load()).read(io.BytesIO(log.encode()))
    return found.id, found.cause.in_language("en") if found.cause else ""


@pytest.mark.parametrize(
    ("what", "right"),
    [
        ("deepspeed.utils.tensor_fragment.fragment_address", "deepspeed-checkpoint-refused"),
        ("numpy._core.multiarray._reconstruct", "checkpoint-refused"),
    ],
)
def test_a_checkpoint_with_objects(what: str, right: str) -> None:
    assert diagnosed(RESUMED.replace("{what}", what))[0] == right


@pytest.mark.parametrize(
    ("error", "right", "told"),
    [
        (
            "PermissionError: [Errno 13] Permission denied: '/models/qwen/config.json'",
            "no-permission",
            "may not use '/models/qwen/config.json'",
        ),
        (
            "FileNotFoundError: No such file or directory: /models/qwen/model.safetensors",
            "weights-not-opened",
            "/models/qwen/model.safetensors cannot be opened",
        ),
        ("Exception: Permission denied (os error 13)", "model-unreadable", "may not read"),
        (
            "ValueError: Unrecognized model in /models/qwen. Should have a `model_type` key in its "
            "config.json, or contain one of the following strings in its name: albert, align",
            "model-config-missing",
            "no model type for /models/qwen:",
        ),
        (
            "FileNotFoundError: Unable to find '/data/mine.json'",
            "dataset-file-missing",
            "/data/mine.json is missing",
        ),
    ],
)
def test_a_file_that_the_ranks_may_not_read(error: str, right: str, told: str) -> None:
    found, cause = diagnosed(f"{HEAD}{error}\n")
    assert found == right
    assert told in cause
    wrapped = f"{HEAD}{error}{CHAIN}{HEAD}OSError: Failed to load tokenizer.\n"
    assert diagnosed(wrapped)[0] == right
    handled = f"{HEAD}{error}\n{{'loss': 1.2}}\n{{'loss': 1.1}}\n"
    assert diagnosed(handled)[0] is None, "the run went on"
