// The layered layout of layout.py and nested.py, line by line: the same input gets the same places (tested).
"use strict";

const GAP_X = 18, GAP_Y = 34, GAP_PORTS = 12, LANE = 6, GAP_LANES = 10, SWEEPS = 8, PAD = 12, HEAD = 22;

// Places for boxes of the given [width, height] joined by edges [from, to], which point down.
function layout(sizes, edges, starts, ends, first) {
  const rows = findRows(sizes.length, edges, first);
  const { members, laneOf } = findMembers(rows, edges, starts);
  const { up, down } = findNeighbours(members, edges, laneOf, starts, ends, rows.length);
  orderRows(members, up, down);
  const widths = sizes.map(size => size[0]).concat(new Array(up.length - sizes.length).fill(LANE));
  const x = findColumns(members, up, down, widths, sizes.length);
  const heights = members.map(row => row.reduce((most, i) => i < sizes.length ? Math.max(most, sizes[i][1]) : most, 0));
  const tops = [0];
  heights.forEach((height, row) => { // a row of ports alone needs no room
    tops.push(tops[row] + height + (!height || heights[row + 1] === 0 ? GAP_PORTS : GAP_Y));
  });
  const ledTo = new Set(edges.map(edge => edge[1]));
  const boxes = sizes.map(([width, height], i) => { // what nothing leads to stands near to what it leads to
    const spare = heights[rows[i]] - height;
    return { x: x[i], y: tops[rows[i]] + height / 2 + (ledTo.has(i) ? spare / 2 : spare), width, height };
  });
  const lines = findLines(boxes, edges, starts, ends, rows, laneOf, x, tops, heights);
  let right = 0;
  for (const row of members) for (const i of row) right = Math.max(right, x[i] + widths[i] / 2);
  return { boxes, lines, width: right, height: members.length ? tops[heights.length - 1] + heights[heights.length - 1] : 0 };
}

// The row of each box, counted from the top: as low as it can be above everything that it leads to.
function findRows(count, edges, first) {
  const sources = Array.from({ length: count }, () => []);
  const left = new Array(count).fill(0), height = new Array(count).fill(0);
  for (const [source, target] of edges) { sources[target].push(source); left[source]++; }
  const ready = [];
  for (let i = 0; i < count; i++) if (!left[i]) ready.push(i);
  let done = 0, highest = 0;
  while (ready.length) {
    const target = ready.pop();
    done++;
    highest = Math.max(highest, height[target]);
    for (const source of sources[target]) {
      height[source] = Math.max(height[source], height[target] + 1);
      if (!--left[source]) ready.push(source);
    }
  }
  if (done < count) throw new Error("the edges form a cycle: there is no top and bottom to draw");
  for (const i of first) height[i] = highest;
  return height.map(h => highest - h);
}

// Who is in each row: boxes, and lanes for arrows that pass.
function findMembers(rows, edges, starts) {
  let most = -1;
  for (const row of rows) most = Math.max(most, row);
  const members = Array.from({ length: most + 1 }, () => []);
  rows.forEach((row, i) => members[row].push(i));
  const lowest = new Map();
  edges.forEach(([source, target], n) => {
    const key = source + " " + starts[n];
    const known = lowest.get(key);
    if (!known) lowest.set(key, { source, start: starts[n], row: Math.max(0, rows[target]) });
    else known.row = Math.max(known.row, rows[target]);
  });
  const laneOf = new Map();
  let count = rows.length;
  for (const [key, { source, start, row }] of lowest) {
    const mine = [];
    for (let r = rows[source] + 1; r < row; r++) { members[r].push(count); mine.push(count++); }
    laneOf.set(key, { source, start, mine });
  }
  return { members, laneOf };
}

// For each box and lane, what it is joined to in the row above and below: [which, how far right it should be].
function findNeighbours(members, edges, laneOf, starts, ends, boxes) {
  const rowOf = [];
  members.forEach((inside, row) => { for (const i of inside) rowOf[i] = row; });
  const up = Array.from({ length: rowOf.length || boxes }, () => []);
  const down = Array.from({ length: up.length }, () => []);
  const pairs = [], shift = new Map();
  for (const { source, start, mine } of laneOf.values()) {
    let above = source;
    for (const lane of mine) { pairs.push([above, lane]); above = lane; }
    if (mine.length && start) shift.set(source + " " + mine[0], start);
  }
  edges.forEach(([source, target], n) => {
    const steps = rowOf[target] - rowOf[source] - 1;
    const above = steps ? laneOf.get(source + " " + starts[n]).mine[steps - 1] : source;
    pairs.push([above, target]);
    const offset = (steps ? 0 : starts[n]) - (ends[n] || 0);
    if (offset) shift.set(above + " " + target, offset);
  });
  for (const [a, b] of pairs) {
    const s = shift.size ? shift.get(a + " " + b) || 0 : 0;
    down[a].push([b, s]);
    up[b].push([a, s]);
  }
  return { up, down };
}

