"""Whole passes of training as one compiled program, on the JAX backend: for small networks on a GPU.

Keras' ``fit`` has Python start every step, and for a small network that takes longer than a GPU needs for the
step. Here the images lie on the device, as uint8. What is drawn for a pass is what ``inputs.TrainingBatches``
draws, and is sent once. Each step is the model's own ``train_step``, so that loss, metrics and optimiser are
the code that ``fit`` runs. Results agree with those of ``fit`` up to the order in which floats are added.

Not for a CPU: there JAX computes convolutions in a loop many times slower than outside (jax-ml/jax#12868).
"""

import itertools
import warnings

import keras
import numpy as np
from keras import ops

from cnnlib.data import Dataset
from cnnlib.recipes import Recipe
from cnnlib.training import devices, inputs

# Those whose batches are made on the device.
AUGMENTATIONS = ("none", "crop", "crop-and-mirror")


def check(asked: bool, recipe: Recipe) -> None:
    """Refuse compiled passes, if they are asked for, where they cannot be; on a CPU, warn that they are slow.

    Raises:
        TypeError: ``asked`` is neither True nor False.
        ValueError: another backend than JAX, another augmentation than those in ``AUGMENTATIONS``, or
            several devices.
    """
    if not isinstance(asked, bool):
        raise TypeError(f"compiled: expected True or False, got {asked!r}")
    if not asked:
        return
    backend = keras.backend.backend()
    if backend != "jax":
        raise ValueError(f"compiled passes need the JAX backend (KERAS_BACKEND=jax), this is {backend}")
    if recipe.augmentation not in AUGMENTATIONS:
        raise ValueError(
            f"recipe {recipe.name}: compiled passes take the augmentations {', '.join(AUGMENTATIONS)}, "
            f"got {recipe.augmentation}"
        )
    if devices.number() > 1:
        raise ValueError(f"compiled passes are computed on one device, got {devices.number()}")
    import jax

    if jax.default_backend() == "cpu":
        slow = "on a CPU, JAX computes convolutions in a loop many times slower"
        warnings.warn(f"compiled passes are for a GPU: {slow}", stacklevel=4)


def fit(network: keras.Model, data: Dataset, recipe: Recipe, seed: int, keeper) -> None:
    """Train from where the keeper's history ends to the recipe's end.

    Args:
        network: compiled by ``runs.compile_model``.
        data, recipe, seed: as for ``runs.train``.
        keeper: a ``runs.Keeper``.
    """
    done = len(keeper.history.iteration)
    if done == len(keeper.ends):
        return
    passes = Passes(network, data, recipe, seed)
    for epoch in range(done, len(keeper.ends)):
        keeper.on_epoch_begin(epoch)
        losses, logs = passes.train(keeper.start, keeper.ends[epoch])
        if len(wrong := np.flatnonzero(~np.isfinite(losses))):
            keeper.not_finite = keeper.start + int(wrong[0])
        tested = {f"val_{name}": value for name, value in passes.test().items()}
        keeper.on_epoch_end(epoch, {**logs, **tested})


class Passes:
    """Passes of training and of testing, each one program; between them the model's variables have its state.

    Args:
        network, data, recipe, seed: as for ``fit``.
    """

    def __init__(self, network: keras.Model, data: Dataset, recipe: Recipe, seed: int):
        import jax

        mapping = inputs.pixel_mapping(recipe, data)
        self.network, self.batch_size = network, recipe.batch_size
        self.batches = inputs.TrainingBatches(recipe, data, mapping, seed, 0, recipe.iterations)
        # As they are: a float copy of the whole set would be four times as large.
        self.training = jax.device_put((data.x_train, data.y_train.astype("int32")))
        self.testing = jax.device_put((data.x_test, data.y_test.astype("int32")))
        test_size = min(inputs.TestBatches(data, mapping).batch_size, len(data.x_test))
        # Keras makes the metrics' variables when they see the first outputs. They are set to zero later.
        network.compute_metrics(None, np.zeros(1, "int32"), ops.zeros((1, *network.output_shape[1:])))

        def train(state, images, labels, drawn):
            def step(state, drawn):
                x = batch(images, mapping, recipe, *drawn)
                logs, state = network.train_step(state, (x, labels[drawn[0]]))
                return state, logs["loss"]

            return jax.lax.scan(step, state, drawn)

        def test(state, images, labels):
            def step(state, part):
                _, state = network.test_step(state, (mapping(part[0]), part[1]))
                return state, None

            number, rest = divmod(len(images), test_size)
            whole = [v[: len(v) - rest].reshape(number, test_size, *v.shape[1:]) for v in (images, labels)]
            state, _ = jax.lax.scan(step, state, whole)
            return step(state, (images[-rest:], labels[-rest:])) if rest else (state, None)

        # The images are arguments: as constants they would be compiled into the program.
        self._train, self._test = jax.jit(train, donate_argnums=0), jax.jit(test, donate_argnums=0)

    def train(self, start: int, stop: int) -> tuple[np.ndarray, dict]:
        """Do the iterations from ``start`` to ``stop``, this one excluded.

        Returns:
            The running mean of the loss after each of them, (iterations,), and loss and error over all.
        """
        drawn = self.batches.drawn_for(start * self.batch_size, (stop - start) * self.batch_size)
        drawn = [values.reshape(stop - start, self.batch_size, *values.shape[1:]) for values in drawn[:3]]
        network = self.network
        state = (network.trainable_variables, network.non_trainable_variables, network.optimizer.variables)
        losses, logs = self._run(self._train, state, *self.training, drawn)
        return np.asarray(losses), logs

    def test(self) -> dict:
        """Loss and error over all test images."""
        state = (self.network.trainable_variables, self.network.non_trainable_variables)
        return self._run(self._test, state, *self.testing)[1]

    def _run(self, program, state, *arguments):
        """What a program returns besides its state, and the metrics; theirs are no part of ``state``."""
        self.network.reset_metrics()
        state = (*state, self.network.metrics_variables)
        values, result = program(tuple([v.value for v in part] for part in state), *arguments)
        # At once, before Ctrl-C can come between: the program has taken the memory of the old values.
        for variable, value in zip(itertools.chain(*state), itertools.chain(*values), strict=True):
            variable.assign(value)
        return result, {name: float(value) for name, value in self.network.get_metrics_result().items()}


def batch(images, mapping, recipe, order, offsets, mirrored):
    """The inputs of one batch as ``inputs.TrainingBatches`` makes them, on the device.

    Args:
        images: uint8, (number, height, width, channels), of which a batch has those of ``order`` (batch,).
        mapping: of ``inputs.pixel_mapping``.
        recipe: the ``Recipe``: its augmentation and ``pad``.
        offsets: (batch, 2), rows and columns, see ``inputs.crop``.
        mirrored: (batch,), which of the images are.
    """
    x = mapping(images[order])
    if recipe.augmentation != "none":
        border, shape = (recipe.pad, recipe.pad), x.shape[1:]
        padded = ops.pad(x, ((0, 0), border, border, (0, 0)))
        x = ops.vectorized_map(lambda v: ops.slice(v[0], (v[1][0], v[1][1], 0), shape), (padded, offsets))
    if recipe.augmentation == "crop-and-mirror":
        x = ops.where(mirrored[:, None, None, None], x[:, :, ::-1], x)
    return x
