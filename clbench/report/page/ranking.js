/* The table of a section: its rows, its columns, and what it says below. */

// ------------------------------------------------------------------ rows

/** A row a strategy, as ranked: of one scenario, or over all of them. */
function rankedRows({ data, ranking, scenario }) {
  const { summary, overall } = ranking;
  if (scenario !== ALL) return summary.filter((row) => row.scenario === scenario);
  const placed = new Map(overall.map((row) => [row.strategy, row]));
  // Who is not in the tests over scenarios comes last.
  const others = data.strategies.filter((name) => !placed.has(name) && summary.some((row) => row.strategy === name));
  return [...placed.keys(), ...others].map((strategy) => {
    const own = summary.filter((row) => row.strategy === strategy);
    return { strategy, ...placed.get(strategy), of: new Map(own.map((row) => [row.scenario, row])) };
  });
}

/** The one order of strategies, in tables, legends and the matrix alike: as ranked, bounds last. */
function rankedNames(section) {
  const names = rankedRows(section).map((row) => row.strategy);
  const absent = section.data.strategies.filter((name) => !names.includes(name));
  return withBoundsLast(section, [...names, ...absent]);
}

function withBoundsLast(section, names) {
  return [...names.filter((name) => !section.isBound(name)), ...names.filter((name) => section.isBound(name))];
}

/** Sorted as the reader chose; what has no value comes last either way. */
function sortedRows(rows, columns, { key, down }) {
  const column = columns.find((one) => one.key === key);
  if (!column) return rows;
  const compared = (a, b) => (typeof a === "string" ? a.localeCompare(b) : a - b);
  return [...rows].sort((one, other) => {
    const [a, b] = [column.value(one), column.value(other)];
    if (a == null || b == null) return (a == null) - (b == null);
    return down ? -compared(a, b) : compared(a, b);
  });
}

// ------------------------------------------------------------------ columns
// A column is {key, title, value, cell}: what it sorts by, and what it shows; `help` is its tooltip, `words` stand on the left, `csv` is what a spreadsheet gets where it is not the value.

function columnsOf(section, rows) {
  return section.scenario === ALL ? columnsOverScenarios(section, rows) : columnsOfScenario(section, rows);
}

const columnKeys = (section) => columnsOf(section, rankedRows(section)).map((column) => column.key);

function columnsOverScenarios(section, rows) {
  return [
    rankColumn, nameColumn(section), ...meanColumns(section, rows), groupColumn(rows),
    { key: "average", title: "Average rank", value: (row) => row.average_rank, cell: (row) => row.average_rank?.toFixed(2) ?? "–" },
    ...section.data.scenarios.map((scenario, k) => ({
      key: `at${k}`, title: `${scenario}: rank, mean`, value: (row) => row.of.get(scenario)?.mean,
      cell: (row) => cellWithin(section, row.of.get(scenario)),
    })),
  ];
}

function columnsOfScenario(section, rows) {
  const { unit } = section.ranking;
  const hasMiddle = rows.some((row) => row.iqm != null);
  const middle = { key: "iqm", title: "IQM", help: HELP.iqm, value: (row) => row.iqm, cell: (row) => number(row.iqm, unit) };
  return [
    rankColumn, nameColumn(section), ...meanColumns(section, rows), groupColumn(rows), ...(hasMiddle ? [middle] : []),
    ...baselineColumns(section, rows), costColumn(section, rows), ...runColumns(section),
  ];
}

const rankColumn = { key: "rank", title: "Rank", help: HELP.rank, value: rankOrder, csv: rankWords, cell: rankCell };

function nameColumn(section) {
  const cell = (row) => [nameCell(section, row), bestMark(section, row), choiceMark(section, row)];
  return { key: "name", title: "Strategy", words: true, value: (row) => row.strategy, cell };
}

function meanColumns(section, rows) {
  const { unit } = section.ranking;
  const mean = {
    key: "mean", title: `Mean${unit ? `, ${unitWord(unit)}` : ""}`, help: HELP.mean,
    value: (row) => row.mean, cell: (row) => number(row.mean, unit),
  };
  if (rows.every((row) => row.ci_low == null)) return [mean];
  const ends = rows.flatMap((row) => [row.mean, row.ci_low, row.ci_high]).filter((value) => value != null);
  const drawn = (row) => (row.mean == null ? "" : whisker(row.mean, row.ci_low, row.ci_high, around(ends), section.looks.get(row.strategy)));
  return [
    mean,
    { key: "plot", title: "with its interval", words: true, value: (row) => row.mean, cell: drawn },
    {
      key: "interval", title: `${levelWords(section)} interval`, help: HELP.interval,
      value: (row) => row.ci_low, cell: (row) => interval(row.ci_low, row.ci_high, unit),
    },
  ];
}

