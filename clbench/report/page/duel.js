/* Two strategies in one drawing. */

const FAILED = "M-4,-4L4,4M-4,4L4,-4"; // a cross

/** Dots of b across against a up, with the line where both are equal. `points`: [{x, y, colour, tip}], null for a failed run. */
function duelChart(width, title, points, { xLabel, yLabel, higher, limits }) {
  const values = points.flatMap((point) => [point.x, point.y]).filter((value) => value != null);
  const [low, high] = around(values.length ? values : [0, 1], 0.08);
  const axis = withTicks(low, high, limits);
  axis.ticks = axis.ticks.filter((_, k) => axis.ticks.length < 7 || k % 2 === 0); // they stand across, too
  const { svg, across, up } = frame(width, Math.min(width, 320), `${title}.`, { ...axis, label: xLabel }, axis);
  const worst = higher ? axis.low : axis.high; // where the runs that failed stand
  svg.append(s("line", { class: "diagonal", x1: across(axis.low), y1: up(axis.low), x2: across(axis.high), y2: up(axis.high) }));
  for (const { x, y, colour, tip } of points) {
    const place = { class: colour, transform: `translate(${across(x ?? worst)},${up(y ?? worst)})` };
    const shape = x == null || y == null
      ? s("path", { d: FAILED, stroke: "currentColor", "stroke-width": 2, fill: "none", "data-tip": tip })
      : s("circle", { r: 4, fill: "currentColor", "fill-opacity": 0.75, stroke: "var(--paper)", "data-tip": tip });
    svg.append(s("g", place, shape));
  }
  svg.append(s("text", { x: across(axis.low) + 6, y: up(axis.high) + 12 }, yLabel));
  return svg;
}
