"""A report's figures for other programs: CSV with one value a row, and one JSON object."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from dsk.report.content import Content
from dsk.report.goodput import PARTS, Account
from dsk.report.record import JobRecord
from dsk.report.series import Series, series
from dsk.wire.events import Notice

COLUMNS = (
    "job", "attempt", "at", "seconds", "step", "node", "gpu", "figure", "unit", "value",
)  # fmt: skip


def as_csv(content: Content) -> str:
    """One row for each value; of both jobs where two are compared. docs/report.md."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for record, found in _jobs(content):
        for each in found:
            writer.writerows(_rows(record, each))
    return out.getvalue()


def _jobs(content: Content) -> Iterable[tuple[JobRecord, Sequence[Series]]]:
    yield content.record, content.series
    if content.compared:
        yield content.compared, series(content.compared)


def _rows(record: JobRecord, found: Series) -> Iterable[tuple[object, ...]]:
    # What a spreadsheet takes for a formula begins with one of these.
    job = f"'{record.job}" if record.job[:1] in ("=", "+", "-", "@", "\t") else record.job
    for point in found.points:
        yield (
            job,
            point.attempt,
            f"{point.at:.3f}",
            f"{point.at - record.begin:.3f}",
            point.step,
            found.node,
            found.gpu,
            found.figure,
            found.unit,
            f"{point.value:.10g}",
        )


def as_json(content: Content) -> dict[str, Any]:
    """Texts are in English, whatever the user's language is."""
    compared = content.compared
    return {
        **_job(content.record, content.account, content.series),
        "compared": (
            _job(compared, content.compared_account, series(compared))
            if compared and content.compared_account
            else None
        ),
        "differences": {
            "recipe": [asdict(each) for each in content.recipe_differences],
            "versions": [asdict(each) for each in content.version_differences],
        }
        if compared
        else None,
    }


def _job(record: JobRecord, account: Account, found: Sequence[Series]) -> dict[str, Any]:
    return {
        "job": record.job,
        "state": record.state,
        "begin": record.begin,
        "until": record.until,
        "goodput": {
            "seconds": account.seconds,
            "share": account.goodput,
            "parts": {part: account.of(part) for part in PARTS},
            "steps_counted": account.counted,
            "steps_lost": account.lost,
            "spans": [
                {"part": each.part, "attempt": each.attempt, "begin": each.begin, "end": each.end}
                for each in account.spans
            ],
        },
        "series": [
            {
                "figure": each.figure,
                "unit": each.unit,
                "node": each.node,
                "gpu": each.gpu,
                "at": [point.at for point in each.points],
                "step": [point.step for point in each.points],
                "attempt": [point.attempt for point in each.points],
                "value": [point.value for point in each.points],
            }
            for each in found
        ],
        "attempts": [
            {
                "number": each.number,
                "at": each.at,
                "nodes": each.nodes,
                "resume_from": each.resume_from,
            }
            for each in record.attempts
        ],
        "changes": [
            each.text.in_language("en")
            for each in record.events
            if isinstance(each, Notice) and each.kind == "change"
        ],
        "recipe": record.recipe,
        "versions": record.versions and asdict(record.versions),
        "missing": [each.in_language("en") for each in record.missing],
    }
