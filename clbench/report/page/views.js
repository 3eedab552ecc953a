/* What is the same for all sections: names that break where names may, and tooltips. */

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
