// The living figure of chapter 4: what a unit sees through its layers, and what the layers cost.
"use strict";

window.cnnlib = window.cnnlib || {};

// The arithmetic, apart from the page: tests hold every number of it against cnnlib.account.
cnnlib.cost = (() => {
  // One line of text a layer, as tools/export_depth_and_cost.py writes it.
  function read(text) {
    let before = null;
    return text.trim().split("\n").map((line) => {
      const [words, inputs] = line.split(" < ").map((part) => part.split(" "));
      const [name, kind, ...numbers] = words;
      const layer = { name, kind, inputs: inputs || (before ? [before] : []) };
      for (const number of numbers) {
        const [key, value] = number.split("=");
        layer[key] = Number(value);
      }
      before = name;
      return layer;
    });
  }

  const places = (n, k, s, p, q) => Math.floor((n + p + q - k) / s) + 1;

  // What every layer gives, costs and sees. `n` is the side of its maps, 0 where there are none, `c` how many
  // maps or units; position i sees the pixels start + i * jump to start + i * jump + size - 1 of the picture.
  function account(layers) {
    const rows = new Map();
    for (const layer of layers) {
      const inputs = layer.inputs.map((name) => rows.get(name));
      const [x] = inputs;
      const { kind, k = 1, s = 1, p = 0, q = p, bias = 1 } = layer;
      const row = { ...layer, parameters: 0, frozen: 0, macs: 0, isNew: true };
      if (kind === "picture") Object.assign(row, { start: 0, size: 1, jump: 1 });
      else Object.assign(row, { n: x.n, c: layer.c || x.c, start: x.start, size: x.size, jump: x.jump });
      if (["convolution", "pooling", "subsampling", "padding"].includes(kind)) {
        row.n = places(x.n, k, s, p, q);
        if (!(row.n > 0)) throw new RangeError(`${row.name}: a window of ${k} does not fit on a side of ${x.n + p + q}`);
        row.start -= p * x.jump;
        row.size += (k - 1) * x.jump;
        row.jump *= s;
      }
      if (kind === "convolution") {
        const weights = k * k * (layer.links || (x.c / (layer.groups || 1)) * row.c);
        row.parameters = weights + bias * row.c;
        row.macs = weights * row.n * row.n;
      } else if (kind === "subsampling") row.parameters = 2 * row.c;
      else if (kind === "batch-normalisation") row.parameters = row.frozen = 2 * row.c;
      else if (kind === "sum") merge(row, inputs);
      else if (kind === "concatenation") {
        merge(row, inputs);
        row.c = inputs.reduce((sum, input) => sum + input.c, 0);
      } else if (kind === "nothing") row.isNew = false;
      else if (kind === "flattening" || kind === "mean") {
        row.size += (x.n - 1) * x.jump;
        Object.assign(row, { n: 0, jump: 0, c: kind === "mean" ? x.c : x.c * x.n * x.n, isNew: kind === "mean" });
      } else if (kind === "dense") {
        row.macs = x.c * row.c;
        row.parameters = row.macs + row.c;
      }
      row.values = row.isNew ? row.c * Math.max(row.n, 1) ** 2 : 0;
      rows.set(row.name, row);
    }
    return [...rows.values()];
  }

  // The smallest window that holds the windows of all.
  function merge(row, inputs) {
    const end = Math.max(...inputs.map((x) => x.start + x.size));
    row.start = Math.min(...inputs.map((x) => x.start));
    row.size = end - row.start;
  }

  const WINDOWS = ["convolution", "pooling", "subsampling"];
  const SHOWN = ["picture", ...WINDOWS, "concatenation", "mean", "dense", "distances"];
  const COSTS = ["parameters", "macs", "values"];

  // The layers along the branch that sees most, each with the costs of what follows it without a window
  // (normalisation, ReLU, sum), of the padding before it, and of the branches that join it.
  function steps(rows) {
    const byName = new Map(rows.map((row) => [row.name, row]));
    const path = new Set();
    for (let row = rows[rows.length - 1]; row; ) {
      path.add(row);
      row = row.inputs.map((name) => byName.get(name)).reduce((a, b) => (!a || b.size > a.size ? b : a), null);
    }
    const found = [];
    // What stands beside the path waits for a sum or a concatenation, padding for its window.
    const [beside, padding] = [[], []];
    for (const row of rows) {
      if (!path.has(row) || row.kind === "padding") {
        (path.has(row) ? padding : beside).push(row);
        continue;
      }
      if (SHOWN.includes(row.kind)) {
        const { k = 1, s = 1, p = 0 } = WINDOWS.includes(row.kind) ? row : {};
        const before = padding.reduce((sum, one) => sum + one.p, p);
        found.push({ name: row.name, kind: row.kind, k, s, p: before, rows: padding.splice(0) });
      }
      const step = found[found.length - 1];
      if (row.inputs.length > 1) step.rows.push(...beside.splice(0));
      step.rows.push(row);
      // A map that is flattened behind the layer is drawn as the map.
      if (row.kind !== "flattening") Object.assign(step, { n: row.n, c: row.c, start: row.start, size: row.size, jump: row.jump });
    }
    for (const step of found)
      for (const key of COSTS) step[key] = step.rows.reduce((sum, row) => sum + row[key], 0);
    return found;
  }

  // The first and the last position of every step, from the picture up to `top`, that unit j of `top` sees.
  function spread(list, top, j) {
    const seen = Array(top + 1);
    let [first, last] = list[top].n ? [j, j] : [0, 0];
    for (let at = top; at >= 0; at--) {
      seen[at] = [first, last];
      if (!at) break;
      const { n, k, s, p, kind } = list[at];
      const below = list[at - 1];
      if (n) [first, last] = kind === "concatenation" ? [first, last] : [first * s - p, last * s - p + k - 1];
      else [first, last] = [0, Math.max(below.n, 1) - 1];
    }
    return seen;
  }

  const total = (rows) => {
    const sum = (key) => rows.reduce((all, row) => all + row[key], 0);
    const maps = rows.filter((row) => row.n);
    return {
      parameters: sum("parameters"), macs: sum("macs"), values: sum("values"),
      layers: steps(rows).filter((step) => ["convolution", "subsampling", "dense"].includes(step.kind)).length,
      field: maps.reduce((most, row) => Math.max(most, row.size), 0),
    };
  };

  return { read, account, steps, spread, total };
})();

