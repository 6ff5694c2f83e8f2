// The picture of the mesh: nodes pushed apart by each other, held together by their links.
"use strict";

const mesh = (() => {
  const width = 800;
  const height = 420;
  const few = 12; // with more nodes, words stand only at the one that is looked at
  const many = 60; // with more, only some have their names
  const places = new Map(); // id -> {x, y}; kept, so that the picture changes only where the mesh does
  let drawn = "";

  function edgesOf(nodes) {
    const edges = new Map();
    for (const node of nodes) {
      for (const peer of node.linkState || []) {
        const key = [node.id, peer].sort().join("\n");
        const costs = node.linkCosts || {};
        const edge = edges.get(key) || { ends: [node.id, peer].sort(), cost: null, used: false };
        edge.cost = edge.cost ?? costs[peer] ?? null;
        edges.set(key, edge);
      }
    }
    return edges;
  }

  // A link is in use when some node's cheapest way from here ends with it.
  function markUsed(nodes, edges, self) {
    const costOf = new Map(nodes.map((node) => [node.id, node.id === self ? 0 : node.cost]));
    for (const edge of edges.values()) {
      const [a, b] = edge.ends.map((id) => costOf.get(id));
      edge.used = edge.cost !== null && a !== undefined && b !== undefined && Math.abs(a - b) === edge.cost;
    }
  }

  function place(nodes, edges) {
    nodes.forEach((node, index) => {
      if (!places.has(node.id)) {
        const angle = (2 * Math.PI * index) / nodes.length - Math.PI / 2;
        places.set(node.id, { x: width / 2 + 150 * Math.cos(angle), y: height / 2 + 120 * Math.sin(angle) });
      }
    });
    for (const id of places.keys()) {
      if (!nodes.some((node) => node.id === id)) places.delete(id);
    }
    const ideal = Math.min(190, 620 / Math.sqrt(nodes.length));
    for (let step = 0; step < 300; step += 1) {
      relax(nodes, edges, ideal, 12 * (1 - step / 300) + 0.5);
    }
    fit(nodes);
  }

  function relax(nodes, edges, ideal, most) {
    const push = new Map(nodes.map((node) => [node.id, { x: 0, y: 0 }]));
    const force = (a, b, strength) => {
      const from = places.get(a);
      const to = places.get(b);
      if (!from || !to) return;
      const dx = to.x - from.x || 0.1;
      const dy = to.y - from.y || 0.1;
      const distance = Math.max(1, Math.hypot(dx, dy));
      const size = strength(distance) / distance;
      push.get(a).x += dx * size;
      push.get(a).y += dy * size;
      push.get(b).x -= dx * size;
      push.get(b).y -= dy * size;
    };
    for (let i = 0; i < nodes.length; i += 1) {
      for (let k = i + 1; k < nodes.length; k += 1) {
        force(nodes[i].id, nodes[k].id, (distance) => (-ideal * ideal) / distance);
      }
    }
    for (const edge of edges.values()) {
      force(edge.ends[0], edge.ends[1], (distance) => (distance * distance) / ideal);
    }
    for (const node of nodes) {
      const spot = places.get(node.id);
      const moved = push.get(node.id);
      const length = Math.max(1, Math.hypot(moved.x, moved.y));
      spot.x += (moved.x / length) * Math.min(length, most);
      spot.y += (moved.y / length) * Math.min(length, most);
    }
  }

  function fit(nodes) {
    const xs = nodes.map((node) => places.get(node.id).x);
    const ys = nodes.map((node) => places.get(node.id).y);
    const wide = (width - 140) / Math.max(1, Math.max(...xs) - Math.min(...xs));
    const tall = (height - 110) / Math.max(1, Math.max(...ys) - Math.min(...ys));
    // Few nodes keep their shape; many may be stretched to use all the room.
    const most = nodes.length > few ? 3 : 1.6;
    const scale = { x: Math.min(most, nodes.length > few ? wide : Math.min(wide, tall)), y: Math.min(most, tall) };
    if (nodes.length <= few) scale.y = scale.x;
    const middleX = (Math.max(...xs) + Math.min(...xs)) / 2;
    const middleY = (Math.max(...ys) + Math.min(...ys)) / 2;
    for (const node of nodes) {
      const spot = places.get(node.id);
      spot.x = width / 2 + (spot.x - middleX) * scale.x;
      spot.y = height / 2 + (spot.y - middleY) * scale.y - 8;
    }
  }

  // One line per decade of bytes per second.
  function widthOf(flow, dense) {
    const wide = flow > 0 ? Math.min(9, 2 + Math.log10(1 + flow)) : 2;
    return dense ? wide / 2 : wide;
  }

  function drawEdge(edge, options) {
    const ids = edge.ends;
    const flow = options.flow;
    const [from, to] = ids.map((id) => places.get(id));
    if (!from || !to) return [];
    const there = flow(ids[0], ids[1]);
    const back = flow(ids[1], ids[0]);
    const known = there !== null || back !== null;
    const sum = (there || 0) + (back || 0);
    const group = drawing("g", { class: "link" });
    const words = ids[0] + " → " + ids[1] + ": " + bytes(there) + "/s\n" + ids[1] + " → " + ids[0] + ": " +
      bytes(back) + "/s\ncost " + (edge.cost ?? "unknown");
    group.append(drawing("title", {}, words),
      drawing("line", {
        class: edge.used ? "edge used" : "edge", x1: from.x, y1: from.y, x2: to.x, y2: to.y,
        "stroke-width": widthOf(sum, options.dense).toFixed(1),
      }));
    if (options.dense && !ids.includes(options.chosen)) return [group];
    // Text beside the line, on its outer side.
    const middle = { x: (from.x + to.x) / 2, y: (from.y + to.y) / 2 };
    const length = Math.max(1, Math.hypot(to.x - from.x, to.y - from.y));
    let aside = { x: -(to.y - from.y) / length, y: (to.x - from.x) / length };
    if (aside.x * (middle.x - width / 2) + aside.y * (middle.y - height / 2) < 0) {
      aside = { x: -aside.x, y: -aside.y };
    }
    const anchor = Math.abs(aside.x) < 0.35 ? "middle" : aside.x > 0 ? "start" : "end";
    const spot = { x: middle.x + 16 * aside.x, y: middle.y + 20 * aside.y - 3 };
    const text = drawing("text", { class: "edge-text", x: spot.x, y: spot.y, "text-anchor": anchor });
    if (edge.cost !== null) text.append(drawing("tspan", {}, "cost " + edge.cost));
    if (known) {
      text.append(drawing("tspan", { class: "rate-text", x: spot.x, dy: edge.cost === null ? 0 : 15 },
        bytes(sum) + "/s"));
    }
    group.append(text);
    return [group];
  }

  // Where the name of a node goes: away from its links, below it when they are all around.
  function labelSpot(node, edges, wordy) {
    const spot = places.get(node.id);
    const near = wordy ? 0 : 12; // a small node and one line of text
    let x = 0;
    let y = 0;
    for (const edge of edges.values()) {
      const other = edge.ends[0] === node.id ? edge.ends[1] : edge.ends[1] === node.id ? edge.ends[0] : null;
      const end = other === null ? null : places.get(other);
      if (!end) continue;
      const length = Math.max(1, Math.hypot(end.x - spot.x, end.y - spot.y));
      x -= (end.x - spot.x) / length;
      y -= (end.y - spot.y) / length;
    }
    if (Math.hypot(x, y) < 0.3 || Math.abs(y) >= Math.abs(x)) {
      const above = wordy ? 38 : 13;
      return { x: spot.x, y: y < -0.3 ? spot.y - above : spot.y + 36 - near, anchor: "middle" };
    }
    // At the edge there is no room beside it.
    const room = wordy ? 130 : 60;
    if (spot.x < room || spot.x > width - room) return { x: spot.x, y: spot.y + 36 - near, anchor: "middle" };
    return { x: spot.x + (x > 0 ? 26 - near : near - 26), y: spot.y + near / 3, anchor: x > 0 ? "start" : "end" };
  }

  function drawNode(node, options, label) {
    const spot = places.get(node.id);
    const trouble = node.stuck > 0 || node.words === "does not answer" ? " bad"
      : node.blocked > 0 || (node.words && node.words !== "running") ? " warn" : "";
    const group = drawing("g", {
      class: "node" + (node.id === options.own ? " self" : "") + (node.id === options.chosen ? " chosen" : "") +
        trouble,
      tabindex: 0, role: "button", "aria-label": "Look at node " + node.id,
    });
    const chosen = node.id === options.chosen;
    const wordy = !options.dense || chosen;
    const named = options.size <= many || chosen || node.id === options.own || trouble;
    const radius = options.dense ? (options.size > many ? 4 : 8) : 13;
    const rates = node.rateIn === null || node.rateIn === undefined ? ""
      : rate(node.rateIn) + " in, " + rate(node.rateOut) + " out /s";
    const name = node.id.length > 24 ? node.id.slice(0, 23) + "…" : node.id;
    group.append(drawing("title", {}, node.id + (node.id === options.own ? " (serves this page)" : ", cost " + node.cost) +
        (node.words ? ", " + node.words : "") + "\nmessages from and to its clients: " + (rates || "not known")));
    if (chosen) group.append(drawing("circle", { class: "halo", cx: spot.x, cy: spot.y, r: radius + 7 }));
    group.append(drawing("circle", { cx: spot.x, cy: spot.y, r: radius }));
    if (named) {
      group.append(drawing("text", { class: wordy ? "name" : "name small", x: label.x, y: label.y,
        "text-anchor": label.anchor }, name));
    }
    if (wordy) {
      group.append(drawing("text", { class: "sub", x: label.x, y: label.y + 14, "text-anchor": label.anchor },
        node.words === "does not answer" ? node.words : rates));
    }
    group.onclick = () => options.choose(node.id);
    group.onkeydown = (event) => { if (event.key === "Enter") options.choose(node.id); };
    return group;
  }

  // `options`: own and chosen (ids), choose(id), flow(from, to): bytes per second or null.
  function draw(svg, nodes, options) {
    const edges = edgesOf(nodes);
    markUsed(nodes, edges, options.own);
    const shape = nodes.map((node) => node.id).sort().join("\n") + "\n\n" + [...edges.keys()].sort().join("\n\n");
    if (shape !== drawn) {
      place(nodes, edges);
      drawn = shape;
    }
    const focused = svg.contains(document.activeElement) ? document.activeElement.getAttribute("aria-label") : null;
    svg.replaceChildren();
    const shown = { ...options, size: nodes.length, dense: nodes.length > few };
    for (const edge of edges.values()) svg.append(...drawEdge(edge, shown));
    for (const node of nodes) {
      const wordy = !shown.dense || node.id === options.chosen;
      const made = drawNode(node, shown, labelSpot(node, edges, wordy));
      svg.append(made);
      if (focused === made.getAttribute("aria-label")) made.focus();
    }
    return edges.size;
  }

  return { draw };
})();
