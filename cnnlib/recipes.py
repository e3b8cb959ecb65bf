"""Training recipes as data: what the papers state, in one frozen dataclass, and the papers' own as constants.

``HE2015_CIFAR`` is the recipe of He, Zhang, Ren and Sun 2015, "Deep residual learning for image
recognition", section 4.2. ``RECIPES`` holds every recipe by its name; ``get(name)`` looks one up.
"""

import dataclasses
import math

PIXELS = ("lecun1998", "per-pixel-mean", "standardized", "unit")
AUGMENTATIONS = ("none", "crop", "crop-and-mirror")
LOSSES = ("softmax-cross-entropy", "lecun1998-map")
SCHEDULES = ("steps", "cosine")
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a network is trained; time is counted in iterations, one iteration is one batch.

    Attributes:
        name: what records call the recipe.
        batch_size: images an iteration.
        iterations: batches in all.
        learning_rate: the first rate, used from iteration 0 on.
        schedule: "steps" (constant between the ``drops``) or "cosine" (half a cosine from
            ``learning_rate`` at iteration 0 to 0 at ``iterations``).
        drops: pairs (iteration, rate): from this iteration on, counted from 0, this rate.
        warm_up_rate: the rate used before all of the above until the training error is below
            ``warm_up_until``; None for no warm-up. The schedule's own drops keep their iterations.
        warm_up_until: percent; compared with the running training error of the epoch after each
            iteration, once 100 iterations of the epoch (or all, if it has fewer) are done.
        optimizer: "sgd", stochastic gradient descent with momentum, the learning rate inside the
            velocity (Caffe, Keras): v <- momentum v - rate g, w <- w + v.
        momentum: of the velocity.
        weight_decay: d in g <- g + d w, on kernels only, so that it passes through the momentum.
        clip_norm: the largest norm that the gradient of one weight tensor may have, before the decay:
            a longer one is shortened to it. None: no limit.
        pixels: how uint8 images become the network's float32 input. "unit": x / 255;
            "standardized": x / 255 minus the training set's mean of each channel, divided by its
            deviation; "per-pixel-mean": x / 255 minus the training set's mean image;
            "lecun1998": extended to 32x32 with background, 0 becomes -0.1 and 255 becomes 1.175.
        augmentation: "none"; "crop": each training image is padded by ``pad`` zeros (after the
            pixel mapping) and cropped back at its own random place; "crop-and-mirror": and
            mirrored, left to right, with probability 1/2.
        pad: pixels on each side.
        loss: "softmax-cross-entropy" of class scores (the largest one is predicted) or
            "lecun1998-map" of distances (the smallest one is predicted).
        loss_j: the constant j of "lecun1998-map".
        loss_weights: one weight an output of the network; the losses are added with them. The first
            output is the one whose errors count; (1.0, 0.3, 0.3) for GoogLeNet with auxiliary heads.
        label_smoothing: share of the label's probability that is spread over all classes.
        batch_norm_momentum: share of the moving statistics that an iteration keeps, Keras' convention.
        batch_norm_epsilon: added to the variance.
        precision: Keras' dtype policy; the network has to be built under it (``cnnlib.run`` does).
        train_size: at most so many training images, evenly spaced in the set; None for all.
        image_size: the side of the images that the recipe is for; None for any.

    Raises:
        ValueError: a value out of range or an unknown name (the error lists the known ones).
        TypeError: a value of the wrong kind.
    """

    name: str
    batch_size: int
    iterations: int
    learning_rate: float
    schedule: str = "steps"
    drops: tuple = ()
    warm_up_rate: float | None = None
    warm_up_until: float = 80.0
    optimizer: str = "sgd"
    momentum: float = 0.9
    weight_decay: float = 0.0
    clip_norm: float | None = None
    pixels: str = "unit"
    augmentation: str = "none"
    pad: int = 4
    loss: str = "softmax-cross-entropy"
    loss_j: float = 1.0
    loss_weights: tuple = (1.0,)
    label_smoothing: float = 0.0
    batch_norm_momentum: float = 0.9
    batch_norm_epsilon: float = 1e-5
    precision: str = "float32"
    train_size: int | None = None
    image_size: int | None = None

    def __post_init__(self):
        """Refuse what cannot be trained."""
        object.__setattr__(self, "drops", tuple(tuple(drop) for drop in self.drops))
        object.__setattr__(self, "loss_weights", tuple(self.loss_weights))
        if not isinstance(self.name, str) or not self.name:
            raise TypeError(f"name: expected a text that is not empty, got {self.name!r}")
        for field in ("batch_size", "iterations", "pad", "train_size", "image_size"):
            value = getattr(self, field)
            if value is None and field in ("train_size", "image_size"):
                continue
            if isinstance(value, bool) or not isinstance(value, int):
                raise TypeError(f"recipe {self.name}: {field} must be a whole number, got {value!r}")
            self._check_number(field, value, least=0 if field == "pad" else 1)
        self._check_number("learning_rate", self.learning_rate, above=0)
        if self.warm_up_rate is not None:
            self._check_number("warm_up_rate", self.warm_up_rate, above=0)
        self._check_number("warm_up_until", self.warm_up_until, above=0, most=100)
        self._check_number("momentum", self.momentum, least=0, below=1)
        self._check_number("weight_decay", self.weight_decay, least=0)
        if self.clip_norm is not None:
            self._check_number("clip_norm", self.clip_norm, above=0)
        self._check_number("label_smoothing", self.label_smoothing, least=0, below=1)
        self._check_number("batch_norm_momentum", self.batch_norm_momentum, least=0, below=1)
        self._check_number("batch_norm_epsilon", self.batch_norm_epsilon, above=0)
        self._check_number("loss_j", self.loss_j, above=0)
        if not self.loss_weights:
            raise ValueError(f"recipe {self.name}: loss_weights must have one weight an output, got none")
        for weight in self.loss_weights:
            self._check_number("a weight of loss_weights", weight, least=0)
        self._check_choice("optimizer", ("sgd",))
        self._check_choice("schedule", SCHEDULES)
        self._check_choice("pixels", PIXELS)
        self._check_choice("augmentation", AUGMENTATIONS)
        self._check_choice("loss", LOSSES)
        self._check_choice("precision", PRECISIONS)
        self._check_drops()

    def _check_number(self, field, value, above=None, least=None, below=None, most=None):
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise TypeError(f"recipe {self.name}: {field} must be a number, got {value!r}")
        wanted = [
            f"{sign} {bound}"
            for sign, bound, holds in (
                ("above", above, above is None or value > above),
                ("at least", least, least is None or value >= least),
                ("below", below, below is None or value < below),
                ("at most", most, most is None or value <= most),
            )
            if not holds
        ]
        if wanted or not math.isfinite(value):
            bounds = " and ".join(wanted) or "finite"
            raise ValueError(f"recipe {self.name}: {field} must be {bounds}, got {value}")

    def _check_choice(self, field, known):
        value = getattr(self, field)
        if value not in known:
            raise ValueError(f"recipe {self.name}: unknown {field} {value!r}; known: {', '.join(known)}")

    def _check_drops(self):
        if self.drops and self.schedule != "steps":
            raise ValueError(f"recipe {self.name}: drops go with schedule 'steps', not {self.schedule!r}")
        before = 0
        for drop in self.drops:
            if len(drop) != 2 or isinstance(drop[0], bool) or not isinstance(drop[0], int):
                raise TypeError(f"recipe {self.name}: a drop is a pair (iteration, rate), got {drop!r}")
            iteration, rate = drop
            self._check_number(f"the rate from iteration {iteration} on", rate, above=0)
            if iteration <= before:
                raise ValueError(
                    f"recipe {self.name}: drops must stand at growing iterations above 0, "
                    f"got {iteration} after {before}"
                )
            if iteration >= self.iterations:
                raise ValueError(
                    f"recipe {self.name}: the schedule ends before it starts its last part: "
                    f"a drop at iteration {iteration}, but only {self.iterations} iterations"
                )
            before = iteration

    def rate(self, iteration):
        """The learning rate of iteration 0, 1, ..., warm-up left out."""
        if self.schedule == "cosine":
            return self.learning_rate * 0.5 * (1 + math.cos(math.pi * iteration / self.iterations))
        rates = [self.learning_rate, *(rate for start, rate in self.drops if iteration >= start)]
        return rates[-1]

    def passes(self, train_size):
        """How often each of ``train_size`` training images is seen."""
        return self.iterations * self.batch_size / self.images_used(train_size)

    def images_used(self, train_size):
        """How many of ``train_size`` training images the recipe trains on."""
        return min(self.train_size or train_size, train_size)

    def steps_per_epoch(self, train_size):
        """Iterations an epoch: one pass over the training images, rounded up to whole batches.

        Batches are cut from one endless stream of passes, each pass in its own random order. So all
        batches have the same size and no image is seen more often than another; where the images
        are no multiple of the batch, an epoch ends some images into the next pass.
        """
        return -(-self.images_used(train_size) // self.batch_size)

    def epoch_ends(self, train_size):
        """The iterations done at the end of each epoch; the last one is the recipe's end."""
        steps = self.steps_per_epoch(train_size)
        return [*range(steps, self.iterations, steps), self.iterations]

    def shortened(self, *, iterations=None, passes=None, train_size=None):
        """The same recipe made shorter in proportion: all drops move with the end.

        Either ``iterations``, or ``passes`` over ``train_size`` images (not needed where the recipe
        says its own). The name says so, that no short run is taken for a full one.

        Raises:
            ValueError: both or neither is given, or more than the recipe has.
        """
        if (iterations is None) == (passes is None):
            raise ValueError("shortened: expected either iterations or passes")
        if passes is not None:
            if train_size is None and self.train_size is None:
                raise ValueError("shortened: passes need train_size, the number of training images")
            images = self.train_size if train_size is None else self.images_used(train_size)
            iterations = math.ceil(passes * images / self.batch_size)
        if not 1 <= iterations <= self.iterations:
            raise ValueError(
                f"recipe {self.name} has {self.iterations} iterations and cannot be shortened to {iterations}"
            )
        if iterations == self.iterations:
            return self
        drops = tuple((max(1, round(i * iterations / self.iterations)), rate) for i, rate in self.drops)
        return dataclasses.replace(
            self, name=f"{self.name}-shortened-{iterations}", iterations=iterations, drops=drops
        )

    def as_dict(self):
        """All fields, as JSON has them (lists for tuples)."""
        fields = dataclasses.asdict(self)
        return {**fields, "drops": [list(drop) for drop in self.drops], "loss_weights": [*self.loss_weights]}

    @classmethod
    def from_dict(cls, fields):
        """The recipe that ``as_dict`` wrote; a ``ValueError`` names unknown or missing fields."""
        known = {field.name for field in dataclasses.fields(cls)}
        if unknown := sorted(set(fields) - known):
            raise ValueError(f"recipe: unknown field(s) {', '.join(unknown)}")
        if missing := sorted({"name", "batch_size", "iterations", "learning_rate"} - set(fields)):
            raise ValueError(f"recipe: missing field(s) {', '.join(missing)}")
        return cls(**fields)


