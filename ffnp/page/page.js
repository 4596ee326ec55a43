"use strict";
// The formulas are those of ffnp/backends/reference.py and ffnp/objectives/.

const DATA = JSON.parse(document.getElementById("data").textContent);
const EPSILON = 1e-8; // of the length normalisation
const LEAK = 0.01; // of leaky_relu
const [GELU_SCALE, GELU_CUBIC] = [Math.sqrt(2 / Math.PI), 0.044715];
const [FLOOR, POWER] = [1e-3, 8]; // of the objective entropy
const INK = 64; // of 255: what is darker is ground
const FILLED = 20 / 28; // of an image's shorter side: the longer side of a drawing
const PEN = 24; // of the pad's 280 pixels
const STEP = 10; // of the pad, by keys

// --- numbers from text ------------------------------------------------------------------------

function bytes(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer;
}

/** What each of the 65,536 half precision numbers is. */
const HALVES = Float32Array.from({ length: 1 << 16 }, (_, bits) => {
  const sign = bits >> 15 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : fraction * 2 ** -24);
});

function numbers({ values, scale }) {
  return Float32Array.from(new Uint16Array(bytes(values)), (bits) => HALVES[bits] * scale);
}

/** A network's layers after some epochs, decoded once. */
function layersOf(state) {
  state.layers ??= Array.from({ length: Object.keys(state.tensors).length / 2 }, (_, i) => ({
    weights: numbers(state.tensors[`layer${i + 1}.weights`]),
    bias: numbers(state.tensors[`layer${i + 1}.bias`]),
  }));
  return state.layers;
}

// --- the forward pass -------------------------------------------------------------------------

const sigmoid = (z) => (z >= 0 ? 1 / (1 + Math.exp(-z)) : Math.exp(z) / (1 + Math.exp(z)));

const ACTIVATIONS = {
  relu: (z) => Math.max(z, 0),
  leaky_relu: (z) => Math.max(z, LEAK * z),
  tanh: Math.tanh,
  gelu: (z) => 0.5 * z * (1 + Math.tanh(GELU_SCALE * (z + GELU_CUBIC * z * z * z))),
  softplus: (z) => Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z))),
  sigmoid,
};

function scaled(pixels, { mean, deviation, length }) {
  const x = Float64Array.from(pixels, (pixel) => (pixel - mean) / deviation);
  if (length === null) return x;
  const squares = x.reduce((sum, each) => sum + each * each, 0);
  return x.map((each) => (each * length) / Math.sqrt(squares + 1));
}

/** z += a W, where W are rows of the weights from `row` on. */
function addProduct(z, a, weights, row) {
  const width = z.length;
  for (let i = 0; i < a.length; i++) {
    const factor = a[i];
    if (factor === 0) continue;
    const start = (row + i) * width;
    for (let j = 0; j < width; j++) z[j] += factor * weights[start + j];
  }
}

/** Goodness of each layer for each label: (L, K). */
function goodnessOf({ config, scaling }, layers, pixels) {
  const x = scaled(pixels, scaling);
  const phi = ACTIVATIONS[config.activation];
  let below = null; // by label: the activity of the layer below, at one length
  return layers.map(({ weights, bias }, i) => {
    const joined = i === 0 || config.joined === "every"; // [image, label], and the layer below
    const shared = Float64Array.from(bias);
    if (joined) addProduct(shared, x, weights, 0);
    const goodness = [];
    const rows = [];
    for (let label = 0; label < DATA.classes; label++) {
      const a = shared.slice();
      if (joined) addProduct(a, [config.label_scale], weights, x.length + label);
      if (below) addProduct(a, below[label], weights, joined ? x.length + DATA.classes : 0);
      let sum = 0;
      for (let j = 0; j < a.length; j++) {
        a[j] = phi(a[j]);
        sum += a[j] * a[j];
      }
      const length = (Math.sqrt(sum) + EPSILON) / config.hidden_length;
      for (let j = 0; j < a.length; j++) a[j] /= length;
      goodness.push(sum);
      rows.push(a);
    }
    below = rows;
    return goodness;
  });
}

// --- what layers hear, and how they would learn -----------------------------------------------

