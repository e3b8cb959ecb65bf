"""Reading the data sets' files: every byte is checked before anything is made of it.

Archives are read member by member in memory, by the members' expected names; nothing is extracted to disk,
so an archive cannot write anywhere.
"""

import concurrent.futures
import contextlib
import hashlib
import io
import pickle
import re
import tarfile
import time
from pathlib import Path

import numpy as np
import pooch
from PIL import Image
from tqdm import tqdm

from cnnlib.files import leftovers, write_atomically


class WrongBytes(ValueError):
    """A file is there, but it is not what its name says; the message tells what was expected."""


def read(path, reader, source, *arguments):
    """Return what ``reader`` makes of a file of the set ``source``.

    Raises:
        WrongBytes: it names the file, whatever went wrong. A flipped bit can make any reader raise anything.
    """
    try:
        return reader(path, source, *arguments)
    except Exception as error:
        reason = error if isinstance(error, WrongBytes) else f"{type(error).__name__}: {error}"
        raise WrongBytes(f"{path} is not {source.title} as it should be: {reason}") from error


def sha256(array):
    """The sha256 of an array's bytes in C order."""
    return hashlib.sha256(np.ascontiguousarray(array)).hexdigest()


# ---- MNIST and CIFAR-10: four arrays ----


def _npz(path, source):
    with np.load(path, allow_pickle=False) as file:
        return _verified_arrays({key: file[key] for key in source.arrays}, source)


def _cifar10_batches(path, source):
    # Nothing is unpickled that is not, to the byte, what the set's authors packed.
    algorithm, _, expected = source.archive_checksum.partition(":")
    if (found := pooch.file_hash(str(path), alg=algorithm)) != expected:
        size = Path(path).stat().st_size
        raise WrongBytes(f"{size:,} bytes with {algorithm} {found}, expected {expected}")
    train, test = [f"data_batch_{number}" for number in range(1, 6)], ["test_batch"]
    images, labels = {}, {}
    with tarfile.open(path, "r:gz") as tar:
        for member in tar:  # in their order there; to seek in a packed file is to unpack it again
            name = member.name.removeprefix("cifar-10-batches-py/")
            if name in train + test:
                if not member.isreg():
                    raise WrongBytes(f"{member.name} is not a regular file")
                # Python 2 wrote it; its strings come as bytes.
                batch = _ArrayUnpickler(tar.extractfile(member), encoding="bytes").load()
                planes = batch[b"data"].reshape(-1, 3, 32, 32)
                images[name] = np.ascontiguousarray(planes.transpose(0, 2, 3, 1))
                labels[name] = np.array(batch[b"labels"], np.uint8)
    arrays = {}
    for split, names in (("train", train), ("test", test)):
        arrays[f"x_{split}"] = np.concatenate([images.pop(name) for name in names])
        arrays[f"y_{split}"] = np.concatenate([labels[name] for name in names])
    return _verified_arrays(arrays, source)


def _verified_arrays(arrays, source):
    verified = {}
    for key, (shape, expected) in source.arrays.items():
        array = arrays[key]
        if array.dtype != np.uint8 or array.size != np.prod(shape):
            raise WrongBytes(f"{key} is {array.dtype} {array.shape}, expected uint8 {shape}")
        if (found := sha256(array)) != expected:
            raise WrongBytes(f"{key} has the sha256 {found}, expected {expected}")
        array.flags.writeable = False
        verified[key] = array.reshape(shape)
    return verified


class _ArrayUnpickler(pickle.Unpickler):
    """Unpickles NumPy arrays in plain containers, and nothing that could run code."""

    def find_class(self, module, name):
        known = {
            "_reconstruct": np.empty(0).__reduce__()[0],
            "ndarray": np.ndarray,
            # Python 2 also passed 0 and 1 for False and True, of which newer versions of NumPy warn.
            "dtype": lambda kind, *_: np.dtype(kind),
        }
        if module.partition(".")[0] != "numpy" or name not in known:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no array needs")
        return known[name]