// Order every row, in place: each member moves to the mean place of its neighbours, a row at a time.
function orderRows(members, up, down) {
  const place = new Int32Array(up.length), mean = new Float64Array(up.length);
  const copy = () => members.map(row => row.slice());
  let best = copy(), fewest = countCrossings(members, down, place);
  for (let sweep = 0; sweep < SWEEPS && fewest; sweep++) {
    const downwards = sweep % 2 === 0;
    const order = downwards ? members.slice(1) : members.slice(0, -1).reverse();
    const joined = downwards ? up : down;
    let before = downwards ? members[0] : members[members.length - 1];
    for (const row of order) {
      before.forEach((i, n) => { place[i] = n; });
      row.forEach((i, n) => {
        let sum = 0;
        for (const [j] of joined[i]) sum += place[j];
        mean[i] = joined[i].length ? sum / joined[i].length : n;
      });
      row.sort((a, b) => mean[a] - mean[b]);
      before = row;
    }
    const crossings = countCrossings(members, down, place);
    if (crossings < fewest) { best = copy(); fewest = crossings; }
  }
  best.forEach((row, r) => { members[r] = row; });
}

// How many pairs of arrows cross between neighbouring rows (counted with a Fenwick tree).
function countCrossings(members, down, place) {
  let crossings = 0;
  for (let r = 0; r + 1 < members.length; r++) {
    const below = members[r + 1], tree = new Int32Array(below.length + 1);
    below.forEach((i, n) => { place[i] = n; });
    let total = 0;
    for (const i of members[r]) {
      for (const [j] of down[i]) {
        let smaller = 0;
        for (let k = place[j] + 1; k > 0; k -= k & -k) smaller += tree[k];
        crossings += total - smaller;
      }
      for (const [j] of down[i]) {
        total++;
        for (let k = place[j] + 1; k < tree.length; k += k & -k) tree[k]++;
      }
    }
  }
  return crossings;
}

// The x of each box and lane, by Brandes and Koepf's method (2002): straight lines above all.
function findColumns(members, up, down, widths, count) {
  const place = new Int32Array(widths.length), crossed = crossedLanes(members, up, count, place);
  const four = [];
  for (const upwards of [false, true]) {
    const rows = upwards ? members.slice().reverse() : members, neighbours = upwards ? down : up;
    for (const side of [1, -1]) {
      const ordered = side === 1 ? rows : rows.map(row => row.slice().reverse());
      const { root, offset } = align(ordered, neighbours, crossed, !upwards, widths.length, count, place);
      if (side === -1) offset.forEach((value, i) => { offset[i] = -value; });
      const x = compact(ordered, root, offset, widths, count);
      four.push(side === 1 ? x : x.map(value => -value));
    }
  }
  const spans = four.map(x => {
    let least = Infinity, most = -Infinity;
    x.forEach((value, i) => { least = Math.min(least, value - widths[i] / 2); most = Math.max(most, value + widths[i] / 2); });
    return [most - least, least, most];
  });
  let best = spans[0];
  for (const span of spans) if (span[0] < best[0] || (span[0] === best[0] && span[1] < best[1])) best = span;
  four.forEach((x, i) => {
    const move = i % 2 === 0 ? best[1] - spans[i][1] : best[2] - spans[i][2];
    x.forEach((value, n) => { x[n] = value + move; });
  });
  const places = widths.map((_, i) => {
    const values = four.map(x => x[i]).sort((a, b) => a - b);
    return (values[1] + values[2]) / 2;
  });
  let left = Infinity;
  places.forEach((value, i) => { left = Math.min(left, value - widths[i] / 2); });
  return places.map(value => value - left);
}

