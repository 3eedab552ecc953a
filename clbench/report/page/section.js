/* A section: everything that is ranked together. What is chosen in its controls is its state; `draw` follows it. */

const AS_RANKED = { key: "order", down: false }; // the order of the ranking itself

class Section {
  constructor(data, place) {
    Object.assign(this, { data, place, id: `s${place}`, isTyping: false });
    this.opened = new Map(); // what the reader folded or unfolded of what is drawn anew
    this.looks = new Map(data.strategies.map((name, k) => [name, look(k)]));
    this.searched = new Map(data.strategies.map((name) => [name, this.searchable(name)]));
    const parts = ["table", "figures", "pairs", "text"].map((name) => [name, h("div")]);
    this.parts = Object.fromEntries(parts);
    this.count = h("output", { "aria-live": "polite" });
    this.controls = h("form", { class: "controls", submit: (event) => event.preventDefault() });
    this.element = this.build();
    this.choose({});
  }

  build() {
    const { data, id, parts } = this;
    const seeds = Math.max(...data.entries.map((entry) => entry.seeds.length), 0);
    const where = data.scenarios.length === 1 ? data.scenarios[0] : `${data.scenarios.length} scenarios`;
    return h("section", { id, "aria-labelledby": `${id}-title` },
      h("h2", { id: `${id}-title` }, named(data.title)),
      h("p", { class: "muted" },
        `${data.strategies.length} strategies on ${where}, up to ${seeds} seeds each. Records: `, this.records()),
      this.notices(), this.controls, parts.table, parts.text,
      h("h3", {}, "Figures"), parts.figures, parts.pairs,
      h("h3", {}, "Entries"), data.strategies.map((name) => entryOf(this, name)));
  }

  /** Links to the records, each with the day of its newest run. */
  records() {
    return this.data.records.flatMap(({ link, place, date }, k) => [
      k ? ", " : "", h("a", { href: link, download: true }, place), date ? ` (${date.slice(0, 10)})` : ""]);
  }

  /** What a reader should know before any number: records that differ, unequal memory. */
  notices() {
    const { mixed, carrying } = this.data;
    const list = mixed.length ? h("ul", {}, mixed.map((line) => h("li", {}, line))) : null;
    return [
      list && h("div", { class: "notice" }, h("strong", {}, "Mixed records"),
        ", ranked together because that was insisted on. They differ:", list),
      ...carrying.map((line) => h("div", { class: "notice" }, h("strong", {}, "Unequal memory"), `. ${line}`)),
    ];
  }

  // ---------------------------------------------------------------- controls

  fillControls() {
    const { data } = this;
    const scenarios = this.scenarios(), costs = this.costNames(), courses = this.courseNames();
    const metrics = data.rankings.map((one) => one.metric);
    this.controls.replaceChildren(...[
      this.select("Metric", metrics, metrics, this.ranking.metric, (name, k) => { this.ranking = data.rankings[k]; }),
      this.select("Scenario", scenarios, scenarios, this.scenario, (name) => { this.scenario = name; this.sort = AS_RANKED; }),
      costs.length > 1
        ? this.select("Cost", costs, costs.map((name) => COST_WORDS[name]), this.cost, (name) => { this.cost = name; }) : null,
      courses.length > 1
        ? this.select("Curves", courses, courses.map((name) => data.courses[name][0]), this.course, (name) => { this.course = name; }) : null,
      h("label", {}, "Filter by name or option", this.filterInput()),
      this.count,
    ].filter(Boolean));
  }

  /** A labelled choice; `pick` gets what was chosen, and its number. */
  select(label, values, words, chosen, pick) {
    const picked = ({ target: { selectedIndex: k } }) => { pick(values[k], k); this.change(); };
    const options = values.map((value, k) => h("option", { selected: value === chosen }, words[k]));
    return h("label", {}, label, h("select", { "data-focus": `select ${label}`, change: picked }, options));
  }

  filterInput() {
    const typed = (event) => {
      this.filter = event.target.value.toLowerCase().trim();
      this.draw();
      remember(this, this.isTyping); // one step back for a word, not for each letter
      this.isTyping = true;
    };
    const left = () => { this.isTyping = false; };
    return h("input", { type: "search", autocomplete: "off", value: this.filter || null, input: typed, change: left });
  }

  // ---------------------------------------------------------------- what can be chosen

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

