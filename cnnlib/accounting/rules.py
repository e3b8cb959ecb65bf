"""What a layer costs and what it sees: the rules behind ``cnnlib.account``.

``rule(layer, call)`` is dispatched on the layer's class. A layer of your own joins in with one of its own:

    from cnnlib.accounting import Cost, rule

    @rule.register
    def _(layer: MyLayer, call):
        return Cost(call.field, macs=call.size * layer.links)

``slide``, ``pool_over`` and ``union`` below give the fields of layers that do more than one position's work.
The arithmetic is that of Araujo, Norris and Sim 2019, "Computing receptive fields of convolutional
neural networks", Distill, doi:10.23915/distill.00021, with rectangles for squares.
"""

import functools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from keras import Operation, layers

from cnnlib.layers import (
    FusedBatchNormalization,
    LocalResponseNormalization,
    PartiallyConnectedConv2D,
    RadialBasis,
    Subsampling,
    ZeroChannels,
)

# Fields ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Span:
    """What the positions of a map see along one side of the input, which is ``extent`` pixels long.

    Position i along the tensor axis ``axis`` (the batch is axis 0) sees the input pixels
    start + i * jump to start + i * jump + size - 1, counted from 0. Numbers below 0 or from
    ``extent`` on lie in the padding. ``axis=None``, ``jump=0``: every position sees the same pixels.
    """

    extent: int
    axis: int | None
    start: int = 0
    size: int = 1
    jump: int = 1


# A field is a tuple of spans, one a side of the input: () for an input without sides (a vector), and
# None where it is unknown. The functions below hand None on.
Field = tuple[Span, ...] | None


def slide(field: Field, windows: dict[int, tuple[int, int, int, int]]) -> Field:
    """The field behind a sliding window.

    Args:
        field: that before it.
        windows: axis -> (size, stride, dilation, padding before).
    """
    if field is None:
        return None
    result = []
    for span in field:
        if span.axis in windows:
            size, stride, dilation, before = windows[span.axis]
            span = replace(
                span,
                start=span.start - before * span.jump,
                size=span.size + (size - 1) * dilation * span.jump,
                jump=span.jump * stride,
            )
        result.append(span)
    return tuple(result)


def pool_over(field: Field, shape: tuple, axes: Iterable[int]) -> Field:
    """The field where each position sees all that the positions along some axes saw together.

    Args:
        field: that before it.
        shape: of the tensor before it, batch first.
        axes: of that shape.
    """
    if field is None:
        return None
    axes = {axis % len(shape) for axis in axes}
    return tuple(
        Span(span.extent, None, span.start, span.size + (shape[span.axis] - 1) * span.jump, 0)
        if span.axis in axes
        else span
        for span in field
    )


def rename(field: Field, axes: dict[int, int]) -> Field:
    """The field after a transposition; ``axes`` maps old tensor axes to new ones."""
    return field and tuple(replace(span, axis=axes.get(span.axis)) for span in field)


def union(tensors: "Iterable[Tensor]", shape: tuple) -> Field:
    """The field of a merge: at each position the smallest window that holds the windows of all.

    Exact for branches with the same jump. A branch that is broadcast along an axis, or branches of
    different jumps, have no single window that slides: all positions then get what all see together.

    Args:
        tensors: that are merged.
        shape: of the output, batch first.
    """
    fields = []
    for tensor in tensors:
        field = tensor.field
        if field is None:
            return None
        if len(tensor.shape) != len(shape):  # broadcast to more axes
            field = pool_over(field, tensor.shape, range(len(tensor.shape)))
        elif tensor.shape != shape:
            stretched = [a for a in range(1, len(shape)) if tensor.shape[a] == 1 != shape[a]]
            field = pool_over(field, tensor.shape, stretched)
        if field:
            fields.append(field)
    if not fields:
        return ()
    if len({tuple(span.extent for span in field) for field in fields}) > 1:
        return None  # from inputs of different sizes: no common pixels to count in
    result = []
    for spans in zip(*fields):
        if len({(span.axis, span.jump) for span in spans}) > 1:
            spans = [
                Span(s.extent, None, s.start, s.size + (shape[s.axis] - 1) * s.jump if s.axis else s.size, 0)
                for s in spans
            ]
        start = min(span.start for span in spans)
        end = max(span.start + span.size for span in spans)
        result.append(replace(spans[0], start=start, size=end - start))
    return tuple(result)