/** What each layer hears of the others: (L, K). */
function gammaOf(kind, scale, goodness) {
  const heard = {
    none: () => false,
    others: (other, layer) => other !== layer,
    previous: (other, layer) => other < layer,
    next: (other, layer) => other > layer,
  }[kind];
  return goodness.map((own, layer) =>
    own.map((_, label) =>
      scale * goodness.reduce((sum, each, other) => sum + (heard(other, layer) ? each[label] : 0), 0)));
}

/** The share of each label in exp(logits). */
function softmax(logits) {
  const most = Math.max(...logits);
  const powers = logits.map((logit) => Math.exp(logit - most));
  const sum = powers.reduce((a, b) => a + b);
  return powers.map((power) => power / sum);
}

/** -dJ/dg of each label, were it the true one, of logits; `others` counts the wrong labels. */
const PUSHES = {
  "sigmoid": (logits) => logits.map((logit) => sigmoid(-logit)),
  "sigmoid-literal": (logits) => logits.map((logit) => sigmoid(-logit)),
  "softmax": (logits) => softmax(logits).map((share) => 1 - share),
  "entropy": (logits) => {
    const h = logits.map((logit) => logit + FLOOR);
    const shares = softmax(h.map((each) => POWER * Math.log(each)));
    return shares.map((share, label) => ((1 - share) * POWER) / h[label]);
  },
  "pairwise": (logits, { alpha }) =>
    logits.map((own, label) =>
      logits.reduce((sum, other, i) => (i === label ? sum : sum + alpha * sigmoid(alpha * (other - own))), 0)
        / (logits.length - 1)),
};

/** All that a network says of an image. */
function answerOf(network, state, pixels) {
  const { config } = network;
  const goodness = goodnessOf(network, layersOf(state), pixels);
  const gamma = gammaOf(config.gamma, config.gamma_scale, goodness);
  const logit = goodness.map((own, i) => own.map((g, label) => g + gamma[i][label] - thetaOf(config)));
  const push = config.objective in PUSHES
    ? logit.map((logits) => PUSHES[config.objective](logits, config)) : null;
  const total = goodness.reduce((sum, own) => sum.map((each, label) => each + own[label]),
    new Array(DATA.classes).fill(0));
  return { goodness, gamma, logit, push, total };
}

const thetaOf = (config) => config.theta ?? 0; // null where the objective has none
const most = (values) => values.indexOf(Math.max(...values));

// --- from a drawing to an image ---------------------------------------------------------------

/** Ink (size x size, 0..255) cropped, scaled, centred by mass, as networks take it; or null. */
function prepared(ink, size, width, height) {
  let [left, right, top, bottom] = [size, -1, size, -1];
  for (let i = 0; i < ink.length; i++) {
    if (ink[i] < INK) continue;
    left = Math.min(left, i % size);
    right = Math.max(right, i % size);
    top = Math.min(top, Math.floor(i / size));
    bottom = Math.floor(i / size);
  }
  if (right < 0) return null;
  const [w, h] = [right - left + 1, bottom - top + 1];
  const scale = (FILLED * Math.min(width, height)) / Math.max(w, h);
  const [across, down] = [w, h].map((length) => Math.max(1, Math.round(length * scale)));
  const digit = new Float64Array(across * down);
  let [mass, massX, massY] = [0, 0, 0];
  for (let y = 0; y < down; y++) {
    for (let x = 0; x < across; x++) {
      const value = meanInk(ink, size, left + (x * w) / across, left + ((x + 1) * w) / across,
        top + (y * h) / down, top + ((y + 1) * h) / down);
      digit[y * across + x] = value;
      mass += value;
      massX += value * x;
      massY += value * y;
    }
  }
  const image = new Uint8ClampedArray(width * height); // which rounds
  const brightest = digit.reduce((a, b) => Math.max(a, b)); // thin strokes are faint when scaled
  const [moveX, moveY] = [width / 2 - massX / mass, height / 2 - massY / mass].map(Math.round);
  digit.forEach((value, i) => {
    const [x, y] = [(i % across) + moveX, Math.floor(i / across) + moveY];
    if (x >= 0 && x < width && y >= 0 && y < height) image[y * width + x] = (255 * value) / brightest;
  });
  if (DATA.integer) return image;
  return Float32Array.from(image, (grey) => DATA.low + (grey / 255) * (DATA.high - DATA.low));
}

