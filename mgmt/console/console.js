// The console: asks the node's /api every two seconds and shows what it says, of the mesh and of the
// node that is looked at. Texts of clients (addresses, container ids) only ever become text nodes.
"use strict";

const interval = 2000;
const historyMax = 60;
const histories = new Map(); // node and tile -> numbers
let previous = null; // the last answers, for rates
let latest = null;
let table = "addresses";
let note = ""; // why it is not the node that was asked for
let chosen = nodeOf(location.hash); // empty: the node that serves the page
let timer = null;

// Addresses of the page are kept and sent around: they may be cut, or of a node that is gone.
function nodeOf(hash) {
  const found = /^#node=(.*)$/.exec(hash);
  try {
    return found ? decodeURIComponent(found[1]) : "";
  } catch (error) {
    note = "the address of the page names no node";
    return "";
  }
}

function addRates() {
  const comparable = previous && previous.id === latest.id;
  const seconds = comparable ? (latest.at - previous.at) / 1000 : 0;
  const match = (name, key) => new Map(((comparable && previous[name]) || []).map((row) => [row[key], row]));
  const addresses = match("addresses", "name");
  for (const row of latest.addresses) {
    const before = addresses.get(row.name);
    row.rateIn = perSecond(row, before, seconds, (one) => one.deliveriesIngress);
    row.rateOut = perSecond(row, before, seconds, (one) => one.deliveriesEgress);
    row.rateThrough = perSecond(row, before, seconds, (one) => one.deliveriesTransit);
  }
  const connections = match("connections", "identity");
  for (const row of latest.connections) {
    const before = connections.get(row.identity);
    row.bytesInRate = perSecond(row, before, seconds, (one) => one.bytesIn);
    row.bytesOutRate = perSecond(row, before, seconds, (one) => one.bytesOut);
  }
  const peers = new Map(latest.connections.map((row) => [row.identity, row.container || row.host]));
  for (const row of latest.links || []) {
    row.peerName = peers.get(row.connectionId) || "connection " + row.connectionId;
  }
}

// What the overview says of each node, beside what the routing protocol says of it.
function addOverview() {
  for (const node of latest.nodes) {
    const seen = latest.overview.get(node.id);
    const router = seen && seen.router;
    node.words = "";
    if (seen && seen.error) node.words = "does not answer";
    else if (router) node.words = router.operState || "running";
    node.rateIn = nodeRate(seen, "deliveriesIngress");
    node.rateOut = nodeRate(seen, "deliveriesEgress");
    node.rateThrough = nodeRate(seen, "deliveriesTransit");
    node.stuck = router ? router.deliveriesStuck : null;
    node.blocked = router ? router.linksBlocked : null;
    node.connections = router ? router.connectionCount : null;
    node.memory = router ? router.memoryUsage : null;
    node.uptime = router ? router.uptimeSeconds : null;
  }
  latest.mesh = meshLinks(latest.overview);
}

function spark(values) {
  const svg = drawing("svg", { viewBox: "0 0 100 28", preserveAspectRatio: "none" });
  const most = Math.max(1, ...values);
  const points = values.map((value, index) =>
    ((index + historyMax - values.length) * 100) / (historyMax - 1) + "," + (26 - (24 * value) / most));
  if (points.length > 1) {
    const first = points[0].split(",")[0];
    svg.append(drawing("path", { class: "spark-fill", d: "M" + first + ",28 L" + points.join(" L") + " L100,28 Z" }),
      drawing("path", { class: "spark", d: "M" + points.join(" L") }));
  }
  return svg;
}

function tile(name, value, unit, options) {
  const made = element("div", { class: "tile " + ((options && options.level) || "") });
  const text = element("div", { class: "value" }, value);
  if (unit) text.append(element("span", { class: "unit" }, unit));
  made.append(element("div", { class: "name" }, name), text);
  if (options && options.track !== undefined) {
    const key = latest.id + "\n" + name;
    const values = histories.get(key) || [];
    if (options.track !== null) values.push(options.track);
    if (values.length > historyMax) values.shift();
    histories.set(key, values);
    made.append(spark(values));
  }
  return made;
}

