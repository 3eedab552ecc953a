"use strict";
/* Elements and figures. Whatever comes from a record becomes a text node or an attribute's value: it is never parsed. */

const SVG = "http://www.w3.org/2000/svg";
const DASHES = ["", "6 3", "7 3 2 3", "2 3"];
const MARKERS = [
  "M-4,0a4,4 0 1,0 8,0a4,4 0 1,0 -8,0Z", "M-3.6,-3.6h7.2v7.2h-7.2Z", "M0,-4.4L4.4,3.4H-4.4Z", "M0,-5L5,0L0,5L-5,0Z",
  "M0,4.4L4.4,-3.4H-4.4Z", "M-1.5,-4.5h3v3h3v3h-3v3h-3v-3h-3v-3h3Z", "M-4,-2L-2,-4L0,-2L2,-4L4,-2L2,0L4,2L2,4L0,2L-2,4L-4,2L-2,0Z",
  "M0,-5L1.5,-1.6L5,-1.4L2.3,0.9L3.2,4.4L0,2.4L-3.2,4.4L-2.3,0.9L-5,-1.4L-1.5,-1.6Z",
];
const CIVIDIS = [[0, 34, 78], [53, 69, 108], [102, 105, 112], [148, 142, 119], [200, 184, 102], [254, 232, 56]];

/** An element with attributes (functions are listeners) and children (strings are text). */
function h(name, attributes = {}, ...children) {
  return made(document.createElement(name), attributes, children);
}

/** The same in SVG. */
function s(name, attributes = {}, ...children) {
  return made(document.createElementNS(SVG, name), attributes, children);
}

function made(element, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(key, value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value != null) element.setAttribute(key, value);
    if (key === "data-tip" && value) element.setAttribute("aria-description", value);
  }
  element.append(...children.flat(Infinity).filter((child) => child != null));
  return element;
}

/** Colour, dashes and marker of the k-th strategy; no two of 32 look alike. */
const look = (k) => ({ colour: `c${k % 8}`, dash: DASHES[Math.floor(k / 8) % 4], marker: MARKERS[(k + Math.floor(k / 8)) % 8] });
const mark = (style, x, y, label, hollow = false) =>
  s("path", { d: style.marker, transform: `translate(${x},${y})`, fill: hollow ? "var(--paper)" : "currentColor",
    stroke: hollow ? "currentColor" : null, "stroke-width": hollow ? 1.6 : null, "data-tip": label });

/** A clipping path around the inside of a frame, and the attribute that uses it. */
let clips = 0;
function clipped(svg, x, y, width, height) {
  const id = `clip${clips++}`;
  svg.append(s("clipPath", { id }, s("rect", { x, y, width, height })));
  return `url(#${id})`;
}

/** Round numbers between two, about so many. */
function ticks(low, high, wanted = 5) {
  const rough = (high - low) / wanted || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => power * factor >= rough);
  const found = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k++) found.push(Number((k * step).toPrecision(12)));
  return found;
}

function logTicks(low, high) {
  const found = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++)
    for (const factor of [1, 2, 5]) found.push(Number((factor * 10 ** power).toPrecision(6)));
  const inside = found.filter((tick) => tick >= low * 0.999 && tick <= high * 1.001);
  return inside.length > 6 ? inside.filter((tick) => /^1?[0.]*1?0*$/.test(String(tick))) : inside;
}

const linear = (low, high, from, to) => (value) => from + ((value - low) / (high - low || 1)) * (to - from);
const logarithmic = (low, high, from, to) => {
  const scale = linear(Math.log(low), Math.log(high), from, to);
  return (value) => scale(Math.log(value));
};

/** A frame with both axes; gives it back with its scales. `x` and `y`: {low, high, ticks, label, log}. */
function frame(width, height, title, x, y) {
  const left = 44, right = 10, top = 8, bottom = 40;
  const across = (x.log ? logarithmic : linear)(x.low, x.high, left, width - right);
  const up = linear(y.low, y.high, height - bottom, top);
  const axis = s("g", { class: "axis" });
  for (const tick of y.ticks)
    axis.append(
      s("line", { x1: left, x2: width - right, y1: up(tick), y2: up(tick) }),
      s("text", { x: left - 6, y: up(tick), dy: "0.35em", "text-anchor": "end" }, String(tick)),
    );
  for (const tick of x.ticks)
    axis.append(
      s("line", { x1: across(tick), x2: across(tick), y1: height - bottom, y2: height - bottom + 4 }),
      s("text", { x: across(tick), y: height - bottom + 17, "text-anchor": "middle" }, (x.tick ?? String)(tick)),
    );
  axis.append(s("text", { x: (left + width - right) / 2, y: height - 4, "text-anchor": "middle" }, x.label));
  const svg = s("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": title }, axis);
  return { svg, across, up, inside: clipped(svg, left, top, width - left - right, height - bottom - top) };
}

/** Limits with some air around the values. */
function around(values, share = 0.06) {
  const low = Math.min(...values), high = Math.max(...values);
  const air = (high - low) * share || Math.abs(high) * 0.1 || 1;
  return [low - air, high + air];
}

/** An axis from `low` to `high` whose ticks, but for a little air, keep to what is possible. */
function withTicks(low, high, limits) {
  if (!limits) return { low, high, ticks: ticks(low, high) };
  const [least, most] = limits, air = 0.03 * (high - low);
  const axis = { low: Math.max(low, least - air), high: Math.min(high, most + air) };
  axis.ticks = ticks(Math.max(axis.low, least), Math.min(axis.high, most));
  return axis;
}

