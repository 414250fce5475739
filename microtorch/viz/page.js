// The page's behaviour. DATA (see html.py) holds all nodes, edges, module calls and steps; what is seen of it depends on
// which modules are open. A box is a node, or a closed module call with all that is in it.
"use strict";

const DATA = JSON.parse(document.getElementById("data").textContent);
const { nodes, edges, scopes, steps } = DATA;
const SVG = "http://www.w3.org/2000/svg";
const CHAR = 7.4, LINE = 15, FAR = 1500, AT_FIRST = 90, WITH_LEAVES = 60;
const $ = id => document.getElementById(id);
const make = (name, attrs, parent, text) => {
  const element = document.createElementNS(SVG, name);
  for (const key in attrs) element.setAttribute(key, attrs[key]);
  if (text !== undefined) element.textContent = text;
  if (parent) parent.appendChild(element);
  return element;
};
const tag = (name, text, attrs = {}, ...children) => {
  const element = Object.assign(document.createElement(name), attrs);
  if (text) element.textContent = text;
  element.append(...children);
  return element;
};

const state = { open: new Set(), leaves: true, selected: null, step: 0, found: [], at: -1, playing: 0, heat: false };
let view = { boxes: [], byKey: new Map(), lines: [], frames: [], width: 0, height: 0 };
let camera = { x: 0, y: 0, scale: 1 };

// the graph as it is seen ---------------------------------------------------------------------------------------------

scopes.forEach(scope => { scope.children = []; scope.members = []; });
scopes.forEach((scope, s) => { if (scope.parent >= 0) scopes[scope.parent].children.push(s); });
nodes.forEach((node, n) => {
  node.outputs = [];
  node.inputs = [];
  for (let s = node.scope; s >= 0; s = scopes[s].parent) scopes[s].members.push(n);
});
edges.forEach((edge, e) => { nodes[edge.source].outputs.push(e); nodes[edge.target].inputs.push(e); });

// The module call that hides a node: the outermost closed one around it; -1 if none does.
function hiddenIn(n) {
  let closed = -1;
  for (let s = nodes[n].scope; s >= 0; s = scopes[s].parent) if (!state.open.has(s)) closed = s;
  return closed;
}
const boxKey = n => { const s = hiddenIn(n); return s >= 0 ? "s" + s : "n" + n; };

// Open modules from the outside in, as long as not too many boxes are seen.
function openAtFirst() {
  state.open.clear();
  let level = scopes.map((_, s) => s).filter(s => scopes[s].parent < 0);
  const count = () => visibleKeys().length;
  while (level.length) {
    const single = scopes[level[0]].parent < 0 && level.length === 1;
    level.forEach(s => { if (!scopes[s].run) state.open.add(s); });
    if (count() > AT_FIRST && !single) { level.forEach(s => state.open.delete(s)); break; }
    level = level.filter(s => state.open.has(s)).flatMap(s => scopes[s].children);
  }
  state.leaves = count() <= WITH_LEAVES;
}
function visibleKeys() {
  const keys = new Set();
  nodes.forEach((node, n) => { if (state.leaves || node.kind !== "leaf" || hiddenIn(n) >= 0) keys.add(boxKey(n)); });
  return [...keys];
}

function linesOf(key) {
  const i = +key.slice(1);
  if (key[0] === "n") return nodes[i].lines;
  const scope = scopes[i], ops = scope.members.filter(n => nodes[n].kind === "op" || nodes[n].kind === "module");
  const lines = [scope.label];
  if (ops.length > 1) lines.push(ops.length + " operations");
  if (scope.numbers) lines.push(scope.numbers + " parameters");
  return lines;
}

