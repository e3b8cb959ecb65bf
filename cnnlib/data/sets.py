"""A ``Dataset``, and ``load``: where a set is looked for, and what is said when it is nowhere."""

import contextlib
import functools
import hashlib
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pooch
from PIL import Image

from cnnlib.data import archives, download
from cnnlib.data.archives import READERS, WrongBytes
from cnnlib.data.sources import SOURCES
from cnnlib.files import write_atomically

# Sides that images may be brought to: 8 is the digits' own, 256 is what ImageNet's networks crop from.
SIZES = range(8, 257)

DIGITS_TRAIN = 1437


class DataUnavailable(OSError):
    """A set is neither on this machine nor to be had from its hosts; the message says how to mend it."""


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Images and labels of one data set, and what is known of them.

    Everything in it is read-only: arrays that could still be written are copied. Another one, with other
    labels for instance, comes from ``dataclasses.replace(data, y_train=...)``.

    Args:
        name: what a record calls it.
        x_train, x_test: images, uint8, (N, height, width, channels).
        y_train, y_test: labels, integers from 0, (N,); kept as int64.
        class_names: their number is the number of classes.
        source: where it was found.
        notice: None, or the sentence that says that this is not the set that was asked for.

    Raises:
        TypeError, ValueError: arrays, labels and class names do not fit together; names the one.
    """

    name: str
    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    class_names: Sequence[str]
    source: str = ""
    notice: str | None = None

    def __post_init__(self):
        """Check the parts, and make the arrays read-only."""
        object.__setattr__(self, "class_names", tuple(self.class_names))
        for split in ("train", "test"):
            images = _checked_images(f"x_{split}", getattr(self, f"x_{split}"))
            labels = _checked_labels(f"y_{split}", getattr(self, f"y_{split}"), len(images), self.classes)
            labels.flags.writeable = False
            object.__setattr__(self, f"x_{split}", images)
            object.__setattr__(self, f"y_{split}", labels)
        if self.x_test.shape[1:] != self.image_shape:
            raise ValueError(f"x_test has images of {self.x_test.shape[1:]}, expected {self.image_shape}")

    @functools.cached_property
    def checksum(self) -> str:
        """A sha256 of the four arrays, whatever file they came from; computed when it is first asked for.

        Imagenette's pixels may differ in a last bit between versions of the JPEG decoder; then so does this.
        """
        small = np.uint8 if self.classes <= 256 else np.int64
        arrays = {
            "x_train": self.x_train,
            "y_train": self.y_train.astype(small),
            "x_test": self.x_test,
            "y_test": self.y_test.astype(small),
        }
        lines = [f"{key} {array.shape} {archives.sha256(array)}" for key, array in arrays.items()]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of one image."""
        return self.x_train.shape[1:]

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)

    @property
    def train_size(self) -> int:
        """Number of training images."""
        return len(self.x_train)

    @property
    def test_size(self) -> int:
        """Number of test images."""
        return len(self.x_test)

    def __repr__(self):
        """One line, without paths, the same on every machine."""
        height, width, channels = self.image_shape
        return (
            f"<Dataset {self.name}: {self.train_size:,} training and {self.test_size:,} test images, "
            f"{height}x{width}x{channels} uint8, {self.classes} classes, sha256 {self.checksum[:12]}>"
        )


def _checked_images(key, images):
    if not isinstance(images, np.ndarray) or images.dtype != np.uint8:
        raise TypeError(f"{key} must be an array of uint8, got {getattr(images, 'dtype', type(images))}")
    if images.ndim != 4 or 0 in images.shape:
        raise ValueError(f"{key} must have the shape (N, height, width, channels), got {images.shape}")
    if images.flags.writeable:
        images = images.copy()
        images.flags.writeable = False
    return images


def _checked_labels(key, labels, count, classes):
    labels = np.asarray(labels)
    if not np.issubdtype(labels.dtype, np.integer):
        raise TypeError(f"{key} must hold integers, got {labels.dtype}")
    if labels.shape != (count,):
        raise ValueError(f"{key} must have the shape ({count},), one label an image, got {labels.shape}")
    lowest, highest = labels.min(), labels.max()
    if lowest < 0 or highest >= classes:
        raise ValueError(
            f"{key} must lie in 0..{classes - 1} for {classes} class names, got {lowest}..{highest}"
        )
    return labels.astype(np.int64)


def names() -> tuple[str, ...]:
    """The names that ``load`` knows."""
    return tuple(sorted(["digits", *SOURCES]))


