"""Small made-up data sets in the public sets' formats, and those formats as they can be damaged."""

import dataclasses
import functools
import gzip
import hashlib
import io
import tarfile

import numpy as np
from PIL import Image

from cnnlib.data.sources import SOURCES

ARCHIVES = {name: source.archive for name, source in SOURCES.items()}
WNIDS = [
    "n01440764", "n02102040", "n02979186", "n03000684", "n03028079",
    "n03394916", "n03417042", "n03425413", "n03445777", "n03888257",
]  # fmt: skip
COUNTS = {"train": (2, 3, 1, 2, 3, 1, 2, 3, 1, 2), "val": (1, 1, 2, 1, 1, 1, 1, 1, 1, 1)}


def made_up_arrays(shape, train=50, test=20):
    random = np.random.default_rng(0)
    return {
        "x_train": random.integers(0, 256, (train, *shape), np.uint8),
        "y_train": random.integers(0, 10, train, np.uint8),
        "x_test": random.integers(0, 256, (test, *shape), np.uint8),
        "y_test": random.integers(0, 10, test, np.uint8),
    }


def known(arrays):
    return {key: (array.shape, hashlib.sha256(array.tobytes()).hexdigest()) for key, array in arrays.items()}


def npz(arrays, save=np.savez):
    file = io.BytesIO()
    save(file, **arrays)
    return file.getvalue()


def tar(members, prefix=""):
    """A tar.gz of {name: bytes, or TarInfo for anything that is not a file}."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, content in members.items():
            info = content if isinstance(content, tarfile.TarInfo) else tarfile.TarInfo(prefix + name)
            if isinstance(content, bytes):
                info.size = len(content)
            archive.addfile(info, io.BytesIO(content) if isinstance(content, bytes) else None)
    return gzip.compress(file.getvalue(), mtime=0)  # without the time, so that it is the same each time


def link(name, target, kind=tarfile.SYMTYPE):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def python2_batch(images, labels):
    """A batch pickled as Python 2 and the NumPy of 2009 did: protocol 2, all strings as bytes."""

    def string(text):
        return b"U" + bytes([len(text)]) + text

    def number(value):
        return b"M" + value.to_bytes(2, "little")

    raw = images.transpose(0, 3, 1, 2).tobytes()
    array = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85" + string(b"b") + b"\x87R"
    dtype = b"cnumpy\ndtype\n" + string(b"u1") + b"K\x00K\x01\x87R(K\x03" + string(b"|")
    dtype += b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    state = b"(K\x01" + number(len(images)) + number(images[0].size) + b"\x86" + dtype + b"\x89"
    state += b"T" + len(raw).to_bytes(4, "little") + raw + b"tb"
    return b"".join(
        [
            b"\x80\x02}(" + string(b"batch_label") + string(b"training batch 1 of 5"),
            string(b"labels") + b"](" + b"".join(b"K" + bytes([label]) for label in labels) + b"e",
            string(b"data") + array + state,
            string(b"filenames") + b"](" + string(b"camion_s_000148.png") * len(labels) + b"e",
            b"u.",
        ]
    )


def cifar_members(arrays):
    batches = {
        f"data_batch_{number}": python2_batch(images, labels)
        for number, images, labels in zip(
            range(1, 6), np.split(arrays["x_train"], 5), np.split(arrays["y_train"], 5)
        )
    }
    batches["test_batch"] = python2_batch(arrays["x_test"], arrays["y_test"])
    # The public archive's order is not that of the numbers either.
    return {f"cifar-10-batches-py/{name}": batches[name] for name in reversed(batches)}


def photographs():
    """{path: JPEG bytes}: a few photographs a class, of various shapes and modes."""
    random = np.random.default_rng(1)
    files = {}
    for split, counts in COUNTS.items():
        for number, (wnid, count) in enumerate(zip(WNIDS, counts)):
            for index in range(count):
                shape = [(160, 200, 3), (231, 160, 3), (160, 160), (320, 480, 3)][(number + index) % 4]
                coarse = random.integers(0, 256, (8, 8, *shape[2:]), np.uint8)
                image = Image.fromarray(coarse).resize(shape[1::-1], Image.Resampling.BICUBIC)
                file = io.BytesIO()
                image.save(file, "JPEG", quality=95)
                files[f"{split}/{wnid}/{wnid}_{index}.JPEG"] = file.getvalue()
    return files


def manifest(files):
    lines = [f"{hashlib.sha256(files[path]).hexdigest()}  {path}\n" for path in sorted(files)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


@functools.cache
def made_up(name):
    """Return (archive bytes, Source, what it holds) of a small set in the format of `name`."""
    if name == "mnist":
        content = made_up_arrays((28, 28, 1))
        archive, facts = npz(content), {"arrays": known(content)}
    elif name == "cifar10":
        content = made_up_arrays((32, 32, 3))
        archive, facts = tar(cifar_members(content)), {"arrays": known(content)}
    else:
        content = photographs()
        archive, facts = tar(content, "imagenette2-160/"), {"manifest": manifest(content), "counts": COUNTS}
    return archive, of_archive(dataclasses.replace(SOURCES[name], urls=(), **facts), archive), content


def of_archive(source, archive):
    """The Source whose hosts serve these bytes."""
    checksum = f"sha256:{hashlib.sha256(archive).hexdigest()}"
    return dataclasses.replace(source, archive_checksum=checksum, archive_bytes=len(archive))


class Bomb:
    """Something that runs when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def kept(folder):
    """The names of the files in a folder."""
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def assert_holds(loaded, content):
    for key, array in content.items():
        np.testing.assert_array_equal(getattr(loaded, key), array)
