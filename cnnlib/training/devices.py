"""One run over several devices, of one process or of several: ``keras.distribution`` on the JAX backend.

    with devices.several(4):
        cnnlib.run("lenet5", data, recipe)

Every device holds all weights and computes its rows of each batch. What is taken over a batch, its loss,
gradients, and the statistics of batch normalisation, is that of the whole batch, so that a run is the same
over any number of devices, up to the order in which floats are added.

Several processes, on one machine or many, are started with the same command and Keras' variables
KERAS_DISTRIBUTION_JOB_ADDRESSES (of the first process, HOST:PORT), KERAS_DISTRIBUTION_NUM_PROCESSES and
KERAS_DISTRIBUTION_PROCESS_ID. The first one alone reads and writes files; the others get what it read.
"""

import contextlib
import os
import pickle
from collections.abc import Callable, Iterator

import keras
import numpy as np

from cnnlib.recipes import Recipe

# How the errors of a computation begin that several processes could not finish together.
LOST = tuple(f"{code}: " for code in ("ABORTED", "CANCELLED", "DEADLINE_EXCEEDED", "UNAVAILABLE", "UNKNOWN"))


@contextlib.contextmanager
def several(count: int | None = None) -> Iterator[None]:
    """Within the ``with`` block networks are built and trained over several devices.

    If the variables KERAS_DISTRIBUTION_... are set, this process joins the others first. That has to come
    before anything is computed.

    Args:
        count: how many devices, those of all processes together. None: all devices of several processes, and
            in a single process whatever is used outside the block.

    Raises:
        TypeError, ValueError: ``count`` is no number of devices that are there, or not all those of several
            processes; or the backend is not JAX.
        OSError: within the block another process ended, or does not answer.
    """
    if count is not None and (isinstance(count, bool) or not isinstance(count, int)):
        raise TypeError(f"devices: expected a whole number of at least 1, got {count!r}")
    if count is not None and count < 1:
        raise ValueError(f"devices: expected a whole number of at least 1, got {count}")
    asked = any(name.startswith("KERAS_DISTRIBUTION_") for name in os.environ)
    backend = keras.backend.backend()
    if backend != "jax":
        if asked or count not in (None, 1):
            raise ValueError(
                f"several devices need the JAX backend (KERAS_BACKEND=jax), this is {backend}"
                + (", with KERAS_DISTRIBUTION_... set" if asked else f": expected devices 1, got {count}")
            )
        yield
        return
    if asked:
        _join()
    if processes() == 1 and count in (None, 1):
        yield
        return
    with _distribution(count).scope(), _end_together():
        yield


def _join():
    """Become one of several processes, by Keras' variables; what is not in them JAX asks the launcher for."""
    import jax

    if jax.distributed.is_initialized():
        return
    keras.distribution.initialize()


def _distribution(count):
    """Keras' data parallelism over so many devices, None: all."""
    there = keras.distribution.list_devices()
    wanted = len(there) if count is None else count
    if wanted > len(there):
        virtual = "; on a CPU, XLA_FLAGS=--xla_force_host_platform_device_count=N makes N of it"
        hint = virtual if there[0].startswith("cpu") and processes() == 1 else ""
        raise ValueError(f"devices: expected at most {len(there)}, which JAX sees here, got {count}{hint}")
    if processes() > 1 and wanted != len(there):
        raise ValueError(
            f"devices: {processes()} processes have {len(there)} in all, expected that number, got {count}"
        )
    # The batches are cut by `Shards`; Keras does it for tf.data alone.
    return keras.distribution.DataParallel(devices=there[:wanted], auto_shard_dataset=False)


