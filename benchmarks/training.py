"""Images a second in training ResNet-20, side by side: this library, Keras as one would write it, PyTorch.

    python benchmarks/training.py [--rounds 5] [--steps 20] [--depths 20,56,110] [--batch 128]

Every way trains the same network after the same recipe (batch 128, momentum, weight decay, each image
padded, cropped and mirrored at random) in a process of its own; they take turns, a round each, so that
whatever else the machine does falls on all. Printed: the median of the rounds, their range, the peak
memory; what a large matrix product reaches on the same cores; what the input costs; how time grows
with depth. Without CIFAR-10 random images of its shape are used (the speed is the same).
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# 3 x the multiply-accumulates of a forward pass (Table in the book), 2 operations each.
FLOP_PER_IMAGE = {20: 6 * 40_551_040}


def images():
    """CIFAR-10, or noise of its shape."""
    import cnnlib

    try:
        return cnnlib.data.load("cifar10")
    except OSError:
        generator = np.random.default_rng(0)
        x = generator.integers(0, 256, (50_000, 32, 32, 3), "uint8")
        y = generator.integers(0, 10, 50_000)
        return cnnlib.data.Dataset("noise", x, y, x[:1000], y[:1000], class_names=tuple("0123456789"))


def recipe(batch):
    import dataclasses

    from cnnlib import recipes

    return dataclasses.replace(recipes.HE2015_CIFAR, batch_size=batch)


def stream(batch):
    """A function from a number of steps to so many of the library's batches."""
    from cnnlib.training import inputs

    data, used = images(), recipe(batch)
    mapping = inputs.pixel_mapping(used, data)
    return lambda steps: inputs.TrainingBatches(used, data, mapping, 0, 0, steps)


def ours(depth, batch):
    """``cnnlib.train``'s own path: its network, optimiser and input, Keras' fit."""
    import cnnlib
    from cnnlib import training

    batches = stream(batch)
    model = cnnlib.models.build(f"cifar-resnet-{depth}")
    training.compile_model(model, recipe(batch))

    def run(steps):
        watch = training.StopAtNonFiniteLoss(argparse.Namespace(start=0, not_finite=None), model)
        model.fit(batches(steps), verbose=0, shuffle=False, callbacks=[watch])

    return run


def obvious(depth, batch):
    """Keras' own layers for everything: L2 regularisers, BatchNormalization, RandomCrop and RandomFlip."""
    import keras
    from keras import layers, ops

    data = images()
    decay = {"kernel_regularizer": keras.regularizers.L2(5e-5), "kernel_initializer": "he_normal"}

    def block(x, filters, stride):
        y = layers.Conv2D(filters, 3, stride, padding="same", use_bias=False, **decay)(x)
        y = layers.ReLU()(layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(y))
        y = layers.Conv2D(filters, 3, padding="same", use_bias=False, **decay)(y)
        y = layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(y)
        if stride == 2:
            more = filters - x.shape[-1]
            x = layers.Lambda(lambda t: ops.pad(t[:, ::2, ::2], [[0, 0], [0, 0], [0, 0], [0, more]]))(x)
        return layers.ReLU()(layers.Add()([x, y]))

    image = keras.Input((32, 32, 3))
    x = layers.ZeroPadding2D(4)(image)
    x = layers.RandomFlip("horizontal")(layers.RandomCrop(32, 32)(x))
    x = layers.Conv2D(16, 3, padding="same", use_bias=False, **decay)(x)
    x = layers.ReLU()(layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x))
    for filters in (16, 32, 64):
        for number in range((depth - 2) // 6):
            x = block(x, filters, 2 if number == 0 and filters > 16 else 1)
    model = keras.Model(image, layers.Dense(10, **decay)(layers.GlobalAveragePooling2D()(x)))
    model.compile(
        keras.optimizers.SGD(0.1, momentum=0.9),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    x = data.x_train.astype("float32") / 255
    x -= x.mean(axis=0)
    labels = data.y_train

    def run(steps):
        model.fit(x[: steps * batch], labels[: steps * batch], batch_size=batch, verbose=0)

    return run


def pytorch(depth, batch):
    """A plain eager loop, channels last, fed by the library's own batches."""
    import torch
    from torch import nn
    from torch.nn import functional

    class Block(nn.Module):
        def __init__(self, inputs, filters, stride):
            super().__init__()
            self.stride, self.more = stride, filters - inputs
            self.conv1 = nn.Conv2d(inputs, filters, 3, stride, padding=1, bias=False)
            self.conv2 = nn.Conv2d(filters, filters, 3, padding=1, bias=False)
            self.norm1, self.norm2 = nn.BatchNorm2d(filters), nn.BatchNorm2d(filters)

        def forward(self, x):
            y = functional.relu(self.norm1(self.conv1(x)))
            y = self.norm2(self.conv2(y))
            if self.stride == 2:
                x = functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 0, self.more))
            return functional.relu(x + y)

    batches = stream(batch)
    parts, width = [nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU()], 16
    for filters in (16, 32, 64):
        for number in range((depth - 2) // 6):
            parts.append(Block(width, filters, 2 if number == 0 and filters > 16 else 1))
            width = filters
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))
    model = model.to(device, memory_format=torch.channels_last)
    step = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)

    def run(steps):
        made, wrong, total = batches(steps), 0.0, 0.0
        for number in range(steps):
            x, labels = made[number]
            # The batch is (n, h, w, channels) in memory already: that is "channels last".
            x, labels = (
                torch.from_numpy(x).permute(0, 3, 1, 2).to(device),
                torch.from_numpy(labels).long().to(device),
            )
            scores = model(x)
            loss = functional.cross_entropy(scores, labels)
            step.zero_grad(set_to_none=True)
            loss.backward()
            step.step()
            with torch.no_grad():
                wrong += (scores.argmax(1) != labels).sum()
                total += loss
        return float(wrong), float(total)

    return run