# Rules -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tensor:
    """A value in the graph: shape (batch first, as None), dtype, field, and name of the row it comes from."""

    shape: tuple
    dtype: str
    field: Field
    source: str = ""


@dataclass(frozen=True)
class Call:
    """One call of a layer: its input tensors, its output shape (batch first), and all its arguments."""

    inputs: tuple[Tensor, ...]
    output: tuple
    arguments: tuple = ()

    @property
    def shape(self) -> tuple:
        """Shape of the first input, batch first."""
        return self.inputs[0].shape

    @property
    def field(self) -> Field:
        """Field of the first input."""
        return self.inputs[0].field

    @property
    def size(self) -> int:
        """Number of output values of one image."""
        return math.prod(self.output[1:])


@dataclass(frozen=True)
class Cost:
    """What a rule says of one call: field of the output, multiply-accumulates, connections where they
    are counted, and whether the output holds values that the input did not (a reshape's does not)."""

    field: Field
    macs: int | None = 0
    connections: int | None = None
    new: bool = True


@functools.singledispatch
def rule(operation: Operation, call: Call) -> Cost | None:
    """What one call of a layer costs; ``rule.register`` adds a class.

    Args:
        operation: the layer, or the operation of ``keras.ops``.
        call: its call.

    Returns:
        The ``Cost``, or None if it is unknown.
    """
    # The operations behind `x + y` or `keras.ops.relu(x)` have no public classes, only names.
    name = type(operation).__name__
    if type(operation).__module__.startswith(("keras.src.ops.", "keras.src.applications.")):
        if name in ELEMENTWISE:
            return Cost(union(call.inputs, call.output))
        return OPERATIONS.get(name, lambda *_: None)(operation, call)
    return None


def after_activation(layer: Operation, shape: tuple, field: Field) -> Field:
    """The field behind the activation that a layer has built in: a softmax needs all of the last axis."""
    name = getattr(getattr(layer, "activation", None), "__name__", None)
    return pool_over(field, shape, [-1]) if name in ("softmax", "log_softmax", "sparsemax", "glu") else field


def spatial_axes(layer: Operation, shape: tuple) -> range:
    """The axes of height and width (or whatever there is between batch and channels)."""
    return range(1, len(shape) - 1) if layer.data_format == "channels_last" else range(2, len(shape))


def window(layer: Operation, call: Call, size: tuple, dilation: tuple | None = None) -> Field:
    """The field behind the window of a convolution or pooling layer of ``size`` (one a side)."""
    windows = {}
    for i, axis in enumerate(spatial_axes(layer, call.shape)):
        step = dilation[i] if dilation else 1
        reach = (size[i] - 1) * step + 1
        before = 0
        if layer.padding == "same":  # the odd one of the padding goes behind
            before = max((call.output[axis] - 1) * layer.strides[i] + reach - call.shape[axis], 0) // 2
        elif layer.padding == "causal":
            before = reach - 1
        windows[axis] = (size[i], layer.strides[i], step, before)
    return slide(call.field, windows)


def channels(layer: Operation, shape: tuple) -> int:
    """The number of channels of ``shape``."""
    return shape[-1] if layer.data_format == "channels_last" else shape[1]


@rule.register
def _(layer: layers.Conv1D | layers.Conv2D | layers.Conv3D, call):
    inputs = math.prod(layer.kernel_size) * channels(layer, call.shape) // layer.groups
    field = window(layer, call, layer.kernel_size, layer.dilation_rate)
    return Cost(field, call.size * inputs, call.size * (inputs + layer.use_bias))


@rule.register
def _(layer: layers.DepthwiseConv1D | layers.DepthwiseConv2D, call):
    inputs = math.prod(layer.kernel_size)
    field = window(layer, call, layer.kernel_size, layer.dilation_rate)
    return Cost(field, call.size * inputs, call.size * (inputs + layer.use_bias))


@rule.register
def _(layer: layers.SeparableConv1D | layers.SeparableConv2D, call):
    between = channels(layer, call.shape) * layer.depth_multiplier
    positions = call.size // layer.filters
    macs = positions * between * (math.prod(layer.kernel_size) + layer.filters)
    return Cost(window(layer, call, layer.kernel_size, layer.dilation_rate), macs)


@rule.register
def _(layer: layers.Dense, call):
    inputs = call.shape[-1]
    field = pool_over(call.field, call.shape, [-1])
    return Cost(field, call.size * inputs, call.size * (inputs + layer.use_bias))


