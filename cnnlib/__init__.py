"""cnnlib: the classic convolutional networks as their papers have them, in Keras 3."""

__version__ = "0.1.0"
