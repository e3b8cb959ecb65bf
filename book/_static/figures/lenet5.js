// The living figure of chapter 2: draw a digit, and both LeNet-5 read it, map by map.
"use strict";

cnnlib.lenet5 = cnnlib.network(cnnlib.exported["lenet5"]);
cnnlib.lenet5Modern = cnnlib.network(cnnlib.exported["lenet5-modern"]);

(() => {
  const SIDE = 28;
  const PEN = 1.2; // half the width of a stroke, pixels of the 28x28 picture
  const COVER = 8; // side of the piece of paper, pixels
  const FARTHEST = 10; // that a picture can be moved, pixels
  const BAR = 200; // pixels of a full bar
  const READABLE = 150; // ms between two writings: new text makes the browser lay out the whole page

  // ------------------------------------------------------------------------------------- pictures

  // 28x28 bytes of strokes, which are lists of points [x, y] in pixels.
  function rasterise(strokes) {
    const ink = new Float32Array(SIDE * SIDE);
    for (const stroke of strokes)
      stroke.forEach(([x1, y1], number) => {
        const [x0, y0] = stroke[Math.max(0, number - 1)];
        const [dx, dy] = [x1 - x0, y1 - y0];
        const length = dx * dx + dy * dy;
        const reach = PEN + 1;
        const last = (value) => Math.min(SIDE - 1, Math.ceil(value + reach));
        for (let i = Math.max(0, Math.floor(Math.min(y0, y1) - reach)); i <= last(Math.max(y0, y1)); i++)
          for (let j = Math.max(0, Math.floor(Math.min(x0, x1) - reach)); j <= last(Math.max(x0, x1)); j++) {
            const [x, y] = [j + 0.5 - x0, i + 0.5 - y0];
            const along = length ? Math.min(1, Math.max(0, (x * dx + y * dy) / length)) : 0;
            const value = PEN + 0.5 - Math.sqrt((x - along * dx) ** 2 + (y - along * dy) ** 2);
            if (value > ink[i * SIDE + j]) ink[i * SIDE + j] = Math.min(1, value);
          }
      });
    return Uint8Array.from(ink, (value) => Math.round(255 * value));
  }

  // As in MNIST: the digit fills a square of 20x20, its centre of mass lies in the middle of 28x28.
  function centred(strokes) {
    const points = strokes.flat();
    const side = (axis) => [Math.min(...points.map((p) => p[axis])), Math.max(...points.map((p) => p[axis]))];
    const [[left, right], [top, bottom]] = [side(0), side(1)];
    const scale = Math.min(3, (20 - 2 * PEN) / Math.max(right - left, bottom - top, 0.01));
    const place = (dx, dy) =>
      strokes.map((stroke) =>
        stroke.map(([x, y]) => [(x - (left + right) / 2) * scale + 14 + dx, (y - (top + bottom) / 2) * scale + 14 + dy]),
      );
    const pixels = rasterise(place(0, 0));
    let [mass, x, y] = [0, 0, 0];
    pixels.forEach((value, at) => {
      mass += value;
      x += value * ((at % SIDE) + 0.5);
      y += value * (Math.floor(at / SIDE) + 0.5);
    });
    return rasterise(place(14 - x / mass, 14 - y / mass));
  }

  function moved(pixels, dx, dy) {
    if (!dx && !dy) return pixels;
    const result = new Uint8Array(SIDE * SIDE);
    for (let i = 0; i < SIDE; i++)
      for (let j = 0; j < SIDE; j++) {
        const [y, x] = [i - dy, j - dx];
        if (x >= 0 && x < SIDE && y >= 0 && y < SIDE) result[i * SIDE + j] = pixels[y * SIDE + x];
      }
    return result;
  }

  // Pictures that are no digits, the last three made of stored ones as in the chapter's second half.
  function strange(digits) {
    const two = (of) => Uint8Array.from(digits[3].pixels, (_, at) => of(at));
    let state = 1;
    const noise = () => (state = (state * 1103515245 + 12345) % 2147483648) >> 23;
    const scribble = Array.from({ length: 61 }, (_, n) => [14 + 9 * Math.sin(0.3 * n), 5 + 0.3 * n + 2 * Math.cos(0.6 * n)]);
    return [
      { name: "a scribble", strokes: [scribble] },
      { name: "two digits at once", pixels: two((at) => Math.max(digits[3].pixels[at], digits[7].pixels[at])) },
      {
        name: "halves of two neighbours",
        pixels: two((at) => (at % SIDE < 14 ? digits[5].pixels[at + 14] : digits[2].pixels[at - 14])),
      },
      { name: "noise", pixels: two(noise) },
    ];
  }

  const stored = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

  // --------------------------------------------------------------------------------------- the page

  const element = (name, attributes = {}, ...children) => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  };

  // 256 colours from paper to ink, in the theme's, as they lie in the memory of a canvas.
  function shades(root) {
    const probe = element("canvas", { width: 1, height: 1 }).getContext("2d", { willReadFrequently: true });
    const rgb = (colour) => {
      probe.fillStyle = colour;
      probe.fillRect(0, 0, 1, 1);
      return probe.getImageData(0, 0, 1, 1).data;
    };
    const style = getComputedStyle(root);
    const [paper, ink] = [style.getPropertyValue("--living-paper"), style.getPropertyValue("--living-ink")].map(rgb);
    return Uint32Array.from({ length: 256 }, (_, level) => {
      const [r, g, b] = [0, 1, 2].map((part) => Math.round(paper[part] + ((ink[part] - paper[part]) * level) / 255));
      return (255 << 24) | (b << 16) | (g << 8) | r;
    });
  }

  // A canvas with all maps of a layer, a pixel a unit, in `columns`, from the value `low` to `high`.
  class Maps {
    constructor(canvas, low, high) {
      Object.assign(this, { canvas, low, high, columns: 0 });
      this.context = canvas.getContext("2d");
    }

    draw(x, columns, palette, low = this.low, high = this.high) {
      const rows = Math.ceil(x.maps / columns);
      const gap = x.width > 1 ? 1 : 0;
      if (this.columns !== columns) {
        this.columns = columns;
        this.canvas.width = columns * (x.width + gap) - gap;
        this.canvas.height = rows * (x.height + gap) - gap;
        this.image = this.context.createImageData(this.canvas.width, this.canvas.height);
        this.memory = new Uint32Array(this.image.data.buffer);
      }
      const scale = 255 / (high - low);
      let at = 0;
      for (let m = 0; m < x.maps; m++) {
        const first = Math.floor(m / columns) * (x.height + gap) * this.canvas.width + (m % columns) * (x.width + gap);
        for (let i = 0; i < x.height; i++)
          for (let j = 0; j < x.width; j++) {
            const level = (x.data[at++] - low) * scale;
            this.memory[first + i * this.canvas.width + j] = palette[level < 0 ? 0 : level > 255 ? 255 : level | 0];
          }
      }
      this.context.putImageData(this.image, 0, 0);
    }
  }

  // In words, how a doubt compares with those of the test digits.
  function compared(doubt, { doubts, test_size }) {
    if (doubt >= doubts[100]) return `more in doubt than at any of ${test_size.toLocaleString("en")} test digits`;
    const passed = doubts.filter((other) => other <= doubt).length - 1;
    if (passed < 1) return "surer than at 99 of 100 test digits";
    if (passed < 50) return `surer than at ${100 - passed - 1} of 100 test digits`;
    return `more in doubt than at ${passed} of 100 test digits`;
  }

  // One network: its maps and its answer.
  class Column {
    constructor(network, title, layout) {
      this.network = network;
      this.layout = layout;
      this.distances = network.exported.distances;
      const scale = element("span", { class: "living-scale", "aria-hidden": "true" });
      const [least, most] = this.distances ? ["−1.7", "1.7"] : ["0", "largest"];
      this.element = element(
        "div", { class: "living-network", role: "group", "aria-label": title },
        element("p", { class: "living-title" }, title),
        element("p", { class: "living-name" }, `${least} `, scale, ` ${most}`),
      );
      this.answer = element("div", { class: "living-answer" });
      this.maps = {};
      for (const [name, what] of Object.entries(layout.names)) {
        const canvas = element("canvas", { role: "img", "aria-label": `${title}: ${what}` });
        const shown = element("div", { class: "living-maps" }, canvas);
        this.maps[name] = new Maps(canvas, ...(this.distances ? [-1.7159, 1.7159] : [0, 1]));
        if (name === "f6" && this.distances) {
          shown.classList.add("living-bitmaps");
          const code = element("canvas", { role: "img", "aria-label": "the drawing of the nearest digit" });
          this.code = new Maps(code, -1.7159, 1.7159);
          this.nearest = element("small");
          shown.replaceChildren(
            element("span", {}, canvas, element("small", {}, "F6")),
            element("span", {}, code, this.nearest),
          );
        }
        if (name === "f6") shown.classList.add("living-f6");
        if (name === "c5") shown.classList.add("living-c5");
        this.element.append(element("div", { class: "living-layer" }, element("span", { class: "living-name" }, what), shown));
      }
      const unit = this.distances ? "distance" : "score";
      this.rows = Array.from({ length: 10 }, (_, digit) => {
        const bar = element("canvas", { class: "living-bar", width: BAR, height: 1, "aria-hidden": "true" });
        const value = element("td");
        const row = element("tr", {}, element("th", { scope: "row" }, String(digit)), element("td", {}, bar), value);
        return { row, bar: bar.getContext("2d"), text: value.appendChild(document.createTextNode("")) };
      });
      const head = ["", this.distances ? "less is nearer" : "more is surer", unit];
      this.element.append(
        element(
          "table", { class: "living-outputs" },
          element("caption", {}, this.distances ? "Ten distances" : "Ten scores"),
          element("thead", {}, element("tr", {}, ...head.map((text) => element(text ? "th" : "td", text ? { scope: "col" } : {}, text)))),
          element("tbody", {}, ...this.rows.map(({ row }) => row)),
        ),
      );
    }

    // Modern units have no upper limit: black is the largest of the layer in the stored digits.
    calibrate(digits) {
      this.tops = {};
      this.most = 0;
      for (const { pixels } of digits) {
        const found = this.network.layers(pixels);
        for (const name of Object.keys(this.maps))
          this.tops[name] = found[name].data.reduce((a, b) => Math.max(a, b), this.tops[name] || 1e-6);
        this.most = found.output.data.reduce((a, b) => Math.max(a, Math.abs(b)), this.most);
      }
    }

    update(pixels, palette, inks, narrow) {
      const found = this.network.layers(pixels);
      for (const [name, maps] of Object.entries(this.maps)) {
        const columns = this.layout.columns[name][narrow ? 1 : 0];
        const high = this.distances ? maps.high : this.tops[name];
        // F6 of 1998 is a drawing of 7x12: one map.
        const x = name === "f6" && this.distances ? { ...found.f6, maps: 1, width: 7, height: 12 } : found[name];
        maps.draw(x, columns, palette, maps.low, high);
      }
      const outputs = found.output.data;
      let best = 0;
      let second = -1;
      const before = (a, b) => (this.distances ? outputs[a] < outputs[b] : outputs[a] > outputs[b]);
      for (let digit = 1; digit < 10; digit++)
        if (before(digit, best)) [second, best] = [best, digit];
        else if (second < 0 || before(digit, second)) second = digit;
      this.rows.forEach(({ row, bar }, digit) => {
        const value = outputs[digit];
        row.classList.toggle("living-best", digit === best);
        const part = Math.max(-1, Math.min(1, value / this.most));
        bar.clearRect(0, 0, BAR, 1);
        bar.fillStyle = digit === best ? inks.ink : inks.muted;
        if (this.distances) bar.fillRect(0, 0, BAR * Math.min(1, value / 250), 1);
        else bar.fillRect(BAR / 2, 0, (BAR / 2) * part, 1);
      });
      if (this.code) {
        const drawing = { data: this.network.codes.subarray(84 * best, 84 * best + 84), maps: 1, width: 7, height: 12 };
        this.code.draw(drawing, 1, palette);
        if (this.drawn !== best) this.nearest.textContent = `the ${best}`;
        this.drawn = best;
      }
      const doubt = this.distances ? outputs[best] : outputs[second] - outputs[best];
      return { best, outputs, words: compared(doubt, this.network.exported) };
    }

    // The numbers and the answer under the pad; they are touched only when they change.
    say({ best, outputs, words }, label) {
      this.rows.forEach(({ text }, digit) => {
        const written = outputs[digit].toFixed(1).replace("-", "−");
        if (text.data !== written) text.data = written;
      });
      const wrong = label !== null && label !== best;
      const said = [best, wrong, words].join();
      if (this.said === said) return;
      this.said = said;
      this.answer.replaceChildren(
        this.distances ? "1998: " : "modern: ",
        element("strong", {}, String(best)), ...(wrong ? [element("em", {}, " misread")] : []),
        element("br"), element("small", {}, words),
      );
    }
  }

  const NAMES = {
    c1: "C1: 6 maps of 28x28", s2: "S2: 6 of 14x14", c3: "C3: 16 of 10x10", s4: "S4: 16 of 5x5",
    c5: "C5: 120 units", f6: "F6: 84 units",
  };
  // How many maps stand side by side, on a wide screen and on a phone.
  const COLUMNS = { c1: [6, 3], s2: [6, 6], c3: [8, 4], s4: [16, 8], c5: [40, 20], f6: [1, 1] };
  const HISTORIC = { names: { ...NAMES, f6: "F6: 84 units, a drawing" }, columns: COLUMNS };
  const MODERN = { names: NAMES, columns: { ...COLUMNS, f6: [28, 14] } };

  class LeNet5Figure {
    constructor(place) {
      this.digits = cnnlib.digits.map(({ label, pixels }) => ({ label, name: `test digit, label ${label}`, pixels: stored(pixels) }));
      this.place = place;
      this.columns = [
        new Column(cnnlib.lenet5, "LeNet-5 of 1998", HISTORIC),
        new Column(cnnlib.lenet5Modern, "its modern form", MODERN),
      ];
      this.columns.forEach((column) => column.calibrate(this.digits));
      this.build();
      this.listen();
      this.measure();
      this.take(this.digits.find(({ label }) => label === 7));
    }

    build() {
      this.pad = element("canvas", {
        class: "living-pad", tabindex: "0", role: "application", "aria-label": "a picture of 28 by 28 pixels to draw on",
        "aria-describedby": "living-lenet5-keys",
      });
      this.seen = element("canvas", { role: "img", "aria-label": "what the networks get: 32 by 32 pixels" });
      this.input = new Maps(this.seen, -0.1, 1.175);
      const modes = [["draw", "draw"], ["move", "move the picture"], ["cover", "cover a part"]];
      this.modes = element("fieldset", {}, element("legend", {}, "Pointer and arrow keys"));
      for (const [value, text] of modes) {
        const radio = element("input", { type: "radio", name: "living-lenet5-mode", value });
        radio.checked = value === "draw";
        this.modes.append(element("label", {}, radio, ` ${text}`));
      }
      this.centre = element("input", { type: "checkbox" });
      this.centre.checked = true;
      this.clear = element("button", { type: "button" }, "Clear");
      this.back = element("button", { type: "button" }, "Undo moving and covering");
      this.keys = element("p", { class: "living-keys", id: "living-lenet5-keys" });
      this.where = element("p", { class: "living-where" });
      this.status = element("p", { class: "living-hidden", role: "status" });
      const sample = (picture) => {
        const canvas = element("canvas", { "aria-hidden": "true" });
        const button = element("button", { type: "button", "aria-label": picture.name, title: picture.name }, canvas);
        button.addEventListener("click", () => this.take(picture));
        this.samples.push({ maps: new Maps(canvas, 0, 255), pixels: picture.pixels || centred(picture.strokes) });
        return button;
      };
      this.samples = [];
      const group = (label, pictures) =>
        element("div", { role: "group", class: "living-samples", "aria-label": label }, element("span", {}, label), ...pictures.map(sample));
      this.root = element(
        "div", { class: "living" },
        element(
          "div", { class: "living-top" },
          element(
            "div", { class: "living-left" }, this.pad,
            element("div", { class: "living-answers" }, ...this.columns.map((column) => column.answer)),
          ),
          element(
            "div", { class: "living-side" },
            this.modes,
            this.keys,
            element("label", {}, this.centre, " scale and centre what I draw, as MNIST does"),
            element("div", { class: "living-buttons" }, this.clear, this.back),
            element("div", { class: "living-seen" }, this.seen, element("span", {}, "What the networks get: 32x32.", this.where)),
          ),
        ),
        group("Test digits", this.digits),
        group("No digits", strange(Object.fromEntries(this.digits.map((digit) => [digit.label, digit])))),
        element("div", { class: "living-networks" }, ...this.columns.map((column) => column.element)),
        element("p", { class: "living-keys" }, this.caption()),
        this.status,
      );
      this.place.replaceChildren(this.root);
    }

    caption() {
      const [historic, modern] = this.columns.map(({ network }) => network.exported);
      const error = ({ test_error }) => `${test_error.toFixed(2)} %`;
      return (
        `The two networks as trained on MNIST by the recipes ${historic.recipe} and ${modern.recipe}, seed ${historic.seed}, ` +
        `with weights in half precision. So they misread ${error(historic)} and ${error(modern)} of the ` +
        `${historic.test_size.toLocaleString("en")} test digits. Doubt is the distance to the nearest drawing, or the second ` +
        "score less the first. Bars of distances end at 250. Test digits: the first of each class, MNIST, CC BY-SA 3.0."
      );
    }

    get mode() {
      return this.modes.querySelector("input:checked").value;
    }

    // A new picture: pixels, or strokes, or nothing.
    take({ label = null, pixels = null, strokes = [], name = "" }) {
      Object.assign(this, { label, base: pixels, strokes: strokes.map((stroke) => [...stroke]), name });
      this.put();
    }

    // Back to where it was, and uncovered.
    put() {
      Object.assign(this, { dx: 0, dy: 0, cover: null });
      this.pen = { x: 14, y: 14, down: false };
      this.request();
    }

    listen() {
      const at = (event) => {
        const box = this.pad.getBoundingClientRect();
        return [((event.clientX - box.left) / box.width) * SIDE, ((event.clientY - box.top) / box.height) * SIDE];
      };
      this.pad.addEventListener("pointerdown", (event) => {
        if (event.button) return;
        this.pad.setPointerCapture(event.pointerId);
        this.held = { from: at(event), dx: this.dx, dy: this.dy };
        this.byKeys = false;
        this.touch(at(event), true);
        event.preventDefault();
        this.pad.focus({ preventScroll: true });
      });
      this.pad.addEventListener("pointermove", (event) => {
        if (!this.held) return;
        // All places since the last frame, so that quick strokes are round.
        const events = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
        for (const one of events.length ? events : [event]) this.touch(at(one), false);
      });
      for (const end of ["pointerup", "pointercancel"]) this.pad.addEventListener(end, () => (this.held = null));
      this.pad.addEventListener("keydown", (event) => this.press(event));
      this.pad.addEventListener("focus", () => this.request());
      this.pad.addEventListener("blur", () => {
        this.byKeys = this.pen.down = false;
        this.request();
      });
      this.modes.addEventListener("change", () => {
        if (this.mode === "cover" && !this.cover) this.cover = [10, 10];
        this.request();
      });
      this.centre.addEventListener("change", () => this.request());
      this.clear.addEventListener("click", () => this.take({ name: "an empty picture" }));
      this.back.addEventListener("click", () => this.put());
      new MutationObserver(() => {
        this.palette = null;
        this.request();
      }).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
      new ResizeObserver(() => this.measure()).observe(this.root);
    }

    // Sizes are read when they change, not while drawing: that would lay the page out anew in every frame.
    measure() {
      this.narrow = this.root.clientWidth < 560;
      this.size = Math.round(this.pad.clientWidth * (window.devicePixelRatio || 1));
      this.request();
    }

    touch([x, y], first) {
      if (this.mode === "draw") {
        if (first) {
          this.label = null;
          this.strokes.push([]);
        }
        const stroke = this.strokes[this.strokes.length - 1];
        const [lastX, lastY] = stroke[stroke.length - 1] || [-9, -9];
        if (Math.hypot(x - lastX, y - lastY) >= 0.5) stroke.push([x, y]);
      } else if (this.mode === "move")
        this.shift(this.held.dx + Math.round(x - this.held.from[0]), this.held.dy + Math.round(y - this.held.from[1]));
      else this.lay(x - COVER / 2, y - COVER / 2);
      this.request();
    }

    shift(dx, dy) {
      const within = (value) => Math.max(-FARTHEST, Math.min(FARTHEST, value));
      [this.dx, this.dy] = [within(dx), within(dy)];
    }

    lay(x, y) {
      const within = (value) => Math.max(0, Math.min(SIDE - COVER, Math.round(value)));
      this.cover = [within(x), within(y)];
    }

    press(event) {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      if (step && this.mode === "move") this.shift(this.dx + step[0], this.dy + step[1]);
      else if (step && this.mode === "cover") {
        const [x, y] = this.cover || [10, 10];
        this.lay(x + step[0], y + step[1]);
      } else if (step) {
        const within = (value) => Math.max(1, Math.min(SIDE - 1, value));
        [this.pen.x, this.pen.y] = [within(this.pen.x + step[0]), within(this.pen.y + step[1])];
        if (this.pen.down) this.strokes[this.strokes.length - 1].push([this.pen.x, this.pen.y]);
      } else if (event.key === " " && this.mode === "draw") {
        this.pen.down = !this.pen.down;
        if (this.pen.down) {
          this.label = null;
          this.strokes.push([[this.pen.x, this.pen.y]]);
        }
      } else if (event.key === "Delete" || event.key === "Backspace") this.take({ name: "an empty picture" });
      else return;
      event.preventDefault();
      this.byKeys = true;
      this.request();
    }

    // The 28x28 bytes that the networks get.
    pixels() {
      const strokes = this.strokes.filter((stroke) => stroke.length);
      // A stored digit is centred already, and what is drawn over it stays where it is.
      let pixels = strokes.length && this.centre.checked && !this.base ? centred(strokes) : rasterise(strokes);
      if (this.base) pixels = pixels.map((value, at) => Math.max(value, this.base[at]));
      pixels = moved(pixels, this.dx, this.dy);
      if (this.cover) {
        pixels = Uint8Array.from(pixels);
        const [left, top] = this.cover;
        for (let i = top; i < top + COVER; i++) pixels.fill(0, i * SIDE + left, i * SIDE + left + COVER);
      }
      return pixels;
    }

    // At most one reading a frame.
    request() {
      if (this.asked) return;
      this.asked = true;
      requestAnimationFrame(() => {
        this.asked = false;
        this.draw();
      });
    }

    draw() {
      if (!this.palette) {
        this.palette = shades(this.root);
        const style = getComputedStyle(this.root);
        const [ink, mark, muted] = ["ink", "mark", "muted"].map((name) => style.getPropertyValue(`--living-${name}`));
        Object.assign(this, { ink, mark, inks: { ink, muted } });
        for (const { maps, pixels } of this.samples)
          maps.draw({ data: pixels, maps: 1, height: SIDE, width: SIDE }, 1, this.palette);
      }
      const pixels = this.pixels();
      this.answers = this.columns.map((column) => column.update(pixels, this.palette, this.inks, this.narrow));
      this.input.draw(cnnlib.network.extended(pixels), 1, this.palette);
      this.drawPad(pixels);
      this.say();
      clearTimeout(this.later);
      this.later = setTimeout(() => {
        const said = this.answers.map(({ best, words }, number) => `${["LeNet-5 of 1998", "The modern form"][number]} reads ${best}, ${words}.`);
        this.status.textContent = `${this.name ? `${this.name}. ` : ""}${said.join(" ")}`;
      }, 700);
    }

    // All that is text, at once or as soon as the last one has stood long enough to be read.
    say() {
      this.unsaid = true;
      if (this.standing) return;
      this.unsaid = false;
      this.columns.forEach((column, number) => column.say(this.answers[number], this.label));
      this.explain();
      this.standing = setTimeout(() => {
        this.standing = 0;
        if (this.unsaid) this.say();
      }, READABLE);
    }

    drawPad(pixels) {
      const size = this.size;
      if (this.pad.width !== size) this.pad.width = this.pad.height = size;
      const context = this.pad.getContext("2d");
      const unit = size / SIDE;
      context.clearRect(0, 0, size, size);
      // While drawing one sees the strokes where they are drawn; otherwise what the networks get.
      const raw = this.mode === "draw" && this.centre.checked && !this.base;
      if (!raw) {
        this.copy = this.copy || new Maps(document.createElement("canvas"), 0, 255);
        this.copy.draw({ data: pixels, maps: 1, height: SIDE, width: SIDE }, 1, this.palette);
        context.imageSmoothingEnabled = false;
        context.drawImage(this.copy.canvas, 0, 0, size, size);
      } else {
        Object.assign(context, { lineCap: "round", lineJoin: "round", lineWidth: 2 * PEN * unit, strokeStyle: this.ink });
        for (const stroke of this.strokes) {
          context.beginPath();
          stroke.forEach(([x, y], number) => {
            if (!number) context.moveTo(x * unit, y * unit);
            context.lineTo(x * unit, y * unit);
          });
          context.stroke();
        }
      }
      context.strokeStyle = this.mark;
      context.lineWidth = Math.max(1.5, unit / 5);
      if (this.cover) {
        context.setLineDash([unit, unit / 2]);
        context.strokeRect(this.cover[0] * unit, this.cover[1] * unit, COVER * unit, COVER * unit);
        context.setLineDash([]);
      }
      if (this.byKeys && this.mode === "draw") {
        context.beginPath();
        context.arc(this.pen.x * unit, this.pen.y * unit, (this.pen.down ? 1 : 1.8) * unit, 0, 7);
        context.stroke();
      }
    }

    explain() {
      const keys = {
        draw: "Draw with mouse or finger. By keyboard: the space bar puts the pen down and lifts it, arrow keys move it.",
        move: "Drag the picture, or move it with the arrow keys.",
        cover: "Drag a piece of paper over the picture, or move it with the arrow keys.",
      }[this.mode];
      const side = (value, words) => (value ? [`${Math.abs(value)} ${words[value > 0 ? 1 : 0]}`] : []);
      const places = [...side(this.dx, ["left", "right"]), ...side(this.dy, ["up", "down"])];
      const where = [...(places.length ? [`moved ${places.join(", ")}`] : []), ...(this.cover ? ["partly covered"] : [])].join(", ");
      if (this.keys.textContent !== keys) this.keys.textContent = keys;
      if (this.where.textContent !== where) this.where.textContent = where;
    }
  }

  Object.assign(cnnlib.lenet5, { rasterise, centred }); // for tests: what becomes of strokes
  const start = () => document.querySelectorAll('[data-figure="lenet5"]').forEach((place) => new LeNet5Figure(place));
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