function drawTiles() {
  const router = latest.router;
  const seen = latest.overview.get(latest.id);
  const unsettled = latest.addresses.reduce((sum, row) => sum + (row.trackedDeliveries || 0), 0);
  const tiles = [["From clients", "Ingress"], ["To clients", "Egress"], ["Between routers", "Transit"]]
    .map(([words, name]) => {
      const value = nodeRate(seen, "deliveries" + name);
      return tile(words, rate(value), "msg/s", { track: value });
    });
  tiles.push(
    tile("Unsettled", count(unsettled), "", { track: unsettled }),
    tile("Stuck over 10 s", count(router.deliveriesStuck), "",
      { level: router.deliveriesStuck > 0 ? "bad" : "", track: router.deliveriesStuck }),
    tile("Links without credit", count(router.linksBlocked), "",
      { level: router.linksBlocked > 0 ? "warn" : "", track: router.linksBlocked }),
    tile("Connections", count(router.connectionCount), count(router.linkCount) + " links",
      { track: router.connectionCount }),
    tile("Memory", bytes(router.memoryUsage), "", { track: router.memoryUsage }));
  get("tiles").replaceChildren(...tiles);
}

function linkTrouble(row, consumers) {
  const address = row.owningAddr ? addressOf(row.owningAddr) : row.linkType;
  if (row.deliveriesStuck > 0) {
    return { level: "bad", title: address, text: row.linkDir === "in"
      ? row.deliveriesStuck + " from " + row.peerName + " wait for an outcome for more than 10 s"
      : row.deliveriesStuck + " sent to " + row.peerName + " are not settled by it for more than 10 s" };
  }
  if (!(row.zeroCreditSeconds >= 10)) return null;
  const since = duration(row.zeroCreditSeconds);
  return { level: "warn", title: address, text: row.linkDir === "in"
    ? "sender " + row.peerName + " has had no credit for " + since +
      (consumers.get(row.owningAddr) ? ": its consumers are busy" : ": nobody consumes this address")
    : "consumer " + row.peerName + " has given no credit for " + since +
      (row.undeliveredCount ? "; " + row.undeliveredCount + " messages wait" : "") };
}

function nodeTrouble(node) {
  const found = [];
  if (node.words === "does not answer") found.push("does not answer");
  if (node.stuck > 0) found.push(node.stuck + " deliveries stuck for more than 10 s");
  if (node.blocked > 0) found.push(node.blocked + (node.blocked === 1 ? " link" : " links") + " without credit");
  if (node.words === "draining" || node.words === "drained") found.push("is " + node.words);
  if (!found.length) return null;
  const bad = node.stuck > 0 || node.words === "does not answer";
  return { level: bad ? "bad" : "warn", title: "Node " + node.id, text: found.join(", "), node: node.id };
}

function troubles() {
  const found = [];
  if (latest.missing) found.push({ level: "bad", title: latest.own + " is not ready", text: latest.missing });
  for (const row of latest.connectors) {
    if (row.connectionStatus !== "SUCCESS") {
      found.push({ level: "bad", title: "Connector " + row.name, text: row.connectionMsg || row.connectionStatus });
    }
  }
  const consumers = new Map(latest.addresses.map((row) =>
    [row.name, row.subscriberCount + row.remoteCount + row.inProcess]));
  found.push(...(latest.links || []).map((row) => linkTrouble(row, consumers)).filter(Boolean));
  found.push(...latest.nodes.filter((node) => node.id !== latest.id).map(nodeTrouble).filter(Boolean));
  return found.sort((a, b) => (a.level === b.level ? 0 : a.level === "bad" ? -1 : 1));
}

function drawTroubles() {
  const found = troubles();
  get("trouble-note").textContent = found.length ? String(found.length) : "";
  const items = found.slice(0, 50).map((one) => {
    const item = element("li", { class: one.level });
    item.append(element("b", {}, one.title), document.createTextNode(one.text));
    if (one.node) {
      const button = element("button", { class: "choose" }, "look there");
      button.onclick = () => choose(one.node);
      item.append(document.createTextNode(" · "), button);
    }
    return item;
  });
  if (!items.length) {
    const item = element("li", { class: "good" });
    item.append(element("b", {}, "Nothing"), document.createTextNode("All links move, nothing is stuck."));
    items.push(item);
  }
  get("trouble").replaceChildren(...items);
}

