"""The page: nothing in it comes from a network, nothing from a job is taken for HTML."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from dsk import report
from dsk.report.content import Content, content
from dsk.report.export import COLUMNS, as_csv, as_json
from dsk.report.goodput import PARTS
from dsk.report.markup import Markup, Writer, json_for_script, visible
from dsk.report.page import page
from dsk.report.record import JobRecord, read_record
from dsk.report.timeline import ticks, visible_spans
from dsk.report.units import clock, figure, size
from dsk.text import Language, verbatim
from dsk.wire import strictjson
from dsk.wire.events import Attempt, Event, Failure, Finished, Notice, Phase, Step
from tests.unit.report import jobs

MOST_BYTES = 2_000_000
HOSTILE = "</script><img src=x onerror=alert(1)>\x1b[31m\x07\u202egnp.exe\u2066\"'&amp;\ud800"


class Parsed(HTMLParser):
    """Tags, attributes that name addresses or code, and the text of scripts by type."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.scripts: dict[str, list[str]] = {}
        self.words: list[str] = []
        self._script: str | None = None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        self._script = dict(attrs).get("type") or "code" if tag == "script" else None

    def handle_endtag(self, tag: str) -> None:
        self._script = None

    def handle_data(self, data: str) -> None:
        if self._script:
            self.scripts.setdefault(self._script, []).append(data)
        else:
            self.words.append(data)

    @property
    def data(self) -> Any:
        [text] = self.scripts["application/json"]
        return json.loads(text)


def record(nodes: int = 2, gpus: int = 2, reports: int = 60) -> JobRecord:
    files = jobs.files(jobs.restarted(), jobs.watched(nodes, gpus, reports), jobs.trained())
    return read_record(jobs.STATUS.job, files)


def html(found: Content, language: Language = "en", *, live: bool = False) -> str:
    return page(found, language, made=jobs.BEGIN + 500, live=live)


def hostile() -> JobRecord:
    events: list[Event] = [
        Phase(jobs.BEGIN, "starting", verbatim(HOSTILE)),
        Notice(jobs.BEGIN, "change", verbatim(HOSTILE)),
        Notice(jobs.BEGIN, "left_over", verbatim(HOSTILE), 1),
        Attempt(jobs.BEGIN, 0, (0,), HOSTILE),
        Step(jobs.BEGIN + 5, "training", 1, 2, 1.0),
        Failure(jobs.BEGIN + 9, verbatim(HOSTILE), 0, 0, 1, verbatim(HOSTILE), (HOSTILE, HOSTILE)),
        Finished(jobs.BEGIN + 10, "failed", 1, 10, HOSTILE, HOSTILE),
    ]
    text = HOSTILE.replace("\ud800", "")
    recipe = json.dumps({text: {text: [text]}, "model": text})
    versions = dataclasses.replace(jobs.VERSIONS, dsk=text, stack={text: text})
    status = dataclasses.replace(
        jobs.STATUS, state="failed", cluster=HOSTILE, output_dir=HOSTILE, cause=verbatim(HOSTILE)
    )
    files = jobs.files(events, status=status, recipe=recipe, versions=versions)
    return read_record(HOSTILE, files)


# ---- what is in it ----------------------------------------------------------------------------


def test_it_is_one_file_that_loads_nothing() -> None:
    text = html(content(record()))
    parsed = Parsed(text)
    assert not {"img", "iframe", "object", "embed", "base", "form", "a"} & set(parsed.tags)
    addresses = [value for name, value in parsed.attributes if name in ("src", "href", "action")]
    assert addresses == ["data:,"]
    styles = text[text.index("<style>") : text.index("</style>")]
    assert "url(" not in styles and "@import" not in styles
    [policy] = [v for _, v in parsed.attributes if v and v.startswith("default-src")]
    assert "default-src 'none'" in policy and "connect-src 'none'" in policy


def test_only_its_own_scripts_may_run() -> None:
    parsed = Parsed(html(content(record())))
    [policy] = [v for _, v in parsed.attributes if v and v.startswith("default-src")]
    for script in parsed.scripts["code"]:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert "unsafe" not in policy.replace("style-src 'unsafe-inline'", "")
    assert "Copyright (c) 2022 Leon Sorokin" in parsed.scripts["code"][0]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_nothing_of_a_job_is_taken_for_html(language: Language) -> None:
    text = html(content(hostile(), hostile()), language)
    parsed = Parsed(text)
    assert "img" not in parsed.tags
    assert not [name for name, _ in parsed.attributes if name.startswith("on")]
    assert parsed.tags.count("script") == 3 == text.count("<script") == text.count("</script")
    assert "charts" in parsed.data
    unseen = re.sub(r"[\t\n]", "", text)
    assert not re.search("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", unseen)
    assert "\\u001b[31m" in text and "\\u202egnp.exe" in text, "shown as escapes"
    text.encode()


