"""A Sphinx extension: in the dark theme figures of lines turn dark, pictures do not.

Figures are drawn on white. What is nearly all white is lines and text: the style sheet inverts it
(class "lines") and keeps hues. Photographs, maps and kernels are data, and stay as they are.

Plots also become a third as large in bytes: they have few colours, so that 256 are enough. The
notebooks keep theirs.
"""

import re
from pathlib import Path

import numpy as np
from PIL import Image

PICTURE = re.compile(r'<img (?=[^>]*\bsrc="(_images/[^"]+\.png)")')
# Of all figures of the book the plots have 81 to 95 % of white, the pictures 14 to 61.
WHITE = 0.75


def is_of_lines(path):
    """Whether a PNG is a plot: lines and text on white."""
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    return bool(np.mean(pixels.min(axis=-1) > 250) > WHITE)


def make_light(path):
    """Store a plot with at most 256 colours, chosen for it; the others become the nearest of these."""
    with Image.open(path) as picture:
        if picture.mode == "P":
            return  # done in an earlier build
        few = picture.convert("RGB").quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    few.save(path, "PNG", optimize=True)


def mark_figures_of_lines(app, exception):
    """Give the plots on the finished pages their class, and make their files light."""
    if exception is not None or app.builder.format != "html":
        return
    out, known = Path(app.outdir), {}

    def marked(match):
        name = match[1]
        if name not in known:
            known[name] = is_of_lines(out / name)
            if known[name]:
                make_light(out / name)
        return '<img class="lines" ' if known[name] else match[0]

    for page in out.glob("*.html"):
        text = page.read_text("utf-8")
        if (new := PICTURE.sub(marked, text)) != text:
            page.write_text(new, "utf-8")


def setup(app):
    app.connect("build-finished", mark_figures_of_lines)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
