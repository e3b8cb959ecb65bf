"""Files in CNNLIB_DATA and in the cache folder: what is read, what is refused, what is made again."""

import dataclasses
import io
import os
import pickle
import tarfile

import numpy as np
import pytest
from made_up_sets import (
    ARCHIVES,
    COUNTS,
    WNIDS,
    Bomb,
    assert_holds,
    cifar_members,
    kept,
    known,
    link,
    made_up_arrays,
    npz,
    of_archive,
    tar,
)  # fmt: skip
from PIL import Image

from cnnlib import data
from cnnlib.data import archives
from cnnlib.data.sources import SOURCES

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
    assert host.hits == [] and not cache.exists()


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda arrays: npz(arrays)[:-10_000], "BadZipFile"),
        (lambda arrays: b"<html>Please log in</html>", "mnist.npz is not MNIST as it should be"),
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
    with pytest.raises(data.WrongBytes, match="is not MNIST as it should be"):
        data.load("mnist")


def test_given_then_cache_then_download(given, serve, host, cache):
    downloaded = serve("mnist", "good")
    assert data.load("mnist").source == host.url("good")
    assert data.load("mnist").source == "cache"
    (given / "mnist.npz").write_bytes(npz(downloaded))
    assert data.load("mnist").source == "$CNNLIB_DATA/mnist.npz"
    assert host.hits == ["good"]


@pytest.mark.parametrize("name", ARCHIVES)
def test_archives_put_there_by_hand(serve, host, cache, given, name):
    serve(name, "404")
    cache.mkdir()
    (given / ARCHIVES[name]).write_bytes(host.payloads[name])
    first = data.load(name)
    assert first.source == f"$CNNLIB_DATA/{ARCHIVES[name]}"
    assert (given / ARCHIVES[name]).read_bytes() == host.payloads[name]
    (given / ARCHIVES[name]).unlink()
    for file in cache.iterdir():
        file.unlink()
    (cache / ARCHIVES[name]).write_bytes(host.payloads[name])
    second = data.load(name)
    assert second.source == "cache" and second.checksum == first.checksum
    assert (cache / ARCHIVES[name]).read_bytes() == host.payloads[name]
    assert host.hits == []


# ---- Damaged files ----


def flip(path, place, bit=0):
    """Flip a bit as a disk does, without a trace in the file's time."""
    status = path.stat()
    content = bytearray(path.read_bytes())
    content[place] ^= 1 << bit
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_whatever_a_flipped_bit_raises_names_the_file(tmp_path):
    """NotImplementedError, RuntimeError, TokenError...: or the arrays are what they were."""
    arrays = made_up_arrays((2, 2, 1), train=2, test=1)
    source = dataclasses.replace(SOURCES["mnist"], arrays=known(arrays))
    path, content = tmp_path / "mnist.npz", npz(arrays)
    directory = content.index(b"PK\x01\x02")

    def bits(place):
        """All of the first entry of the directory, where most of them matter; a share of the others."""
        return range(8) if 0 <= place - directory < 46 else [place % 8] if place % 3 == 0 else []

    unharmed = 0
    for place in range(len(content)):
        for bit in bits(place):
            path.write_bytes(content[:place] + bytes([content[place] ^ 1 << bit]) + content[place + 1 :])
            try:
                found = archives.read(path, archives.READERS["mnist"]["mnist.npz"], source)
            except data.WrongBytes as error:
                assert str(path) in str(error)
            else:
                unharmed += 1
                for key, array in arrays.items():
                    np.testing.assert_array_equal(found[key], array)
    assert unharmed > 0  # times and rights of the files inside


