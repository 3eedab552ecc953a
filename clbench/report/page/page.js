/* The page: a section for everything that is ranked together. What is chosen in its controls is its state; `draw` follows it. */

const DATA = JSON.parse(document.getElementById("data").textContent);
const ALL = "all scenarios";
const COST_WORDS = { train_seconds: "training a run", peak_memory: "peak memory", parameters: "parameters", state_bytes: "carried state", bytes_sent: "sent" };
const ENDED = { diverged: "diverged", failed: "failed", timeout: "timed out" };
const HELP = {
  rank: "1 + the number of strategies that are shown to be better",
  group: "strategies that share a letter cannot be told apart",
  iqm: "mean of the middle half of the runs",
  p: "adjusted for all pairs that are tested",
  effect: "how often a run is better than one of the baseline, of all that can be paired; the test looks at pairs of one seed",
  again: "whether another record measured the same runs again, and found the same",
};

// ------------------------------------------------------------------ numbers

const scaleOf = (unit) => (unit === "fraction" ? 100 : 1);
const unitWord = (unit) => (unit === "fraction" ? "%" : unit);

function number(value, unit = "") {
  if (value == null) return "–";
  if (unit === "seconds") return value < 60 ? `${value.toFixed(value < 10 ? 2 : 1)} s` : value < 3600 ? `${(value / 60).toFixed(1)} min` : `${(value / 3600).toFixed(1)} h`;
  if (unit === "bytes") return value < 1e6 ? `${(value / 1e3).toFixed(1)} kB` : value < 1e9 ? `${(value / 1e6).toFixed(1)} MB` : `${(value / 1e9).toFixed(2)} GB`;
  if (unit === "count") return Math.round(value).toLocaleString("en");
  if (unit === "fraction" || unit === "points") return minus((value * scaleOf(unit)).toFixed(1));
  return minus(value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e5) ? value.toExponential(2) : String(Number(value.toPrecision(4))));
}

const minus = (text) => text.replace(/^-(?=[0.]*$)/, "").replace("-", "−");
const signed = (value, unit) => (value == null ? "–" : value > 0 ? `+${number(value, unit)}` : number(value, unit));
const interval = (low, high, unit) => (low == null ? "–" : `${number(low, unit)} to ${number(high, unit)}`);
const probability = (p) => (p == null ? "–" : p < 1e-4 ? "< 0.0001" : String(Number(p.toPrecision(3))));

// ------------------------------------------------------------------ small parts

/** A table that scrolls by itself where the page is narrow. */
const scrolled = (label, table) => h("div", { class: "scroll", role: "region", "aria-label": label, tabindex: 0 }, table);

function plainTable(caption, headers, rows, words = 1) {
  const cell = (value, k) => h("td", { class: k < words ? "words" : "" }, value ?? "–");
  return scrolled(caption, h("table", {}, h("caption", {}, caption),
    h("thead", {}, h("tr", {}, headers.map((header, k) => h("th", { scope: "col", class: k < words ? "words" : "" }, header)))),
    h("tbody", {}, rows.map((row) => h("tr", {}, row.map(cell))))));
}

/** Nested settings as pairs of a dotted name and a value. */
function flat(tree, prefix = "") {
  return Object.entries(tree ?? {}).flatMap(([key, value]) =>
    value !== null && typeof value === "object" && !Array.isArray(value) && Object.keys(value).length
      ? flat(value, `${prefix}${key}.`)
      : [[prefix + key, typeof value === "string" ? value : value === null ? "none" : JSON.stringify(value)]]);
}

const settings = (tree) => {
  const rows = flat(tree);
  return rows.length ? h("dl", {}, rows.flatMap(([key, value]) => [h("dt", {}, key), h("dd", {}, value)])) : h("p", { class: "muted" }, "none");
};

/** Something folded away, made when it is first opened. */
function folded(summary, make, attributes = {}) {
  const details = h("details", attributes, h("summary", {}, summary));
  details.addEventListener("toggle", () => { if (details.open && details.children.length === 1) details.append(...[make()].flat(Infinity)); });
  return details;
}

