"""docs/guide/manual-steps.md: forty steps, in order, and only checks that there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dsk.checks.registry import CHECKS

FOLDER = Path(__file__).parents[2] / "docs/guide"
CHECKED = re.compile(r"`dsk check(?: train\.yaml)?`[:：] ?((?:`[\w-]+`(?:, |、)?)+)")


@pytest.mark.parametrize("name", ["manual-steps.md", "manual-steps.zh-CN.md"])
def test_steps_and_checks(name: str) -> None:
    lines = (FOLDER / name).read_text(encoding="utf-8").splitlines()
    steps = [line for line in lines if re.match(r"\| \d+ \|", line)]
    assert [int(step.split("|")[1]) for step in steps] == list(range(1, 41))
    named = [match for step in steps for match in CHECKED.findall(step)]
    assert len(named) == sum("`dsk check`" in step or "`dsk check train" in step for step in steps)
    checks = {check for cell in named for check in re.findall(r"`([\w-]+)`", cell)}
    assert checks <= {check.name for check in CHECKS}
    # Every check of servers, workers and network replaces a step; those of a job have other names.
    of_servers = {check.name for check in CHECKS if "network" in check.needs}
    assert of_servers <= checks
