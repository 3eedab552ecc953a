/* What is the same for all sections: names that break where names may, tooltips, and addresses of views. */

/** A name whose lines end after a comma, a bracket or a plus, and never within a number. */
function named(name) {
  const pieces = name.match(/[^\s,(+=_:/|]*[\s,(+=_:/|]|[^\s,(+=_:/|]+/g) ?? [name];
  return pieces.flatMap((piece, k) => (k ? [h("wbr"), piece] : [piece]));
}

// ------------------------------------------------------------------ tooltips

/** Show what `data-tip` says of whatever the pointer or the keyboard is on. */
function startTooltips() {
  const tip = h("div", { class: "tip", role: "tooltip", hidden: true });
  document.body.append(tip);
  const show = (event) => {
    const target = event.target.closest?.("[data-tip]");
    tip.hidden = !target;
    if (!target) return;
    tip.textContent = target.dataset.tip;
    const place = target.getBoundingClientRect();
    const left = Math.min(place.left, document.documentElement.clientWidth - tip.offsetWidth - 12);
    const below = place.bottom + 6 + tip.offsetHeight < innerHeight;
    tip.style.left = `${Math.max(8, left) + scrollX}px`;
    tip.style.top = `${(below ? place.bottom + 6 : place.top - tip.offsetHeight - 6) + scrollY}px`;
  };
  const hide = () => { tip.hidden = true; };
  for (const kind of ["pointerover", "focusin"]) document.addEventListener(kind, show);
  for (const kind of ["pointerdown", "focusout"]) document.addEventListener(kind, hide, true);
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
}

// ------------------------------------------------------------------ addresses of views

/** `#s0&metric=forgetting&scenario=class`: the section, and what is chosen in it. */
function addressOf(section) {
  const chosen = new URLSearchParams(Object.entries(section.view()).filter(([, value]) => value));
  return `#${section.id}${chosen.size ? `&${chosen}` : ""}`;
}

/** The element that the page's address leads to, and what is chosen there. */
function addressed() {
  const [id, ...rest] = location.hash.slice(1).split("&");
  return { id, view: Object.fromEntries(new URLSearchParams(rest.join("&"))) };
}

// ------------------------------------------------------------------ pairs

const SMALLEST_MATRIX = 3;
const LARGEST_MATRIX = 40;

/** Every strategy against every other: the row's mean minus the column's, and what the test says. */
function pairMatrix(caption, names, pairOf, unit) {
  const cell = (row, column) => {
    const pair = pairOf(row, column);
    if (!pair) return h("td", { class: "muted" }, row === column ? "" : "–");
    const tip = `${row} − ${column}: ${signed(pair.difference, unit)} (${interval(pair.low, pair.high, unit)}), adjusted p ${probability(pair.p)}: ${pair.verdict}`;
    return h("td", { class: pair.kind, "data-tip": tip, tabindex: 0 }, signed(pair.difference, unit));
  };
  return h("table", { class: "matrix" }, h("caption", {}, caption),
    h("thead", {}, h("tr", {}, h("td"), names.map((name) => h("th", { scope: "col" }, named(name))))),
    h("tbody", {}, names.map((row) => h("tr", {}, h("th", { scope: "row" }, named(row)), names.map((column) => cell(row, column))))));
}
