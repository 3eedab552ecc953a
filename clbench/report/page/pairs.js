/* Strategies against each other: the matrix of all pairs, two of them head to head, and every pair in numbers. */

const SMALLEST_MATRIX = 3;
const LARGEST_MATRIX = 40;
const LARGEST_OPEN_MATRIX = 12; // a larger one is folded at first

/** What is shown below the figures, if two strategies at least can be compared. */
function pairsOf(section) {
  if (section.pair.length < 2) return [];
  return [h("h3", {}, "Pairs"), matrixOf(section), headToHead(section), listOfPairs(section)].filter(Boolean);
}

// ------------------------------------------------------------------ the pairs of what is chosen

/** The places of the chosen scenario's pairs in the columns of `ranking.pairs`. */
function placesOfPairs({ ranking: { pairs, question }, scenario }) {
  const every = pairs.a.map((_, k) => k);
  if (scenario !== ALL) return every.filter((k) => pairs.scenario[k] === scenario);
  return every.filter((k) => pairs.scenario[k] === null && pairs.question[k] === question);
}

/** Finds the pair of two strategies as seen by the first of them; null where they were not compared. */
function pairFinder(section) {
  const { pairs } = section.ranking;
  const places = new Map(placesOfPairs(section).map((k) => [JSON.stringify([pairs.a[k], pairs.b[k]]), k]));
  return (a, b) => {
    const asked = places.get(JSON.stringify([a, b])), turned = places.get(JSON.stringify([b, a]));
    if (asked !== undefined) return pairAt(pairs, asked);
    return turned === undefined ? null : turnedPair(pairAt(pairs, turned));
  };
}

function pairAt(pairs, k) {
  return {
    a: pairs.a[k], b: pairs.b[k], difference: pairs.difference[k], low: pairs.ci_low[k], high: pairs.ci_high[k],
    effect: pairs.effect[k], p: pairs.p_adjusted[k], always: pairs.p_always[k], verdict: pairs.verdict[k], claim: pairs.in_own_record[k],
    won: pairs.won[k], lost: pairs.lost[k], size: pairs.n[k], wonLow: pairs.won_low[k], wonHigh: pairs.won_high[k],
  };
}

/** The same pair as seen by the other one. */
function turnedPair({ a, b, difference, low, high, effect, won, lost, wonLow, wonHigh, ...rest }) {
  const negative = (value) => (value == null ? null : -value), remaining = (share) => (share == null ? null : 1 - share);
  return {
    ...rest, a: b, b: a, difference: negative(difference), low: negative(high), high: negative(low), effect: remaining(effect),
    won: lost, lost: won, wonLow: remaining(wonHigh), wonHigh: remaining(wonLow),
  };
}

const pointsWord = (unit) => (unit ? `, ${unit === "fraction" ? "points" : unit}` : "");

// ------------------------------------------------------------------ the matrix

/** Every strategy against every other: the row minus the column. A choice shows the two head to head. */
function matrixOf(section) {
  const { metric, unit } = section.ranking;
  const ranked = new Set(rankedRows(section).map((row) => row.strategy));
  const names = rankedNames(section).filter((name) => ranked.has(name) && section.isShown(name));
  if (names.length < SMALLEST_MATRIX || names.length > LARGEST_MATRIX) return null;
  const find = pairFinder(section);
  const caption = `${metric}: the row minus the column${pointsWord(unit)}. `
    + "Coloured where a test shows a difference: blue where the row is better, orange where the column is. Choose a pair to see its runs.";
  const cell = (row, column) => (row === column ? h("td", { class: "muted" }) : matrixCell(section, find(row, column), row, column));
  const table = () => scrolled(caption, h("table", { class: "matrix" }, captionOf(caption),
    h("thead", {}, h("tr", {}, h("td"), names.map((name) => h("th", { scope: "col" }, named(name))))),
    h("tbody", {}, names.map((row) => h("tr", {}, h("th", { scope: "row" }, named(row)), names.map((column) => cell(row, column)))))));
  return section.keptFolded("Every strategy against every other", table, names.length <= LARGEST_OPEN_MATRIX);
}

function matrixCell(section, pair, row, column) {
  if (!pair) return h("td", { class: "muted" }, "–");
  const { unit } = section.ranking, isChosen = String(section.pair) === String([row, column]);
  const pick = () => {
    section.pair = [row, column];
    section.change();
    section.parts.pairs.querySelector(".duel").scrollIntoView({ block: "nearest" });
  };
  const attributes = {
    type: "button", "aria-pressed": String(isChosen), "data-tip": pairWords(pair, unit),
    "data-focus": `pair ${row}\n${column}`, click: pick,
  };
  return h("td", { class: kindOf(pair.verdict, row, column) }, h("button", attributes, signed(pair.difference, unit)));
}

