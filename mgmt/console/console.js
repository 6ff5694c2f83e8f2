// The console: asks the node's /api every two seconds and shows what it says. Texts of clients
// (addresses, container ids) only ever become text nodes.
"use strict";

const interval = 2000;
const historyMax = 60;
const rowsMax = 5000; // asked for at once
const rowsShown = 500;
const histories = new Map(); // tile name -> numbers
let previous = null; // the last answers, for rates
let latest = null;
let table = "addresses";
let sorted = { column: 2, down: true }; // busiest addresses first

const get = (id) => document.getElementById(id);

async function ask(type, attributes) {
  const query = attributes ? "&attributes=" + attributes.join(",") : "";
  const response = await fetch("api/" + type + "?count=" + rowsMax + query);
  if (!response.ok) throw new Error(type + ": " + response.status);
  return response.json();
}

const linkColumns = ["identity", "linkType", "linkDir", "owningAddr", "connectionId", "capacity", "creditAvailable",
  "undeliveredCount", "unsettledCount", "deliveryCount", "deliveriesStuck", "settleRate", "zeroCreditSeconds"];

async function gather() {
  const router = (await ask("router")).results[0];
  const wanted = {
    nodes: ask("router.node"),
    connections: ask("connection", ["identity", "container", "host", "role", "dir", "user", "uptimeSeconds",
      "lastDlvSeconds", "links", "bytesIn", "bytesOut"]),
    addresses: ask("router.address", ["name", "distribution", "subscriberCount", "remoteCount", "inProcess",
      "deliveriesIngress", "deliveriesEgress", "deliveriesTransit", "trackedDeliveries"]),
    connectors: ask("connector", ["name", "connectionStatus", "connectionMsg"]),
  };
  // There may be very many: only when they are looked at, or some are in trouble.
  if (table === "links" || router.deliveriesStuck > 0 || router.linksBlocked > 0) {
    wanted.links = ask("router.link", linkColumns);
  }
  const answers = { router, at: performance.now(), total: {} };
  for (const [name, promise] of Object.entries(wanted)) {
    const answer = await promise;
    answers[name] = answer.results;
    answers.total[name] = answer.total;
  }
  const ready = await fetch("readyz");
  answers.missing = ready.ok ? "" : (await ready.text()).trim();
  return answers;
}

// Per second, since the answers before; null when there is nothing to compare with.
function perSecond(now, before, value) {
  if (!before || !now) return null;
  const seconds = (latest.at - previous.at) / 1000;
  const gained = value(now) - value(before);
  return gained >= 0 && seconds > 0 ? gained / seconds : null;
}

function addRates() {
  if (!previous) return;
  const match = (name, key) => new Map((previous[name] || []).map((row) => [row[key], row]));
  const addresses = match("addresses", "name");
  for (const row of latest.addresses) {
    row.rateIn = perSecond(row, addresses.get(row.name), (one) => one.deliveriesIngress);
    row.rateOut = perSecond(row, addresses.get(row.name), (one) => one.deliveriesEgress);
    row.rateThrough = perSecond(row, addresses.get(row.name), (one) => one.deliveriesTransit);
  }
  const connections = match("connections", "identity");
  for (const row of latest.connections) {
    row.bytesInRate = perSecond(row, connections.get(row.identity), (one) => one.bytesIn);
    row.bytesOutRate = perSecond(row, connections.get(row.identity), (one) => one.bytesOut);
  }
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
    const values = histories.get(name) || [];
    if (options.track !== null) values.push(options.track);
    if (values.length > historyMax) values.shift();
    histories.set(name, values);
    made.append(spark(values));
  }
  return made;
}