def load(
    name: str, size: int | None = None, channels: int | None = None, fallback: str | None = None
) -> Dataset:
    """Return a data set: from CNNLIB_DATA, from the cache folder, or downloaded.

    Args:
        name: "mnist", "cifar10", "imagenette" or "digits".
        size: side of the square images in pixels; None: the set's own. imagenette (own 160) and digits
            (own 8) are brought to any size in 8..256; cifar10 also comes as 16, squares of 2x2 pixels
            averaged, a half rounded up.
        channels: 1 or 3 for digits (grey repeated); the others have only their own.
        fallback: "digits": where the set cannot be had, print a notice and return the digits, at the size
            and channels that were asked for. ``name`` and ``notice`` of the ``Dataset`` say so too.

    Returns:
        The ``Dataset``, verified.

    Raises:
        TypeError, ValueError: what was asked for is not there in any set.
        DataUnavailable: the set cannot be had, and there is no fallback; says why, and what to do.
        WrongBytes: a file in CNNLIB_DATA is not what it should be; names it. It is a ValueError.
    """
    size, channels = _checked_arguments(name, size, channels, fallback)
    if name == "digits":
        return _digits(size, channels)
    try:
        return _public(name, size)
    except DataUnavailable:
        if fallback is None:
            raise
    notice = (
        f"{SOURCES[name].title} could not be had, so this is another set: scikit-learn's 1,797 handwritten "
        f"digits, brought to {size}x{size}x{channels}. cnnlib.data.load({name!r}) tells why."
    )
    print(notice)
    return _digits(size, channels, notice)


def _checked_arguments(name, size, channels, fallback):
    """Return size and channels with the set's own filled in, or say what would be valid."""
    if not isinstance(name, str):
        raise TypeError(f"the name of a data set is a string, got {name!r}; known: {', '.join(names())}")
    if name not in names():
        raise ValueError(f"unknown data set {name!r}; known: {', '.join(names())}")
    if fallback not in (None, "digits"):
        raise ValueError(f"unknown fallback {fallback!r}; known: None, 'digits'")
    own = {"size": 8, "channels": 1} if name == "digits" else vars(SOURCES[name])
    known = {
        "size": {"mnist": (28,), "cifar10": (32, 16)}.get(name, SIZES),
        "channels": (1, 3) if name == "digits" else (own["channels"],),
    }
    for key, value in (("size", size), ("channels", channels)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | np.integer)):
            raise TypeError(f"{key} must be an integer or None, got {value!r}")
        if value is not None and value not in known[key]:
            valid = " or ".join(map(str, known[key])) if known[key] is not SIZES else "8..256"
            raise ValueError(f"{name} has no images with {key} {value}; {key} must be {valid}")
    return int(size or own["size"]), int(channels or own["channels"])


# ---- The sets ----


def _digits(size, channels, notice=None):
    """scikit-learn's digits: pixels 0..16 spread to 0..255, then resized by linear interpolation."""
    from sklearn.datasets import load_digits  # a second's import that the other sets do without

    bunch = load_digits()
    images = ((bunch.images * 255 + 8) // 16).astype(np.uint8)
    if size != 8:
        resized = [Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR) for image in images]
        images = np.stack([np.asarray(image) for image in resized])
    images = np.repeat(images[..., np.newaxis], channels, axis=-1)
    shape = f"{size}x{size}" + ("" if channels == 1 else f"x{channels}")
    return Dataset(
        name="digits" if shape == "8x8" else f"digits ({shape})",
        x_train=images[:DIGITS_TRAIN],
        y_train=bunch.target[:DIGITS_TRAIN],
        x_test=images[DIGITS_TRAIN:],
        y_test=bunch.target[DIGITS_TRAIN:],
        class_names=tuple("0123456789"),
        source="scikit-learn",
        notice=notice,
    )


def record_name(name: str, size: int | None = None) -> str:
    """What ``load(name, size)`` calls a set: "cifar10", "cifar10 (16x16)"."""
    if name not in names():
        raise ValueError(f"data set: expected one of {', '.join(names())}, got {name!r}")
    own = 8 if name == "digits" else SOURCES[name].size
    return name if size in (None, own) else f"{name} ({size}x{size})"


def _public(name, size):
    source, reasons = SOURCES[name], []
    try:
        arrays, origin = (_squares if source.manifest else _arrays)(name, size, reasons)
    except DataUnavailable:
        raise
    except OSError as error:  # reading raises WrongBytes, so this was writing
        reasons.append(f"cache folder: {error.strerror or error}; CNNLIB_CACHE chooses another folder")
        raise _unavailable(name, reasons) from error
    return Dataset(
        name=record_name(name, size),
        **arrays,
        class_names=source.class_names,
        source=origin,
    )