/** The mean ink of a box, in whole pixels: at least one. */
function meanInk(ink, size, x0, x1, y0, y1) {
  let [sum, count] = [0, 0];
  for (let y = Math.floor(y0); y < y1; y++) {
    for (let x = Math.floor(x0); x < x1; x++) {
      const value = ink[y * size + x];
      sum += value < INK ? 0 : value;
      count += 1;
    }
  }
  return sum / count;
}

function paint(canvas, pixels) {
  const { width, height, channels, low, high } = DATA;
  [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    for (let channel = 0; channel < 3; channel++) {
      const value = pixels ? pixels[(channels === 1 ? 0 : channel * width * height) + i] : low;
      image.data[4 * i + channel] = (255 * (value - low)) / (high - low);
    }
    image.data[4 * i + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}

// --- the page ---------------------------------------------------------------------------------

const $ = (id) => document.getElementById(id);

function make(parent, name, attributes = {}, text = "") {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.textContent = text;
  parent.append(element);
  return element;
}

const STATE = { pixels: null, drawn: false, epochs: Infinity, answers: [] }; // `drawn`: yet to be seen

/** The network as it was after `epochs`, or before. */
const stateOf = ({ states }, epochs) => states.findLast((state) => state.epochs <= epochs) ?? states[0];

const counted = (epochs) => `${epochs} epoch${epochs === 1 ? "" : "s"}`;

/** A row of the table: its name, and a cell for each label. */
function addRow(body, kind, name, attributes = {}) {
  const row = make(body, "tr", { "data-kind": kind, ...attributes });
  const head = make(row, "th", { scope: "row" });
  const title = make(head, "b", {}, name);
  const note = make(head, "small");
  const cells = Array.from({ length: DATA.classes }, () => make(row, "td"));
  return { title, note, cells };
}

function addBars(body, kind, name) {
  const row = addRow(body, kind, name);
  row.bars = row.cells.map((cell) => {
    const bar = make(cell, "div", { class: "bar", "aria-hidden": "true" });
    const [own, hears, theta] = ["own", "hears", "theta"].map((part) => make(bar, "i", { class: part }));
    return { own, hears, theta, number: make(cell, "span") };
  });
  return row;
}

/** The section of one network; gives back what shows an answer in it. */
function addNetwork(network, number) {
  const section = make($("networks"), "section", { class: "network", "aria-labelledby": `name${number}` });
  const title = make(section, "h2", { id: `name${number}` }, network.name);
  const about = make(section, "p", { class: "small" }, `${network.about} `);
  const after = make(about, "span");
  make(section, "p", { class: "small from3" }, `In ffnp's terms: ${network.terms}`);
  const scroll = make(section, "div", { class: "scroll", role: "group", "aria-labelledby": title.id });
  const table = make(scroll, "table", { "aria-labelledby": title.id });
  if (DATA.classes > 12) {
    table.style.minWidth = `${5 + 2 * DATA.classes}rem`;
    scroll.tabIndex = 0;
  }
  make(make(table, "colgroup"), "col", { class: "names" });
  const head = make(make(table, "thead"), "tr");
  make(head, "th", { scope: "row" }, "label");
  const labels = Array.from({ length: DATA.classes }, (_, label) => make(head, "th", { scope: "col" }, label));
  const vote = addBars(make(table, "tbody"), "vote", "all layers");
  const layers = network.config.hidden.map((_, i) => {
    const body = make(table, "tbody", { class: "from2", "data-layer": i + 1 });
    return {
      goodness: addBars(body, "goodness", `layer ${i + 1}`),
      ...(network.config.gamma !== "none" && { gamma: addRow(body, "gamma", "gamma", { class: "from3" }) }),
      logit: addRow(body, "logit", "logit", { class: "from3" }),
      ...(network.config.objective in PUSHES && { push: addRow(body, "push", "push", { class: "from3" }) }),
    };
  });
  return { network, title, after, labels, vote, layers };
}

/** A number in four letters. */
function short(value) {
  const size = Math.abs(value);
  if (size >= 9999.5) return value.toExponential(0);
  return value.toFixed(Math.max((size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2) - (value < 0), 0));
}

/** A round number that is not below a value: the height of its bar. */
function ceiling(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1e-9)));
  return power * [1, 1.5, 2, 3, 4, 5, 6, 8, 10].find((factor) => factor * power >= value);
}

