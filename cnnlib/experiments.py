"""The book's recorded experiments as data: the runs that each of its figures and tables rests on.

    runs = cnnlib.experiments.recorded("resnet-rates")   # arm -> its records, one a seed
    runs["plain, 0.03"]

An experiment compares arms, as a trial does: an arm is one network, trained by one recipe on one data set,
once a seed. ``EXPERIMENTS`` holds them all by name. The chapters take their records from here, so that what
the book needs and what is recorded are one list; ``python -m cnnlib experiments`` prints it, with what is
missing.
"""

import dataclasses

import numpy as np

from cnnlib import data, recipes, records
from cnnlib.models import alexnet
from cnnlib.records import measurements
from cnnlib.records.reading import Record, plain


@dataclasses.dataclass(frozen=True)
class Arm:
    """One side of a comparison: a network, trained by a recipe, once a seed.

    Attributes:
        network: a name of ``cnnlib.models.build``.
        recipe: a name of ``cnnlib.recipes.get``.
        options: of the network.
        seeds: how many runs the book needs, of seeds 0, 1, ... Records of further seeds count as well.
        data: the data set's name; the recipe says at which size.
    """

    network: str
    recipe: str
    options: dict = dataclasses.field(default_factory=dict)
    seeds: int = 3
    data: str = "cifar10"

    @property
    def data_name(self) -> str:
        """What records call the data set at the recipe's size: "cifar10 (16x16)"."""
        return data.record_name(self.data, recipes.get(self.recipe).image_size)

    def fits(self, record: "Record | measurements.Measurement", recipe: bool = True) -> bool:
        """Whether a record is of this arm; with ``recipe=False`` by the recipe's name, whatever is in it."""
        wanted = recipes.get(self.recipe)
        return (
            (record.network, record.data["name"]) == (self.network, self.data_name)
            and record.options == plain(self.options)
            and record.recipe["name"] == wanted.name
            and (not recipe or record.recipe == plain(wanted.as_dict()))
        )

    def arguments(self, seeds: list[int]) -> list[str]:
        """Of ``python -m cnnlib``: the command that records the runs of these seeds."""
        words = ["train", self.network, "--data", self.data, "--recipe", self.recipe]
        for key, value in self.options.items():
            words += ["--option", f"{key}={value if isinstance(value, str) else repr(value)}"]
        return [*words, "--seeds", ",".join(map(str, seeds)), "--record"]


@dataclasses.dataclass(frozen=True)
class Experiment:
    """Arms that are compared, and where.

    Attributes:
        chapter: the notebook that reads it, without its suffix; None if only the page of records shows it.
        arms: by the label that the chapter gives them.
        measurement: the name of what is measured in these networks, see ``cnnlib.records.measurements``;
            None for the runs themselves.
        gpu: whether it waits for a machine with a GPU: the chapter then does without what is missing.
    """

    chapter: str | None
    arms: dict[str, Arm]
    measurement: str | None = None
    gpu: bool = False

    def recorded(self, directory=None) -> dict[str, list]:
        """For each arm its records, or its measurements, by seed; a list may be empty.

        Args:
            directory: see ``cnnlib.records.folder``.
        """
        found = sorted(self._all(directory), key=lambda record: record.seed)
        return {label: [record for record in found if arm.fits(record)] for label, arm in self.arms.items()}

    def missing(self, directory=None) -> dict[str, list[int]]:
        """For each arm that is not complete the seeds that are still to be run."""
        lacking = {}
        for label, found in self.recorded(directory).items():
            there = {record.seed for record in found}
            lacking[label] = [seed for seed in range(self.arms[label].seeds) if seed not in there]
        return {label: seeds for label, seeds in lacking.items() if seeds}

    def stale(self, directory=None) -> list:
        """Records that were made when a recipe of this name was another: they no longer fit their arm."""
        return [
            record
            for record in self._all(directory)
            if any(arm.fits(record, recipe=False) and not arm.fits(record) for arm in self.arms.values())
        ]

    def state(self, directory=None) -> str:
        """ "complete", or how many runs are recorded of how many that the book needs."""
        wanted = sum(arm.seeds for arm in self.arms.values())
        lacking = sum(len(seeds) for seeds in self.missing(directory).values())
        return f"{wanted - lacking} of {wanted} recorded" if lacking else "complete"

    def _all(self, directory):
        return measurements.load(self.measurement, directory) if self.measurement else records.load(directory)


HALF = {"widths": (8, 16, 32)}
DEPTHS = (8, 20, 32, 44, 56)
_STRONG = alexnet.REDUCED["response_normalization"]
KINDS = {"plain": "cifar-plain-", "residual": "cifar-resnet-"}


