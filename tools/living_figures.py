"""A Sphinx extension: the scripts of a living figure stand on the pages that have it, and on no other.

A cell says which figure stands there: ``<div data-figure="lenet5">``. Jupyter Book would load every script
in ``_static`` on every page, weights included. Without JavaScript a still stands in its place, where there is
one.
"""

import re

FOLDER = "figures/"
FIGURE = re.compile(r'data-figure="([\w-]+)"')
# In the order in which they are loaded.
SCRIPTS = {
    "convolution": ("network.js", "convolution.js"),
    "lenet5": ("network.js", "lenet5-weights.js", "lenet5-modern-weights.js", "digits.js", "lenet5.js"),
    "field": ("field-networks.js", "field.js"),
    "depth": ("panel.js", "depth-records.js", "depth.js"),
    "networks": ("panel.js", "networks-printed.js", "networks.js"),
    "bottleneck": ("panel.js", "bottleneck-records.js", "bottleneck.js"),
}

STILLS = {
    "lenet5": "The maps of all layers of LeNet-5 for a handwritten 7, a row each, from the picture to F6, "
    "whose 84 units form a drawing of 7x12 squares, and beside it the drawing of the printed 7.",
    "field": "The layers of VGG-16 as bars, the picture at the bottom: what the middle unit of the last map "
    "sees in each, one unit at the top, most of the picture at the bottom. Beside it each layer's costs.",
    "depth": "Six panels. Plain, 56 layers: both errors stay above 70 percent, and before training the "
    "energy of the gradient falls by seven powers of ten from the first layers to the last. Residual: the "
    "training error falls to zero, and the energy by less than three. Below, 20 layers with one block cut, "
    "three seeds: plain, 79 to 94 percent of the training images and 81 to 92 of the test images are wrong, "
    "intact at most 1 and 54; residual, 5 to 70 and 50 to 76, intact none and 50.",
    "networks": "Top-1 errors on ImageNet as printed, against the MACs of one view. From AlexNet, 40.7 "
    "percent, over VGG, 25.5 to 29.7 at most MACs, to residual networks, 27.9 with 18 layers to 21.4 with "
    "152.",
    "bottleneck": "Left: the multiplications through a neck grow in proportion to its width, and from 155 "
    "maps on there are more than without one. Right: the test errors of five seeds at necks of 2, 4, 8, 16 "
    "and 32 maps; in the mean they fall from 65 to 58 percent.",
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
    """Of the scripts and styles of figures, leave only a page's own, behind all others, in their order."""
    body = context.get("body") or ""
    scripts = wanted(body)
    context["body"] = with_stills(body)
    for kind, own in (("script_files", scripts), ("css_files", ["figures.css"] if scripts else [])):
        others, found = [], {}
        for asset in context.get(kind, []):
            _, folder, name = str(getattr(asset, "filename", asset) or "").rpartition(f"_static/{FOLDER}")
            if folder:
                found[name] = asset
            else:
                others.append(asset)
        context[kind] = [*others, *(found[name] for name in own)]


def setup(app):
    app.connect("html-page-context", load, priority=800)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