def test_the_first_number_is_the_goodput() -> None:
    found = content(record())
    words = [word.strip() for word in Parsed(html(found)).words if word.strip()]
    [after] = [words[n + 1] for n, word in enumerate(words) if word == "Goodput"]
    assert after == f"{found.account.percents()['steps']:.1f} %"
    shares = [float(word[:-2]) for word in words if re.fullmatch(r"\d+\.\d %", word)]
    # The number, each part, and the total.
    assert sum(shares[1:-1]) == pytest.approx(100) and shares[-1] == 100
    assert len(shares) == 2 + sum(found.account.of(part) > 0 for part in PARTS)


def test_every_plot_has_a_table() -> None:
    found = content(record())
    text = html(found)
    for chart in found.charts:
        [figure_] = re.findall(rf'<figure>(?:(?!</figure>).)*plot-{chart.key}".*?</figure>', text)
        assert "<table>" in figure_
        assert figure_.count("<tr>") > 4
    keys = [chart["key"] for chart in Parsed(text).data["charts"]]
    assert keys == [chart.key for chart in found.charts]


def test_in_chinese() -> None:
    text = html(content(record()), "zh")
    assert '<html lang="zh-CN">' in text
    words = "".join(Parsed(text).words)
    for english in ("Goodput", "Timeline", "Recipe", "loading", "steps that count", "Table"):
        assert english not in words
    assert "有效训练步" in words and "时间线" in words


def test_what_dsk_changed_and_what_is_missing() -> None:
    words = " ".join(Parsed(html(content(record()))).words)
    assert "output_dir: outputs/x -> /workspace/outputs/x" in words
    assert "hf_hub_token: '***'" in words and "hf_abc" not in words
    assert "is not there" not in words
    bare = " ".join(Parsed(html(content(read_record("j", {})))).words)
    assert "events.jsonl is not there" in bare and "recipe.yaml is not there" in bare


def test_the_failure_of_an_attempt_is_no_failure_of_a_job_that_goes_on() -> None:
    found = record()
    for state, shown in (("running", False), ("succeeded", False), ("failed", True)):
        text = html(content(dataclasses.replace(found, state=state)))
        assert ('class="failure"' in text) == shown, state


def test_a_comparison_begins_with_what_differs() -> None:
    other = read_record(
        "second",
        jobs.files(
            jobs.restarted(),
            trainer=jobs.trained(),
            recipe=jobs.RECIPE.replace("1.0e-05", "2.0e-05").replace("stage: 2", "stage: 3"),
            versions=dataclasses.replace(jobs.VERSIONS, stack={"name": "cu128", "torch": "2.10"}),
        ),
    )
    found = content(record(), other)
    assert [(each.key, each.one, each.other) for each in found.recipe_differences] == [
        ("deepspeed.zero_optimization.stage", "2", "3"),
        ("learning_rate", "1e-05", "2e-05"),
    ]
    assert [each.key for each in found.version_differences] == ["torch"]
    text = html(found)
    order = [text.index(f'id="{name}"') for name in ("differences", "goodput", "training")]
    assert order == sorted(order)
    same = " ".join(Parsed(html(content(record(), record()))).words)
    assert same.count("no differences") == 2


def test_a_live_page_asks_only_where_it_came_from() -> None:
    running = dataclasses.replace(record(), state="running")
    parsed = Parsed(html(content(running), live=True))
    [policy] = [v for _, v in parsed.attributes if v and v.startswith("default-src")]
    assert "connect-src 'self'" in policy and parsed.data["live"] > 0
    ended = Parsed(html(content(record()), live=True))
    assert ended.data["live"] == 0


def test_the_plotting_library_is_the_one_that_its_source_names() -> None:
    assets = Path(report.__file__).parent / "assets"
    named = re.findall(r"^([0-9a-f]{64})  (\S+)$", (assets / "SOURCE").read_text("utf-8"), re.M)
    assert len(named) == 3
    for digest, name in named:
        assert hashlib.sha256((assets / name).read_bytes()).hexdigest() == digest


# ---- its size ---------------------------------------------------------------------------------


def test_64_nodes_with_8_gpus_are_less_than_2_mb() -> None:
    size_ = len(html(content(record(64, 8, 12))).encode())
    assert size_ < MOST_BYTES, size_


