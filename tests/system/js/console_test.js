// The console in headless Chromium: node console_test.js URL NODE_ID [SCREENSHOT.png]
"use strict";

const assert = require("assert");
const fs = require("fs");
const os = require("os");
const path = require("path");
const { chromium } = require("playwright-core");

const [url, id, screenshot] = process.argv.slice(2);
const flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync"];

async function look(page) {
  await page.goto(url);
  await page.waitForSelector("#state.ok");
  assert.strictEqual(await page.textContent("#id"), id);
  assert.strictEqual(await page.title(), id + " · Amqmesh");
  console.log("ok shows the node");

  const names = await page.$$eval("#mesh .node text:not(.sub)", (found) => found.map((one) => one.textContent));
  assert.deepStrictEqual(names.sort(), ["A", "B", "C"]);
  assert.strictEqual((await page.$$("#mesh line.edge")).length, 3);
  assert.strictEqual((await page.$$("#mesh line.edge.used")).length, 2);
  console.log("ok draws the mesh");

  await page.fill("#filter", "traffic");
  await page.waitForFunction(() => document.querySelectorAll("tbody tr").length === 1);
  // Rates need two looks.
  await page.waitForFunction(() => Number(document.querySelector("tbody td:nth-child(3)").textContent) > 0);
  await page.fill("#filter", "");
  console.log("ok shows rates of an address");

  for (const [button, column] of [["Links", "No credit for"], ["Connections", "Container"], ["Nodes", "Next hop"]]) {
    await page.click(`nav button:has-text("${button}")`);
    await page.waitForFunction((title) => document.querySelector("thead").textContent.includes(title), column);
    await page.waitForFunction(() => document.querySelectorAll("tbody td").length > 1);
  }
  // An address that looks like markup stays text.
  await page.click("nav button:has-text('Links')");
  await page.waitForFunction(() => document.querySelector("tbody").textContent.includes("<img src=x>"));
  await page.waitForFunction(() => document.querySelector("#trouble").textContent.includes("<img src=x>"));
  assert.strictEqual((await page.$$("tbody img, #trouble img")).length, 0);
  console.log("ok names what needs attention, as text");

  await page.click("nav button:has-text('Nodes')");
  await page.click("th:has-text('Cost')");
  await page.waitForFunction(() => document.querySelector("tbody td").textContent !== "A");
  console.log("ok has tables that can be sorted");

  // Of the links between other nodes, too.
  await page.waitForFunction(() => document.querySelectorAll("#mesh .rate-text").length === 3);
  const costs = await page.$$eval("#mesh .edge-text tspan:first-child", (all) => all.map((one) => one.textContent));
  assert.deepStrictEqual(costs.sort(), ["cost 1", "cost 1", "cost 3"]);
  await page.click("nav button:has-text('Mesh links')");
  await page.waitForFunction(() => document.querySelectorAll("tbody tr").length === 6 &&
    [...document.querySelectorAll("tbody td:nth-child(4)")].every((one) => one.textContent !== "-"));
  console.log("ok shows rates and costs of every link of the mesh");

  await page.click("#mesh .node[aria-label='Look at node B'] circle");
  await page.waitForFunction(() => document.querySelector("#id").textContent === "B");
  assert.match(await page.textContent("#about"), new RegExp("seen through " + id + "$"));
  await page.click("nav button:has-text('Connections')");
  await page.waitForFunction(() => document.querySelector("tbody").textContent.includes("client-1"));
  assert.strictEqual((await page.$$("tbody tr")).length, 3); // that, and two neighbours
  await page.reload(); // the address of the page names the node
  await page.waitForFunction(() => document.querySelector("#id").textContent === "B");
  await page.selectOption("#node", id);
  await page.waitForFunction((name) => document.querySelector("#id").textContent === name, id);
  console.log("ok looks at another node");

  for (const hash of ["#node=%", "#node=nowhere"]) {
    await page.goto("about:blank"); // or the script would not be run again
    await page.goto(url + hash);
    await page.waitForSelector("#state.ok");
    assert.strictEqual(await page.textContent("#id"), id);
    assert.match(await page.textContent("#state"), hash === "#node=%" ? /names no node/ : /nowhere is not in the mesh/);
  }
  await page.selectOption("#node", "B");
  await page.waitForFunction(() => document.querySelector("#id").textContent === "B");
  assert.strictEqual(await page.textContent("#state"), "live");
  console.log("ok has a bad or stale link shown the node itself");
}

async function run() {
  const profile = fs.mkdtempSync(path.join(os.tmpdir(), "amqmesh-console-"));
  const browser = await chromium.launchPersistentContext(profile, {
    executablePath: "/usr/bin/chromium", headless: true, args: flags, viewport: { width: 1360, height: 1000 },
  });
  const complaints = [];
  try {
    const page = await browser.newPage();
    page.on("pageerror", (error) => complaints.push(error.message));
    page.on("console", (message) => { if (message.type() === "error") complaints.push(message.text()); });
    page.on("request", (request) => {
      if (!request.url().startsWith(url)) complaints.push("asks for " + request.url());
    });
    await look(page);
    if (screenshot) {
      await page.click("nav button:has-text('Addresses')");
      await page.screenshot({ path: screenshot });
    }
    assert.deepStrictEqual(complaints, []);
    console.log("ok no errors, and nothing is asked of anyone else");
  } finally {
    await browser.close();
    fs.rmSync(profile, { recursive: true, force: true });
  }
}

run().catch((error) => { console.error(error); process.exit(1); });