// The short arrows "above below" that cross a piece of a lane: they must give way to it.
function crossedLanes(members, up, count, place) {
  const crossed = new Set();
  for (let r = 0; r + 1 < members.length; r++) {
    const above = members[r], below = members[r + 1];
    above.forEach((i, n) => { place[i] = n; });
    let left = 0, waiting = 0;
    below.forEach((i, n) => {
      const lane = i >= count ? up[i].find(([j]) => j >= count) : undefined;
      if (lane === undefined && n < below.length - 1) return;
      const right = lane === undefined ? above.length : place[lane[0]];
      for (const k of below.slice(waiting, n + 1))
        for (const [j] of up[k])
          if ((place[j] < left || place[j] > right) && !(j >= count && k >= count)) crossed.add(j + " " + k);
      waiting = n + 1;
      left = right;
    });
  }
  return crossed;
}

// Blocks of members that stand above each other: for each the first of its block, and how far right of it.
function align(rows, neighbours, crossed, downwards, size, count, before) {
  const root = Array.from({ length: size }, (_, i) => i), offset = new Array(size).fill(0);
  for (const row of rows) {
    let taken = -1;
    for (const i of row) {
      let near = i >= count ? neighbours[i].filter(([j]) => j >= count) : [];
      if (!near.length) near = neighbours[i].slice().sort((a, b) => before[a[0]] - before[b[0]]);
      const end = near.length ? Math.floor(near.length / 2) + 1 : 0;
      for (const [j, s] of near.slice(Math.max(0, Math.floor((near.length - 1) / 2)), end)) {
        const pair = downwards ? j + " " + i : i + " " + j;
        if (root[i] === i && taken < before[j] && !crossed.has(pair)) {
          root[i] = root[j];
          taken = before[j];
          offset[i] = offset[j] + (downwards ? s : -s);
        }
      }
    }
    row.forEach((i, n) => { before[i] = n; });
  }
  return { root, offset };
}

// The places of the blocks, as far left as they can be, and then as near to the next block as they can be.
function compact(rows, root, offset, widths, count) {
  const after = root.map((r, i) => r === i ? new Map() : null), waiting = new Int32Array(widths.length);
  for (const row of rows) {
    for (let n = 0; n + 1 < row.length; n++) {
      const a = row[n], b = row[n + 1], gap = a >= count && b >= count ? GAP_LANES : GAP_X;
      const apart = (widths[a] + widths[b]) / 2 + gap + offset[a] - offset[b];
      const known = after[root[a]].get(root[b]);
      if (known === undefined) waiting[root[b]]++;
      if (known === undefined || known < apart) after[root[a]].set(root[b], apart);
    }
  }
  const x = new Array(widths.length).fill(0), order = [], ready = [];
  after.forEach((next, i) => { if (next && !waiting[i]) ready.push(i); });
  while (ready.length) {
    const block = ready.pop();
    order.push(block);
    for (const [other, apart] of after[block]) {
      x[other] = Math.max(x[other], x[block] + apart);
      if (!--waiting[other]) ready.push(other);
    }
  }
  for (const block of order.reverse()) {
    let least = Infinity;
    for (const [other, apart] of after[block]) least = Math.min(least, x[other] - apart);
    if (least < Infinity) x[block] = Math.max(x[block], least);
  }
  return widths.map((_, i) => x[root[i]] + offset[i]);
}

// The points of each edge: down from its box, through the lanes of the rows that it passes, to its end.
function findLines(boxes, edges, starts, ends, rows, laneOf, x, tops, heights) {
  const arriving = boxes.map(() => []);
  const lines = edges.map(([source, target], n) => {
    const box = boxes[source], row = rows[source], start = starts[n];
    const line = [[box.x + start, box.y + box.height / 2], [box.x + start, tops[row] + heights[row]]];
    const own = laneOf.get(source + " " + start);
    for (let r = row + 1; r < rows[target]; r++) {
      const at = x[own.mine[r - row - 1]];
      if (line[line.length - 1][0] !== at) line.push([at, tops[r]]); // else it goes straight on
      else if (line[line.length - 2][0] === at) line.pop();
      line.push([at, tops[r] + heights[r]]);
    }
    arriving[target].push(n);
    return line;
  });
  arriving.forEach((numbers, target) => {
    const box = boxes[target], step = Math.min(12, box.width / (numbers.length + 1));
    const from = new Map(numbers.map(n => [n, lines[n][lines[n].length - 1][0]]));
    numbers.slice().sort((a, b) => from.get(a) - from.get(b)).forEach((n, k) => {
      const end = box.x + (ends[n] === null ? (k - (numbers.length - 1) / 2) * step : ends[n]);
      lines[n].push([end, tops[rows[target]]], [end, box.y - box.height / 2]);
    });
  });
  return lines;
}