# He et al. 2015, section 4.2 and its footnote: SGD, momentum .9, decay 1e-4, batch 128, rate .1,
# divided by 10 at 32k and 48k iterations, ended at 64k, per-pixel mean, pad 4 and crop or its mirror.
# The paper does not print batch normalisation's constants: .9 and 1e-5 are those of its released
# models' framework generation (PyTorch's momentum .1 is Keras' .9).
HE2015_CIFAR = Recipe(
    name="he2015-cifar",
    batch_size=128,
    iterations=64_000,
    learning_rate=0.1,
    drops=((32_000, 0.01), (48_000, 0.001)),
    momentum=0.9,
    weight_decay=1e-4,
    pixels="per-pixel-mean",
    augmentation="crop-and-mirror",
    pad=4,
    batch_norm_momentum=0.9,
    batch_norm_epsilon=1e-5,
)

# ResNet-110: "we use 0.01 to warm up the training until the training error is below 80% (about 400
# iterations), and then go back to 0.1 and continue training".
HE2015_CIFAR_WARM_UP = dataclasses.replace(
    HE2015_CIFAR, name="he2015-cifar-warm-up", warm_up_rate=0.01, warm_up_until=80.0
)

# The same experiment within a laptop's reach: 16x16 images, 10,000 of them, 8 passes. The padding
# is the same eighth of the image's side; the cosine replaces drops that so short a run cannot use.
HE2015_CIFAR_REDUCED = dataclasses.replace(
    HE2015_CIFAR,
    name="he2015-cifar-reduced",
    iterations=625,
    schedule="cosine",
    drops=(),
    pad=2,
    train_size=10_000,
    image_size=16,
)

