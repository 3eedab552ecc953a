/* Drawings of ranks: their intervals, and the average ranks of a critical-difference diagram. */

const rankTicks = (count, room) => ticks(1, count, Math.max(1, Math.min(count - 1, Math.floor(room / 28)))).filter(Number.isInteger);

/** A drawing of this size, with its title for those who cannot see it. */
function drawing(width, height, title, ...children) {
  return s("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": title }, children);
}

// ------------------------------------------------------------------ intervals

/** A bar a strategy over the ranks that it may have. `rows`: [{name, best, worst, style}]. */
function rankIntervals(width, title, rows, count) {
  const longest = Math.max(...rows.map(({ name }) => name.length));
  const room = Math.min(width * 0.45, 10 + LETTER * longest), top = 24;
  const across = linear(1, Math.max(count, 2), room + 14, width - 50);
  let y = top + 8;
  const bars = rows.map((row) => {
    const lines = nameLines(row.name, Math.floor((room - 6) / LETTER)), middle = y + LINE / 2 + 2;
    y += LINE * lines.length + 8;
    return [textLines(lines, room - 4, middle, "end"), rankBar(row, across, middle)];
  });
  const axis = rankTicks(count, width - room).map((tick) => [
    s("line", { x1: across(tick), x2: across(tick), y1: top, y2: y }),
    s("text", { x: across(tick), y: top - 8, "text-anchor": "middle" }, String(tick))]);
  return drawing(width, y + 4, title, s("g", { class: "axis" }, axis), bars);
}

function rankBar({ name, best, worst, style }, across, y) {
  const words = best === worst ? String(best) : `${best}–${worst}`, past = 5; // a bar of one rank is as wide as that
  const bar = s("line", { x1: across(best) - past, x2: across(worst) + past, y1: y, y2: y, stroke: "currentColor", "stroke-width": 10 });
  return [
    s("g", { class: style.colour, "data-tip": `${name}: rank ${words}` }, bar),
    s("text", { x: across(worst) + 12, y, dy: "0.35em" }, words)];
}

// ------------------------------------------------------------------ average ranks

/** Average ranks on a line, names below, bars over those that cannot be told apart (a dot for each). */
function rankDiagram(width, title, { ranks, bars, critical }) {
  const count = ranks.length, longest = Math.max(...ranks.map(([name]) => name.length + 6));
  const room = Math.min(width * 0.38, 12 + 7 * longest);
  const across = linear(1, count, room, width - room);
  const top = critical == null ? 26 : 54, lowest = top + 14 + 12 * bars.length;
  const scale = rankTicks(count, width - 2 * room).map((tick) => [
    inkLine(across(tick), top - 5, across(tick), top), s("text", { x: across(tick), y: top - 9, "text-anchor": "middle" }, String(tick))]);
  const apart = critical == null ? [] : criticalDifference(width, room, across, critical, count);
  const joined = bars.flatMap((row, level) => row.map((members) => joinedRanks(members, across, top + 12 + 12 * level)));
  const [names, end] = rankNames(ranks, { width, room, top, lowest, across });
  return drawing(width, end + 8, title, inkLine(room, top, width - room, top), scale, apart, joined, names);
}

function inkLine(x1, y1, x2, y2, more = {}) {
  return s("line", { x1, y1, x2, y2, stroke: "currentColor", ...more });
}

/** How far apart average ranks have to be to differ, as a line above the scale. */
function criticalDifference(width, room, across, critical, count) {
  const end = across(Math.min(1 + critical, count)), long = 1 + critical > count ? ", longer than the line" : "";
  const text = `critical difference ${critical.toFixed(2)}${long}`;
  const left = Math.min(room, Math.max(0, width - 6.3 * text.length));
  return [inkLine(room, 16, end, 16), inkLine(room, 12, room, 20), inkLine(end, 12, end, 20), s("text", { x: left, y: 8 }, text)];
}

function joinedRanks(members, across, y) {
  const dots = members.map((rank) => s("circle", { cx: across(rank), cy: y, r: 3, fill: "currentColor" }));
  return [inkLine(across(members[0]), y, across(members.at(-1)), y, { "stroke-width": 3 }), ...dots];
}

/** The names beside the scale, the better half on the left from the top, the others on the right from the bottom; and where they end. */
function rankNames(ranks, place) {
  const half = Math.ceil(ranks.length / 2);
  const left = rankNamesOf(ranks.slice(0, half), place, -1), right = rankNamesOf(ranks.slice(half).reverse(), place, 1);
  return [[left.drawn, right.drawn], Math.max(left.end, right.end)];
}

/** One side of them; `away` is where the scale is not: -1 to the left, 1 to the right. */
function rankNamesOf(ranks, { width, room, top, lowest, across }, away) {
  const side = away < 0 ? room : width - room, anchor = away < 0 ? "end" : "start";
  const most = Math.max(Math.floor((room - 46) / LETTER), 5);
  let y = lowest;
  const drawn = ranks.map(([name, rank]) => {
    const lines = nameLines(name, most), middle = y + 9;
    y += Math.max(19, LINE * lines.length + 5);
    return [
      s("path", { d: `M${across(rank)},${top}V${middle}H${side}`, fill: "none", stroke: "var(--muted)" }),
      s("text", { x: side + 5 * away, y: middle, dy: "0.35em", "text-anchor": anchor }, rank.toFixed(2)),
      textLines(lines, side + 44 * away, middle, anchor)];
  });
  return { drawn, end: y };
}
