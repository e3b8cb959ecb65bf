"""A Sphinx extension: a search that finds numbers and shows the place where they stand.

Sphinx' own index leaves out words that are all digits, knows pages but not places, and reads the pages
again for its excerpts, which browsers refuse to a page opened from disk. So the finished pages are read
once more here, block by block (a paragraph, a row of a table, a cell of code), and written to
`_static/places.js`: a script, since a script may be loaded from disk. `templates/search.js` searches it,
on the page of results.
"""

import json
import re
import shutil
from pathlib import Path

from bs4 import BeautifulSoup

TEMPLATES = Path(__file__).parent / "templates"
BLOCKS = ["h1", "h2", "h3", "h4", "p", "li", "dt", "dd", "tr", "pre", "figcaption", "svg", "summary"]
NOT_SEARCHED = (
    "script, style, .headerlink, .copybtn, .sr-only, .notebook-links, svg style, svg title, svg desc"
)
# What Sphinx writes for its own search.
NOT_NEEDED = ["searchindex.js", "_static/searchtools.js"]

SYMBOLS = {
    "times": "×", "cdot": "·", "le": "≤", "leq": "≤", "ge": "≥", "geq": "≥", "approx": "≈",
    "pm": "±", "to": "→", "rightarrow": "→", "lfloor": "⌊", "rfloor": "⌋", "lceil": "⌈",
    "rceil": "⌉", "sum": "Σ", "prod": "Π", "partial": "∂", "ldots": "…", "dots": "…", "cdots": "…",
    "ne": "≠", "neq": "≠", "sim": "~", "in": "∈", "sqrt": "√", "infty": "∞", "alpha": "α",
    "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "varepsilon": "ε", "eta": "η",
    "theta": "θ", "lambda": "λ", "mu": "μ", "pi": "π", "sigma": "σ", "tau": "τ", "phi": "φ",
    "Delta": "Δ", "Sigma": "Σ", "lVert": "‖", "rVert": "‖", "min": "min ", "max": "max ",
    "log": "log ", "exp": "exp ", "tanh": "tanh ", "quad": " ", "qquad": " ",
}  # fmt: skip


def plain(tex):
    r"""A formula as one would type it: `60{,}000 = \frac{a}{b}` is `60,000 = a/b`."""
    text = re.sub(r"\\begin\{\w+\*?\}|\\end\{\w+\*?\}", " ", tex.replace("{,}", ","))
    text = re.sub(r"\\[()\[\]]", "", text)
    for _ in range(3):  # fractions within fractions
        text = re.sub(r"\\[dt]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}", r"\1/\2", text)
        text = re.sub(r"\\(?:math\w+|text\w*|operatorname)\s*\{([^{}]*)\}", r"\1", text)
    text = re.sub(r"\\([A-Za-z]+) ?", lambda command: SYMBOLS.get(command[1], ""), text)
    text = re.sub(r"\\\\|\\[,;: ]|[&~]", " ", text)
    return re.sub(r"\s+", " ", re.sub(r"[\\{}]", "", text)).strip()


def text_of(block):
    """What a reader sees in a block, without the blocks inside it, which are searched for themselves."""
    parts = []
    for part in block.descendants:
        if isinstance(part, str) and next(p for p in part.parents if p is block or p.name in BLOCKS) is block:
            parts.append(part)
        elif getattr(part, "name", None) in ("td", "th", "text", "tspan", "br"):
            parts.append(" ")
    return re.sub(r"\s+", " ", re.sub(r"[-=─]{4,}", " ", "".join(parts))).strip()


def name_above(block):
    """The name of the library that a block describes, if it does."""
    for description in [block, *block.find_parents("dd")]:
        name = description.find_previous_sibling("dt") if description.name == "dd" else None
        if name is not None and name.get("id"):
            return name["id"]
    return ""


def places(html):
    """The places of a page, in order: what a link can lead to, its heading, and the texts of its blocks."""
    article = BeautifulSoup(html, "html.parser").select_one("article.bd-article")
    if article is None:
        return []
    for tag in article.select(NOT_SEARCHED):
        tag.decompose()
    for formula in article.select("span.math, div.math"):
        formula.string = plain(formula.get_text())
        if formula.name == "div":
            formula.name = "p"
    found = []
    for block in article.find_all(BLOCKS):
        section = block.find_parent("section")
        anchor, heading = (section or {}).get("id", ""), ""
        if block.name == "dt" and block.get("id"):
            anchor, heading = block["id"], block["id"]
        elif name := name_above(block):
            anchor, heading = name, name
        elif section:
            heading = text_of(section.find(["h1", "h2", "h3", "h4"]))
        if not found or found[-1]["id"] != anchor:
            found.append({"id": anchor, "title": heading, "texts": []})
        if text := text_of(block):
            found[-1]["texts"].append(text)
    return [place for place in found if place["texts"]]


def write_places(app, exception):
    if exception is not None or app.builder.format != "html" or app.builder.name != "html":
        return
    out = Path(app.outdir)
    pages = []
    for name in sorted(app.env.found_docs):
        page = out / f"{name}.html"
        if page.is_file() and (found := places(page.read_text("utf-8"))):
            kind = "chapter" if re.match(r"\d\d-", name) else name
            pages.append({"file": page.name, "kind": kind, "title": found[0]["title"], "places": found})
    index = json.dumps(pages, ensure_ascii=False, separators=(",", ":"))
    (out / "_static" / "places.js").write_text(f"const PLACES = {index};\n", "utf-8")
    shutil.copy(TEMPLATES / "search.js", out / "_static")
    for name in NOT_NEEDED:
        (out / name).unlink(missing_ok=True)


def setup(app):
    app.connect("config-inited", lambda app, config: config.templates_path.append(str(TEMPLATES)))
    app.connect("build-finished", write_places)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