# The paper's own schedule, a sixteenth as long, on images and maps (``widths=(8, 16, 32)``) of half the
# side and half the number: about a sixteenth of the arithmetic an image, and a 256th of it in all.
HE2015_CIFAR_SIXTEENTH = dataclasses.replace(
    HE2015_CIFAR.shortened(iterations=4_000), name="he2015-cifar-sixteenth", pad=2, image_size=16
)

# The same schedule without augmentation on a fifth of the images: 51 passes, enough to learn them by heart.
# What a network cannot fit here is not for want of time, and what it fits is not held back by changed images.
HE2015_CIFAR_FIT = dataclasses.replace(
    HE2015_CIFAR_SIXTEENTH, name="he2015-cifar-fit", train_size=10_000, augmentation="none"
)

# LeCun et al. 1998: 20 passes, pixels and loss as in the paper. Its optimiser, a stochastic diagonal
# Levenberg-Marquardt method with batches of one image, is replaced by momentum. All rates for MNIST
# were chosen by the error on the last 10,000 training images, held out, after a few passes.
LENET5_MNIST = Recipe(
    name="lenet5-mnist",
    batch_size=64,
    iterations=18_750,
    learning_rate=0.003,
    schedule="cosine",
    pixels="lecun1998",
    loss="lecun1998-map",
)

LENET5_MODERN_MNIST = Recipe(
    name="lenet5-modern-mnist",
    batch_size=64,
    iterations=18_750,
    learning_rate=0.02,
    schedule="cosine",
    pixels="lecun1998",
)

# The 1998 network with a dense output: the loss is another, and with it the scale of its gradient.
LENET5_DENSE_MNIST = dataclasses.replace(
    LENET5_MNIST, name="lenet5-dense-mnist", loss="softmax-cross-entropy", learning_rate=0.05
)

RECIPES = {
    recipe.name: recipe
    for recipe in (
        HE2015_CIFAR,
        HE2015_CIFAR_WARM_UP,
        HE2015_CIFAR_REDUCED,
        HE2015_CIFAR_SIXTEENTH,
        HE2015_CIFAR_FIT,
        LENET5_MNIST,
        LENET5_MODERN_MNIST,
        LENET5_DENSE_MNIST,
    )
}


def names():
    """The names of all recipes, sorted."""
    return tuple(sorted(RECIPES))


def get(name):
    """The recipe called ``name``; a ``ValueError`` lists the known ones."""
    if name not in RECIPES:
        raise ValueError(f"unknown recipe {name!r}; known: {', '.join(names())}")
    return RECIPES[name]