@rule.register
def _(layer: layers.MaxPooling1D | layers.MaxPooling2D | layers.MaxPooling3D, call):
    return Cost(window(layer, call, layer.pool_size))


@rule.register
def _(layer: layers.AveragePooling1D | layers.AveragePooling2D | layers.AveragePooling3D, call):
    axes = spatial_axes(layer, call.shape)
    if layer.pool_size == tuple(call.shape[axis] for axis in axes) and layer.padding == "valid":
        return global_pooling(layer, call)  # a mean over all of the map, by another name
    return Cost(window(layer, call, layer.pool_size))


def global_pooling(layer: Operation, call: Call) -> Cost:
    """The rule of global pooling, of one position or of none."""
    return Cost(pool_over(call.field, call.shape, spatial_axes(layer, call.shape)))


@rule.register
def _(layer: layers.ZeroPadding1D | layers.ZeroPadding2D | layers.ZeroPadding3D, call):
    return Cost(shifted(call, spatial_axes(layer, call.shape), layer.padding, -1))


@rule.register
def _(layer: layers.Cropping1D | layers.Cropping2D | layers.Cropping3D, call):
    return Cost(shifted(call, spatial_axes(layer, call.shape), layer.cropping, 1))


def shifted(call: Call, axes: Iterable[int], pairs: Sequence, sign: int) -> Field:
    """The field after ``pairs`` (before, behind) of positions were cut off (sign 1) or put on (-1)."""
    if isinstance(pairs[0], int):
        pairs = [pairs]  # one side only
    return slide(call.field, {axis: (1, 1, 1, -sign * pair[0]) for axis, pair in zip(axes, pairs)})


def pixelwise(layer: Operation, call: Call) -> Cost:
    """The rule of layers whose output at a position needs their inputs at that position only."""
    return Cost(union(call.inputs, call.output))


def unchanged(layer: Operation, call: Call) -> Cost:
    """The rule of layers that do nothing at prediction."""
    return Cost(call.field, new=False)


def over_its_axis(layer: Operation, call: Call) -> Cost | None:
    """The rule of layers that compute a statistic over ``layer.axis`` of one image."""
    if layer.axis is None:
        return None
    axes = [layer.axis] if isinstance(layer.axis, int) else layer.axis
    return Cost(pool_over(call.field, call.shape, axes))


def over_the_image(layer: Operation, call: Call) -> Cost:
    """The rule of layers that compute a statistic over all positions of one image."""
    return Cost(pool_over(call.field, call.shape, range(len(call.shape))))


def concatenated(layer: Operation, call: Call) -> Cost:
    """The rule of concatenation: along an axis with positions, they no longer count in one step."""
    axis = layer.axis % len(call.shape)
    tensors = [replace(t, field=pool_over(t.field, t.shape, [axis])) for t in call.inputs]
    shape = tuple(1 if a == axis else side for a, side in enumerate(call.output))
    return Cost(union([replace(t, shape=shape) for t in tensors], shape))


def reshaped(layer: Operation, call: Call) -> Cost:
    """The rule of a reshape: an axis is followed if it stays whole, and the axes before it together, too."""
    old, new, axes = call.shape, call.output, {}
    for a in range(1, len(old)):
        for b in range(1, len(new)):
            if old[a] == new[b] and math.prod(old[1:a]) == math.prod(new[1:b]) and b not in axes.values():
                axes[a] = b
                break
    lost = set(range(1, len(old))) - set(axes)
    return Cost(rename(pool_over(call.field, old, lost), axes), new=False)


def permuted(layer: Operation, call: Call) -> Cost | None:
    """The rule of a transposition, of ``layer.dims`` (without the batch) or ``layer.axes`` (with it)."""
    order = (0, *layer.dims) if hasattr(layer, "dims") else layer.axes
    if order is None or order[0] != 0:
        return None
    return Cost(rename(call.field, {old: new for new, old in enumerate(order)}), new=False)


def reduced(operation: Operation, call: Call) -> Cost | None:
    """The rule of keras.ops.mean, sum, max and min."""
    rank = len(call.shape)
    axes = {axis % rank for axis in operation.axis} if operation.axis is not None else {0}
    if 0 in axes:
        return None
    kept = [axis for axis in range(rank) if axis not in axes]
    field = pool_over(call.field, call.shape, axes)
    if not operation.keepdims:
        field = rename(field, {old: new for new, old in enumerate(kept)})
    return Cost(field)


