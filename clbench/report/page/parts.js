/* Numbers, words and small parts that every section is made of. */

const DATA = JSON.parse(document.getElementById("data").textContent);
const ALL = "all scenarios";
const COST_UNITS = { train_seconds: "seconds", peak_memory: "bytes", parameters: "count", state_bytes: "bytes", bytes_sent: "bytes" };
const COST_WORDS = { train_seconds: "training time a run", peak_memory: "peak memory", parameters: "parameters", state_bytes: "carried state", bytes_sent: "sent" };
const ENDED = { diverged: "diverged", failed: "failed", timeout: "timed out" };
const HELP = {
  rank: "from 1 + the number of rivals shown to be better, to all but those shown to be worse",
  group: "strategies that share a letter cannot be told apart",
  iqm: "mean of the middle half of the runs",
  p: "adjusted for all pairs that are tested",
  effect: "how often a run is better than one of the baseline, of all that can be paired; the test looks at pairs of one seed",
  mean: "over the runs that finished",
  interval: "where the mean lies, one strategy at a time; compare strategies by their tests",
  seconds: "without evaluation; a stack's time divided by its networks",
  bound: "keeps all data or forgets all it learnt: shown for what is within reach, and no rival",
  overScenarios: "Ranks go from the best to the worst that no test excludes, on these scenarios together; ranks and means within a scenario are in its column. Choose a scenario for its tests.",
  withinScenario: "Ranks go from the best to the worst that no test excludes. Strategies that share a letter cannot be told apart. Intervals are for one mean at a time.",
  again: "whether another record measured the same seeds again, and by how much the mean final accuracy differs",
};

// ------------------------------------------------------------------ numbers

const scaleOf = (unit) => (unit === "fraction" ? 100 : 1);
const unitWord = (unit) => (unit === "fraction" ? "%" : unit);

const STEPS = { seconds: [[3600, "h"], [60, "min"], [1, "s"]], bytes: [[1e9, "GB"], [1e6, "MB"], [1e3, "kB"], [1, "B"]] };

/** A number in the unit that suits `like`, which the numbers of one column share. */
function number(value, unit = "", like = value) {
  if (value == null) return "–";
  if (STEPS[unit]) {
    const [size, word] = STEPS[unit].find(([step]) => like >= step) ?? STEPS[unit].at(-1);
    return `${(value / size).toFixed(word === "B" ? 0 : value / size < 10 ? 2 : 1)} ${word}`;
  }
  if (unit === "count") return Math.round(value).toLocaleString("en");
  if (unit === "fraction" || unit === "points") return minus((value * scaleOf(unit)).toFixed(1));
  return minus(value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e5) ? value.toExponential(2) : String(Number(value.toPrecision(4))));
}

const minus = (text) => text.replace(/^-(?=[0.]*$)/, "").replace("-", "−");
const signed = (value, unit) => (value == null ? "–" : value > 0 ? `+${number(value, unit)}` : number(value, unit));
const interval = (low, high, unit) => (low == null ? "–" : `${number(low, unit)} to ${number(high, unit)}`);
const probability = (p) => (p == null ? "–" : p < 1e-4 ? "< 0.0001" : String(Number(p.toPrecision(3))));

/** The level of the tests' intervals, `95 %`. */
const levelWords = ({ ranking: { alpha } }) => `${Number((100 * (1 - alpha)).toPrecision(4))} %`;

// ------------------------------------------------------------------ small parts

/** What a table shows, above it. */
const captionOf = (words) => h("caption", {}, h("span", {}, words));

/** A table that scrolls by itself where the page is narrow. */
const scrolled = (label, table) => h("div", { class: "scroll", role: "region", "aria-label": label, tabindex: 0 }, table);

function plainTable(caption, headers, rows, words = 1) {
  const cell = (value, k) => h("td", { class: k < words ? "words" : "" }, value ?? "–");
  return scrolled(caption, h("table", {}, captionOf(caption),
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
  const fill = () => { if (details.open && details.children.length === 1) details.append(...[make()].flat(Infinity).filter(Boolean)); };
  details.addEventListener("toggle", fill);
  fill();
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
  const words = h("figcaption", {}, h("strong", {}, named(title)), caption);
  return h("figure", {}, words, place, legend, pictureButtons(), folded("The same as a table", table));
}

function download(name, type, make) {
  return (event) => {
    event.preventDefault();
    save(name, new Blob([make()], { type }));
  };
}

function save(name, blob) {
  const link = h("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

/** A formula gets an apostrophe before it, unless it is a number, so that no spreadsheet computes it. */
const inert = (value) => (/^[=+\-@\t\r]/.test(value) && Number.isNaN(Number(value)) ? `'${value}` : value);
const csvCell = (raw, value = inert(raw)) => (/[",\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);

/** A table as a spreadsheet reads it; rows that only part the others are left out. */
function asCsv(table) {
  const line = (row) => [...row.cells].map((cell) => csvCell(cell.dataset.value ?? cell.textContent)).join(",");
  const lines = [...table.rows].filter((row) => row.className !== "part").map(line);
  return `${lines.join("\n")}\n`;
}

// ------------------------------------------------------------------ words

const kindOf = (verdict, row, column) => (verdict === `${row} better` ? "better" : verdict === `${column} better` ? "worse" : "same");
const shortened = (text) => text.replace(/\.0+(?= |$)/, "").replace(/(\.\d*[1-9])0+(?= |$)/, "$1");
const capital = (words) => words[0].toUpperCase() + words.slice(1);
const classOf = (column) => [column.words ? "words" : "", column.key === "name" ? "name" : ""].join(" ").trim() || null;
