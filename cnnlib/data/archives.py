"""Reading the data sets' files: every byte is checked before anything is made of it.

Archives are read member by member in memory, by the members' expected names; nothing is extracted to disk,
so an archive cannot write anywhere.
"""

import concurrent.futures
import contextlib
import hashlib
import io
import json
import pickle
import re
import tarfile
import zipfile
import zlib

import numpy as np
from PIL import Image
from tqdm import tqdm

from cnnlib.data.download import WrongBytes, replacing


@contextlib.contextmanager
def readable(path, expected):
    """Turn whatever goes wrong in reading a damaged file into one WrongBytes that names it."""
    try:
        yield
    except WrongBytes as error:
        raise WrongBytes(f"{path} is not {expected}: {error}") from None
    except (
        OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, zlib.error,
        zipfile.BadZipFile, tarfile.TarError, pickle.UnpicklingError,
    ) as error:  # fmt: skip
        raise WrongBytes(f"{path} is not {expected}: {type(error).__name__}: {error}") from error


def sha256(array):
    """The sha256 of an array's bytes in C order, whatever file it came from."""
    return hashlib.sha256(np.ascontiguousarray(array)).hexdigest()


# ---- MNIST and CIFAR-10: four arrays ----


def read_arrays(path, source, size):
    """Return the four arrays of an npz file, images at `size`, each checked against its sha256."""
    arrays = {}
    with readable(path, f"{source.title} as an npz file with {', '.join(source.arrays)}"):
        with np.load(path, allow_pickle=False) as file:
            for key, (shape, expected) in source.arrays.items():
                array = file[key]
                if array.dtype != np.uint8 or array.size != np.prod(shape):
                    raise WrongBytes(f"{key} is {array.dtype} {array.shape}, expected uint8 {shape}")
                found = sha256(array)
                if found != expected:
                    raise WrongBytes(f"{key} has the sha256 {found}, expected {expected}")
                array = array.reshape(shape)
                # At once, so that the large training images are gone before the test images come.
                arrays[key] = halved(array) if array.ndim == 4 and size != source.size else array
    return arrays


def halved(images):
    """Average each 2x2 square of pixels, a half rounded up."""
    count, height, width, channels = images.shape
    small = np.empty((count, height // 2, width // 2, channels), np.uint8)
    for start in range(0, count, 1000):
        chunk = images[start : start + 1000].astype(np.uint16)
        rows = chunk[:, 0::2] + chunk[:, 1::2]
        small[start : start + 1000] = (rows[:, :, 0::2] + rows[:, :, 1::2] + 2) // 4
    return small


def write_cifar10(archive, path, source):
    """Write the arrays of the verified `cifar-10-python.tar.gz` to an npz file, a batch at a time."""
    batches = {"train": [f"data_batch_{number}" for number in range(1, 6)], "test": ["test_batch"]}
    with zipfile.ZipFile(path, "w") as file:
        for split, members in batches.items():
            labels = []
            with file.open(f"x_{split}.npy", "w", force_zip64=True) as array:
                _write_header(array, source.arrays[f"x_{split}"][0])
                for images, batch_labels in _batches(archive, members, source):
                    array.write(images)
                    labels += batch_labels
            with file.open(f"y_{split}.npy", "w") as array:
                _write_header(array, (len(labels),))
                array.write(np.array(labels, np.uint8))


def _batches(archive, members, source):
    with readable(archive, f"{source.title} as its hosts serve it"), tarfile.open(archive, "r:gz") as tar:
        for name in members:
            member = tar.getmember(f"cifar-10-batches-py/{name}")
            if not member.isreg():
                raise WrongBytes(f"{member.name} is not a regular file")
            # Python 2 wrote the file; its strings come as bytes.
            batch = _ArrayUnpickler(tar.extractfile(member), encoding="bytes").load()
            planes = batch[b"data"].reshape(-1, 3, 32, 32)
            yield np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), batch[b"labels"]


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


def _write_header(file, shape):
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)


# ---- Imagenette: photographs ----