function rebuild(keep) {
  const before = keep && view.byKey.get(keep);
  const boxes = visibleKeys().map(key => ({ key, scope: key[0] === "s", id: +key.slice(1), lines: linesOf(key) }));
  const index = new Map(boxes.map((box, i) => [box.key, i]));
  const seen = new Map(), drawn = [];
  edges.forEach((edge, e) => {
    const a = index.get(boxKey(edge.source)), b = index.get(boxKey(edge.target));
    if (a === undefined || b === undefined || a === b) return;
    const single = !boxes[a].scope && !boxes[b].scope;
    const name = a + " " + b + (single ? " " + e : "");
    if (seen.has(name)) { drawn[seen.get(name)].edges.push(e); return; }
    seen.set(name, drawn.length);
    drawn.push({ a, b, edges: [e], constant: edge.constant, saved: edge.saved });
  });
  const place = new Map(), groups = [], frames = [];
  scopes.forEach((scope, s) => {
    let open = state.open.has(s);
    for (let p = scope.parent; p >= 0; p = scopes[p].parent) open = open && state.open.has(p);
    if (!open || !scope.members.some(n => index.has("n" + n) || hiddenIn(n) >= 0)) return;
    place.set(s, groups.length);
    groups.push({ parent: scope.parent >= 0 ? place.get(scope.parent) : -1, label: 7 * scope.label.length + 20 });
    frames.push({ scope: s, depth: scope.depth });
  });
  const inside = boxes.map(box => {
    const s = box.scope ? scopes[box.id].parent : nodes[box.id].scope;
    return s >= 0 && place.has(s) ? place.get(s) : -1;
  });
  const sizes = boxes.map(box => {
    const columns = Math.max(0, ...box.lines.map(line => line.length));
    return [Math.max(24, columns * CHAR + 22), Math.max(box.lines.length, 1) * LINE + 10];
  });
  const ends = drawn.map(edge => [edge.a, edge.b]);
  let laid;
  try {
    laid = nested(sizes, ends, groups, inside);
  } catch (error) { // modules that need each other's results: no frame can hold one
    frames.length = 0;
    laid = nested(sizes, ends, [], boxes.map(() => -1));
  }
  boxes.forEach((box, i) => Object.assign(box, laid.boxes[i]));
  frames.forEach((frame, i) => Object.assign(frame, laid.frames[i]));
  drawn.forEach((edge, i) => {
    edge.points = laid.lines[i];
    edge.path = curve(edge.points);
    edge.low = edge.points[0][1];
    edge.high = edge.points[edge.points.length - 1][1];
    edge.left = Math.min(...edge.points.map(p => p[0]));
    edge.right = Math.max(...edge.points.map(p => p[0]));
  });
  view = { boxes, lines: drawn, frames, byKey: new Map(boxes.map(box => [box.key, box])), width: laid.width, height: laid.height };
  scene.clear();
  const after = keep && (view.byKey.get(keep) || frames.find(frame => "s" + frame.scope === keep));
  if (before && after) { // what was clicked stays where it is on the screen
    camera.x += (before.x - after.x) * camera.scale;
    camera.y += (before.y - before.height / 2 - after.y + after.height / 2) * camera.scale;
  }
  draw();
}

function curve(points) {
  let [x, y] = points[0], text = `M${x.toFixed(1)},${y.toFixed(1)}`;
  for (const [px, py] of points.slice(1)) {
    if (px === x && py === y) continue;
    const middle = ((y + py) / 2).toFixed(1);
    text += px === x ? `V${py.toFixed(1)}` : `C${x.toFixed(1)},${middle} ${px.toFixed(1)},${middle} ${px.toFixed(1)},${py.toFixed(1)}`;
    [x, y] = [px, py];
  }
  return text;
}

// drawing: elements exist only for what is inside the window; from far away, boxes are drawn as one path a kind ---------

const svg = $("graph"), scene = {
  root: $("scene"), elements: new Map(),
  clear() { this.root.replaceChildren(); this.elements.clear(); this.layers = null; },
  layer(name) {
    if (!this.layers) this.layers = Object.fromEntries(["frames", "edges", "boxes"].map(n => [n, make("g", { class: n }, this.root)]));
    return this.layers[name];
  },
};

let pending = false;
function draw() {
  if (!pending) { pending = true; requestAnimationFrame(() => { pending = false; drawNow(); }); }
}

