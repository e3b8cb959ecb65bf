// What every page does.

// ------------------------------------------------------------------------------------------ keyboard

// Whatever scrolls sideways in a box of its own can be reached and scrolled by keyboard. (The theme
// does this for code.) A formula that does not scroll is read, not operated: it is no stop of the Tab key, which
// MathJax makes it, for its menu.
const SCROLLED = ".pst-scrollable-table-container, .cell_output .text_html, figure.drawing, div.math, mjx-container";
function addTabStops() {
  document.querySelectorAll(SCROLLED).forEach((box) => {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  });
}
const typeset = () => window.MathJax?.startup?.promise ?? Promise.resolve();
window.addEventListener("load", () => typeset().then(addTabStops));
window.addEventListener("resize", addTabStops);

// ------------------------------------------------------------------------------------------ search

// The words and numbers of a text, and where they stand. 60,000 and 60_000 are one number, 60000; 1,2,3 are three.
function words(text) {
  const pattern = /(?<![\p{L}\d_.,])\d{1,3}(?:[,_\u202f\u2009]\d{3})+(?![\d,_])(?:\.\d+)?|\d+(?:\.\d+)?|[\p{L}_][\p{L}\p{N}_]*/gu;
  return [...text.matchAll(pattern)].map((found) => ({
    word: /^\d/.test(found[0]) ? found[0].replace(/[^\d.]/g, "") : found[0].toLowerCase(),
    start: found.index,
    end: found.index + found[0].length,
  }));
}

// Whether a word is what is asked for: "train*" asks for every word that begins so.
const answers = (word, term) => (term.endsWith("*") ? word.startsWith(term.slice(0, -1)) : word === term);

// A page opened from the results: the hits are marked, and the best place behind the anchor comes into view.
function showHits() {
  const address = new URL(location.href);
  const terms = (address.searchParams.get("hit") ?? "").split(" ").filter(Boolean);
  if (!terms.length) return;
  address.searchParams.delete("hit");
  history.replaceState({}, "", address);
  const article = document.querySelector("article.bd-article");
  const which = (text) => words(text).map((hit) => ({ ...hit, term: terms.find((term) => answers(hit.word, term)) })).filter(({ term }) => term);

  const walker = document.createTreeWalker(article, NodeFilter.SHOW_TEXT, (node) =>
    node.parentElement.closest("script, style, mjx-container, .headerlink, svg title, svg desc") ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_ACCEPT);
  const texts = [];
  while (walker.nextNode()) texts.push(walker.currentNode);
  const marks = [];
  for (const node of texts) {
    for (const { start, end, term } of which(node.data).reverse()) {
      if (node.parentElement.closest("svg")) {
        node.parentElement.classList.add("hit");
        marks.push({ element: node.parentElement, term });
        continue;
      }
      node.splitText(end);
      const mark = document.createElement("mark");
      mark.append(node.splitText(start));
      node.after(mark);
      marks.push({ element: mark, term });
    }
  }
  for (const formula of window.MathJax?.startup?.document?.math ?? []) {
    const hits = which(formula.math.replaceAll("{,}", ","));
    if (!article.contains(formula.typesetRoot)) continue;
    if (hits.length) formula.typesetRoot.classList.add("hit");
    hits.forEach(({ term }) => marks.push({ element: formula.typesetRoot, term }));
  }

  const anchor = document.getElementById(decodeURIComponent(location.hash.slice(1))) ?? article;
  const blocks = new Map();
  for (const { element, term } of marks) {
    const before = anchor.compareDocumentPosition(element) & Node.DOCUMENT_POSITION_PRECEDING;
    if (before) continue;
    const block = element.closest("p, li, dt, tr, pre, figcaption, h1, h2, h3, h4, svg, summary, div.math");
    const inside = anchor.tagName === "SECTION" && !anchor.contains(element) ? 0 : 0.5;
    const known = blocks.get(block) ?? { element, found: new Set(), inside };
    known.found.add(term);
    // The first hit of the block, in the order of the page.
    if (element.compareDocumentPosition(known.element) & Node.DOCUMENT_POSITION_FOLLOWING) known.element = element;
    blocks.set(block, known);
  }
  const place = [...blocks.values()]
    .sort((one, other) =>
      other.found.size + other.inside - one.found.size - one.inside
      || (one.element.compareDocumentPosition(other.element) & Node.DOCUMENT_POSITION_FOLLOWING ? -1 : 1))[0];
  if (!place) return;
  for (let folded = place.element.closest("details"); folded; folded = folded.parentElement.closest("details")) folded.open = true;
  place.element.classList.add("hit-here");
  place.element.scrollIntoView({ block: "center", behavior: "instant" });
}
// The theme scrolls smoothly to an anchor, and would still be on its way when the hit is shown.
if (new URL(location.href).searchParams.has("hit")) document.documentElement.style.scrollBehavior = "auto";
window.addEventListener("load", () => typeset().then(showHits));

// ------------------------------------------------------------------------------------------ paper

// Paper is white, and nobody unfolds anything on it: the light theme, and solutions open. (Folded code stays
// folded: it is in the notebook.) Afterwards everything is as it was.
{
  let before = null;
  const toPaper = () => {
    if (before) return;
    const shut = [...document.querySelectorAll("details.solution:not([open])")];
    before = { theme: document.documentElement.dataset.theme, shut };
    document.documentElement.dataset.theme = "light";
    shut.forEach((folded) => (folded.open = true));
  };
  const fromPaper = () => {
    if (!before) return;
    document.documentElement.dataset.theme = before.theme;
    before.shut.forEach((folded) => (folded.open = false));
    before = null;
  };
  window.addEventListener("beforeprint", toPaper);
  window.addEventListener("afterprint", fromPaper);
  matchMedia("print").addEventListener("change", ({ matches }) => (matches ? toPaper() : fromPaper()));
}
