"""The real sets, where CNNLIB_DATA holds them; the other tests need none."""

import collections
import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from made_up_sets import WNIDS
from PIL import Image

import cnnlib
from cnnlib import data
from cnnlib.data import archives
from cnnlib.data.sources import SOURCES

REAL = os.environ.get("CNNLIB_DATA")


def real(file):
    there = REAL is not None and (Path(REAL) / file).exists()
    return pytest.mark.skipif(not there, reason=f"{file} is not in CNNLIB_DATA")


@pytest.mark.parametrize(
    ("name", "size", "checksum"),
    [
        pytest.param(
            "mnist", 28, "fd11e43b2eba5e7153ad09f1fec7bda6b5c17839e07127f7c4e1998a737c31e1",
            marks=real("mnist.npz"),
        ),
        pytest.param(
            "cifar10", 16, "354cec314387e9262d59708f3177278beba87becc41e889abb4f2114d6817aa8",
            marks=real("cifar10.npz"),
        ),
    ],
)  # fmt: skip
def test_the_real_arrays(monkeypatch, name, size, checksum):
    """As they were recorded."""
    monkeypatch.setenv("CNNLIB_DATA", REAL)
    loaded = data.load(name, size=size)
    assert loaded.checksum == checksum
    assert (loaded.train_size, loaded.test_size) == ({"mnist": 60000, "cifar10": 50000}[name], 10000)
    assert loaded.source == f"$CNNLIB_DATA/{name}.npz"


@real("cifar10.npz")
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_memory_of_cifar10():
    child = f"""
import sys, types
package = types.ModuleType("cnnlib")
package.__path__ = [{str(Path(cnnlib.__file__).parent)!r}]
sys.modules["cnnlib"] = package
from cnnlib import data
def kilobytes(kind):
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(kind))
before = kilobytes("VmRSS")
for size in (16, 32):
    loaded = None
    loaded = data.load("cifar10", size=size)
    loaded.checksum
    print(1024 * (kilobytes("VmHWM") - before))  # not ru_maxrss, which starts from the parent's
"""
    environment = os.environ | {"CNNLIB_DATA": REAL}
    output = subprocess.run([sys.executable, "-c", child], env=environment, capture_output=True, check=True)
    first, both = map(int, output.stdout.split())
    assert 40e6 < first <= both <= 250e6


@real("imagenette2-160")
def test_the_real_photographs():
    source, folder = SOURCES["imagenette"], Path(REAL) / "imagenette2-160"
    files = archives.read(
        folder, archives.READERS["imagenette"][folder.name], source
    )  # raises if one bit is wrong
    paths = list(files)
    assert len(paths) == 13394 and sum(path.startswith("train/") for path in paths) == 9469
    for split, counts in source.counts.items():
        there = collections.Counter(path.split("/")[1] for path in paths if path.startswith(split))
        assert tuple(there[wnid] for wnid in WNIDS) == counts and len(there) == 10
    for path in paths[::400]:
        photograph = np.asarray(Image.open(io.BytesIO(files[path])).convert("RGB"))
        square = archives.square(files[path], 160)
        top, left = (photograph.shape[0] - 160) // 2, (photograph.shape[1] - 160) // 2
        np.testing.assert_array_equal(square, photograph[top : top + 160, left : left + 160])
