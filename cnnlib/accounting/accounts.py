"""The account of a network: shapes, parameters, multiply-accumulates and receptive fields, layer by layer.

``account(model)`` walks the graph of any functional or sequential Keras model and asks
``cnnlib.accounting.rules`` what each call of each layer costs and sees.
"""

import collections
import math
from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np

from cnnlib.accounting.rules import Call, Cost, Field, Span, Tensor, after_activation, rule
from cnnlib.accounting.tables import as_html, as_text


def _plain(values):
    """One number if all sides agree, else a tuple."""
    return None if not values else values[0] if len(set(values)) == 1 else tuple(values)


@dataclass(frozen=True)
class Row:
    """One call of one layer. Numbers are for one image at prediction.

    Attributes:
        name: the layer's name, behind its model's and a slash if nested; from the second call of a
            shared layer on with the number of the call.
        kind: the layer's class.
        shape: output shape without the batch (of the first output).
        parameters, frozen: sizes of the trainable and of the other weights, counted at the first call.
        macs: multiply-accumulates of convolution and dense layers, those with padding included; biases,
            normalisation, pooling and activations do not count. None: unknown.
        connections: links as LeCun et al. 1998 count them, a unit's bias being one; None where not counted.
        activations, bytes: output values and their size; 0 if the input's are only passed on.
        field: one ``Span`` for each side of the input; () without sides, None if unknown.
        inputs: names of the rows whose outputs it takes.
    """

    name: str
    kind: str
    shape: tuple
    parameters: int
    frozen: int
    macs: int | None
    connections: int | None
    activations: int
    bytes: int
    field: Field
    inputs: tuple

    @property
    def receptive_field(self) -> int | tuple | None:
        """Side of the receptive field in input pixels, (height, width) if it is not square, or None.

        It is the window that holds every pixel the position sees, padding included: at the border a
        part of it has no pixels. After a flattening or global pooling, what all positions see together.
        """
        return _plain([span.size for span in self.field or ()])

    @property
    def stride(self) -> int | tuple | None:
        """Input pixels from one position's field to the next one's; 0 where all see the same pixels."""
        return _plain([span.jump for span in self.field or ()])

    @property
    def offset(self) -> int | tuple | None:
        """The first input pixel, counted from 0, of the first position's field; negative in the padding."""
        return _plain([span.start for span in self.field or ()])

    @property
    def centre(self) -> float | tuple | None:
        """The centre of the first position's field: pixel 0 has its centre at 0.0, so halves occur."""
        return _plain([span.start + (span.size - 1) / 2 for span in self.field or ()])

    @property
    def is_map(self) -> bool:
        """Whether it has positions that see different pixels: no flattening or global pooling before it."""
        return bool(self.field) and all(span.axis is not None for span in self.field)

    @property
    def sees_all(self) -> bool:
        """Whether every position sees the whole input."""
        return bool(self.field) and all(
            span.axis is None and span.start <= 0 and span.start + span.size >= span.extent
            for span in self.field
        )

    def to_dict(self) -> dict:
        """All of it as what JSON knows."""
        return _plain_data(
            self,
            "name kind shape parameters frozen macs connections activations bytes "
            "receptive_field stride offset centre inputs",
        )


def _plain_data(thing, names):
    """These attributes by name, tuples as lists."""
    values = {name: getattr(thing, name) for name in names.split()}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def _sum(values):
    """The sum, or None if a summand is unknown: an unknown layer is never a silent zero."""
    values = list(values)
    return None if None in values else sum(values)