def halved(images):
    """Average each 2x2 square of pixels, a half rounded up."""
    count, height, width, channels = images.shape
    small = np.empty((count, height // 2, width // 2, channels), np.uint8)
    for start in range(0, count, 1000):
        chunk = images[start : start + 1000].astype(np.uint16)
        rows = chunk[:, 0::2] + chunk[:, 1::2]
        small[start : start + 1000] = (rows[:, :, 0::2] + rows[:, :, 1::2] + 2) // 4
    small.flags.writeable = False
    return small


# ---- Imagenette: photographs ----


def _folder(path, source):
    files = [file for split in source.counts for file in (path / split).glob("*/*.JPEG")]
    return _verified_photographs(
        {file.relative_to(path).as_posix(): file.read_bytes() for file in files}, source
    )


def _photographs(path, source):
    inside = re.compile(r"(?:\./)?imagenette2-160/((?:train|val)/n\d{8}/[^/]+\.JPEG)")
    photographs = {}
    with tarfile.open(path, "r:gz") as tar:
        for member in tar:
            match = inside.fullmatch(member.name)
            if match and member.isreg():
                photographs[match[1]] = tar.extractfile(member).read()
    return _verified_photographs(photographs, source)


def _verified_photographs(photographs, source):
    """Return {path: JPEG bytes}, sorted: training first, class by class."""
    photographs = dict(sorted(photographs.items()))
    lines = [f"{hashlib.sha256(data).hexdigest()}  {path}\n" for path, data in photographs.items()]
    found = hashlib.sha256("".join(lines).encode()).hexdigest()
    if found != source.manifest:
        raise WrongBytes(
            f"its {len(photographs):,} files train/*/*.JPEG and val/*/*.JPEG have the manifest sha256 "
            f"{found}, expected {source.manifest}"
        )
    return photographs


def write_squares(path, photographs, source, size):
    """Decode photographs and keep their squares: the pixels of all, then a sha256 that ``squares`` checks."""

    def write(file):
        digest = _seal(source)
        files = list(photographs.values())
        with (
            concurrent.futures.ThreadPoolExecutor() as pool,
            tqdm(total=len(files), unit=" photographs", disable=None) as bar,  # None: only in a terminal
        ):
            for start in range(0, len(files), 500):
                images = np.stack(list(pool.map(lambda data: square(data, size), files[start : start + 500])))
                digest.update(images)
                file.write(images)
                bar.update(len(images))
        file.write(digest.digest())

    for left in leftovers(path):  # up to a gigabyte each; a process that lives has just written to its own
        with contextlib.suppress(FileNotFoundError):
            if time.time() - left.stat().st_mtime > 3600:
                left.unlink()
    write_atomically(path, write)


def square(data, size):
    """Decode one photograph: RGB, the shorter side brought to ``size``, the square in its middle."""
    with Image.open(io.BytesIO(data)) as image:
        photograph = image.convert("RGB")
    shorter = min(photograph.size)
    if shorter != size:
        sides = [max(size, round(side * size / shorter)) for side in photograph.size]
        photograph = photograph.resize(sides, Image.Resampling.BILINEAR)  # Pillow's is antialiased
    left, top = ((side - size) // 2 for side in photograph.size)
    return np.asarray(photograph.crop((left, top, left + size, top + size)))


def squares(path, source, size):
    """The images that ``write_squares`` kept, uint8 (N, size, size, 3); they stay on disk until used."""
    file = np.memmap(path, np.uint8, "r")
    pixels, digest = np.asarray(file[:-32]), bytes(file[-32:])
    shape = (sum(map(sum, source.counts.values())), size, size, 3)
    if pixels.size != np.prod(shape):
        raise WrongBytes(f"{file.size:,} bytes, expected {np.prod(shape) + 32:,}")
    seal = _seal(source)
    seal.update(pixels)  # a gigabyte in a second; without it bit rot would go unseen
    if seal.digest() != digest:
        raise WrongBytes("its pixels do not have the sha256 that stands behind them")
    return pixels.reshape(shape)


def _seal(source):
    return hashlib.sha256(source.manifest.encode())


# The files that hold a set, in the order in which they are looked for, and what reads them.
READERS = {
    "mnist": {"mnist.npz": _npz},
    "cifar10": {"cifar10.npz": _npz, "cifar-10-python.tar.gz": _cifar10_batches},
    "imagenette": {"imagenette2-160": _folder, "imagenette2-160.tgz": _photographs},
}
