// The picture of the mesh: nodes pushed apart by each other, held together by their links.
"use strict";

const mesh = (() => {
  const width = 800;
  const height = 420;
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
    const scale = Math.min(
      1.6,
      (width - 140) / Math.max(1, Math.max(...xs) - Math.min(...xs)),
      (height - 110) / Math.max(1, Math.max(...ys) - Math.min(...ys)));
    const middleX = (Math.max(...xs) + Math.min(...xs)) / 2;
    const middleY = (Math.max(...ys) + Math.min(...ys)) / 2;
    for (const node of nodes) {
      const spot = places.get(node.id);
      spot.x = width / 2 + (spot.x - middleX) * scale;
      spot.y = height / 2 + (spot.y - middleY) * scale - 8;
    }
  }

  function drawEdge(edge, rates, self) {
    const [from, to] = edge.ends.map((id) => places.get(id));
    const parts = [];
    if (!from || !to) return parts;
    parts.push(drawing("line", {
      class: edge.used ? "edge used" : "edge", x1: from.x, y1: from.y, x2: to.x, y2: to.y,
    }));
    const middle = { x: (from.x + to.x) / 2, y: (from.y + to.y) / 2 };
    if (edge.cost !== null) {
      parts.push(drawing("text", { class: "edge-text", x: middle.x, y: middle.y + 4 }, String(edge.cost)));
    }
    const peer = edge.ends.find((id) => id !== self);
    const flow = edge.ends.includes(self) ? rates.get(peer) : undefined;
    if (flow !== undefined) {
      parts.push(drawing("text", { class: "rate-text", x: middle.x, y: middle.y + 20 }, bytes(flow) + "/s"));
    }
    return parts;
  }

  function drawNode(node, self) {
    const spot = places.get(node.id);
    const group = drawing("g", { class: node.id === self ? "node self" : "node" });
    group.append(
      drawing("title", {}, node.id + (node.id === self ? " (this node)" : ", cost " + node.cost)),
      drawing("circle", { cx: spot.x, cy: spot.y, r: 13 }),
      drawing("text", { x: spot.x, y: spot.y + 30 }, node.id.length > 24 ? node.id.slice(0, 23) + "…" : node.id),
      drawing("text", { class: "sub", x: spot.x, y: spot.y + 44 },
        node.id === self ? "this node" : "cost " + node.cost));
    return group;
  }

  // `rates`: bytes per second over the connections to neighbours, by their id.
  function draw(svg, nodes, self, rates) {
    const edges = edgesOf(nodes);
    markUsed(nodes, edges, self);
    const shape = nodes.map((node) => node.id).sort().join("\n") + "\n\n" + [...edges.keys()].sort().join("\n\n");
    if (shape !== drawn) {
      place(nodes, edges);
      drawn = shape;
    }
    svg.replaceChildren();
    for (const edge of edges.values()) svg.append(...drawEdge(edge, rates, self));
    for (const node of nodes) svg.append(drawNode(node, self));
    return edges.size;
  }

  return { draw };
})();
