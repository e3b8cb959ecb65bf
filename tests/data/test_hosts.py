"""Downloads, and what a misbehaving host or network can do to them."""

import errno
import socket
import stat
import sys

import pytest
import urllib3
from made_up_sets import ARCHIVES, COUNTS, assert_holds, kept

from cnnlib import data
from cnnlib.data import download
from cnnlib.data.sources import SOURCES

KEPT = {
    "mnist": ["mnist.npz"],
    "cifar10": ["cifar-10-python.tar.gz", "cifar10.npz"],
    "imagenette": ["imagenette-160.squares", "imagenette2-160.tgz"],
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_download_once(serve, host, cache, name, capfd):
    content = serve(name, "good")
    first = data.load(name)
    assert kept(cache) == KEPT[name]
    for file in cache.iterdir():  # a cache folder may be shared
        assert stat.S_IMODE(file.stat().st_mode) & 0o444 == 0o444
    second = data.load(name)
    assert host.hits == ["good"]
    assert (first.source, second.source) == (host.url("good", name), "cache")
    assert first.checksum == second.checksum
    for dataset in (first, second):
        if name == "imagenette":
            assert (dataset.train_size, dataset.test_size) == (sum(COUNTS["train"]), sum(COUNTS["val"]))
        else:
            assert_holds(dataset, content)
    assert capfd.readouterr() == ("", "")


FAILURES = {
    "404": "HTTPError: 404 Client Error: Not Found",
    "503": "HTTPError: 503 Server Error: Service Unavailable",
    "loop": "Exceeded 30 redirects",
    "truncated": "IncompleteRead",
    "wrong": "SHA256 hash of downloaded file .* does not match",
    "stall": "timed out",
    "silent": "timed out",
    "nonsense": "many",
    "drip": r"too slow: [\d,]+ bytes in \d+ s",
    "endless": r"it sends more than the [\d,]+ bytes of the file",
    "flood": r"it sends more than the [\d,]+ bytes of the file",  # behind a redirect
}


@pytest.fixture
def impatient(monkeypatch):
    """Give a host up that sends too little for a moment."""
    monkeypatch.setattr(download, "PATIENCE", 0.2)
    monkeypatch.setattr(download, "SLOWEST", 1000)


@pytest.mark.parametrize("way", FAILURES)
def test_a_host_that_fails(serve, host, cache, impatient, monkeypatch, way):
    if way in ("stall", "silent"):
        monkeypatch.setattr(download, "TIMEOUT", (2.0, 0.2))
    serve("mnist", way)
    with pytest.raises(data.DataUnavailable, match=f"{host.url(way)}: .*{FAILURES[way]}") as caught:
        data.load("mnist")
    assert kept(cache) == []
    message = str(caught.value)
    for part in ("MNIST could not be had", "CNNLIB_DATA: not set", "By hand: put mnist.npz",
                 SOURCES["mnist"].archive_checksum.partition(":")[2], str(cache)):  # fmt: skip
        assert part in message


def test_the_next_host_is_asked(serve, host, cache, impatient):
    arrays = serve("mnist", "404", "wrong", "truncated", "drip", "endless", "nonsense", "good", "silent")
    loaded = data.load("mnist")
    assert_holds(loaded, arrays)
    assert loaded.source == host.url("good")
    assert host.hits == ["404", "wrong", "truncated", "drip", "endless", "nonsense", "good"]
    assert kept(cache) == ["mnist.npz"]


def test_a_host_that_is_slow_but_comes_to_an_end(serve, host, monkeypatch):
    arrays = serve("mnist", "pieces")
    monkeypatch.setattr(download, "PATIENCE", 0.0)
    monkeypatch.setattr(download, "SLOWEST", 1)
    assert_holds(data.load("mnist"), arrays)


@pytest.mark.parametrize("way", ["redirect", "gzip"])
def test_a_host_that_is_only_odd(serve, host, cache, way):
    arrays = serve("mnist", way)
    assert_holds(data.load("mnist"), arrays)


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (OSError(errno.ENETUNREACH, "Network is unreachable"), "Network is unreachable"),
        (OSError(errno.EHOSTUNREACH, "No route to host"), "No route to host"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), "Connection refused"),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "Name or service not known"),
        (TimeoutError("timed out"), "timed out"),
    ],
)
def test_no_connection(serve, monkeypatch, host, cache, failure, reason):
    def create_connection(*arguments, **keywords):
        raise failure

    serve("mnist", "good", "redirect")
    monkeypatch.setattr(urllib3.util.connection, "create_connection", create_connection)
    with pytest.raises(data.DataUnavailable) as caught:
        data.load("mnist")
    lines = str(caught.value).splitlines()
    for way in ("good", "redirect"):
        (line,) = [line for line in lines if line.startswith(f"  {host.url(way)}: ")]
        assert line.endswith(reason)
    assert kept(cache) == []


def test_offline(serve, host, monkeypatch):
    serve("imagenette", "good")
    monkeypatch.setenv("CNNLIB_OFFLINE", "1")
    with pytest.raises(data.DataUnavailable, match="no host was tried, as CNNLIB_OFFLINE is set") as caught:
        data.load("imagenette")
    assert host.url("good", "imagenette") in str(caught.value)
    assert "put imagenette2-160.tgz" in str(caught.value) and "or imagenette2-160\n" in str(caught.value)
    assert host.hits == []
    monkeypatch.setenv("CNNLIB_OFFLINE", "0")
    assert data.load("imagenette").train_size == sum(COUNTS["train"])


def test_a_progress_bar_in_a_terminal_only(serve, monkeypatch, capsys):
    serve("mnist", "good")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    data.load("mnist")
    assert "100%" in capsys.readouterr().err
