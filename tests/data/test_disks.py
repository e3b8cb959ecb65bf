"""Folders that cannot be searched or written, and disks that are full."""

import contextlib
import errno
import io
import os
import resource
from pathlib import Path

import pooch
import pytest
from made_up_sets import ARCHIVES, assert_holds, kept, npz

from cnnlib import data

# ---- Folders ----


def test_the_default_cache_is_the_users(monkeypatch):
    monkeypatch.delenv("CNNLIB_CACHE")
    assert data.cache_folder() == Path(pooch.os_cache("cnnlib"))
    monkeypatch.setenv("CNNLIB_CACHE", "~/elsewhere")
    assert data.cache_folder() == Path.home() / "elsewhere"


@contextlib.contextmanager
def somebody_else():
    """Without the rights of this user, who may be root."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


@pytest.fixture(params=["below a file", "unsearchable", "overlong", "of nobody"])
def no_folder(request, tmp_path):
    """(A folder that nothing can be read from or written to, and the reason)."""
    if request.param == "below a file":
        (tmp_path / "file").write_text("no folder can be made below a file, not even by root")
        yield str(tmp_path / "file" / "cache"), "Not a directory"
    elif request.param == "unsearchable":
        (tmp_path / "home").mkdir()
        (tmp_path / "home").chmod(0)
        with somebody_else():
            yield str(tmp_path / "home" / "cache"), "Permission denied"
        (tmp_path / "home").chmod(0o700)
    elif request.param == "overlong":
        yield str(tmp_path / ("x" * 300)), "File name too long"
    else:
        yield "~nouser/cache", "Could not determine home directory"


@pytest.mark.parametrize("offline", ["", "1"])
@pytest.mark.parametrize("name", ARCHIVES)
def test_no_cache(serve, host, no_folder, monkeypatch, name, offline):
    folder, reason = no_folder
    serve(name, "good")
    monkeypatch.setenv("CNNLIB_CACHE", folder)
    monkeypatch.setenv("CNNLIB_OFFLINE", offline)
    with pytest.raises(data.DataUnavailable, match=reason) as caught:
        data.load(name)
    assert folder in str(caught.value)
    assert offline or "CNNLIB_CACHE chooses another folder" in str(caught.value)
    assert host.hits == []
    size = 32 if name == "imagenette" else None
    assert data.load(name, size=size, fallback="digits").notice is not None


def test_no_given_folder(serve, host, no_folder, monkeypatch):
    folder, reason = no_folder
    monkeypatch.setenv("CNNLIB_DATA", folder)
    serve("mnist", "404")
    with pytest.raises(data.DataUnavailable, match=reason) as caught:
        data.load("mnist")
    assert folder in str(caught.value)
    assert data.load("mnist", fallback="digits").notice is not None


def test_given_arrays_need_no_cache(given, serve, monkeypatch):
    arrays = serve("mnist", "good")
    (given / "mnist.npz").write_bytes(npz(arrays))
    monkeypatch.setenv("CNNLIB_CACHE", "~nouser/cache")
    assert_holds(data.load("mnist"), arrays)


# ---- Full disks ----


def test_a_disk_that_fills_up_in_the_download(serve, host, cache, monkeypatch):
    serve("mnist", "good", "good")

    class Full(io.FileIO):
        def write(self, content):
            if self.tell() + len(content) > 10_000:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return super().write(content)

    monkeypatch.setattr(pooch.downloaders, "open", Full, raising=False)
    with pytest.raises(data.DataUnavailable, match="No space left on device; CNNLIB_CACHE chooses") as caught:
        data.load("mnist")
    assert str(cache) in str(caught.value)
    assert host.hits == ["good"]  # another host would not help
    assert kept(cache) == []
    monkeypatch.undo()


@contextlib.contextmanager
def file_size_limit(size):
    """Let the kernel refuse to write more than `size` bytes to any file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextlib.contextmanager
def small_disk():
    """Let the kernel refuse to write more than 10,000 bytes to any file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_too_full_for_squares(serve, host, cache):
    serve("imagenette", "404")
    cache.mkdir()
    (cache / ARCHIVES["imagenette"]).write_bytes(host.payloads["imagenette"])
    with small_disk(), pytest.raises(data.DataUnavailable, match=r"File too large.*; CNNLIB_CACHE chooses"):
        data.load("imagenette")
    assert kept(cache) == [ARCHIVES["imagenette"]]
    assert data.load("imagenette").source == "cache"


def test_a_disk_too_full_for_unpacked_arrays(serve, host, cache, capfd):
    arrays = serve("cifar10", "404")
    cache.mkdir()
    (cache / ARCHIVES["cifar10"]).write_bytes(host.payloads["cifar10"])
    with small_disk():
        assert_holds(data.load("cifar10"), arrays)  # from the archive, each time
    assert kept(cache) == [ARCHIVES["cifar10"]]
    assert capfd.readouterr() == ("", "")
    data.load("cifar10")
    assert kept(cache) == [ARCHIVES["cifar10"], "cifar10.npz"]