@dataclass(frozen=True)
class Account:
    """The rows of a network and their totals; as text a table, in a notebook a larger one.

    Attributes:
        name: the model's name.
        rows: list of ``Row``, each after those it needs, branches one after the other.
        outputs: names of the rows that the model's outputs come from.
        unknown: names of the layers without a rule; then macs and receptive_field are None.
    """

    name: str
    rows: list[Row]
    outputs: tuple
    unknown: tuple = ()

    def row(self, name: str) -> Row:
        """The row of this name.

        Raises:
            ValueError: there is none; the error lists those there are.
        """
        names = [row.name for row in self.rows]
        if name not in names:
            raise ValueError(f"{self.name} has no layer {name!r}; known: {', '.join(names)}")
        return self.rows[names.index(name)]

    @property
    def parameters(self) -> int:
        """Trainable parameters."""
        return sum(row.parameters for row in self.rows)

    @property
    def frozen(self) -> int:
        """Parameters that are not trained: moving statistics, and layers with ``trainable=False``."""
        return sum(row.frozen for row in self.rows)

    @property
    def macs(self) -> int | None:
        """Multiply-accumulates for one image."""
        return _sum(row.macs for row in self.rows)

    @property
    def connections(self) -> int | None:
        """Connections of the layers where they are counted, or None if there is no such layer."""
        counts = [row.connections for row in self.rows if row.connections is not None]
        return None if self.unknown or not counts else sum(counts)

    @property
    def activations(self) -> int:
        """Values of all maps for one image, the input's included."""
        return sum(row.activations for row in self.rows)

    @property
    def bytes(self) -> int:
        """Bytes that hold them."""
        return sum(row.bytes for row in self.rows)

    @property
    def receptive_field(self) -> int | tuple | None:
        """Receptive field of the last map before the first global pooling or flattening.

        With several heads, the largest such field. An average over the whole of a map is a global
        pooling whatever its layer is called. The statistics of a squeeze-and-excitation block are one, too:
        behind the first of them, every position sees the whole image.
        """
        if any(row.field is None for row in self.rows):
            return None
        maps = [row for row in self.rows if row.is_map]
        largest = max(maps, key=lambda row: math.prod(span.size for span in row.field), default=None)
        return largest and largest.receptive_field

    def text(
        self,
        columns: Sequence[str] = ("name", "kind", "shape", "parameters", "macs", "field", "stride"),
        width: int | None = 80,
    ) -> str:
        """The table as plain text.

        Args:
            columns: which ones, in this order.
            width: of its lines at most; None for no limit. Where they would be longer, kinds are cut; if that
                does not help they are left out, as names mostly tell them, and long names lose their middle.

        Raises:
            ValueError: an unknown column; the error lists the known ones.
        """
        for column in columns:
            if column not in COLUMNS:
                raise ValueError(f"unknown column {column!r}; known: {', '.join(COLUMNS)}")
        return as_text(self._cells(columns), LEFT, width, self._notes())

    def _cells(self, columns):
        """column -> its cells: heading, one a row, total."""
        return {
            column: [COLUMNS[column][0], *map(COLUMNS[column][1], self.rows), _total(self, column)]
            for column in columns
        }

    def _notes(self):
        """What the totals leave out."""
        if self.frozen:
            yield f"and {self.frozen:,} parameters that are not trained"
        if self.unknown:
            yield f"? because of layers without a rule: {', '.join(self.unknown)}"

    def __str__(self):
        return self.text()

    def _repr_html_(self):
        columns = list(COLUMNS)
        if not self.frozen:
            columns.remove("frozen")
        if not any(row.connections and not row.macs for row in self.rows):
            columns.remove("connections")  # they tell little more than MACs
        return as_html(self._cells(columns), LEFT, f"Account of {self.name}", self._notes())

    def to_dict(self) -> dict:
        """Totals and rows as what JSON knows."""
        totals = "name parameters frozen macs connections activations bytes receptive_field outputs unknown"
        return {**_plain_data(self, totals), "rows": [row.to_dict() for row in self.rows]}


def _sides(values, times="x"):
    return times.join(f"{value:,}" for value in values) if isinstance(values, tuple) else f"{values:,}"


def _number(value):
    return "?" if value is None else f"{value:,}"


def _of_field(row, value, times="x"):
    """A cell that tells of the field: "?" where it is unknown, nothing for an input without sides."""
    return "?" if row.field is None else "" if value is None else _sides(value, times)


LEFT = ("name", "kind", "shape")  # columns that are not numbers

# column -> (heading, cell of a row)
COLUMNS = {
    "name": ("layer", lambda row: row.name),
    "kind": ("kind", lambda row: row.kind),
    "shape": ("output", lambda row: "x".join(map(str, row.shape))),
    "parameters": ("parameters", lambda row: f"{row.parameters:,}"),
    "frozen": ("not trained", lambda row: f"{row.frozen:,}"),
    "macs": ("MACs", lambda row: _number(row.macs)),
    "connections": ("connections", lambda row: "" if row.connections is None else f"{row.connections:,}"),
    "field": ("field", lambda row: "all" if row.sees_all else _of_field(row, row.receptive_field)),
    "stride": ("stride", lambda row: _of_field(row, row.stride if row.is_map else None)),
    "offset": ("offset", lambda row: _of_field(row, row.offset if row.is_map else None, ",")),
    "activations": ("activations", lambda row: f"{row.activations:,}"),
    "bytes": ("bytes", lambda row: f"{row.bytes:,}"),
}


