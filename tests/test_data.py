"""The data sets: where they are looked for, how they are checked, and what a misbehaving host can do."""

import contextlib
import dataclasses
import errno
import functools
import gzip
import hashlib
import http.server
import io
import os
import pickle
import resource
import signal
import socket
import subprocess
import sys
import tarfile
import threading
import time
from pathlib import Path

import numpy as np
import pooch
import pytest
import urllib3
from PIL import Image
from sklearn.datasets import load_digits

from cnnlib import data
from cnnlib.data import archives, download

REAL = os.environ.get("CNNLIB_DATA")
PACKAGE = Path(data.__file__).parent


def real(file):
    """Skip where the real set is not there; its loading is tested with small made-up sets above."""
    there = REAL is not None and (Path(REAL) / file).exists()
    return pytest.mark.skipif(not there, reason=f"{file} is not in CNNLIB_DATA")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache folder, no CNNLIB_DATA, timeouts that a busy machine does not run into."""
    for variable in ("CNNLIB_DATA", "CNNLIB_OFFLINE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("CNNLIB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,mirror.invalid")
    monkeypatch.setattr(download, "TIMEOUT", (2.0, 9.0))
    return tmp_path / "cache"


@pytest.fixture
def given(tmp_path, monkeypatch):
    folder = tmp_path / "given"
    folder.mkdir()
    monkeypatch.setenv("CNNLIB_DATA", str(folder))
    return folder


# ---- Small made-up sets in the public sets' formats ----


def made_up_arrays(shape, train=300, test=100):
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
    """{path: JPEG bytes}: two training and one validation photograph a class, of various shapes and modes."""
    random = np.random.default_rng(1)
    files = {}
    for number, wnid in enumerate(data.SOURCES["imagenette"].wnids):
        for split, count in (("train", 2), ("val", 1)):
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
        archive, facts = tar(content, "imagenette2-160/"), {"manifest": manifest(content)}
    checksum = f"sha256:{hashlib.sha256(archive).hexdigest()}"
    source = dataclasses.replace(data.SOURCES[name], archive_checksum=checksum, urls=(), **facts)
    return archive, source, content


# ---- A host that misbehaves ----


class Host(http.server.ThreadingHTTPServer):
    """Serves `payload`, in the way that the path asks for."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.payload = b""
        self.hits = []
        self.asked, self.release = threading.Event(), threading.Event()

    def url(self, way):
        return f"http://127.0.0.1:{self.server_port}/{way}"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        way, payload = self.path.strip("/"), self.server.payload
        self.server.hits.append(way)
        self.server.asked.set()
        if way in ("404", "503"):
            return self.send_error(int(way))
        if way in ("redirect", "loop"):
            self.send_response(302)
            self.send_header("Location", self.server.url("good" if way == "redirect" else "loop"))
            return self.end_headers()
        if way == "silent":  # never answers
            return self.server.release.wait(10)
        self.send_response(200)
        self.send_header("Content-Length", "many" if way == "nonsense" else str(len(payload)))
        if way == "gzip":  # as some servers do with .tar.gz; the client must keep the bytes as they are
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            if way == "wrong":
                self.wfile.write(payload[:-1] + bytes([payload[-1] ^ 1]))
            elif way == "truncated":
                self.wfile.write(payload[: len(payload) // 2])
            elif way in ("stall", "wait"):
                self.wfile.write(payload[: len(payload) // 2])
                self.wfile.flush()
                self.server.release.wait(10)
                if way == "wait":
                    self.wfile.write(payload[len(payload) // 2 :])
            else:
                self.wfile.write(payload)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def host():
    server = Host()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.release.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def serve(host, monkeypatch):
    """serve(name, *ways): let `load(name)` get a small made-up set from this host, in these ways."""

    def serve(name, *ways):
        host.payload, source, content = made_up(name)
        source = dataclasses.replace(source, urls=tuple(host.url(way) for way in ways))
        monkeypatch.setitem(data.SOURCES, name, source)
        return dict(content)

    return serve


def kept(folder):
    """The files in a folder, but for locks."""
    if not folder.is_dir():
        return []
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith(".lock"))


def assert_holds(loaded, content):
    for key, array in content.items():
        np.testing.assert_array_equal(getattr(loaded, key), array)


# ---- Names and arguments ----


def test_names():
    assert data.names() == ("cifar10", "digits", "imagenette", "mnist")


@pytest.mark.parametrize(
    ("error", "arguments", "words"),
    [
        (ValueError, {"name": "minst"}, "'minst'; known: cifar10, digits, imagenette, mnist"),
        (ValueError, {"name": ""}, "known: cifar10, digits, imagenette, mnist"),
        (TypeError, {"name": None}, "got None; known: cifar10, digits, imagenette, mnist"),
        (TypeError, {"name": ["mnist"]}, "string, got"),
        (ValueError, {"name": "mnist", "fallback": "cifar10"}, "'cifar10'; known: None, 'digits'"),
        (ValueError, {"name": "mnist", "fallback": True}, "known: None, 'digits'"),
        (ValueError, {"name": "mnist", "size": 32}, "mnist has no images of size 32; size must be 28"),
        (ValueError, {"name": "cifar10", "size": 8}, "size must be 32 or 16"),
        (ValueError, {"name": "imagenette", "size": 7}, r"size must be 8\.\.256"),
        (ValueError, {"name": "imagenette", "size": 100_000}, r"size must be 8\.\.256"),
        (ValueError, {"name": "digits", "size": -28}, r"size must be 8\.\.256"),
        (ValueError, {"name": "digits", "size": 0}, r"size must be 8\.\.256"),
        (TypeError, {"name": "digits", "size": 28.0}, r"size must be an integer or None, got 28\.0"),
        (TypeError, {"name": "digits", "size": True}, "size must be an integer or None, got True"),
        (TypeError, {"name": "digits", "channels": "rgb"}, "channels must be an integer or None, got 'rgb'"),
        (ValueError, {"name": "digits", "channels": 2}, "channels must be 1 or 3"),
        (ValueError, {"name": "mnist", "channels": 3, "fallback": "digits"}, "channels must be 1"),
        (ValueError, {"name": "imagenette", "channels": 1}, "channels must be 3"),
    ],
)
def test_bad_arguments_are_named(error, arguments, words):
    with pytest.raises(error, match=words) as caught:
        data.load(**arguments)
    assert not isinstance(caught.value, data.WrongBytes)


# ---- Dataset ----


@pytest.fixture
def parts():
    parts = made_up_arrays((6, 5, 3), train=1234, test=7)
    return {"name": "made-up", "class_names": tuple("0123456789"), **parts}


def test_dataset_knows_itself(parts):
    dataset = data.Dataset(**parts)
    assert (dataset.train_size, dataset.test_size, dataset.classes) == (1234, 7, 10)
    assert dataset.image_shape == (6, 5, 3)
    assert dataset.notice is None
    assert dataset.y_train.dtype == dataset.y_test.dtype == np.int64
    scaled = parts["x_train"] / 255
    np.testing.assert_allclose(dataset.mean, scaled.mean(axis=(0, 1, 2)), rtol=1e-12)
    np.testing.assert_allclose(dataset.std, scaled.std(axis=(0, 1, 2)), rtol=1e-12)
    assert "1,234 training and 7 test images, 6x5x3 uint8, 10 classes" in repr(dataset)


def test_dataset_is_read_only_and_leaves_the_given_arrays_alone(parts):
    dataset = data.Dataset(**parts)
    for key in ("x_train", "y_train", "x_test", "y_test"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(dataset, key)[0] = 0
    parts["x_train"][0] = 0
    with pytest.raises(dataclasses.FrozenInstanceError):
        dataset.name = "other"


def test_checksum_is_of_the_content(parts):
    def checksum(**changes):
        return data.Dataset(**parts | changes).checksum

    same = checksum()
    assert len(same) == 64
    assert checksum(y_train=parts["y_train"].astype(np.int32), name="other") == same
    assert checksum(x_train=np.asfortranarray(parts["x_train"])) == same
    changed = parts["x_test"].copy()
    changed[0, 0, 0, 0] ^= 1
    labels = parts["y_test"].copy()
    labels[0] = (labels[0] + 1) % 10
    others = {
        checksum(x_test=changed),
        checksum(y_test=labels),
        checksum(x_train=parts["x_train"][:-1], y_train=parts["y_train"][:-1]),
        checksum(x_train=parts["x_train"].reshape(-1, 5, 6, 3), x_test=parts["x_test"].reshape(-1, 5, 6, 3)),
    }
    assert len(others - {same}) == 4


@pytest.mark.parametrize(
    ("key", "change", "error", "words"),
    [
        ("x_train", lambda x: x / 255, TypeError, "x_train must be an array of uint8, got float64"),
        ("x_test", lambda x: x.tolist(), TypeError, "x_test must be an array of uint8"),
        ("x_train", lambda x: x[..., 0], ValueError, r"\(N, height, width, channels\), got \(1234, 6, 5\)"),
        ("x_test", lambda x: x[:0], ValueError, r"\(N, height, width, channels\), got \(0, 6, 5, 3\)"),
        ("x_test", lambda x: x[:, :4], ValueError, r"\(4, 5, 3\), expected \(6, 5, 3\)"),
        ("y_train", lambda y: y[:-1], ValueError, r"y_train must have the shape \(1234,\)"),
        ("y_test", lambda y: y[:, np.newaxis], ValueError, r"must have the shape \(7,\).*got \(7, 1\)"),
        ("y_train", lambda y: y * 1.0, TypeError, "y_train must hold integers, got float64"),
        ("y_train", lambda y: y.astype(int) - 1, ValueError, r"y_train must lie in 0\.\.9.*got -1\.\.8"),
        ("class_names", lambda names: names[:4], ValueError, r"must lie in 0\.\.3 for 4 class names"),
        ("class_names", lambda names: (), ValueError, "for 0 class names"),
    ],
)
def test_dataset_refuses_what_does_not_fit(parts, key, change, error, words):
    with pytest.raises(error, match=words):
        data.Dataset(**parts | {key: change(parts[key])})


# ---- Digits ----


def test_digits_are_scikit_learns_in_their_order():
    bunch, digits = load_digits(), data.load("digits")
    assert digits.name == "digits"
    assert (digits.train_size, digits.test_size, digits.image_shape) == (1437, 360, (8, 8, 1))
    images = np.concatenate([digits.x_train, digits.x_test])[..., 0]
    np.testing.assert_array_equal(np.concatenate([digits.y_train, digits.y_test]), bunch.target)
    np.testing.assert_array_equal(images, np.floor(bunch.images * 255 / 16 + 0.5))
    for labels in (digits.y_train, digits.y_test):
        assert np.bincount(labels).min() > 0.9 * len(labels) / 10
    assert digits.checksum == "00419d28302d3a88b88ca6d318bf7dbe3641017206b56f6be489325a43b44874"


@pytest.mark.parametrize(("size", "channels"), [(16, None), (28, 1), (32, 3), (8, 3)])
def test_digits_at_any_size(size, channels):
    own, digits = data.load("digits"), data.load("digits", size=size, channels=channels)
    assert digits.image_shape == (size, size, channels or 1)
    assert digits.x_train.dtype == np.uint8
    assert digits.name == f"digits ({size}x{size}{'x3' if channels == 3 else ''})"
    np.testing.assert_array_equal(digits.y_test, own.y_test)
    # As bright as they were, and each still nearest to itself when brought back.
    assert abs(digits.x_train.mean() - own.x_train.mean()) < 3
    assert digits.checksum != own.checksum
    back = [
        np.asarray(Image.fromarray(image[..., 0]).resize((8, 8), Image.Resampling.BOX))
        for image in digits.x_test
    ]
    back = np.stack(back).reshape(360, 64).astype(float)
    distances = ((back[:, np.newaxis] - own.x_test.reshape(360, 64)) ** 2).sum(axis=2)
    assert (distances.argmin(axis=1) == np.arange(360)).mean() > 0.99


# ---- CNNLIB_DATA ----


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize(
    "layout",
    [
        lambda key, array: array,
        lambda key, array: array[..., np.newaxis] if key.startswith("y") else array[..., 0],
        lambda key, array: array.reshape(len(array), -1),
        lambda key, array: np.asfortranarray(array),
    ],
)
def test_given_arrays_count_whatever_their_container(given, serve, host, cache, layout, save):
    arrays = serve("mnist", "404")
    (given / "mnist.npz").write_bytes(npz({key: layout(key, array) for key, array in arrays.items()}, save))
    loaded = data.load("mnist")
    assert_holds(loaded, arrays)
    assert (loaded.name, loaded.source) == ("mnist", "$CNNLIB_DATA/mnist.npz")
    assert loaded.checksum == dataclasses.replace(loaded, checksum="").checksum
    assert host.hits == [] and not cache.exists()


class Bomb:
    """Something that runs when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda arrays: npz(arrays)[:-100_000], "BadZipFile"),
        (lambda arrays: b"<html>Please log in</html>", "mnist.npz is not MNIST as an npz file"),
        (lambda arrays: b"", "EOFError"),
        (lambda arrays: npz(arrays | {"x_test": arrays["x_test"] ^ 1}), "x_test has the sha256 .* expected"),
        (
            lambda arrays: npz(arrays | {"y_test": arrays["y_test"][::-1]}),
            "y_test has the sha256 .* expected",
        ),
        (lambda arrays: npz(arrays | {"x_train": arrays["x_train"] / 255}), "x_train is float64"),
        (lambda arrays: npz(arrays | {"y_train": arrays["y_train"].astype(np.int8)}), "y_train is int8"),
        (lambda arrays: npz(arrays | {"x_train": arrays["x_train"][:9]}), r"x_train is uint8 \(9, 28, 28, 1"),
        (lambda arrays: npz({"x_train": arrays["x_train"]}), "KeyError"),
    ],
)
def test_a_bad_file_in_the_given_folder_is_an_error(given, serve, host, damage, words):
    arrays = serve("mnist", "good")
    (given / "mnist.npz").write_bytes(damage(arrays))
    with pytest.raises(data.WrongBytes, match=words) as caught:
        data.load("mnist", fallback="digits")  # no fallback hides it, and no host makes up for it
    assert str(given / "mnist.npz") in str(caught.value)
    assert host.hits == []


def test_objects_in_an_npz_are_not_unpickled(given, serve, tmp_path):
    arrays = serve("mnist", "good")
    arrays["x_train"] = np.array([Bomb(tmp_path / "ran")], object)
    (given / "mnist.npz").write_bytes(npz(arrays))
    with pytest.raises(data.WrongBytes, match="allow_pickle=False"):
        data.load("mnist")
    assert not (tmp_path / "ran").exists()


def test_an_array_in_place_of_an_npz(given, serve):
    arrays = serve("mnist", "good")
    with open(given / "mnist.npz", "wb") as file:
        np.save(file, arrays["x_train"])
    with pytest.raises(data.WrongBytes, match="is not MNIST as an npz file with x_train, y_train"):
        data.load("mnist")


def test_given_then_cache_then_download(given, serve, host, cache):
    downloaded = serve("mnist", "good")
    assert data.load("mnist").source == host.url("good")
    assert data.load("mnist").source == "cache"
    (given / "mnist.npz").write_bytes(npz(downloaded))
    assert data.load("mnist").source == "$CNNLIB_DATA/mnist.npz"
    assert host.hits == ["good"]


def test_the_default_cache_is_the_users(monkeypatch):
    monkeypatch.delenv("CNNLIB_CACHE")
    assert data.cache_folder() == Path(pooch.os_cache("cnnlib"))
    monkeypatch.setenv("CNNLIB_CACHE", "~/elsewhere")
    assert data.cache_folder() == Path.home() / "elsewhere"


# ---- Downloads ----

ARCHIVES = {"mnist": "mnist.npz", "cifar10": "cifar-10-python.tar.gz", "imagenette": "imagenette2-160.tgz"}
KEPT = {
    "mnist": ["mnist.npz"],
    "cifar10": ["cifar10.npz"],
    "imagenette": ["imagenette-160.json", "imagenette-160.npy", "imagenette2-160.tgz"],
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_download_once(serve, host, cache, name, capfd):
    content = serve(name, "good")
    first = data.load(name)
    assert kept(cache) == KEPT[name]
    second = data.load(name)
    assert host.hits == ["good"]
    assert (first.source, second.source) == (host.url("good"), "cache")
    assert first.checksum == second.checksum
    for dataset in (first, second):
        if name == "imagenette":
            assert (dataset.train_size, dataset.test_size) == (20, 10)
        else:
            assert_holds(dataset, content)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("way", "reason"),
    [
        ("404", "HTTP 404 Not Found"),
        ("503", "HTTP 503 Service Unavailable"),
        ("loop", "Exceeded 30 redirects"),
        ("truncated", "broke off|wrong bytes"),  # urllib3 1.26 does not count what comes
        ("wrong", "wrong bytes: .* with sha256 .*, expected"),
        ("stall", r"nothing came for 0\.8 s"),
        ("silent", r"nothing came for 0\.8 s"),
        ("nonsense", "many"),
    ],
)
def test_a_host_that_fails(serve, host, cache, monkeypatch, way, reason):
    if way in ("stall", "silent"):
        monkeypatch.setattr(download, "TIMEOUT", (2.0, 0.8))
    serve("mnist", way)
    start = time.monotonic()
    with pytest.raises(data.DataUnavailable, match=reason) as caught:
        data.load("mnist")
    assert time.monotonic() - start < 8  # the host itself goes on after 10
    assert kept(cache) == []
    message = str(caught.value)
    for part in (host.url(way), "MNIST could not be had", "CNNLIB_DATA: not set", "By hand: put mnist.npz",
                 data.SOURCES["mnist"].archive_checksum.partition(":")[2], str(cache)):  # fmt: skip
        assert part in message

    # ... and with a second host that serves it.
    arrays = serve("mnist", way, "good")
    loaded = data.load("mnist")
    assert_holds(loaded, arrays)
    assert loaded.source == host.url("good")
    assert kept(cache) == ["mnist.npz"]


@pytest.mark.parametrize("way", ["redirect", "gzip"])
def test_a_host_that_is_only_odd(serve, host, cache, way):
    arrays = serve("mnist", way)
    assert_holds(data.load("mnist"), arrays)


def refuse(kind):
    def create_connection(*arguments, **keywords):
        raise kind

    return create_connection


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (OSError(errno.ENETUNREACH, "Network is unreachable"), "Network is unreachable"),
        (OSError(errno.EHOSTUNREACH, "No route to host"), "No route to host"),
        (TimeoutError("timed out"), "no connection within 2 s"),
    ],
)
def test_no_route(serve, monkeypatch, cache, failure, reason):
    serve("mnist", "good", "redirect")
    monkeypatch.setattr(urllib3.util.connection, "create_connection", refuse(failure))
    with pytest.raises(data.DataUnavailable) as caught:
        data.load("mnist")
    assert str(caught.value).count(reason) == 2  # one line for each host
    assert kept(cache) == []


def test_no_such_host(serve, monkeypatch):
    serve("mnist")
    source = dataclasses.replace(data.SOURCES["mnist"], urls=("http://mirror.invalid/mnist.npz",))
    monkeypatch.setitem(data.SOURCES, "mnist", source)

    def getaddrinfo(*arguments, **keywords):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with pytest.raises(data.DataUnavailable, match=r"http://mirror\.invalid/mnist\.npz: .*not known"):
        data.load("mnist")


def test_a_refused_port(serve, monkeypatch):
    serve("mnist")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound, but nobody listens
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/mnist.npz"
        source = dataclasses.replace(data.SOURCES["mnist"], urls=(url,))
        monkeypatch.setitem(data.SOURCES, "mnist", source)
        with pytest.raises(data.DataUnavailable, match=f"{url}: .*Connection refused"):
            data.load("mnist")


def test_every_host_is_named(serve, host):
    serve("cifar10", "404", "wrong", "503")
    with pytest.raises(data.DataUnavailable) as caught:
        data.load("cifar10")
    lines = str(caught.value).splitlines()
    for way in ("404", "wrong", "503"):
        assert len([line for line in lines if host.url(way) in line]) == 1
    assert "put cifar-10-python.tar.gz" in str(caught.value) and "or cifar10.npz" in str(caught.value)
    assert host.hits == ["404", "wrong", "503"]


def test_offline(serve, host, monkeypatch):
    serve("imagenette", "good")
    monkeypatch.setenv("CNNLIB_OFFLINE", "1")
    with pytest.raises(data.DataUnavailable, match="no host was tried, as CNNLIB_OFFLINE is set") as caught:
        data.load("imagenette")
    assert host.url("good") in str(caught.value) and "the folder imagenette2-160" in str(caught.value)
    assert host.hits == []
    monkeypatch.setenv("CNNLIB_OFFLINE", "0")
    assert data.load("imagenette").train_size == 20


def test_a_progress_bar_in_a_terminal_only(serve, monkeypatch, capsys):
    serve("mnist", "good")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    data.load("mnist")
    assert "100%" in capsys.readouterr().err


def test_a_damaged_cache_is_fetched_again(serve, host, cache):
    arrays = serve("cifar10", "good")
    data.load("cifar10")
    file = cache / "cifar10.npz"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    loaded = data.load("cifar10")
    assert_holds(loaded, arrays)
    assert loaded.source == host.url("good") and host.hits == ["good", "good"]

    file.write_bytes(content)
    serve("cifar10", "404")
    with pytest.raises(data.DataUnavailable, match=r"cifar10\.npz is not CIFAR-10 as an npz file"):
        data.load("cifar10")
    assert file.read_bytes() == content  # nothing better came, so it is left for its owner


@pytest.mark.parametrize("name", ARCHIVES)
def test_archives_put_there_by_hand(serve, host, cache, given, name):
    serve(name, "404")
    cache.mkdir()
    (given / ARCHIVES[name]).write_bytes(host.payload)
    first = data.load(name)
    assert first.source == f"$CNNLIB_DATA/{ARCHIVES[name]}"
    assert (given / ARCHIVES[name]).read_bytes() == host.payload
    (given / ARCHIVES[name]).unlink()
    for file in cache.glob("*.*"):
        file.unlink()
    (cache / ARCHIVES[name]).write_bytes(host.payload)
    second = data.load(name)
    assert second.source == "cache" and second.checksum == first.checksum
    assert (cache / ARCHIVES[name]).read_bytes() == host.payload
    assert host.hits == []


@pytest.mark.parametrize("name", ["cifar10", "imagenette"])
def test_a_bad_archive(serve, host, cache, given, name):
    serve(name, "good")
    cache.mkdir()
    (cache / ARCHIVES[name]).write_bytes(host.payload[:-1])  # in the cache: fetched again
    assert data.load(name).source == host.url("good")
    for file in cache.glob("*.*"):
        file.unlink()
    (given / ARCHIVES[name]).write_bytes(host.payload[:-1])  # vouched for: an error
    with pytest.raises(data.WrongBytes, match=f"{ARCHIVES[name]} is not .* as its hosts serve it"):
        data.load(name, fallback="digits")
    assert host.hits == ["good"] and kept(cache) == []


# ---- Processes ----

# Without the package's own imports, which take seconds: a module of that name and path, and nothing else.
CHILD = """
import pickle, sys, time, types
package = types.ModuleType("cnnlib")
package.__path__ = [sys.argv[1]]
sys.modules["cnnlib"] = package
from cnnlib import data
from cnnlib.data import archives, download
name, data.SOURCES[name], stage = pickle.load(open(sys.argv[2], "rb"))
if stage == "converting":
    batches = archives._batches
    def slow(*arguments):
        for batch in batches(*arguments):
            yield batch
            print("converting", flush=True)
            time.sleep(30)
    archives._batches = slow
print("started", flush=True)
print(data.load(name).checksum, flush=True)
"""


def start(tmp_path, name, stage=""):
    job = tmp_path / "job.pickle"
    job.write_bytes(pickle.dumps((name, data.SOURCES[name], stage)))
    command = [sys.executable, "-c", CHILD, str(PACKAGE), str(job)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "started\n", child.stderr.read()
    return child


def wait_for(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def kill(child):
    child.send_signal(signal.SIGKILL)
    child.communicate()
    assert child.returncode == -signal.SIGKILL


def test_killed_in_mid_download(serve, host, cache, tmp_path):
    serve("mnist", "wait")
    child = start(tmp_path, "mnist")
    wait_for(lambda: any(path.stat().st_size > 0 for path in cache.glob(".mnist.*.part")))
    kill(child)
    assert [name for name in kept(cache) if not name.endswith(".part")] == []
    assert len(kept(cache)) == 1

    arrays = serve("mnist", "good")
    assert_holds(data.load("mnist"), arrays)
    assert kept(cache) == ["mnist.npz"]


def test_killed_in_mid_conversion(serve, host, cache, tmp_path):
    serve("cifar10", "good")
    child = start(tmp_path, "cifar10", "converting")
    assert child.stdout.readline() == "converting\n"
    kill(child)
    assert "cifar-10-python.tar.gz" in kept(cache) and "cifar10.npz" not in kept(cache)
    assert any(name.endswith(".part") for name in kept(cache))

    arrays = serve("cifar10", "404")  # what had come whole need not come again
    assert_holds(data.load("cifar10"), arrays)
    assert kept(cache) == ["cifar-10-python.tar.gz", "cifar10.npz"]


@pytest.mark.parametrize("name", ["mnist", "cifar10"])
def test_two_processes_at_once(serve, host, cache, tmp_path, name):
    serve(name, "wait")
    children = [start(tmp_path, name), start(tmp_path, name)]
    assert host.asked.wait(10)
    time.sleep(0.5)  # for the second to come to the lock
    host.release.set()
    checksums = []
    for child in children:
        output, errors = child.communicate(timeout=20)
        assert child.returncode == 0, errors
        checksums.append(output.strip())
    assert checksums[0] == checksums[1] == data.load(name).checksum
    assert host.hits == ["wait"]  # one came for both
    assert kept(cache) == KEPT[name]


def test_two_processes_at_once_where_files_cannot_be_locked(serve, host, cache, monkeypatch):
    arrays = serve("mnist", "wait")
    monkeypatch.setattr(download, "fcntl", None)
    loaded = []
    threads = [threading.Thread(target=lambda: loaded.append(data.load("mnist"))) for _ in range(2)]
    for thread in threads:
        thread.start()
    wait_for(lambda: len(host.hits) == 2)
    host.release.set()
    for thread in threads:
        thread.join()
    assert len(loaded) == 2
    for dataset in loaded:
        assert_holds(dataset, arrays)
    assert kept(cache) == ["mnist.npz"]


# ---- Disks ----


@pytest.mark.parametrize("name", ARCHIVES)
def test_an_unwritable_cache(serve, host, tmp_path, monkeypatch, name):
    serve(name, "good")
    (tmp_path / "file").write_text("no folder can be made below a file, not even by root")
    monkeypatch.setenv("CNNLIB_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(data.DataUnavailable, match="Not a directory; CNNLIB_CACHE chooses another") as caught:
        data.load(name)
    assert str(tmp_path / "file" / "cache") in str(caught.value)
    assert host.hits == []
    size = 32 if name == "imagenette" else None
    assert data.load(name, size=size, fallback="digits").notice is not None


def test_given_arrays_need_no_cache(given, serve, tmp_path, monkeypatch):
    arrays = serve("mnist", "good")
    (given / "mnist.npz").write_bytes(npz(arrays))
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CNNLIB_CACHE", str(tmp_path / "file" / "cache"))
    assert_holds(data.load("mnist"), arrays)


def test_a_disk_that_fills_up_in_the_download(serve, host, cache, monkeypatch):
    serve("mnist", "good", "good")

    class Full(io.FileIO):
        def write(self, content):
            if self.tell() + len(content) > 100_000:
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


@pytest.mark.parametrize("name", ["cifar10", "imagenette"])
def test_a_disk_that_fills_up_in_the_conversion(serve, host, cache, name):
    serve(name, "404")
    cache.mkdir()
    (cache / ARCHIVES[name]).write_bytes(host.payload)
    with file_size_limit(100_000):
        with pytest.raises(data.DataUnavailable, match="File too large; CNNLIB_CACHE chooses"):
            data.load(name)
    assert kept(cache) == [ARCHIVES[name]]
    assert data.load(name).source == "cache"


# ---- Fallback ----


@pytest.mark.parametrize(("name", "shape"), [("mnist", (28, 28, 1)), ("cifar10", (32, 32, 3))])
def test_fallback(serve, capsys, name, shape):
    serve(name, "404")
    loaded = data.load(name, fallback="digits")
    assert loaded.image_shape == shape and loaded.train_size == 1437
    assert loaded.name == {"mnist": "digits (28x28)", "cifar10": "digits (32x32x3)"}[name]
    assert loaded.source == "scikit-learn"
    printed = capsys.readouterr().out
    assert printed == loaded.notice + "\n"
    assert data.SOURCES[name].title in printed and "1,797 handwritten digits" in printed
    assert loaded.checksum == data.load("digits", size=shape[0], channels=shape[2]).checksum


@pytest.mark.parametrize(("name", "size"), [("cifar10", 16), ("imagenette", 64)])
def test_fallback_at_the_size_asked_for(serve, name, size):
    serve(name, "404")
    assert data.load(name, size=size, fallback="digits").image_shape == (size, size, 3)


def test_no_fallback_where_the_set_is_there(serve, capsys):
    arrays = serve("mnist", "good")
    loaded = data.load("mnist", fallback="digits")
    assert_holds(loaded, arrays)
    assert loaded.notice is None and capsys.readouterr().out == ""


# ---- CIFAR-10 ----


def test_cifar10_averaged_down(serve):
    arrays = serve("cifar10", "good")
    loaded = data.load("cifar10", size=16)
    assert loaded.name == "cifar10 (16x16)" and loaded.x_train.dtype == np.uint8
    for split in ("train", "test"):
        images = arrays[f"x_{split}"].reshape(-1, 16, 2, 16, 2, 3).astype(int)
        sums = images.sum(axis=(2, 4))
        np.testing.assert_array_equal(getattr(loaded, f"x_{split}"), np.floor(sums / 4 + 0.5))
    assert loaded.checksum != data.load("cifar10").checksum


@pytest.mark.parametrize("checksum_is_right", [True, False])
def test_nothing_in_a_pickle_runs(given, serve, monkeypatch, tmp_path, checksum_is_right):
    arrays = serve("cifar10")
    members = cifar_members(arrays)
    members["cifar-10-batches-py/data_batch_1"] = pickle.dumps({"data": Bomb(tmp_path / "ran")}, 2)
    archive = tar(members)
    (given / "cifar-10-python.tar.gz").write_bytes(archive)
    if checksum_is_right:  # if ever an archive with the right checksum were evil
        source = dataclasses.replace(
            data.SOURCES["cifar10"], archive_checksum=f"sha256:{hashlib.sha256(archive).hexdigest()}"
        )
        monkeypatch.setitem(data.SOURCES, "cifar10", source)
    words = r"it asks for (io|_io|builtins|__builtin__)\.open" if checksum_is_right else "wrong bytes"
    with pytest.raises(data.WrongBytes, match=words):
        data.load("cifar10")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("test_batch", link("cifar-10-batches-py/test_batch", "/etc/passwd"), "not a regular file"),
        ("test_batch", link("cifar-10-batches-py/test_batch", "../../x", tarfile.LNKTYPE), "not a regular"),
        ("test_batch", b"no pickle", "is not CIFAR-10 as its hosts serve it"),
        ("data_batch_3", None, "data_batch_3"),
    ],
)
def test_a_cifar10_archive_of_the_right_checksum_and_wrong_members(
    given, serve, monkeypatch, cache, name, content, words
):
    members = cifar_members(serve("cifar10"))
    members[f"cifar-10-batches-py/{name}"] = content
    archive = tar({key: value for key, value in members.items() if value is not None})
    (given / "cifar-10-python.tar.gz").write_bytes(archive)
    checksum = f"sha256:{hashlib.sha256(archive).hexdigest()}"
    source = dataclasses.replace(data.SOURCES["cifar10"], archive_checksum=checksum)
    monkeypatch.setitem(data.SOURCES, "cifar10", source)
    with pytest.raises(data.WrongBytes, match=words):
        data.load("cifar10")
    assert kept(cache) == []


# ---- Imagenette ----


def expected_square(content, size):
    """The square by another way: crop first where the side is kept, else resize the whole photograph."""
    image = Image.open(io.BytesIO(content)).convert("RGB")
    width, height = image.size
    if min(width, height) != size:
        scale = size / min(width, height)
        image = image.resize((round(width * scale), round(height * scale)), Image.Resampling.BILINEAR)
    pixels = np.asarray(image)
    top, left = (pixels.shape[0] - size) // 2, (pixels.shape[1] - size) // 2
    return pixels[top : top + size, left : left + size]


def unpack(files, folder):
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)


@pytest.mark.parametrize("size", [160, 64])
def test_imagenette_from_a_folder(given, serve, host, cache, size):
    files = serve("imagenette", "404")
    unpack(files, given / "imagenette2-160")
    (given / "imagenette2-160" / "noisy_imagenette.csv").write_text("part of the public archive, not needed")
    loaded = data.load("imagenette", size=size)
    assert loaded.image_shape == (size, size, 3) and loaded.x_train.dtype == np.uint8
    assert loaded.name == ("imagenette" if size == 160 else "imagenette (64x64)")
    assert loaded.class_names[0] == "tench" and loaded.class_names[9] == "parachute"
    wnids = data.SOURCES["imagenette"].wnids
    for split, images, labels in (
        ("train", loaded.x_train, loaded.y_train),
        ("val", loaded.x_test, loaded.y_test),
    ):
        paths = sorted(path for path in files if path.startswith(split))
        assert [wnids[label] for label in labels] == [path.split("/")[1] for path in paths]
        for path, image in zip(paths, images, strict=True):
            np.testing.assert_array_equal(image, expected_square(files[path], size))
    assert kept(cache) == [f"imagenette-{size}.json", f"imagenette-{size}.npy"]

    for path in files:  # the second time the photographs are not needed
        (given / "imagenette2-160" / path).unlink()
    again = data.load("imagenette", size=size)
    assert again.source == "cache" and again.checksum == loaded.checksum
    np.testing.assert_array_equal(again.x_train, loaded.x_train)
    assert host.hits == []


def test_squares_are_antialiased():
    stripes = np.zeros((320, 320, 3), np.uint8)
    stripes[:, ::2] = 255
    file = io.BytesIO()
    Image.fromarray(stripes).save(file, "PNG")
    small = archives.square(file.getvalue(), 80)
    assert abs(small[:, 4:-4].astype(int) - 127).max() <= 2  # grey, not a choice of black and white stripes


@pytest.mark.parametrize(
    "damage",
    [
        lambda files: files | {"train/n01440764/n01440764_0.JPEG": b"not a photograph"},
        lambda files: dict(list(files.items())[1:]),
        lambda files: files | {"val/n01440764/extra.JPEG": next(iter(files.values()))},
        lambda files: {path.replace("n01440764_0", "n01440764_9"): files[path] for path in files},
        lambda files: {},
    ],
)
def test_wrong_photographs(given, serve, cache, damage):
    files = damage(serve("imagenette", "good"))
    (given / "imagenette2-160").mkdir()
    unpack(files, given / "imagenette2-160")
    with pytest.raises(data.WrongBytes, match=f"its {len(files)} files .* have the manifest sha256"):
        data.load("imagenette", fallback="digits")
    assert kept(cache) == []


def test_malicious_members_write_nothing(given, serve, monkeypatch, cache, tmp_path):
    files = serve("imagenette")
    inside = {f"imagenette2-160/{path}": content for path, content in files.items()}
    evil = {
        "../evil": b"evil",
        "../../evil": b"evil",
        f"{tmp_path}/evil": b"evil",
        "imagenette2-160/train/../../../evil": b"evil",
        "imagenette2-160/train/../evil.JPEG": b"evil",
        "imagenette2-160/../train/n01440764/evil.JPEG": b"evil",
        "a link": link("imagenette2-160/train/n01440764/link.JPEG", "/etc/passwd"),
        "a hard link": link("imagenette2-160/train/n01440764/hard.JPEG", "../../evil", tarfile.LNKTYPE),
        "a linked folder": link("imagenette2-160/val", str(tmp_path)),
        "a pipe": link("imagenette2-160/train/n01440764/pipe.JPEG", "", tarfile.FIFOTYPE),
    }
    archive = tar(evil | inside)
    (given / "imagenette2-160.tgz").write_bytes(archive)
    checksum = f"md5:{hashlib.md5(archive).hexdigest()}"
    source = dataclasses.replace(data.SOURCES["imagenette"], archive_checksum=checksum)
    monkeypatch.setitem(data.SOURCES, "imagenette", source)
    before = set(tmp_path.rglob("*")) | set(tmp_path.parent.iterdir())
    assert data.load("imagenette", size=32).train_size == 20
    after = set(tmp_path.rglob("*")) | set(tmp_path.parent.iterdir())
    made = {path.name for path in after - before}
    assert made == {"cache", ".imagenette.lock", "imagenette-32.json", "imagenette-32.npy"}


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
        lambda path: path.write_bytes(path.read_bytes()[:-1] + bytes([path.read_bytes()[-1] ^ 1])),
        lambda path: path.write_bytes(b""),
        lambda path: path.with_suffix(".json").unlink(),
        lambda path: path.with_suffix(".json").write_text('{"manifest": '),
        lambda path: path.with_suffix(".json").write_text("{}"),
        lambda path: path.with_suffix(".json").write_text("[]"),
    ],
)
def test_damaged_squares_are_decoded_again(serve, host, cache, damage):
    serve("imagenette", "good")
    first = np.array(data.load("imagenette", size=32).x_test)
    damage(cache / "imagenette-32.npy")
    np.testing.assert_array_equal(data.load("imagenette", size=32).x_test, first)
    assert host.hits == ["good"]  # from the archive that was kept


def test_squares_as_they_were_written_are_not_even_read(serve, cache, monkeypatch):
    serve("imagenette", "good")
    data.load("imagenette", size=32)

    def no_time(array):
        raise AssertionError("a gigabyte was summed")

    monkeypatch.setattr(archives, "sha256", no_time)
    assert data.load("imagenette", size=32).source == "cache"


def test_squares_that_were_copied_are_not_decoded_again(serve, host, cache):
    serve("imagenette", "good")
    data.load("imagenette", size=32)
    os.utime(cache / "imagenette-32.npy", ns=(1, 1))
    (cache / "imagenette2-160.tgz").unlink()
    assert data.load("imagenette", size=32).source == "cache"
    assert host.hits == ["good"]


# ---- The real sets ----


def seconds_of(work):
    start = time.process_time()  # of this process, so that a busy machine fails no test
    work()
    return time.process_time() - start


@pytest.mark.parametrize(
    ("name", "sizes", "mean", "std"),
    [
        pytest.param("mnist", (60000, 10000), [0.1307], [0.3081], marks=real("mnist.npz")),
        pytest.param(
            "cifar10",
            (50000, 10000),
            [0.4914, 0.4822, 0.4465],
            [0.2470, 0.2435, 0.2616],
            marks=real("cifar10.npz"),
        ),
    ],
)
def test_the_real_arrays(monkeypatch, name, sizes, mean, std):
    monkeypatch.setenv("CNNLIB_DATA", REAL)
    loaded = data.load(name)
    assert (loaded.train_size, loaded.test_size) == sizes
    np.testing.assert_allclose(loaded.mean, mean, atol=6e-5)
    np.testing.assert_allclose(loaded.std, std, atol=6e-5)
    assert loaded.checksum == dataclasses.replace(loaded, checksum="").checksum
    assert np.bincount(loaded.y_test).shape == (10,)
    assert seconds_of(lambda: data.load(name)) < 1


@real("cifar10.npz")
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
@pytest.mark.parametrize("size", [32, 16])
def test_memory_of_cifar10(size):
    child = f"""
import sys, types
package = types.ModuleType("cnnlib")
package.__path__ = [{str(PACKAGE)!r}]
sys.modules["cnnlib"] = package
from cnnlib import data
def kilobytes(kind):
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(kind))
before = kilobytes("VmRSS")
loaded = data.load("cifar10", size={size})
loaded.mean, loaded.std
print(1024 * (kilobytes("VmHWM") - before))  # not ru_maxrss, which starts from the parent's
"""
    environment = os.environ | {"CNNLIB_DATA": REAL}
    output = subprocess.run([sys.executable, "-c", child], env=environment, capture_output=True, check=True)
    assert 40e6 < int(output.stdout) <= 250e6


@real("imagenette2-160")
def test_the_real_photographs(monkeypatch):
    source = data.SOURCES["imagenette"]
    files = archives.read_folder(Path(REAL) / "imagenette2-160", source)  # raises if one bit is wrong
    paths = list(files)
    assert len(paths) == 13394 and sum(path.startswith("train/") for path in paths) == 9469
    assert {path.split("/")[1] for path in paths} == set(source.wnids)
    for path in paths[::400]:
        photograph = np.asarray(Image.open(io.BytesIO(files[path])).convert("RGB"))
        square = archives.square(files[path], 160)
        top, left = (photograph.shape[0] - 160) // 2, (photograph.shape[1] - 160) // 2
        np.testing.assert_array_equal(square, photograph[top : top + 160, left : left + 160])
