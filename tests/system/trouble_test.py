#!/usr/bin/python3
"""Many clients doing random legal things at random nodes of a mesh whose nodes and links fail, against a model
of what must hold whatever happens:

* every unsettled delivery of a sender that lives gets exactly one outcome;
* accepted means that exactly one consumer accepted it, once, and that nobody else got it but those who released it,
  where the address says that it is then offered to somebody else, and not more of them than it says;
* no multicast consumer gets a message twice;
* a flow between two clients that stay arrives whole and in order, as long as the nodes live;
* afterwards nothing is left behind: no delivery is outstanding on any link or address of any node, fresh clients get
  full credit and their messages through everywhere, and another such time does not make the nodes any larger.

At one node, along a line and around a ring, with two workers each. A failure names its seed: AMQMESH_TEST_SEED
replays it, AMQMESH_TEST_STEPS makes it longer, AMQMESH_TEST_LOGS names a folder that keeps the nodes' logs."""

import os
import random
import unittest
import uuid
from collections import Counter

from proton import Message

from clients import Clients
from management import Management, wait_for_mesh
from mesh import SANITIZED, MeshTest, poll_until

SEED = int(os.environ.get("AMQMESH_TEST_SEED", "0"))
STEPS = int(os.environ.get("AMQMESH_TEST_STEPS", "400"))
AGAIN, ATTEMPTS = "again/trouble", 3
ANYCAST = ["trouble/0", "trouble/1", "closest/trouble", AGAIN]
MULTICAST = ["multicast/trouble/0", "multicast/trouble/1"]
RULES = {"address": [{"prefix": "multicast", "distribution": "multicast"},
                     {"prefix": "closest", "distribution": "closest"},
                     {"prefix": "again", "maxDeliveryAttempts": ATTEMPTS}]}


class Consumer:
    """A receiver that answers late, in any order, with any outcome."""

    def __init__(self, world, connection, address):
        self.world = world
        self.address = address
        self.receiver = connection.receiver(address, window=0, answer=None, wait=False)
        self.receiver.flow(world.rng.choice([1, 3, 50]))
        self.seen = 0
        self.waiting = []

    def step(self):
        rng = self.world.rng
        for received in self.receiver.messages[self.seen:]:
            body = received.body if isinstance(received.body, dict) else {}
            if body.get("world") != self.world.name:
                self.world.strangers.append(received.body)
                if not received.settled:
                    received.accept()
                continue
            number = body["number"]
            self.world.receipts.setdefault(number, []).append(self)
            # For whoever has to explain a failure: in which step, on which link, under which tag.
            self.world.traces.setdefault(number, []).append(
                (self.world.steps, self.receiver.link.name, received.delivery.tag, received.settled))
            received.number = number
            if not received.settled:
                self.waiting.append(received)
        self.seen = len(self.receiver.messages)
        if self.receiver.closed:
            self.waiting = []
            return
        while self.waiting and rng.random() < 0.7:
            received = self.waiting.pop(rng.randrange(len(self.waiting)))
            choice = rng.random()
            if choice < 0.8:
                self.world.accepts.setdefault(received.number, []).append(self)
                received.accept()
            elif choice < 0.87:
                self.world.releases.setdefault(received.number, []).append(self)
                received.release()
            elif choice < 0.94:
                received.reject()
            else:
                received.modify(rng.random() < 0.5, rng.random() < 0.5)
        if self.receiver.link.credit < 3:
            if rng.random() < 0.05:
                self.receiver.drain(rng.choice([1, 20]))
            elif self.receiver.link.drain_mode is False or self.receiver.link.credit == 0:
                self.receiver.link.drain_mode = False
                self.receiver.flow(rng.choice([1, 5, 50]))


