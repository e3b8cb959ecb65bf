// The layers of the book's figures, forward only, in plain JavaScript: what cnnlib computes with Keras.
//
// Maps are {data, maps, height, width}, `data` a Float32Array with one map after the other, rows from the
// top. A network is the object that tools/export_weights.py writes: its layers as data, its weights as
// half-precision numbers in base64. tests/pages/test_figures.py holds every layer against Keras.
"use strict";

window.cnnlib = window.cnnlib || {};
cnnlib.exported = cnnlib.exported || {};

cnnlib.layers = (() => {
  const maps = (count, height, width) => ({
    data: new Float32Array(count * height * width), maps: count, height, width,
  });

  // How many places a window of side k, dilated by d, has along n pixels with `padding` in all, in steps of s.
  const places = (n, k, s = 1, padding = 0, d = 1) => Math.floor((n + padding - d * (k - 1) - 1) / s) + 1;

  // Rows and columns of `value` around every map.
  function pad(x, p, value = 0) {
    if (!p) return x;
    const y = maps(x.maps, x.height + 2 * p, x.width + 2 * p);
    y.data.fill(value);
    for (let m = 0; m < x.maps; m++)
      for (let i = 0; i < x.height; i++) {
        const from = (m * x.height + i) * x.width;
        y.data.set(x.data.subarray(from, from + x.width), (m * y.height + i + p) * y.width + p);
      }
    return y;
  }

  // `links` has for each output map a list of {map, weights}: the input map, and k x k weights in rows. So
  // a layer in which every output sees every input, and one with a table of links, are the same.
  function convolution(x, links, bias, k, { stride = 1, padding = 0, dilation = 1 } = {}) {
    x = pad(x, padding);
    const y = maps(links.length, places(x.height, k, stride, 0, dilation), places(x.width, k, stride, 0, dilation));
    const pixels = x.data; // outside the loops, which run a hundred thousand times a picture
    const [width, down] = [x.width, dilation * x.width];
    let at = 0;
    for (let out = 0; out < links.length; out++)
      for (let i = 0; i < y.height; i++)
        for (let j = 0; j < y.width; j++) {
          let sum = bias ? bias[out] : 0;
          for (let link = 0; link < links[out].length; link++) {
            const weights = links[out][link].weights;
            let from = (links[out][link].map * x.height + i * stride) * width + j * stride;
            for (let a = 0, place = 0; a < k; a++, from += down)
              for (let b = 0; b < k; b++) sum += weights[place++] * pixels[from + b * dilation];
          }
          y.data[at++] = sum;
        }
    return y;
  }

  // One number for each window of k x k: `start`, then `add` for each pixel, then `finish` with their count.
  function windows(x, k, stride, start, add, finish) {
    const y = maps(x.maps, places(x.height, k, stride), places(x.width, k, stride));
    let at = 0;
    for (let m = 0; m < x.maps; m++)
      for (let i = 0; i < y.height; i++)
        for (let j = 0; j < y.width; j++) {
          let value = start;
          let count = 0;
          for (let a = 0; a < k; a++)
            for (let b = 0; b < k; b++) {
              const pixel = x.data[(m * x.height + i * stride + a) * x.width + j * stride + b];
              if (Number.isNaN(pixel)) continue;
              value = add(value, pixel);
              count++;
            }
          y.data[at++] = finish(value, count);
        }
    return y;
  }

  const add = (a, b) => a + b;
  // Padding in max pooling is minus infinity; average pooling leaves it out, as Keras does on TensorFlow.
  const maxPooling = (x, k, stride = k, padding = 0) =>
    windows(pad(x, padding, -Infinity), k, stride, -Infinity, Math.max, (value) => value);
  const averagePooling = (x, k, stride = k, padding = 0) =>
    windows(pad(x, padding, NaN), k, stride, 0, add, (sum, count) => sum / count);

  // LeCun et al. 1998: the sum of each 2x2 times the map's coefficient, plus its bias (then squashed).
  function subsampling(x, coefficient, bias) {
    const y = windows(x, 2, 2, 0, add, (sum) => sum);
    const size = y.height * y.width;
    for (let at = 0; at < y.data.length; at++) {
      const m = Math.floor(at / size);
      y.data[at] = coefficient[m] * y.data[at] + bias[m];
    }
    return y;
  }

  // Weights in rows, one row an input.
  function dense(x, weights, bias) {
    const units = bias.length;
    const sums = Float64Array.from(bias);
    for (let i = 0; i < x.data.length; i++)
      for (let j = 0, from = i * units; j < units; j++) sums[j] += x.data[i] * weights[from + j];
    const y = maps(units, 1, 1);
    y.data.set(sums);
    return y;
  }

  // Squared distances to the codes, one after the other.
  function radialBasis(x, codes) {
    const units = x.data.length;
    const y = maps(codes.length / units, 1, 1);
    for (let c = 0; c < y.maps; c++) {
      let sum = 0;
      for (let i = 0; i < units; i++) sum += (x.data[i] - codes[c * units + i]) ** 2;
      y.data[c] = sum;
    }
    return y;
  }

  const activations = {
    linear: (x) => x,
    relu: (x) => Math.max(0, x),
    scaled_tanh: (x) => 1.7159 * Math.tanh((2 / 3) * x),
  };

  function activate(x, name) {
    const f = activations[name];
    if (!f) throw new Error(`unknown activation ${name}`);
    if (name !== "linear") for (let i = 0; i < x.data.length; i++) x.data[i] = f(x.data[i]);
    return x;
  }

  return { maps, places, pad, convolution, maxPooling, averagePooling, subsampling, dense, radialBasis, activate };
})();

