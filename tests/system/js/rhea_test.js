// rhea, the JavaScript client, between two nodes of the mesh:
//
//   node rhea_test.js SENDER_PORT RECEIVER_PORT
//
// Runs one case after the other, each with its own addresses; says "ok NAME" for each and exits 0 when
// all of them went well.
'use strict';

const assert = require('assert');
const rhea = require('rhea');

const DEADLINE_MS = 20000;
const [senderPort, receiverPort] = process.argv.slice(2).map(Number);

// Resolves with what `begin(resolve, near, far)` resolves with; the connections end with it.
function between(name, begin) {
    const container = rhea.create_container({ id: `rhea-${name}` });
    const connect = (port) => container.connect({ host: '127.0.0.1', port, reconnect: false });
    const near = connect(senderPort);
    const far = connect(receiverPort);
    let timer;
    return new Promise((resolve, reject) => {
        timer = setTimeout(() => reject(new Error('deadline')), DEADLINE_MS);
        container.on('disconnected', (context) => context.error && reject(context.error));
        begin(resolve, near, far, reject);
    }).finally(() => {
        clearTimeout(timer);
        near.close();
        far.close();
    });
}

const cases = {
    // 500 messages arrive in order and are accepted.
    'send and receive': (resolve, near, far) => {
        const total = 500;
        let sent = 0;
        let accepted = 0;
        const bodies = [];
        far.open_receiver('rhea/plain').on('message', (context) => bodies.push(context.message.body));
        const sender = near.open_sender('rhea/plain');
        sender.on('sendable', () => {
            while (sender.sendable() && sent < total) {
                sender.send({ body: sent++ });
            }
        });
        sender.on('accepted', () => {
            if (++accepted === total) {
                assert.deepStrictEqual(bodies, [...Array(total).keys()]);
                resolve();
            }
        });
    },

    // A request at one node, its answer from another by the dynamic address of the asker.
    'request and reply': (resolve, near, far) => {
        const service = far.open_receiver('rhea/service');
        const answers = far.open_sender({ target: {} });
        service.on('message', ({ message }) => answers.send({
            to: message.reply_to, correlation_id: message.correlation_id, body: message.body.toUpperCase(),
        }));
        const replies = near.open_receiver({ source: { dynamic: true } });
        const requests = near.open_sender('rhea/service');
        let opened = false;
        let asked = false;
        const ask = () => {
            if (opened && requests.sendable() && !asked) {
                asked = true;
                requests.send({ reply_to: replies.source.address, correlation_id: 'c1', body: 'question' });
            }
        };
        replies.on('receiver_open', () => { opened = true; ask(); });
        requests.on('sendable', ask);
        replies.on('message', ({ message }) => {
            assert.strictEqual(message.correlation_id, 'c1');
            assert.strictEqual(message.body, 'QUESTION');
            resolve();
        });
    },

    // Each of the outcomes other than accepted, with what it says. One by one: rhea writes a released and a
    // modified of the same burst as one disposition.
    'reject, release and modify': (resolve, near, far) => {
        const seen = [];
        const receiver = far.open_receiver({ source: 'rhea/outcomes', autoaccept: false });
        receiver.on('message', ({ message, delivery }) => {
            if (message.body === 0) {
                delivery.reject({ condition: 'rhea:refused', description: 'not today' });
            } else if (message.body === 1) {
                delivery.release();
            } else {
                delivery.modified({ delivery_failed: true, undeliverable_here: true });
            }
        });
        const sender = near.open_sender({ target: 'rhea/outcomes', treat_modified_as_released: false });
        let sent = 0;
        const next = () => sent < 3 && sender.send({ body: sent++ });
        sender.once('sendable', next);
        sender.on('settled', next);
        const note = (text) => {
            seen.push(text);
            if (seen.length === 3) {
                assert.deepStrictEqual(seen.sort(), ['modified true true', 'rejected rhea:refused not today', 'released']);
                resolve();
            }
        };
        sender.on('rejected', ({ delivery }) => note(
            `rejected ${delivery.remote_state.error.condition} ${delivery.remote_state.error.description}`));
        sender.on('released', () => note('released'));
        sender.on('modified', ({ delivery }) => note(
            `modified ${delivery.remote_state.delivery_failed} ${delivery.remote_state.undeliverable_here}`));
    },

    // Pre-settled messages: all of them, in order.
    'pre-settled': (resolve, near, far) => {
        const total = 600;
        let sent = 0;
        let received = 0;
        far.open_receiver('rhea/presettled').on('message', ({ message, delivery }) => {
            assert.strictEqual(message.body, received++);
            assert.ok(delivery.remote_settled);
            if (received === total) {
                resolve();
            }
        });
        const sender = near.open_sender({ target: 'rhea/presettled', snd_settle_mode: 1 });
        sender.on('sendable', () => {
            while (sender.sendable() && sent < total) {
                sender.send({ body: sent++ });
            }
        });
    },

    // A message of many frames.
    large: (resolve, near, far) => {
        const body = Buffer.alloc(3000000, 'amqmesh ');
        far.open_receiver('rhea/large').on('message', ({ message }) => {
            assert.ok(body.equals(message.body.content || message.body));
            resolve();
        });
        const sender = near.open_sender('rhea/large');
        let sent = false;
        sender.on('sendable', () => {
            if (!sent) {
                sent = true;
                sender.send({ body: rhea.message.data_section(body) });
            }
        });
    },

    // One message, a copy for each consumer at both nodes.
    multicast: (resolve, near, far) => {
        const counts = [0, 0, 0];
        let sender;
        [near, far, far].forEach((connection, index) => {
            connection.open_receiver(`multicast/rhea`).on('message', ({ message }) => {
                counts[index] += message.body === 'final' ? 1 : 0;
                if (counts.every((count) => count === 1)) {
                    resolve();
                } else if (message.body === 'probe') {
                    heard.add(index);
                    if (heard.size === 3 && !final) {
                        final = true;
                        sender.send({ body: 'final' });
                    }
                }
            });
        });
        const heard = new Set();
        let final = false;
        sender = near.open_sender('multicast/rhea');
        const probe = () => !final && sender.sendable() && sender.send({ body: 'probe' });
        sender.once('sendable', probe);
        sender.on('settled', () => heard.size < 3 && setImmediate(probe));
    },

    // A receiver that gives little credit, drains, and goes on.
    'credit and drain': (resolve, near, far) => {
        const received = [];
        const receiver = far.open_receiver({ source: 'rhea/credit', credit_window: 0 });
        receiver.on('receiver_open', () => receiver.add_credit(2));
        receiver.on('message', ({ message }) => {
            received.push(message.body);
            if (received.length === 2) {
                receiver.drain = true;
                receiver.add_credit(10);
            } else if (received.length === 4) {
                assert.deepStrictEqual(received, [0, 1, 2, 3]);
                resolve();
            }
        });
        receiver.on('receiver_drained', () => {
            assert.ok(received.length >= 2);
            receiver.drain = false;
            receiver.add_credit(10);
        });
        const sender = near.open_sender('rhea/credit');
        let sent = 0;
        sender.on('sendable', () => {
            while (sender.sendable() && sent < 4) {
                sender.send({ body: sent++ });
            }
        });
    },
};

async function main() {
    for (const [name, begin] of Object.entries(cases)) {
        try {
            await between(name, begin);
            console.log(`ok ${name}`);
        } catch (error) {
            console.log(`failed ${name}: ${error && (error.stack || error)}`);
            process.exitCode = 1;
        }
    }
}

main();
