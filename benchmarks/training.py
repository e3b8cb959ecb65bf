"""Images a second in training ResNet-20, side by side: this library, Keras as one would write it, PyTorch.

    python benchmarks/training.py [--rounds 7] [--steps 10] [--ways ours,obvious,pytorch]
    python benchmarks/training.py --ways two,ours,two_pytorch    also: bfloat16
    python benchmarks/training.py --ways ours --depths 56,110 --rounds 3

Every way trains the same network after the same recipe (batch 128, momentum, weight decay, each image padded,
cropped and mirrored at random). A measurement is a process of its own that starts, warms up, is timed and
ends; so none waits in memory while another runs. A round measures each way once, in an order drawn
anew. What is compared is the ratio of two ways in the same round: its geometric mean with the 95 % interval
of Student's t over the rounds, and a verdict only where the interval leaves 1 out. Each line comes as it is
measured and says how many cores were busy and how much of them the machine gave to others ("stolen").
Without CIFAR-10 random images of its shape are used (the speed is the same).
"""

import argparse
import json
import math
import os
import random
import resource
import statistics
import subprocess
import sys
import time

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# 3 x the multiply-accumulates of a forward pass (Table in the book), 2 operations each.
FLOP_PER_IMAGE = 6 * 40_551_040


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
    from cnnlib.training import inputs, runs

    batches = stream(batch)
    model = cnnlib.models.build(f"cifar-resnet-{depth}")
    runs.compile_model(model, recipe(batch))

    def run(steps):
        watch = runs.StopAtNonFiniteLoss(argparse.Namespace(start=0, not_finite=None), model)
        model.fit(inputs.pipeline(batches(steps)), verbose=0, shuffle=False, callbacks=[watch])

    return run


def bfloat16(depth, batch):
    """``ours``, with 16 bits a number in the layers and 32 in the weights."""
    import keras

    keras.config.set_dtype_policy("mixed_bfloat16")
    return ours(depth, batch)


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


def matrix_product():
    """Operations a second of a 4096 x 4096 matrix product in float32."""
    import tensorflow as tf

    size, times = 4096, []
    a = tf.random.normal((size, size))
    for _ in range(4):
        begun = time.perf_counter()
        tf.linalg.matmul(a, a).numpy()
        times.append(time.perf_counter() - begun)
    return 2 * size**3 / min(times)


def input_alone(steps, batch):
    """Seconds of ``steps`` batches of the library, made and thrown away."""
    made = stream(batch)(steps)
    begun = time.perf_counter()
    for number in range(steps):
        made[number]
    return time.perf_counter() - begun


# Name -> the function, how many processes run at once, and whether each has one thread.
WAYS = {
    "ours": (ours, 1, False),
    "obvious": (obvious, 1, False),
    "pytorch": (pytorch, 1, False),
    "bfloat16": (bfloat16, 1, False),
    "two": (ours, 2, True),
    "two_pytorch": (pytorch, 2, True),
}
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "1")


def stolen():
    """Seconds, summed over the cores, in which the machine's host ran something else; None if not told."""
    try:
        with open("/proc/stat", encoding="utf-8") as lines:
            return int(next(lines).split()[8]) / os.sysconf("SC_CLK_TCK")
    except (OSError, IndexError):
        return None


def worker(way, depth, options):
    """Warm up, wait for a line, be timed; answers with a line of JSON."""
    run = WAYS[way][0](depth, options.batch)
    run(options.steps)  # what is compiled for this number of steps
    run(options.steps)
    print("ready", flush=True)
    sys.stdin.readline()
    run(3)  # after the wait
    before, used, begun = stolen(), time.process_time(), time.perf_counter()
    run(options.steps)
    seconds = time.perf_counter() - begun
    found = {"seconds": seconds, "cores": (time.process_time() - used) / seconds}
    found["stolen"] = None if before is None else (stolen() - before) / seconds
    found["memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if way == "ours":
        found["input"] = input_alone(options.steps, options.batch) / seconds
        found["product"] = matrix_product()
    print(json.dumps(found), flush=True)


def measure(way, depth, options):
    """One measurement: images a second of all its processes together, and what else they found."""
    function, copies, one_thread = WAYS[way]
    command = [sys.executable, __file__, "--worker", way, "--depths", str(depth)]
    command += ["--batch", str(options.batch), "--steps", str(options.steps)]
    environment = {**os.environ, **(ONE_THREAD if one_thread else {})}
    if function is pytorch:
        # TensorFlow and PyTorch do not start in one process; the library's batches need neither.
        environment["KERAS_BACKEND"] = "torch"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, env=environment, **pipes) for _ in range(copies)]
    for process in processes:
        if process.stdout.readline().strip() != "ready":
            raise SystemExit(f"{way}, depth {depth}: did not start")
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    found = [json.loads(process.communicate()[0]) for process in processes]
    images = options.steps * options.batch
    total = {key: found[0][key] for key in ("stolen", "input", "product") if key in found[0]}
    total["rate"] = sum(images / each["seconds"] for each in found)
    total |= {key: sum(each[key] for each in found) for key in ("cores", "memory")}
    taken = "" if total["stolen"] is None else f", {total['stolen']:.2f} stolen"
    busy = f"{total['cores']:.2f} cores busy{taken}, {total['memory']:,.0f} MB"
    print(f"  {way:<11} depth {depth:<3} {total['rate']:7.1f} images/s, {busy}", flush=True)
    return total