def _lenet5(recipe="lenet5-mnist-shortened-9375", seeds=3, network="lenet5", **options):
    """An arm on MNIST; ten of the recipe's twenty passes unless said otherwise."""
    return Arm(network, recipe, options, seeds, data="mnist")


def _by_depth(recipe, more=()):
    """Plain and residual at five depths; five seeds at the depths ``more``."""
    return {
        f"{kind} {depth}": Arm(f"{stem}{depth}", recipe, HALF, 5 if depth in more else 3)
        for kind, stem in KINDS.items()
        for depth in DEPTHS
    }


def _eight_passes(network="cifar-resnet-56", seeds=5, recipe="he2015-cifar-reduced", **options):
    """An arm of 56 layers and eight passes."""
    return Arm(network, recipe, {**HALF, **options}, seeds)


def _alexnet(recipe="krizhevsky2012-reduced", seeds=3, **options):
    """An arm of the small AlexNet, without dropout and normalisation unless said otherwise."""
    options = {"dropout": 0.0, "response_normalization": None, **options}
    # An option that says what the network has by itself is left out, as its records leave it out.
    defaults = {"dropout": 0.5, "response_normalization": _STRONG}
    options = {key: value for key, value in options.items() if value != defaults.get(key)}
    return Arm("alexnet-reduced", recipe, options, seeds, data="imagenette")


def _vgg(network, recipe="simonyan2014-cifar-reduced", seeds=3, **options):
    """An arm of a column with an eighth of the maps."""
    narrow = {"widths": (8, 16, 32, 64, 64), "dense": (64, 64), "dropout": 0}
    return Arm(network, recipe, {**narrow, "kernel_initializer": "he_normal", **options}, seeds)


def _nin(recipe="lin2013-cifar-reduced", seeds=3, neck=16, head="global average", table=None, **options):
    """An arm of a NiN with a sixth of the maps, without dropout; ``neck`` maps before the second 5x5."""
    table = table or [[5, 32, 24, neck, "max"], [5, 32, 32, 32, "average"], [3, 32, 32, None, head]]
    small = {"table": table, "dropout": 0, "kernel_initializer": "he_normal"}
    return Arm("nin", recipe, {**small, **options}, seeds)


_LONGER = "lin2013-cifar-longer"
_NO_NECK = [[5, 32, 32, 32, "max"], [5, 32, 32, 32, "average"], [3, 32, 32, None, "global average"]]
_NO_1X1 = [[5, 32, "max"], [5, 32, "average"], [3, None, "global average"]]


def _modules_table(rows):
    """The table of a small GoogLeNet: two modules, a pool, a third."""
    first, second, third = rows
    return {"3a": first, "4a": second, "pool4": (3, 2), "5a": third}


_ONE_GROUP = [(*row[:3], 1, *row[4:]) for row in alexnet.REDUCED["table"]]
_LESS_DEEP = [row for number, row in enumerate(alexnet.REDUCED["table"], start=1) if number != 4]
_UNCHANGED, _NO_COLOUR = "krizhevsky2012-reduced-no-augmentation", "krizhevsky2012-reduced-no-colour"
_ALEXNET_IDEAS = {
    "base": _alexnet(seeds=4),
    "plain pools": _alexnet(seeds=4, pool=(2, 2)),
    "normalisation": _alexnet(seeds=4, response_normalization={"alpha": 0.1}),
    "one group": _alexnet(seeds=4, table=_ONE_GROUP),
    "four convolutions": _alexnet(seeds=4, table=_LESS_DEEP),
    "dropout": _alexnet(seeds=4, dropout=0.5),
    "unchanged pictures": _alexnet(_UNCHANGED, seeds=4),
    "no shift of colours": _alexnet(_NO_COLOUR, seeds=4),
    "dropout, unchanged pictures": _alexnet(_UNCHANGED, seeds=4, dropout=0.5),
}
_FOUR_LAYERS = {
    "table": ((5, 1, 32, 1, 0, "pool"), (5, 1, 32, 1, 0, "pool"), (5, 1, 64, 1, 0, "")),
    "dense": (),
}
_FOUR_LAYERS_TANH = {**_FOUR_LAYERS, "activation": "tanh"}
_HALVES = {
    label: Arm(
        "alexnet-reduced",
        "krizhevsky2012-reduced-longer",
        {"dropout": 0.0, "response_normalization": None, "kernel_initializer": "glorot_uniform", **table},
        seeds=5,
        data="imagenette",
    )
    for label, table in {"two halves": {}, "one group": {"table": _ONE_GROUP}}.items()
}
_SMALL = {"class_name": "RandomNormal", "config": {"stddev": 0.05}}
_STACK = {"widths": (8, 16, 32), "dense": (64,), "dropout": 0, "kernel_initializer": "he_normal"}
_NOT_NORMALISED = {"recipe": "he2015-cifar-reduced-rate-0.01", "batch_normalization": None}
# Three modules at equal multiply-accumulates, to 2 % module by module: as in Fig. 2b, as in Fig. 2a, and with
# one branch alone, behind a 1x1 or not.
_MODULES = {
    "four branches": ((16, 16, 24, 4, 8, 8), (24, 24, 40, 8, 16, 16), (48, 32, 64, 12, 24, 24)),
    "naive": ((12, None, 10, None, 3, None), (9, None, 16, None, 5, None), (24, None, 22, None, 8, None)),
    "3x3 behind 1x1": ((0, 11, 54, None, 0, 0), (0, 17, 98, None, 0, 0), (0, 24, 160, None, 0, 0)),
    "3x3 alone": ((0, None, 20, None, 0, 0), (0, None, 88, None, 0, 0), (0, None, 46, None, 0, 0)),
}


