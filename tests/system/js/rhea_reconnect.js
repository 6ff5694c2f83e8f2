// rhea, the JavaScript client, that reconnects by itself: node rhea_reconnect.js SENDER_PORT RECEIVER_PORT
//
// Says "half" when half of the messages have come, for somebody to restart a node then, and "ok" with what it saw
// when all of them have come.
'use strict';

const rhea = require('rhea');

const TOTAL = 40;
const DEADLINE_MS = 60000;
const WINDOW = 5;
const [senderPort, receiverPort] = process.argv.slice(2).map(Number);
const container = rhea.create_container({ id: 'rhea-reconnect' });
const seen = new Set();
let doubled = 0;
let opened = 0;
let number = 0;
let underWay = 0;
let accepted = 0;

const connect = (port) => container.connect(
    { host: '127.0.0.1', port, reconnect: true, initial_reconnect_delay: 50, max_reconnect_delay: 200 });
const near = connect(senderPort);
const far = connect(receiverPort);
const sender = near.open_sender('rhea/reconnect');
const receiver = far.open_receiver('rhea/reconnect');

const timer = setTimeout(() => {
    console.log(`deadline: ${seen.size} came, ${accepted} accepted, ${opened} opens`);
    process.exit(1);
}, DEADLINE_MS);

function send() {
    while (sender.sendable() && underWay < WINDOW) {
        ++underWay;
        sender.send({ body: number++ });
    }
}

function maybeFinish() {
    if (seen.size >= TOTAL && accepted >= TOTAL / 2) {
        clearTimeout(timer);
        near.close();
        far.close();
        console.log(`ok opens=${opened} doubled=${doubled}`);
        process.exit(0);
    }
}

container.on('connection_open', () => { ++opened; });
container.on('disconnected', () => {});  // that is what this is about
sender.on('sender_open', () => { underWay = 0; });  // what became of those of before, nobody will tell
sender.on('sendable', send);
sender.on('accepted', () => { ++accepted; maybeFinish(); });
sender.on('settled', () => { underWay = Math.max(0, underWay - 1); send(); });
receiver.on('message', ({ message }) => {
    doubled += seen.has(message.body) ? 1 : 0;
    seen.add(message.body);
    if (seen.size === TOTAL / 2) {
        console.log('half');
    }
    maybeFinish();
});
