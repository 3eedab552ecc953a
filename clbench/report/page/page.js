/* The page: a section for everything that is ranked together. What is chosen in its controls is its state; `draw` follows it. */

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
    this.cost = "train_seconds";
    this.course = this.courseNames()[0];
    this.wordsOpen = false;
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
      h("label", {}, label, h("select", { change: (event) => { pick(event.target.selectedIndex); this.change(); } },
        options.map((option) => h("option", { selected: option === chosen }, option))));
    const scenarios = this.scenarios(), costs = this.costNames(), courses = this.courseNames(), words = (name) => data.courses[name][0];
    return h("form", { class: "controls", submit: (event) => event.preventDefault() },
      choice("Metric", data.rankings.map((one) => one.metric), this.ranking.metric, (k) => { this.ranking = data.rankings[k]; }),
      choice("Scenario", scenarios, this.scenario, (k) => { this.scenario = scenarios[k]; this.sort = { key: "order", down: false }; }),
      costs.length > 1 ? choice("Cost", costs.map((name) => COST_WORDS[name]), COST_WORDS[this.cost], (k) => { this.cost = costs[k]; }) : null,
      courses.length > 1 ? choice("Curves", courses.map(words), words(this.course), (k) => { this.course = courses[k]; }) : null,
      h("label", {}, "Filter by name or option",
        h("input", { type: "search", autocomplete: "off", value: this.filter || null, input: (event) => { this.filter = event.target.value.toLowerCase().trim(); this.change(); } })),
      this.count);
  }

  scenarios() {
    return this.data.rankings[0].overall ? [ALL, ...this.data.scenarios] : this.data.scenarios;
  }

  /** The costs by which something can be drawn. */
  costNames() {
    return Object.keys(COST_UNITS).filter((name) => this.data.entries.some((entry) => entry.costs[name] > 0));
  }

  /** What curves over tasks can show; what most entries have comes first. */
  courseNames() {
    const count = (name) => this.data.entries.filter((entry) => entry.curves[name]).length;
    return Object.keys(this.data.courses).filter(count).sort((a, b) => count(b) - count(a));
  }

  isBound(name) {
    return this.data.entries.some((entry) => entry.label === name && "bound" in entry.declared);
  }

  // ---------------------------------------------------------------- a view and its address

  /** What is chosen and is not as it was at first; `change` writes it into the page's address. */
  view() {
    const sort = this.sort.key === "order" ? "" : `${this.sort.down ? "-" : ""}${this.sort.key}`;
    return {
      metric: this.ranking === this.data.rankings[0] ? "" : this.ranking.metric,
      scenario: this.scenario === this.scenarios()[0] ? "" : this.scenario,
      cost: this.cost === "train_seconds" ? "" : this.cost,
      curves: this.course === this.courseNames()[0] ? "" : this.course,
      filter: this.filter,
      sort,
    };
  }

  /** Show a view; what it says nothing of, or what is not here, is as at first. */
  choose({ metric, scenario, cost, curves, filter = "", sort = "" }) {
    this.ranking = this.data.rankings.find((one) => one.metric === metric) ?? this.data.rankings[0];
    this.scenario = this.scenarios().includes(scenario) ? scenario : this.scenarios()[0];
    this.cost = this.costNames().includes(cost) ? cost : "train_seconds";
    this.course = this.courseNames().includes(curves) ? curves : this.courseNames()[0];
    this.filter = filter.toLowerCase();
    this.sort = sort ? { key: sort.replace("-", ""), down: sort.startsWith("-") } : { key: "order", down: false };
    const controls = this.controls();
    this.element.querySelector(".controls").replaceWith(controls);
    this.draw();
  }

  change() {
    this.draw();
    history.replaceState(null, "", addressOf(this));
  }

  shown(name) {
    return this.filter.split(/\s+/).every((word) => this.words.get(name).includes(word));
  }

  draw() {
    const { parts } = this;
    parts.table.replaceChildren(...this.table());
    parts.text.replaceChildren(this.wordsFolded());
    parts.figures.replaceChildren(...this.figures());
    parts.pairs.replaceChildren(...this.pairs());
  }

  /** Folded at first; as the reader left it from then on. */
  wordsFolded() {
    const details = folded("In words", () => this.sentences(), { open: this.wordsOpen });
    details.addEventListener("toggle", () => { this.wordsOpen = details.open; });
    return details;
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
    const anyInterval = rows.some((row) => row.ci_low != null);
    const mean = (title, limits) => [
      { key: "mean", title: `${title}${unit ? `, ${unitWord(unit)}` : ""}`, help: HELP.mean, value: (row) => row.mean, cell: (row) => number(row.mean, unit) },
      ...(anyInterval ? [
        { key: "plot", title: "with its interval", words: true, value: (row) => row.mean, cell: (row) => (row.mean == null ? "" : whisker(row.mean, row.ci_low, row.ci_high, limits, this.looks.get(row.strategy))) },
        { key: "interval", title: "95 % interval", help: HELP.interval, value: (row) => row.ci_low, cell: (row) => interval(row.ci_low, row.ci_high, unit) }] : []),
    ];
    const limits = around(rows.flatMap((row) => [row.mean, row.ci_low, row.ci_high]).filter((value) => value != null));
    const group = { key: "group", title: "Group", help: HELP.group, words: true, value: (row) => row.group, cell: (row) => h("span", { class: "group" }, this.letters(row.group, rows)) };
    if (this.scenario === ALL)
      return [
        name, ...mean("Mean", limits), { key: "rank", title: "Average rank", value: (row) => row.average_rank, cell: (row) => row.average_rank?.toFixed(2) ?? "–" }, group,
        ...this.data.scenarios.map((scenario, k) => ({ key: `at${k}`, title: `${scenario}: rank, mean`, value: (row) => row.of.get(scenario)?.mean,
          cell: (row) => this.within(row.of.get(scenario), scenario) })),
      ];
    const cost = (row) => this.entryOf(row.strategy)?.costs[this.cost];
    const dearest = Math.max(...rows.map((row) => cost(row) ?? 0));
    const against = this.data.baseline && rows.some((row) => row.effect != null);
    return [
      { key: "rank", title: "Rank", help: HELP.rank, value: (row) => row.rank, cell: (row) => this.rankCell(row, rows) }, name, ...mean("Mean", limits), group,
      ...(rows.some((row) => row.iqm != null) ? [{ key: "iqm", title: "IQM", help: HELP.iqm, value: (row) => row.iqm, cell: (row) => number(row.iqm, unit) }] : []),
      ...(against ? [
        { key: "difference", title: `minus ${this.data.baseline}`, value: (row) => row.difference, cell: (row) => (row.strategy === this.data.baseline ? "baseline" : signed(row.difference, unit)) },
        { key: "gain", title: "its interval", value: (row) => row.difference_low, cell: (row) => (row.strategy === this.data.baseline ? "" : interval(row.difference_low, row.difference_high, unit)) },
        { key: "p", title: "adjusted p", help: HELP.p, value: (row) => row.p_adjusted, cell: (row) => probability(row.p_adjusted) },
        { key: "effect", title: "A", help: HELP.effect, value: (row) => row.effect, cell: (row) => row.effect?.toFixed(2) ?? "–" }] : []),
      { key: "cost", title: capital(COST_WORDS[this.cost]), help: this.cost === "train_seconds" ? HELP.seconds : null, value: cost, cell: (row) => number(cost(row), COST_UNITS[this.cost], dearest) },
      { key: "runs", title: "Runs", value: (row) => row.n, cell: (row) => (row.n === row.n_requested ? String(row.n) : `${row.n} of ${row.n_requested}`) },
      { key: "again", title: "Run again", help: HELP.again, words: true, value: (row) => this.entryOf(row.strategy)?.again ?? "not yet", cell: (row) => this.entryOf(row.strategy)?.again ?? "not yet" },
    ];
  }

  nameCell(row) {
    const ended = this.data.entries.filter((entry) => entry.label === row.strategy && (this.scenario === ALL || entry.scenario === this.scenario)).flatMap((entry) => entry.ended);
    const counts = Object.keys(ENDED).map((status) => [ended.filter((one) => one[0] === status).length, ENDED[status]]).filter(([count]) => count);
    const about = this.data.entries.find((entry) => entry.label === row.strategy)?.about;
    return [h("a", { href: `#${this.entryId(row.strategy)}`, "data-tip": about || null }, named(row.strategy)),
      this.isBound(row.strategy) ? [" ", h("span", { class: "bound", "data-tip": HELP.bound }, "bound")] : null,
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
      const pick = () => { this.sort = { key: column.key, down: chosen && !this.sort.down }; this.change(); this.refocus(column.key); };
      return h("th", { scope: "col", class: classOf(column), "aria-sort": chosen ? (this.sort.down ? "descending" : "ascending") : null },
        h("button", { type: "button", "data-key": column.key, "data-tip": column.help, click: pick }, column.title));
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
      h("div", { class: "downloads" }, h("a", { href: addressOf(this) }, "Link to this view"), h("button", { type: "button", class: "link", click: download("ranking.csv", "text/csv", () => asCsv(table)) }, "This table as CSV"))];
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

  /** In one order in every figure, the suite's. */
  legend(names) {
    return h("ul", { class: "legend" }, this.data.strategies.filter((name) => names.includes(name)).map((name) => {
      const style = this.looks.get(name);
      return h("li", {}, s("svg", { width: 30, height: 12, class: style.colour, "aria-hidden": "true" },
        s("line", { x1: 0, x2: 30, y1: 6, y2: 6, stroke: "currentColor", "stroke-width": 1.8, "stroke-dasharray": style.dash }), mark(style, 15, 6)), this.isBound(name) ? `${name} (bound)` : name);
    }));
  }

  rankFigure() {
    const diagram = this.ranking.diagrams.find((one) => one.scenario === (this.scenario === ALL ? null : this.scenario));
    if (!diagram) return null;
    const over = this.scenario === ALL ? `${this.data.scenarios.length} scenarios` : "seeds";
    const group = (name) => this.rows().find((row) => row.strategy === name)?.group ?? "–";
    const drawn = figure("Average ranks", `Over ${over}, of all strategies. A bar joins those that cannot be told apart, with a dot for each.`,
      (width) => rankDiagram(width, `Average ranks over ${over}`, diagram), null,
      () => plainTable("Average ranks", ["strategy", "average rank", "group"], diagram.ranks.map(([name, rank]) => [name, rank.toFixed(2), group(name)])));
    drawn.className = "wide";
    return drawn;
  }

  curves(scenario) {
    const entries = this.data.entries.filter((entry) => entry.scenario === scenario && this.shown(entry.label) && entry.curves[this.course]);
    if (!entries.length) return null;
    const [words, axis] = this.data.courses[this.course], curveOf = (entry) => entry.curves[this.course];
    const size = Math.max(...entries.map((entry) => curveOf(entry).size)), tasks = size > 1 ? `, means of ${size} tasks` : "";
    const percent = (value) => (value == null ? null : 100 * value);
    const lines = entries.map((entry) => ({ name: entry.label, style: this.looks.get(entry.label), points: curveOf(entry).points.map(([x, ...rest]) => [x, ...rest.map(percent)]) }));
    const title = `${scenario}: ${words}`;
    return figure(title, `In %, with the interval of the mean over seeds${tasks}.`,
      (width) => lineChart(width, title, lines, `${axis}${tasks}`, "accuracy in %"), this.legend(entries.map((entry) => entry.label)),
      () => plainTable(title, ["strategy", size > 1 ? `${axis}, up to` : axis, "accuracy, %", "95 % interval"],
        entries.flatMap((entry) => curveOf(entry).points.map(([x, y, low, high]) => [entry.label, String(x), number(y, "fraction"), interval(low, high, "fraction")]))));
  }

  costs(scenario) {
    const { unit, metric, fronts } = this.ranking, scale = scaleOf(unit), limits = this.ranking.limits?.map((limit) => limit * scale);
    const known = this.ranking.summary.filter((row) => row.scenario === scenario && row.mean != null && this.shown(row.strategy));
    const rows = known.map((row) => [row, this.entryOf(row.strategy, scenario).costs[this.cost]]).filter(([, cost]) => cost > 0);
    if (!rows.length) return null;
    const scaled = (value) => (value == null ? null : value * scale);
    const points = rows.map(([row, x]) => ({ name: row.strategy, style: this.looks.get(row.strategy), x, bound: this.isBound(row.strategy),
      y: scaled(row.mean), low: scaled(row.ci_low), high: scaled(row.ci_high) }));
    const front = this.filter ? [] : (fronts[this.cost][scenario] ?? []).map(([x, y]) => [x, y * scale]);
    const word = COST_WORDS[this.cost], costUnit = COST_UNITS[this.cost], dearest = Math.max(...points.map((point) => point.x));
    const title = `${scenario}: what it costs`, beside = `${metric}${unit ? `, ${unitWord(unit)}` : ""}`;
    const bounds = points.some((point) => point.bound) ? " Bounds are hollow, and left aside." : "";
    const free = known.map((row) => row.strategy).filter((name) => this.entryOf(name, scenario).costs[this.cost] === 0);
    const none = free.length ? ` Without any: ${free.join(", ")}.` : "";
    const x = { label: word, shown: (value) => number(value, costUnit), tick: (value) => shortened(number(value, costUnit)) };
    return figure(title, `${beside}, against ${word}. The line joins strategies that no other beats in both.${bounds}${none}`,
      (width) => scatter(width, title, points, front, x, beside, limits), this.legend(points.map((point) => point.name)),
      () => plainTable(title, ["strategy", word, beside], rows.map(([row, cost]) => [row.strategy, number(cost, costUnit, dearest), number(row.mean, unit)])));
  }

  pairs() {
    const { pairs, unit } = this.ranking, wanted = this.scenario === ALL ? null : this.scenario;
    const at = pairs.a.map((_, k) => k).filter((k) => pairs.scenario[k] === wanted && this.shown(pairs.a[k]) && this.shown(pairs.b[k]));
    if (!at.length) return [];
    const headers = ["a", "b", "pairs", `a − b${unit ? `, ${unit === "fraction" ? "points" : unit}` : ""}`, "95 % interval", "A", "p", "adjusted p", "verdict"];
    const row = (k) => [pairs.a[k], pairs.b[k], String(pairs.n[k]), signed(pairs.difference[k], unit), interval(pairs.ci_low[k], pairs.ci_high[k], unit),
      pairs.effect[k]?.toFixed(2), probability(pairs.p[k]), probability(pairs.p_adjusted[k]), pairs.verdict[k]];
    return [this.matrixOfPairs(at), folded(`Every pair (${at.length})`, () => plainTable("The difference of every pair, and its test", headers, at.map(row), 2))].filter(Boolean);
  }

  /** The pairs at these places as a matrix of the strategies in the order of the ranking. */
  matrixOfPairs(at) {
    const { pairs, unit } = this.ranking;
    const names = this.rows().map((row) => row.strategy).filter((name) => this.shown(name));
    if (names.length < SMALLEST_MATRIX || names.length > LARGEST_MATRIX) return null;
    const places = new Map(at.flatMap((k) => [[`${pairs.a[k]}\n${pairs.b[k]}`, [k, 1]], [`${pairs.b[k]}\n${pairs.a[k]}`, [k, -1]]]));
    const turned = (value, sign) => (value == null ? null : sign * value);
    const pairOf = (row, column) => {
      const [k, sign] = places.get(`${row}\n${column}`) ?? [];
      if (k === undefined) return null;
      const ends = [turned(pairs.ci_low[k], sign), turned(pairs.ci_high[k], sign)];
      const [low, high] = sign > 0 ? ends : ends.reverse();
      const verdict = pairs.verdict[k];
      return { difference: turned(pairs.difference[k], sign), low, high, p: pairs.p_adjusted[k], verdict, kind: kindOf(verdict, row, column) };
    };
    const caption = `${this.ranking.metric}: the row minus the column${unit ? `, ${unit === "fraction" ? "points" : unit}` : ""}. Coloured where the test shows a difference: blue where the row is better, orange where the column is.`;
    return folded("Every strategy against every other", () => scrolled(caption, pairMatrix(caption, names, pairOf, unit)));
  }

  // ---------------------------------------------------------------- entries

  entryId(name) {
    return `${this.id}-e${this.data.strategies.indexOf(name)}`;
  }

  entry(name) {
    const cells = this.data.entries.filter((entry) => entry.label === name);
    const summary = [named(name), this.isBound(name) ? [" ", h("span", { class: "bound", "data-tip": HELP.bound }, "bound")] : null];
    return folded(summary, () => cells.map((cell) => this.cell(cell, cells.length > 1)), { id: this.entryId(name) });
  }

  cell(cell, several) {
    const records = this.data.records.filter((record) => record.cells.includes(cell.key));
    const costs = Object.entries(cell.costs).filter(([, value]) => value != null);
    return h("div", {},
      several ? h("h4", {}, cell.scenario) : null,
      cell.about ? h("p", {}, cell.about) : null,
      Object.entries(cell.declared).map(([name, words]) => h("p", { class: "muted" }, `${capital(name.replace("_", " "))}: ${words}.`)),
      h("dl", {},
        h("dt", {}, "seeds"), h("dd", {}, cell.seeds.join(", ") || "none"),
        cell.agents > 1 ? [h("dt", {}, "agents of each seed"), h("dd", {}, `${cell.agents}; the seed counts with their mean`)] : null,
        cell.ended.map(([status, seed, agent, step]) => [h("dt", { class: "warn" }, ENDED[status] ?? status),
          h("dd", {}, `seed ${seed}${cell.agents > 1 ? `, agent ${agent}` : ""}${step >= 0 ? `, in step ${step}` : ""}`)]),
        costs.map(([key, value]) => [h("dt", {}, COST_WORDS[key]), h("dd", {}, number(value, COST_UNITS[key]))]),
        h("dt", {}, "run again"), h("dd", {}, cell.repeats.length ? cell.repeats.map((one) => one.words).join(" ") : "Not yet, in these records.")),
      h("h4", {}, "Options"), settings(cell.options),
      folded("Protocol", () => settings(cell.protocol), { class: "inner" }),
      folded("Code", () => [h("p", { class: "muted" }, "The versions of what made its numbers; a hash where the source could be edited."), settings(cell.versions)], { class: "inner" }),
      cell.runs.length
        ? folded("When and where", () => cell.runs.flatMap(([run, seeds]) => [h("p", { class: "muted" }, `seeds ${seeds.join(", ")}`), settings(this.data.runs[run])]), { class: "inner" })
        : folded(`Environment${records.length > 1 ? "s" : ""}`, () => records.flatMap((record) => [h("p", { class: "muted" }, record.place), settings(record.environment)]), { class: "inner" }),
      cell.matrix ? folded("Accuracy matrix, and every task's curve", () => this.matrix(cell), { class: "inner", open: true }) : h("p", { class: "muted" }, "No run finished, so there are no accuracies to show."),
      cell.errors.length ? folded("What went wrong", () => cell.errors.map((error) => h("pre", {}, error)), { class: "inner" }) : null);
  }

  matrix(cell) {
    const { size, tasks, ends, values } = cell.matrix;
    const blocks = size > 1 ? `, means of blocks of ${size} tasks` : "", which = (column) => `${size > 1 ? "tasks" : "task"} ${tasks[column]}`;
    const caption = `Accuracy in %, mean over seeds${blocks}: rows are the tasks learnt, columns the task tested.`;
    const title = `${cell.label} on ${cell.scenario}: every task's accuracy`;
    const lines = ends.map((end, column) => ({ name: which(column), style: look(column),
      points: ends.flatMap((after, row) => (after >= end && values[row + 1][column] != null ? [[after, 100 * values[row + 1][column]]] : [])) })).filter((line) => line.points.length > (size > 1 ? 1 : 0));
    const chart = h("div");
    new ResizeObserver(([entry], observer) => {
      observer.disconnect();
      chart.append(lineChart(Math.min(Math.max(Math.floor(entry.contentRect.width), 240), 560), title, lines, "tasks learnt", "accuracy in %"));
    }).observe(chart);
    return h("div", { class: "figures" }, scrolled(caption, heatTable(caption, cell.matrix)), lines.length ? h("div", {}, chart, h("p", { class: "note" }, `A line ${size > 1 ? `for ${size} tasks` : "a task"}, from when ${size > 1 ? "they were" : "it was"} learnt.`)) : null);
  }
}

// ------------------------------------------------------------------ the page

function startTheme() {
  const button = document.getElementById("theme"), system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (document.documentElement.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark";
  const show = () => button.setAttribute("aria-pressed", String(isDark()));
  button.addEventListener("click", () => { document.documentElement.dataset.theme = isDark() ? "light" : "dark"; show(); });
  system.addEventListener("change", show);
  show();
}

/** Follow the page's address: to a view of a section, or to an entry and into what is folded there. */
function follow(sections) {
  const { id, view } = addressed();
  const section = sections.find((one) => one.id === id);
  if (section) section.choose(view);
  const target = document.getElementById(id);
  if (section && Object.keys(view).length) target.scrollIntoView({ block: "start" });
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
  startTooltips();
  addEventListener("hashchange", () => follow(sections));
  document.addEventListener("click", (event) => { if (event.target.closest?.("a")?.hash === location.hash && location.hash) follow(sections); });
  follow(sections);
}

start();