/** Lines with bands. `lines`: [{name, style, points: [[x, y, low, high]]}]. */
function lineChart(width, title, lines, xLabel, yLabel) {
  const every = lines.flatMap((line) => line.points);
  const most = Math.max(...every.map((point) => point[0]));
  const [low, high] = around(every.flatMap(([, y, lower, upper]) => [y, lower ?? y, upper ?? y]), 0.03);
  const y = withTicks(low, high, [0, 100]);
  const x = { low: 1, high: Math.max(most, 2), label: xLabel, ticks: ticks(1, most, Math.min(most, 10)).filter(Number.isInteger) };
  if (!x.ticks.includes(1)) x.ticks.unshift(1);
  const { svg, across, up, inside } = frame(width, 270, `${title}. ${yLabel} against ${xLabel}.`, x, y);
  for (const { name, style, points } of lines) {
    const sure = points.filter((point) => point[2] != null && point[3] != null);
    const edge = [...sure.map((p) => [p[0], p[2]]), ...sure.reverse().map((p) => [p[0], p[3]])];
    const path = (places) => places.map(([a, b]) => `${across(a).toFixed(1)},${up(b).toFixed(1)}`).join("L");
    svg.append(
      s("g", { class: style.colour },
        edge.length ? s("path", { class: "band", d: `M${path(edge)}Z`, "clip-path": inside }) : null,
        s("path", { d: `M${path(points)}`, fill: "none", stroke: "currentColor", "stroke-width": 1.8, "stroke-dasharray": style.dash }),
        points.filter((_, k) => k % Math.ceil(points.length / 12) === 0)
          .map((p) => mark(style, across(p[0]), up(p[1]), `${name}: ${p[1].toFixed(1)} after ${p[0]}`))));
  }
  return svg;
}

/** Points with whiskers, and the line of those that nothing beats. `points`: [{name, style, x, y, low, high, bound}]; `x`: {label, shown, tick}. */
function scatter(width, title, points, front, { label, shown, tick }, yLabel, limits) {
  const [xLow, xHigh] = [Math.min(...points.map((p) => p.x)) / 1.3, Math.max(...points.map((p) => p.x)) * 1.3];
  const [low, high] = around(points.flatMap((p) => [p.y, p.low ?? p.y, p.high ?? p.y]));
  const x = { low: xLow, high: xHigh, log: true, label, tick, ticks: logTicks(xLow, xHigh) };
  const { svg, across, up, inside } = frame(width, 270, `${title}. ${yLabel} against ${label}.`, x, withTicks(low, high, limits));
  const line = front.map(([a, b]) => `${across(a)},${up(b)}`).join(" ");
  svg.append(s("polyline", { points: line, fill: "none", stroke: "var(--muted)", "stroke-dasharray": "2 3" }));
  for (const p of points)
    svg.append(
      s("g", { class: p.style.colour },
        p.low == null ? null : s("line", { x1: across(p.x), x2: across(p.x), y1: up(p.low), y2: up(p.high), stroke: "currentColor", "clip-path": inside }),
        mark(p.style, across(p.x), up(p.y), `${p.name}${p.bound ? " (bound)" : ""}: ${p.y.toPrecision(4)} at ${shown(p.x)}`, p.bound)));
  return svg;
}

/** A mean with its interval on a scale that the whole column shares. */
function whisker(mean, low, high, [from, to], style) {
  const x = linear(from, to, 5, 135);
  return s("svg", { width: 140, height: 18, "aria-hidden": "true", class: style.colour },
    s("line", { x1: 5, x2: 135, y1: 9, y2: 9, stroke: "var(--line)" }),
    low == null ? null : s("line", { x1: x(low), x2: x(high), y1: 9, y2: 9, stroke: "currentColor", "stroke-width": 2 }),
    s("circle", { cx: x(mean), cy: 9, r: 3.5, fill: "currentColor" }));
}

/** The accuracy matrix: a table whose cells are coloured, so that figure and numbers are one. */
function heatTable(caption, { size, tasks, ends, values }) {
  const cell = (value) => {
    if (value == null) return h("td", { class: "muted" }, "·");
    const td = h("td", {}, (100 * value).toFixed(0));
    td.style.backgroundColor = `rgb(${colourAt(value).join(" ")})`;
    td.style.color = value < 0.55 ? "#fff" : "#111";
    return td;
  };
  // In blocks a row is the mean over several numbers of tasks learnt.
  const learnt = (row) => (size > 1 || ends[row] === 1 ? tasks[row] : `1–${ends[row]}`);
  return h("table", { class: "heat" }, captionOf(caption),
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "learnt"), tasks.map((task) => h("th", { scope: "col" }, `${size > 1 ? "tasks" : "task"} ${task}`)))),
    h("tbody", {}, values.map((row, k) => h("tr", {}, h("th", { scope: "row" }, k === 0 ? "none" : learnt(k - 1)), row.map(cell)))));
}

function colourAt(value) {
  const place = Math.min(Math.max(value, 0), 1) * (CIVIDIS.length - 1), below = Math.min(Math.floor(place), CIVIDIS.length - 2);
  return CIVIDIS[below].map((part, k) => Math.round(part + (CIVIDIS[below + 1][k] - part) * (place - below)));
}