(() => {
  const { read, account, steps, spread, total } = cnnlib.cost;
  const OWN = "your own stack";
  const PICTURES = { "16x16, 64 maps": [16, 64], "32x32, 3 maps": [32, 3], "224x224, 3 maps": [224, 3] };
  const MOST = 24; // layers of one's own
  const BARS = { parameters: "parameters", macs: "MACs", values: "values" };
  const convolution = (k, c, s = 1) => ({ kind: "convolution", k, s, c });
  const PRESETS = {
    "3x3, three times": [convolution(3, 64), convolution(3, 64), convolution(3, 64)],
    "7x7, once": [convolution(7, 64)],
  };

  const element = (name, attributes = {}, ...children) => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  };
  const whole = (value) => value.toLocaleString("en");
  const short = (value) => {
    for (const [unit, size] of [["G", 1e9], ["M", 1e6], ["k", 1e3]])
      if (value >= size) return `${(value / size).toPrecision(3)} ${unit}`;
    return String(value);
  };
  const memory = (values) => (values >= 2 ** 18 ? `${((4 * values) / 2 ** 20).toFixed(1)} MiB` : `${((4 * values) / 1024).toFixed(1)} KiB`);
  const plural = (count, word) => `${whole(count)} ${word}${count === 1 ? "" : "s"}`;
  const clamp = (value, low, high) => Math.max(low, Math.min(high, value));

  // One's own layers as lines of a network, with borders of zeros as wide as half a window.
  function ownLayers([n, c], chosen) {
    const layers = [{ name: "picture", kind: "picture", n, c, inputs: [] }];
    let flat = false;
    chosen.forEach((layer, number) => {
      const push = (one) => layers.push({ ...one, inputs: [layers[layers.length - 1].name] });
      if (layer.kind === "dense" && !flat) push({ name: "flatten", kind: "flattening" });
      flat = layer.kind === "dense";
      const name = { convolution: `${layer.k}x${layer.k}`, pooling: "pool", dense: "dense" }[layer.kind];
      const border = layer.kind === "convolution" ? { p: (layer.k - 1) / 2 } : {};
      push({ ...layer, ...border, name: `${number + 1}: ${name}${layer.s > 1 && layer.kind !== "pooling" ? `/${layer.s}` : ""}` });
    });
    return layers;
  }
  cnnlib.cost.ownLayers = ownLayers;

  class FieldFigure {
    constructor(place) {
      Object.assign(this, { place, network: OWN, picture: "16x16, 64 maps", own: [...PRESETS["3x3, three times"]], bars: "parameters" });
      this.build();
      this.listen();
      this.keep("7x7, once", PRESETS["7x7, once"]);
      this.take();
    }

    build() {
      const option = (text) => element("option", {}, text);
      const select = (label, values, chosen) => {
        const made = element("select", {}, ...values.map((value) => option(String(value))));
        made.value = chosen;
        return [made, element("label", { class: "living-inline" }, `${label} `, made)];
      };
      const button = (text, what) => {
        const made = element("button", { type: "button" }, text);
        made.addEventListener("click", what);
        return made;
      };
      const [networks, networkLabel] = select("network", [OWN, ...Object.keys(cnnlib.describedNetworks)], OWN);
      const [pictures, pictureLabel] = select("picture", Object.keys(PICTURES), this.picture);
      const [kernel, kernelLabel] = select("window", [1, 3, 5, 7, 11], 3);
      const [stride, strideLabel] = select("step", [1, 2], 1);
      const [maps, mapsLabel] = select("maps or units", [8, 10, 16, 32, 64, 128, 256, 512, 1000, 4096], 64);
      const [bars, barsLabel] = select("bars", Object.values(BARS), "parameters");
      Object.assign(this, { networks, pictures, barsSelect: bars, barsLabel });
      const add = (layer) => {
        this.own = [...this.own, layer];
        this.take();
      };
      this.addConvolution = button("Add convolution", () => add(convolution(Number(kernel.value), Number(maps.value), Number(stride.value))));
      this.addPooling = button("Add max pooling", () => add({ kind: "pooling", k: 2, s: 2 }));
      this.addDense = button("Add dense", () => add({ kind: "dense", c: Number(maps.value) }));
      this.remove = button("Remove the last", () => {
        this.own = this.own.slice(0, -1);
        this.take();
      });
      const presets = Object.entries(PRESETS).map(([name, layers]) =>
        button(name, () => {
          const [other] = Object.entries(PRESETS).filter(([one]) => one !== name);
          Object.assign(this, { network: OWN, own: [...layers], picture: "16x16, 64 maps" });
          this.networks.value = OWN;
          this.pictures.value = this.picture;
          this.keep(...other);
          this.take();
        }),
      );
      this.controls = element(
        "div", {},
        element("div", { class: "living-row" }, pictureLabel, kernelLabel, strideLabel, mapsLabel),
        element("div", { class: "living-buttons" }, this.addConvolution, this.addPooling, this.addDense, this.remove),
      );
      const stage = (label, name) =>
        element("div", { class: `living-stage living-${name}`, tabindex: "0", role: "application", "aria-label": label, "aria-describedby": "living-field-keys" });
      this.stage = stage("the layers", "layers");
      this.scene = stage("the picture", "scene");
      this.said = element("p", { class: "living-said" });
      this.message = element("p", { role: "alert" });
      this.table = element("table", { class: "living-totals" });
      this.formula = element("p");
      this.status = element("p", { class: "living-hidden", role: "status" });
      this.root = element(
        "div", { class: "living" },
        element("div", { class: "living-row" }, networkLabel, barsLabel),
        element("div", { class: "living-buttons", role: "group", "aria-label": "two stacks with the same field" }, ...presets),
        this.controls, this.message,
        this.stage,
        element(
          "div", { class: "living-below" },
          element("div", {}, element("p", { class: "living-title" }, "On the picture"), this.scene),
          element("div", {}, this.said, this.table, this.formula, element("div", { class: "living-buttons" }, button("Keep this to compare", () => this.keep()))),
        ),
        element("p", { class: "living-keys", id: "living-field-keys" },
          "Point at a unit, tap it, or use the arrow keys: left and right choose a unit, up and down a layer; on the picture they move " +
          "the unit in both directions. Full boxes are units that it sees, dashed ones lie in borders of zeros and are cut where the drawing ends. Along branches the " +
          "one that sees most is drawn; what the others cost stands where they join it. Costs of normalisation, ReLU and sums stand with the " +
          "layer before them; 4.2 is the second block of stage 4. Values: the numbers that all maps hold, for one picture."),
        this.status,
      );
      this.place.replaceChildren(this.root);
    }

    listen() {
      this.networks.addEventListener("change", () => {
        this.network = this.networks.value;
        this.take();
      });
      this.pictures.addEventListener("change", () => {
        this.picture = this.pictures.value;
        this.take();
      });
      this.barsSelect.addEventListener("change", () => {
        this.bars = Object.keys(BARS)[this.barsSelect.selectedIndex];
        this.draw();
      });
      for (const [stage, point] of [[this.stage, (event) => this.pointLayer(event)], [this.scene, (event) => this.pointScene(event)]]) {
        const use = (event) => {
          if (event.button > 0) return;
          point(event);
        };
        stage.addEventListener("pointerdown", use);
        // A mouse points without being pressed; a finger that moves up or down scrolls the page.
        stage.addEventListener("pointermove", (event) => (event.pointerType === "mouse" || event.buttons) && use(event));
        stage.addEventListener("keydown", (event) => this.press(event, stage === this.scene));
      }
      new ResizeObserver(() => {
        if (this.width !== this.stage.clientWidth) this.draw();
      }).observe(this.root);
    }

    // Takes over the chosen network, with the middle unit of its last map.
    take(message = "") {
      const own = this.network === OWN;
      try {
        this.rows = account(own ? ownLayers(PICTURES[this.picture], this.own) : read(cnnlib.describedNetworks[this.network]));
        this.message.textContent = message;
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        this.own = this.own.slice(0, -1);
        this.take(`That layer is left out. ${error.message}.`);
        return;
      }
      this.list = steps(this.rows);
      this.controls.hidden = !own;
      const dense = own && this.own.some((layer) => layer.kind === "dense");
      const full = this.own.length >= MOST;
      this.addConvolution.disabled = this.addPooling.disabled = dense || full;
      this.addDense.disabled = full;
      this.remove.disabled = !this.own.length;
      this.layer = this.list.reduce((last, step, at) => (step.n ? at : last), 0);
      this.centre();
      this.draw();
    }

    get title() {
      return this.network === OWN ? `your ${plural(this.own.length, "layer")}` : this.network;
    }

    keep(title = this.title, layers = null) {
      const rows = layers ? account(ownLayers(PICTURES["16x16, 64 maps"], layers)) : this.rows;
      this.kept = { title, ...total(rows) };
      if (this.list) this.explain();
    }

    centre() {
      const { n } = this.list[this.layer];
      [this.i, this.j] = [Math.floor(Math.max(n - 1, 0) / 2), Math.floor(Math.max(n - 1, 0) / 2)];
    }

    // Another layer, and in it the unit whose field lies nearest.
    toLayer(layer) {
      const next = clamp(layer, 0, this.list.length - 1);
      if (next === this.layer) return;
      const [old, step] = [this.list[this.layer], this.list[next]];
      const side = (place) => {
        const middle = old.n ? old.start + place * old.jump + (old.size - 1) / 2 : (this.list[0].n - 1) / 2;
        return step.n ? clamp(Math.round((middle - step.start - (step.size - 1) / 2) / step.jump), 0, step.n - 1) : 0;
      };
      [this.i, this.j] = [side(this.i), side(this.j)];
      this.layer = next;
    }

    go(i, j) {
      const last = Math.max(this.list[this.layer].n - 1, 0);
      [this.i, this.j] = [clamp(i, 0, last), clamp(j, 0, last)];
      this.show();
    }

    pointLayer(event) {
      const box = this.stage.querySelector("svg").getBoundingClientRect();
      const [x, y] = [event.clientX - box.left, event.clientY - box.top];
      const layer = this.list.length - 1 - Math.floor((y - this.top) / this.pitch);
      if (layer < 0 || layer >= this.list.length) return;
      this.layer = layer;
      const step = this.list[layer];
      const pixel = (x - this.left) / this.scale - 0.5 + this.from;
      const j = step.n ? Math.round((pixel - step.start - (step.size - 1) / 2) / step.jump) : 0;
      const last = Math.max(step.n - 1, 0);
      this.i = clamp(this.i, 0, last);
      this.go(step.n > 1 ? Math.min(this.i, last) : 0, j);
    }

    pointScene(event) {
      const box = this.scene.querySelector("svg").getBoundingClientRect();
      const step = this.list[this.layer];
      if (!step.n) return;
      const place = (value, start, size) => {
        const pixel = ((value - start) / size) * (this.sceneSide + 2 * this.sceneEdge) - this.sceneEdge - 0.5;
        return Math.round((pixel - step.start - (step.size - 1) / 2) / step.jump);
      };
      this.go(place(event.clientY, box.top, box.height), place(event.clientX, box.left, box.width));
    }

    press(event, onPicture) {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
      if (!step) return;
      if (step[0] && !onPicture) this.toLayer(this.layer - step[0]);
      this.go(this.i + (onPicture ? step[0] : 0), this.j + step[1]);
      event.preventDefault();
    }

    // ------------------------------------------------------------------------------------ drawing

    // Everything but the field; the last layer stands on top, the picture at the bottom.
    draw() {
      const { list } = this;
      this.width = this.stage.clientWidth;
      const narrow = this.width < 560;
      this.barsLabel.hidden = !narrow;
      const shown = narrow ? [this.bars] : Object.keys(BARS);
      const column = narrow ? 84 : 98;
      this.pitch = clamp(Math.floor(520 / list.length), 15, 40);
      this.top = 20;
      const letters = Math.max(...list.map((step) => this.label(step, narrow).length));
      this.left = Math.min(narrow ? 92 : 190, 8 + 6 * letters);
      const room = this.width - this.left - shown.length * column - 12;
      // As much border as any layer's windows reach into, at most a third of the picture on either side.
      const n = list[0].n;
      const border = Math.min(n / 3, Math.max(0, ...list.filter((step) => step.n).map((step) => step.p * list[Math.max(0, list.indexOf(step) - 1)].jump)));
      this.from = -border;
      this.scale = room / (n + 2 * border);
      const height = this.top + list.length * this.pitch + 6;
      const x = (pixel) => (this.left + (pixel - this.from) * this.scale).toFixed(1);
      this.x = (pixel) => Number(x(pixel));
      const parts = [];
      const tall = Math.min(18, this.pitch - 5);
      this.tall = tall;
      list.forEach((step, at) => {
        const y = this.y(at);
        const label = this.label(step, narrow);
        parts.push(`<text x="0" y="${y + tall / 2}" dy=".35em" font-size="11" fill="currentColor">${label}</text>`);
        const [first, last] = this.box(step, 0, Math.max(step.n - 1, 0));
        parts.push(
          `<rect x="${first}" y="${y}" width="${Math.max(1, last - first).toFixed(1)}" height="${tall}" fill="currentColor" ` +
          `fill-opacity=".06" stroke="currentColor" stroke-opacity=".45"/>`,
        );
        const width = step.jump * this.scale;
        if (step.n > 1 && width >= 5) {
          const lines = Array.from({ length: step.n - 1 }, (_, unit) => `M${this.box(step, unit + 1, unit + 1)[0]} ${y}v${tall}`);
          parts.push(`<path d="${lines.join("")}" stroke="currentColor" stroke-opacity=".3" fill="none"/>`);
        }
      });
      shown.forEach((key, number) => {
        const start = this.width - (shown.length - number) * column + 4;
        const most = Math.max(...list.map((step) => step[key]), 1);
        parts.push(`<text x="${start}" y="9" dy=".35em" font-size="11" font-weight="600" fill="currentColor">${BARS[key]}</text>`);
        list.forEach((step, at) => {
          const y = this.y(at) + tall / 2;
          const long = (step[key] / most) * (column - 56);
          parts.push(`<rect class="living-bar" x="${start}" y="${y - 5}" width="${long.toFixed(1)}" height="10"/>`);
          parts.push(
            `<text x="${(start + column - 8).toFixed(1)}" y="${y}" dy=".35em" text-anchor="end" font-size="10" fill="currentColor">${step[key] ? short(step[key]) : "0"}</text>`,
          );
        });
      });
      const what = narrow ? "" : "one row of units in every layer";
      parts.push(`<text x="${this.left}" y="9" dy=".35em" font-size="11" font-weight="600" fill="currentColor">${what}</text>`);
      this.stage.innerHTML =
        `<svg viewBox="0 0 ${this.width} ${height}" width="${this.width}" height="${height}" aria-hidden="true" ` +
        `xmlns="http://www.w3.org/2000/svg">${parts.join("")}<g></g></svg>`;
      this.drawScene();
      this.show();
    }

    label(step, narrow) {
      // "inception_4e_5x5" as "4e_5x5", and "stage3_block9_conv2" as "3.9 conv2".
      const name = step.name.replace("inception_", "").replace(/^stage(\d+)_block(\d+)_/, "$1.$2 ");
      return narrow ? name : `${name} ${step.n ? `${step.n}x${step.n}x${step.c}` : step.c}`;
    }

    y(at) {
      return this.top + (this.list.length - 1 - at) * this.pitch;
    }

    // Left and right end of the units from first to last, each as wide as their distance.
    box(step, first, last) {
      if (!step.n) return [this.x(0), this.x(this.list[0].n)];
      const edge = (unit) => step.start + unit * step.jump + step.size / 2;
      return [this.x(edge(first) - step.jump / 2), this.x(edge(last) + step.jump / 2)];
    }

    // The chosen unit and what it sees.
    show() {
      const { list, layer } = this;
      const seen = spread(list, layer, this.j);
      const parts = [];
      const clip = ([first, last]) => [Math.max(this.x(this.from), first), Math.min(this.x(list[0].n - this.from), last)];
      const whole = seen.map(([first, last], at) => clip(this.box(list[at], first, last)));
      for (let at = layer; at > 0; at--) {
        const [[a, b], [c, d], y] = [whole[at], whole[at - 1], this.y(at) + this.tall];
        const below = this.y(at - 1);
        parts.push(`<path class="living-ray" d="M${a} ${y}L${c} ${below}H${d}L${b} ${y}Z"/>`);
      }
      seen.forEach(([first, last], at) => {
        const [y, n] = [this.y(at), Math.max(list[at].n, 1)];
        const frame = ([from, to], style) =>
          to > from ? `<rect x="${from.toFixed(1)}" y="${y}" width="${(to - from).toFixed(1)}" height="${this.tall}" ${style}/>` : "";
        if (first < 0 || last >= n) parts.push(frame(whole[at], 'class="living-frame living-padding"'));
        const inside = clip(this.box(list[at], Math.max(first, 0), Math.min(last, n - 1)));
        parts.push(frame(inside, `class="living-frame${at === layer ? " living-chosen" : ""}"`));
      });
      this.stage.querySelector("g").innerHTML = parts.join("");
      this.showScene();
      this.explain();
    }

    // A picture of a house to look at: in shares of its side.
    drawScene() {
      const n = this.list[0].n;
      this.sceneSide = n;
      this.sceneEdge = n / 6;
      const all = n + 2 * this.sceneEdge;
      const at = (...numbers) => numbers.map((value) => (value * n).toFixed(2)).join(" ");
      const drawing =
        `<rect width="${n}" height="${n}" fill="currentColor" fill-opacity=".07"/>` +
        `<path d="M${at(0, 0.78)}H${n}V${n}H0Z" fill="currentColor" fill-opacity=".3"/>` +
        `<circle cx="${0.8 * n}" cy="${0.2 * n}" r="${0.09 * n}" fill="currentColor" fill-opacity=".35"/>` +
        `<path d="M${at(0.18, 0.85)}V${0.5 * n}L${at(0.4, 0.3)}L${at(0.62, 0.5)}V${0.85 * n}Z" fill="currentColor" fill-opacity=".45"/>` +
        `<path d="M${at(0.34, 0.85)}V${0.64 * n}H${0.46 * n}V${0.85 * n}Z" fill="currentColor" fill-opacity=".5"/>` +
        `<path d="M${at(0.79, 0.88)}V${0.6 * n}" stroke="currentColor" stroke-opacity=".7" stroke-width="${0.03 * n}"/>` +
        `<circle cx="${0.79 * n}" cy="${0.56 * n}" r="${0.12 * n}" fill="currentColor" fill-opacity=".55"/>`;
      this.scene.innerHTML =
        `<svg viewBox="${-this.sceneEdge} ${-this.sceneEdge} ${all} ${all}" aria-hidden="true" xmlns="http://www.w3.org/2000/svg">` +
        `${drawing}<rect width="${n}" height="${n}" fill="none" stroke="currentColor" vector-effect="non-scaling-stroke"/><g></g></svg>`;
    }

    field(place) {
      const step = this.list[this.layer];
      return step.n ? [step.start + place * step.jump, step.size] : [step.start, step.size];
    }

    showScene() {
      const n = this.list[0].n;
      const [[top, size], [left]] = [this.field(this.i), this.field(this.j)];
      const [above, before] = [Math.max(top, 0), Math.max(left, 0)];
      const [below, behind] = [Math.min(top + size, n), Math.min(left + size, n)];
      const far = n / 6;
      const edge = (value) => clamp(value, -far, n + far);
      const outer = [edge(left), edge(top), edge(left + size) - edge(left), edge(top + size) - edge(top)];
      const rect = ([x, y, width, height], style) => `<rect x="${x}" y="${y}" width="${width}" height="${height}" vector-effect="non-scaling-stroke" ${style}/>`;
      const veil = `M0 0H${n}V${n}H0ZM${before} ${above}V${below}H${behind}V${above}Z`;
      const step = this.list[this.layer];
      const middle = (place) => (step.n ? step.start + place * step.jump + step.size / 2 : n / 2);
      this.scene.querySelector("g").innerHTML =
        `<path class="living-veil" d="${veil}" fill-rule="evenodd"/>` +
        (size > behind - before || size > below - above ? rect(outer, 'class="living-frame living-padding"') : "") +
        rect([before, above, behind - before, below - above], 'class="living-frame"') +
        `<circle class="living-dot" cx="${middle(this.j)}" cy="${middle(this.i)}" r="${n / 60}"/>`;
    }

    explain() {
      const step = this.list[this.layer];
      const n = this.list[0].n;
      const inside = (start, size) => Math.max(0, Math.min(start + size, n) - Math.max(start, 0));
      const [[top, size], [left]] = [this.field(this.i), this.field(this.j)];
      const pixels = inside(top, size) * inside(left, size);
      const where = step.n ? `unit in row ${this.i + 1}, column ${this.j + 1} of ${step.n}x${step.n}` : `any of its ${plural(step.c, "unit")}`;
      const sees = pixels === n * n ? "the whole picture" : plural(pixels, "pixel");
      const neighbour = step.n > 1 ? ` Neighbours' fields are ${plural(step.jump, "pixel")} apart.` : "";
      const text =
        `${step.name}, ${where}: its field is ${size}x${size}${size * size > pixels ? `, in which lies ${sees}` : ""}.${neighbour} ` +
        `The layer has ${plural(step.parameters, "parameter")}, ${plural(step.macs, "MAC")}; its values take ${memory(step.values)}.`;
      this.said.textContent = text;
      const here = { title: this.title, ...total(this.rows) };
      const lines = {
        "": (one) => one.title, "layers in line with weights": (one) => one.layers, parameters: (one) => whole(one.parameters),
        MACs: (one) => whole(one.macs), "values of all layers": (one) => memory(one.values), "largest field": (one) => `${one.field}x${one.field}`,
      };
      this.table.replaceChildren(
        ...Object.entries(lines).map(([name, value]) => {
          const head = name === "";
          const cell = (one) => element(head ? "th" : "td", head ? { scope: "col" } : {}, String(value(one)));
          return element("tr", {}, element(head ? "td" : "th", head ? {} : { scope: "row" }, name), cell(here), cell(this.kept));
        }),
      );
      this.formula.textContent = this.weights();
      clearTimeout(this.later);
      this.later = setTimeout(() => (this.status.textContent = text), 600);
    }

    // For a stack of convolutions with equal maps before and behind: its weights in c².
    weights() {
      const c = PICTURES[this.picture][1];
      if (this.network !== OWN || !this.own.length || this.own.some((layer) => layer.kind !== "convolution" || layer.c !== c)) return "";
      const sum = this.own.reduce((all, layer) => all + layer.k ** 2, 0);
      const sides = this.own.map((layer) => `${layer.k}²`).join(" + ");
      return `Weights without biases: (${sides}) c² = ${sum} c² = ${whole(sum * c * c)} with c = ${c}.`;
    }
  }

  const start = () => document.querySelectorAll('[data-figure="field"]').forEach((place) => new FieldFigure(place));
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
