"""A ``Dataset``, and ``load``: where a set is looked for, and what is said when it is nowhere."""

import contextlib
import functools
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pooch

from cnnlib.data import archives, download
from cnnlib.data.download import WrongBytes
from cnnlib.data.sources import SOURCES

# Sides that images may be brought to: 8 is the digits' own, 256 is what ImageNet's networks crop from.
SIZES = range(8, 257)

DIGITS_TRAIN = 1437


class DataUnavailable(OSError):
    """A set is neither on this machine nor to be had from its hosts; the message says how to mend it."""


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Images and labels of one data set, and what is known of them.

    Images: uint8, (N, height, width, channels). Labels: integers from 0, (N,), kept as int64. Arrays are
    read-only. `checksum` is a sha256 of the content, whatever file it came from; left empty, it is computed.
    `notice` is None, or the sentence that says that this is not the set that was asked for.
    Raises TypeError or ValueError where arrays, labels and class names do not fit together.
    """

    name: str
    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    class_names: tuple[str, ...]
    checksum: str = ""
    source: str = ""
    notice: str | None = None

    def __post_init__(self):
        """Check the parts, and make the arrays read-only."""
        for split in ("train", "test"):
            images = _checked_images(f"x_{split}", getattr(self, f"x_{split}"))
            labels = _checked_labels(f"y_{split}", getattr(self, f"y_{split}"), len(images), self.classes)
            for key, array in ((f"x_{split}", images), (f"y_{split}", labels)):
                array = array.view()
                array.flags.writeable = False
                object.__setattr__(self, key, array)
        if self.x_test.shape[1:] != self.image_shape:
            raise ValueError(f"x_test has images of {self.x_test.shape[1:]}, expected {self.image_shape}")
        if not self.checksum:
            object.__setattr__(self, "checksum", _content_checksum(self))

    @property
    def image_shape(self):
        """(height, width, channels) of one image."""
        return self.x_train.shape[1:]

    @property
    def classes(self):
        """Number of classes."""
        return len(self.class_names)

    @property
    def train_size(self):
        """Number of training images."""
        return len(self.x_train)

    @property
    def test_size(self):
        """Number of test images."""
        return len(self.x_test)

    @property
    def mean(self):
        """Mean of each channel over the training images, pixels scaled to 0..1."""
        return self._statistics[0]

    @property
    def std(self):
        """Standard deviation of each channel over the training images, pixels scaled to 0..1."""
        return self._statistics[1]

    @functools.cached_property
    def _statistics(self):
        # From counts of the 256 values: exact, and without a float copy of the set.
        channels = self.image_shape[-1]
        counts = np.zeros((channels, 256), np.int64)
        for start in range(0, self.train_size, 1000):
            chunk = self.x_train[start : start + 1000]
            for channel in range(channels):
                counts[channel] += np.bincount(chunk[..., channel].ravel(), minlength=256)
        values = np.arange(256) / 255
        shares = counts / counts.sum(axis=1, keepdims=True)
        mean = shares @ values
        std = np.sqrt((shares * (values - mean[:, np.newaxis]) ** 2).sum(axis=1))
        return tuple(mean.tolist()), tuple(std.tolist())

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


def _content_checksum(dataset):
    small = np.uint8 if dataset.classes <= 256 else np.int64
    arrays = {
        "x_train": dataset.x_train,
        "y_train": dataset.y_train.astype(small),
        "x_test": dataset.x_test,
        "y_test": dataset.y_test.astype(small),
    }
    return _combined({key: (array.shape, archives.sha256(array)) for key, array in arrays.items()})


def _combined(arrays):
    lines = [f"{key} {shape} {digest}" for key, (shape, digest) in arrays.items()]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def names():
    """The names that `load` knows."""
    return tuple(sorted([*SOURCES, "digits"]))


def load(name, size=None, channels=None, fallback=None):
    """Return the data set `name` as a Dataset: from CNNLIB_DATA, from the cache folder, or downloaded.

    `size`: side of the square images in pixels, default the set's own. imagenette (own 160) and digits
    (own 8) are brought to any size in 8..256; cifar10 also comes as 16, squares of 2x2 pixels averaged,
    a half rounded up. `channels`: 1 or 3 for digits (grey repeated); the others have only their own.
    `fallback="digits"`: where the set cannot be had, print a notice and return the digits, at the size
    and channels that were asked for. The Dataset's `name` and `notice` say so too.
    Raises ValueError or TypeError for what no set has, DataUnavailable where the set cannot be had,
    and WrongBytes (a ValueError) where a file in CNNLIB_DATA is not what it should be.
    """
    size, channels = _checked_arguments(name, size, channels, fallback)
    if name == "digits":
        return _digits(size, channels)
    try:
        return _photographs(name, size) if SOURCES[name].manifest else _arrays(name, size)
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
    for key, value in (("size", size), ("channels", channels)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | np.integer)):
            raise TypeError(f"{key} must be an integer or None, got {value!r}")
    own_size, own_channels = (8, 1) if name == "digits" else (SOURCES[name].size, SOURCES[name].channels)
    size = own_size if size is None else int(size)
    channels = own_channels if channels is None else int(channels)
    sizes = {"mnist": (28,), "cifar10": (32, 16)}.get(name, SIZES)
    if size not in sizes:
        valid = f"{sizes[0]}..{sizes[-1]}" if sizes is SIZES else " or ".join(map(str, sizes))
        raise ValueError(f"{name} has no images of size {size}; size must be {valid}")
    if channels not in ((1, 3) if name == "digits" else (own_channels,)):
        valid = "1 or 3" if name == "digits" else own_channels
        raise ValueError(f"{name} has no images of {channels} channels; channels must be {valid}")
    return size, channels


# ---- The sets ----


def _digits(size, channels, notice=None):
    """scikit-learn's digits: pixels 0..16 spread to 0..255, then resized by linear interpolation."""
    from PIL import Image
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


