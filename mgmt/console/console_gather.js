// What the page knows: asked of the node's /api every turn, of other nodes through it.
"use strict";

const gather = (() => {
  const rowsMax = 5000; // of one table
  const remotePage = 500; // of one answer of another node
  const remoteRowsMax = 2000;
  const nodesPerTurn = 24; // a mesh of more is looked at in several turns

  const routerColumns = ["id", "version", "mode", "operState", "uptimeSeconds", "connectionCount", "linkCount",
    "memoryUsage", "deliveriesIngress", "deliveriesEgress", "deliveriesTransit", "deliveriesStuck", "linksBlocked"];
  const adjacencyColumns = ["neighbour", "state", "cost", "neighbourCost", "sinceSeconds", "losses", "connectionId",
    "bytesIn", "bytesOut"];
  const columns = {
    connections: ["connection", ["identity", "container", "host", "role", "dir", "user", "uptimeSeconds",
      "lastDlvSeconds", "links", "bytesIn", "bytesOut"]],
    addresses: ["router.address", ["name", "distribution", "subscriberCount", "remoteCount", "inProcess",
      "deliveriesIngress", "deliveriesEgress", "deliveriesTransit", "trackedDeliveries"]],
    connectors: ["connector", ["name", "connectionStatus", "connectionMsg"]],
    links: ["router.link", ["identity", "linkType", "linkDir", "owningAddr", "connectionId", "capacity",
      "creditAvailable", "undeliveredCount", "unsettledCount", "deliveryCount", "deliveriesStuck", "settleRate",
      "zeroCreditSeconds"]],
  };
  const overview = new Map(); // id -> what was last heard of that node, and before that
  let own = "";
  let turn = 0;

  async function page(type, attributes, node, offset, count) {
    const parts = ["offset=" + offset, "count=" + count];
    if (attributes) parts.push("attributes=" + attributes.join(","));
    if (node && node !== own) parts.push("node=" + encodeURIComponent(node));
    const response = await fetch("api/" + type + "?" + parts.join("&"));
    if (!response.ok) {
      const told = await response.json().catch(() => ({}));
      throw new Error(told.error || type + ": " + response.status);
    }
    return response.json();
  }

  async function ask(type, attributes, node) {
    if (!node || node === own) return page(type, attributes, node, 0, rowsMax);
    const all = { results: [], total: null };
    while (all.total === null && all.results.length < remoteRowsMax) {
      const answer = await page(type, attributes, node, all.results.length, remotePage);
      all.results.push(...answer.results);
      all.total = answer.total;
    }
    return all;
  }

  async function lookAt(id) {
    const before = overview.get(id);
    const seen = { before: before && before.router ? before : null };
    try {
      const [router, adjacencies] = await Promise.all([
        ask("router", id === own ? null : routerColumns, id), ask("router.adjacency", adjacencyColumns, id)]);
      seen.router = router.results[0];
      seen.adjacencies = adjacencies.results;
      seen.at = performance.now();
    } catch (error) {
      seen.error = error.message;
    }
    if (seen.before) seen.before = { router: before.router, adjacencies: before.adjacencies, at: before.at };
    overview.set(id, seen);
  }

  // Every node that is reachable, the chosen one always, others in turn when there are very many.
  async function lookAround(nodes, chosen) {
    const ids = nodes.map((node) => node.id).filter((id) => id !== own && id !== chosen);
    for (const id of overview.keys()) {
      if (id !== own && id !== chosen && !ids.includes(id)) overview.delete(id);
    }
    const asked = ids.length <= nodesPerTurn ? ids
      : Array.from({ length: nodesPerTurn }, (_, index) => ids[(turn * nodesPerTurn + index) % ids.length]);
    turn += 1;
    await Promise.all((chosen === own ? [own] : [own, chosen]).concat(asked).map(lookAt));
  }

  // `table`: which one is looked at. Links may be very many: only then, or when some are in trouble.
  async function all(chosen, table) {
    if (!own) own = (await page("router", ["id"], null, 0, 1)).results[0].id;
    const id = chosen || own;
    const nodes = (await ask("router.node")).results;
    if (id !== own && !nodes.some((node) => node.id === id)) {
      throw Object.assign(new Error("there is no node " + id), { gone: true });
    }
    await lookAround(nodes, id);
    const seen = overview.get(id);
    if (seen.error) throw new Error(seen.error);
    if (overview.get(own).error) throw new Error(overview.get(own).error);
    const router = id === own ? seen.router : (await ask("router", null, id)).results[0];
    const answers = { own, id, router, nodes, overview, at: performance.now(), total: {} };
    const wanted = ["connections", "addresses", "connectors"];
    if (table === "links" || router.deliveriesStuck > 0 || router.linksBlocked > 0) wanted.push("links");
    await Promise.all(wanted.map(async (name) => {
      const answer = await ask(columns[name][0], columns[name][1], id);
      answers[name] = answer.results;
      answers.total[name] = answer.total ?? answer.results.length + "+";
    }));
    const ready = await fetch("readyz");
    answers.missing = ready.ok ? "" : (await ready.text()).trim();
    return answers;
  }

  return { all };
})();

// Per second between two looks; null when there is nothing to compare with.
function perSecond(now, before, seconds, value) {
  if (!before || !now || !(seconds > 0)) return null;
  const gained = value(now) - value(before);
  return gained >= 0 ? gained / seconds : null;
}

// Of a node of the overview: rates of its counters.
function nodeRate(seen, name) {
  if (!seen || !seen.router || !seen.before) return null;
  return perSecond(seen.router, seen.before.router, (seen.at - seen.before.at) / 1000, (row) => row[name]);
}

// Connections between neighbours as each end tells them, with rates: the links of the mesh.
function meshLinks(overview) {
  const links = [];
  for (const [id, seen] of overview) {
    const seconds = seen.before ? (seen.at - seen.before.at) / 1000 : 0;
    for (const row of seen.adjacencies || []) {
      const before = seen.before &&
        (seen.before.adjacencies || []).find((one) => one.connectionId === row.connectionId);
      links.push({
        from: id, to: row.neighbour, state: row.state, cost: row.cost, theirCost: row.neighbourCost,
        since: row.sinceSeconds, losses: row.losses,
        out: perSecond(row, before, seconds, (one) => one.bytesOut),
        in: perSecond(row, before, seconds, (one) => one.bytesIn),
      });
    }
  }
  return links;
}

// Bytes per second from one node to a neighbour, as either end tells it.
function flowsOf(links) {
  const flows = new Map();
  const add = (from, to, value, which) => {
    if (value === null) return;
    const key = from + "\n" + to;
    const flow = flows.get(key) || { sent: null, received: null };
    flow[which] = (flow[which] ?? 0) + value;
    flows.set(key, flow);
  };
  for (const link of links) {
    add(link.from, link.to, link.out, "sent");
    add(link.to, link.from, link.in, "received");
  }
  return (from, to) => {
    const flow = flows.get(from + "\n" + to);
    return flow ? flow.sent ?? flow.received : null;
  };
}