function drawNow() {
  const { width, height } = svg.getBoundingClientRect(), { x, y, scale } = camera;
  scene.root.setAttribute("transform", `translate(${x.toFixed(2)} ${y.toFixed(2)}) scale(${scale.toFixed(4)})`);
  const left = -x / scale - 20, top = -y / scale - 20, right = (width - x) / scale + 20, bottom = (height - y) / scale + 20;
  const seen = box => box.x + box.width / 2 > left && box.x - box.width / 2 < right && box.y + box.height / 2 > top && box.y - box.height / 2 < bottom;
  const boxes = view.boxes.filter(seen);
  const lines = view.lines.filter(l => l.high > top && l.low < bottom && l.right > left && l.left < right);
  const far = boxes.length + lines.length > FAR;
  const wanted = new Map();
  view.frames.filter(seen).forEach(frame => wanted.set("f" + frame.scope, ["frames", () => frameElement(frame)]));
  if (far) {
    const groups = new Map();
    boxes.forEach(box => { const kind = kindOf(box); groups.set(kind, (groups.get(kind) || "") + rectPath(box)); });
    groups.forEach((d, kind) => wanted.set("far " + kind + " " + d.length + " " + left, ["boxes", () => make("path", { class: "far " + kind, d })]));
    wanted.set("far lines " + left + " " + top + " " + scale, ["edges", () => make("path", { class: "edge", d: lines.map(l => l.path).join("") })]);
  } else {
    lines.forEach(line => wanted.set("e" + line.a + "-" + line.b + "-" + line.edges[0], ["edges", () => edgeElement(line)]));
    boxes.forEach(box => wanted.set(box.key, ["boxes", () => boxElement(box)]));
  }
  for (const [key, element] of scene.elements) if (!wanted.has(key)) { element.remove(); scene.elements.delete(key); }
  for (const [key, [layer, create]] of wanted) {
    if (!scene.elements.has(key)) {
      const element = create();
      scene.layer(layer).appendChild(element);
      scene.elements.set(key, element);
    }
  }
  mark();
}

const kindOf = box => box.scope ? "module" : nodes[box.id].kind;
const rectPath = b => `M${(b.x - b.width / 2).toFixed(1)},${(b.y - b.height / 2).toFixed(1)}h${b.width.toFixed(1)}v${b.height.toFixed(1)}h${-b.width.toFixed(1)}z`;

function frameElement(frame) {
  const g = make("g", { class: "frame depth" + Math.min(frame.depth, 2), "data-key": "s" + frame.scope });
  make("rect", { x: frame.x - frame.width / 2, y: frame.y - frame.height / 2, width: frame.width, height: frame.height, rx: 7 }, g);
  const label = make("text", { x: frame.x - frame.width / 2 + 8, y: frame.y - frame.height / 2 + 15 }, g, "▾ " + scopes[frame.scope].label);
  make("title", {}, label, "click to close");
  return g;
}

function edgeElement(line) {
  const path = make("path", { class: "edge" + (line.constant ? " constant" : "") + (line.saved ? " saved" : ""), d: line.path });
  if (!line.saved) path.setAttribute("marker-end", "url(#arrow)");
  return path;
}

function boxElement(box) {
  const node = box.scope ? null : nodes[box.id];
  const marks = node ? (node.view ? " view" : "") + (node.in_place ? " inplace" : "") : "";
  const g = make("g", { class: "box " + kindOf(box) + marks, "data-key": box.key });
  make("rect", { x: box.x - box.width / 2, y: box.y - box.height / 2, width: box.width, height: box.height, rx: 5 }, g);
  const first = box.y - (box.lines.length - 1) * LINE / 2 + 4;
  box.lines.forEach((line, i) => make("text", { x: box.x, y: first + i * LINE }, g, (box.scope && !i ? "▸ " : "") + line));
  make("text", { class: "grad", x: box.x + box.width / 2, y: box.y + box.height / 2 + 13 }, g);
  return g;
}

// Classes for what is selected, found, and done so far.
function mark() {
  const found = new Set(state.found.map(boxKey)), now = stepsSoFar();
  for (const box of view.boxes) {
    const element = scene.elements.get(box.key);
    if (!element) continue;
    element.classList.toggle("selected", state.selected === box.key);
    element.classList.toggle("found", found.has(box.key));
    element.classList.toggle("done", now.done.has(box.key));
    element.classList.toggle("now", now.key === box.key);
    element.classList.toggle("gradient", now.arrived.has(box.key));
    const text = now.arrived.get(box.key) || "", label = element.lastChild;
    if (label.textContent !== text) label.textContent = text;
    const rect = element.firstChild, shade = state.heat ? heatOf(box) : "";
    if (rect.style.fill !== shade) rect.style.fill = shade;
    element.classList.toggle("heated", shade !== "");
  }
}

// steps: the operations forwards, then the nodes backwards -------------------------------------------------------------

const order = DATA.forward.map(n => ({ forward: true, node: n })).concat(steps.map(step => ({ forward: false, ...step })));
const text = stats => !stats ? "?" : stats.text;

