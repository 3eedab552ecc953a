/* What is the same for all sections: names that break where names may, and tooltips. */

const LETTER = 6.8; // the width of a letter of a drawing, and the height of its lines
const LINE = 14;

/** The pieces of a name between which a line may end: after a comma, a bracket or a plus, never within a number. */
const piecesOf = (name) => name.match(/[^\s,(+=_:/|]*[\s,(+=_:/|]|[^\s,(+=_:/|]+/g) ?? [name];

/** A name of the page, which may be broken between its pieces. */
function named(name) {
  return piecesOf(name).flatMap((piece, k) => (k ? [h("wbr"), piece] : [piece]));
}

/** A name of a drawing, in lines of so many letters; a piece that is longer than a line is cut into lines, too. */
function nameLines(name, most) {
  const short = piecesOf(name).flatMap((piece) => piece.match(new RegExp(`.{1,${Math.max(most, 1)}}`, "gsu")) ?? []);
  const lines = [""];
  for (const piece of short) {
    if (lines.at(-1) && (lines.at(-1) + piece).trimEnd().length > most) lines.push(piece);
    else lines[lines.length - 1] += piece;
  }
  return lines.map((line) => line.trimEnd());
}

/** Lines of a text in a drawing, the first of them at `y`. */
function textLines(lines, x, y, anchor) {
  return s("text", { y, "text-anchor": anchor }, lines.map((line, k) => s("tspan", { x, dy: k ? LINE : "0.35em" }, line)));
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