  /** The two that are compared at first: the best rivals. */
  firstPair() {
    const names = rankedNames(this);
    const rivals = names.filter((name) => !this.isBound(name));
    return (rivals.length > 1 ? rivals : names).slice(0, 2);
  }

  // ---------------------------------------------------------------- a view and its address

  /** What is chosen and is not as it was at first; the page's address says it. */
  view() {
    const unlessFirst = (value, first) => (value === first ? "" : value);
    const [a, b] = String(this.pair) === String(this.firstPair()) ? ["", ""] : this.pair;
    return {
      metric: unlessFirst(this.ranking.metric, this.data.rankings[0].metric),
      scenario: unlessFirst(this.scenario, this.scenarios()[0]),
      cost: unlessFirst(this.cost, "train_seconds"),
      curves: unlessFirst(this.course, this.courseNames()[0]),
      filter: this.filter,
      sort: this.sort.key === AS_RANKED.key ? "" : `${this.sort.down ? "-" : ""}${this.sort.key}`,
      a, b,
    };
  }

  /** Show a view; what it says nothing of, or what is not here, is as at first. */
  choose({ metric, scenario, cost, curves, filter = "", sort = "", a, b }) {
    const oneOf = (known, wanted, usual = known[0]) => (known.includes(wanted) ? wanted : usual);
    this.ranking = this.data.rankings.find((one) => one.metric === metric) ?? this.data.rankings[0];
    this.scenario = oneOf(this.scenarios(), scenario);
    this.cost = oneOf(this.costNames(), cost, "train_seconds");
    this.course = oneOf(this.courseNames(), curves);
    this.filter = filter.toLowerCase();
    const key = sort.replace(/^-/, "");
    this.sort = columnKeys(this).includes(key) ? { key, down: sort.startsWith("-") } : AS_RANKED;
    const isPair = a !== b && [a, b].every((name) => this.data.strategies.includes(name));
    this.pair = isPair ? [a, b] : this.firstPair();
    this.fillControls();
    this.draw();
  }

  change() {
    this.draw();
    remember(this);
  }

  // ---------------------------------------------------------------- strategies

  isBound(name) {
    return this.data.entries.some((entry) => entry.label === name && "bound" in entry.declared);
  }

  /** A strategy's cell on a scenario; over all scenarios its first. */
  cellOf(name, scenario = this.scenario) {
    return this.data.entries.find((entry) => entry.label === name && (scenario === ALL || entry.scenario === scenario));
  }

  /** What the filter looks at: the name and all options. */
  searchable(name) {
    const options = this.data.entries.filter((entry) => entry.label === name)
      .flatMap((entry) => flat(entry.options).map((pair) => pair.join("=")));
    return [name, ...options].join(" ").toLowerCase();
  }

  isShown(name) {
    return this.filter.split(/\s+/).every((word) => this.searched.get(name).includes(word));
  }

  // ---------------------------------------------------------------- drawing

  /** Everything that depends on what is chosen; the focus stays on the control that was used. */
  draw() {
    const { parts } = this, focused = document.activeElement?.dataset?.focus;
    parts.table.replaceChildren(...rankingTable(this));
    parts.text.replaceChildren(this.keptFolded("In words", () => sentencesOf(this)));
    parts.figures.replaceChildren(figuresOf(this));
    parts.pairs.replaceChildren(...pairsOf(this));
    if (focused) this.element.querySelector(`[data-focus="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  }

  /** Folded, or not, as at first; as the reader left it from then on. */
  keptFolded(summary, make, open = false) {
    const details = folded(summary, make, { open: this.opened.get(summary) ?? open });
    details.querySelector("summary").addEventListener("click", () => this.opened.set(summary, !details.open));
    return details;
  }
}

/** The sentences about what is chosen, and what was left out. */
function sentencesOf({ data, scenario, ranking }) {
  const others = scenario === ALL ? [] : [...data.scenarios.filter((name) => name !== scenario), "Over scenarios"];
  const isAbout = (line) => !others.some((name) => line.startsWith(`${name}: `));
  const list = (lines) => h("ul", { class: "sentences" }, lines.map((line) => h("li", {}, line)));
  const { text, left_out: left } = ranking;
  return [list(text.filter(isAbout)), ...(left.length ? [h("p", {}, h("strong", {}, "Left out")), list(left)] : [])];
}