// Where each gradient went up to and with the step now: for each node what has arrived, from which steps.
function arrivals(upTo) {
  const into = new Map();
  for (let k = 0; k < upTo; k++) {
    const step = order[k];
    if (step.forward) continue;
    if (!into.has(step.node)) into.set(step.node, { parts: [], total: null });
    into.get(step.node).total = step.incoming || "ran";
    for (const e of nodes[step.node].inputs) {
      const edge = edges[e];
      if (edge.saved || edge.constant) continue;
      const given = step.outgoing.length ? step.outgoing[edge.position] : undefined;
      if (given === null) continue;
      if (!into.has(edge.source)) into.set(edge.source, { parts: [], total: null });
      into.get(edge.source).parts.push(given);
    }
  }
  return into;
}

function gradientText(n, got) {
  if (got.total && got.total !== "ran") return "∇ " + text(got.total);
  if (got.total) return "∇";
  const expected = nodes[n].outputs.filter(e => !edges[e].saved && !edges[e].constant).length;
  if (!got.parts[0]) return `∇ ${got.parts.length}/${expected}`;
  const values = got.parts.map(part => part.value);
  const sum = values.every(v => typeof v === "number") ? number(values.reduce((a, b) => a + b, 0)) : got.parts.map(text).join(" + ");
  return expected > 1 ? `∇ ${sum} (${got.parts.length} of ${expected})` : "∇ " + sum;
}
const number = v => String(+v.toPrecision(4));

function stepsSoFar() {
  const done = new Set(), arrived = new Map();
  if (!state.step) return { done, arrived, key: null };
  for (let k = 0; k < state.step && order[k].forward; k++) done.add(boxKey(order[k].node));
  if (!order[state.step - 1].forward) {
    for (const [n, got] of arrivals(state.step)) {
      const key = boxKey(n);
      if (key[0] === "n") arrived.set(key, gradientText(n, got)); else if (!arrived.has(key)) arrived.set(key, "∇");
    }
  }
  return { done, arrived, key: boxKey(order[state.step - 1].node) };
}

function describeStep(k) {
  if (!k) return order.length ? "Press play: first forwards, then backwards." : "Nothing to step through.";
  const step = order[k - 1], node = nodes[step.node], forwards = DATA.forward.length;
  const where = node.scope >= 0 ? ` in ${scopes[node.scope].label}` : "";
  if (step.forward) return `forward ${k} of ${forwards}: ${node.label}${where}` + (node.value ? ` gives ${text(node.value)}` : "");
  let said = `backward ${k - forwards} of ${steps.length}: `;
  if (node.kind !== "op") return said + `${node.label} takes the gradient ${step.incoming ? text(step.incoming) : ""}`.trim();
  said += `${node.label}${where} receives ${step.incoming ? text(step.incoming) : "its gradient"}`;
  const sent = node.inputs.map(e => edges[e]).filter(edge => !edge.saved && !edge.constant);
  const parts = sent.map(edge => `${nodes[edge.source].label}${step.outgoing[edge.position] ? " " + text(step.outgoing[edge.position]) : ""}`);
  return said + (parts.length ? `, sends to ${parts.join(", ")}` : "");
}

function goToStep(k, follow = true) {
  state.step = Math.max(0, Math.min(order.length, k));
  $("slider").value = state.step;
  $("status").textContent = describeStep(state.step);
  if (follow && state.step) lookAt(boxKey(order[state.step - 1].node), false);
  draw();
}

function play() {
  if (state.playing) { clearInterval(state.playing); state.playing = 0; }
  else {
    if (state.step >= order.length) goToStep(0);
    state.playing = setInterval(() => { if (state.step >= order.length) play(); else goToStep(state.step + 1); }, +$("speed").value);
  }
  $("play").textContent = state.playing ? "⏸" : "▶";
  $("play").setAttribute("aria-label", state.playing ? "pause" : "play");
}

// colour by gradient ----------------------------------------------------------------------------------------------------

const norms = nodes.map(node => node.grad ? node.grad.norm : null);
const logs = norms.filter(n => n > 0 && isFinite(n)).map(Math.log10);
const [low, high] = logs.reduce(([a, b], v) => [Math.min(a, v), Math.max(b, v)], [Infinity, -Infinity]);
function heatOf(box) {
  const norm = box.scope ? Math.max(...scopes[box.id].members.map(n => norms[n] ?? -1)) : norms[box.id];
  if (norm === null || norm === -1) return "";
  if (!isFinite(norm) || norm !== norm) return "#ff66ff";
  if (!norm) return "#9dbdf5";
  const t = high > low ? (Math.log10(norm) - low) / (high - low) : 0.5;
  return `rgb(${255 - 15 * t}, ${236 - 136 * t}, ${214 - 140 * t})`;
}

