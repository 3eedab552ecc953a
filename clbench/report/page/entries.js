/* A card a strategy: what it does, where it comes from, with which options and code it ran, and its runs from within. */

const entryId = (section, name) => `${section.id}-e${section.data.strategies.indexOf(name)}`;

function entryOf(section, name) {
  const cells = section.data.entries.filter((entry) => entry.label === name);
  const make = () => [aboutOf(cells[0]), ...cells.map((cell) => cardOf(section, cell, cells.length > 1))];
  return folded([named(name), boundMark(section, name)], make, { id: entryId(section, name) });
}

// ------------------------------------------------------------------ the strategy

/** What it does, its papers, and what its classes declare. */
function aboutOf({ about, papers, declared }) {
  const named = Object.entries(papers), several = named.length > 1;
  return h("div", {},
    about ? h("p", {}, about) : null,
    named.map(([part, paper]) => h("p", {}, `Paper${several ? ` of ${part}` : ""}: `, withLinks(paper))),
    Object.entries(declared).map(([name, words]) => h("p", { class: "muted" }, `${capital(name.replace("_", " "))}: ${words}.`)));
}

/** A text of a plugin's; web addresses in it, and nothing else, become links. */
function withLinks(text) {
  return text.split(/(https?:\/\/[^\s<>"']+)/).map((piece, k) => (k % 2 ? h("a", { href: piece, rel: "noreferrer" }, piece) : piece));
}

// ------------------------------------------------------------------ one cell

function cardOf(section, cell, several) {
  const inner = { class: "inner" };
  return h("div", {},
    several ? h("h4", {}, cell.scenario) : null,
    factsOf(cell),
    h("h4", {}, "Options"), optionsOf(cell),
    folded("Protocol", () => settings(cell.protocol), inner),
    folded("Code", () => codeOf(cell), inner),
    placesOf(section, cell, inner),
    cell.matrix
      ? folded("Accuracy matrix, and every task's curve", () => matrixAndCurves(cell), { ...inner, open: true })
      : h("p", { class: "muted" }, "No run finished, so there are no accuracies to show."),
    cell.errors.length ? folded("What went wrong", () => cell.errors.map((error) => h("pre", {}, error)), inner) : null);
}

/** Seeds, failures, costs, and whether somebody ran it again. */
function factsOf(cell) {
  const fact = (name, value, attributes = {}) => [h("dt", attributes, name), h("dd", {}, value)];
  const where = (agent, step) => `${cell.agents > 1 ? `, agent ${agent}` : ""}${step >= 0 ? `, in step ${step}` : ""}`;
  const costs = Object.entries(cell.costs).filter(([, value]) => value != null);
  return h("dl", {},
    fact("seeds", cell.seeds.join(", ") || "none"),
    cell.agents > 1 ? fact("agents of each seed", `${cell.agents}; the seed counts with their mean`) : null,
    cell.ended.map(([status, seed, agent, step]) => fact(ENDED[status] ?? status, `seed ${seed}${where(agent, step)}`, { class: "warn" })),
    costs.map(([key, value]) => fact(COST_WORDS[key], number(value, COST_UNITS[key]))),
    fact("run again", cell.repeats.length ? cell.repeats.map((one) => one.words).join(" ") : "Not yet, in these records."));
}

/** Each option, and whether it is the strategy's default. */
function optionsOf(cell) {
  const rows = flat(cell.options), usual = new Map(flat(cell.defaults));
  if (!rows.length) return h("p", { class: "muted" }, "none");
  const markOf = (name, value) => {
    if (!usual.has(name)) return null;
    if (usual.get(name) === value) return h("span", { class: "muted" }, "default");
    return h("span", { class: "chosen" }, `chosen (default: ${usual.get(name)})`);
  };
  const unknown = usual.size ? null : h("p", { class: "muted" }, "This record does not say which of them are defaults.");
  return [h("dl", {}, rows.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value, " ", markOf(name, value))])), unknown];
}

/** Which plugin made its numbers, in which version. */
function codeOf({ code }) {
  const headers = ["what", "plugin", "version"];
  return plainTable("What made its numbers: a hash as version where the source could be edited.", headers,
    code.map(({ what, plugin, version }) => [what, plugin || "–", version]), headers.length);
}

/** When and where each run was made; of records that do not say, where the whole record was. */
function placesOf({ data }, cell, attributes) {
  if (cell.runs.length) {
    const runs = () => cell.runs.flatMap(([run, seeds]) => [h("p", { class: "muted" }, `seeds ${seeds.join(", ")}`), settings(data.runs[run])]);
    return folded("When and where", runs, attributes);
  }
  const records = data.records.filter((record) => record.cells.includes(cell.key));
  const environments = () => records.flatMap((record) => [h("p", { class: "muted" }, record.place), settings(record.environment)]);
  return folded(`Environment${records.length > 1 ? "s" : ""}`, environments, attributes);
}

// ------------------------------------------------------------------ accuracies

function matrixAndCurves(cell) {
  const { size } = cell.matrix, lines = linesOfTasks(cell.matrix);
  const blocks = size > 1 ? `, means of blocks of ${size} tasks` : "";
  const caption = `Accuracy in %, mean over seeds${blocks}: rows are the tasks learnt, columns the task tested.`;
  const title = `${cell.label} on ${cell.scenario}: every task's accuracy`;
  const note = size > 1 ? `A line for ${size} tasks, from when they were learnt.` : "A line a task, from when it was learnt.";
  const draw = (width) => lineChart(width, title, lines, "tasks learnt", "accuracy in %");
  const chart = h("div", {}, drawnOnce(draw), h("p", { class: "note" }, note));
  return h("div", { class: "figures" }, scrolled(caption, heatTable(caption, cell.matrix)), lines.length ? chart : null);
}

/** A line a task (or block of tasks), from the row in which it was learnt. */
function linesOfTasks({ size, tasks, ends, values }) {
  const pointsOf = (end, column) => ends.flatMap((after, row) => {
    const value = values[row + 1][column];
    return after >= end && value != null ? [[after, 100 * value]] : [];
  });
  const lines = ends.map((end, column) => ({
    name: `${size > 1 ? "tasks" : "task"} ${tasks[column]}`, style: look(column), points: pointsOf(end, column),
  }));
  return lines.filter((line) => line.points.length > (size > 1 ? 1 : 0));
}

/** A drawing as wide as there is room when it is first seen. */
function drawnOnce(draw) {
  const place = h("div");
  new ResizeObserver(([entry], observer) => {
    observer.disconnect();
    place.append(draw(Math.min(Math.max(Math.floor(entry.contentRect.width), 240), 560)));
  }).observe(place);
  return place;
}