// groups: [{parent, label}], each after the one around it; inside: the group of each box. Adds the groups' frames.
function nested(sizes, edges, groups, inside) {
  const whole = groups.length;
  const level = () => ({ members: [], place: new Map(), edges: [], sources: [], known: new Map(), laid: null });
  const levels = Array.from({ length: whole + 1 }, level);
  const at = g => g < 0 ? whole : g;
  const member = (own, kind, which) => {
    const key = kind + which;
    if (!own.place.has(key)) { own.place.set(key, own.members.length); own.members.push([kind, which]); }
    return own.place.get(key);
  };
  sizes.forEach((_, i) => member(levels[at(inside[i])], "box", i));
  const used = new Set(inside);
  for (let g = whole - 1; g >= 0; g--) if (used.has(g)) used.add(groups[g].parent);
  groups.forEach((group, g) => { if (used.has(g)) member(levels[at(group.parent)], "group", g); });

  const around = g => { const found = [g]; while (g >= 0) { g = groups[g].parent; found.push(g); } return found; };
  const join = (own, source, a, b, tell) => {
    const key = source + " " + b + " " + tell;
    if (!own.known.has(key)) { own.known.set(key, own.edges.length); own.edges.push([a, b]); own.sources.push(source); }
    return own.known.get(key);
  };
  const routes = edges.map(([source, target], number) => {
    const out = around(inside[source]), into = around(inside[target]);
    while (out.length > 1 && into.length > 1 && out[out.length - 2] === into[into.length - 2]) { out.pop(); into.pop(); }
    const route = [];
    let from = ["box", source];
    for (const g of out.slice(0, -1)) {
      const own = levels[g], a = member(own, ...from), b = member(own, "out", source);
      route.push([g, join(own, source, a, b, -1)]);
      from = ["group", g];
    }
    let here = at(into[into.length - 1]);
    for (const g of into.slice(0, -1).reverse().concat([null])) {
      const own = levels[here], a = member(own, ...from);
      const b = g === null ? member(own, "box", target) : member(own, "group", g);
      const tell = g === null && from[0] === "box" && from[1] === source ? number : -1;
      route.push([here, join(own, source, a, b, tell)]);
      if (g !== null) { from = ["in", source]; here = g; }
    }
    return route;
  });

  const size = groups.map(() => [0, 0]);
  const port = (own, n, side, source) => {
    const [kind, which] = own.members[n];
    if (kind !== "group") return null;
    const inner = levels[which];
    return inner.laid.boxes[inner.place.get(side + source)].x - inner.laid.width / 2;
  };
  const put = own => {
    const first = [];
    const measures = own.members.map(([kind, which], n) => {
      if (kind === "in") first.push(n);
      return kind === "box" ? sizes[which] : kind === "group" ? size[which] : [0, 0];
    });
    const starts = own.edges.map(([a], n) => port(own, a, "out", own.sources[n]) || 0);
    const ends = own.edges.map(([, b], n) => own.members[b][0] === "out" ? 0 : port(own, b, "in", own.sources[n]));
    own.laid = layout(measures, own.edges, starts, ends, first);
  };
  for (let g = whole - 1; g >= 0; g--) {
    if (!used.has(g)) continue;
    put(levels[g]);
    size[g] = [Math.max(levels[g].laid.width, groups[g].label) + 2 * PAD, levels[g].laid.height + HEAD + PAD];
  }
  put(levels[whole]);

  const corner = Array.from({ length: whole + 1 }, () => [0, 0]);
  const frames = groups.map((group, g) => {
    if (!used.has(g)) return { x: 0, y: 0, width: 0, height: 0 };
    const own = levels[at(group.parent)], [left, top] = corner[at(group.parent)];
    const box = own.laid.boxes[own.place.get("group" + g)];
    corner[g] = [left + box.x - levels[g].laid.width / 2, top + box.y - box.height / 2 + HEAD];
    return { x: box.x + left, y: box.y + top, width: box.width, height: box.height };
  });
  const boxes = sizes.map((_, i) => {
    const own = levels[at(inside[i])], [left, top] = corner[at(inside[i])];
    const box = own.laid.boxes[own.place.get("box" + i)];
    return { x: box.x + left, y: box.y + top, width: box.width, height: box.height };
  });
  const lines = routes.map(route => route.flatMap(([g, n]) => {
    const [left, top] = corner[g];
    return levels[g].laid.lines[n].map(([px, py]) => [px + left, py + top]);
  }));
  return { boxes, lines, frames, width: levels[whole].laid.width, height: levels[whole].laid.height };
}