// camera -----------------------------------------------------------------------------------------------------------------

function fit() {
  const { width, height } = svg.getBoundingClientRect();
  const scale = Math.min(1.25, (width - 40) / Math.max(view.width, 1), (height - 40) / Math.max(view.height, 1));
  camera = { scale, x: (width - view.width * scale) / 2, y: Math.max(20, (height - view.height * scale) / 2) };
  draw();
}
function start() { // as fit, but never too small to read
  fit();
  if (camera.scale < 0.6) {
    const { width, height } = svg.getBoundingClientRect(), output = view.boxes.find(box => kindOf(box) === "input") || view.boxes[0];
    camera = { scale: 0.8, x: width / 2 - (output ? output.x : view.width / 2) * 0.8, y: 20 };
    if (output) camera.y = height / 4 - output.y * 0.8;
    camera.y = Math.min(camera.y, 20);
  }
  draw();
}
function zoom(factor, cx, cy) {
  const { width, height, left, top } = svg.getBoundingClientRect();
  const px = cx === undefined ? width / 2 : cx - left, py = cy === undefined ? height / 2 : cy - top;
  const scale = Math.max(0.01, Math.min(8, camera.scale * factor)), ratio = scale / camera.scale;
  camera = { scale, x: px - (px - camera.x) * ratio, y: py - (py - camera.y) * ratio };
  draw();
}
function pan(dx, dy) { camera.x += dx; camera.y += dy; draw(); }
function lookAt(key, always = true) {
  const box = view.byKey.get(key);
  if (!box) return;
  const { width, height } = svg.getBoundingClientRect();
  const x = box.x * camera.scale + camera.x, y = box.y * camera.scale + camera.y;
  const free = width > 800 && !$("details").hidden ? width - $("details").offsetWidth : width;
  if (always || x < 60 || y < 40 || x > free - 60 || y > height - 40) pan(free / 2 - x, height / 2 - y);
}

// what one does -----------------------------------------------------------------------------------------------------------

function toggle(s) {
  if (state.open.has(s)) state.open.delete(s); else state.open.add(s);
  rebuild("s" + s);
  if (state.selected && !view.byKey.has(state.selected)) select(state.open.has(s) ? null : "s" + s);
}
function openAll() { scopes.forEach((_, s) => state.open.add(s)); rebuild(); start(); }
function closeAll() { state.open.clear(); rebuild(); start(); }
function reveal(n) {
  let changed = false;
  for (let s = nodes[n].scope; s >= 0; s = scopes[s].parent) if (!state.open.has(s)) { state.open.add(s); changed = true; }
  if (nodes[n].kind === "leaf" && !state.leaves) { state.leaves = changed = true; $("leaves").checked = true; }
  if (changed) rebuild();
  select("n" + n);
  lookAt("n" + n);
}

function select(key) {
  state.selected = key;
  const panel = $("details");
  panel.replaceChildren();
  panel.hidden = key === null;
  if (key !== null) panel.append(tag("button", "×", { className: "close", title: "close (Esc)", ariaLabel: "close", onclick: () => select(null) }));
  if (key !== null) (key[0] === "n" ? nodeDetails : scopeDetails)(+key.slice(1), panel);
  draw();
}

const row = (table, name, value) => { if (value) table.append(tag("tr", "", {}, tag("th", name), tag("td", value))); };
const bytes = b => b < 1024 ? b + " B" : b < 1024 * 1024 ? (b / 1024).toFixed(1) + " KB" : (b / 1024 / 1024).toFixed(1) + " MB";
const statsText = s => !s ? "" : s.value !== undefined ? text(s) : `norm ${number(s.norm)}` + (s.mean === undefined ? "" : `, mean ${number(s.mean)}, from ${number(s.low)} to ${number(s.high)}`);

