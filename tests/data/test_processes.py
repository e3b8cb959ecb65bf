"""Processes that are killed, and several at once."""

import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

from made_up_sets import ARCHIVES, assert_holds, kept

import cnnlib
from cnnlib import data
from cnnlib.data.sources import SOURCES

# Without the package's own imports, which take seconds: a module of that name and path, and nothing else.
CHILD = """
import pickle, sys, types
package = types.ModuleType("cnnlib")
package.__path__ = [sys.argv[1]]
sys.modules["cnnlib"] = package
from cnnlib import data
from cnnlib.data.sources import SOURCES
SOURCES.update(pickle.load(open(sys.argv[2], "rb")))
for name in sys.argv[3:]:
    print(data.load(name).checksum)
"""


def start(tmp_path, *names):
    sources = tmp_path / "sources.pickle"
    sources.write_bytes(pickle.dumps({name: SOURCES[name] for name in names}))
    command = [sys.executable, "-c", CHILD, str(Path(cnnlib.__file__).parent), str(sources), *names]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(condition, child):
    deadline = time.monotonic() + 60
    while not condition():
        assert child.poll() is None, child.stderr.read()
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def test_killed_in_mid_download(serve, host, cache, tmp_path):
    serve("mnist", "wait")
    child = start(tmp_path, "mnist")
    wait_for(lambda: host.hits, child)
    assert len(kept(cache)) == 1  # it writes here
    child.kill()
    child.communicate()
    assert child.returncode == -signal.SIGKILL
    assert "mnist.npz" not in kept(cache)

    arrays = serve("mnist", "good")
    assert_holds(data.load("mnist"), arrays)
    assert "mnist.npz" in kept(cache)


def test_two_processes_at_once(serve, host, cache, tmp_path):
    """Each has half of the archive when the other asks for it; both come to the same end."""
    for name in ARCHIVES:
        serve(name, "together")
    children = [start(tmp_path, *ARCHIVES) for _ in range(2)]
    checksums = []
    for child in children:
        output, errors = child.communicate(timeout=60)
        assert child.returncode == 0, errors
        checksums.append(output.split())
    assert host.hits == ["together"] * 6
    assert checksums[0] == checksums[1] == [data.load(name).checksum for name in ARCHIVES]
    assert host.hits == ["together"] * 6
    assert kept(cache) == sorted([*ARCHIVES.values(), "cifar10.npz", "imagenette-160.squares"])