class Producer:
    def __init__(self, world, connection, address):
        self.world = world
        self.address = address
        self.sender = connection.sender(address, wait=False)
        self.numbers = []

    def step(self):
        rng = self.world.rng
        if self.sender.closed or self.sender.credit <= 0 or len(self.sender.in_flight) > 60:
            return
        for _ in range(rng.choice([0, 1, 1, 10])):
            if self.sender.credit <= 0:
                return
            size = rng.choice([0, 10, 1000, 20000, 150000]) if rng.random() < 0.3 else 10
            message = Message(body={"world": self.world.name, "number": self.world.number, "filler": "x" * size})
            settled = rng.random() < 0.2
            sent = self.sender.send(message, settled=settled)
            self.numbers.append(self.world.number)
            self.world.sizes[self.world.number] = (self.address, size, settled)
            if not settled:
                self.world.sent[self.world.number] = (self, sent)
            self.world.number += 1

    def unsent(self):
        """What waits in the client: its credit was taken back, with the last consumer, before it was written."""
        overdrawn = -self.sender.credit
        return set(self.numbers[-overdrawn:]) if overdrawn > 0 else set()


class Steady:
    """One sender and one receiver that stay: what arrives is in order."""

    def __init__(self, world, near, far, address):
        self.rng = world.rng
        self.receiver = world.clients.connect(far).receiver(address, window=20)
        self.sender = world.clients.connect(near).sender(address)
        self.sent = []

    def step(self):
        if self.sender.credit > 0 and sum(not one.done for one in self.sent[-30:]) < 20:
            size = self.rng.choice([1, 1, 1, 500, 30000])
            body = {"number": len(self.sent), "filler": "x" * size}
            self.sent.append(self.sender.send(Message(body=body), settled=self.rng.random() < 0.3))

    def state(self):
        came = {body["number"] for body in self.receiver.bodies}
        missing = [number for number in range(len(self.sent)) if number not in came]
        return f"{len(self.sent)} sent, {sum(one.done for one in self.sent)} done, missing {missing[:20]}"


class World:
    """One stretch of time. Its messages say that they are its own: what another one has left on its way is not
    taken for them, whatever its number."""

    def __init__(self, clients, nodes, seed):
        self.clients = clients
        self.nodes = nodes
        self.name = uuid.uuid4().hex
        self.rng = random.Random(seed)
        self.number = 0
        self.strangers = []   # bodies of messages that are not this world's
        self.sizes = {}       # number: (address, size, settled), of all
        self.sent = {}        # number: (producer, Sent), unsettled ones only
        self.receipts = {}    # number: consumers that got it
        self.accepts = {}     # number: consumers that accepted it
        self.releases = {}    # number: consumers that released it
        self.traces = {}      # number: how it came
        self.steps = 0
        self.connections = []  # (connection, node)
        self.actors = []
        self.dead = []
        self.steady = []

    def connect(self):
        node = self.rng.choice([node for node in self.nodes if node.running])
        self.connections.append((self.clients.connect(node, wait=False), node))

    def attach(self):
        alive = [connection for connection, _ in self.connections if not connection.closed]
        if alive:
            kind = self.rng.choice([Producer, Consumer])
            actor = kind(self, self.rng.choice(alive), self.rng.choice(ANYCAST + MULTICAST))
            self.actors.append(actor)

    def detach(self):
        if self.actors:
            actor = self.actors.pop(self.rng.randrange(len(self.actors)))
            self.dead.append(actor)
            link = actor.sender if isinstance(actor, Producer) else actor.receiver
            if not link.closed:
                link.detach()
            link.closed = link.closed or True

    def vanish(self):
        """A client's socket closes without a word."""
        if len(self.connections) > 2:
            connection, _ = self.connections.pop(self.rng.randrange(len(self.connections)))
            if not connection.closed and connection.opened:
                connection.vanish()
                for link in connection.links:
                    link.closed = True
            connection.closed = True

    def step(self, deadly):
        self.steps += 1
        action = self.rng.random()
        if action < 0.06 or not self.connections:
            self.connect()
        elif action < 0.25 and len(self.actors) < 40:
            self.attach()
        elif action < 0.30:
            self.detach()
        elif action < 0.32:
            self.vanish()
        elif deadly and action < 0.335:
            self.kill_or_start()
        for actor in self.actors + self.steady:
            actor.step()
        self.clients.container.process()

    def kill_or_start(self):
        down = [node for node in self.nodes if not node.running]
        if down:
            down[0].start()
        else:
            self.rng.choice(self.nodes).kill()

    def accepted(self):
        return sum(sent.outcome == "accepted" for _, sent in self.sent.values())

    def unanswered(self):
        """Deliveries of senders whose link still stands and that have no outcome."""
        return [number for number, (producer, sent) in self.sent.items()
                if not sent.done and not producer.sender.closed and number not in producer.unsent()]

    def settle_down(self):
        """Consumers leave, so nothing can wait for them any more."""
        for actor in self.actors + self.dead:
            if isinstance(actor, Consumer) and not actor.receiver.closed:
                actor.step()
                actor.receiver.detach()
        self.clients.wait(lambda: not self.unanswered(), "an outcome of every delivery")


