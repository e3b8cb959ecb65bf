"""Write a few test digits of MNIST into a script for the book's pages: the first of each class.

    python tools/export_digits.py book/_static/figures/digits.js
"""

import base64
import json
import pathlib
import sys

import numpy as np

from cnnlib import data as data_sets
from cnnlib.files import write_atomically


def main(arguments=None):
    (path,) = sys.argv[1:] if arguments is None else arguments
    data = data_sets.load("mnist")
    entries = []
    for label in range(10):
        number = int(np.flatnonzero(data.y_test == label)[0])
        pixels = base64.b64encode(data.x_test[number].tobytes()).decode()
        entries.append(f"  {json.dumps({'label': label, 'number': number, 'pixels': pixels})},")
    text = (
        "// The first test digit of each class of MNIST (LeCun, Cortes and Burges; CC BY-SA 3.0):\n"
        "// 28x28 bytes in rows, and its number among the test digits. Written by tools/export_digits.py.\n"
        "window.cnnlib = window.cnnlib || {};\ncnnlib.digits = [\n" + "\n".join(entries) + "\n];\n"
    )
    write_atomically(pathlib.Path(path), lambda file: file.write(text.encode()))


if __name__ == "__main__":
    main()
