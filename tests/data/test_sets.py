"""What can be asked for, what a Dataset is, the digits, and the fallback to them."""

import dataclasses
import hashlib

import numpy as np
import pytest
from made_up_sets import ARCHIVES, assert_holds, made_up_arrays
from PIL import Image
from sklearn.datasets import load_digits

from cnnlib import data
from cnnlib.data.sources import SOURCES

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
        (ValueError, {"name": "mnist", "size": 32}, "mnist has no images with size 32; size must be 28"),
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
    parts = made_up_arrays((6, 5, 3), train=123, test=7)
    return {"name": "made-up", "class_names": tuple("0123456789"), **parts}


def test_dataset_knows_itself(parts):
    dataset = data.Dataset(**parts | {"class_names": list("0123456789")})
    assert (dataset.train_size, dataset.test_size, dataset.classes) == (123, 7, 10)
    assert dataset.image_shape == (6, 5, 3)
    assert dataset.class_names == tuple("0123456789")
    assert dataset.notice is None
    assert dataset.y_train.dtype == dataset.y_test.dtype == np.int64
    assert "123 training and 7 test images, 6x5x3 uint8, 10 classes" in repr(dataset)
    assert dataset.checksum[:12] in repr(dataset)


def test_dataset_is_read_only_and_has_its_arrays_for_itself(parts):
    dataset = data.Dataset(**parts)
    for key in ("x_train", "y_train", "x_test", "y_test"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(dataset, key)[0] = 0
        before = getattr(dataset, key).copy()
        parts[key][:] = 0  # the given ones are still their owner's
        np.testing.assert_array_equal(getattr(dataset, key), before)
    with pytest.raises(dataclasses.FrozenInstanceError):
        dataset.name = "other"
    with pytest.raises(TypeError, match="checksum"):
        data.Dataset(**parts, checksum="of something else")


def test_images_that_are_read_only_are_not_copied(parts):
    dataset = data.Dataset(**parts)
    assert dataclasses.replace(dataset, name="other").x_train is dataset.x_train


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


@pytest.mark.parametrize("name", ["digits", *ARCHIVES])
def test_an_edited_copy_has_a_checksum_of_its_own(serve, name):
    if name != "digits":
        serve(name, "good")
    original = data.load(name)
    assert original.checksum == dataclasses.replace(original).checksum  # asked for, so known from now on
    edited = dataclasses.replace(original, y_train=(original.y_train + 1) % 10)
    assert edited.checksum != original.checksum
    again = dataclasses.replace(edited, y_train=original.y_train)
    assert again.checksum == original.checksum


def test_the_published_sets_checksums_are_those_in_the_records():
    """What a Dataset of the published arrays computes, from their published sums."""
    recorded = {
        "mnist": "fd11e43b2eba5e7153ad09f1fec7bda6b5c17839e07127f7c4e1998a737c31e1",
        "cifar10": "f70ec3465e1de441546a46970baf72d2c0c0955fc8d89bc243015029e0262d42",
    }
    for name, checksum in recorded.items():
        arrays = SOURCES[name].arrays.items()
        lines = [f"{key} {shape} {digest}" for key, (shape, digest) in arrays]
        assert hashlib.sha256("\n".join(lines).encode()).hexdigest() == checksum


@pytest.mark.parametrize("name", ["mnist", "cifar10"])
def test_checksum_follows_from_the_sums_of_the_arrays(serve, name):
    serve(name, "good")
    lines = [f"{key} {shape} {digest}" for key, (shape, digest) in SOURCES[name].arrays.items()]
    assert data.load(name).checksum == hashlib.sha256("\n".join(lines).encode()).hexdigest()


@pytest.mark.parametrize(
    ("key", "change", "error", "words"),
    [
        ("x_train", lambda x: x / 255, TypeError, "x_train must be an array of uint8, got float64"),
        ("x_test", lambda x: x.tolist(), TypeError, "x_test must be an array of uint8"),
        ("x_train", lambda x: x[..., 0], ValueError, r"\(N, height, width, channels\), got \(123, 6, 5\)"),
        ("x_test", lambda x: x[:0], ValueError, r"\(N, height, width, channels\), got \(0, 6, 5, 3\)"),
        ("x_test", lambda x: x[:, :4], ValueError, r"\(4, 5, 3\), expected \(6, 5, 3\)"),
        ("y_train", lambda y: y[:-1], ValueError, r"y_train must have the shape \(123,\)"),
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
    assert SOURCES[name].title in printed and "1,797 handwritten digits" in printed
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