def read_folder(folder, source):
    """Return {path: JPEG bytes} of a folder of photographs, sorted and verified against the manifest."""
    with readable(folder, f"the photographs of {source.title}"):
        files = [path for split in ("train", "val") for path in (folder / split).glob("*/*.JPEG")]
        return _verified({path.relative_to(folder).as_posix(): path.read_bytes() for path in files}, source)


def read_archive(archive, source):
    """Return {path: JPEG bytes} of a tar file of photographs, sorted and verified against the manifest."""
    inside = re.compile(rf"(?:\./)?{source.folder}/((?:train|val)/n\d{{8}}/[^/]+\.JPEG)")
    photographs = {}
    with readable(archive, f"the photographs of {source.title}"), tarfile.open(archive, "r:gz") as tar:
        for member in tar:
            match = inside.fullmatch(member.name)
            if match and member.isreg():
                photographs[match[1]] = tar.extractfile(member).read()
        return _verified(photographs, source)


def _verified(photographs, source):
    photographs = dict(sorted(photographs.items()))
    lines = [f"{hashlib.sha256(data).hexdigest()}  {path}\n" for path, data in photographs.items()]
    found = hashlib.sha256("".join(lines).encode()).hexdigest()
    if found != source.manifest:
        raise WrongBytes(
            f"its {len(photographs):,} files train/*/*.JPEG and val/*/*.JPEG have the manifest sha256 "
            f"{found}, expected {source.manifest}"
        )
    return photographs


def write_squares(photographs, path, owner, source, size):
    """Decode photographs to one uint8 array of squares, training first, and a JSON note beside it."""
    counts = {
        split: [sum(key.startswith(f"{split}/{wnid}/") for key in photographs) for wnid in source.wnids]
        for split in ("train", "val")
    }
    files = list(photographs.values())
    digest = hashlib.sha256()
    with (
        replacing(path, owner) as part,
        open(part, "wb") as file,
        concurrent.futures.ThreadPoolExecutor() as pool,
        tqdm(total=len(files), unit=" photographs", disable=None) as bar,  # None: only in a terminal
    ):
        _write_header(file, (len(files), size, size, 3))
        for start in range(0, len(files), 500):
            squares = np.stack(list(pool.map(lambda data: square(data, size), files[start : start + 500])))
            digest.update(squares)
            file.write(squares)
            bar.update(len(squares))
    written = path.stat()
    note = {
        "manifest": source.manifest,
        "counts": counts,
        "sha256": digest.hexdigest(),
        "bytes": written.st_size,
        "modified": written.st_mtime_ns,
    }
    with replacing(path.with_suffix(".json"), owner) as part:
        part.write_text(json.dumps(note, indent=1))


def square(data, size):
    """Decode one photograph: RGB, the shorter side brought to `size`, the square in its middle."""
    with Image.open(io.BytesIO(data)) as image:
        photograph = image.convert("RGB")
    shorter = min(photograph.size)
    if shorter != size:
        sides = [max(size, round(side * size / shorter)) for side in photograph.size]
        photograph = photograph.resize(sides, Image.Resampling.BILINEAR)  # Pillow's is antialiased
    left, top = ((side - size) // 2 for side in photograph.size)
    return np.asarray(photograph.crop((left, top, left + size, top + size)))


def read_squares(path, source):
    """Return (images, counts) as `write_squares` left them, or None; images stay on disk until used."""
    try:
        note = json.loads(path.with_suffix(".json").read_text())
        if note["manifest"] != source.manifest:
            return None
        images = np.load(path, mmap_mode="r", allow_pickle=False)
        # A gigabyte is not summed each time again: it was as it was written, and nobody has touched it since.
        untouched = (path.stat().st_size, path.stat().st_mtime_ns) == (note["bytes"], note["modified"])
        if not untouched and sha256(images) != note["sha256"]:
            return None
        return np.asarray(images), note["counts"]
    except (OSError, ValueError, KeyError, TypeError, EOFError):
        return None
