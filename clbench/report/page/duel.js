/* Two strategies in one drawing. */

const FAILED = "M-4,-4L4,4M-4,4L4,-4"; // a cross

/**
 * Dots of one strategy across against the other up, with the line where both are equal; below and above it their names, whole.
 * `points`: [{x, y, colour, tip}], null for a failed run.
 */
function duelChart(width, title, points, { xLabel, yLabel, higher, limits }) {
  const letters = Math.floor(width / LETTER), above = nameLines(`↑ ${yLabel}`, letters), below = nameLines(`→ ${xLabel}`, letters);
  const plot = duelPlot(width, points, higher, limits), height = Number(plot.getAttribute("height"));
  const top = LINE * above.length + 4, end = top + height - 14; // the frame has room for one line of its own
  plot.setAttribute("y", top);
  return drawing(width, end + LINE * below.length + 6, `${title}. ${yLabel} against ${xLabel}.`,
    plot, textLines(above, 0, LINE / 2, "start"), textLines(below, 0, end + LINE / 2, "start"));
}

function duelPlot(width, points, higher, limits) {
  const axis = duelAxis(points, limits);
  const { svg, across, up } = frame(width, Math.min(width, 320), "", { ...axis, label: "" }, axis);
  svg.removeAttribute("role"); // the drawing around it has a name
  svg.removeAttribute("aria-label");
  const worst = higher ? axis.low : axis.high; // where the runs that failed stand
  svg.append(s("line", { class: "diagonal", x1: across(axis.low), y1: up(axis.low), x2: across(axis.high), y2: up(axis.high) }));
  for (const { x, y, colour, tip } of points)
    svg.append(s("g", { class: colour, transform: `translate(${across(x ?? worst)},${up(y ?? worst)})` },
      x == null || y == null
        ? s("path", { d: FAILED, stroke: "currentColor", "stroke-width": 2, fill: "none", "data-tip": tip })
        : s("circle", { r: 4, fill: "currentColor", "fill-opacity": 0.75, stroke: "var(--paper)", "data-tip": tip })));
  return svg;
}

/** One axis for both. */
function duelAxis(points, limits) {
  const values = points.flatMap((point) => [point.x, point.y]).filter((value) => value != null);
  const [low, high] = around(values.length ? values : [0, 1], 0.08), axis = withTicks(low, high, limits);
  axis.ticks = axis.ticks.filter((_, k) => axis.ticks.length < 7 || k % 2 === 0); // they stand across, too
  return axis;
}
