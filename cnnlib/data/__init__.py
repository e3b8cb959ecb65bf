"""The data sets: MNIST, CIFAR-10, Imagenette and scikit-learn's digits, verified to the byte.

    >>> data = load("mnist")
    >>> data.x_train.shape, data.x_train.dtype
    ((60000, 28, 28, 1), dtype('uint8'))

A set is looked for in the folder that the environment variable CNNLIB_DATA names, then in the cache
folder (the user's own, or the one that CNNLIB_CACHE names), then on the public hosts; CNNLIB_OFFLINE=1
forbids the last. Both folders are laid out alike:

- `mnist.npz`, `cifar10.npz`: x_train, y_train, x_test, y_test as `keras.datasets` returns them; or
  `cifar-10-python.tar.gz` as the public hosts serve it.
- `imagenette2-160/{train,val}/<wnid>/*.JPEG`, or `imagenette2-160.tgz` as the public host serves it.

A wrong file in CNNLIB_DATA is an error, a wrong one in the cache folder is fetched or made again. The cache
folder also keeps what takes long to make: CIFAR-10 unpacked, and Imagenette's squares at each size asked for.

Sources. MNIST: LeCun, Cortes and Burges, CC BY-SA 3.0. CIFAR-10: Krizhevsky 2009, "Learning Multiple Layers
of Features from Tiny Images". Imagenette: Howard 2019, ten classes of ImageNet; the list is under Apache 2.0,
the photographs under ImageNet's terms (research and education, not commercial). Digits: Alpaydin and Kaynak
1998, "Optical Recognition of Handwritten Digits", the 1,797 that scikit-learn ships; they have no training
set of their own there, so the first 1,437 (four fifths) in scikit-learn's order train and the last 360 test.
"""

from cnnlib.data.archives import WrongBytes
from cnnlib.data.sets import Dataset, DataUnavailable, cache_folder, load, names, record_name
from cnnlib.data.sources import SOURCES

__all__ = [
    "SOURCES", "DataUnavailable", "Dataset", "WrongBytes", "cache_folder", "load", "names", "record_name",
]  # fmt: skip
