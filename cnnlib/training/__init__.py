"""Training by recipe: exact, resumable, recorded; on top of Keras' own compile, fit and callbacks.

``runs`` trains a network that is there (``train``), or builds it, trains it and may record the run (``run``).
``inputs`` makes the batches, ``optimizer`` and ``losses`` what a recipe names, ``checkpoints`` what a run
needs to go on where it was. ``output_kinds`` says whether a network gives scores, distances or probabilities.
"""

from cnnlib.training.losses import output_kinds
from cnnlib.training.runs import History, Run, compile_model, measure, run, train

__all__ = ["History", "Run", "compile_model", "measure", "output_kinds", "run", "train"]
