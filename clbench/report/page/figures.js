/* The figures of a section, each with a legend in the table's order and a table of its numbers. */

function figuresOf(section) {
  const scenarios = section.scenario === ALL ? section.data.scenarios : [section.scenario];
  const ofScenarios = scenarios.flatMap((scenario) => [curveFigure(section, scenario), costFigure(section, scenario)]);
  const found = [rankIntervalFigure(section), rankFigure(section), ...ofScenarios].filter(Boolean);
  if (!found.length) return h("p", { class: "muted" }, "Nothing to draw: no strategy matches, or none has runs that finished.");
  return h("div", { class: "figures" }, found);
}

/** The lines and markers of these strategies, in the order of the table. */
function legend(section, names) {
  const item = (name) => {
    const style = section.looks.get(name);
    const sample = s("svg", { width: 30, height: 12, class: style.colour, "aria-hidden": "true" },
      s("line", { x1: 0, x2: 30, y1: 6, y2: 6, stroke: "currentColor", "stroke-width": 1.8, "stroke-dasharray": style.dash }),
      mark(style, 15, 6));
    return h("li", {}, sample, h("span", {}, named(section.isBound(name) ? `${name} (bound)` : name)));
  };
  return h("ul", { class: "legend" }, rankedNames(section).filter((name) => names.includes(name)).map(item));
}

/** The ranks that the tests leave to each rival, in the order of the table. */
function rankIntervalFigure(section) {
  const ranked = rankedRows(section).filter((row) => row.rank_best != null);
  const shown = ranked.filter((row) => section.isShown(row.strategy));
  if (shown.length < 2) return null;
  const rows = shown.map((row) => ({ name: row.strategy, best: row.rank_best, worst: row.rank_worst, style: section.looks.get(row.strategy) }));
  const where = section.scenario === ALL ? "over these scenarios" : `on ${section.scenario}`, title = `Ranks ${where}`;
  const count = Math.max(...ranked.map((row) => row.rank_worst));
  const words = "From 1 + the number of rivals shown to be better, to all but those shown to be worse. "
    + "Bounds have none, nor has who has too few runs.";
  const drawn = figure(title, words,
    (width) => rankIntervals(width, title, rows, count), null,
    () => plainTable(title, ["strategy", "best", "worst"], rows.map(({ name, best, worst }) => [name, String(best), String(worst)])));
  drawn.className = "wide";
  return drawn;
}

function rankFigure(section) {
  const { ranking, scenario, data } = section;
  const diagram = ranking.diagrams.find((one) => one.scenario === (scenario === ALL ? null : scenario));
  if (!diagram) return null;
  const over = scenario === ALL ? `${data.scenarios.length} scenarios` : "seeds";
  const groups = new Map(rankedRows(section).map((row) => [row.strategy, row.group]));
  const rows = () => diagram.ranks.map(([name, rank]) => [name, rank.toFixed(2), groups.get(name) ?? "–"]);
  const bounds = diagram.ranks.some(([name]) => section.isBound(name)) ? ", bounds included" : "";
  const drawn = figure("Average ranks", `Over ${over}, of all strategies${bounds}. A bar joins those that cannot be told apart, with a dot for each.`,
    (width) => rankDiagram(width, `Average ranks over ${over}`, diagram), null,
    () => plainTable("Average ranks", ["strategy", "average rank", "group"], rows()));
  drawn.className = "wide";
  return drawn;
}

function curveFigure(section, scenario) {
  const { course, data } = section, curveOf = (entry) => entry.curves[course];
  const entries = data.entries.filter((entry) => entry.scenario === scenario && section.isShown(entry.label) && curveOf(entry));
  if (!entries.length) return null;
  const [words, axis] = data.courses[course];
  const size = Math.max(...entries.map((entry) => curveOf(entry).size)), tasks = size > 1 ? `, means of ${size} tasks` : "";
  const percent = (value) => (value == null ? null : 100 * value);
  const pointsOf = (entry) => curveOf(entry).points.map(([x, ...rest]) => [x, ...rest.map(percent)]);
  const lines = entries.map((entry) => ({ name: entry.label, style: section.looks.get(entry.label), points: pointsOf(entry) }));
  const title = `${scenario}: ${words}`;
  const rowOf = (entry, [x, y, low, high]) => [entry.label, String(x), number(y, "fraction"), interval(low, high, "fraction")];
  const rowsOf = (entry) => curveOf(entry).points.map((point) => rowOf(entry, point));
  return figure(title, `In %, with the interval of the mean over seeds${tasks}.`,
    (width) => lineChart(width, title, lines, `${axis}${tasks}`, "accuracy in %"),
    legend(section, entries.map((entry) => entry.label)),
    () => plainTable(title, ["strategy", size > 1 ? `${axis}, up to` : axis, "accuracy, %", "95 % interval"], entries.flatMap(rowsOf)));
}

function costFigure(section, scenario) {
  const { unit, metric, fronts, limits, summary } = section.ranking, scale = scaleOf(unit);
  const costOf = (name) => section.cellOf(name, scenario).costs[section.cost];
  const known = summary.filter((row) => row.scenario === scenario && row.mean != null && section.isShown(row.strategy));
  const rows = known.filter((row) => costOf(row.strategy) > 0);
  if (!rows.length) return null;
  const scaled = (value) => (value == null ? null : value * scale);
  const points = rows.map((row) => ({
    name: row.strategy, style: section.looks.get(row.strategy), bound: section.isBound(row.strategy),
    x: costOf(row.strategy), y: scaled(row.mean), low: scaled(row.ci_low), high: scaled(row.ci_high),
  }));
  const front = section.filter ? [] : (fronts[section.cost][scenario] ?? []).map(([x, y]) => [x, y * scale]);
  const word = COST_WORDS[section.cost], costUnit = COST_UNITS[section.cost];
  const title = `${scenario}: what it costs`, beside = `${metric}${unit ? `, ${unitWord(unit)}` : ""}`;
  const bounds = points.some((point) => point.bound) ? " Bounds are hollow, and left aside." : "";
  const free = known.map((row) => row.strategy).filter((name) => costOf(name) === 0);
  const none = free.length ? ` Without any: ${free.join(", ")}.` : "";
  const x = { label: word, shown: (value) => number(value, costUnit), tick: (value) => shortened(number(value, costUnit)) };
  const dearest = Math.max(...points.map((point) => point.x));
  const tableRows = () => rows.map((row) => [row.strategy, number(costOf(row.strategy), costUnit, dearest), number(row.mean, unit)]);
  return figure(title, `${beside}, against ${word}. The line joins strategies that no other beats in both.${bounds}${none}`,
    (width) => scatter(width, title, points, front, x, beside, limits?.map((limit) => limit * scale)),
    legend(section, points.map((point) => point.name)),
    () => plainTable(title, ["strategy", word, beside], tableRows()));
}
