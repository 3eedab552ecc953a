/* A figure as a file of its own: SVG with its colours in it, and PNG drawn from that. */

const DRAWN = [
  "color", "fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "opacity",
  "font-family", "font-size", "font-weight", "text-anchor", "dominant-baseline",
];
const MARGIN = 12;
const TITLE_LETTER = 0.65; // the width of a bold letter, of the size of the font
const PNG_SCALE = 2; // sharp where it is printed

/** A drawing whose looks no longer depend on the page's style sheet. */
function withItsStyles(drawing) {
  const copy = drawing.cloneNode(true);
  const [of, to] = [drawing, copy].map((svg) => [svg, ...svg.querySelectorAll("*")]);
  of.forEach((element, k) => {
    const style = getComputedStyle(element);
    for (const name of DRAWN) to[k].setAttribute(name, style.getPropertyValue(name));
    to[k].removeAttribute("class");
  });
  return copy;
}

/** A text of the page as SVG, line by line where it stands on the page. */
function textAsDrawn(element, origin) {
  const style = getComputedStyle(element);
  const looks = { fill: style.color, "font-family": style.fontFamily, "font-size": style.fontSize, "font-weight": style.fontWeight };
  return linesAsDrawn(element).map(({ words, left, middle }) =>
    s("text", { x: left - origin.x, y: middle - origin.y, dy: "0.35em", ...looks }, words.trimEnd()));
}

/** The lines that the browser broke a text into: [{words, left, middle}]. */
function linesAsDrawn(element) {
  const lines = new Map(), walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT), range = document.createRange();
  for (let node = walker.nextNode(); node; node = walker.nextNode())
    for (let k = 0; k < node.length; k++) {
      range.setStart(node, k);
      range.setEnd(node, k + 1);
      const { left, top, bottom, width } = range.getBoundingClientRect();
      if (!width) continue;
      const line = lines.get(top) ?? { words: "", left, middle: (top + bottom) / 2 };
      lines.set(top, { ...line, words: line.words + node.data[k] });
    }
  return [...lines.values()];
}

/** The figure's drawing with its title and legend, as one SVG. */
function pictureOf(figure) {
  const [drawing] = figure.querySelectorAll(":scope > div > svg");
  const legend = figure.querySelector(".legend"), title = figure.querySelector("figcaption strong").textContent;
  const place = drawing.getBoundingClientRect(), below = (legend ?? drawing).getBoundingClientRect();
  const style = getComputedStyle(figure), size = parseFloat(style.fontSize), line = 1.3 * size;
  const lines = nameLines(title, Math.floor(place.width / (TITLE_LETTER * size))), head = line * lines.length + 0.3 * size;
  const origin = { x: place.left - MARGIN, y: place.top - MARGIN - head };
  const width = Math.ceil(place.width + 2 * MARGIN), height = Math.ceil(below.bottom - origin.y + MARGIN);
  const picture = s("svg", { xmlns: SVG, width, height, viewBox: `0 0 ${width} ${height}` },
    s("title", {}, title),
    s("rect", { width, height, fill: getComputedStyle(document.body).backgroundColor }),
    s("text", { y: MARGIN, fill: style.color, "font-family": style.fontFamily, "font-size": style.fontSize, "font-weight": "bold" },
      lines.map((words, k) => s("tspan", { x: MARGIN, dy: k ? line : "0.8em" }, words))));
  for (const svg of [drawing, ...(legend?.querySelectorAll("svg") ?? [])]) {
    const copy = withItsStyles(svg), box = svg.getBoundingClientRect();
    copy.setAttribute("x", box.left - origin.x);
    copy.setAttribute("y", box.top - origin.y);
    copy.setAttribute("overflow", "visible"); // as on the page: a label may reach over the edge
    picture.append(copy);
  }
  for (const item of legend?.querySelectorAll("span") ?? []) picture.append(...textAsDrawn(item, origin));
  return { picture, width, height, name: fileName(title) };
}

/** A name for any file system. */
const fileName = (title) => title.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "") || "figure";

const asText = (picture) => new XMLSerializer().serializeToString(picture);

function saveSvg(figure) {
  const { picture, name } = pictureOf(figure);
  save(`${name}.svg`, new Blob([asText(picture)], { type: "image/svg+xml" }));
}

async function savePng(figure) {
  const { picture, width, height, name } = pictureOf(figure);
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(asText(picture))}`;
  await image.decode();
  const canvas = Object.assign(document.createElement("canvas"), { width: PNG_SCALE * width, height: PNG_SCALE * height });
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  canvas.toBlob((blob) => save(`${name}.png`, blob), "image/png");
}

/** The two buttons below a figure. */
function pictureButtons() {
  const button = (words, act) => h("button", { type: "button", class: "link", click: (event) => act(event.target.closest("figure")) }, words);
  return h("div", { class: "downloads" }, button("SVG", saveSvg), button("PNG", savePng));
}