function showNumbers(row, values, best = -1) {
  row.cells.forEach((cell, label) => {
    (row.bars ? row.bars[label].number : cell).textContent = values ? short(values[label]) : "";
    cell.dataset.value = values?.[label] ?? "";
    cell.classList.toggle("best", label === best);
  });
}

function showBars(row, height, own, hears = null, theta = 0) {
  const share = (value) => `${(100 * Math.max(value ?? 0, 0)) / height}%`;
  row.bars.forEach((bar, label) => {
    bar.own.style.height = share(own?.[label]);
    bar.hears.style.height = share(hears?.[label]);
    bar.theta.style.bottom = share(theta);
    bar.theta.hidden = theta <= 0;
  });
}

function show(view, answer) {
  const { config } = view.network;
  const learning = document.body.dataset.detail === "3";
  const best = answer ? most(answer.total) : -1;
  view.labels.forEach((cell, label) => cell.classList.toggle("best", label === best));
  view.title.textContent = view.network.name + (answer ? `: ${best}` : "");
  const sums = answer?.goodness.map((own, i) => own.map((g, label) => g + (learning ? answer.gamma[i][label] : 0)));
  const top = ceiling(Math.max(0, ...(answer?.total ?? [])));
  const height = ceiling(Math.max(0, ...(sums ?? []).flat(), learning ? thetaOf(config) : 0));
  showNumbers(view.vote, answer?.total, best);
  showBars(view.vote, top, answer?.total);
  view.vote.note.textContent = answer ? `says ${best}` : "";
  view.layers.forEach((layer, i) => {
    const own = answer?.goodness[i];
    const said = own ? most(own) : -1;
    showNumbers(layer.goodness, own, said);
    showBars(layer.goodness, height, own, learning ? answer?.gamma[i] : null, thetaOf(config));
    layer.goodness.note.textContent = own ? `says ${said}` : "";
    for (const name of ["gamma", "logit", "push"]) if (layer[name]) showNumbers(layer[name], answer?.[name][i]);
  });
}

const VIEWS = DATA.networks.map(addNetwork);
let [saying, asked] = [0, 0];

/** Compute and show what all networks say of what is seen. */
function update() {
  const start = performance.now();
  performance.clearMeasures("answer");
  if (STATE.drawn) [STATE.pixels, STATE.drawn] = [drawing(), false];
  STATE.answers = VIEWS.map(({ network }) =>
    STATE.pixels && answerOf(network, stateOf(network, STATE.epochs), STATE.pixels));
  paint($("seen"), STATE.pixels);
  VIEWS.forEach((view, i) => {
    show(view, STATE.answers[i]);
    view.after.textContent = `After ${counted(stateOf(view.network, STATE.epochs).epochs)} of training.`;
  });
  performance.measure("answer", { start }); // to be looked up in a console, as STATE
  clearTimeout(saying); // a screen reader is told once the drawing rests
  saying = setTimeout(() => {
    const says = (answer, i) => `${DATA.networks[i].name} says ${most(answer.total)}`;
    $("answer").textContent = STATE.pixels ? `${STATE.answers.map(says).join("; ")}.` : "There is nothing to see yet.";
  }, 300);
}

/** Update once before the next frame, however often it is asked for. */
function soon() {
  cancelAnimationFrame(asked);
  asked = requestAnimationFrame(update);
}

// --- the pad ----------------------------------------------------------------------------------

const pad = $("pad");
const ink = pad.getContext("2d", { willReadFrequently: true });
const pen = { x: pad.width / 2, y: pad.height / 2, down: false }; // of the keys

function clear() {
  ink.fillStyle = "#000";
  ink.fillRect(0, 0, pad.width, pad.height);
  see(null);
}

function stroke(from, to) {
  [ink.strokeStyle, ink.lineWidth, ink.lineCap] = ["#fff", PEN, "round"];
  ink.beginPath();
  ink.moveTo(from.x, from.y);
  ink.lineTo(to.x, to.y + 0.01); // without a length it would leave no dot
  ink.stroke();
  see(null);
  STATE.drawn = true;
}

/** What is on the pad, as an image. */
function drawing() {
  const { data } = ink.getImageData(0, 0, pad.width, pad.height);
  const greys = new Uint8Array(data.length / 4);
  for (let i = 0; i < greys.length; i++) greys[i] = data[4 * i];
  return prepared(greys, pad.width, DATA.width, DATA.height);
}