def sliced(operation: Operation, call: Call) -> Cost | None:
    """The rule of ``x[:, ::2, ::2]``: slices with positive steps."""
    key = call.arguments[1]
    key = list(key) if isinstance(key, tuple | list) else [key]
    if key.count(Ellipsis):
        at = key.index(Ellipsis)
        key[at : at + 1] = [slice(None)] * (len(call.shape) - len(key) + 1)
    if not all(isinstance(k, slice) for k in key) or any((k.step or 1) < 1 for k in key):
        return None
    windows = {}
    for axis, (side, part) in enumerate(zip(call.shape, key)):
        if axis > 0:
            start, _, step = part.indices(side)
            windows[axis] = (1, step, 1, -start)
    return Cost(slide(call.field, windows), new=False)


def padded(operation: Operation, call: Call) -> Cost:
    """The rule of keras.ops.pad."""
    pairs = list(operation.pad_width)
    pairs = pairs * len(call.shape) if len(pairs) == 1 else pairs
    return Cost(shifted(call, range(len(call.shape)), pairs, -1))


@rule.register
def _(layer: PartiallyConnectedConv2D, call):
    sizes = (layer.kernel_size, layer.kernel_size)
    positions = math.prod(call.output[1:-1])
    macs = positions * math.prod(sizes) * int(layer.linked.sum())
    field = slide(call.field, {axis: (size, 1, 1, 0) for axis, size in enumerate(sizes, start=1)})
    return Cost(field, macs, macs + call.size)


@rule.register
def _(layer: Subsampling, call):
    # LeCun et al. count four links and a bias for each unit, though the four share one coefficient.
    return Cost(slide(call.field, {1: (2, 2, 1, 0), 2: (2, 2, 1, 0)}), connections=call.size * 5)


@rule.register
def _(layer: RadialBasis, call):
    return Cost(pool_over(call.field, call.shape, [-1]), connections=call.size * call.shape[-1])


for _rule, _kinds in {
    pixelwise: (
        layers.Activation, layers.ReLU, layers.LeakyReLU, layers.PReLU, layers.ELU, layers.Rescaling,
        layers.BatchNormalization, FusedBatchNormalization, layers.Normalization, layers.Add, layers.Subtract,
        layers.Multiply, layers.Average, layers.Maximum, layers.Minimum, LocalResponseNormalization,
        ZeroChannels,
    ),
    unchanged: (
        layers.InputLayer, layers.Identity, layers.Dropout, layers.SpatialDropout1D, layers.SpatialDropout2D,
        layers.SpatialDropout3D, layers.AlphaDropout, layers.GaussianDropout, layers.GaussianNoise,
        layers.ActivityRegularization, layers.RandomFlip, layers.RandomTranslation, layers.RandomRotation,
        layers.RandomZoom, layers.RandomContrast, layers.RandomBrightness,
    ),
    over_its_axis: (layers.Softmax, layers.LayerNormalization, layers.UnitNormalization),
    over_the_image: (layers.GroupNormalization,),
    global_pooling: (
        layers.GlobalAveragePooling1D, layers.GlobalAveragePooling2D, layers.GlobalAveragePooling3D,
        layers.GlobalMaxPooling1D, layers.GlobalMaxPooling2D, layers.GlobalMaxPooling3D,
    ),
    concatenated: (layers.Concatenate,),
    reshaped: (layers.Reshape, layers.Flatten),
    permuted: (layers.Permute,),
}.items():  # fmt: skip
    for _kind in _kinds:
        rule.register(_kind, _rule)

# Operations such as `x + y` in a graph, by name; the last two are layers of keras.applications.
ELEMENTWISE = set(
    "Absolute Add Cast Clip Divide Elu Exp Gelu HardSigmoid HardSilu LeakyRelu Log Maximum Minimum Multiply "
    "Negative Power Relu Relu6 Rsqrt Selu Sigmoid Silu Softplus Sqrt Square Subtract Tanh TrueDivide "
    "CustomScaleLayer LayerScale".split()
)
OPERATIONS = {
    "Concatenate": concatenated, "GetItem": sliced, "LogSoftmax": over_its_axis, "Max": reduced,
    "Mean": reduced, "Min": reduced, "Pad": padded, "Reshape": reshaped, "Softmax": over_its_axis,
    "Sum": reduced, "Transpose": permuted,
}  # fmt: skip
