"""The figures of the book, one look for all: legible on a phone, in greyscale and for the colour-blind.

Every function returns a closed ``matplotlib.figure.Figure``: as the last line of a cell it is shown
once. Errors are in percent; training is dashed, test solid, as in He et al. 2015, Fig. 6.
"""

from cnnlib.plots.diagram import architecture
from cnnlib.plots.figures import curves, images, seeds
from cnnlib.plots.style import COLOURS, MARKERS, WIDTH, figure

__all__ = ["COLOURS", "MARKERS", "WIDTH", "architecture", "curves", "figure", "images", "seeds"]