/** Look at an image, a sample's if its button is given. */
function see(pixels, button = null) {
  [STATE.pixels, STATE.drawn] = [pixels, false];
  for (const each of $("samples").children) each.setAttribute("aria-pressed", each === button);
  soon();
}

function pointAt(event) {
  const box = pad.getBoundingClientRect();
  return {
    x: ((event.clientX - box.left) * pad.width) / box.width,
    y: ((event.clientY - box.top) * pad.height) / box.height,
  };
}

let last = null; // where the pointer was, while it draws

pad.addEventListener("pointerdown", (event) => {
  if (!event.isPrimary || event.button !== 0) return;
  pad.setPointerCapture(event.pointerId);
  $("cursor").hidden = true;
  last = pointAt(event);
  stroke(last, last);
});
pad.addEventListener("pointermove", (event) => {
  if (!last || !event.isPrimary) return;
  const points = event.getCoalescedEvents?.() ?? [];
  for (const each of points.length ? points : [event]) {
    const point = pointAt(each);
    stroke(last, point);
    last = point;
  }
});
for (const name of ["pointerup", "pointercancel"]) pad.addEventListener(name, () => { last = null; });

const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1], " ": [0, 0] };

pad.addEventListener("keydown", (event) => {
  const wipes = event.key === "Delete" || event.key === "Backspace";
  if (!wipes && !(event.key in MOVES)) return;
  event.preventDefault();
  const [x, y] = MOVES[event.key] ?? [0, 0];
  const within = (value) => Math.min(Math.max(value, PEN / 2), pad.width - PEN / 2);
  const from = { ...pen };
  [pen.x, pen.y] = [within(pen.x + STEP * x), within(pen.y + STEP * y)];
  if (event.key === " ") {
    pen.down = !pen.down;
    $("answer").textContent = pen.down ? "The pen is down." : "The pen is up.";
  }
  if (wipes) clear(); else if (pen.down) stroke(from, pen);
  $("cursor").hidden = false;
  $("cursor").classList.toggle("down", pen.down);
  [$("cursor").style.left, $("cursor").style.top] = [pen.x, pen.y].map((place) => `${(100 * place) / pad.width}%`);
});
pad.addEventListener("blur", () => { $("cursor").hidden = true; });
$("clear").addEventListener("click", clear);

// --- samples, epochs, detail ------------------------------------------------------------------

const samples = DATA.integer ? new Uint8Array(bytes(DATA.samples)) : new Float32Array(bytes(DATA.samples));
DATA.labels.forEach((label, i) => {
  const size = samples.length / DATA.labels.length;
  const pixels = samples.subarray(i * size, (i + 1) * size);
  const button = make($("samples"), "button", { type: "button", "aria-label": `an image of label ${label}` });
  paint(make(button, "canvas", { "aria-hidden": "true" }), pixels);
  button.addEventListener("click", () => { clear(); see(pixels, button); });
});
$("choosing").hidden = DATA.labels.length === 0;
$("drawing").hidden = $("made").hidden = DATA.channels > 1;
$("dataset").textContent = DATA.dataset;
$("size").textContent = `${DATA.width} x ${DATA.height} pixels${DATA.channels > 1 ? " in three colours" : ""}.`;
if (DATA.channels > 1) $("invitation").textContent = "Choose an image, and watch.";

const epochs = [...new Set(DATA.networks.flatMap(({ states }) => states.map((state) => state.epochs)))];
epochs.sort((a, b) => a - b);
$("training").hidden = DATA.networks.every(({ states }) => states.length === 1);
$("options").reset(); // a browser keeps what was chosen before a reload
[$("epoch").max, $("epoch").value] = [epochs.length - 1, epochs.length - 1];

function chooseEpoch() {
  STATE.epochs = epochs[$("epoch").value];
  $("epochs").textContent = STATE.epochs ? counted(STATE.epochs) : "not begun";
  $("epoch").setAttribute("aria-valuetext", $("epochs").textContent);
  soon();
}
$("epoch").addEventListener("input", chooseEpoch);
$("options").addEventListener("change", (event) => {
  if (event.target.name === "detail") document.body.dataset.detail = event.target.value;
  soon();
});

clear();
chooseEpoch();
$("samples").firstElementChild?.click(); // the page opens with an answer