function nodeDetails(n, panel) {
  const node = nodes[n], table = tag("table", "");
  panel.append(tag("h2", node.label), table);
  row(table, "kind", { op: "operation", leaf: "leaf tensor", saved: "saved tensor", base: "base of a view" }[node.kind] || node.kind);
  row(table, "grad_fn", node.op);
  row(table, "name", node.name);
  row(table, "module", node.scope >= 0 ? scopes[node.scope].label : "");
  row(table, "shape", node.shape);
  row(table, "dtype", node.dtype);
  row(table, "value", statsText(node.value));
  row(table, "gradient", statsText(node.grad));
  row(table, "note", [node.view && "a view: shares its input's memory", node.in_place && "written in place"].filter(Boolean).join("; "));
  for (const [name, value] of node.attrs) row(table, name, value);
  if (node.source) {
    const [where, ...code] = node.source.split(": ");
    panel.append(tag("h3", "called at " + where), tag("pre", code.join(": ")));
  }
  if (DATA.formulas[node.entry]) panel.append(tag("h3", "formula"), tag("pre", DATA.formulas[node.entry], { className: "formula" }));
  if (node.kind === "op") {
    const total = node.saved.reduce((sum, kept) => sum + kept[3], 0);
    panel.append(tag("h3", node.freed ? "saved for backward: freed" : node.saved.length ? `saved for backward: ${bytes(total)}` : "saves nothing for backward"));
    const kept = tag("table", "");
    for (const [name, shape, dtype, size] of node.saved) row(kept, name, `${shape} ${dtype}, ${bytes(size)}`);
    panel.append(kept);
  }
  links(panel, "made of", node.inputs.map(e => edges[e].source));
  links(panel, "used by", node.outputs.map(e => edges[e].target));
}

function scopeDetails(s, panel) {
  const scope = scopes[s], table = tag("table", "");
  panel.append(tag("h2", scope.label), table);
  row(table, "class", scope.class_name);
  row(table, "name", scope.path);
  row(table, "settings", scope.detail);
  const own = scope.members.map(n => nodes[n]);
  row(table, "operations", String(own.filter(node => node.kind === "op").length));
  row(table, "parameters", scope.numbers);
  row(table, "saved", bytes(own.reduce((sum, node) => sum + node.saved.reduce((a, kept) => a + kept[3], 0), 0)));
  panel.append(tag("button", state.open.has(s) ? "close it" : "open it", { onclick: () => { toggle(s); } }));
}

function links(panel, title, list) {
  if (!list.length) return;
  panel.append(tag("h3", title));
  [...new Set(list)].slice(0, 30).forEach(n => {
    const module = nodes[n].scope >= 0 ? ` · ${scopes[nodes[n].scope].label}` : "";
    panel.append(tag("button", `${nodes[n].label} ${nodes[n].shape}${module}`, { className: "link", onclick: () => reveal(n) }));
  });
}

function search(query) {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  state.found = !words.length ? [] : nodes.map((_, n) => n).filter(n => words.every(word => nodes[n].text.includes(word)));
  state.at = -1;
  $("count").textContent = words.length ? `${state.found.length} found` : "";
  draw();
}
function next(by) {
  if (!state.found.length) return;
  state.at = (state.at + by + state.found.length) % state.found.length;
  $("count").textContent = `${state.at + 1} of ${state.found.length}`;
  reveal(state.found[state.at]);
}

// From the selected box to a neighbour: up to what it is made of, down to who uses it, sideways in its row.
function move(direction) {
  const box = view.byKey.get(state.selected);
  if (!box) { if (view.boxes.length) { select(view.boxes[0].key); lookAt(state.selected); } return; }
  const i = view.boxes.indexOf(box);
  let candidates = [];
  if (direction === "ArrowUp") candidates = view.lines.filter(l => l.b === i).map(l => view.boxes[l.a]);
  if (direction === "ArrowDown") candidates = view.lines.filter(l => l.a === i).map(l => view.boxes[l.b]);
  if (direction === "ArrowLeft") candidates = view.boxes.filter(b => b.x < box.x && Math.abs(b.y - box.y) < 60);
  if (direction === "ArrowRight") candidates = view.boxes.filter(b => b.x > box.x && Math.abs(b.y - box.y) < 60);
  const far = b => Math.hypot(b.x - box.x, b.y - box.y);
  const nearest = candidates.sort((a, b) => far(a) - far(b))[0];
  if (nearest) { select(nearest.key); lookAt(nearest.key, false); }
}

// events --------------------------------------------------------------------------------------------------------------------