function drawTiles() {
  const router = latest.router;
  const before = previous && previous.router;
  const speed = (name) => perSecond(router, before, (row) => row[name]);
  const unsettled = latest.addresses.reduce((sum, row) => sum + (row.trackedDeliveries || 0), 0);
  const tiles = ["Ingress", "Egress", "Transit"].map((name) => {
    const value = speed("deliveries" + name);
    return tile({ Ingress: "From clients", Egress: "To clients", Transit: "Between routers" }[name],
      rate(value), "msg/s", { track: value });
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

function troubles() {
  const found = [];
  const say = (level, title, text) => found.push({ level, title, text });
  if (latest.missing) say("bad", "Not ready", latest.missing);
  for (const row of latest.connectors) {
    if (row.connectionStatus !== "SUCCESS") {
      say("bad", "Connector " + row.name, row.connectionMsg || row.connectionStatus);
    }
  }
  const consumers = new Map(latest.addresses.map((row) =>
    [row.name, row.subscriberCount + row.remoteCount + row.inProcess]));
  const containers = new Map(latest.connections.map((row) => [row.identity, row.container || row.host]));
  for (const row of latest.links || []) {
    const address = row.owningAddr ? addressOf(row.owningAddr) : row.linkType;
    const peer = containers.get(row.connectionId) || "connection " + row.connectionId;
    if (row.deliveriesStuck > 0) {
      say("bad", address, row.linkDir === "in"
        ? row.deliveriesStuck + " from " + peer + " wait for an outcome for more than 10 s"
        : row.deliveriesStuck + " sent to " + peer + " are not settled by it for more than 10 s");
    } else if (row.zeroCreditSeconds >= 10 && row.linkDir === "in") {
      say("warn", address, "sender " + peer + " has had no credit for " + duration(row.zeroCreditSeconds) +
        (consumers.get(row.owningAddr) ? ": its consumers are busy" : ": nobody consumes this address"));
    } else if (row.zeroCreditSeconds >= 10) {
      say("warn", address, "consumer " + peer + " has given no credit for " + duration(row.zeroCreditSeconds) +
        (row.undeliveredCount ? "; " + row.undeliveredCount + " messages wait" : ""));
    }
  }
  return found;
}

function drawTroubles() {
  const found = troubles();
  get("trouble-note").textContent = found.length ? String(found.length) : "";
  const items = found.slice(0, 50).map((one) => {
    const item = element("li", { class: one.level });
    item.append(element("b", {}, one.title), document.createTextNode(one.text));
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

const text = (title, value) => ({ title, value });
const number = (title, value, show, bad) => ({ title, value, number: true, show: show || count, bad });

const tables = {
  addresses: [
    text("Address", (row) => addressOf(row.name)),
    text("Distribution", (row) => row.distribution),
    number("In /s", (row) => row.rateIn, rate),
    number("Out /s", (row) => row.rateOut, rate),
    number("Through /s", (row) => row.rateThrough, rate),
    number("Consumers here", (row) => row.subscriberCount + row.inProcess),
    number("Routers with consumers", (row) => row.remoteCount),
    number("Unsettled", (row) => row.trackedDeliveries),
    number("In", (row) => row.deliveriesIngress),
    number("Out", (row) => row.deliveriesEgress),
    number("Through", (row) => row.deliveriesTransit),
  ],
  connections: [
    text("Container", (row) => row.container),
    text("Peer", (row) => row.host),
    text("Role", (row) => row.role),
    text("Opened by", (row) => (row.dir === "in" ? "peer" : "this node")),
    text("User", (row) => row.user),
    number("Links", (row) => row.links),
    number("In /s", (row) => row.bytesInRate, bytes),
    number("Out /s", (row) => row.bytesOutRate, bytes),
    number("In", (row) => row.bytesIn, bytes),
    number("Out", (row) => row.bytesOut, bytes),
    number("Last message", (row) => row.lastDlvSeconds, duration),
    number("Open for", (row) => row.uptimeSeconds, duration),
  ],
  links: [
    text("Address", (row) => (row.owningAddr ? addressOf(row.owningAddr) : "-")),
    text("Direction", (row) => row.linkDir),
    text("Type", (row) => row.linkType),
    text("Connection", (row) => row.connectionId),
    number("Rate /s", (row) => row.settleRate),
    number("Credit", (row) => row.creditAvailable),
    number("Waiting", (row) => row.undeliveredCount),
    number("Unsettled", (row) => row.unsettledCount),
    number("Stuck", (row) => row.deliveriesStuck, count, (row) => row.deliveriesStuck > 0),
    number("No credit for", (row) => row.zeroCreditSeconds, duration, (row) => row.zeroCreditSeconds >= 10),
    number("Total", (row) => row.deliveryCount),
  ],
  nodes: [
    text("Node", (row) => row.id),
    number("Cost", (row) => row.cost, (value) => String(value ?? "-")),
    text("Next hop", (row) => row.nextHop || "direct"),
    text("Neighbours", (row) => (row.linkState || []).join(" ")),
    text("Last change", (row) => new Date(row.lastTopoChange * 1000).toLocaleString()),
  ],
};

function compare(a, b) {
  if (a === b) return 0;
  if (a === null || a === undefined) return -1;
  if (b === null || b === undefined) return 1;
  return typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
}

function drawHead(columns) {
  const row = element("tr");
  columns.forEach((column, index) => {
    const chosen = sorted.column === index;
    const arrow = chosen ? (sorted.down ? " ↓" : " ↑") : "";
    const head = element("th", { class: (column.number ? "number " : "") + (chosen ? "sorted" : ""), tabindex: 0 },
      column.title + arrow);
    head.onclick = () => {
      sorted = { column: index, down: chosen ? !sorted.down : Boolean(column.number) };
      drawTable();
    };
    head.onkeydown = (event) => { if (event.key === "Enter") head.onclick(); };
    row.append(head);
  });
  document.querySelector("thead").replaceChildren(row);
}

function drawTable() {
  if (!latest) return;
  const columns = tables[table];
  const wanted = get("filter").value.trim().toLowerCase();
  let rows = latest[table] || [];
  if (wanted) {
    rows = rows.filter((row) => columns.some((column) =>
      !column.number && String(column.value(row) ?? "").toLowerCase().includes(wanted)));
  }
  if (sorted.column !== null) {
    const value = columns[sorted.column].value;
    rows = [...rows].sort((a, b) => (sorted.down ? -1 : 1) * compare(value(a), value(b)));
  }
  drawHead(columns);
  const lines = rows.slice(0, rowsShown).map((row) => {
    const line = element("tr");
    for (const column of columns) {
      const value = column.value(row);
      const shown = column.number ? column.show(value) : value || "-";
      const cell = element("td", { class: (column.number ? "number " : "") + (column.bad && column.bad(row) ? "bad" : "") },
        shown);
      cell.title = shown;
      line.append(cell);
    }
    return line;
  });
  if (!lines.length) {
    const line = element("tr");
    line.append(element("td", { class: "none", colspan: columns.length }, "nothing to show"));
    lines.push(line);
  }
  document.querySelector("tbody").replaceChildren(...lines);
  const total = latest.total[table] ?? rows.length;
  get("shown").textContent = Math.min(rows.length, rowsShown) + " of " + total;
}

function draw() {
  const router = latest.router;
  document.title = router.id + " · Amqmesh";
  get("id").textContent = router.id;
  const leaving = router.operState && router.operState !== "running";
  get("mode").textContent = router.mode + (leaving ? ", " + router.operState : "");
  get("about").textContent = "version " + router.version + ", up for " + duration(router.uptimeSeconds) + ", " +
    router.workerThreads + " worker threads";
  drawTiles();
  const rates = new Map();
  for (const row of latest.connections) {
    if (row.role === "inter-router" && row.bytesInRate !== undefined && row.bytesInRate !== null) {
      rates.set(row.container, (rates.get(row.container) || 0) + row.bytesInRate + row.bytesOutRate);
    }
  }
  const nodes = latest.nodes.length ? latest.nodes : [{ id: router.id, linkState: [], cost: 0 }];
  const edges = mesh.draw(get("mesh"), nodes, router.id, rates);
  get("mesh-note").textContent = nodes.length + (nodes.length === 1 ? " node, " : " nodes, ") + edges +
    (edges === 1 ? " link" : " links");
  drawTroubles();
  drawAges();
  drawTable();
}

function showState(level, words) {
  get("state").className = "state " + level;
  get("state").textContent = words;
}

async function turn() {
  try {
    const answers = await gather();
    previous = latest;
    latest = answers;
    addRates();
    draw();
    showState(latest.missing ? "late" : "ok", latest.missing ? "live, not ready" : "live");
  } catch (error) {
    showState("lost", "no answer: " + error.message);
  }
  setTimeout(turn, document.hidden ? 5 * interval : interval);
}

for (const button of document.querySelectorAll("nav button")) {
  button.onclick = () => {
    document.querySelector("nav button.chosen").className = "";
    button.className = "chosen";
    table = button.dataset.table;
    sorted = { column: table === "addresses" ? 2 : null, down: true };
    drawTable();
  };
}
get("filter").oninput = drawTable;
turn();
