"""The optimiser that a recipe names, as a Keras object."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("cnnlib")
class SGD(keras.optimizers.SGD):
    """Stochastic gradient descent with momentum, and weight decay in the gradient of kernels.

    A step on the weight w with gradient g: g <- g + kernel_decay w, if w is a kernel (of a
    convolution or dense layer: biases, and the gamma and beta of normalisations, are left alone);
    v <- momentum v - rate g; w <- w + v. This is L2 regularisation as Caffe and He et al. 2015 have
    it. Keras' own ``weight_decay`` is another method: it stands outside the velocity and acts on all weights.

    Args:
        kernel_decay: the d of d w, at least 0.
        warm_up_rate: if given, the rate until ``end_warm_up`` is called, whatever the schedule says.
    """

    def __init__(self, learning_rate=0.1, momentum=0.9, kernel_decay=0.0, warm_up_rate=None, **kwargs):
        super().__init__(learning_rate=learning_rate, momentum=momentum, **kwargs)
        if kernel_decay < 0:
            raise ValueError(f"kernel_decay: expected at least 0, got {kernel_decay}")
        self.kernel_decay = kernel_decay
        self.warm_up_rate = warm_up_rate

    def build(self, variables):
        """Create the velocities and, for a warm-up, the variable that says when it ended."""
        if self.built:
            return
        super().build(variables)
        # Kept by index, because TensorFlow hands its own variables, under other names, to update_step.
        self.decays = [is_kernel(variable) for variable in variables]
        if self.warm_up_rate is not None:
            # -1 while it lasts. A variable, so that it is part of the compiled step and of checkpoints.
            self.warm_up_end = self.add_variable((), initializer="zeros", dtype="int32", name="warm_up_end")
            self.warm_up_end.assign(-1)

    def update_step(self, gradient, variable, learning_rate):
        """One weight's step."""
        if self.kernel_decay and self.decays[self._get_variable_index(variable)]:
            gradient = ops.add(gradient, ops.multiply(ops.cast(self.kernel_decay, gradient.dtype), variable))
        if self.warm_up_rate is not None:
            # JAX takes no Keras variables in `where`; a constant rate is one.
            warming = ops.less(ops.convert_to_tensor(self.warm_up_end), 0)
            rate = ops.convert_to_tensor(learning_rate)
            learning_rate = ops.where(warming, ops.cast(self.warm_up_rate, rate.dtype), rate)
        super().update_step(gradient, variable, learning_rate)

    def get_config(self):
        """The arguments, for serialisation."""
        return {**super().get_config(), "kernel_decay": self.kernel_decay, "warm_up_rate": self.warm_up_rate}


def is_kernel(variable):
    """Whether weight decay acts on this variable: those that their layer calls a kernel."""
    return variable.name.endswith("kernel")


def optimizer(recipe):
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
        warm_up_rate=recipe.warm_up_rate,
        clipnorm=recipe.clip_norm,
    )
