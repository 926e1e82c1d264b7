"""The parts of a report's page, from its content."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import yaml

from dsk.report import timeline
from dsk.report.charts import Chart, Group
from dsk.report.content import Content, versions
from dsk.report.difference import Difference, shown
from dsk.report.goodput import PARTS, Account, Part
from dsk.report.markup import Markup, Writer
from dsk.report.units import clock, duration, figure, moment, short_clock, size
from dsk.text import Text, joined, verbatim
from dsk.wire import words
from dsk.wire.events import Failure, Notice

MOST_ROWS = 24
"""Of the values of one plot."""
MOST_COLUMNS = 8
MOST_UNFOLDED = 16
MOST_ENTRIES = 400
MOST_MARKS = 150
MOST_RECIPE = 100_000
"""Characters."""
MOST_LINES = 40

PART_NAMES: dict[Part, Text] = {
    "steps": Text("steps that count"),
    "start": Text("start"),
    "load": Text("loading"),
    "evaluation": Text("evaluation"),
    "save": Text("saving"),
    "lost": Text("lost steps"),
    "restart": Text("restarts"),
    "stall": Text("stalls"),
    "end": Text("end"),
}
PART_MEANINGS: dict[Part, Text] = {
    "steps": Text("optimizer steps that no later attempt repeats"),
    "start": Text("connecting, checks, models, until the ranks report"),
    "load": Text("model and data, until the first step"),
    "evaluation": Text("evaluations"),
    "save": Text("checkpoints and the model"),
    "lost": Text("steps that a later attempt repeated, or that were never completed"),
    "restart": Text("from a failure to the next attempt's first step"),
    "stall": Text("steps that took far longer than the median"),
    "end": Text("after the last step: the end of the ranks and cleanup"),
}
_GROUPS: tuple[tuple[Group, Text], ...] = (
    ("training", Text("Training")),
    ("gpus", Text("GPUs")),
    ("hosts", Text("Hosts")),
    ("network", Text("Network")),
)
_TIME, _SHARE = Text("time"), Text("share")
_NOT_KNOWN = "–"
_NOT_SET = Text("not set")


def header(w: Writer, content: Content) -> Markup:
    record, status = content.record, content.record.status
    state = words.state(record.state)
    facts = [Text("started {at}").filled(at=moment(record.begin))] if record.events else []
    if status and status.nodes:
        ranks = Text("{nodes} nodes, {ranks} ranks")
        facts.append(ranks.filled(nodes=len(status.nodes), ranks=status.world_size))
    if content.account.seconds:
        how_long = Text("for {time}") if record.runs else Text("after {time}")
        facts.append(how_long.filled(time=duration(content.account.seconds)))
    return w.el(
        "header",
        w.el(
            "h1",
            w.foreign(record.job),
            " ",
            w.el("span", state, class_=f"state {record.state}"),
        ),
        w.el("p", joined(facts, " · "), class_="sub") if facts else None,
        _folder(w, content),
    )


def _folder(w: Writer, content: Content) -> Markup | None:
    status = content.record.status
    if not status or not status.output_dir:
        return None
    said = Text("cluster {cluster}, output in {folder}")
    return w.el(
        "p",
        w.foreign(w.said(said.filled(cluster=status.cluster, folder=status.output_dir))),
        class_="sub",
    )


def missing(w: Writer, content: Content) -> Markup | None:
    found = list(content.record.missing)
    if content.compared:
        name = content.compared.job
        of_other = Text("{job}: {text}")
        found += [of_other.filled(job=name, text=text) for text in content.compared.missing]
    if not found:
        return None
    items = [w.el("li", text) for text in found]
    title = w.el("h2", Text("What is missing here"))
    return w.el("section", title, w.el("ul", *items), class_="notes")


def failure(w: Writer, content: Content) -> Markup | None:
    """Why the job failed."""
    failures = [each for each in content.record.events if isinstance(each, Failure)]
    if not failures or content.record.runs or content.record.state == "succeeded":
        return None
    last = failures[-1]
    lines = "\n".join(last.lines[-MOST_LINES:])
    return w.el(
        "section",
        w.el("h2", Text("Failed")),
        w.el("p", w.foreign(w.said(last.cause))),
        w.el("p", w.foreign(w.said(Text("fix: {fix}").filled(fix=last.fix)))) if last.fix else None,
        w.el("pre", w.foreign(lines)) if lines else None,
        w.el("p", Text("{command} looks for the cause").filled(
            command=f"dsk diagnose {content.record.job}"
        ), class_="sub"),
        class_="failure",
    )  # fmt: skip


def goodput(w: Writer, content: Content) -> Markup:
    account = content.account
    share = account.percents()
    known = account.seconds > 0
    number = f"{share['steps']:.1f} %" if known else _NOT_KNOWN
    of = Text("of {time} in steps that count").filled(time=duration(account.seconds))
    parts = [part for part in PARTS if account.of(part) > 0 or part == "steps"]
    rows = [_part_row(w, part, account, share[part]) for part in parts]
    total = w.el(
        "tr", w.el("th", Text("total"), scope="row"), w.el("td", clock(account.seconds)),
        w.el("td", "100.0 %" if known else _NOT_KNOWN), w.el("td", "", class_="why"),
    )  # fmt: skip
    return w.el(
        "section",
        w.el("h2", Text("Goodput")),
        w.el("p", w.el("span", number, class_="big"), " ", w.el("span", of)),
        _bar(w, account, share) if known else None,
        _compared_bar(w, content),
        _table(
            w,
            (Text("part"), _TIME, _SHARE, Text("what it is")),
            [*rows, total],
            class_="parts",
            caption=Text("Where the time went"),
        ),
        id="goodput",
    )


def _part_row(w: Writer, part: Part, account: Account, share: float) -> Markup:
    swatch = w.el("span", "", class_=f"swatch {part}")
    return w.el(
        "tr",
        w.el("th", swatch, PART_NAMES[part], scope="row"),
        w.el("td", clock(account.of(part))),
        w.el("td", f"{share:.1f} %"),
        w.el("td", PART_MEANINGS[part], class_="why"),
    )


def _bar(w: Writer, account: Account, share: Mapping[Part, float]) -> Markup:
    pieces = [
        w.el(
            "span",
            class_=part,
            style=f"flex-grow:{account.of(part):.6g}",
            title=f"{w.said(PART_NAMES[part])}: {share[part]:.1f} %",
        )
        for part in PARTS
        if account.of(part) > 0
    ]
    label = w.said(Text("Where the time went"))
    return w.el("div", *pieces, class_="bar", role="img", aria_label=label)


def _compared_bar(w: Writer, content: Content) -> Markup | None:
    other, account = content.compared, content.compared_account
    if other is None or account is None or account.seconds <= 0:
        return None
    share = account.percents()
    said = Text("{job}: {share} % of {time}").filled(
        job=other.job, share=f"{share['steps']:.1f}", time=duration(account.seconds)
    )
    return w.join(w.el("p", w.foreign(w.said(said)), class_="sub"), _bar(w, account, share))


def numbers(w: Writer, content: Content) -> Markup:
    record, status, account = content.record, content.record.status, content.account
    found: list[tuple[Text, str | Text]] = []
    if status and status.step is not None:
        of = "" if status.steps is None else f" / {status.steps:,}"
        found.append((Text("step"), f"{status.step:,}{of}"))
    if account.lost:
        found.append((Text("steps repeated"), f"{account.lost:,}"))
    for figure_name, label in (
        ("loss", Text("last loss")),
        ("eval_loss", Text("last evaluation loss")),
    ):
        for each in content.series:
            if each.figure == figure_name:
                found.append((label, figure(each.points[-1].value)))
    for figure_name, label in (
        ("samples_per_s", Text("samples/s, mean")),
        ("tokens_per_s", Text("tokens/s, mean")),
    ):
        for each in content.series:
            if each.figure == figure_name:
                values = [point.value for point in each.points]
                found.append((label, figure(sum(values) / len(values), 3)))
    if tokens := max((each.tokens or 0 for each in record.trainer), default=0):
        found.append((Text("tokens"), f"{tokens:,}"))
    if record.attempts:
        found.append((Text("attempts"), str(len(record.attempts))))
    if content.sent is not None:
        found.append((Text("sent by all nodes"), size(content.sent)))
    if record.runs and status and status.seconds_left is not None:
        found.append((Text("time left"), duration(status.seconds_left)))
    items = [w.el("div", w.el("dt", label), w.el("dd", value)) for label, value in found]
    return w.el("dl", *items, class_="numbers") if items else Markup("")


def time_axis(w: Writer, content: Content) -> Markup | None:
    account, record = content.account, content.record
    if account.seconds <= 0:
        return None
    place = _Place(account)
    spans = timeline.visible_spans(account)
    phases = [
        w.el(
            "span",
            class_=span.part,
            style=place.of(span.begin, span.end),
            title=f"{w.said(PART_NAMES[span.part])}: {clock(span.begin - account.begin)} – "
            f"{clock(span.end - account.begin)}",
        )
        for span in spans
    ]
    attempts = [
        w.el("span", str(number + 1), class_="attempt", style=place.of(begin, end),
             title=w.said(Text("attempt {number}").filled(number=number + 1)))
        for number, begin, end in timeline.attempts(record, account)
    ]  # fmt: skip
    entries = list(timeline.entries(record.events))
    marks = [
        w.el(
            "span",
            class_="mark serious" if entry.serious else "mark",
            style=place.of(entry.at),
            title=f"{clock(entry.at - account.begin)} {w.said(entry.kind)}: {w.said(entry.text)}",
        )
        for entry in [each for each in entries if each.marked][-MOST_MARKS:]
    ]
    scale = [
        w.el("span", short_clock(tick, account.seconds), style=place.of(account.begin + tick))
        for tick in timeline.ticks(account.seconds)
    ]
    rows = [
        w.el("div", w.el("span", label, class_="label"), w.el("div", *found, class_=f"lane {name}"))
        for label, name, found in (
            (Text("attempts"), "attempts", attempts),
            (Text("phases"), "phases", phases),
            (Text("events"), "marks", marks),
            (Text("time"), "scale", scale),
        )
        if found
    ]
    return w.el(
        "section",
        w.el("h2", Text("Timeline")),
        w.el("div", *rows, class_="axis", role="img", aria_label=w.said(Text("Timeline"))),
        _entries(w, entries, account),
        id="timeline",
    )


class _Place:
    """Where on the axis a time is, as CSS."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def of(self, begin: float, end: float | None = None) -> str:
        left = self._percent(begin)
        if end is None:
            return f"left:{left:.3f}%"
        return f"left:{left:.3f}%;width:{max(0.0, self._percent(end) - left):.3f}%"

    def _percent(self, at: float) -> float:
        share = 100 * (at - self._account.begin) / self._account.seconds
        return min(100.0, max(0.0, share))