# In an npz file: the byte that says how its first array is packed, in the directory at the end.
DAMAGE = {
    "encrypted": lambda content: content.index(b"PK\x01\x02") + 8,
    "packed in an unknown way": lambda content: content.index(b"PK\x01\x02") + 11,
    "another pixel": lambda content: 1000,
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("name", ["mnist", "cifar10"])
def test_damaged_arrays_are_fetched_again(serve, host, cache, given, name, damage):
    arrays = serve(name, "good")
    data.load(name)
    file = cache / f"{name}.npz"
    whole = file.read_bytes()
    place = DAMAGE[damage](whole)
    flip(file, place)
    damaged = file.read_bytes()
    loaded = data.load(name)
    assert_holds(loaded, arrays)
    # CIFAR-10's are made again from the archive that is there, MNIST's are the archive.
    assert host.hits == (["good", "good"] if name == "mnist" else ["good"])
    assert data.load(name).source == "cache"
    assert file.read_bytes() == whole

    for path in cache.iterdir():
        path.unlink()
    file.write_bytes(damaged)
    serve(name, "404")
    with pytest.raises(data.DataUnavailable, match=rf"{name}\.npz is not .* as it should be"):
        data.load(name)
    assert file.read_bytes() == damaged  # nothing better came, so it is left for its owner

    (given / f"{name}.npz").write_bytes(damaged)
    with pytest.raises(data.WrongBytes, match="as it should be") as caught:
        data.load(name, fallback="digits")
    assert str(given / f"{name}.npz") in str(caught.value)


@pytest.mark.parametrize("name", ["cifar10", "imagenette"])
def test_a_bad_archive(serve, host, cache, given, name):
    serve(name, "good")
    cache.mkdir()
    (cache / ARCHIVES[name]).write_bytes(host.payloads[name][:9999])  # in the cache: fetched again
    assert data.load(name).source == host.url("good", name)
    for file in cache.iterdir():
        file.unlink()
    (given / ARCHIVES[name]).write_bytes(host.payloads[name][:9999])  # vouched for: an error
    with pytest.raises(data.WrongBytes, match=f"{ARCHIVES[name]} is not .* as it should be"):
        data.load(name, fallback="digits")
    assert host.hits == ["good"] and kept(cache) == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: flip(path, 0),
        lambda path: flip(path, path.stat().st_size // 2, 7),
        lambda path: flip(path, -1, 3),
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
        lambda path: path.write_bytes(path.read_bytes() + b"0"),
        lambda path: path.write_bytes(b""),
    ],
)
def test_damaged_squares_are_decoded_again(serve, host, cache, damage):
    serve("imagenette", "good")
    first = data.load("imagenette", size=32)
    pixels = np.array(first.x_test)
    whole = (cache / "imagenette-32.squares").read_bytes()
    damage(cache / "imagenette-32.squares")
    again = data.load("imagenette", size=32)
    np.testing.assert_array_equal(again.x_test, pixels)
    np.testing.assert_array_equal(again.y_train, first.y_train)
    assert (cache / "imagenette-32.squares").read_bytes() == whole
    assert host.hits == ["good"]  # from the archive that was kept


def test_squares_of_other_photographs_are_not_taken(serve, host, cache, monkeypatch):
    serve("imagenette", "good")
    data.load("imagenette", size=32)
    (cache / ARCHIVES["imagenette"]).unlink()
    serve("imagenette", "404")
    monkeypatch.setitem(SOURCES, "imagenette", dataclasses.replace(SOURCES["imagenette"], manifest="0" * 64))
    with pytest.raises(data.DataUnavailable, match=r"imagenette-32\.squares is not Imagenette"):
        data.load("imagenette", size=32)


def test_what_killed_processes_left_of_squares_goes(serve, cache):
    serve("imagenette", "good")
    data.load("imagenette", size=64)
    old, live = (cache / f".imagenette-32.squares.{number}.tmp" for number in "12")
    old.write_bytes(b"half of it")
    live.write_bytes(b"half of it")
    os.utime(old, ns=(1, 1))
    data.load("imagenette", size=32)
    assert not old.exists() and live.exists()


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
        monkeypatch.setitem(SOURCES, "cifar10", of_archive(SOURCES["cifar10"], archive))
    words = r"it asks for (io|_io|builtins|__builtin__)\.open" if checksum_is_right else "expected"
    with pytest.raises(data.WrongBytes, match=words):
        data.load("cifar10")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("test_batch", link("cifar-10-batches-py/test_batch", "/etc/passwd"), "not a regular file"),
        ("test_batch", link("cifar-10-batches-py/test_batch", "../../x", tarfile.LNKTYPE), "not a regular"),
        ("test_batch", b"no pickle", "is not CIFAR-10 as it should be: UnpicklingError"),
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
    monkeypatch.setitem(SOURCES, "cifar10", of_archive(SOURCES["cifar10"], archive))
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
    for split, images, labels in (
        ("train", loaded.x_train, loaded.y_train),
        ("val", loaded.x_test, loaded.y_test),
    ):
        paths = sorted(path for path in files if path.startswith(split))
        assert [WNIDS[label] for label in labels] == [path.split("/")[1] for path in paths]
        for path, image in zip(paths, images, strict=True):
            np.testing.assert_array_equal(image, expected_square(files[path], size))
    assert kept(cache) == [f"imagenette-{size}.squares"]

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
    monkeypatch.setitem(SOURCES, "imagenette", of_archive(SOURCES["imagenette"], archive))
    before = set(tmp_path.rglob("*")) | set(tmp_path.parent.iterdir())
    assert data.load("imagenette", size=32).train_size == sum(COUNTS["train"])
    after = set(tmp_path.rglob("*")) | set(tmp_path.parent.iterdir())
    made = {path.name for path in after - before}
    assert made == {"cache", "imagenette-32.squares"}