// Buckets end at 64 µs * 2^i.
function drawAges() {
  const svg = get("ages");
  const now = latest.router.settleAges || [];
  const most = Math.max(1, ...now);
  svg.replaceChildren(drawing("line", { x1: 8, x2: 352, y1: 100, y2: 100 }));
  const step = 344 / Math.max(1, now.length);
  const labels = new Map([[0, "64 µs"], [4, "1 ms"], [10, "66 ms"], [14, "1 s"], [18, "17 s"]]);
  now.forEach((value, index) => {
    const tall = value ? Math.max(2, (90 * Math.log1p(value)) / Math.log1p(most)) : 0;
    const bar = drawing("rect", { x: 8 + index * step + 1, y: 100 - tall, width: step - 2, height: tall, rx: 2 });
    bar.append(drawing("title", {}, count(value) + " deliveries"));
    svg.append(bar);
    if (labels.has(index)) {
      svg.append(drawing("text", { x: 8 + (index + 1) * step, y: 114 }, labels.get(index)));
    }
  });
}

function drawHeader() {
  const router = latest.router;
  document.title = router.id + " · Amqmesh";
  get("id").textContent = router.id;
  const leaving = router.operState && router.operState !== "running";
  get("mode").textContent = router.mode + (leaving ? ", " + router.operState : "");
  get("about").textContent = "version " + router.version + ", up for " + duration(router.uptimeSeconds) + ", " +
    router.workerThreads + " worker threads" + (latest.id === latest.own ? "" : ", seen through " + latest.own);
  const ids = latest.nodes.length ? latest.nodes.map((node) => node.id) : [latest.own];
  const picker = get("node");
  if (picker.options.length !== ids.length || ids.some((id, index) => picker.options[index].value !== id)) {
    picker.replaceChildren(...ids.map((id) => element("option", { value: id }, id)));
  }
  if (document.activeElement !== picker) picker.value = latest.id;
}

function draw() {
  drawHeader();
  drawTiles();
  const nodes = latest.nodes.length ? latest.nodes
    : [{ id: latest.own, linkState: [], cost: 0, rateIn: null, words: "" }];
  const edges = mesh.draw(get("mesh"), nodes, { own: latest.own, chosen: latest.id, choose,
    flow: flowsOf(latest.mesh) });
  get("mesh-note").textContent = nodes.length + (nodes.length === 1 ? " node, " : " nodes, ") + edges +
    (edges === 1 ? " link" : " links");
  drawTroubles();
  drawAges();
  drawTable();
}

function drawTable() {
  if (!latest) return;
  for (const button of document.querySelectorAll("nav button[data-node]")) button.disabled = !latest.nodes.length;
  tables.draw(table, latest[table], latest.total[table], choose);
}

function showState(level, words) {
  get("state").className = "state " + level;
  get("state").textContent = words;
}

async function look(wanted) {
  try {
    const answers = await gather.all(wanted, table);
    if (wanted !== chosen) return;
    previous = latest;
    latest = answers;
    addRates();
    addOverview();
    draw();
    showState(latest.missing ? "late" : "ok",
      (latest.missing ? "live, not ready" : "live") + (note ? "; " + note : ""));
  } catch (error) {
    if (wanted !== chosen) return;
    if (error.gone) {
      chosen = "";
      note = wanted + " is not in the mesh";
      history.replaceState(null, "", location.pathname);
    } else {
      showState("lost", "no answer: " + error.message);
    }
  }
}

async function turn() {
  clearTimeout(timer);
  timer = null; // while one is under way
  const wanted = chosen;
  await look(wanted);
  timer = setTimeout(turn, wanted !== chosen ? 0 : document.hidden ? 5 * interval : interval);
}

// Another node is looked at from now on.
function choose(id) {
  const next = latest && id === latest.own ? "" : id;
  if (next === chosen) return;
  chosen = next;
  note = "";
  history.replaceState(null, "", chosen ? "#node=" + encodeURIComponent(chosen) : location.pathname);
  showState("", "asking " + id);
  if (timer !== null) turn();
}

for (const button of document.querySelectorAll("nav button[data-table]")) {
  button.onclick = () => {
    document.querySelector("nav button.chosen").className = "";
    button.className = "chosen";
    table = button.dataset.table;
    tables.chosen(table);
    drawTable();
  };
}
get("filter").oninput = drawTable;
get("node").onchange = () => choose(get("node").value);
turn();