/** A figure with its table, drawn again whenever its width changes. */
function figure(title, caption, draw, legend, table) {
  const place = h("div");
  let width = 0;
  new ResizeObserver(([entry]) => {
    const now = Math.floor(entry.contentRect.width);
    if (now > 0 && now !== width) place.replaceChildren(draw((width = now)));
  }).observe(place);
  return h("figure", {}, h("figcaption", {}, h("strong", {}, title), caption), place, legend, folded("The same as a table", table));
}

function download(name, type, make) {
  return (event) => {
    event.preventDefault();
    const link = h("a", { href: URL.createObjectURL(new Blob([make()], { type })), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };
}

const csvCell = (value) => (/[",\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
const asCsv = (table) => [...table.rows].map((row) => [...row.cells].map((cell) => csvCell(cell.dataset.value ?? cell.textContent)).join(",")).join("\n") + "\n";

// ------------------------------------------------------------------ a section

class Section {
  constructor(data, place) {
    Object.assign(this, { data, place, id: `s${place}` });
    this.ranking = data.rankings[0];
    this.scenario = this.ranking.overall ? ALL : data.scenarios[0];
    this.sort = { key: "order", down: false };
    this.looks = new Map(data.strategies.map((name, k) => [name, look(k)]));
    this.words = new Map(data.strategies.map((name) => [name, this.searchable(name)]));
    this.filter = "";
    this.parts = Object.fromEntries(["table", "figures", "pairs", "text"].map((name) => [name, h("div")]));
    this.count = h("output", { "aria-live": "polite" });
    this.element = this.build();
    this.draw();
  }

  searchable(name) {
    const options = this.data.entries.filter((entry) => entry.label === name).flatMap((entry) => flat(entry.options).map((pair) => pair.join("=")));
    return [name, ...options].join(" ").toLowerCase();
  }

  build() {
    const { data, id, parts } = this;
    const records = data.records.flatMap((record, k) => [k ? ", " : "", h("a", { href: record.link, download: true }, record.place)]);
    const seeds = Math.max(...data.entries.map((entry) => entry.seeds.length), 0);
    const scenarios = data.scenarios.length === 1 ? data.scenarios[0] : `${data.scenarios.length} scenarios`;
    return h("section", { id, "aria-labelledby": `${id}-title` },
      h("h2", { id: `${id}-title` }, data.title),
      h("p", { class: "muted" }, `${data.strategies.length} strategies on ${scenarios}, up to ${seeds} seeds each. Records: `, records),
      data.mixed.length ? h("div", { class: "notice" }, h("strong", {}, "Mixed records"), ", ranked together because that was insisted on. They differ:",
        h("ul", {}, data.mixed.map((line) => h("li", {}, line)))) : null,
      this.controls(), parts.table, parts.text, h("h3", {}, "Figures"), parts.figures, parts.pairs,
      h("h3", {}, "Entries"), data.strategies.map((name, k) => this.entry(name, k)));
  }

  controls() {
    const { data } = this;
    const choice = (label, options, chosen, pick) =>
      h("label", {}, label, h("select", { change: (event) => { pick(event.target.selectedIndex); this.draw(); } },
        options.map((option) => h("option", { selected: option === chosen }, option))));
    const scenarios = this.ranking.overall ? [ALL, ...data.scenarios] : data.scenarios;
    return h("form", { class: "controls", submit: (event) => event.preventDefault() },
      choice("Metric", data.rankings.map((one) => one.metric), this.ranking.metric, (k) => { this.ranking = data.rankings[k]; }),
      choice("Scenario", scenarios, this.scenario, (k) => { this.scenario = scenarios[k]; this.sort = { key: "order", down: false }; }),
      h("label", {}, "Filter by name or option",
        h("input", { type: "search", autocomplete: "off", input: (event) => { this.filter = event.target.value.toLowerCase().trim(); this.draw(); } })),
      this.count);
  }

  shown(name) {
    return this.filter.split(/\s+/).every((word) => this.words.get(name).includes(word));
  }

  draw() {
    const { parts } = this;
    parts.table.replaceChildren(...this.table());
    parts.text.replaceChildren(folded("In words", () => this.sentences(), { open: true }));
    parts.figures.replaceChildren(...this.figures());
    parts.pairs.replaceChildren(...this.pairs());
  }

  sentences() {
    const others = this.scenario === ALL ? [] : [...this.data.scenarios.filter((name) => name !== this.scenario), "Over scenarios"];
    const about = (line) => !others.some((name) => line.startsWith(`${name}: `));
    const { text, left_out: left } = this.ranking;
    return [
      h("ul", { class: "sentences" }, text.filter(about).map((line) => h("li", {}, line))),
      left.length ? h("p", {}, h("strong", {}, "Left out")) : null,
      left.length ? h("ul", { class: "sentences" }, left.map((line) => h("li", {}, line))) : null,
    ].filter(Boolean);
  }

  // ---------------------------------------------------------------- the ranking

  rows() {
    const { summary, overall } = this.ranking;
    if (this.scenario !== ALL) return summary.filter((row) => row.scenario === this.scenario);
    const placed = new Map(overall.map((row) => [row.strategy, row]));
    const names = [...placed.keys(), ...this.data.strategies.filter((name) => !placed.has(name) && summary.some((row) => row.strategy === name))];
    return names.map((strategy) => ({ strategy, ...placed.get(strategy), of: new Map(summary.filter((row) => row.strategy === strategy).map((row) => [row.scenario, row])) }));
  }

  entryOf(strategy, scenario = this.scenario) {
    return this.data.entries.find((entry) => entry.label === strategy && (scenario === ALL || entry.scenario === scenario));
  }

  columns(rows) {
    const { unit } = this.ranking;
    const name = { key: "name", title: "Strategy", words: true, value: (row) => row.strategy, cell: (row) => this.nameCell(row) };
    const mean = (title, lowest) => [
      { key: "mean", title: `${title}${unit ? `, ${unitWord(unit)}` : ""}`, value: (row) => row.mean, cell: (row) => number(row.mean, unit) },
      { key: "plot", title: "with its interval", words: true, value: (row) => row.mean, cell: (row) => (row.mean == null ? "" : whisker(row.mean, row.ci_low, row.ci_high, lowest, this.looks.get(row.strategy))) },
      { key: "interval", title: "95 % interval", value: (row) => row.ci_low, cell: (row) => interval(row.ci_low, row.ci_high, unit) },
    ];
    const limits = around(rows.flatMap((row) => [row.mean, row.ci_low, row.ci_high]).filter((value) => value != null));
    const group = { key: "group", title: "Group", help: HELP.group, words: true, value: (row) => row.group, cell: (row) => h("span", { class: "group" }, this.letters(row.group, rows)) };
    if (this.scenario === ALL)
      return [
        name, { key: "rank", title: "Average rank", value: (row) => row.average_rank, cell: (row) => row.average_rank?.toFixed(2) ?? "–" }, group, ...mean("Mean over scenarios", limits),
        ...this.data.scenarios.map((scenario, k) => ({ key: `at${k}`, title: `${scenario}: rank, mean`, value: (row) => row.of.get(scenario)?.mean,
          cell: (row) => this.within(row.of.get(scenario), scenario) })),
      ];
    const seconds = (row) => this.entryOf(row.strategy)?.costs.train_seconds;
    const against = this.data.baseline && rows.some((row) => row.effect != null);
    return [
      { key: "rank", title: "Rank", help: HELP.rank, value: (row) => row.rank, cell: (row) => this.rankCell(row, rows) }, name, group, ...mean("Mean", limits),
      ...(rows.some((row) => row.iqm != null) ? [{ key: "iqm", title: "IQM", help: HELP.iqm, value: (row) => row.iqm, cell: (row) => number(row.iqm, unit) }] : []),
      ...(against ? [
        { key: "difference", title: `minus ${this.data.baseline}`, value: (row) => row.difference, cell: (row) => (row.strategy === this.data.baseline ? "baseline" : signed(row.difference, unit)) },
        { key: "p", title: "adjusted p", help: HELP.p, value: (row) => row.p_adjusted, cell: (row) => probability(row.p_adjusted) },
        { key: "effect", title: "A", help: HELP.effect, value: (row) => row.effect, cell: (row) => row.effect?.toFixed(2) ?? "–" }] : []),
      { key: "seconds", title: "Training a run", value: seconds, cell: (row) => number(seconds(row), "seconds") },
      { key: "runs", title: "Runs", value: (row) => row.n, cell: (row) => (row.n === row.n_requested ? String(row.n) : `${row.n} of ${row.n_requested}`) },
      { key: "again", title: "Run again", help: HELP.again, words: true, value: (row) => repeatMark(this.entryOf(row.strategy)), cell: (row) => repeatMark(this.entryOf(row.strategy)) },
    ];
  }

  nameCell(row) {
    const ended = this.data.entries.filter((entry) => entry.label === row.strategy && (this.scenario === ALL || entry.scenario === this.scenario)).flatMap((entry) => entry.ended);
    const counts = Object.keys(ENDED).map((status) => [ended.filter((one) => one[0] === status).length, ENDED[status]]).filter(([count]) => count);
    return [h("a", { href: `#${this.entryId(row.strategy)}` }, row.strategy),
      counts.length ? h("span", { class: "failed" }, counts.map(([count, word]) => `${count} ${word}`).join(", ")) : null];
  }

  rankCell(row, rows) {
    const tied = rows.filter((other) => other.rank === row.rank).length > 1;
    return [tied ? h("span", { class: "tie", title: "shared" }, "= ") : null, h("span", { class: "rank" }, String(row.rank))];
  }

  within(row, scenario) {
    if (!row) return "–";
    const tied = this.ranking.summary.filter((other) => other.scenario === scenario && other.rank === row.rank).length > 1;
    return [h("span", { class: "tie" }, `${tied ? "= " : ""}${row.rank}`), `\u2002${number(row.mean, this.ranking.unit)}`];
  }

  /** Each letter in its own place, so that shared ones stand below each other. */
  letters(group, rows) {
    const every = [...new Set(rows.map((row) => row.group ?? "").join(""))].sort();
    return group == null ? "–" : every.length > 10 ? group : every.map((letter) => (group.includes(letter) ? letter : " ")).join("");
  }

  sorted(rows, columns) {
    const column = columns.find((one) => one.key === this.sort.key);
    if (!column) return rows;
    const direction = this.sort.down ? -1 : 1;
    const compared = (a, b) => (typeof a === "string" ? a.localeCompare(b) : a - b);
    return [...rows].sort((one, other) => {
      const [a, b] = [column.value(one), column.value(other)];
      return a == null || b == null ? (a == null) - (b == null) : direction * compared(a, b);
    });
  }

  table() {
    const every = this.rows(), columns = this.columns(every);
    const rows = this.sorted(every.filter((row) => this.shown(row.strategy)), columns);
    this.count.textContent = rows.length === every.length ? `${rows.length} strategies` : `${rows.length} of ${every.length} strategies`;
    const head = (column) => {
      const chosen = this.sort.key === column.key;
      const pick = () => { this.sort = { key: column.key, down: chosen && !this.sort.down }; this.draw(); this.refocus(column.key); };
      return h("th", { scope: "col", class: classOf(column), "aria-sort": chosen ? (this.sort.down ? "descending" : "ascending") : null },
        h("button", { type: "button", "data-key": column.key, title: column.help, click: pick }, column.title));
    };
    const cell = (column, row) => {
      const raw = column.value(row);
      return h(column.key === "name" ? "th" : "td", { scope: column.key === "name" ? "row" : null, class: classOf(column), "data-value": raw ?? "" }, column.cell(row));
    };
    const caption = `${this.ranking.metric} (${this.ranking.higher ? "more" : "less"} is better), ${this.scenario === ALL ? `over ${this.data.scenarios.length} scenarios` : this.scenario}`;
    const table = h("table", { class: "ranking" }, h("caption", {}, caption), h("thead", {}, h("tr", {}, columns.map(head))),
      h("tbody", {}, rows.length ? rows.map((row) => h("tr", {}, columns.map((column) => cell(column, row))))
        : h("tr", {}, h("td", { class: "empty", colspan: columns.length }, every.length ? "No strategy matches the filter." : `No run has a value of ${this.ranking.metric} here.`))));
    return [scrolled(caption, table),
      h("p", { class: "note" }, this.scenario === ALL
        ? "Average ranks over scenarios; ranks and means within a scenario are in its column. Choose a scenario for its tests."
        : "A rank is 1 + the number of strategies shown to be better, “=” marks shared ones. Strategies that share a letter cannot be told apart. Intervals are 95 %, one at a time."),
      h("div", { class: "downloads" }, h("button", { type: "button", class: "link", click: download("ranking.csv", "text/csv", () => asCsv(table)) }, "This table as CSV"))];
  }

  refocus(key) {
    this.parts.table.querySelector(`[data-key="${key}"]`)?.focus();
  }

  // ---------------------------------------------------------------- figures

  figures() {
    const scenarios = this.scenario === ALL ? this.data.scenarios : [this.scenario];
    const found = [this.rankFigure(), ...scenarios.flatMap((scenario) => [this.curves(scenario), this.costs(scenario)])].filter(Boolean);
    return [found.length ? h("div", { class: "figures" }, found) : h("p", { class: "muted" }, "Nothing to draw: no strategy matches, or none has runs that finished.")];
  }

  legend(names) {
    return h("ul", { class: "legend" }, names.map((name) => {
      const style = this.looks.get(name);
      return h("li", {}, s("svg", { width: 30, height: 12, class: style.colour, "aria-hidden": "true" },
        s("line", { x1: 0, x2: 30, y1: 6, y2: 6, stroke: "currentColor", "stroke-width": 1.8, "stroke-dasharray": style.dash }), mark(style, 15, 6)), name);
    }));
  }

  rankFigure() {
    const diagram = this.ranking.diagrams.find((one) => one.scenario === (this.scenario === ALL ? null : this.scenario));
    if (!diagram) return null;
    const over = this.scenario === ALL ? `${this.data.scenarios.length} scenarios` : "seeds";
    const group = (name) => this.rows().find((row) => row.strategy === name)?.group ?? "–";
    return figure("Average ranks", `Over ${over}, of all strategies. A bar joins those that cannot be told apart, with a dot for each.`,
      (width) => rankDiagram(width, `Average ranks over ${over}`, diagram), null,
      () => plainTable("Average ranks", ["strategy", "average rank", "group"], diagram.ranks.map(([name, rank]) => [name, rank.toFixed(2), group(name)])));
  }

  curves(scenario) {
    const entries = this.data.entries.filter((entry) => entry.scenario === scenario && this.shown(entry.label) && entry.curve?.length);
    if (!entries.length) return null;
    const percent = (value) => (value == null ? null : 100 * value);
    const lines = entries.map((entry) => ({ name: entry.label, style: this.looks.get(entry.label), points: entry.curve.map(([x, ...rest]) => [x, ...rest.map(percent)]) }));
    const title = `${scenario}: accuracy while tasks are learnt`;
    return figure(title, "On the tasks so far, in %, with the interval of the mean over seeds.",
      (width) => lineChart(width, title, lines, "tasks learnt", "accuracy in %"), this.legend(entries.map((entry) => entry.label)),
      () => plainTable(title, ["strategy", "tasks learnt", "accuracy, %", "95 % interval"],
        entries.flatMap((entry) => entry.curve.map(([x, y, low, high]) => [entry.label, String(x), number(y, "fraction"), interval(low, high, "fraction")]))));
  }

  costs(scenario) {
    const { unit, metric, fronts } = this.ranking, scale = scaleOf(unit), limits = this.ranking.limits?.map((limit) => limit * scale);
    const known = this.ranking.summary.filter((row) => row.scenario === scenario && row.mean != null && this.shown(row.strategy));
    const rows = known.map((row) => [row, this.entryOf(row.strategy, scenario).costs.train_seconds]).filter(([, seconds]) => seconds > 0);
    if (!rows.length) return null;
    const scaled = (value) => (value == null ? null : value * scale);
    const points = rows.map(([row, x]) => ({ name: row.strategy, style: this.looks.get(row.strategy), x, y: scaled(row.mean), low: scaled(row.ci_low), high: scaled(row.ci_high) }));
    const front = this.filter ? [] : (fronts[scenario] ?? []).map(([x, y]) => [x, y * scale]);
    const title = `${scenario}: what it costs`, beside = `${metric}${unit ? `, ${unitWord(unit)}` : ""}`;
    return figure(title, `${beside}, against seconds of training a run. The line joins strategies that no other beats in both.`,
      (width) => scatter(width, title, points, front, "training a run, seconds", beside, limits), this.legend(points.map((point) => point.name)),
      () => plainTable(title, ["strategy", "training a run", beside], rows.map(([row, seconds]) => [row.strategy, number(seconds, "seconds"), number(row.mean, unit)])));
  }

  pairs() {
    const { pairs, unit } = this.ranking, wanted = this.scenario === ALL ? null : this.scenario;
    const at = pairs.a.map((_, k) => k).filter((k) => pairs.scenario[k] === wanted && this.shown(pairs.a[k]) && this.shown(pairs.b[k]));
    if (!at.length) return [];
    const headers = ["a", "b", "pairs", `a − b${unit ? `, ${unit === "fraction" ? "points" : unit}` : ""}`, "95 % interval", "A", "p", "adjusted p", "verdict"];
    const row = (k) => [pairs.a[k], pairs.b[k], String(pairs.n[k]), signed(pairs.difference[k], unit), interval(pairs.ci_low[k], pairs.ci_high[k], unit),
      pairs.effect[k]?.toFixed(2), probability(pairs.p[k]), probability(pairs.p_adjusted[k]), pairs.verdict[k]];
    return [folded(`Every pair (${at.length})`, () => plainTable("The difference of every pair, and its test", headers, at.map(row), 2))];
  }

  // ---------------------------------------------------------------- entries

  entryId(name) {
    return `${this.id}-e${this.data.strategies.indexOf(name)}`;
  }

  entry(name) {
    const cells = this.data.entries.filter((entry) => entry.label === name);
    return folded(name, () => cells.map((cell) => this.cell(cell, cells.length > 1)), { id: this.entryId(name) });
  }

  cell(cell, several) {
    const records = this.data.records.filter((record) => record.cells.includes(cell.key));
    const costs = Object.entries(cell.costs).filter(([, value]) => value != null);
    const units = { train_seconds: "seconds", parameters: "count" };
    return h("div", {},
      several ? h("h4", {}, cell.scenario) : null,
      h("dl", {},
        h("dt", {}, "seeds"), h("dd", {}, cell.seeds.join(", ") || "none"),
        cell.ended.map(([status, seed, step]) => [h("dt", { class: "warn" }, ENDED[status] ?? status), h("dd", {}, `seed ${seed}${step >= 0 ? `, in step ${step}` : ""}`)]),
        costs.map(([key, value]) => [h("dt", {}, COST_WORDS[key]), h("dd", {}, number(value, units[key] ?? "bytes"))]),
        h("dt", {}, "run again"), h("dd", {}, cell.repeats.length ? cell.repeats.map(repeatWords).join(" ") : "Not yet, in these records.")),
      h("h4", {}, "Options"), settings(cell.options),
      folded("Protocol", () => settings(cell.protocol), { class: "inner" }),
      folded(`Environment${records.length > 1 ? "s" : ""}`, () => records.flatMap((record) => [h("p", { class: "muted" }, record.place), settings(record.environment)]), { class: "inner" }),
      cell.matrix ? folded("Accuracy matrix, and every task's curve", () => this.matrix(cell), { class: "inner", open: true }) : h("p", { class: "muted" }, "No run finished, so there are no accuracies to show."),
      cell.errors.length ? folded("What went wrong", () => cell.errors.map((error) => h("pre", {}, error)), { class: "inner" }) : null);
  }

  matrix(cell) {
    const caption = "Accuracy in %, mean over seeds: rows are the tasks learnt, columns the task tested.";
    const { tasks, values } = cell.matrix;
    const title = `${cell.label} on ${cell.scenario}: every task's accuracy`;
    const lines = tasks.map((task, column) => ({ name: `task ${task}`, style: look(column),
      points: tasks.flatMap((after, row) => (after >= task && values[row + 1][column] != null ? [[after, 100 * values[row + 1][column]]] : [])) })).filter((line) => line.points.length);
    const chart = h("div");
    new ResizeObserver(([entry], observer) => {
      observer.disconnect();
      chart.append(lineChart(Math.min(Math.max(Math.floor(entry.contentRect.width), 240), 560), title, lines, "tasks learnt", "accuracy in %"));
    }).observe(chart);
    return h("div", { class: "figures" }, scrolled(caption, heatTable(caption, cell.matrix)), lines.length ? h("div", {}, chart, h("p", { class: "note" }, "A line a task, from when it was learnt.")) : null);
  }
}

const classOf = (column) => [column.words ? "words" : "", column.key === "name" ? "name" : ""].join(" ").trim() || null;

const REPEATED = { same: "same numbers", agrees: "agrees", differs: "differs" };
const repeatMark = (entry) => {
  if (!entry?.repeats.length) return "not yet";
  const worst = ["differs", "agrees", "same"].find((verdict) => entry.repeats.some((one) => one.verdict === verdict));
  return `${worst === "differs" ? "✗" : "✓"} ${REPEATED[worst]}${entry.repeats.some((one) => one.elsewhere) ? ", elsewhere" : ""}`;
};
const repeatWords = ({ verdict, seeds, elsewhere, first, again, largest }) => {
  const where = elsewhere ? "in another environment" : "in the same environment";
  const numbers = `mean final accuracy ${number(again, "fraction")} % instead of ${number(first, "fraction")} %, no seed farther than ${number(largest, "fraction")} points`;
  const found = { same: "the same to the last bit", agrees: `within the interval: ${numbers}`, differs: `outside the interval: ${numbers}` }[verdict];
  return `${seeds} seeds measured again ${where}: ${found}.`;
};

// ------------------------------------------------------------------ the page

function startTheme() {
  const button = document.getElementById("theme"), system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (document.documentElement.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark";
  const show = () => button.setAttribute("aria-pressed", String(isDark()));
  button.addEventListener("click", () => { document.documentElement.dataset.theme = isDark() ? "light" : "dark"; show(); });
  system.addEventListener("change", show);
  show();
}

/** Follow a link to an entry into what is folded there. */
function openTarget() {
  const target = document.getElementById(location.hash.slice(1));
  if (!(target instanceof HTMLDetailsElement)) return;
  target.open = true;
  target.scrollIntoView({ block: "start" });
  target.querySelector("summary").focus({ preventScroll: true });
}

function start() {
  const main = document.getElementById("main");
  const sections = DATA.sections.map((data, k) => new Section(data, k));
  if (sections.length > 1)
    main.append(h("nav", { "aria-label": "Rankings" }, h("p", { class: "muted" }, "What differs in its streams or its budget is ranked apart:"),
      h("ul", {}, sections.map((section) => h("li", {}, h("a", { href: `#${section.id}` }, section.data.title))))));
  main.append(...sections.map((section) => section.element));
  document.getElementById("json").addEventListener("click", download("leaderboard.json", "application/json", () => JSON.stringify(DATA, null, 1)));
  startTheme();
  addEventListener("hashchange", openTarget);
  document.addEventListener("click", (event) => { if (event.target.closest?.("a")?.hash === location.hash && location.hash) openTarget(); });
  openTarget();
}

start();
