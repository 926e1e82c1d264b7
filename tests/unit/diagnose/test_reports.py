"""What `dsk diagnose` says of inputs that people pasted, with the verdict that was written first.

`reports/cases.yaml` are inputs that were once read wrongly, `public.yaml` reports that the
catalogue was made with, `fresh.yaml` to `fresh9.yaml` reports that were looked at once, when it
was finished. What they showed was corrected afterwards; docs/diagnose.md has the figures of the
first look too. A row that is not read rightly would be marked as `missed`.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from dsk.cli import diagnose
from dsk.cli.context import Context

REPORTS = Path(__file__).parent / "reports"
ROOT = Path(__file__).parents[3]


def rows(name: str) -> list[dict[str, Any]]:
    text = (REPORTS / f"{name}.yaml").read_text(encoding="utf-8")
    return list(yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))


ALL = {
    name: rows(name)
    for name in (
        "cases",
        "public",
        "fresh",
        "fresh2",
        "fresh3",
        "fresh4",
        "fresh5",
        "fresh6",
        "fresh7",
        "fresh8",
        "fresh9",
    )
}
CASES = [
    pytest.param(row, id=f"{name}-{number}")
    for name, group in ALL.items()
    for number, row in enumerate(group)
]


def diagnosed(log: str) -> dict[str, Any]:
    """As the program answers on standard output."""
    done = CliRunner().invoke(
        diagnose.command, ["-", "--json"], input=log, obj=Context(file=Path("dsk.yaml"))
    )
    found: dict[str, Any] = json.loads(done.output)
    assert done.exit_code == (0 if found["found"] else 1)
    return found


@pytest.mark.parametrize("row", CASES)
def test_the_verdict_is_the_one_that_was_written_first(row: dict[str, Any]) -> None:
    found = diagnosed(row["log"])
    right = row.get("id")
    assert found["id"] in (None, right), "a wrong cause is worse than none"
    if row.get("missed"):
        return
    assert found["id"] == right
    if "second_hand" in row:
        assert row["second_hand"] in [each["id"] for each in found["second_hand"]]
    if row.get("unknown"):
        assert row["unknown"] in "\n".join(found["traceback"]["lines"])


@pytest.mark.parametrize("name", ALL)
def test_the_documentation_gives_the_figures(name: str) -> None:
    group = ALL[name]
    told = [row for row in group if "id" in row]
    missed = Counter("id" in row for row in group if row.get("missed"))
    right = f"{len(told) - missed[True]} of {len(told)}"
    rest = len(group) - len(told)
    line = f"| `{name}.yaml` | {len(group)} | {right} | {rest - missed[False]} of {rest} | 0 |"
    assert line in (ROOT / "docs" / "diagnose.md").read_text(encoding="utf-8")


def test_no_report_is_counted_twice() -> None:
    sources = Counter((row["source"], row["log"]) for group in ALL.values() for row in group)
    assert max(sources.values()) == 1
