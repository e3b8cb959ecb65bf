"""The figures of the book, one look for all: legible on a phone, in greyscale and for the colour-blind.

Every function but ``graph`` returns a closed ``matplotlib.figure.Figure``: as the last line of a cell it
is shown once. A ``Drawing``, which ``graph`` returns, is SVG within the page. Errors are in percent;
training is dashed, test solid, as in He et al. 2015, Fig. 6.
"""

from cnnlib.plots.diagram import architecture
from cnnlib.plots.drawing import Drawing, graph
from cnnlib.plots.figures import curves, images, seeds
from cnnlib.plots.style import COLOURS, MARKERS, WIDTH, figure

__all__ = [
    "COLOURS", "MARKERS", "WIDTH", "Drawing", "architecture", "curves", "figure", "graph", "images", "seeds",
]  # fmt: skip