def matrix_product(depth, batch):
    """Operations a second of one large matrix product in float32."""
    import tensorflow as tf

    size = 4096
    a = tf.random.normal((size, size))

    def run(steps):
        for _ in range(max(2, steps // 5)):
            tf.linalg.matmul(a, a).numpy()
        return 2 * size**3 * max(2, steps // 5)

    return run


def input_alone(depth, batch):
    """The library's batches alone, made and thrown away."""
    batches = stream(batch)

    def run(steps):
        made = batches(steps)
        for number in range(steps):
            made[number]

    return run


WAYS = {f.__name__: f for f in (ours, obvious, pytorch, matrix_product, input_alone)}


def worker(way, depth, batch, steps):
    """Warm up, then run a round whenever a line comes in; answers with a line of JSON."""
    run = WAYS[way](depth, batch)
    run(steps)
    run(3)
    print("ready", flush=True)
    for _ in sys.stdin:
        begun = time.perf_counter()
        done = run(steps)
        seconds = time.perf_counter() - begun
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps([seconds, memory, done if way == "matrix_product" else None]), flush=True)


def start(way, depth, options):
    command = [sys.executable, __file__, "--worker", way, "--depths", str(depth)]
    command += ["--batch", str(options.batch), "--steps", str(options.steps)]
    # TensorFlow and PyTorch do not start in one process; the library's batches need neither.
    environment = {**os.environ, "KERAS_BACKEND": "torch"} if way == "pytorch" else None
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    process = subprocess.Popen(command, env=environment, **pipes)
    if process.stdout.readline().strip() != "ready":
        raise SystemExit(f"{way}, depth {depth}: did not start")
    return process


def turn(process):
    process.stdin.write("go\n")
    process.stdin.flush()
    return json.loads(process.stdout.readline())


def main():
    layout = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=layout)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=20, help="a round")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--depths", default="20,56,110", help="the first is compared, all are timed")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args()
    depths = [int(depth) for depth in options.depths.split(",")]
    if options.worker:
        return worker(options.worker, depths[0], options.batch, options.steps)

    ways = [("ours", depths[0]), ("obvious", depths[0]), ("matrix_product", 0), ("input_alone", 0)]
    try:
        import torch

        print(f"PyTorch {torch.__version__}")
        ways.insert(2, ("pytorch", depths[0]))
    except ImportError:
        print("PyTorch is not installed: left out")
    ways += [("ours", depth) for depth in depths[1:]]

    from cnnlib import provenance

    found = provenance.describe()
    print(f"{found['device']}; {found['versions']}")
    print(f"batch {options.batch}, {options.rounds} rounds of {options.steps} steps")
    workers = [start(*way, options) for way in ways]
    times = [[turn(process) for process in workers] for _ in range(options.rounds)]
    for process in workers:
        process.stdin.close()
        process.wait()

    middle = {}
    for (way, depth), results in zip(ways, zip(*times)):
        seconds, memories, done = zip(*results)
        if way == "matrix_product":
            rates = [operations / s / 1e9 for operations, s in zip(done, seconds)]
            unit = "GFLOP/s"
        else:
            rates = [options.steps * options.batch / s for s in seconds]
            unit = "images/s"
        middle[way, depth] = statistics.median(rates)
        print(
            f"{way:<15} depth {depth or '-':<4} {middle[way, depth]:>9.1f} {unit:<8}"
            f" ({min(rates):.1f} to {max(rates):.1f})  {max(memories):>6.0f} MB"
        )
    first = depths[0]
    for other in ("obvious", "pytorch"):
        if (other, first) in middle:
            print(f"ours / {other}: {middle['ours', first] / middle[other, first]:.2f}")
    print(f"input: {100 * middle['ours', first] / middle['input_alone', 0]:.1f} % of a step")
    if first in FLOP_PER_IMAGE:
        share = middle["ours", first] * FLOP_PER_IMAGE[first] / 1e9 / middle["matrix_product", 0]
        print(f"arithmetic: {100 * share:.0f} % of what a matrix product of 4096 x 4096 reaches")
    for depth in depths[1:]:
        growth = middle["ours", first] / middle["ours", depth]
        print(f"time a step, depth {depth} / depth {first}: {growth:.2f} (depths: {depth / first:.2f})")


if __name__ == "__main__":
    main()
