"""A Sphinx extension: the scripts of a living figure stand on the pages that have it, and on no other.

A cell says which figure stands there: ``<div data-figure="lenet5">``. Jupyter Book would load every script
in ``_static`` on every page, weights included. Without JavaScript, or before it runs, a still stands in its place
where there is one.
"""

import re

FOLDER = "figures/"
FIGURE = re.compile(r'data-figure="([\w-]+)"')
# In the order in which they are loaded.
SCRIPTS = {
    "convolution": ("network.js", "convolution.js"),
    "lenet5": ("network.js", "lenet5-weights.js", "lenet5-modern-weights.js", "digits.js", "lenet5.js"),
}

STILLS = {
    "lenet5": "The maps of all layers of LeNet-5 for a handwritten 7, one row a layer, from the picture down to "
    "F6, whose 84 units form a drawing of 7x12 squares, and beside it the drawing of the printed 7.",
}


def wanted(body):
    """The scripts of the figures in a page's text, each once."""
    names = dict.fromkeys(FIGURE.findall(body))
    if unknown := [name for name in names if name not in SCRIPTS]:
        raise ValueError(f"data-figure: expected one of {', '.join(SCRIPTS)}, got {', '.join(unknown)}")
    return list(dict.fromkeys(script for name in names for script in SCRIPTS[name]))


def with_stills(body):
    """The page's text with the stills in their places; browsers with JavaScript do not fetch them."""

    def place(match):
        if match[1] not in STILLS:
            return match[0]
        image = f'<img src="_static/{FOLDER}{match[1]}.png" alt="{STILLS[match[1]]}">'
        return f"{match[0]}<noscript>{image}</noscript>"

    return re.sub(f"<div [^>]*{FIGURE.pattern}[^>]*>", place, body)


def load(app, page, template, context, doctree):
    """Leave the scripts and styles of figures off a page, then put those of its own figures there."""
    for kind in ("script_files", "css_files"):
        context[kind] = [
            asset
            for asset in context.get(kind, [])
            if f"_static/{FOLDER}" not in str(getattr(asset, "filename", asset) or "")
        ]
    body = context.get("body") or ""
    if scripts := wanted(body):
        context["body"] = with_stills(body)
        app.add_css_file(FOLDER + "figures.css")
        for script in scripts:
            app.add_js_file(FOLDER + script)


def setup(app):
    app.connect("html-page-context", load, priority=800)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