def _total(account, column):
    """The cell of the last line."""
    if column == "field":
        unknown = any(row.field is None for row in account.rows)
        return "?" if unknown else "" if account.receptive_field is None else _sides(account.receptive_field)
    if column in (*LEFT, "stride", "offset"):
        return "total" if column == "name" else ""
    return _number(getattr(account, column))


# The walk through the graph


def account(model: keras.Model, unknown: str = "error") -> Account:
    """The ``Account`` of a functional or sequential Keras model.

    Exact for convolutions (grouped, dilated, strided, depthwise, separable), dense layers, pooling,
    padding and cropping, normalisation, activations, reshaping, merges, nested models and shared layers:
    a shared layer's parameters count once, its multiply-accumulates at each call.

    Args:
        model: built, with every size of its inputs known but the batch's. An input of rank 4 (with the batch)
            is an image, of rank 3 a sequence; one of rank 2 has no receptive field.
        unknown: what to do with a layer that has no rule: "error", or "mark" its row and the totals that
            it would belong to (their value is None, printed as "?").

    Raises:
        TypeError: not a Keras model.
        ValueError: a model without a graph (not built, or a subclass with its own call), an input or output
            of undefined size, or a layer without a rule.
    """
    if not isinstance(model, keras.Model):
        raise TypeError(f"model: expected a Keras model, got {type(model).__name__}")
    if unknown not in ("error", "mark"):
        raise ValueError(f"unknown: expected 'error' or 'mark', got {unknown!r}")
    if not _has_graph(model):
        raise ValueError(
            f"model {model.name!r} has no graph to account for: "
            + (
                "build it first, with keras.Input(shape) as its first layer or model.build((None, ...))"
                if isinstance(model, keras.Sequential) and not _has_own_call(model)
                else f"{type(model).__name__} is a subclass with its own call; write it as "
                "keras.Model(inputs, outputs)"
            )
        )
    for tensor in model.inputs:
        if None in tensor.shape[1:]:
            example = tuple(side or 224 for side in tensor.shape[1:])
            raise ValueError(
                f"input {tensor.name!r} of model {model.name!r} has the undefined size "
                f"{tuple(tensor.shape[1:])}: build the model for one size, for example {example}"
            )
    walk = _Walk(model, mark=unknown == "mark")
    return Account(model.name, walk.rows, walk.outputs, tuple(walk.unknown))


def _has_graph(layer):
    """Whether it is a model of which we know how its layers hang together, and that it is run so."""
    return (
        isinstance(layer, keras.Model) and bool(getattr(layer, "outputs", None)) and not _has_own_call(layer)
    )


def _has_own_call(model):
    """Whether a subclass has replaced what Keras runs: a graph that it has may not be the one that is run."""
    owners = (cls for cls in type(model).__mro__ if "call" in vars(cls))
    return not next(owners).__module__.startswith("keras.")


def _shape(tensor):
    return (None, *tensor.shape[1:])