function groupColumn(rows) {
  const cell = (row) => h("span", { class: "group" }, lettersOf(row.group, rows));
  return { key: "group", title: "Group", help: HELP.group, words: true, value: (row) => row.group, cell };
}

function baselineColumns({ data: { baseline }, ranking: { unit } }, rows) {
  if (!baseline || rows.every((row) => row.effect == null)) return [];
  const unlessBaseline = (show, instead = "") => (row) => (row.strategy === baseline ? instead : show(row));
  const difference = unlessBaseline((row) => signed(row.difference, unit), "baseline");
  const ends = unlessBaseline((row) => interval(row.difference_low, row.difference_high, unit));
  const deciding = (row) => row.p_always ?? row.p_adjusted; // what verdicts go by
  return [
    { key: "difference", title: `minus ${baseline}`, value: (row) => row.difference, cell: difference },
    { key: "gain", title: "its interval", value: (row) => row.difference_low, cell: ends },
    { key: "p", title: "adjusted p", help: HELP.p, value: deciding, cell: (row) => probability(deciding(row)) },
    { key: "effect", title: "A", help: HELP.effect, value: (row) => row.effect, cell: (row) => row.effect?.toFixed(2) ?? "–" },
  ];
}

function costColumn(section, rows) {
  const cost = (row) => section.cellOf(row.strategy)?.costs[section.cost];
  const dearest = Math.max(...rows.map((row) => cost(row) ?? 0));
  return {
    key: "cost", title: capital(COST_WORDS[section.cost]), help: section.cost === "train_seconds" ? HELP.seconds : null,
    value: cost, cell: (row) => number(cost(row), COST_UNITS[section.cost], dearest),
  };
}

function runColumns(section) {
  const again = (row) => section.cellOf(row.strategy)?.again ?? "not yet";
  const finished = (row) => (row.n === row.n_requested ? String(row.n) : `${row.n} of ${row.n_requested}`);
  return [
    { key: "runs", title: "Runs", value: (row) => row.n, cell: finished },
    { key: "again", title: "Run again", help: HELP.again, words: true, value: again, cell: again },
  ];
}

// ------------------------------------------------------------------ cells

function nameCell(section, { strategy: name, rank_best: best, rank_reason: reason }) {
  const cells = section.data.entries.filter((entry) => entry.label === name);
  const here = cells.filter((entry) => section.scenario === ALL || entry.scenario === section.scenario);
  const ended = here.flatMap((entry) => entry.ended.map(([status]) => status));
  const counts = Object.entries(ENDED).map(([status, word]) => [ended.filter((one) => one === status).length, word]);
  const lost = counts.filter(([count]) => count).map(([count, word]) => `${count} ${word}`);
  return [
    h("a", { href: `#${entryId(section, name)}`, "data-tip": cells[0]?.about || null }, named(name)),
    boundMark(section, name),
    lost.length ? h("span", { class: "failed" }, lost.join(", ")) : null,
    best == null && reason && !section.isBound(name) ? h("span", { class: "failed" }, `no rank: ${reason}`) : null,
  ];
}

function boundMark(section, name) {
  return section.isBound(name) ? [" ", h("span", { class: "bound", "data-tip": HELP.bound }, "bound")] : null;
}

/** The best of a method's configurations by the metric that it is reported on. */
function bestMark(section, { best_of: count, optimism }) {
  if (!count) return null;
  const size = optimism == null ? "" : ` by up to about ${number(optimism, section.ranking.unit)}${pointsWord(section.ranking.unit).replace(",", "")}`;
  const tip = `chosen by the numbers that are shown: its mean is optimistic${size}`;
  return [" ", h("span", { class: "best", "data-tip": tip }, `best of ${count}`)];
}