/** A pair in a sentence; the second p, which holds however often somebody looked, decides where there is one. */
function pairWords({ a, b, difference, low, high, p, always, verdict }, unit) {
  const looked = always == null ? "" : `, ${probability(always)} however often one looked`;
  return `${a} − ${b}: ${signed(difference, unit)} (${interval(low, high, unit)}), adjusted p ${probability(p)}${looked}: ${verdict}`;
}

// ------------------------------------------------------------------ two head to head

/** The chosen two: by seed, by task, by scenario. */
function headToHead(section) {
  const [a, b] = section.pair, names = rankedNames(section);
  const choice = (label, place, other) =>
    section.select(label, names.filter((name) => name !== other), names.filter((name) => name !== other), section.pair[place],
      (name) => { section.pair = place ? [a, name] : [name, b]; });
  const turn = () => { section.pair = [b, a]; section.change(); };
  const charts = [duelBySeed(section, a, b), ...duelsByTask(section, a, b), duelByScenario(section, a, b)].filter(Boolean);
  return h("div", { class: "duel" },
    h("h4", {}, "Head to head"),
    h("form", { class: "controls", submit: (event) => event.preventDefault() },
      choice("One", 0, b), choice("against", 1, a), h("button", { type: "button", "data-focus": "swap", click: turn }, "Swap")),
    duelSummary(section, a, b),
    charts.length ? h("div", { class: "figures" }, charts) : h("p", { class: "muted" }, "They have no runs in common here."));
}

/** Seeds won, difference, interval and verdict in a sentence. */
function duelSummary(section, a, b) {
  const { unit, metric } = section.ranking, pair = pairFinder(section)(a, b);
  if (!pair) return h("p", {}, wonWords(section, a, b), h("span", { class: "muted" }, "No test compares them here."));
  const effect = pair.effect == null ? "" : `, A = ${pair.effect.toFixed(2)}`;
  return h("p", {}, `${metric}: ${wonWords(section, a, b, pair)}`, h("strong", {}, pairWords(pair, unit)), `${effect}.`,
    pair.claim ? ` In its own record: ${pair.claim}.` : null);
}

/** In how many seeds who is ahead; of a tested pair also the share that it would win of many. */
function wonWords(section, a, b, pair) {
  const { higher } = section.ranking, winners = seedDuels(section, a, b).map((duel) => winnerOf(duel, higher));
  if (!winners.length) return "";
  const count = (wanted) => winners.filter((winner) => winner === wanted).length;
  const equal = count(0) ? `; ${count(0)} equal` : "";
  const isOfSeeds = pair?.size === winners.length && pair.won === count(1); // and not of scenarios
  const share = isOfSeeds && pair.wonLow != null
    ? ` (${levelWords(section)} interval of the share: ${number(pair.wonLow, "fraction")} to ${number(pair.wonHigh, "fraction")} %)` : "";
  return `${a} is ahead in ${count(1)} of ${winners.length} seeds${share}, ${b} in ${count(-1)}${equal}. `;
}

/** 1 where the first is better, -1 where the second is, 0 where neither; a failed run (null) is worst. */
function winnerOf([, a, b], higher) {
  if (a == null || b == null) return (b == null) - (a == null);
  return Math.sign(higher ? a - b : b - a);
}

/** `[seed, a's value, b's value]` of the seeds both have; over all scenarios their means, of seeds that both have everywhere. */
function seedDuels(section, a, b) {
  const { runs } = section.ranking;
  const scenarios = section.scenario === ALL ? section.data.scenarios : [section.scenario];
  const found = scenarios.map((scenario) => seedDuelsWithin(runs[scenario] ?? {}, a, b));
  if (found.length === 1) return found[0];
  const everywhere = found[0].filter(([seed]) => found.every((duels) => duels.some(([other]) => other === seed)));
  const meanOf = (seed, place) => {
    const values = found.map((duels) => duels.find(([other]) => other === seed)[place]);
    return values.includes(null) ? null : mean(values); // one failed run, and there is no mean
  };
  return everywhere.map(([seed]) => [seed, meanOf(seed, 1), meanOf(seed, 2)]);
}

function seedDuelsWithin(runs, a, b) {
  if (!runs[a] || !runs[b]) return [];
  const [seeds, values] = runs[b], other = new Map(seeds.map((seed, k) => [seed, values[k]]));
  return runs[a][0].map((seed, k) => [seed, runs[a][1][k], other.get(seed)]).filter((duel) => duel[2] !== undefined);
}

function duelBySeed(section, a, b) {
  const duels = seedDuels(section, a, b), over = section.scenario === ALL ? ", its mean over scenarios" : "";
  return duelFigure(section, a, b, {
    what: "By seed", each: `Each dot is a seed${over}`, head: "seed",
    duels: duels.map(([seed, ...values]) => [`seed ${seed}`, ...values]),
    ...measureOf(section),
  });
}

