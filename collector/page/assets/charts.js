// Draws the lines of a proxy's page: the columns come as JSON, the words and colours are the page's.
"use strict";
(() => {
  const figures = [...document.querySelectorAll("figure.chart")];
  if (!figures.length) return;
  const colours = {
    first_byte: "--ink", resolve: "--resolve", connect: "--connect", tls: "--tls", verify: "--verify",
    processing: "--processing", transfer: "--transfer", ok: "--healthy", miss: "--unknown", failed: "--down",
  };
  const others = ["--down", "--degraded", "--resolve", "--connect", "--tls", "--processing", "--verify", "--transfer", "--unknown"];
  const probe = document.body.appendChild(document.createElement("i"));
  probe.hidden = true;
  const colour = (name) => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  };
  let percentile = "p95", plots = [], data = null;

  const clock = (s, step) => {
    const at = new Date(s * 1000).toISOString();
    return step >= 86400 || s % 86400 === 0 ? at.slice(5, 10) : at.slice(11, 16);
  };

  // A value between two that are not known has no line.
  const alone = (values) => [...values.keys()].filter((at) =>
    values[at] !== null && (values[at - 1] ?? null) === null && (values[at + 1] ?? null) === null);

  const draw = (figure) => {
    const kind = figure.dataset.chart, names = JSON.parse(figure.dataset.names);
    const found = kind === "phases" ? data.phases[percentile] : data[kind];
    const keys = Object.keys(found);
    const unit = figure.dataset.unit;
    const axis = { stroke: colour("--minor"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line"), width: 1 } };
    const options = {
      width: figure.clientWidth, height: Math.max(180, Math.min(340, figure.clientWidth * 0.36)),
      tzDate: (at) => uPlot.tzDate(new Date(at * 1000), "Etc/UTC"),
      cursor: { sync: { key: "lines" }, focus: { prox: 24 } },
      focus: { alpha: 0.35 },
      scales: { y: { range: (_, low, high) => [0, high > 0 ? high * 1.08 : 1] } },
      axes: [{ ...axis, values: (_, at, __, ___, step) => at.map((s) => clock(s, step)) }, { ...axis, size: 64, values: (_, values) => values.map((v) => `${v.toLocaleString("en")}${unit === "ms" ? " ms" : ""}`) }],
      series: [{ label: "UTC", value: "{YYYY}-{MM}-{DD} {HH}:{mm}" }, ...keys.map((key, at) => ({
        label: names[key] || key, stroke: colour(colours[key] || others[at % others.length]), width: 1.6,
        points: { size: 5, filter: (plot, at, shown) => shown ? null : alone(plot.data[at]) },
        value: (_, v) => v === null ? "–" : `${v.toLocaleString("en", { maximumFractionDigits: v < 10 ? 2 : 0 })} ${unit}`,
      }))],
      hooks: { setScale: [(plot, key) => key === "x" && follow(plot)] },
    };
    const plot = new uPlot(options, [data.at_s, ...keys.map((key) => found[key])], figure);
    figure.setAttribute("aria-hidden", "true");
    plots.push(plot);
  };

  let following = false;
  const follow = (plot) => {
    if (following) return;
    following = true;
    const { min, max } = plot.scales.x;
    for (const other of plots) if (other !== plot) other.setScale("x", { min, max });
    following = false;
  };

  const redraw = () => {
    const zoomed = plots[0] && { min: plots[0].scales.x.min, max: plots[0].scales.x.max };
    for (const plot of plots) plot.destroy();
    plots = [];
    figures.forEach(draw);
    if (zoomed) plots[0].setScale("x", zoomed);
  };

  const choose = () => {
    const figure = figures.find((one) => one.dataset.chart === "phases");
    const bar = document.createElement("p");
    bar.className = "percentiles";
    for (const name of ["p50", "p95", "p99"]) {
      const button = bar.appendChild(document.createElement("button"));
      button.type = "button";
      button.textContent = name;
      button.setAttribute("aria-pressed", String(name === percentile));
      button.onclick = () => {
        percentile = name;
        for (const other of bar.children) other.setAttribute("aria-pressed", String(other === button));
        redraw();
      };
    }
    figure.before(bar);
  };

  fetch(figures[0].dataset.source).then((answer) => answer.ok ? answer.json() : Promise.reject(answer.status)).then((found) => {
    data = found;
    choose();
    redraw();
    for (const table of document.querySelectorAll("details.as-table")) table.open = false;
    let width = innerWidth;
    addEventListener("resize", () => { if (innerWidth !== width) { width = innerWidth; redraw(); } });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  }, () => {});
})();