def _entries(w: Writer, entries: Sequence[timeline.Entry], account: Account) -> Markup:
    shown_ones = [*entries[: MOST_ENTRIES // 4], *entries[MOST_ENTRIES // 4 :][-MOST_ENTRIES:]]
    rows = [
        w.el(
            "tr",
            w.el("td", clock(entry.at - account.begin)),
            w.el("td", entry.kind),
            w.el("td", _where(entry)),
            w.el("td", w.foreign(w.said(entry.text)), class_="text"),
            class_="serious" if entry.serious else None,
        )
        for entry in shown_ones
    ]
    left_out = len(entries) - len(shown_ones)
    summary = Text("Events ({count})").filled(count=len(entries))
    return w.el(
        "details",
        w.el("summary", summary),
        _table(w, (_TIME, Text("event"), Text("where"), Text("text")), rows, class_="events"),
        w.el("p", Text("{count} events in the middle are left out").filled(count=left_out))
        if left_out
        else None,
        id="events",
    )


def _where(entry: timeline.Entry) -> str:
    if entry.rank is not None:
        return f"rank {entry.rank}"
    return "" if entry.node is None else f"node{entry.node}"


def plots(w: Writer, content: Content) -> Iterator[Markup]:
    for group, title in _GROUPS:
        found = [chart for chart in content.charts if chart.group == group]
        table = _gpu_table(w, content) if group == "gpus" else None
        if not found and table is None:
            continue
        figures = [_plot(w, chart) for chart in found]
        yield w.el(
            "section",
            w.el("h2", title),
            w.el("div", *figures, class_="plots"),
            table,
            id=group,
        )


def _plot(w: Writer, chart: Chart) -> Markup:
    unit = w.el("span", f" {chart.unit}", class_="unit") if chart.unit else None
    notes = []
    if chart.points_each > 1:
        said = Text("each place is the mean of up to {count} values")
        notes.append(said.filled(count=chart.points_each))
    if chart.not_finite:
        said = Text("{count} values are NaN or infinite and are left out")
        notes.append(said.filled(count=chart.not_finite))
    return w.el(
        "figure",
        w.el("figcaption", w.el("h3", chart.title, unit)),
        w.el("div", class_="plot", id=f"plot-{chart.key}", role="img",
             aria_label=w.said(chart.title)),
        w.el("p", joined(notes, "; "), class_="sub") if notes else None,
        w.el("details", w.el("summary", Text("Table")), *_plot_tables(w, chart)),
    )  # fmt: skip


def _plot_tables(w: Writer, chart: Chart) -> Iterator[Markup]:
    curves = chart.curves
    rows = [
        w.el(
            "tr",
            w.el("th", w.foreign(w.said(curve.name)), scope="row"),
            *(w.el("td", figure(each)) for each in (curve.low, curve.mean, curve.high, curve.last)),
        )
        for curve in curves
    ]
    columns = (Text("curve"), Text("least"), Text("mean"), Text("most"), Text("last"))
    yield _table(w, columns, rows)
    if len(curves) > MOST_COLUMNS:
        return
    place = _TIME if chart.x == "time" else Text("step")
    values = [
        w.el(
            "tr",
            w.el("td", clock(chart.xs[n]) if chart.x == "time" else f"{chart.xs[n]:,.0f}"),
            *(w.el("td", _value(curve.ys[n])) for curve in curves),
        )
        for n in _chosen(len(chart.xs))
    ]
    yield _table(w, (place, *(w.foreign(w.said(curve.name)) for curve in curves)), values)


def _chosen(count: int) -> list[int]:
    """Evenly spread, with the first and the last."""
    if count <= MOST_ROWS:
        return list(range(count))
    return [round(n * (count - 1) / (MOST_ROWS - 1)) for n in range(MOST_ROWS)]


def _value(value: float | None) -> str:
    return _NOT_KNOWN if value is None else figure(value)


def _gpu_table(w: Writer, content: Content) -> Markup | None:
    if not content.gpus:
        return None
    rows = [
        w.el(
            "tr",
            w.el("th", f"node{gpu.node} GPU {gpu.gpu}", scope="row"),
            w.el("td", _rounded(gpu.used)),
            w.el("td", _of(gpu.memory, gpu.memory_total)),
            w.el("td", _rounded(gpu.temperature)),
            w.el("td", _rounded(gpu.power)),
        )
        for gpu in content.gpus
    ]
    columns = (
        verbatim("GPU"),
        Text("use, mean, %"),
        Text("memory, most, GB"),
        Text("temperature, most, °C"),
        Text("power, mean, W"),
    )
    table = _table(w, columns, rows)
    unfolded = "" if len(rows) <= MOST_UNFOLDED else None
    return w.el("details", w.el("summary", Text("Each GPU")), table, id="each-gpu", open=unfolded)


def _rounded(value: float | None) -> str:
    return _NOT_KNOWN if value is None else f"{value:.0f}"


def _of(value: float | None, total: float | None) -> str:
    if value is None:
        return _NOT_KNOWN
    return f"{value / 1e9:.1f}" + ("" if total is None else f" / {total / 1e9:.1f}")


def recipe_difference(w: Writer, content: Content) -> Markup | None:
    """The first thing that a comparison shows."""
    other = content.compared
    if other is None:
        return None
    names = (content.record.job, other.job)
    return w.el(
        "section",
        w.el("h2", Text("Differences")),
        _differences(w, Text("Recipe"), content.recipe_differences, names),
        _differences(w, Text("Versions"), content.version_differences, names),
        id="differences",
    )


def _differences(
    w: Writer, title: Text, found: Iterable[Difference], names: tuple[str, str]
) -> Markup:
    rows = [
        w.el(
            "tr",
            w.el("th", w.foreign(each.key), scope="row"),
            *(
                w.el("td", _NOT_SET if value is None else w.foreign(value), class_="text")
                for value in (each.one, each.other)
            ),
        )
        for each in found
    ]
    head = w.el("h3", title)
    if not rows:
        return w.join(head, w.el("p", Text("no differences"), class_="sub"))
    return w.join(head, _table(w, (Text("key"), *map(w.foreign, names)), rows, class_="words"))


def recipe(w: Writer, content: Content) -> Markup | None:
    record = content.record
    changes = [
        each.text for each in record.events if isinstance(each, Notice) and each.kind == "change"
    ]
    if record.recipe is None and not changes:
        return None
    text = yaml.safe_dump(_plain(record.recipe), allow_unicode=True, sort_keys=False)
    cut = text[:MOST_RECIPE]
    items = [w.el("li", w.foreign(w.said(change))) for change in changes]
    return w.el(
        "section",
        w.el("h2", Text("Recipe")),
        w.el("h3", Text("Changed by dsk")),
        w.el("ul", *items) if items else w.el("p", Text("nothing"), class_="sub"),
        w.el("details", w.el("summary", Text("The recipe of the ranks")), w.el("pre", cut),
             w.el("p", Text("the rest is left out")) if cut != text else None)
        if record.recipe is not None
        else None,
        id="recipe",
    )  # fmt: skip


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else value


def version_table(w: Writer, content: Content) -> Markup | None:
    found = versions(content.record)
    if not found:
        return None
    rows = [
        w.el("tr", w.el("th", w.foreign(name), scope="row"),
             w.el("td", w.foreign(shown(value)), class_="text"))
        for name, value in found.items()
    ]  # fmt: skip
    return w.el(
        "section",
        w.el("h2", Text("Versions")),
        _table(w, (Text("package"), Text("version")), rows, class_="words"),
        id="versions",
    )


def _table(
    w: Writer,
    columns: Iterable[Text | str],
    rows: Iterable[Markup],
    *,
    class_: str | None = None,
    caption: Text | None = None,
) -> Markup:
    head = w.el("tr", *(w.el("th", column, scope="col") for column in columns))
    return w.el(
        "div",
        w.el(
            "table",
            w.el("caption", caption) if caption else None,
            w.el("thead", head),
            w.el("tbody", *rows),
            class_=class_,
        ),
        class_="scroll",
        tabindex="0",
    )
