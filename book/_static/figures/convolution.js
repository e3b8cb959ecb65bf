// The living figure of chapter 1: a picture to paint, a kernel to change, a window to drag.
"use strict";

(() => {
  const { maps, places, convolution, maxPooling, averagePooling } = cnnlib.layers;
  const N = 8; // side of the picture
  const CELL = 28; // of a square as it is drawn
  const picture = (value) => Array.from({ length: N * N }, (_, at) => value(Math.floor(at / N), at % N));
  const PICTURES = {
    "a bright corner": picture((i, j) => (i < 5 && j > 2 ? 5 : 1)),
    "a line": picture((i, j) => (i + j === 7 || i + j === 8 ? 9 : 0)),
    "a ring": picture((i, j) => (Math.abs(Math.hypot(i - 3.5, j - 3.5) - 2.8) < 0.8 ? 9 : 0)),
    "one pixel": picture((i, j) => (i === 3 && j === 3 ? 9 : 0)),
    "negative numbers": picture((i, j) => -1 - ((3 * i + 5 * j) % 9)),
  };
  const KERNELS = {
    "upright edges": [-1, 0, 1, -2, 0, 2, -1, 0, 1],
    "level edges": [-1, -2, -1, 0, 0, 0, 1, 2, 1],
    sharper: [0, -1, 0, -1, 5, -1, 0, -1, 0],
    blur: Array(9).fill(1 / 9),
  };

  const element = (name, attributes = {}, ...children) => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  };
  const written = (value) => {
    if (value === -Infinity) return "−∞";
    const text = Number.isInteger(value) ? String(value) : value.toFixed(Math.abs(value) < 1 ? 2 : 1);
    return text.replace("-", "−");
  };

  // Rows of squares with numbers as SVG; dark is large. `frames`: squares [row, column, rows, columns].
  function grid(rows, { frames = [], dashed = () => false, cursor = null, scale = 1.25 } = {}) {
    const values = rows.flat().filter(Number.isFinite);
    const [low, high] = [Math.min(0, ...values), Math.max(...values, 0)];
    const [width, height] = [rows[0].length * CELL, rows.length * CELL];
    const parts = rows.flatMap((row, i) =>
      row.map((value, j) => {
        const shade = Number.isFinite(value) && high > low ? (0.4 * (value - low)) / (high - low) : 0;
        const dash = dashed(i, j) ? ' stroke-dasharray="3 3"' : "";
        const text = value === null ? "" : written(value);
        return (
          `<rect x="${j * CELL}" y="${i * CELL}" width="${CELL}" height="${CELL}" fill="currentColor" ` +
          `fill-opacity="${shade.toFixed(3)}" stroke="currentColor" stroke-opacity="0.5"${dash}/>` +
          `<text x="${(j + 0.5) * CELL}" y="${(i + 0.5) * CELL}" dy=".35em" text-anchor="middle" ` +
          `font-size="${text.length > 3 ? 11 : 13}" fill="currentColor">${text}</text>`
        );
      }),
    );
    const frame = ([i, j, m, n], style) =>
      `<rect x="${j * CELL}" y="${i * CELL}" width="${n * CELL}" height="${m * CELL}" fill="none" ${style}/>`;
    parts.push(...frames.map((one) => frame(one, 'class="living-frame"')));
    if (cursor) parts.push(frame([...cursor, 1, 1], 'class="living-frame" stroke-dasharray="4 3"'));
    return (
      `<svg viewBox="-2 -2 ${width + 4} ${height + 4}" style="width:${((width + 4) * scale).toFixed(0)}px" aria-hidden="true" ` +
      `xmlns="http://www.w3.org/2000/svg">${parts.join("")}</svg>`
    );
  }

  class ConvolutionFigure {
    constructor(place) {
      Object.assign(this, { k: 3, s: 1, p: 0, d: 1, what: "convolution", i: 0, j: 1, cursor: [0, 0] });
      this.pixels = [...PICTURES["a bright corner"]];
      this.kernel = [...KERNELS["upright edges"]];
      this.place = place;
      this.build();
      this.listen();
      this.update();
    }

    build() {
      const number = (key, from, to, text) => {
        const select = element("select", { "data-key": key });
        for (let value = from; value <= to; value++) select.append(element("option", { value }, String(value)));
        select.value = this[key];
        return element("label", { class: "living-inline" }, `${text} `, select);
      };
      this.kinds = element("fieldset", { class: "living-row" }, element("legend", {}, "Layer"));
      this.pointer = element("fieldset", { class: "living-row" }, element("legend", {}, "Pointer and keys"));
      const radio = (group, name, value, text, checked) => {
        const input = element("input", { type: "radio", name: `living-convolution-${name}`, value });
        input.checked = checked;
        group.append(element("label", { class: "living-inline" }, input, ` ${text}`));
      };
      radio(this.kinds, "what", "convolution", "convolution", true);
      radio(this.kinds, "what", "max", "max pooling", false);
      radio(this.kinds, "what", "average", "average pooling", false);
      radio(this.pointer, "pointer", "window", "move the window", true);
      radio(this.pointer, "pointer", "paint", "paint with", false);
      this.colour = element("input", { type: "number", min: -9, max: 9, step: 1, value: 9, "aria-label": "the brush" });
      this.pointer.append(this.colour);
      this.numbers = element(
        "div", { class: "living-row" },
        number("k", 1, 5, "kernel k"), number("s", 1, 3, "stride s"), number("p", 0, 2, "padding p"),
        number("d", 1, 3, "dilation d"),
      );
      this.pictures = element("select", {}, ...Object.keys(PICTURES).map((name) => element("option", {}, name)));
      this.presets = element("div", { class: "living-row", role: "group", "aria-label": "kernels" });
      for (const name of Object.keys(KERNELS)) {
        const button = element("button", { type: "button" }, name);
        button.addEventListener("click", () => {
          Object.assign(this, { k: 3, kernel: [...KERNELS[name]] });
          this.numbers.querySelector('[data-key="k"]').value = 3;
          this.update();
        });
        this.presets.append(button);
      }
      this.play = element("button", { type: "button", "aria-pressed": "false" }, "Slide");
      const stage = (label) =>
        element("div", { class: "living-grid", tabindex: "0", role: "application", "aria-label": label, "aria-describedby": "living-convolution-keys" });
      this.input = stage("the picture");
      this.output = stage("the output");
      this.inputTitle = element("p", { class: "living-title" });
      this.outputTitle = element("p", { class: "living-title" });
      this.formula = element("p");
      this.window = element("div", { class: "living-small" });
      this.weights = element("div", { class: "living-kernel", role: "group", "aria-label": "the kernel's numbers" });
      this.products = element("div", { class: "living-small" });
      this.times = element("span", { class: "living-sign", "aria-hidden": "true" }, "×");
      this.equals = element("span", { class: "living-sign", "aria-hidden": "true" }, "=");
      this.sum = element("p", { class: "living-sum" });
      this.status = element("p", { class: "living-hidden", role: "status" });
      this.root = element(
        "div", { class: "living" },
        element(
          "div", { class: "living-row" },
          this.pointer, element("label", { class: "living-inline" }, "picture ", this.pictures), this.play,
        ),
        element(
          "div", { class: "living-stages" },
          element("div", {}, this.inputTitle, this.input),
          element("div", {}, this.outputTitle, this.output),
        ),
        element("div", { class: "living-sums" }, this.window, this.times, this.weights, this.equals, this.products),
        this.sum, this.presets, this.kinds, this.numbers, this.formula,
        element("p", { class: "living-keys", id: "living-convolution-keys" },
          "Darker is larger. Drag the window over the picture, or choose a number of the output. By keyboard: arrow keys " +
          "move the window; when painting they move the brush, the space bar paints, and a digit is written as it is."),
        this.status,
      );
      this.place.replaceChildren(this.root);
    }

    listen() {
      this.kinds.addEventListener("change", (event) => {
        this.what = event.target.value;
        // Pooling as networks have it, and a map that shows what its padding is.
        if (this.what !== "convolution" && this.k === 3 && this.s === 1) this.choose("s", 2);
        this.update();
      });
      this.numbers.addEventListener("change", (event) => {
        this.choose(event.target.dataset.key, Number(event.target.value));
        this.update();
      });
      this.pictures.addEventListener("change", () => {
        this.pixels = [...PICTURES[this.pictures.value]];
        this.update();
      });
      this.pointer.addEventListener("change", () => this.update());
      this.play.addEventListener("click", () => this.slide(!this.timer));
      this.weights.addEventListener("input", (event) => {
        const value = Number(event.target.value);
        if (!Number.isFinite(value)) return;
        this.kernel[event.target.dataset.at] = value;
        this.update(false);
      });
      for (const [stage, move] of [
        [this.input, (i, j) => this.point(i, j)],
        [this.output, (i, j) => this.go(i, j)],
      ]) {
        const at = (event) => {
          const box = stage.querySelector("svg").getBoundingClientRect();
          const rows = stage === this.input ? N + 2 * this.padding : this.y.height;
          const columns = stage === this.input ? N + 2 * this.padding : this.y.width;
          const place = (value, start, size, count) =>
            Math.max(0, Math.min(count - 1, Math.floor(((value - start) / size) * (count + 4 / CELL) - 2 / CELL)));
          return [place(event.clientY, box.top, box.height, rows), place(event.clientX, box.left, box.width, columns)];
        };
        stage.addEventListener("pointerdown", (event) => {
          if (event.button || !this.y.height || !stage.querySelector("svg")) return;
          stage.setPointerCapture(event.pointerId);
          stage.held = true;
          this.slide(false);
          move(...at(event));
          event.preventDefault();
          stage.focus({ preventScroll: true });
        });
        stage.addEventListener("pointermove", (event) => stage.held && move(...at(event)));
        for (const end of ["pointerup", "pointercancel"]) stage.addEventListener(end, () => (stage.held = false));
        stage.addEventListener("keydown", (event) => this.press(event, stage === this.input));
      }
    }

    get painting() {
      return this.pointer.querySelector("input:checked").value === "paint";
    }

    // Padding beyond half a window would leave windows with no pixel in a pooling.
    get padding() {
      return this.what === "convolution" ? this.p : Math.min(this.p, Math.floor(this.k / 2));
    }

    get dilation() {
      return this.what === "convolution" ? this.d : 1;
    }

    choose(key, value) {
      if (key === "k") {
        // The middle of the kernel stays the middle.
        const [before, shift] = [this.k, Math.floor((value - this.k) / 2)];
        this.kernel = Array.from({ length: value * value }, (_, at) => {
          const [i, j] = [Math.floor(at / value) - shift, (at % value) - shift];
          return i >= 0 && j >= 0 && i < before && j < before ? this.kernel[i * before + j] : 0;
        });
      }
      this[key] = value;
      this.numbers.querySelector(`[data-key="${key}"]`).value = value;
    }

    // At the square (i, j) of the picture, padding included.
    point(i, j) {
      if (this.painting) {
        const [row, column] = [i - this.padding, j - this.padding];
        if (row < 0 || column < 0 || row >= N || column >= N) return;
        this.cursor = [row, column];
        this.paint(Number(this.colour.value));
      } else {
        const half = (this.dilation * (this.k - 1)) / 2;
        this.go(Math.round((i - half) / this.s), Math.round((j - half) / this.s));
      }
    }

    paint(value) {
      this.pixels[this.cursor[0] * N + this.cursor[1]] = Math.max(-9, Math.min(9, Math.round(value) || 0));
      this.update();
    }

    go(i, j) {
      [this.i, this.j] = [i, j];
      this.update();
    }

    press(event, onPicture) {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
      const painting = this.painting && onPicture;
      if (step && painting) {
        this.cursor = this.cursor.map((place, axis) => Math.max(0, Math.min(N - 1, place + step[axis])));
        this.update();
      } else if (step) this.go(this.i + step[0], this.j + step[1]);
      else if (painting && event.key === " ") this.paint(Number(this.colour.value));
      else if (painting && /^[0-9]$/.test(event.key)) this.paint(Number(event.key));
      else if (painting && event.key === "-") this.paint(-this.pixels[this.cursor[0] * N + this.cursor[1]]);
      else return;
      this.slide(false);
      event.preventDefault();
    }

    slide(on) {
      clearInterval(this.timer);
      this.timer = on
        ? setInterval(() => {
            const count = this.y.height * this.y.width;
            const next = (this.i * this.y.width + this.j + 1) % Math.max(1, count);
            this.go(Math.floor(next / this.y.width), next % this.y.width);
          }, 600)
        : null;
      this.play.setAttribute("aria-pressed", String(on));
      this.play.textContent = on ? "Stop" : "Slide";
    }

    update(rebuildKernel = true) {
      const [{ k, s }, p, d] = [this, this.padding, this.dilation];
      const x = maps(1, N, N);
      x.data.set(this.pixels);
      const convolving = this.what === "convolution";
      const count = places(N, k, s, 2 * p, d);
      const fits = count > 0;
      if (!fits) this.y = maps(1, 0, 0);
      else if (convolving) this.y = convolution(x, [[{ map: 0, weights: this.kernel }]], null, k, { stride: s, padding: p, dilation: d });
      else this.y = (this.what === "max" ? maxPooling : averagePooling)(x, k, s, p);
      const within = (value) => Math.max(0, Math.min(this.y.height - 1, value));
      [this.i, this.j] = [within(this.i), within(this.j)];

      const filler = { convolution: 0, max: -Infinity, average: null }[this.what];
      const side = N + 2 * p;
      const inside = (i) => i >= p && i < p + N;
      const padded = Array.from({ length: side }, (_, i) =>
        Array.from({ length: side }, (_, j) => (inside(i) && inside(j) ? this.pixels[(i - p) * N + j - p] : filler)),
      );
      const used = Array.from({ length: k * k }, (_, at) => [this.i * s + Math.floor(at / k) * d, this.j * s + (at % k) * d]);
      const frames = !fits ? [] : d > 1 ? used.map((place) => [...place, 1, 1]) : [[this.i * s, this.j * s, k, k]];
      const cursor = this.painting ? this.cursor.map((place) => place + p) : null;
      this.input.innerHTML = grid(padded, { frames, cursor, dashed: (i, j) => !inside(i) || !inside(j) });
      const rows = (values, length) => Array.from({ length }, (_, i) => values.slice(i * length, (i + 1) * length));
      const results = Array.from(this.y.data, (value) => Math.round(value * 1000) / 1000);
      if (fits) this.output.innerHTML = grid(rows(results, count), { frames: [[this.i, this.j, 1, 1]] });
      else this.output.textContent = "The window does not fit into the picture: there is no output.";
      this.inputTitle.textContent = `Picture, ${N}x${N}${p ? `, padding ${p}` : ""}`;
      this.outputTitle.textContent = fits ? `Output, ${count}x${count}` : "Output";

      for (const part of [this.presets, this.weights, this.times, this.equals, this.products]) part.hidden = !convolving;
      this.numbers.querySelector('[data-key="d"]').disabled = !convolving;
      this.window.hidden = !fits;
      if (rebuildKernel) {
        this.weights.style.gridTemplateColumns = `repeat(${k}, minmax(0, 2.6rem))`;
        this.weights.replaceChildren(
          ...this.kernel.map((value, at) =>
            element("input", {
              type: "number", step: "any", value: Math.round(value * 1000) / 1000, "data-at": at,
              "aria-label": `kernel, row ${Math.floor(at / k) + 1}, column ${(at % k) + 1}`,
            }),
          ),
        );
      }
      let said = "The window does not fit.";
      if (fits) {
        const values = used.map(([i, j]) => padded[i][j]);
        this.window.innerHTML = grid(rows(values, k), { scale: 0.85 });
        const result = results[this.i * count + this.j];
        const there = values.filter(Number.isFinite);
        if (convolving) {
          const products = values.map((value, at) => Math.round(value * this.kernel[at] * 1000) / 1000 || 0);
          this.products.innerHTML = grid(rows(products, k), { scale: 0.85 });
          said = `Sum of the ${k * k === 1 ? "one product" : `${k * k} products`}: ${written(result)}.`;
        } else if (this.what === "max")
          said = `Largest number in the window: ${written(result)}.${p ? " Padding is minus infinity: it never wins." : ""}`;
        else said = `Sum of ${there.length} numbers, divided by ${there.length}: ${written(result)}.${p ? " Padding is left out." : ""}`;
      }
      this.sum.textContent = said;
      this.formula.innerHTML = convolving
        ? `<i>n</i>′ = ⌊(<i>n</i> + 2<i>p</i> − <i>d</i>(<i>k</i> − 1) − 1) / <i>s</i>⌋ + 1 = ⌊(${N} + ${2 * p} − ${d * (k - 1)} − 1) / ${s}⌋ + 1 = ${Math.max(0, count)}`
        : `<i>n</i>′ = ⌊(<i>n</i> + 2<i>p</i> − <i>k</i>) / <i>s</i>⌋ + 1 = ⌊(${N} + ${2 * p} − ${k}) / ${s}⌋ + 1 = ${Math.max(0, count)}`;
      clearTimeout(this.later);
      this.later = setTimeout(() => {
        if (this.timer) return; // while it slides by itself nothing is read out
        const brush = cursor ? `Brush in row ${this.cursor[0] + 1}, column ${this.cursor[1] + 1}. ` : "";
        this.status.textContent = `${brush}Output of ${Math.max(0, count)} by ${Math.max(0, count)}, row ${this.i + 1}, column ${this.j + 1}. ${said}`;
      }, 500);
    }
  }

  const start = () => document.querySelectorAll('[data-figure="convolution"]').forEach((place) => new ConvolutionFigure(place));
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