def _arrays(name, size):
    """MNIST or CIFAR-10."""
    source = SOURCES[name]
    origin, arrays = _find_arrays(name, source, size)
    own = size == source.size
    return Dataset(
        name=name if own else f"{name} ({size}x{size})",
        **arrays,
        class_names=source.class_names,
        checksum=_combined(source.arrays) if own else "",
        source=origin,
    )


def _find_arrays(name, source, size):
    given, cached = _given_folder(), cache_folder() / f"{name}.npz"
    if given is not None and (given / f"{name}.npz").is_file():
        return f"$CNNLIB_DATA/{name}.npz", archives.read_arrays(given / f"{name}.npz", source, size)
    if cached.is_file():
        with contextlib.suppress(WrongBytes):  # a damaged file is replaced below
            return "cache", archives.read_arrays(cached, source, size)
    reasons = []
    with _building(name, source, reasons):
        if cached.is_file():  # another process may have made it while this one waited
            try:
                return "cache", archives.read_arrays(cached, source, size)
            except WrongBytes as error:
                reasons.append(str(error))
        archive, origin = _archive(name, source, reasons)
        if archive == cached:
            return origin, archives.read_arrays(cached, source, size)
        with download.replacing(cached, name) as part:
            archives.write_cifar10(archive, part, source)
            arrays = archives.read_arrays(part, source, size)
        if origin in source.urls:  # 170 MB that nobody needs now; a file put there by hand stays
            archive.unlink()
    return origin, arrays