let drag = null;
svg.addEventListener("pointerdown", event => {
  drag = { x: event.clientX, y: event.clientY, moved: false, target: event.target };
});
svg.addEventListener("pointermove", event => {
  if (!drag || !event.buttons) return;
  const dx = event.clientX - drag.x, dy = event.clientY - drag.y;
  if (!drag.moved && Math.abs(dx) + Math.abs(dy) < 4) return;
  if (!drag.moved) svg.setPointerCapture(event.pointerId);
  Object.assign(drag, { moved: true, x: event.clientX, y: event.clientY });
  pan(dx, dy);
});
svg.addEventListener("pointerup", () => {
  const target = drag && !drag.moved && drag.target.closest("[data-key]");
  if (drag && !drag.moved) {
    if (!target) select(null);
    else if (target.classList.contains("frame")) { if (drag.target.tagName === "text") toggle(+target.dataset.key.slice(1)); else select(target.dataset.key); }
    else select(target.dataset.key);
  }
  drag = null;
});
svg.addEventListener("dblclick", event => {
  const target = event.target.closest("[data-key]");
  if (target && target.dataset.key[0] === "s") toggle(+target.dataset.key.slice(1));
});
svg.addEventListener("wheel", event => {
  event.preventDefault();
  if (event.shiftKey) pan(-event.deltaY, 0); else zoom(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0015)), event.clientX, event.clientY);
}, { passive: false });

const KEYS = {
  "+": () => zoom(1.25), "=": () => zoom(1.25), "-": () => zoom(0.8), "0": fit, "/": () => $("search").focus(),
  ".": () => goToStep(state.step + 1), ",": () => goToStep(state.step - 1), " ": play, o: openAll, c: closeAll,
  g: () => $("heat").click(), p: () => $("leaves").click(), t: theme, "?": () => { $("help").hidden = !$("help").hidden; },
  n: () => next(1), N: () => next(-1),
  Escape: () => { $("help").hidden = true; select(null); },
  Enter: () => {
    const key = state.selected;
    if (key && key[0] === "s") toggle(+key.slice(1)); else if (key && nodes[+key.slice(1)].scope >= 0) toggle(nodes[+key.slice(1)].scope);
  },
};
document.addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const field = event.target.closest("input, select, button");
  if (field) {
    if (event.key === "Escape") { field.blur(); svg.focus(); event.preventDefault(); }
    if (event.target === $("search") && event.key === "Enter") { next(event.shiftKey ? -1 : 1); event.preventDefault(); }
    return;
  }
  if (event.key.startsWith("Arrow")) {
    if (event.shiftKey) pan({ ArrowLeft: 80, ArrowRight: -80 }[event.key] || 0, { ArrowUp: 80, ArrowDown: -80 }[event.key] || 0);
    else move(event.key);
  } else if (KEYS[event.key]) KEYS[event.key]();
  else return;
  event.preventDefault();
});

function theme() {
  const root = document.documentElement, dark = getComputedStyle(root).getPropertyValue("--dark").trim() === "1";
  root.dataset.theme = dark ? "light" : "dark";
}
$("search").addEventListener("input", event => search(event.target.value));
$("next").onclick = () => next(1);
$("open").onclick = openAll;
$("close").onclick = closeAll;
$("fit").onclick = fit;
$("theme").onclick = theme;
$("keys").onclick = KEYS["?"];
$("play").onclick = play;
$("first").onclick = () => goToStep(0);
$("back").onclick = () => goToStep(state.step - 1);
$("forward").onclick = () => goToStep(state.step + 1);
$("turn").onclick = () => goToStep(DATA.forward.length + 1);
$("slider").max = order.length;
$("slider").addEventListener("input", event => goToStep(+event.target.value));
$("leaves").addEventListener("change", event => { state.leaves = event.target.checked; rebuild(state.selected); });
$("heat").addEventListener("change", event => { state.heat = event.target.checked; draw(); });
$("heat").parentElement.hidden = !logs.length;
$("speed").addEventListener("change", () => { if (state.playing) { play(); play(); } });
new ResizeObserver(draw).observe(svg);

openAtFirst();
$("leaves").checked = state.leaves;
rebuild();
start();
goToStep(0);
window.page = { state, get view() { return view; }, get camera() { return camera; }, order, drawNow, search, next, toggle, goToStep, openAll, closeAll, select, reveal, fit };