def _layouts(model):
    """The data formats of the layers, those of nested models included."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _layouts(layer)
        elif hasattr(layer, "data_format"):
            yield layer.data_format


class _Walk:
    """One walk through a model's graph, from the inputs to the outputs; it leaves the rows behind."""

    def __init__(self, model, mark):
        self.mark, self.rows, self.unknown = mark, [], []
        self.counted = set()  # weights that stand in a row already
        self.calls = collections.Counter()
        channels_first = next(_layouts(model), keras.config.image_data_format()) == "channels_first"
        known = {}
        for tensor in model.inputs:
            shape = _shape(tensor)
            first = 2 if channels_first else 1
            field = tuple(Span(shape[axis], axis) for axis in range(first, first + len(shape) - 2))
            operation = tensor._keras_history.operation
            known[id(tensor)] = Tensor(shape, tensor.dtype, field, operation.name)
            self.add(operation, (), [known[id(tensor)]], Cost(field))
        self.follow(model, known, "")
        self.outputs = tuple(known[id(tensor)].source for tensor in model.outputs)

    def follow(self, model, known, prefix):
        """Visit all calls on the way to the outputs; ``known`` maps ids of symbolic tensors to ``Tensor``."""
        stack = list(reversed(model.outputs))
        while stack:
            operation, index, _ = stack[-1]._keras_history  # Keras has no public way to walk a graph
            node = operation._inbound_nodes[index]
            missing = [tensor for tensor in node.input_tensors if id(tensor) not in known]
            if id(stack[-1]) in known:
                stack.pop()
            elif missing:
                stack.extend(reversed(missing))
            else:
                self.visit(node, known, prefix)

    def visit(self, node, known, prefix):
        """Account for one call and make its outputs known."""
        operation, name = node.operation, prefix + node.operation.name
        inputs = tuple(known[id(tensor)] for tensor in node.input_tensors)
        if _has_graph(operation):
            inner = {id(tensor): value for tensor, value in zip(operation.inputs, inputs)}
            self.follow(operation, inner, name + "/")
            for tensor, result in zip(node.outputs, operation.outputs):
                known[id(tensor)] = inner[id(result)]
            return
        self.calls[id(operation)] += 1
        if self.calls[id(operation)] > 1:
            name += f" (call {self.calls[id(operation)]})"
        outputs = self.symbols(node, inputs)
        if any(None in _shape(output)[1:] for output in outputs):
            raise ValueError(f"layer {name!r}: undefined output size {[o.shape for o in outputs]}")
        call = Call(inputs, _shape(outputs[0]), tuple(node.arguments.args))
        cost = self.cost(operation, call)
        if cost is None:
            if not self.mark:
                raise ValueError(
                    f"layer {name!r} ({type(operation).__name__}): the account does not know what it does; "
                    "give it a rule (see cnnlib.accounting.rules), or pass unknown='mark'"
                )
            self.unknown.append(name)
            cost = Cost(None, macs=None)
        field = after_activation(operation, call.output, cost.field)
        values = [Tensor(_shape(output), output.dtype, field, name) for output in outputs]
        known.update((id(tensor), value) for tensor, value in zip(node.outputs, values))
        self.add(operation, inputs, values, cost)

    @staticmethod
    def symbols(node, inputs):
        """The symbolic outputs; computed anew where a nested model is called on another size than its own."""
        if all(_shape(tensor) == value.shape for tensor, value in zip(node.input_tensors, inputs)):
            return node.outputs
        tensors = {
            id(tensor): keras.KerasTensor(value.shape, value.dtype)
            for tensor, value in zip(node.input_tensors, inputs)
        }
        args, kwargs = node.arguments.fill_in(tensors)
        return keras.tree.flatten(node.operation.compute_output_spec(*args, **kwargs))

    @staticmethod
    def cost(operation, call):
        """What the rule says; nothing, where a subclass has replaced the computation that the rule is for."""
        kind = next(kind for kind in type(operation).__mro__ if kind in rule.registry)
        if kind is not object:
            return rule(operation, call) if type(operation).call is kind.call else None
        # A chapter shows cnnlib's own layers and defines them anew; their registered names stay.
        name = keras.saving.get_registered_name(type(operation))
        kinds = [k for k in rule.registry if ">" in name and keras.saving.get_registered_name(k) == name]
        return rule.registry[kinds[0] if kinds else object](operation, call)

    def add(self, operation, inputs, values, cost):
        """Add the row of one call."""
        sizes = []
        for kind in "trainable_weights", "non_trainable_weights":
            weights = {id(weight): weight for weight in getattr(operation, kind, [])}
            sizes.append(sum(math.prod(w.shape) for key, w in weights.items() if key not in self.counted))
            self.counted.update(weights)
        counts = [math.prod(value.shape[1:]) if cost.new else 0 for value in values]
        self.rows.append(
            Row(
                name=values[0].source,
                kind=type(operation).__name__,
                shape=tuple(values[0].shape[1:]),
                parameters=sizes[0],
                frozen=sizes[1],
                macs=cost.macs,
                connections=cost.connections,
                activations=sum(counts),
                bytes=sum(count * _item_size(value.dtype) for count, value in zip(counts, values)),
                field=values[0].field,
                inputs=tuple(value.source for value in inputs),
            )
        )


def _item_size(dtype):
    """Bytes of one value."""
    return 2 if dtype == "bfloat16" else np.dtype(dtype).itemsize  # NumPy has no bfloat16
