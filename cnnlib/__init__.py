"""cnnlib: the classic convolutional networks as their papers have them, in Keras 3."""

__version__ = "0.1.0"

from cnnlib import models

__all__ = ["models"]
