// The tables below the picture: their columns, sorting and filtering.
"use strict";

const tables = (() => {
  const rowsShown = 500;
  const text = (title, value, choose) => ({ title, value, choose });
  const number = (title, value, show, bad) => ({ title, value, number: true, show: show || count, bad });
  const plain = (value) => String(value ?? "-");

  const columns = {
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
      number("Last message", (row) => row.lastDlvSeconds, ago),
      number("Open for", (row) => row.uptimeSeconds, duration),
    ],
    links: [
      text("Address", (row) => (row.owningAddr ? addressOf(row.owningAddr) : "-")),
      text("Direction", (row) => row.linkDir),
      text("Type", (row) => row.linkType),
      text("Peer", (row) => row.peerName),
      number("Rate /s", (row) => row.settleRate, rate),
      number("Credit", (row) => row.creditAvailable),
      number("Waiting", (row) => row.undeliveredCount),
      number("Unsettled", (row) => row.unsettledCount),
      number("Stuck", (row) => row.deliveriesStuck, count, (row) => row.deliveriesStuck > 0),
      number("No credit for", (row) => row.zeroCreditSeconds, duration, (row) => row.zeroCreditSeconds >= 10),
      number("Total", (row) => row.deliveryCount),
    ],
    mesh: [
      text("From", (row) => row.from, (row) => row.from),
      text("To", (row) => row.to, (row) => row.to),
      text("State", (row) => row.state),
      number("Sends /s", (row) => row.out, bytes),
      number("Gets /s", (row) => row.in, bytes),
      number("Cost", (row) => Math.max(row.cost, row.theirCost), plain),
      number("Set here", (row) => row.cost, plain),
      number("Set there", (row) => row.theirCost, plain),
      number("For", (row) => row.since, duration),
      number("Lost so far", (row) => row.losses, plain, (row) => row.losses > 0),
    ],
    nodes: [
      text("Node", (row) => row.id, (row) => row.id),
      text("State", (row) => row.words),
      number("Cost", (row) => row.cost, plain),
      text("Next hop", (row) => row.nextHop || "direct"),
      text("Neighbours", (row) => (row.linkState || []).join(" ")),
      number("From clients /s", (row) => row.rateIn, rate),
      number("To clients /s", (row) => row.rateOut, rate),
      number("Through /s", (row) => row.rateThrough, rate),
      number("Stuck", (row) => row.stuck, count, (row) => row.stuck > 0),
      number("Links without credit", (row) => row.blocked, count, (row) => row.blocked > 0),
      number("Connections", (row) => row.connections),
      number("Memory", (row) => row.memory, bytes),
      number("Up for", (row) => row.uptime, duration),
      text("Last change", (row) => new Date(row.lastTopoChange * 1000).toLocaleString()),
    ],
  };
  const firstOrder = { addresses: { column: 2, down: true }, mesh: { column: 3, down: true } };
  let sorted = firstOrder.addresses;

  function compare(a, b) {
    if (a === b) return 0;
    if (a === null || a === undefined) return -1;
    if (b === null || b === undefined) return 1;
    return typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
  }

  function drawHead(shown, redraw) {
    const row = element("tr");
    shown.forEach((column, index) => {
      const chosen = sorted.column === index;
      const arrow = chosen ? (sorted.down ? " ↓" : " ↑") : "";
      const head = element("th", { class: (column.number ? "number " : "") + (chosen ? "sorted" : ""), tabindex: 0 },
        column.title + arrow);
      head.onclick = () => {
        sorted = { column: index, down: chosen ? !sorted.down : Boolean(column.number) };
        redraw();
      };
      head.onkeydown = (event) => { if (event.key === "Enter") head.onclick(); };
      row.append(head);
    });
    document.querySelector("thead").replaceChildren(row);
  }

  function cellOf(column, row, choose) {
    const value = column.value(row);
    const shown = column.number ? column.show(value) : value || "-";
    const cell = element("td", {
      class: (column.number ? "number " : "") + (column.bad && column.bad(row) ? "bad" : ""),
    });
    if (column.choose) {
      const button = element("button", { class: "choose" }, shown);
      button.onclick = () => choose(column.choose(row));
      cell.append(button);
    } else {
      cell.textContent = shown;
    }
    cell.title = shown;
    return cell;
  }

  // `choose`: called with a node's id.
  function draw(name, all, total, choose) {
    const shown = columns[name];
    const wanted = get("filter").value.trim().toLowerCase();
    let rows = all || [];
    if (wanted) {
      rows = rows.filter((row) => shown.some((column) =>
        !column.number && String(column.value(row) ?? "").toLowerCase().includes(wanted)));
    }
    if (sorted.column !== null) {
      const value = shown[sorted.column].value;
      rows = [...rows].sort((a, b) => (sorted.down ? -1 : 1) * compare(value(a), value(b)));
    }
    drawHead(shown, () => draw(name, all, total, choose));
    const lines = rows.slice(0, rowsShown).map((row) => {
      const line = element("tr");
      line.append(...shown.map((column) => cellOf(column, row, choose)));
      return line;
    });
    if (!lines.length) {
      const line = element("tr");
      line.append(element("td", { class: "none", colspan: shown.length }, all ? "nothing to show" : "nothing asked yet"));
      lines.push(line);
    }
    document.querySelector("tbody").replaceChildren(...lines);
    get("shown").textContent = Math.min(rows.length, rowsShown) + " of " + (total ?? rows.length);
  }

  function chosen(name) {
    sorted = firstOrder[name] || { column: null, down: true };
  }

  return { draw, chosen };
})();
