"""A report as one HTML file that loads nothing."""

from __future__ import annotations

import base64
import hashlib
import math
from importlib.resources import files
from typing import Any

from dsk import __version__
from dsk.report import sections
from dsk.report.charts import Chart
from dsk.report.content import Content
from dsk.report.markup import Markup, Writer, json_for_script, visible
from dsk.report.units import moment
from dsk.text import Language, Text

DIGITS = 5
LIVE_EVERY_MS = 3000


def page(content: Content, language: Language, *, made: float, live: bool = False) -> str:
    """`made`: seconds since the epoch. `live`: it asks the address that it came from for news."""
    w = Writer(language)
    licence = f"/*\n{_asset('uPlot.LICENSE')}\n*/\n"
    scripts = [licence + _asset("uPlot.iife.min.js"), _asset("page.js")]
    styles = _asset("uPlot.min.css") + _asset("page.css")
    title = Text("dsk report: {job}").filled(job=content.record.job)
    head = w.el(
        "head",
        w.el("meta", charset="utf-8"),
        w.el("meta", http_equiv="Content-Security-Policy", content=_policy(scripts, live=live)),
        w.el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        w.el("meta", name="color-scheme", content="light dark"),
        w.el("meta", name="referrer", content="no-referrer"),
        w.el("link", rel="icon", href="data:,"),
        w.el("title", title),
        w.el("style", Markup(styles)),
    )
    body = w.el(
        "body",
        w.el("main", _main(w, content)),
        w.el("footer", _made(content, made), w.el("span", "", id="live") if live else None),
        w.el("script", json_for_script(_data(w, content, live=live)), type="application/json",
             id="data"),
        *(w.el("script", Markup(script)) for script in scripts),
    )  # fmt: skip
    lang = {"en": "en", "zh": "zh-CN"}[language]
    return f"<!doctype html>\n{w.el('html', head, body, lang=lang)}\n"


def _main(w: Writer, content: Content) -> Markup:
    return w.join(
        sections.header(w, content),
        sections.recipe_difference(w, content),
        sections.goodput(w, content),
        sections.numbers(w, content),
        sections.failure(w, content),
        sections.missing(w, content),
        sections.time_axis(w, content),
        *sections.plots(w, content),
        sections.recipe(w, content),
        sections.version_table(w, content),
    )


def _made(content: Content, made: float) -> Text:
    text = Text("dsk {version}, made {at}; the job is known until {until}")
    return text.filled(version=__version__, at=moment(made), until=moment(content.record.until))


def _data(w: Writer, content: Content, *, live: bool) -> dict[str, Any]:
    return {
        "charts": [_chart(w, chart) for chart in content.charts],
        "live": LIVE_EVERY_MS if live and content.record.runs else 0,
        "words": {
            "time": w.said(Text("time")),
            "step": w.said(Text("step")),
            "reset": w.said(Text("Show all")),
            "updated": w.said(Text("updated")),
            "unknown": w.said(Text("the job cannot be read at the moment")),
            "silent": w.said(Text("dsk report --live no longer answers")),
        },
    }


def _chart(w: Writer, chart: Chart) -> dict[str, Any]:
    return {
        "key": chart.key,
        "x": chart.x,
        "unit": chart.unit,
        "xs": [_rounded(x) for x in chart.xs],
        "curves": [
            {
                "name": visible(w.said(curve.name)),
                "ys": [None if y is None else _rounded(y) for y in curve.ys],
                "other": curve.other,
            }
            for curve in chart.curves
        ],
    }


def _rounded(value: float) -> float | int:
    """To so many significant digits: more are not seen, and make the page large."""
    if not value or not math.isfinite(value):
        return 0
    digits = DIGITS - 1 - math.floor(math.log10(abs(value)))
    found = round(value, digits)
    return int(found) if found == int(found) else found


def _policy(scripts: list[str], *, live: bool) -> str:
    """Nothing is loaded from anywhere, and no script runs but these."""
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
        for script in scripts
    )
    connect = "'self'" if live else "'none'"
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; "
        f"img-src data:; connect-src {connect}; base-uri 'none'; form-action 'none'"
    )


def _asset(name: str) -> str:
    text = (files("dsk.report") / "assets" / name).read_text(encoding="utf-8").strip()
    # The end of a script or style is looked for in its text, whatever that is.
    if "</" in text and name.endswith(".js"):
        raise ValueError(f"{name} has </ in it")
    return text
