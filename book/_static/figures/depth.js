// The living figure of chapter 7: errors and gradients of plain and residual networks, and their errors without
// one block, as recorded.
"use strict";

(() => {
  const { element, Panel } = cnnlib.drawing;
  const { runs, gradients, steps, derived, passes, images, tests, cut } = cnnlib.depth;
  const DEPTHS = [8, 20, 32, 44, 56];
  const KINDS = ["plain", "residual"];
  const LAYERS = 55; // with a kernel of their own, of 56
  // What is drawn by layer: its axis in powers of ten.
  const QUANTITIES = {
    energy: { text: "energy of the gradient behind the layer", axis: "energy", range: [-12, 6], every: 3 },
    length: { text: "|w| |g| of its kernel: size, whatever the scale", axis: "|w| |g|", range: [-2, 4], every: 1 },
    turn: { text: "|g| / |w|: radians by which a step at rate 1 turns it", axis: "|g| / |w|", range: [-6, 5], every: 1 },
  };

  const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;
  // Mean over lists of the same length, place by place.
  const means = (lists) => lists[0].map((_, at) => mean(lists.map((list) => list[at])));
  const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";
  const power = (exponent) => `10${exponent < 0 ? "⁻" : ""}${[...String(Math.abs(exponent))].map((digit) => SUPERSCRIPTS[digit]).join("")}`;
  const range = (values) => {
    const [low, high] = [Math.min(...values), Math.max(...values)];
    return low === high ? "" : `, ${low.toFixed(2)} to ${high.toFixed(2)}`;
  };
  const times = (factor) =>
    factor >= 1000 || factor < 0.001 ? Number(factor.toPrecision(2)).toExponential().replace(/e([+-])(\d+)/, (_, sign, digits) => `·${power(Number(sign + digits))}`)
      : String(Number(factor.toPrecision(2)));

  // A block drawn small, its branch lower in later stages, where maps are smaller; in a residual one the shortcut
  // goes around it. Where it is cut, the branch is only dashed, and in a plain one a line leads through.
  const drawn = (kind, stage) => {
    const half = [11, 8, 5][stage - 1];
    const svg = (parts) => `<svg viewBox="0 0 30 38" aria-hidden="true" xmlns="http://www.w3.org/2000/svg" class="living-${kind}">${parts}</svg>`;
    return svg(
      '<path d="M0 24H3M27 24H30"/><path class="living-way" d="M3 24H7M23 24H27"/>' +
        (kind === "plain" ? '<path class="living-through" d="M3 24H27"/>' : '<path d="M3 24V7H27V24" fill="none"/>') +
        `<rect class="living-branch" x="7" y="${24 - half}" width="16" height="${2 * half}"/>`,
    );
  };

  class DepthFigure {
    constructor(place) {
      Object.assign(this, { place, depth: 56, step: 0, quantity: "energy", slow: false, cutBlock: null });
      this.build();
      this.listen();
      this.draw();
    }

    build() {
      const slider = (count, value, label) => {
        const input = element("input", { type: "range", min: 0, max: count - 1, step: 1, "aria-label": label });
        input.value = value;
        return input;
      };
      this.depths = slider(DEPTHS.length, DEPTHS.indexOf(this.depth), "layers");
      this.steps = slider(steps.length, 0, "iterations done");
      const check = (text, checked) => {
        const input = element("input", { type: "checkbox" });
        input.checked = checked;
        return [input, element("label", { class: "living-inline" }, input, ` ${text}`)];
      };
      this.shown = {};
      const labels = KINDS.map((kind) => {
        const [input, label] = check(kind, true);
        this.shown[kind] = input;
        return label;
      });
      const [slow, slowLabel] = check("plain at rate .003 in place of .1", false);
      this.slowBox = slow;
      this.choice = element("select", {}, ...Object.values(QUANTITIES).map(({ text }) => element("option", {}, text)));
      const panel = (label) => element("div", { class: "living-panel", role: "img", "aria-label": label });
      this.curves = panel("error by pass");
      this.finals = panel("training error of the trained networks by depth");
      this.plain = panel("gradient by layer, plain");
      this.residual = panel("gradient by layer, residual");
      this.depthText = element("output", { class: "living-value" });
      this.stepText = element("output", { class: "living-value" });
      this.errors = element("p", { class: "living-said living-errors" });
      this.ratios = element("p", { class: "living-said living-ratios" });
      this.chains = {};
      this.cutPanels = {};
      this.cutTexts = {};
      for (const kind of KINDS) {
        this.chains[kind] = this.chain(kind);
        this.cutPanels[kind] = panel(`errors, ${kind}, 20 layers, with and without the block`);
        this.cutTexts[kind] = element("p", { class: "living-said" });
      }
      this.status = element("p", { class: "living-hidden", role: "status" });
      this.root = element(
        "div", { class: "living" },
        element("p", { class: "living-title" }, "Trained to fit, at five depths"),
        element("div", { class: "living-row" }, element("label", { class: "living-slide" }, "layers ", this.depths, this.depthText), ...labels),
        element("div", { class: "living-pair" }, this.curves, this.finals),
        this.errors,
        element("p", { class: "living-keys" },
          "Left: dashed, error on the training images during each pass; solid, on the test images after it; thin lines are seeds, thick ones " +
          "their mean. Right: training error of the trained networks, a mark a seed; the chosen depth is filled."),
        element("p", { class: "living-title" }, "56 layers from within"),
        element("div", { class: "living-row" },
          element("label", { class: "living-slide" }, "iterations done ", this.steps, this.stepText),
          element("label", { class: "living-inline living-wide" }, "by layer: ", this.choice), slowLabel),
        element("div", { class: "living-pair" }, this.plain, this.residual),
        this.ratios,
        element("p", { class: "living-keys" },
          "Thick: after so many iterations, geometric mean over the seeds; thin lines are the seeds. Faint, dotted: the other four moments. Wide pale band: " +
          "as derived for the start, from the last layer on. On the way back a plain layer multiplies the energy by π/(π − 1) ≈ 1.47, a residual " +
          "block by 1 + 1.47/v, with the trunk's variance v about the number of blocks before it; both are less at borders. The lower of its two " +
          "bands is for the first layer of each block: behind it a normalisation divides by the trunk's variance. " +
          "A kernel that grows to twice its length makes the energy behind it four times smaller; |w| |g| stays as it is."),
        element("p", { class: "living-keys" },
          `CIFAR-10 brought to 16x16 pixels, ${images.toLocaleString("en")} training and ${tests.toLocaleString("en")} test images, maps 8, 16, 32, ` +
          `4,000 iterations of 128 images (${passes} passes), rate .1; three to five seeds. Gradients: ${gradients.plain.energy.length} seeds, ` +
          "128 training images. Recorded on a CPU."),
        element("p", { class: "living-title" }, "Cut a block"),
        element("p", {}, "What will each network still know without it? Guess, then press a block: it is cut in both. Press it again to put it back."),
        element("div", { class: "living-pair" },
          ...KINDS.map((kind) => element("div", { class: "living-panel" }, this.chains[kind], this.cutPanels[kind], this.cutTexts[kind]))),
        element("p", { class: "living-keys" },
          "Trained networks of 20 layers, nine blocks in three stages. Cut: the block's branch is taken away, and nothing is trained after it. What is " +
          "left is the shortcut; the plain block hands on what it gets, by option A where the size changes. Open marks: intact. Filled: cut. A mark a " +
          `seed (${cut.plain.length}), the first ${cut.images[0].toLocaleString("en")} training images and all ${cut.images[1].toLocaleString("en")} test images.`),
        this.status,
      );
      this.place.replaceChildren(this.root);
    }

    // The blocks of a network as buttons, by stage; the arrow keys go from one to the next.
    chain(kind) {
      const stages = [1, 2, 3].map(() => element("span", {}));
      const buttons = cut.blocks.map((name, at) => {
        const stage = Number(name.match(/^stage(\d)/)[1]);
        const label = `${kind}, block ${at + 1}, stage ${stage}: cut`;
        const button = element("button", { type: "button", class: "living-block", "aria-label": label, "aria-pressed": "false", tabindex: at ? -1 : 0 });
        button.innerHTML = `${drawn(kind, stage)}<small aria-hidden="true">${at + 1}</small>`;
        button.addEventListener("click", () => this.press(kind, at));
        stages[stage - 1].append(button);
        return button;
      });
      const row = element("div", { class: "living-chain", role: "toolbar", "aria-label": `${kind}, 20 layers: its blocks` }, ...stages);
      row.addEventListener("keydown", (event) => {
        const last = buttons.length - 1;
        const here = buttons.indexOf(document.activeElement);
        const to = { ArrowLeft: Math.max(here - 1, 0), ArrowRight: Math.min(here + 1, last), Home: 0, End: last }[event.key];
        if (to === undefined) return;
        event.preventDefault();
        this.reach(buttons, to);
        buttons[to].focus();
      });
      return row;
    }

    // Of a network's blocks the tab key reaches one.
    reach(buttons, to) {
      buttons.forEach((button, at) => button.setAttribute("tabindex", at === to ? 0 : -1));
    }

    press(kind, at) {
      this.cutBlock = this.cutBlock === at ? null : at;
      this.reach([...this.chains[kind].querySelectorAll("button")], at);
      this.drawCut();
      this.announce(KINDS.map((one) => this.cutTexts[one].textContent).join(" "));
    }

    listen() {
      this.depths.addEventListener("input", () => this.set({ depth: DEPTHS[this.depths.value] }));
      this.steps.addEventListener("input", () => this.set({ step: Number(this.steps.value) }));
      this.choice.addEventListener("change", () => this.set({ quantity: Object.keys(QUANTITIES)[this.choice.selectedIndex] }));
      this.slowBox.addEventListener("change", () => this.set({ slow: this.slowBox.checked }));
      for (const input of Object.values(this.shown)) input.addEventListener("change", () => this.set({}));
      this.finals.addEventListener("pointerdown", (event) => {
        const { left } = this.finals.getBoundingClientRect();
        const near = DEPTHS.map((depth) => Math.abs(this.overview.x(depth) - (event.clientX - left)));
        const at = near.indexOf(Math.min(...near));
        this.depths.value = at;
        this.set({ depth: DEPTHS[at] });
      });
      new ResizeObserver(() => {
        if (this.width !== this.root.clientWidth) this.draw();
      }).observe(this.root);
    }

    set(values) {
      Object.assign(this, values);
      this.draw();
    }

    draw() {
      this.width = this.root.clientWidth;
      this.drawErrors();
      this.drawGradients();
      this.drawCut();
      this.announce(`${this.errors.textContent} ${this.ratios.textContent}`);
    }

    announce(text) {
      clearTimeout(this.later);
      this.later = setTimeout(() => (this.status.textContent = text), 600);
    }

    drawErrors() {
      const kinds = KINDS.filter((kind) => this.shown[kind].checked);
      this.depthText.textContent = `${this.depth}`;
      this.depths.setAttribute("aria-valuetext", `${this.depth} layers`);
      const percents = [0, 20, 40, 60, 80].map((value) => [value, String(value)]);
      const panel = new Panel(this.curves.clientWidth, 230, {
        x: [0, passes], y: [0, 92], xTicks: [0, 10, 20, 30, 40, 50].map((value) => [value, String(value)]), yTicks: percents,
        xLabel: "passes", yLabel: `error (%), ${this.depth} layers`,
      });
      for (const kind of kinds) {
        const found = runs[`${kind} ${this.depth}`];
        for (const [part, dash] of [["train", 'stroke-dasharray="5 3"'], ["test", ""]]) {
          const points = (values) => values.map((value, at) => [at + 1, value]);
          for (const run of found) panel.line(points(run[part]), `class="living-${kind}" stroke-width="1" stroke-opacity=".35" ${dash}`);
          panel.line(points(means(found.map((run) => run[part]))), `class="living-${kind}" stroke-width="2.4" ${dash}`);
        }
      }
      kinds.forEach((kind, at) => {
        const start = this.curves.clientWidth - 170 + 78 * at;
        panel.parts.push(`<path class="living-${kind}" d="M${start} 8h22" stroke-width="2.4"/>`);
        panel.text(start + 27, 11, kind);
      });
      this.curves.innerHTML = panel.html();

      const overview = new Panel(this.finals.clientWidth, 230, {
        x: [4, 60], y: [-2, 92], xTicks: DEPTHS.map((depth) => [depth, String(depth)]), yTicks: percents,
        xLabel: "layers", yLabel: "training error (%)",
      });
      this.overview = overview;
      for (const kind of kinds) {
        const finals = (depth) => runs[`${kind} ${depth}`].map((run) => run.final[0]);
        overview.line(DEPTHS.map((depth) => [depth, mean(finals(depth))]), `class="living-${kind}" stroke-width="2" stroke-dasharray="5 3"`);
        for (const depth of DEPTHS)
          for (const value of finals(depth))
            overview[kind === "plain" ? "dot" : "square"](depth, value, `class="living-mark living-${kind}${depth === this.depth ? " living-full" : ""}"`);
      }
      kinds.forEach((kind, at) => {
        const start = this.finals.clientWidth - 140 + 62 * at;
        const style = `class="living-mark living-${kind} living-full"`;
        overview.parts.push(kind === "plain" ? `<circle cx="${start}" cy="8" r="3.5" ${style}/>` : `<rect x="${start - 3.5}" y="4.5" width="7" height="7" ${style}/>`);
        overview.text(start + 9, 11, kind);
      });
      this.finals.innerHTML = overview.html();
      this.errors.textContent = kinds
        .map((kind) => {
          const found = runs[`${kind} ${this.depth}`];
          const [train, test] = [0, 1].map((part) => found.map((run) => run.final[part]));
          return (
            `${kind[0].toUpperCase()}${kind.slice(1)}, ${this.depth} layers: ${mean(train).toFixed(2)} % of the training images wrong (${found.length} seeds${range(train)}), ` +
            `${mean(test).toFixed(1)} % of the test images.`
          );
        })
        .join(" ");
    }

    drawGradients() {
      const { axis, range: y, every } = QUANTITIES[this.quantity];
      this.stepText.textContent = steps[this.step].toLocaleString("en");
      this.steps.setAttribute("aria-valuetext", `${steps[this.step]} iterations`);
      const ticks = [];
      for (let value = y[0]; value <= y[1]; value += every) ticks.push([value, power(value)]);
      const said = [];
      for (const kind of KINDS) {
        const arm = kind === "plain" && this.slow ? "plain, 0.003" : kind;
        const seeds = gradients[arm][this.quantity];
        const moment = (step) => means(seeds.map((one) => one[step])).map((value) => value / 100);
        const panel = new Panel(this[kind].clientWidth, 250, {
          x: [1, LAYERS], y, xTicks: [1, 10, 20, 30, 40, 50].map((value) => [value, String(value)]), yTicks: ticks,
          xLabel: "layer", yLabel: `${kind}: ${axis}`,
        });
        const points = (values, first = 1) => values.map((value, at) => [at + first, value]);
        if (this.quantity === "energy") {
          const last = moment(0)[LAYERS - 1];
          const band = points(derived[kind].map((value) => last + value / 100), 2);
          // In a residual network one for the first layers of the blocks and one for the second.
          const bands = kind === "plain" ? [band] : [0, 1].map((part) => band.filter((_, at) => at % 2 === part));
          for (const one of bands) panel.line(one, `class="living-${kind}" stroke-width="8" stroke-opacity=".3"`);
        }
        steps.forEach((_, step) => step !== this.step && panel.line(points(moment(step)), `class="living-${kind}" stroke-width="1" stroke-opacity=".6" stroke-dasharray="1 3"`));
        for (const one of seeds) panel.line(points(one[this.step].map((value) => value / 100)), `class="living-${kind}" stroke-width="1" stroke-opacity=".4"`);
        panel.line(points(moment(this.step)), `class="living-${kind}" stroke-width="2.2"`);
        this[kind].innerHTML = panel.html();
        const now = moment(this.step);
        said.push(`${kind} ${times(10 ** (mean(now.slice(1, 6)) - mean(now.slice(-5))))} times`);
      }
      const when = this.step ? `After ${steps[this.step].toLocaleString("en")} iteration${this.step > 1 ? "s" : ""}` : "Before training";
      this.ratios.textContent = `${when}, ${axis} in layers 2 to 6 against the last five: ${said.join(", ")} as large.`;
    }

    drawCut() {
      const at = this.cutBlock;
      const list = (values) => values.map((value) => value.toFixed(1)).join(", ");
      for (const kind of KINDS) {
        this.chains[kind].querySelectorAll("button").forEach((button, number) => button.setAttribute("aria-pressed", String(number === at)));
        const found = cut[kind];
        const rows = { intact: [3.9, 1.5], cut: [3.1, 0.7] };
        const panel = new Panel(this.cutPanels[kind].clientWidth, 176, {
          x: [-2, 104], y: [0, 4.9], xTicks: [0, 20, 40, 60, 80, 100].map((value) => [value, String(value)]),
          yTicks: Object.entries(rows).flatMap(([word, heights]) => heights.map((height) => [height, word])),
          xLabel: "error (%)", yLabel: `${kind}, 20 layers`,
        });
        const said = ["train", "test"].map((part, number) => {
          const words = ["training images", "test images"][number];
          panel.text(panel.x(0), panel.y(rows.intact[number]) - 14, words);
          // One seed a little below the other, so that equal errors are seen.
          const marks = (values, row, more) =>
            values.forEach((value, seed) =>
              panel[kind === "plain" ? "dot" : "square"](value, row + 0.2 * ((values.length - 1) / 2 - seed), `class="living-mark living-${kind}${more}"`, 4));
          const intact = found.map((one) => one.intact[number]);
          marks(intact, rows.intact[number], "");
          if (at === null) return `${list(intact)} % of the ${words} wrong`;
          const without = found.map((one) => one[part][at]);
          marks(without, rows.cut[number], " living-full living-apart");
          return `${list(without)} % of the ${words} wrong (intact ${list(intact)})`;
        });
        this.cutPanels[kind].innerHTML = panel.html();
        const state = at === null ? "intact" : `block ${at + 1} cut`;
        this.cutTexts[kind].textContent = `${kind[0].toUpperCase()}${kind.slice(1)}, ${state}: ${said.join("; ")}.`;
      }
    }
  }

  const start = () => document.querySelectorAll('[data-figure="depth"]').forEach((place) => new DepthFigure(place));
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