def compare(rates, others):
    """The ratio of two ways, paired by round: geometric mean, the ends of its 95 % interval, a verdict."""
    from scipy import stats

    logs = [math.log(a / b) for a, b in zip(rates, others, strict=True)]
    mean = statistics.fmean(logs)
    if len(logs) < 2:
        return f"{math.exp(mean):.2f} (one round: no interval, no verdict)"
    half = stats.t.ppf(0.975, len(logs) - 1) * statistics.stdev(logs) / math.sqrt(len(logs))
    verdict = "not told apart" if abs(mean) <= half else "faster" if mean > 0 else "slower"
    low, high = math.exp(mean - half), math.exp(mean + half)
    return f"{math.exp(mean):.2f} [{low:.2f}, {high:.2f}] (95 %, n = {len(logs)} rounds): {verdict}"


def chosen_ways(names):
    """The ways to measure, without those that are not installed."""
    import importlib.util

    for name in names:
        if name not in WAYS:
            raise SystemExit(f"--ways: expected some of {', '.join(WAYS)}, got {name!r}")
    if importlib.util.find_spec("torch"):
        return names
    left_out = [name for name in names if WAYS[name][0] is pytorch]
    if left_out:
        print(f"PyTorch is not installed: {' and '.join(left_out)} left out")
    return [name for name in names if name not in left_out]


def describe():
    """Processor, its vector instructions, and versions, in a line each."""
    import importlib.metadata

    from cnnlib import provenance

    found = provenance.describe()
    print(f"{found['device']}; {instructions()}")
    versions = {name: found["versions"][name] for name in ("python", "keras", "tensorflow")}
    try:
        versions["torch"] = importlib.metadata.version("torch")
    except importlib.metadata.PackageNotFoundError:
        pass
    print(", ".join(f"{name} {version}" for name, version in versions.items()))


def instructions():
    """The vector instructions that the processor offers, as Linux tells them, and limits put on them."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            flags = next(line for line in lines if line.startswith("flags")).split()
    except (OSError, StopIteration):
        flags = []
    names = ("amx_tile", "avx512_bf16", "avx512f", "avx2", "avx", "asimd")
    found = ", ".join(name for name in names if name in flags) or "instructions not told"
    limits = [f"{key}={os.environ[key]}" for key in LIMITS if key in os.environ]
    return f"{found}{'; limited by ' + ', '.join(limits) if limits else ''}"


# With all three at AVX2, convolutions and products use no wider instructions, in TensorFlow and PyTorch.
LIMITS = ("ONEDNN_MAX_CPU_ISA", "ATEN_CPU_CAPABILITY", "MKL_ENABLE_INSTRUCTIONS")


def main():
    layout = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=layout)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=10, help="timed, after twice as many to warm up")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--depths", default="20")
    parser.add_argument("--ways", default="ours,obvious,pytorch", help=f"some of {', '.join(WAYS)}")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args()
    depths = [int(depth) for depth in options.depths.split(",")]
    if options.worker:
        return worker(options.worker, depths[0], options)

    ways = [(way, depth) for way in chosen_ways(options.ways.split(",")) for depth in depths]
    describe()
    found = {way: [] for way in ways}
    for number in range(1, options.rounds + 1):
        print(f"round {number} of {options.rounds}", flush=True)
        for way in random.sample(ways, len(ways)):
            found[way].append(measure(*way, options))

    rates = {way: [each["rate"] for each in results] for way, results in found.items()}
    for (way, depth), values in rates.items():
        memory = max(each["memory"] for each in found[way, depth])
        print(
            f"{way:<11} depth {depth:<3} {statistics.median(values):7.1f} images/s "
            f"({min(values):.1f} to {max(values):.1f}), {memory:,.0f} MB"
        )
    for way, depth in ways[1:]:
        first = ways[0]
        if depth == first[1]:
            print(f"{first[0]} / {way}: {compare(rates[first], rates[way, depth])}")
        else:
            growth = statistics.median(a / b for a, b in zip(rates[first], rates[way, depth], strict=True))
            print(f"time a step, depth {depth} / {first[1]}: {growth:.2f} (depths: {depth / first[1]:.2f})")
    if ("ours", 20) in found:
        results = found["ours", 20]
        share = statistics.median(each["rate"] * FLOP_PER_IMAGE / each["product"] for each in results)
        product = statistics.median(each["product"] for each in results) / 1e9
        print(f"arithmetic: {100 * share:.0f} % of a 4096 x 4096 product ({product:.0f} GFLOP/s, just after)")
        print(f"input: {100 * statistics.median(each['input'] for each in results):.1f} % of a step")


if __name__ == "__main__":
    main()
