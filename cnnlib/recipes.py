"""Training recipes as data: what the papers state, in one frozen dataclass, and the papers' own as constants.

``HE2015_CIFAR`` is the recipe of He, Zhang, Ren and Sun 2015, "Deep residual learning for image
recognition", section 4.2. ``RECIPES`` holds every recipe by its name; ``get(name)`` looks one up, or makes
one that is shortened, at another rate or clipped, by the name that it then has.
"""

import dataclasses
import math
import operator
import re
import sys

PIXELS = ("lecun1998", "per-pixel-mean", "standardized", "unit")
AUGMENTATIONS = ("none", "crop", "crop-and-mirror", "crop-mirror-and-colour", "affine-distortion")
LOSSES = ("softmax-cross-entropy", "lecun1998-map")
SCHEDULES = ("steps", "cosine")
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")

CHOICES = {
    "schedule": SCHEDULES,
    "pixels": PIXELS,
    "augmentation": AUGMENTATIONS,
    "loss": LOSSES,
    "precision": PRECISIONS,
}

# The numbers of a recipe: whether only whole ones are meant, and what must hold. Where the default is None,
# None may stand as well.
BOUNDS = {
    "batch_size": (int, {"at least": 1}),
    "iterations": (int, {"at least": 1, "at most": 10**9}),
    "learning_rate": (float, {"above": 0}),
    "momentum": (float, {"at least": 0, "below": 1}),
    "weight_decay": (float, {"at least": 0}),
    "clip_norm": (float, {"above": 0}),
    "pad": (int, {"at least": 0}),
    "batch_norm_momentum": (float, {"at least": 0, "below": 1}),
    "batch_norm_epsilon": (float, {"above": 0}),
    "train_size": (int, {"at least": 1}),
    "image_size": (int, {"at least": 1}),
}
HOLDS = {"above": operator.gt, "at least": operator.ge, "below": operator.lt, "at most": operator.le}


@dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
class Recipe:
    """How a network is trained; time is counted in iterations, one iteration is one batch.

    The optimiser is stochastic gradient descent with momentum, the learning rate inside the velocity (Caffe,
    Keras): v <- momentum v - rate g, w <- w + v.

    Attributes:
        name: what records call the recipe.
        batch_size: images an iteration.
        iterations: batches in all.
        learning_rate: the first rate, used from iteration 0 on.
        schedule: "steps" (constant between the ``drops``) or "cosine" (half a cosine from
            ``learning_rate`` at iteration 0 to 0 at ``iterations``).
        drops: pairs (iteration, rate): from this iteration on, counted from 0, this rate.
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
            mirrored, left to right, with probability 1/2; "crop-mirror-and-colour": and its colours
            shifted first, by ``cnnlib.training.inputs.colour_shifts``; "affine-distortion": each training
            image is moved, scaled, squeezed and sheared at random, in every pass anew (after the pixel
            mapping), within the ranges of ``cnnlib.training.inputs.DISTORTIONS``.
        pad: pixels on each side, of a crop.
        loss: "softmax-cross-entropy" of class scores (the largest one is predicted) or
            "lecun1998-map" of distances (the smallest one is predicted).
        loss_weights: one weight an output of the network; the losses are added with them. The first
            output is the one whose errors count; (1.0, 0.3, 0.3) for GoogLeNet with auxiliary heads.
        batch_norm_momentum: share of the moving statistics that an iteration keeps, Keras' convention. The
            network has it; a recipe that states one is for networks with the same. None: whatever it is.
        batch_norm_epsilon: added to the variance; as above.
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
    momentum: float = 0.9
    weight_decay: float = 0.0
    clip_norm: float | None = None
    pixels: str = "unit"
    augmentation: str = "none"
    pad: int = 4
    loss: str = "softmax-cross-entropy"
    loss_weights: tuple = (1.0,)
    batch_norm_momentum: float | None = None
    batch_norm_epsilon: float | None = None
    precision: str = "float32"
    train_size: int | None = None
    image_size: int | None = None

    def __post_init__(self):
        """Refuse what cannot be trained."""
        if not isinstance(self.name, str) or not self.name:
            raise TypeError(f"name: expected a text that is not empty, got {self.name!r}")
        for field, known in CHOICES.items():
            value = getattr(self, field)
            if value not in known:
                raise ValueError(f"recipe {self.name}: unknown {field} {value!r}; known: {', '.join(known)}")
        defaults = {field.name: field.default for field in dataclasses.fields(self)}
        for field, (kind, bounds) in BOUNDS.items():
            value = getattr(self, field)
            if value is not None or defaults[field] is not None:
                self._check_number(field, value, kind, bounds)
        for field in ("drops", "loss_weights"):
            if not isinstance(getattr(self, field), (list, tuple)):
                raise TypeError(f"recipe {self.name}: {field} must be a list, got {getattr(self, field)!r}")
        if not self.loss_weights:
            raise ValueError(f"recipe {self.name}: loss_weights must have one weight an output, got none")
        for weight in self.loss_weights:
            self._check_number("a weight of loss_weights", weight, float, {"at least": 0})
        self._check_drops()
        object.__setattr__(self, "drops", tuple(tuple(drop) for drop in self.drops))
        object.__setattr__(self, "loss_weights", tuple(self.loss_weights))

    def __repr__(self):
        """The call that makes it, what has its default left out."""
        values = [(field, getattr(self, field.name)) for field in dataclasses.fields(self)]
        shown = [f"{field.name}={value!r}" for field, value in values if value != field.default]
        return f"Recipe({', '.join(shown)})"

    def _check_number(self, field, value, kind, bounds):
        numbers, words = (int, "a whole number") if kind is int else ((int, float), "a number")
        if isinstance(value, bool) or not isinstance(value, numbers):
            raise TypeError(f"recipe {self.name}: {field} must be {words}, got {value!r}")
        if not abs(value) <= sys.float_info.max:
            raise ValueError(f"recipe {self.name}: {field} must be finite, got {value}")
        wanted = [f"{sign} {bound}" for sign, bound in bounds.items() if not HOLDS[sign](value, bound)]
        if wanted:
            raise ValueError(f"recipe {self.name}: {field} must be {' and '.join(wanted)}, got {value}")

    def _check_drops(self):
        if self.drops and self.schedule != "steps":
            raise ValueError(f"recipe {self.name}: drops go with schedule 'steps', not {self.schedule!r}")
        before = 0
        for drop in self.drops:
            if not isinstance(drop, (list, tuple)) or len(drop) != 2:
                raise TypeError(f"recipe {self.name}: a drop is a pair (iteration, rate), got {drop!r}")
            iteration, rate = drop
            self._check_number("the iteration of a drop", iteration, int, {})
            self._check_number(f"the rate from iteration {iteration} on", rate, float, {"above": 0})
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

    def rate(self, iteration: int) -> float:
        """The learning rate of iteration 0, 1, ..."""
        if self.schedule == "cosine":
            return self.learning_rate * 0.5 * (1 + math.cos(math.pi * iteration / self.iterations))
        rates = [self.learning_rate, *(rate for start, rate in self.drops if iteration >= start)]
        return rates[-1]

    def passes(self, train_size: int) -> float:
        """How often each of ``train_size`` training images is seen."""
        return self.iterations * self.batch_size / self.images_used(train_size)

    def images_used(self, train_size: int) -> int:
        """How many of ``train_size`` training images the recipe trains on."""
        return min(self.train_size or train_size, train_size)

    def steps_per_epoch(self, train_size: int) -> int:
        """Iterations an epoch: one pass over the training images, rounded up to whole batches.

        Batches are cut from one endless stream of passes, each pass in its own random order. So all
        batches have the same size and no image is seen more often than another; where the images
        are no multiple of the batch, an epoch ends some images into the next pass.
        """
        return -(-self.images_used(train_size) // self.batch_size)

    def epoch_ends(self, train_size: int) -> list[int]:
        """The iterations done at the end of each epoch; the last one is the recipe's end."""
        steps = self.steps_per_epoch(train_size)
        return [*range(steps, self.iterations, steps), self.iterations]

    def shortened(
        self,
        *,
        iterations: int | None = None,
        passes: float | None = None,
        train_size: int | None = None,
    ) -> "Recipe":
        """The same recipe made shorter in proportion: all drops move with the end.

        Args:
            iterations: batches in all; or instead
            passes: over the training images, and
            train_size: their number, not needed where the recipe says its own.

        Returns:
            A recipe whose name says so, that no short run is taken for a full one.

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

    def at_rate(self, learning_rate: float) -> "Recipe":
        """The same recipe with another first rate, and the rates of all drops in proportion.

        Raises:
            ValueError, TypeError: a rate that is none.
        """
        self._check_number("learning_rate", learning_rate, float, BOUNDS["learning_rate"][1])
        if learning_rate == self.learning_rate:
            return self
        # Twelve digits, so that a hundredth of .03 is .0003 and not .00030000000000000003.
        drops = tuple(
            (start, float(f"{rate / self.learning_rate * learning_rate:.12g}")) for start, rate in self.drops
        )
        name = f"{self.name}-rate-{learning_rate:g}"
        return dataclasses.replace(self, name=name, learning_rate=learning_rate, drops=drops)

    def clipped(self, norm: float) -> "Recipe":
        """The same recipe with ``clip_norm``, the largest norm of a weight tensor's gradient.

        Raises:
            ValueError, TypeError: a norm that is none.
        """
        return dataclasses.replace(self, name=f"{self.name}-clip-{norm:g}", clip_norm=norm)

    def as_dict(self) -> dict:
        """All fields, as JSON has them (lists for tuples)."""
        fields = dataclasses.asdict(self)
        return {**fields, "drops": [list(drop) for drop in self.drops], "loss_weights": [*self.loss_weights]}

    @classmethod
    def from_dict(cls, fields: dict) -> "Recipe":
        """The recipe that ``as_dict`` wrote.

        Raises:
            ValueError, TypeError: name the field that is unknown, missing, or has a value it cannot have.
        """
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
# iterations), and then go back to 0.1 and continue training". Here it is the 400 iterations, whatever the
# training error is.
HE2015_CIFAR_WARM_UP = dataclasses.replace(
    HE2015_CIFAR,
    name="he2015-cifar-warm-up",
    learning_rate=0.01,
    drops=((400, 0.1), *HE2015_CIFAR.drops),
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

# Four times as long: a quarter of the paper's iterations, 41 passes.
HE2015_CIFAR_QUARTER = dataclasses.replace(
    HE2015_CIFAR.shortened(iterations=16_000), name="he2015-cifar-quarter", pad=2, image_size=16
)

# A sixteenth once more, without augmentation and on a fifth of the images: 51 passes, enough to learn
# them by heart. What a network cannot fit here is not for want of time, and what it fits is not held back by
# changed images.
HE2015_CIFAR_FIT = dataclasses.replace(
    HE2015_CIFAR_SIXTEENTH, name="he2015-cifar-fit", train_size=10_000, augmentation="none"
)

# What the paper's ResNet-110 needed, as a variant for every depth: 400 iterations at a tenth of the rate.
HE2015_CIFAR_FIT_WARM_UP = dataclasses.replace(
    HE2015_CIFAR_FIT,
    name="he2015-cifar-fit-warm-up",
    learning_rate=0.01,
    drops=((400, 0.1), *HE2015_CIFAR_FIT.drops),
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

# The same with distorted training images, LeCun et al. 1998, section III.B. The paper adds nine distorted
# copies of each image to the set; here every pass distorts every image anew. The ranges were set once,
# and no others were tried.
LENET5_DISTORTED_MNIST = dataclasses.replace(
    LENET5_MNIST, name="lenet5-distorted-mnist", augmentation="affine-distortion"
)

# Krizhevsky, Sutskever and Hinton 2012 within a CPU's reach: 3,000 photographs of Imagenette at 67 pixels,
# few enough to be learned by heart, and 16 passes. Momentum, decay and augmentation are the paper's; the
# margin of a crop is 4 of 67 pixels, its 16 of 224. The cosine replaces three drops at times that the paper
# does not print; rate and batch are for this length.
KRIZHEVSKY2012_REDUCED = Recipe(
    name="krizhevsky2012-reduced",
    batch_size=64,
    iterations=750,
    learning_rate=0.02,
    schedule="cosine",
    momentum=0.9,
    weight_decay=5e-4,
    pixels="per-pixel-mean",
    augmentation="crop-mirror-and-colour",
    pad=4,
    train_size=3_000,
    image_size=67,
)

# The same without the shifts of colours, and without any change of the photographs.
KRIZHEVSKY2012_REDUCED_NO_COLOUR = dataclasses.replace(
    KRIZHEVSKY2012_REDUCED, name="krizhevsky2012-reduced-no-colour", augmentation="crop-and-mirror"
)
KRIZHEVSKY2012_REDUCED_NO_AUGMENTATION = dataclasses.replace(
    KRIZHEVSKY2012_REDUCED, name="krizhevsky2012-reduced-no-augmentation", augmentation="none"
)

# All photographs of Imagenette and 15 passes: long enough for the first filters to leave their random start.
KRIZHEVSKY2012_REDUCED_LONGER = dataclasses.replace(
    KRIZHEVSKY2012_REDUCED, name="krizhevsky2012-reduced-longer", train_size=None, iterations=2_220
)

# For the paper's Fig. 1, how fast a small network of four layers fits CIFAR-10: here 10,000 images of half
# the side, no regularisation of any kind, and a constant rate, chosen for each activation by itself.
KRIZHEVSKY2012_FIT = Recipe(
    name="krizhevsky2012-fit",
    batch_size=128,
    iterations=2_344,
    learning_rate=0.03,
    pixels="per-pixel-mean",
    train_size=10_000,
    image_size=16,
)

# Simonyan and Zisserman 2014, section 3.1, on ImageNet: batch 256, momentum .9, decay 5e-4, dropout .5 on the
# two hidden dense layers, rate .01, divided by 10 three times, whenever the validation error stood still,
# 370,000 iterations. It does not print when that was, so there is no recipe of it here. Within a laptop's
# reach, for columns of few maps: the same momentum and decay, 4 passes over 10,000 images of CIFAR-10, a
# cosine for the drops. The rate, of .01 and .005, has the lower training error in column A (one seed).
SIMONYAN2014_CIFAR_REDUCED = Recipe(
    name="simonyan2014-cifar-reduced",
    batch_size=32,
    iterations=1250,
    learning_rate=0.01,
    schedule="cosine",
    weight_decay=5e-4,
    pixels="standardized",
    augmentation="crop-and-mirror",
    train_size=10_000,
)

# How training begins: two passes at a constant rate.
SIMONYAN2014_CIFAR_START = dataclasses.replace(
    SIMONYAN2014_CIFAR_REDUCED,
    name="simonyan2014-cifar-start",
    iterations=632,
    learning_rate=0.02,
    schedule="steps",
)

# Images of half the side, a quarter of the arithmetic.
SIMONYAN2014_CIFAR_HALF_SIDE = dataclasses.replace(
    SIMONYAN2014_CIFAR_REDUCED, name="simonyan2014-cifar-half-side", pad=2, image_size=16
)

# Five times as long, 20 passes: what four passes have not learned, these may.
SIMONYAN2014_CIFAR_REDUCED_LONGER = dataclasses.replace(
    SIMONYAN2014_CIFAR_REDUCED, name="simonyan2014-cifar-reduced-longer", iterations=6_250
)
SIMONYAN2014_CIFAR_HALF_SIDE_LONGER = dataclasses.replace(
    SIMONYAN2014_CIFAR_HALF_SIDE, name="simonyan2014-cifar-half-side-longer", iterations=6_250
)

# Lin, Chen and Yan 2013 follow Krizhevsky et al. 2012: batches of 128, weights and rates set by hand, a tenth
# of the rate where the training error stands still, dropout and weight decay; images normalised in contrast
# and whitened. It prints no rates and no times. Within a laptop's reach, for networks of few maps: 10,000
# images of half the side, 4 passes, a cosine for the drops, no regularisation. The rate: with batches of 64,
# .02 and .05 gave the same errors (one seed); this is between them, an image counted.
LIN2013_CIFAR_REDUCED = Recipe(
    name="lin2013-cifar-reduced",
    batch_size=32,
    iterations=1_250,
    learning_rate=0.02,
    schedule="cosine",
    pixels="standardized",
    train_size=10_000,
    image_size=16,
)

# For what overfits: 2,000 images, 25 passes.
LIN2013_CIFAR_FIT = dataclasses.replace(
    LIN2013_CIFAR_REDUCED, name="lin2013-cifar-fit", iterations=1_575, train_size=2_000
)

# Five times as many passes.
LIN2013_CIFAR_LONGER = dataclasses.replace(
    LIN2013_CIFAR_REDUCED, name="lin2013-cifar-longer", iterations=6_250
)

# Szegedy et al. 2014, section 6: momentum .9 and a rate that falls by 4 % every eight passes, on several
# machines at once (asynchronous); rate, batch, decay and length it does not print. Within a laptop's reach: 4
# passes over 10,000 images of CIFAR-10 at half their side, a cosine for the drops, no decay.
SZEGEDY2014_CIFAR_REDUCED = Recipe(
    name="szegedy2014-cifar-reduced",
    batch_size=64,
    iterations=625,
    learning_rate=0.03,
    schedule="cosine",
    pixels="standardized",
    augmentation="crop-and-mirror",
    pad=2,
    train_size=10_000,
    image_size=16,
)

# Five times as many passes, at a third of the rate.
SZEGEDY2014_CIFAR_LONGER = dataclasses.replace(
    SZEGEDY2014_CIFAR_REDUCED, name="szegedy2014-cifar-longer", iterations=3_125, learning_rate=0.01
)

# Few images, unchanged, 16 passes, so that there is something to regularise; and the same for networks with
# both auxiliary classifiers (section 5).
SZEGEDY2014_CIFAR_FIT = dataclasses.replace(
    SZEGEDY2014_CIFAR_REDUCED,
    name="szegedy2014-cifar-fit",
    batch_size=32,
    iterations=1000,
    learning_rate=0.02,
    augmentation="none",
    train_size=2_000,
)
SZEGEDY2014_CIFAR_FIT_AUXILIARY = dataclasses.replace(
    SZEGEDY2014_CIFAR_FIT, name="szegedy2014-cifar-fit-auxiliary", loss_weights=(1.0, 0.3, 0.3)
)

# One recipe for all networks side by side: 10,000 images of CIFAR-10, up to three passes. Momentum and decay
# are those of Krizhevsky et al. 2012 and of Simonyan and Zisserman 2014, crops and mirrors of He et al. 2015.
# Each network gets its own rate, of the same three: ``cnnlib.experiments.RATES``.
COMPARISON_CIFAR = Recipe(
    name="comparison-cifar",
    batch_size=64,
    iterations=469,
    learning_rate=0.03,
    schedule="cosine",
    weight_decay=5e-4,
    pixels="standardized",
    augmentation="crop-and-mirror",
    train_size=10_000,
)
# Ten times the steps of two passes, over all images: four passes.
COMPARISON_CIFAR_LONGER = dataclasses.replace(
    COMPARISON_CIFAR, name="comparison-cifar-longer", iterations=3_128, train_size=None
)
# As many steps on 10,000 images: twenty passes.
COMPARISON_CIFAR_LONGER_FEWER = dataclasses.replace(
    COMPARISON_CIFAR_LONGER, name="comparison-cifar-longer-fewer", train_size=10_000
)

RECIPES = {
    recipe.name: recipe
    for recipe in (
        HE2015_CIFAR,
        HE2015_CIFAR_WARM_UP,
        HE2015_CIFAR_REDUCED,
        HE2015_CIFAR_SIXTEENTH,
        HE2015_CIFAR_QUARTER,
        HE2015_CIFAR_FIT,
        HE2015_CIFAR_FIT_WARM_UP,
        LENET5_MNIST,
        LENET5_MODERN_MNIST,
        LENET5_DENSE_MNIST,
        LENET5_DISTORTED_MNIST,
        KRIZHEVSKY2012_REDUCED,
        KRIZHEVSKY2012_REDUCED_NO_COLOUR,
        KRIZHEVSKY2012_REDUCED_NO_AUGMENTATION,
        KRIZHEVSKY2012_REDUCED_LONGER,
        KRIZHEVSKY2012_FIT,
        SIMONYAN2014_CIFAR_REDUCED,
        SIMONYAN2014_CIFAR_START,
        SIMONYAN2014_CIFAR_HALF_SIDE,
        SIMONYAN2014_CIFAR_REDUCED_LONGER,
        SIMONYAN2014_CIFAR_HALF_SIDE_LONGER,
        LIN2013_CIFAR_REDUCED,
        LIN2013_CIFAR_FIT,
        LIN2013_CIFAR_LONGER,
        COMPARISON_CIFAR,
        COMPARISON_CIFAR_LONGER,
        COMPARISON_CIFAR_LONGER_FEWER,
        SZEGEDY2014_CIFAR_REDUCED,
        SZEGEDY2014_CIFAR_LONGER,
        SZEGEDY2014_CIFAR_FIT,
        SZEGEDY2014_CIFAR_FIT_AUXILIARY,
    )
}


def names() -> tuple[str, ...]:
    """The names of all recipes, sorted."""
    return tuple(sorted(RECIPES))


def get(name: str) -> Recipe:
    """The recipe called ``name``: a known one, or what ``shortened``, ``at_rate`` and ``clipped`` make of it.

    ``get("he2015-cifar-fit-rate-0.03")`` is ``HE2015_CIFAR_FIT.at_rate(0.03)``, and
    ``get("lenet5-mnist-shortened-9375")`` is ``LENET5_MNIST.shortened(iterations=9375)``.

    Raises:
        ValueError: none is called so; the error lists the known ones.
    """
    found = find(name)
    if found is None or found.name != name:
        raise ValueError(
            f"unknown recipe {name!r}; known: {', '.join(names())}, "
            "and what -shortened-ITERATIONS, -rate-RATE or -clip-NORM behind a name make of it"
        )
    return found


def find(name: str) -> Recipe | None:
    """What a name says, its last change undone first; None if it begins with no known one.

    Raises:
        ValueError: the change that the name speaks of cannot be made.
    """
    if name in names():
        return RECIPES[name]
    change = re.fullmatch(r"(.+)-(shortened|rate|clip)-(\d[\d.e-]*)", str(name))
    whole = change and find(change[1])
    if not whole:
        return None
    try:
        if change[2] == "shortened":
            return whole.shortened(iterations=int(change[3]))
        return (whole.at_rate if change[2] == "rate" else whole.clipped)(float(change[3]))
    except ValueError as reason:
        raise ValueError(f"recipe {name!r}: {reason}") from reason