function duelsByTask(section, a, b) {
  const scenarios = section.scenario === ALL ? section.data.scenarios : [section.scenario];
  return scenarios.map((scenario) => duelByTask(section, a, b, scenario)).filter(Boolean);
}

/** The accuracies of the last row of both matrices. */
function duelByTask(section, a, b, scenario) {
  const [first, second] = [a, b].map((name) => section.cellOf(name, scenario)?.matrix);
  if (!first || String(first.tasks) !== String(second?.tasks)) return null;
  const [mine, theirs] = [first, second].map((matrix) => matrix.values.at(-1));
  const word = first.size > 1 ? "tasks" : "task";
  const duels = first.tasks.map((task, k) => [`${word} ${task}`, mine[k], theirs[k]]).filter((duel) => duel[1] != null && duel[2] != null);
  const where = section.scenario === ALL ? ` on ${scenario}` : "";
  return duelFigure(section, a, b, {
    what: `By task${where}`, each: "Each dot is a task: its accuracy after the last one, the mean over each one's finished runs", head: "task",
    duels, unit: "fraction", higher: true, label: "final accuracy", limits: [0, 1],
  });
}

/** The means on each scenario, over the seeds that both finished. */
function duelByScenario(section, a, b) {
  const { scenarios } = section.data, { runs } = section.ranking;
  if (scenarios.length < 2) return null;
  const duels = scenarios.flatMap((scenario) => {
    const both = seedDuelsWithin(runs[scenario] ?? {}, a, b).filter((duel) => !duel.includes(null));
    return both.length ? [[scenario, mean(both.map((duel) => duel[1])), mean(both.map((duel) => duel[2]))]] : [];
  });
  return duelFigure(section, a, b, {
    what: "By scenario", each: "Each dot is a scenario: the means over the seeds that both finished", head: "scenario",
    duels, ...measureOf(section),
  });
}

const measureOf = ({ ranking: { unit, higher, metric, limits } }) => ({ unit, higher, label: metric, limits });

function duelFigure(section, a, b, { what, each, head, duels, unit, higher, label, limits }) {
  if (!duels.length) return null;
  const scale = scaleOf(unit), scaled = (value) => (value == null ? null : value * scale);
  const points = duels.map((duel) => {
    const winner = winnerOf(duel, higher);
    return {
      x: scaled(duel[2]), y: scaled(duel[1]),
      colour: winner ? section.looks.get(winner > 0 ? a : b).colour : "muted",
      tip: `${duel[0]}: ${a} ${valueWords(duel[1], unit)}, ${b} ${valueWords(duel[2], unit)}`,
    };
  });
  const side = higher ? "Above" : "Below", title = `${what}: ${a} against ${b}`;
  const failed = duels.some((duel) => duel.includes(null)) ? " A cross at the edge is a run that failed." : "";
  const unitWords = unit ? `, ${unitWord(unit)}` : "";
  const labels = { xLabel: `${b}: ${label}${unitWords}`, yLabel: `${a}${unitWords}`, higher, limits: limits?.map(scaled) };
  const difference = (duel) => (duel.includes(null) ? "–" : signed(duel[1] - duel[2], unit));
  const row = (duel) => [duel[0], valueWords(duel[1], unit), valueWords(duel[2], unit), difference(duel)];
  return figure(title, `${each}. ${side} the line ${a} is better.${failed}`,
    (width) => duelChart(Math.min(width, 340), title, points, labels), null,
    () => plainTable(title, [head, a, b, "difference"], duels.map(row)));
}

const valueWords = (value, unit) => (value == null ? "failed" : number(value, unit));
const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

// ------------------------------------------------------------------ every pair in numbers

function listOfPairs(section) {
  const { pairs, unit } = section.ranking;
  const places = placesOfPairs(section).filter((k) => section.isShown(pairs.a[k]) && section.isShown(pairs.b[k]));
  if (!places.length) return null;
  const headers = ["a", "b", "pairs", `a − b${pointsWord(unit)}`, `${levelWords(section)} interval`, "A", "p", "adjusted p", "verdict"];
  const claimed = places.some((k) => pairs.in_own_record[k]);
  if (claimed) headers.push("in its own record");
  const row = (k) => [
    pairs.a[k], pairs.b[k], String(pairs.n[k]), signed(pairs.difference[k], unit), interval(pairs.ci_low[k], pairs.ci_high[k], unit),
    pairs.effect[k]?.toFixed(2), probability(pairs.p[k]), probability(pairs.p_always[k] ?? pairs.p_adjusted[k]), pairs.verdict[k],
    ...(claimed ? [pairs.in_own_record[k]] : []),
  ];
  const table = () => plainTable("The difference of every pair, and its test", headers, places.map(row), 2);
  return section.keptFolded(`Every pair (${places.length})`, table);
}