def _by_modules(recipe, seeds):
    """The networks of ``_MODULES``."""
    return {
        label: Arm(
            "googlenet-reduced",
            recipe,
            {"stem": ((3, 1, 16), (16, 32)), "table": _modules_table(rows)},
            seeds=seeds,
        )
        for label, rows in _MODULES.items()
    }


_FIVE = Arm("googlenet-reduced", "szegedy2014-cifar-fit", seeds=5)
_HEADS = {
    "without": _FIVE,
    "with both": Arm("googlenet-aux-reduced", "szegedy2014-cifar-fit-auxiliary", seeds=5),
}
_DISTORTED = "lenet5-distorted-mnist"
_DENSE = {"recipe": "lenet5-dense-mnist-shortened-9375", "seeds": 5, "output": "dense"}

# All networks side by side, each in a form for 32x32x3 of about four million multiply-accumulates, with He's
# random weights and without dropout, which so few passes do not need.
_HE = {"kernel_initializer": "he_normal"}
_HE_NO_DROPOUT = {**_HE, "dropout": 0.0}
_FOURTEEN = {"widths": (6, 12, 26)}
COMPARED = {
    # Three times the maps of 1998, about.
    "LeNet-5": ("lenet5-modern", {"widths": (19, 50, 370, 260)}),
    # An eighth of the maps; windows of 5x5 in the first layer, and no second graphics card.
    "AlexNet": (
        "alexnet-ungrouped",
        {
            "table": (
                (5, 1, 12, 1, 0, "normalise pool"),
                (5, 1, 32, 1, 0, "normalise pool"),
                (3, 1, 46, 1, 0, ""),
                (3, 1, 46, 1, 0, ""),
                (3, 1, 32, 1, 0, "pool"),
            ),
            "response_normalization": _STRONG,
            "dense": (128, 128),
            "dense_bias": 0,
            **_HE_NO_DROPOUT,
        },
    ),
    "VGG": ("vgg-a", {"widths": (10, 20, 40, 80, 80), "dense": (128, 128), **_HE_NO_DROPOUT}),
    "NiN": (
        "nin",
        {
            "table": (
                (5, 20, 17, 11, "max"),
                (5, 20, 20, 20, "average"),
                (3, 20, 20, None, "global average"),
            ),
            **_HE_NO_DROPOUT,
        },
    ),
    # An eighth of the maps of Table 1, four of its nine modules, and a first layer that leaves the size.
    "GoogLeNet": (
        "googlenet",
        {
            "stem": ((3, 1, 12), (12, 24)),
            "table": {
                "3a": (8, 12, 16, 2, 4, 4),
                "3b": (16, 16, 24, 4, 12, 8),
                "pool3": (3, 2),
                "4a": (24, 12, 26, 2, 6, 8),
                "pool4": (3, 2),
                "5b": (48, 24, 48, 6, 16, 16),
            },
            **_HE_NO_DROPOUT,
        },
    ),
    "plain 14": ("cifar-plain-14", _FOURTEEN),
    "ResNet 14": ("cifar-resnet-14", _FOURTEEN),
    # The control: a residual network that is not normalised. With He's weights its sums would grow from block
    # to block; Glorot's are smaller.
    "ResNet 14, not normalised": (
        "cifar-resnet-14",
        {**_FOURTEEN, "batch_normalization": None, "kernel_initializer": "glorot_normal"},
    ),
}