cnnlib.network = (() => {
  // Half-precision numbers (IEEE 754 binary16, low byte first) in base64.
  function halves(text) {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const numbers = new Float32Array(bytes.length / 2);
    for (let i = 0; i < numbers.length; i++) {
      const bits = bytes[2 * i] | (bytes[2 * i + 1] << 8);
      const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
      const size = exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -14 * (fraction / 1024);
      numbers[i] = bits & 32768 ? -size : size;
    }
    return numbers;
  }

  // Keras keeps a kernel as k x k x inputs x outputs, or, with a table, as k x k x links, the links of the
  // first output first: here the k x k weights of each link by themselves.
  function linksOf({ size, inputs, outputs, table }, kernel) {
    const area = size * size;
    const links = [];
    let count = 0;
    const all = table ? [...table.join("")].filter((letter) => letter === "X").length : inputs * outputs;
    for (let out = 0; out < outputs; out++) {
      links.push([]);
      for (let map = 0; map < inputs; map++) {
        if (table && table[map][out] !== "X") continue;
        const at = table ? count++ : map * outputs + out;
        links[out].push({ map, weights: Float32Array.from({ length: area }, (_, place) => kernel[place * all + at]) });
      }
    }
    return links;
  }

  // What computes a layer, from its description and `take`, which gives the next n weights.
  const build = {
    convolution(layer, take) {
      const { size, inputs, outputs, table } = layer;
      const pairs = table ? [...table.join("")].filter((letter) => letter === "X").length : inputs * outputs;
      const links = linksOf(layer, take(size * size * pairs));
      const bias = take(outputs);
      return (x) => cnnlib.layers.convolution(x, links, bias, size);
    },
    subsampling({ outputs }, take) {
      const [coefficient, bias] = [take(outputs), take(outputs)];
      return (x) => cnnlib.layers.subsampling(x, coefficient, bias);
    },
    "max-pooling": ({ size }) => (x) => cnnlib.layers.maxPooling(x, size),
    "average-pooling": ({ size }) => (x) => cnnlib.layers.averagePooling(x, size),
    dense({ inputs, outputs }, take) {
      const [weights, bias] = [take(inputs * outputs), take(outputs)];
      return (x) => cnnlib.layers.dense(x, weights, bias);
    },
    "radial-basis"({ inputs, outputs }, take) {
      const codes = take(inputs * outputs);
      return (x) => cnnlib.layers.radialBasis(x, codes);
    },
  };

  // 28x28 bytes, 0 for background and 255 for ink, to the network's 32x32 numbers.
  function extended(pixels) {
    if (pixels.length !== 784) throw new Error(`expected 784 pixels, got ${pixels.length}`);
    const x = cnnlib.layers.maps(1, 32, 32);
    x.data.fill(-0.1);
    for (let i = 0; i < 784; i++)
      x.data[(Math.floor(i / 28) + 2) * 32 + (i % 28) + 2] = pixels[i] * (1.275 / 255) - 0.1;
    return x;
  }

  // A network from what was exported: `layers(pixels)` gives the maps of every layer by its name,
  // `outputs(pixels)` the ten numbers of the last one.
  function network(exported) {
    const numbers = halves(exported.weights);
    let at = 0;
    const take = (count) => numbers.subarray(at, (at += count));
    const steps = exported.layers.map((layer) => ({ ...layer, compute: build[layer.kind](layer, take) }));
    if (at !== numbers.length) throw new Error(`${numbers.length} weights, and layers for ${at}`);
    const layers = (pixels) => {
      const found = { image: extended(pixels) };
      let x = found.image;
      for (const { name, compute, activation } of steps) {
        x = cnnlib.layers.activate(compute(x), activation || "linear");
        found[name] = x;
      }
      return found;
    };
    const last = exported.layers[exported.layers.length - 1].name;
    const outputs = (pixels) => Array.from(layers(pixels)[last].data);
    // The codes are the last numbers of a network that ends in distances.
    const codes = exported.distances ? numbers.subarray(numbers.length - 840) : null;
    return { layers, outputs, codes, exported };
  }
  return Object.assign(network, { extended });
})();