/** Of a tuned or a default row: a link to the other one, and what was chosen where. */
function choiceMark(section, { strategy }) {
  const choices = section.ranking.choices.filter((choice) => section.scenario === ALL || choice.scenario === section.scenario);
  const own = choices.filter((choice) => choice.default_row && choice.default_row !== choice.tuned && [choice.tuned, choice.default_row].includes(strategy));
  if (!own.length) return null;
  const [{ tuned, default_row: usual }] = own;
  const tip = own.map((choice) => `${choice.scenario}: ${choice.chosen} was chosen, ${choice.default} is the default`).join("; ");
  const [other, word] = strategy === tuned ? [usual, "default"] : [tuned, "tuned"];
  return [" ", h("a", { class: "best", href: `#${entryId(section, other)}`, "data-tip": tip }, `see ${word}`)];
}

function rankCell(row) {
  return h("span", { class: "rank" }, rankWords(row));
}

/** `2`, or `1–3`. */
function rankWords({ rank_best: best, rank_worst: worst }) {
  if (best == null) return "–";
  return best === worst ? String(best) : `${best}–${worst}`;
}

/** By the best rank, then by the worst; none where there is no rank. */
function rankOrder({ rank_best: best, rank_worst: worst }) {
  return best == null ? null : best + worst / 1e4;
}

/** Rank and mean within a scenario, in the table over all of them. */
function cellWithin({ ranking: { summary, unit } }, row) {
  if (!row) return "–";
  return [h("span", { class: "tie" }, rankWords(row)), `\u2002${number(row.mean, unit)}`];
}

/** Each letter in its own place, so that shared ones stand below each other. */
function lettersOf(group, rows) {
  if (group == null) return "–";
  const every = [...new Set(rows.map((row) => row.group ?? "").join(""))].sort();
  if (every.length > 10) return group;
  return every.map((letter) => (group.includes(letter) ? letter : " ")).join("");
}

// ------------------------------------------------------------------ the table

function rankingTable(section) {
  const every = rankedRows(section), columns = columnsOf(section, every);
  const rows = sortedRows(every.filter((row) => section.isShown(row.strategy)), columns, section.sort);
  section.count.textContent = rows.length === every.length ? `${rows.length} strategies` : `${rows.length} of ${every.length} strategies`;
  const { metric, higher } = section.ranking;
  const where = section.scenario === ALL ? `over ${section.data.scenarios.length} scenarios` : section.scenario;
  const caption = `${metric} (${higher ? "more" : "less"} is better), ${where}`;
  const nothing = every.length ? "No strategy matches the filter." : `No run has a value of ${metric} here.`;
  const table = h("table", { class: "ranking" }, captionOf(caption),
    h("thead", {}, h("tr", {}, columns.map((column) => headCell(section, column)))),
    bodiesOf(section, rows, columns, nothing));
  return [
    scrolled(caption, table),
    h("p", { class: "note" }, section.scenario === ALL ? HELP.overScenarios : HELP.withinScenario),
    h("div", { class: "downloads" },
      h("a", { href: addressOf(section) }, "Link to this view"),
      h("button", { type: "button", class: "link", click: download("ranking.csv", "text/csv", () => asCsv(table)) }, "This table as CSV")),
  ];
}

/** The rivals, and below them the bounds. */
function bodiesOf(section, rows, columns, nothing) {
  const shown = (row) => h("tr", {}, columns.map((column) => bodyCell(column, row)));
  const bounds = rows.filter((row) => section.isBound(row.strategy)), rivals = rows.filter((row) => !bounds.includes(row));
  if (!rows.length) return h("tbody", {}, h("tr", {}, h("td", { class: "empty", colspan: columns.length }, nothing)));
  const title = h("tr", { class: "part" }, h("td", { colspan: columns.length }, h("span", {}, `Bounds: ${HELP.bound}`)));
  return [h("tbody", {}, rivals.map(shown)), bounds.length ? h("tbody", { class: "bounds" }, title, bounds.map(shown)) : null];
}

function headCell(section, column) {
  const isChosen = section.sort.key === column.key, { down } = section.sort;
  const pick = () => {
    section.sort = { key: column.key, down: isChosen && !down };
    section.change();
  };
  const direction = isChosen ? (down ? "descending" : "ascending") : null;
  return h("th", { scope: "col", class: classOf(column), "aria-sort": direction },
    h("button", { type: "button", "data-key": column.key, "data-focus": `sort ${column.key}`, "data-tip": column.help, click: pick }, column.title));
}

function bodyCell(column, row) {
  const isName = column.key === "name";
  const attributes = { scope: isName ? "row" : null, class: classOf(column), "data-value": (column.csv ?? column.value)(row) ?? "" };
  return h(isName ? "th" : "td", attributes, column.cell(row));
}
