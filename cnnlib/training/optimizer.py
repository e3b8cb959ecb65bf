"""The optimiser that a recipe names, as a Keras object."""

import keras
from keras import ops

from cnnlib.recipes import Recipe


@keras.saving.register_keras_serializable("cnnlib")
class SGD(keras.optimizers.SGD):
    """Stochastic gradient descent with momentum, and weight decay in the gradient of kernels.

    A step on the weight w with gradient g: g <- g + kernel_decay w, if w is a kernel (of a
    convolution or dense layer: biases, and the gamma and beta of normalisations, are left alone);
    v <- momentum v - rate g; w <- w + v. This is L2 regularisation as Caffe and He et al. 2015 have
    it. Keras' own ``weight_decay`` is another method: it stands outside the velocity and acts on all weights.

    Args:
        learning_rate, momentum: the rate (a number or a Keras schedule) and momentum above.
        kernel_decay: the d of d w, at least 0.
        kwargs: of ``keras.optimizers.SGD``.
    """

    def __init__(self, learning_rate=0.1, momentum=0.9, kernel_decay=0.0, **kwargs):
        super().__init__(learning_rate=learning_rate, momentum=momentum, **kwargs)
        if kernel_decay < 0:
            raise ValueError(f"kernel_decay: expected at least 0, got {kernel_decay}")
        self.kernel_decay = kernel_decay

    def build(self, variables):
        """Create the velocities, and note which variables decay."""
        if self.built:
            return
        super().build(variables)
        # Kept by index, because TensorFlow hands its own variables, under other names, to update_step.
        self.decays = [is_kernel(variable) for variable in variables]

    def update_step(self, gradient, variable, learning_rate):
        """One weight's step."""
        if self.kernel_decay and self.decays[self._get_variable_index(variable)]:
            gradient = ops.add(gradient, ops.multiply(ops.cast(self.kernel_decay, gradient.dtype), variable))
        super().update_step(gradient, variable, learning_rate)

    def get_config(self):
        """The arguments, for serialisation."""
        return {**super().get_config(), "kernel_decay": self.kernel_decay}


def is_kernel(variable: keras.Variable) -> bool:
    """Whether weight decay acts on this variable: those that their layer calls a kernel."""
    return variable.name.endswith("kernel")


def optimizer(recipe: Recipe) -> SGD:
    """The recipe's optimiser with its learning-rate schedule."""
    schedules = keras.optimizers.schedules
    if recipe.schedule == "cosine":
        rate = schedules.CosineDecay(recipe.learning_rate, decay_steps=recipe.iterations)
    elif recipe.drops:
        # Keras keeps a value up to and including its boundary; a drop counts from its iteration on.
        rate = schedules.PiecewiseConstantDecay(
            [iteration - 1 for iteration, _ in recipe.drops],
            [recipe.learning_rate, *(rate for _, rate in recipe.drops)],
        )
    else:
        rate = recipe.learning_rate
    return SGD(
        learning_rate=rate,
        momentum=float(recipe.momentum),
        kernel_decay=recipe.weight_decay,
        clipnorm=recipe.clip_norm,
    )
