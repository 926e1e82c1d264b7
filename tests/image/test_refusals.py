"""What stacks/NAME/refusals.yaml says against LLaMA-Factory itself, on two ranks in the image."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from tests.image.conftest import STACKS
from tests.image.engine import Image

PRESETS = "/opt/llamafactory/examples/deepspeed"
# Without these LLaMA-Factory refuses for another reason first.
ALSO: dict[str, dict[str, Any]] = {
    **{
        key: {"finetuning_type": "full"}
        for key in ("use_galore", "use_apollo", "use_badam", "pure_bf16")
    },
    "predict_with_generate": {"do_predict": True, "eval_dataset": "identity"},
}


def recipe(entry: dict[str, Any]) -> dict[str, Any]:
    """The smallest recipe that an entry applies to."""
    when: dict[str, Any] = entry["when"]
    made: dict[str, Any] = {}
    if entry.get("package") == "badam":
        when = {**when, "zero3": True}  # another entry comes first otherwise
    for key, wanted in when.items():
        if key in ("deepspeed", "zero3"):
            if stage := {"any": "z2", True: "z3"}.get(wanted):
                made["deepspeed"] = f"{PRESETS}/ds_{stage}_config.json"
        elif key not in ("ranks", "accelerator"):
            made |= {key: wanted[0] if isinstance(wanted, list) else wanted, **ALSO.get(key, {})}
    return made


def plain(text: str) -> str:
    return text.replace("_", "-")


@pytest.mark.timeout(300)
def test_what_is_refused_before_is_refused_there(image: Image, stack: dict[str, Any]) -> None:
    file = STACKS / stack["name"] / "refusals.yaml"
    if not file.is_file():
        pytest.skip("the stack has none")
    entries = yaml.safe_load(file.read_text())
    parsed = [entry for entry in entries if "report_to" not in entry["when"]]
    trackers = [entry for entry in entries if "report_to" in entry["when"]]
    packages = [entry["package"] for entry in entries if "package" in entry]
    # The last is a recipe that nothing is wrong with.
    recipes = [*(recipe(entry) for entry in parsed), {}]
    answer = image.script(
        "refusals.py",
        {
            "recipes": recipes,
            "packages": packages,
            "trackers": [entry["when"]["report_to"] for entry in trackers],
        },
        options=["--network=none", "--shm-size=1g"],
        limit_s=280,
    )
    *errors, fine = answer["errors"]
    assert fine is None
    assert answer["absent"] == packages
    for entry, error in zip(parsed, errors, strict=True):
        wanted = entry.get("error") or entry["package"]
        assert error and plain(wanted) in plain(error), (entry, error)
    for name, error in answer["without"].items():
        assert error and name in error, (name, error)
