// rhea over WebSocket: node websocket_test.js HTTP_PORT AMQP_PORT
"use strict";

const assert = require("assert");
const http = require("http");
const rhea = require("rhea");
const WebSocket = require("ws");

const [httpPort, amqpPort] = process.argv.slice(2).map(Number);
const limit = setTimeout(() => { console.error("timed out"); process.exit(1); }, 100000);

function overWebSocket(protocols) {
  const container = rhea.create_container();
  const dial = container.websocket_connect(WebSocket);
  return container.connect({
    connection_details: dial(`ws://127.0.0.1:${httpPort}/`, protocols, {}), reconnect: false, username: "anonymous",
  });
}

function overTcp() {
  return rhea.create_container().connect({ host: "127.0.0.1", port: amqpPort, reconnect: false });
}

// Sends `bodies` to the address from one connection and takes them at the other.
function exchange(sendAt, receiveAt, address, bodies) {
  return new Promise((resolve, reject) => {
    const received = [];
    let accepted = 0;
    const done = () => {
      if (accepted === bodies.length && received.length === bodies.length) {
        sendAt.close();
        receiveAt.close();
        resolve(received);
      }
    };
    for (const connection of [sendAt, receiveAt]) {
      connection.on("connection_error", (context) => reject(context.connection.error));
      connection.on("disconnected", (context) => reject(context.error || new Error("disconnected")));
    }
    const receiver = receiveAt.open_receiver(address);
    receiver.on("message", (context) => { received.push(context.message.body); done(); });
    receiver.once("receiver_open", () => {
      const sender = sendAt.open_sender(address);
      let next = 0;
      sender.on("sendable", () => {
        while (next < bodies.length && sender.sendable()) {
          sender.send({ body: bodies[next] });
          next += 1;
        }
      });
      sender.on("accepted", () => { accepted += 1; done(); });
    });
  });
}

const check = {
  async bothWays() {
    const bodies = Array.from({ length: 300 }, (_, index) => "message " + index);
    assert.deepStrictEqual(await exchange(overWebSocket(["amqp"]), overWebSocket(["amqp"]), "ws/both", bodies), bodies);
  },

  async fromWebSocketToTcp() {
    assert.deepStrictEqual(await exchange(overWebSocket(["binary", "amqp"]), overTcp(), "ws/out", ["a", "b"]), ["a", "b"]);
  },

  async largeMessages() {
    const bodies = [1, 2, 3].map((index) => Buffer.alloc(1500000, index));
    const received = await exchange(overTcp(), overWebSocket(["amqp"]), "ws/large", bodies);
    received.forEach((body, index) => assert.ok(bodies[index].equals(body.content || body)));
  },

  // Ends the socket with the code that the specification has for it.
  textIsRefused() {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(`ws://127.0.0.1:${httpPort}/`, "amqp");
      socket.on("open", () => { assert.strictEqual("amqp", socket.protocol); socket.send("AMQP as text"); });
      socket.on("close", (code) => (code === 1003 ? resolve() : reject(new Error("close code " + code))));
      socket.on("error", reject);
    });
  },

  nonsenseEndsTheConnection() {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(`ws://127.0.0.1:${httpPort}/`, "amqp");
      socket.on("open", () => socket.send(Buffer.from("GET / HTTP/1.1")));
      socket.on("close", () => resolve());
      socket.on("error", reject);
    });
  },

  otherProtocolsAreRefused() {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(`ws://127.0.0.1:${httpPort}/`, "mqtt");
      socket.on("unexpected-response", (_, response) => {
        socket.on("error", () => {});
        socket.terminate();
        assert.strictEqual(400, response.statusCode);
        resolve();
      });
      socket.on("open", () => reject(new Error("accepted")));
    });
  },

  pagesAreServedBeside() {
    return new Promise((resolve, reject) => {
      http.get({ host: "127.0.0.1", port: httpPort, path: "/livez" }, (response) => {
        response.resume();
        response.on("end", () => (response.statusCode === 200 ? resolve() : reject(new Error("status"))));
      }).on("error", reject);
    });
  },
};

(async () => {
  for (const [name, run] of Object.entries(check)) {
    await run();
    console.log("ok " + name);
  }
  clearTimeout(limit);
  process.exit(0);
})().catch((error) => { console.error(error); process.exit(1); });
