"""cnnlib: the classic convolutional networks as their papers have them, in Keras 3.

    model = cnnlib.models.build("lenet5")
    print(cnnlib.account(model))
    data = cnnlib.data.load("mnist")
    history = cnnlib.train(model, data, cnnlib.recipes.LENET5_MNIST)
"""

import signal
import sys

__version__ = "0.1.0"

# "python -m cnnlib" imports this before it runs: until then, seconds, Ctrl-C ends it without a traceback.
if sys.argv[:1] == ["-m"] and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from cnnlib import (
    accounting,
    data,
    experiments,
    layers,
    models,
    plots,
    provenance,
    recipes,
    records,
    training,
)
from cnnlib.accounting import account
from cnnlib.training import run, train

__all__ = [
    "account", "accounting", "data", "experiments", "layers", "models", "plots", "provenance", "recipes",
    "records", "run", "train", "training",
]  # fmt: skip