# The rate of each: of the three of "comparison-rates", the one with the least error on held-out images.
RATES = {
    "LeNet-5": 0.01,
    "AlexNet": 0.03,
    "VGG": 0.01,
    "NiN": 0.01,
    "GoogLeNet": 0.01,
    "plain 14": 0.03,
    "ResNet 14": 0.1,
    "ResNet 14, not normalised": 0.03,
}
_COMPARED_ONCE = {
    label: Arm(network, "comparison-cifar", options, 1) for label, (network, options) in COMPARED.items()
}


def _longer(label, rate=None, seeds=3, recipe=recipes.COMPARISON_CIFAR_LONGER, **options):
    """A network of ``COMPARED``, for the many steps; at its own rate and with its own options, or others."""
    network, own = COMPARED[label]
    return Arm(network, recipe.at_rate(rate or RATES[label]).name, {**own, **options}, seeds)


# Two passes: what a laptop does in half a minute.
_TWO_PASSES = recipes.COMPARISON_CIFAR.shortened(iterations=313)

EXPERIMENTS = {
    "lenet5-result": Experiment(
        "02-lenet5",
        {
            "LeNet-5 of 1998": _lenet5("lenet5-mnist", 5),
            "its modern form": _lenet5("lenet5-modern-mnist", 5, "lenet5-modern"),
            "1998, distorted digits": _lenet5(_DISTORTED, 5),
        },
    ),
    "lenet5-shift": Experiment(
        "02-lenet5",
        {
            "1998, 10 passes": _lenet5(seeds=5),
            "1998, distorted digits, 20 passes": _lenet5(_DISTORTED),
        },
        measurement="shift",
    ),
    "lenet5-rejection": Experiment(
        "02-lenet5",
        {"distances": _lenet5(seeds=5), "scores": _lenet5(**_DENSE)},
        measurement="rejection",
    ),
    "lenet5-ablation": Experiment(
        "02-lenet5",
        {
            "LeNet-5 of 1998": _lenet5(seeds=5),
            "average pooling": _lenet5(pooling="average"),
            "max pooling": _lenet5(pooling="max"),
            "every pair of S2 and C3": _lenet5(table=None),
            "rectified units": _lenet5(activation="relu"),
            "scores, softmax": _lenet5(**_DENSE),
        },
    ),
    "lenet5-shift-scores": Experiment(None, {"scores": _lenet5(**_DENSE)}, measurement="shift"),
    "lenet5-rejection-distorted": Experiment(
        None, {"distances": _lenet5(_DISTORTED)}, measurement="rejection"
    ),
    # What each of the paper's ideas changes in a small AlexNet. The base has all but response normalisation
    # and dropout. First the rate for each arm: of three, the one that fits the training images best.
    "alexnet-rates": Experiment(
        "03-alexnet",
        {
            f"{label}, {rate}": dataclasses.replace(
                arm, recipe=arm.recipe + ("" if rate == 0.02 else f"-rate-{rate}"), seeds=1
            )
            for label, arm in _ALEXNET_IDEAS.items()
            for rate in (0.01, 0.02, 0.04)
        },
    ),
    "alexnet-ideas": Experiment("03-alexnet", _ALEXNET_IDEAS),
    # With the paper's alpha, which is too strong for these weights.
    "alexnet-strong-normalisation": Experiment(
        "03-alexnet", {"without": _alexnet(), "with": _alexnet(response_normalization=_STRONG)}
    ),
    # The other ideas in the network that this slows down.
    "alexnet-ideas-strong-normalisation": Experiment(
        None,
        {
            "base": _alexnet(response_normalization=_STRONG),
            "plain pools": _alexnet(response_normalization=_STRONG, pool=(2, 2)),
            "with dropout": _alexnet(response_normalization=_STRONG, dropout=0.5),
            "unchanged pictures": _alexnet(_UNCHANGED, response_normalization=_STRONG),
            "no shift of colours": _alexnet(_NO_COLOUR, response_normalization=_STRONG),
            "one group": _alexnet(response_normalization=_STRONG, table=_ONE_GROUP),
        },
    ),
    # The paper's Fig. 1. The rate of the recipe is 0.03.
    "alexnet-relu-tanh": Experiment(
        "03-alexnet",
        {
            "ReLU": Arm("alexnet-reduced", "krizhevsky2012-fit", _FOUR_LAYERS),
            "tanh": Arm("alexnet-reduced", "krizhevsky2012-fit", _FOUR_LAYERS_TANH),
            "ReLU, 0.1": Arm("alexnet-reduced", "krizhevsky2012-fit-rate-0.1", _FOUR_LAYERS),
            "tanh, 0.1": Arm("alexnet-reduced", "krizhevsky2012-fit-rate-0.1", _FOUR_LAYERS_TANH),
        },
    ),
    # Longer runs, for first filters that have left their random start: the runs, and the filters.
    "alexnet-longer": Experiment("03-alexnet", _HALVES),
    "alexnet-halves": Experiment("03-alexnet", _HALVES, measurement="first-filters"),
    # How training begins, from other random weights; and the deep column from the trained shallow one.
    "vgg-starts": Experiment(
        "04-vgg",
        {
            "A, deviation .05": _vgg("vgg-a", "simonyan2014-cifar-start", 3, kernel_initializer=_SMALL),
            "E, deviation .05": _vgg("vgg-e", "simonyan2014-cifar-start", 3, kernel_initializer=_SMALL),
            "A, Glorot": _vgg("vgg-a", "simonyan2014-cifar-start", 8, kernel_initializer="glorot_uniform"),
            "E, Glorot": _vgg("vgg-e", "simonyan2014-cifar-start", 8, kernel_initializer="glorot_uniform"),
            "E, He": _vgg("vgg-e", "simonyan2014-cifar-start", 8),
        },
        measurement="starts",
    ),
    "vgg-starts-from-a": Experiment(
        "04-vgg",
        {
            "E, Glorot, from A": _vgg(
                "vgg-e", "simonyan2014-cifar-start", 8, kernel_initializer="glorot_uniform"
            ),
        },
        measurement="starts-from-vgg-a",
    ),
    "vgg-stack": Experiment(
        "04-vgg",
        {
            label: Arm("vgg-d", "simonyan2014-cifar-half-side", {**_STACK, "table": table}, 5)
            for label, table in {"three of 3x3": [[3, 3, 3]] * 3, "one of 7x7": [[7]] * 3}.items()
        },
    ),
    "vgg-columns": Experiment(
        "04-vgg",
        {
            "A, 11 layers": _vgg("vgg-a"),
            "A with LRN": _vgg("vgg-a-lrn"),
            "B, 13 layers": _vgg("vgg-b"),
            "C, 16 layers": _vgg("vgg-c"),
            "D, 16 layers": _vgg("vgg-d"),
            "E, 19 layers": _vgg("vgg-e"),
            "B, a 5x5 for each two 3x3": _vgg("vgg-a", table=[[5]] * 5),
        },
    ),
    # The same five times as long: does depth pay then, and does the stack of small windows?
    "vgg-stack-longer": Experiment(
        "04-vgg",
        {
            label: Arm("vgg-d", "simonyan2014-cifar-half-side-longer", {**_STACK, "table": table}, 5)
            for label, table in {"three of 3x3": [[3, 3, 3]] * 3, "one of 7x7": [[7]] * 3}.items()
        },
    ),
    "vgg-columns-longer": Experiment(
        "04-vgg",
        {
            "A, 11 layers": _vgg("vgg-a", "simonyan2014-cifar-reduced-longer", 1),
            "D, 16 layers": _vgg("vgg-d", "simonyan2014-cifar-reduced-longer", 1),
            "E, 19 layers": _vgg("vgg-e", "simonyan2014-cifar-reduced-longer", 1),
        },
    ),
    # Few images, many passes: does the average of each map hold overfitting back, and does it matter that
    # the maps are rectified?
    "nin-heads": Experiment(
        "05-one-by-one",
        {
            "average": _nin("lin2013-cifar-fit"),
            "average, not rectified": _nin("lin2013-cifar-fit", map_activation=None),
            "dense": _nin("lin2013-cifar-fit", head="dense"),
        },
    ),
    # Runs without 1x1 layers lost classes, whose maps were zero; so both also without the ReLU on the maps.
    "nin-1x1": Experiment(
        "05-one-by-one",
        {
            "with 1x1 layers": _nin(seeds=5),
            "without": _nin(seeds=5, table=_NO_1X1),
            "with, not rectified": _nin(seeds=5, map_activation=None),
            "without, not rectified": _nin(seeds=5, table=_NO_1X1, map_activation=None),
        },
    ),
    # The same for five times as many passes. "With" has a neck of 16 maps, so also one whose narrowest layer
    # has 24, and one without a neck.
    "nin-1x1-longer": Experiment(
        "05-one-by-one",
        {
            "with 1x1 layers": _nin(_LONGER, seeds=5),
            "without": _nin(_LONGER, seeds=5, table=_NO_1X1),
            "with, not rectified": _nin(_LONGER, seeds=5, map_activation=None),
            "with, neck of 24, not rectified": _nin(_LONGER, seeds=5, neck=32, map_activation=None),
            "with, no neck, not rectified": _nin(_LONGER, seeds=5, table=_NO_NECK, map_activation=None),
            "without, not rectified": _nin(_LONGER, seeds=5, table=_NO_1X1, map_activation=None),
        },
    ),
    "nin-neck": Experiment(
        "05-one-by-one", {str(neck): _nin(seeds=5, neck=neck) for neck in (2, 4, 8, 16, 32)}
    ),
    # What the four branches of a module buy; and once more for five times as many passes, at a third of the
    # rate, at which fewer runs are lost.
    "inception-modules": Experiment("06-inception", _by_modules("szegedy2014-cifar-reduced", 3)),
    "inception-modules-longer": Experiment("06-inception", _by_modules("szegedy2014-cifar-longer", 5)),
    # The auxiliary classifiers: errors, and what they add to the gradient in the first steps.
    "inception-auxiliary": Experiment("06-inception", _HEADS),
    "inception-gradients": Experiment(
        "06-inception",
        {"with both": dataclasses.replace(_HEADS["with both"], seeds=3)},
        measurement="gradients",
    ),
    # What each branch is used for.
    "inception-branches": Experiment("06-inception", {"five modules": _FIVE}, measurement="branches"),
    # Trained until the training images are known by heart: the experiment that the book leads to.
    "resnet-depth": Experiment("07-resnet", _by_depth("he2015-cifar-fit", more=(20, 56))),
    # All images, cropped and mirrored: what a test error wants.
    "resnet-depth-augmented": Experiment("07-resnet", _by_depth("he2015-cifar-sixteenth")),
    # Does a deeper residual network pay if it is trained for four times as many steps?
    "resnet-depth-augmented-longer": Experiment(
        "07-resnet",
        {
            f"residual {depth}": Arm(f"cifar-resnet-{depth}", "he2015-cifar-quarter", HALF, 4)
            for depth in (20, 56)
        },
    ),
    # Is it only a bad rate? The rate of "resnet-depth" is 0.1.
    "resnet-rates": Experiment(
        "07-resnet",
        {
            **{
                f"{kind}, {rate}": Arm(f"{KINDS[kind]}56", f"he2015-cifar-fit-rate-{rate}", HALF, 2)
                for kind in KINDS
                for rate in (0.03, 0.01, 0.003)
            },
            "plain 20, 0.003": Arm("cifar-plain-20", "he2015-cifar-fit-rate-0.003", HALF, 1),
        },
    ),
    # A first step that cannot make kernels long: gradients clipped; or a smaller rate for 400 iterations.
    "resnet-first-steps": Experiment(
        "07-resnet",
        {
            "plain, clipped": Arm("cifar-plain-56", "he2015-cifar-fit-clip-0.1", HALF, 3),
            "plain, warm-up": Arm("cifar-plain-56", "he2015-cifar-fit-warm-up", HALF, 3),
            "residual, warm-up": Arm("cifar-resnet-56", "he2015-cifar-fit-warm-up", HALF, 1),
        },
    ),
    "resnet-steps": Experiment(
        "07-resnet",
        {
            "plain": Arm("cifar-plain-56", "he2015-cifar-fit", HALF),
            "plain, clipped": Arm("cifar-plain-56", "he2015-cifar-fit-clip-0.1", HALF),
            "residual": Arm("cifar-resnet-56", "he2015-cifar-fit", HALF),
            "plain, 0.003": Arm("cifar-plain-56", "he2015-cifar-fit-rate-0.003", HALF),
        },
        measurement="gradients",
    ),
    # What one block of a trained network is worth, by tools/cut_blocks.py.
    "resnet-cut": Experiment(
        "07-resnet",
        {f"{kind} 20": Arm(f"{KINDS[kind]}20", "he2015-cifar-fit", HALF) for kind in ("residual", "plain")},
        measurement="cut",
    ),
    "resnet-ablation": Experiment(
        "07-resnet",
        {
            "residual": _eight_passes(),
            "sum behind the last ReLU": _eight_passes(addition="after-activation"),
            "pre-activation": _eight_passes("cifar-preactivation-56"),
        },
    ),
    # Too few seeds for a claim.
    "resnet-ablation-further": Experiment(
        None,
        {
            "plain": _eight_passes("cifar-plain-56", 2),
            "plain, clipped": _eight_passes("cifar-plain-56", 2, "he2015-cifar-reduced-clip-0.1"),
            "residual, clipped": _eight_passes(seeds=2, recipe="he2015-cifar-reduced-clip-0.1"),
            "option B": _eight_passes(seeds=2, shortcut="B"),
            "last gamma 0": _eight_passes(seeds=2, zero_last_gamma=True),
            "plain 20": _eight_passes("cifar-plain-20", 1),
            "plain 20, clipped": _eight_passes("cifar-plain-20", 1, "he2015-cifar-reduced-clip-0.1"),
            "plain, not normalised": _eight_passes("cifar-plain-56", 1, **_NOT_NORMALISED),
            "residual, not normalised": _eight_passes(
                seeds=1, **_NOT_NORMALISED, kernel_initializer="glorot_normal"
            ),
        },
    ),
    # He et al. 2015, Table 6 and Fig. 6, as they are: tools/record_on_gpu.sh. Chapter 7 takes them in once
    # they are recorded.
    "resnet-paper": Experiment(
        None,
        {
            **{
                f"{kind} {depth}": Arm(f"{stem}{depth}", "he2015-cifar", seeds=1)
                for kind, stem in KINDS.items()
                for depth in DEPTHS[1:]
            },
            "residual 110": Arm("cifar-resnet-110", "he2015-cifar-warm-up", seeds=1),
        },
        gpu=True,
    ),
    "comparison": Experiment(
        "08-comparison",
        {
            label: Arm(network, _TWO_PASSES.at_rate(RATES[label]).name, options)
            for label, (network, options) in COMPARED.items()
        },
    ),
    # The same for ten times as many steps, on all 50,000 images, at the same rates. The two with the least
    # error after the first seed got more seeds than the others.
    "comparison-longer": Experiment(
        "08-comparison",
        {
            label: _longer(label, seeds=5 if label in ("LeNet-5", "ResNet 14") else 3) for label in COMPARED
        },
    ),
    # What else could be behind the order after the longer runs: as many steps on a fifth of the images, the
    # plain network and the residual one at each other's rate, the plain one without normalisation, and
    # AlexNet with a response normalisation that is scaled to these pixels.
    "comparison-controls": Experiment(
        "08-comparison",
        {
            **{
                f"{label}, 10,000 images": _longer(label, recipe=recipes.COMPARISON_CIFAR_LONGER_FEWER)
                for label in ("LeNet-5", "ResNet 14")
            },
            "plain 14, rate 0.1": _longer("plain 14", 0.1),
            "ResNet 14, rate 0.03": _longer("ResNet 14", 0.03),
            "plain 14, not normalised": _longer(
                "plain 14", 0.03, batch_normalization=None, kernel_initializer="glorot_normal"
            ),
            "AlexNet, alpha 0.4": _longer("AlexNet", response_normalization={"alpha": 0.4}),
        },
    ),
    # Which rate is each network's: the error on training images that are held out, by tools/rates.py.
    "comparison-rates": Experiment(
        "08-comparison",
        _COMPARED_ONCE,
        measurement="rates",
    ),
    # What a batch of each costs in time, by tools/times.py.
    "comparison-times": Experiment(
        "08-comparison",
        _COMPARED_ONCE,
        measurement="times",
    ),
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Idea:
    """One idea of a paper, and the two arms that tell what it changed here.

    Attributes:
        text: the idea, in a few words.
        paper: authors and year.
        experiment: a name of ``EXPERIMENTS``; its chapter says more.
        with_it, without_it: two of its arms.
        quantity: of ``cnnlib.records.difference``.
    """

    text: str
    paper: str
    experiment: str
    with_it: str
    without_it: str
    quantity: str = "final_test_error"

    @property
    def chapter(self) -> str:
        """The notebook that reads the experiment, without its suffix."""
        return get(self.experiment).chapter

    def difference(self, directory=None) -> "records.Difference":
        """The quantity with the idea less without it, in points; not paired: the arms differ in their plan.

        Args:
            directory: see ``cnnlib.records.folder``.

        Raises:
            ValueError: an arm of fewer than two runs.
        """
        runs = get(self.experiment).recorded(directory)
        return records.difference(runs[self.with_it], runs[self.without_it], self.quantity, paired=False)


# What each idea bought, for the last chapter: a line an idea, in the order of the papers.
_1998, _2012, _2014 = "LeCun et al. 1998", "Krizhevsky et al. 2012", "Simonyan, Zisserman 2014"
_LIN, _SZEGEDY, _IOFFE = "Lin et al. 2013", "Szegedy et al. 2014", "Ioffe, Szegedy 2015"
_2015, _2016 = "He et al. 2015", "He et al. 2016"
_ABLATION, _LENET5 = "lenet5-ablation", "LeNet-5 of 1998"
IDEAS = (
    Idea("a table of links", _1998, _ABLATION, _LENET5, "every pair of S2 and C3", "test_error"),
    Idea("trained subsampling", _1998, _ABLATION, _LENET5, "max pooling", "test_error"),
    Idea("distances, not scores", _1998, _ABLATION, _LENET5, "scores, softmax", "test_error"),
    Idea("distorted digits", _1998, "lenet5-result", "1998, distorted digits", _LENET5, "test_error"),
    Idea("rectified units", _2012, _ABLATION, "rectified units", _LENET5, "test_error"),
    Idea("overlapping pools", _2012, "alexnet-ideas", "base", "plain pools"),
    Idea("response normalisation", _2012, "alexnet-ideas", "normalisation", "base"),
    Idea("dropout", _2012, "alexnet-ideas", "dropout", "base"),
    Idea("changed pictures", _2012, "alexnet-ideas", "base", "unchanged pictures"),
    Idea("two groups", _2012, "alexnet-ideas", "base", "one group"),
    Idea("a fifth convolution", _2012, "alexnet-ideas", "base", "four convolutions"),
    Idea("1x1 layers", _LIN, "nin-1x1-longer", "with 1x1 layers", "without"),
    Idea("a mean of maps, no dense layer", _LIN, "nin-heads", "average", "dense"),
    Idea("19 layers, not 11", _2014, "vgg-columns", "E, 19 layers", "A, 11 layers"),
    Idea("3x3 three times, not 7x7", _2014, "vgg-stack", "three of 3x3", "one of 7x7"),
    Idea("1x1 layers added", _2014, "vgg-columns", "C, 16 layers", "B, 13 layers"),
    Idea("four branches, not 3x3", _SZEGEDY, "inception-modules-longer", "four branches", "3x3 behind 1x1"),
    Idea("auxiliary classifiers", _SZEGEDY, "inception-auxiliary", "with both", "without"),
    # With other initial weights and another rate, too. (The plain network without it learned nothing at the
    # one rate that was tried: no difference to judge.)
    Idea("batch normalisation", _IOFFE, "comparison-longer", "ResNet 14", "ResNet 14, not normalised"),
    Idea("shortcuts, 20 layers", _2015, "resnet-depth-augmented", "residual 20", "plain 20", "test_error"),
    Idea("shortcuts, 56 layers", _2015, "resnet-depth-augmented", "residual 56", "plain 56", "test_error"),
    Idea("pre-activation, 56 layers", _2016, "resnet-ablation", "pre-activation", "residual", "test_error"),
)


def macs(arm: Arm) -> int:
    """Multiply-accumulates of one run: the forward pass, and the way back, which costs twice as much.

    The network is built, and counted by ``cnnlib.account``; the tests after each pass are left out.
    """
    from cnnlib import accounting, models, training

    recipe = recipes.get(arm.recipe)
    images = noise(arm, 1)
    sizes = {"input_shape": training.inputs.input_shape(recipe, images), "classes": images.classes}
    network = models.build(arm.network, **{**sizes, **arm.options})
    return 3 * accounting.account(network).macs * recipe.batch_size * recipe.iterations


def seconds(arm: Arm, steps: int = 10) -> float:
    """What one run would take on this machine as it is now, without tests: from a few steps on noise.

    Args:
        arm: of an experiment.
        steps: that are timed, after as many that are not.
    """
    from cnnlib import training

    recipe = recipes.get(arm.recipe)
    images = noise(arm, steps * recipe.batch_size)
    short = dataclasses.replace(
        recipe, name="timing", iterations=2 * steps, drops=(), train_size=None, schedule="cosine"
    )
    done = training.run(arm.network, images, short, options=arm.options, verbose=0)
    return done.history.seconds[1] / steps * recipe.iterations


def noise(arm: Arm, images: int) -> data.Dataset:
    """Random images with the sizes and classes of an arm's data set."""
    source, size = data.SOURCES[arm.data], recipes.get(arm.recipe).image_size
    generator = np.random.default_rng(0)
    shape = (images, *[size or source.size] * 2, source.channels)
    x, y = generator.integers(0, 256, shape, "uint8"), generator.integers(0, len(source.class_names), images)
    return data.Dataset("noise", x, y, x[:1], y[:1], source.class_names)


def names() -> tuple[str, ...]:
    """The names of all experiments, in the order of the book."""
    return tuple(EXPERIMENTS)


def get(name: str) -> Experiment:
    """The experiment called ``name``; a ``ValueError`` lists the known ones."""
    if name not in names():
        raise ValueError(f"unknown experiment {name!r}; known: {', '.join(names())}")
    return EXPERIMENTS[name]


def recorded(name: str, directory=None) -> dict[str, list]:
    """For each arm of the experiment ``name`` its records, or its measurements, by seed.

    Args:
        name: of the experiment.
        directory: see ``cnnlib.records.folder``.

    Returns:
        A dict of lists; those of an experiment that waits for a GPU may be empty.

    Raises:
        ValueError: no experiment has this name.
    """
    return get(name).recorded(directory)