class Trouble(MeshTest):
    def setUp(self):
        self.clients = Clients()
        self.addCleanup(self.clients.close)

    def run_world(self, seed, deadly, names="ABCD"):
        mesh = self.own_mesh()
        # Where no node dies no neighbour is to be taken for dead: what was settled and on its way there would be lost.
        nodes = (mesh.ring if len(names) > 3 else mesh.line)(names, sections=RULES,
                                                             heartbeats=None if deadly else 100)
        wait_for_mesh(self.clients, nodes)
        self.run_time(seed, deadly, nodes, first=True)
        if not deadly:
            self.run_time(seed + 1000, deadly, nodes, first=False)

    def run_time(self, seed, deadly, nodes, first):
        world = World(self.clients, nodes, seed)
        if not deadly:
            world.steady = [Steady(world, nodes[0], nodes[2 % len(nodes)], f"steady/{seed}"),
                            Steady(world, nodes[1 % len(nodes)], nodes[0], f"closest/steady/{seed}")]
        # A step is a turn of the clients' reactor: on a slow machine little may have been sent after so many.
        while world.steps < STEPS or (world.accepted() < 50 and world.steps < 20 * STEPS):
            world.step(deadly)
        for node in nodes:
            if not node.running:
                node.start()
        try:
            world.settle_down()
            self.check(world)
            wait_for_mesh(self.clients, nodes)
            self.check_steady(world)
            self.leave(world)
            self.nothing_outstanding(nodes)
            self.nothing_left_behind(nodes)
            self.no_growth(nodes, first)
        except AssertionError as failure:
            missing = world.unanswered()[:10]
            lost = {node.name: node.log().count("ADJ_DOWN") for node in nodes}
            raise AssertionError(f"seed {seed}: {failure}; unanswered {missing}; neighbours lost {lost}; steady flows "
                                 f"{[steady.state() for steady in world.steady]}") from failure
        self.assertGreaterEqual(world.accepted(), 50, f"seed {seed} tested nothing")

    def check(self, world):
        for number, (producer, sent) in world.sent.items():
            self.assertLessEqual(sent.outcomes_seen, 1, f"message {number} has {sent.outcomes_seen} outcomes")
            receipts = world.receipts.get(number, [])
            if producer.address in MULTICAST:
                continue
            accepts, releases = world.accepts.get(number, []), world.releases.get(number, [])
            self.assertLessEqual(len(accepts), 1, f"message {number} accepted twice")
            attempts = ATTEMPTS if producer.address == AGAIN else 1
            self.assertLessEqual(len(receipts), attempts, f"message {number} offered more often than allowed")
            if sent.outcome == "accepted":
                self.assertEqual(set(receipts), set(accepts + releases), f"accepted message {number}")
                self.assertEqual(1, len(accepts), f"message {number} is accepted, but nobody did")
        self.assertEqual([], world.strangers, "what comes was sent lately")
        self.assertLessEqual(set(world.receipts), set(world.sizes))
        for number, receipts in world.receipts.items():
            self.assertEqual(len(set(receipts)), len(receipts),
                             f"message {number} came twice to one consumer: {world.sizes[number]}, as "
                             f"{world.traces[number]}, released by "
                             f"{[each.receiver.link.name for each in world.releases.get(number, [])]}")

    def check_steady(self, world):
        for steady in world.steady:
            self.clients.wait(lambda steady=steady: all(one.done for one in steady.sent) and
                              len(steady.receiver.messages) == len(steady.sent), "the steady flow")
            self.assertEqual(list(range(len(steady.sent))), [body["number"] for body in steady.receiver.bodies])

    def leave(self, world):
        """All clients go, but for those that have gone."""
        connections = [connection for connection in self.clients.connections if not connection.closed]
        for connection in connections:
            connection.close(wait=False)
        self.clients.wait(lambda: all(connection.closed for connection in connections), "the clients to leave")

    def nothing_outstanding(self, nodes):
        """Of nobody's deliveries any node thinks that they are still under way."""
        for node in nodes:
            management = Management(self.clients.connect(node))

            def busy(management=management):
                links = management.query("router.link", "linkName", "linkDir", "owningAddr", "unsettledCount",
                                         "undeliveredCount")
                # The question itself is one, and its answer may be another.
                return [row for row in links if (row["unsettledCount"] or 0) + (row["undeliveredCount"] or 0) > 1]
            try:
                self.clients.wait(lambda busy=busy: not busy(), "no link with deliveries under way", 10)
            except AssertionError as failure:
                raise AssertionError(f"{node.name}: {failure}: {busy()}") from failure

    def no_growth(self, nodes, first):
        if first:
            self.sizes = {node: (node.process.pid, node.memory_kib()) for node in nodes}
            return
        for node in nodes:
            pid, before = self.sizes[node]
            if pid == node.process.pid and not SANITIZED:
                poll_until(lambda node=node, before=before: node.memory_kib() - before < 12 * 1024,
                           f"{node.name} to be as small as it was, {before} KiB", 15)

    def nothing_left_behind(self, nodes):
        for index, address in enumerate(ANYCAST + MULTICAST):
            near, far = nodes[index % len(nodes)], nodes[(index + 2) % len(nodes)]
            receiver = self.clients.connect(far).receiver(address)
            sender = self.clients.connect(near).sender(address)
            self.clients.wait(lambda sender=sender: sender.credit >= 100, f"full credit for {address}")
            sent = []

            def finished(sender=sender, sent=sent, address=address):
                # Links that are still coming back change a multicast tree while a message is on its way: the sender is
                # told, and sends again. An anycast message finds its consumer all the same.
                if address in MULTICAST:
                    sent[:] = [one for one in sent if one.outcome != "released"]
                while sender.credit and len(sent) < 300:
                    sent.append(sender.send("fresh"))
                return len(sent) == 300 and all(one.done for one in sent)
            self.clients.wait(finished, f"300 fresh messages to {address}")
            outcomes = Counter(one.outcome for one in sent)
            self.assertEqual({"accepted": 300}, dict(outcomes), f"of fresh messages to {address}")
            # Settled messages of before may still be on their way to whoever listens first.
            self.assertEqual(300, receiver.bodies.count("fresh"))
            receiver.detach()
            sender.detach()
            self.clients.wait(lambda r=receiver, s=sender: r.closed and s.closed, "detach")

    def test_clients_come_and_go(self):
        for seed in range(SEED, SEED + 2):
            self.run_world(seed, deadly=False)

    def test_clients_come_and_go_and_nodes_die(self):
        for seed in range(SEED + 100, SEED + 102):
            self.run_world(seed, deadly=True)

    def test_clients_come_and_go_at_one_node(self):
        self.run_world(SEED + 200, deadly=False, names="A")

    def test_clients_come_and_go_along_a_line(self):
        self.run_world(SEED + 300, deadly=False, names="ABC")

    def test_clients_come_and_go_and_nodes_of_a_line_die(self):
        self.run_world(SEED + 400, deadly=True, names="ABC")


if __name__ == "__main__":
    unittest.main()