@contextlib.contextmanager
def _end_together():
    """What JAX says when another process is gone becomes an error that says so."""
    import jax

    try:
        yield
    except (jax.errors.JaxRuntimeError, ValueError) as reason:
        # JAX raises now the one, now the other; the text begins with a code.
        if processes() == 1 or not str(reason).startswith(LOST):
            raise
        raise OSError(
            "another process of this run ended, or does not answer; the same command in all of them goes on "
            f"from the last checkpoint ({reason})"
        ) from reason


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Within the ``with`` block this process computes for itself, on one device."""
    active = keras.distribution.distribution()
    keras.distribution.set_distribution(None)
    try:
        yield
    finally:
        keras.distribution.set_distribution(active)


def number() -> int:
    """Over how many devices networks are built and trained here and now."""
    active = keras.distribution.distribution()
    return 1 if active is None else active.device_mesh.devices.size


def processes() -> int:
    """How many processes train together, this one included."""
    if keras.backend.backend() != "jax":
        return 1
    import jax

    return jax.process_count()


def first() -> bool:
    """Whether this process is the one of them that reads and writes files."""
    return _place() == 0


def _place():
    """Which of the processes this is, from 0 on."""
    if keras.backend.backend() != "jax":
        return 0
    import jax

    return jax.process_index()


def from_first(function: Callable, *arguments, **options):
    """What ``function`` returns, or raises, in the first process: there it is called, and all get it.

    All processes have to come here, in the same order.
    """
    if processes() == 1:
        return function(*arguments, **options)
    from jax.experimental import multihost_utils

    text = b""
    if first():
        try:
            text = pickle.dumps((function(*arguments, **options), None))
        except Exception as reason:
            text = pickle.dumps((None, reason))
    size = multihost_utils.broadcast_one_to_all(np.int32(len(text)))
    here = np.frombuffer(text.ljust(int(size), b"\0"), "uint8")
    value, error = pickle.loads(multihost_utils.broadcast_one_to_all(here).tobytes())
    if error is not None:
        raise error
    return value


def check(model: keras.Model, recipe: Recipe) -> None:
    """Refuse a recipe and a model that cannot be trained over the devices here.

    Raises:
        ValueError: says why.
    """
    active, count = keras.distribution.distribution(), number()
    if active is None and processes() == 1:
        return
    if keras.backend.backend() != "jax":
        raise ValueError(f"several devices need the JAX backend, this is {keras.backend.backend()}")
    if not isinstance(active, keras.distribution.DataParallel):
        raise ValueError(f"expected a keras.distribution.DataParallel over all processes, got {active!r}")
    if recipe.batch_size % count:
        raise ValueError(
            f"recipe {recipe.name}: expected a batch that {count} devices can share evenly, "
            f"got {recipe.batch_size} images"
        )
    for variable in model.variables:
        if (found := len(variable.value.sharding.device_set)) != count:
            raise ValueError(
                f"model {model.name} was built for {found} device{'s' if found != 1 else ''} and is to be "
                f"trained over {count}: build it where it is trained"
            )


def sharded(batches: keras.utils.PyDataset) -> keras.utils.PyDataset:
    """The batches as Keras' distribution wants them: see ``Shards``; as they are for one device."""
    return batches if keras.distribution.distribution() is None else Shards(batches)


class Shards(keras.utils.PyDataset):
    """This process' rows of each batch, consecutive ones.

    A batch that the devices cannot share evenly is filled up with its last image, which then has weight 0
    in loss and error; all others have one weight, so that a mean over all batches is that over all images.

    Args:
        batches: with ``sizes``, how many images each batch has.
    """

    def __init__(self, batches: keras.utils.PyDataset):
        super().__init__()
        self.batches = batches
        self.devices, self.processes, self.place = number(), processes(), _place()
        # Keras takes the mean of each batch, the images that fill it up included, and then of all batches.
        filled = sum(-(-size // self.devices) * self.devices for size in batches.sizes)
        self.weight = np.float32(filled / sum(batches.sizes))

    @property
    def num_batches(self):
        """How many batches there are."""
        return self.batches.num_batches

    def __getitem__(self, number):
        """This process' part of batch ``number``: inputs, labels, and weights if any batch is filled up."""
        x, y = self.batches[number]
        parts = [x, y]
        if self.weight != 1:
            weights = np.full(len(y), self.weight)
            missing = -len(y) % self.devices
            parts = [np.concatenate([values, values[-1:].repeat(missing, 0)]) for values in (x, y)]
            parts.append(np.concatenate([weights, np.zeros(missing, "float32")]))
        share = len(parts[0]) // self.processes
        return tuple(values[self.place * share :][:share] for values in parts)
