/* The page: its sections, its theme, and the address that leads to what is chosen. */

const SECTIONS = [];

// ------------------------------------------------------------------ addresses of views

/** `#s0&metric=forgetting&scenario=class`: the section, and what is chosen in it. */
function addressOf(section) {
  const chosen = new URLSearchParams(Object.entries(section.view()).filter(([, value]) => value));
  return `#${section.id}${chosen.size ? `&${chosen}` : ""}`;
}

/** Write what is chosen into the page's address, as a step that the browser can take back. */
function remember(section, replacing = false) {
  const address = addressOf(section), isSame = location.hash === address;
  history[replacing || isSame ? "replaceState" : "pushState"](viewsOfAll(), "", address);
}

/** The address names one section's view; going back has to restore those of all. */
const viewsOfAll = () => ({ views: SECTIONS.map((section) => section.view()) });

/** Back and forward: show what was chosen then. */
function restore({ state }) {
  state?.views?.forEach((view, k) => SECTIONS[k]?.choose(view));
}

/** Follow the page's address: to a view of a section, or to an entry and into what is folded there. */
function follow() {
  const [id, ...rest] = location.hash.slice(1).split("&");
  const section = SECTIONS.find((one) => one.id === id), target = document.getElementById(id);
  const view = Object.fromEntries(new URLSearchParams(rest.join("&")));
  if (section) section.choose(view);
  if (section && rest.length) target.scrollIntoView({ block: "start" });
  history.replaceState(viewsOfAll(), "");
  if (target instanceof HTMLDetailsElement) openEntry(target);
}

function openEntry(details) {
  details.open = true;
  details.scrollIntoView({ block: "start" });
  details.querySelector("summary").focus({ preventScroll: true });
}

function startAddresses() {
  addEventListener("popstate", restore);
  // A link, or an address that was typed; after `popstate` with a state there is nothing left to do.
  addEventListener("hashchange", () => { if (!history.state?.views) follow(); });
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a");
    if (link?.hash && link.hash === location.hash) follow(); // no change of the address, no event
  });
  follow();
}

// ------------------------------------------------------------------ the theme

function startTheme() {
  const button = document.getElementById("theme"), system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (document.documentElement.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark";
  const show = () => button.setAttribute("aria-pressed", String(isDark()));
  button.addEventListener("click", () => { document.documentElement.dataset.theme = isDark() ? "light" : "dark"; show(); });
  system.addEventListener("change", show);
  show();
}

// ------------------------------------------------------------------ the start

function linksToSections() {
  const links = SECTIONS.map((section) => h("li", {}, h("a", { href: `#${section.id}` }, section.data.title)));
  return h("nav", { "aria-label": "Rankings" },
    h("p", { class: "muted" }, "What differs in its streams or its budget is ranked apart:"), h("ul", {}, links));
}

function start() {
  const main = document.getElementById("main");
  SECTIONS.push(...DATA.sections.map((data, k) => new Section(data, k)));
  if (SECTIONS.length > 1) main.append(linksToSections());
  main.append(...SECTIONS.map((section) => section.element));
  const json = download("leaderboard.json", "application/json", () => JSON.stringify(DATA, null, 1));
  document.getElementById("json").addEventListener("click", json);
  startTheme();
  startTooltips();
  startAddresses();
}

start();