def _photographs(name, size):
    """Imagenette as squares of `size`: decoded the first time, then read from the cache folder."""
    source = SOURCES[name]
    path = cache_folder() / f"{name}-{size}.npy"
    origin, found = "cache", archives.read_squares(path, source)
    if found is None:
        reasons = []
        with _building(name, source, reasons):
            found = archives.read_squares(path, source)
            if found is None:
                photographs, origin = _find_photographs(name, source, reasons)
                archives.write_squares(photographs, path, name, source, size)
                found = archives.read_squares(path, source)
    images, counts = found
    train = sum(counts["train"])
    return Dataset(
        name=name if size == source.size else f"{name} ({size}x{size})",
        x_train=images[:train],
        y_train=np.repeat(np.arange(len(source.wnids)), counts["train"]),
        x_test=images[train:],
        y_test=np.repeat(np.arange(len(source.wnids)), counts["val"]),
        class_names=source.class_names,
        # Of the files, not of the pixels, whose last bit may differ between versions of a JPEG decoder.
        checksum=hashlib.sha256(f"{source.manifest} {size}".encode()).hexdigest(),
        source=origin,
    )


def _find_photographs(name, source, reasons):
    places = ((_given_folder(), f"$CNNLIB_DATA/{source.folder}"), (cache_folder(), "cache"))
    for place, origin in places:
        if place is not None and (place / source.folder).is_dir():
            return archives.read_folder(place / source.folder, source), origin
    archive, origin = _archive(name, source, reasons)
    return archives.read_archive(archive, source), origin


# ---- Folders and hosts, and what to say when a set is in none of them ----


def cache_folder():
    """The folder that keeps what was downloaded: CNNLIB_CACHE, or the user's cache folder."""
    return Path(os.environ.get("CNNLIB_CACHE") or pooch.os_cache("cnnlib")).expanduser()


def _given_folder():
    given = os.environ.get("CNNLIB_DATA")
    return Path(given).expanduser() if given else None


@contextlib.contextmanager
def _building(name, source, reasons):
    """Hold the cache folder's lock for this set; what the disk refuses becomes DataUnavailable."""
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with download.lock(folder, name):
            yield
    except DataUnavailable:
        raise
    except OSError as error:
        reason = f"cache folder {folder}: {error.strerror or error}; CNNLIB_CACHE chooses another folder"
        raise _unavailable(name, source, [*reasons, reason]) from error


def _archive(name, source, reasons):
    """Return (path, origin) of the verified archive, downloaded if need be; the lock must be held."""
    given, cached = _given_folder(), cache_folder() / source.archive
    if given is not None and (given / source.archive).is_file():
        with archives.readable(given / source.archive, f"{source.title} as its hosts serve it"):
            download.verify(given / source.archive, source.archive_checksum)
        return given / source.archive, f"$CNNLIB_DATA/{source.archive}"
    if cached.is_file():
        try:
            download.verify(cached, source.archive_checksum)
            return cached, "cache"
        except WrongBytes as error:
            reasons.append(f"{cached}: {error}")
    if os.environ.get("CNNLIB_OFFLINE", "") not in ("", "0"):
        reasons.append(f"no host was tried, as CNNLIB_OFFLINE is set: {', '.join(source.urls)}")
        raise _unavailable(name, source, reasons)
    try:
        url = download.fetch(source.urls, source.archive_checksum, cached, name, download.TIMEOUT)
    except download.MirrorsFailed as error:
        raise _unavailable(name, source, [*reasons, *error.reasons]) from None
    return cached, url


def _unavailable(name, source, reasons):
    """The error that says where was looked, why each place failed, and what to put where by hand."""
    given = _given_folder()
    other = f"the folder {source.folder}" if source.manifest else f"{name}.npz"
    lines = [
        f"{source.title} could not be had.",
        f"  CNNLIB_DATA: {'not set' if given is None else f'{given} does not hold it'}",
        f"  cache folder: {cache_folder()} does not hold it",
        *(f"  {reason}" for reason in reasons),
        f"By hand: put {source.archive} ({source.archive_checksum.replace(':', ' ')}, from any host)"
        + ("" if other == source.archive else f" or {other}"),
        f"into {cache_folder()}, or into another folder and its path into CNNLIB_DATA.",
    ]
    return DataUnavailable("\n".join(lines))