def test_a_long_job_is_less_than_2_mb() -> None:
    events = jobs.restarted()
    noise = [Notice(jobs.BEGIN + 20, "left_over", verbatim("x" * 200), n % 2) for n in range(2000)]
    steps = [
        Step(jobs.BEGIN + 200 + n / 1000, "training" if n % 2 else "saving", 40, 100)
        for n in range(2000)
    ]
    files = jobs.files(
        [*events[:4], *noise, *steps, *events[4:]], jobs.watched(8, 8, 30), jobs.trained() * 40,
        recipe=f"text: {'x' * 500_000}\n",
    )  # fmt: skip
    size_ = len(html(content(read_record("j", files))).encode())
    assert size_ < MOST_BYTES, size_


def test_many_spans_become_few_that_cover_the_same_time() -> None:
    at = jobs.BEGIN
    events: list[Any] = [Attempt(at, 0, (0,))]
    events += [Step(at + n, "training" if n % 3 else "saving", n, 3000) for n in range(3000)]
    files = jobs.files(events, status=dataclasses.replace(jobs.STATUS, updated=at + 3000))
    account = content(read_record("j", files, state="lost")).account
    spans = visible_spans(account)
    assert len(account.spans) > 1500 and len(spans) <= 400
    assert spans[0].begin == account.begin and spans[-1].end == pytest.approx(account.end)
    assert {span.part for span in spans} == {"steps"}, "it takes most of each piece"


# ---- figures for other programs ---------------------------------------------------------------


def test_csv_has_one_value_a_row() -> None:
    rows = [line.split(",") for line in as_csv(content(record())).splitlines()]
    assert rows[0] == list(COLUMNS)
    assert all(len(row) == len(COLUMNS) for row in rows)
    loss = [dict(zip(COLUMNS, row, strict=True)) for row in rows if "loss" in row]
    assert (loss[0]["attempt"], loss[0]["step"], loss[0]["seconds"]) == ("0", "1", "32.000")
    power = next(dict(zip(COLUMNS, row, strict=True)) for row in rows if "gpu_power" in row)
    assert (power["node"], power["gpu"], power["unit"], power["value"]) == ("0", "0", "W", "600")


def test_csv_of_two_jobs_names_each() -> None:
    rows = as_csv(content(record(), dataclasses.replace(record(), job="=second"))).splitlines()
    assert {row.split(",")[0] for row in rows[1:]} == {jobs.STATUS.job, "'=second"}


def test_json_has_everything() -> None:
    found = as_json(content(record(), hostile()))
    parsed = json.loads(strictjson.dumps(found))
    assert sum(parsed["goodput"]["parts"].values()) == pytest.approx(parsed["goodput"]["seconds"])
    assert parsed["recipe"]["hf_hub_token"] == "***"
    assert {each["figure"] for each in parsed["series"]} > {"loss", "gpu_used", "network_sent"}
    assert parsed["compared"]["job"] == HOSTILE
    assert [each["number"] for each in parsed["attempts"]] == [0, 1]


# ---- small things -----------------------------------------------------------------------------


def test_what_is_no_markup_is_escaped() -> None:
    w = Writer("en")
    assert w.el("p", "<b>", Markup("<i>"), title='"x"') == (
        '<p title="&quot;x&quot;">&lt;b&gt;<i></p>'
    )
    assert w.foreign("a<b") == "<bdi>a&lt;b</bdi>"
    assert json_for_script("</script>\u2028&") == '"\\u003c/script\\u003e\\u2028\\u0026"'
    assert visible("a\tb\n\x00\u200f") == "a\tb\n\\u0000\\u200f"


def test_numbers_for_people() -> None:
    assert [figure(value) for value in (0.0, 1e-5, 0.00123456, 12345.678, 2e9)] == [
        "0", "1.000e-05", "0.001235", "12,346", "2.000e+09",
    ]  # fmt: skip
    assert (figure(float("nan")), figure(float("-inf"))) == ("NaN", "-∞")
    assert (size(999), size(1.5e9), size(2e13)) == ("999 B", "1.50 GB", "20.0 TB")
    assert (clock(42), clock(97_500)) == ("0:00:42", "27:05:00")


@pytest.mark.parametrize("seconds", [0, 0.3, 5, 59, 3600, 86400, 9e6, 1e15])
def test_ticks_are_few_and_within(seconds: float) -> None:
    found = ticks(seconds)
    assert found[0] == 0 and found[-1] <= seconds and len(found) <= 7
