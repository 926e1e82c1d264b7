"use strict";
(() => {
  const HEIGHT = 210, COLOURS = 8, TIMES = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600,
    7200, 14400, 21600, 43200, 86400, 172800, 432000, 864000];
  const darkness = matchMedia("(prefers-color-scheme: dark)");
  let plots = [], ranges = {}, data = read(document);

  function read(root) {
    return JSON.parse(root.getElementById("data").textContent);
  }

  function colour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  }

  function pad(number) {
    return String(number).padStart(2, "0");
  }

  function clock(seconds) {
    const full = Math.round(seconds), rest = `${pad(Math.floor(full / 60) % 60)}:${pad(full % 60)}`;
    return `${Math.floor(full / 3600)}:${rest}`;
  }

  // On an axis, without hours where there are none.
  function short(seconds, most) {
    return most < 3600 ? clock(seconds).slice(2) : clock(seconds);
  }

  function number(value) {
    if (value === null || value === undefined) return "–";
    const size = Math.abs(value);
    if (size !== 0 && (size < 1e-3 || size >= 1e7)) return value.toExponential(2);
    return String(Number(value.toPrecision(4)));
  }

  // Of an axis: as many digits as tell its places apart.
  function places(values) {
    const step = values.length > 1 ? Math.abs(values[1] - values[0]) : 0;
    const most = Math.max(...values.map(Math.abs));
    if (most !== 0 && (most < 1e-3 || most >= 1e7)) {
      return values.map(value => value === 0 ? "0" : value.toExponential().replace("e+", "e"));
    }
    const [scale, unit] = most >= 1e6 ? [1e6, "M"] : most >= 1e4 ? [1e3, "k"] : [1, ""];
    if (unit) return values.map(value => value === 0 ? "0" : Number((value / scale).toFixed(3)) + unit);
    const digits = step > 0 ? Math.min(6, Math.max(0, -Math.floor(Math.log10(step) + 1e-9))) : 0;
    return values.map(value => value.toFixed(digits));
  }

  function shared(chart) {
    return data.charts.filter(other => other.x === chart.x).length > 1 ? chart.x : null;
  }

  function options(chart, width) {
    const soft = colour("soft"), time = chart.x === "time";
    const axis = {stroke: soft, grid: {stroke: colour("grid"), width: 1}, ticks: {show: false},
      font: "12px system-ui, sans-serif"};
    const single = chart.curves.length === 1;
    const curve = (found, n) => ({
      // Losses come at some steps; where a node reports nothing, there is a gap in its time.
      label: found.name, scale: "y", width: 1.6, spanGaps: !time,
      stroke: colour(`curve${n % COLOURS}`),
      dash: found.other ? [6, 4] : n >= COLOURS ? [2, 3] : undefined,
      points: {show: found.ys.filter(y => y !== null).length < 40, size: 4},
      value: (_, value) => number(value),
    });
    return {
      width, height: HEIGHT,
      cursor: {
        sync: shared(chart) ? {key: chart.x, setSeries: false, scales: ["x", null]} : undefined,
        focus: {prox: single ? -1 : 24}, drag: {x: true, y: false}, points: {size: 6},
      },
      focus: {alpha: 0.35},
      legend: {live: true},
      scales: {x: {time: false}, y: {range: (_, low, high) => chart.unit === "%" ? [0, 100] : around(low, high)}},
      series: [
        {label: data.words[chart.x], value: (_, x) => x === null ? "–" : time ? clock(x) : String(x)},
        ...chart.curves.map(curve),
      ],
      axes: [
        {...axis, incrs: time ? TIMES : undefined, space: 62, size: 30,
          values: (_, found) => found.map(x => time ? short(x, chart.xs[chart.xs.length - 1])
            : Number.isInteger(x) ? String(x) : "")},
        {...axis, size: 54, gap: 6, space: 34, values: (_, found) => places(found)},
      ],
      hooks: {setScale: [(plot, key) => key === "x" && zoomed(plot, chart)]},
    };
  }

  function around(low, high) {
    if (low === null) return [0, 1];
    if (low === high) return low === 0 ? [0, 1] : [Math.min(0, low * 1.2), Math.max(0, low * 1.2)];
    const room = (high - low) * 0.06;
    // From zero where that takes little of the room: sizes are then comparable.
    const begin = low >= 0 && low < high * 0.45 ? 0 : low - room;
    return [begin, high + room];
  }

  let busy = false;

  function zoomed(plot, chart) {
    const {min, max} = plot.scales.x, xs = plot.data[0];
    if (busy || min === null || min === undefined || xs.length < 2) return;
    const all = min <= xs[0] && max >= xs[xs.length - 1];
    const range = all ? null : [min, max], key = chart.x;
    if (String(ranges[key] ?? null) === String(range)) return;
    ranges[key] = range;
    busy = true;
    for (const other of plots) {
      if (other.chart.x !== key) continue;
      if (other.plot !== plot) show(other.plot, range);
      button(other, range);
    }
    busy = false;
  }

  function show(plot, range) {
    const xs = plot.data[0];
    if (xs.length < 2) return;
    plot.setScale("x", range ? {min: range[0], max: range[1]} : {min: xs[0], max: xs[xs.length - 1]});
  }

  function button(entry, range) {
    const place = entry.box.closest("figure").querySelector("figcaption");
    const there = place.querySelector("button");
    if (!range && there) there.remove();
    if (!range || there) return;
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = data.words.reset;
    made.addEventListener("click", () => show(entry.plot, null));
    place.append(made);
  }

  function draw() {
    for (const entry of plots) entry.plot.destroy();
    plots = [];
    busy = true;
    for (const chart of data.charts) {
      const box = document.getElementById(`plot-${chart.key}`);
      if (!box) continue;
      const columns = [chart.xs, ...chart.curves.map(found => found.ys)];
      const plot = new uPlot(options(chart, box.clientWidth), columns, box);
      const entry = {chart, plot, box};
      plots.push(entry);
      const range = ranges[chart.x];
      if (range) {
        show(plot, range);
        button(entry, range);
      }
    }
    busy = false;
  }

  function fit() {
    for (const {plot, box} of plots) {
      if (box.clientWidth && box.clientWidth !== plot.width) {
        plot.setSize({width: box.clientWidth, height: HEIGHT});
      }
    }
  }

  // Plots in a folded part, and a window that is made narrower.
  new ResizeObserver(fit).observe(document.querySelector("main"));
  darkness.addEventListener("change", draw);
  draw();

  let tag = null;

  async function ask() {
    const place = document.getElementById("live");
    try {
      const headers = tag ? {"If-None-Match": tag} : {};
      const answer = await fetch(location.pathname, {cache: "no-store", headers});
      if (answer.status === 200) {
        tag = answer.headers.get("ETag");
        take(new DOMParser().parseFromString(await answer.text(), "text/html"));
      }
      const known = answer.status === 200 || answer.status === 304;
      place.textContent = known ? `${data.words.updated} ${new Date().toLocaleTimeString()}`
        : data.words.unknown;
    } catch {
      place.textContent = data.words.silent;
    }
    if (data.live) setTimeout(ask, data.live);
  }

  function take(page) {
    const unfolded = new Set([...document.querySelectorAll("details")].flatMap(
      (each, n) => each.open ? [name(each, n)] : []));
    const main = document.querySelector("main");
    for (const entry of plots) entry.plot.destroy();
    plots = [];
    main.replaceChildren(...page.querySelector("main").childNodes);
    document.querySelectorAll("details").forEach((each, n) => {
      each.open = unfolded.has(name(each, n));
    });
    data = read(page);
    draw();
  }

  function name(details, n) {
    const figure = details.closest("figure");
    return details.id || (figure ? figure.querySelector(".plot").id : String(n));
  }

  if (data.live) setTimeout(ask, data.live);
})();