def _arrays(name, size, reasons):
    """MNIST or CIFAR-10."""
    source = SOURCES[name]
    arrays, origin, file = _find(name, reasons)
    if not file.endswith(".npz"):
        content = io.BytesIO()  # and not the file itself: where the disk is full, zipfile would say so again
        np.savez(content, **arrays)
        with contextlib.suppress(OSError):  # then the archive is unpacked each time, which takes seconds
            write_atomically(cache_folder() / f"{name}.npz", lambda part: part.write(content.getbuffer()))
    if size != source.size:
        for key in ("x_train", "x_test"):
            arrays[key] = archives.halved(arrays[key])
    return arrays, origin


def _squares(name, size, reasons):
    """Imagenette as squares of ``size``: decoded the first time, then read from the cache folder."""
    source, origin = SOURCES[name], "cache"
    path = cache_folder() / f"{name}-{size}.squares"
    images = _cached(path, archives.squares, source, reasons, size)
    if images is None:
        photographs, origin, _ = _find(name, reasons)
        archives.write_squares(path, photographs, source, size)
        images = archives.read(path, archives.squares, source, size)
    arrays, first = {}, 0
    for split, counts in zip(("train", "test"), source.counts.values()):
        arrays[f"x_{split}"] = images[first : first + sum(counts)]
        arrays[f"y_{split}"] = np.repeat(np.arange(len(counts)), counts)
        first += sum(counts)
    return arrays, origin


# ---- Folders and hosts, and what to say when a set is in none of them ----


def cache_folder() -> Path:
    """The folder that keeps what was downloaded: CNNLIB_CACHE, or the user's cache folder.

    Returns:
        Its path, whether it is there or not.

    Raises:
        DataUnavailable: its name begins with the home folder of somebody who has none.
    """
    return _home(os.environ.get("CNNLIB_CACHE") or pooch.os_cache("cnnlib"), "CNNLIB_CACHE")


def _given_folder():
    given = os.environ.get("CNNLIB_DATA")
    return _home(given, "CNNLIB_DATA") if given else None


def _home(folder, variable):
    try:
        return Path(folder).expanduser()
    except RuntimeError as error:
        raise DataUnavailable(f"{folder}: {error} {variable} chooses another folder.") from None


def _find(name, reasons):
    """Return (content, origin, file name) of the first file that holds the set, downloaded if need be."""
    source, given = SOURCES[name], _given_folder()
    for file, reader in READERS[name].items():
        if given and os.path.exists(given / file):
            return archives.read(given / file, reader, source), f"$CNNLIB_DATA/{file}", file
        content = _cached(cache_folder() / file, reader, source, reasons)
        if content is not None:
            return content, "cache", file
    if os.environ.get("CNNLIB_OFFLINE", "") not in ("", "0"):
        reasons.append(f"no host was tried, as CNNLIB_OFFLINE is set: {', '.join(source.urls)}")
        raise _unavailable(name, reasons)
    url = download.fetch(source, cache_folder(), reasons)
    if url is None:
        raise _unavailable(name, reasons)
    reader = READERS[name][source.archive]
    return archives.read(cache_folder() / source.archive, reader, source), url, source.archive


def _cached(path, reader, source, reasons, *arguments):
    """What a file in the cache folder holds; None where it is not there or damaged, and is made again."""
    try:
        return archives.read(path, reader, source, *arguments) if os.path.exists(path) else None
    except WrongBytes as error:
        reasons.append(str(error))
        return None


def _unavailable(name, reasons):
    """The error that says where was looked, why each place failed, and what to put where by hand."""
    source, given, cache = SOURCES[name], _given_folder(), cache_folder()
    others = [file for file in READERS[name] if file != source.archive]
    lines = [
        f"{source.title} could not be had.",
        f"  CNNLIB_DATA: {'not set' if given is None else _searched(given)}",
        f"  cache folder: {_searched(cache)}",
        *(f"  {reason}" for reason in reasons),
        f"By hand: put {source.archive} ({source.archive_checksum.replace(':', ' ')}, from any host)"
        + "".join(f" or {file}" for file in others),
        f"into {cache}, or into another folder and its path into CNNLIB_DATA.",
    ]
    return DataUnavailable("\n".join(lines))


def _searched(folder):
    try:
        os.stat(os.path.join(folder, "."))
    except FileNotFoundError:
        return f"{folder} is not there"
    except OSError as error:
        return f"{folder} cannot be searched: {error.strerror}"
    return f"{folder} does not hold it"
