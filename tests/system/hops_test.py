#!/usr/bin/python3
"""A delivery that has crossed as many routers as it may goes no further: its sender is told, and the node that stopped it
counts it. Between A and B stands a proxy that takes all hops from what passes it."""

import struct
import unittest
import uuid

from clients import Clients
from management import Management, wait_for_mesh
from mesh import MeshTest
from raw import Proxy

LABEL = b"\xa0\x20"  # a delivery-tag of 32 bytes, as between nodes: DESIGN 4.1
LABEL_VERSION = 1
TRANSFER_BEGINS = b"\x00\x53\x14"


class HopProxy(Proxy):
    """Passes whole frames on. While `exhaust` is set, what goes to the target has no hop left."""

    def __init__(self, target):
        self.exhaust = False
        self.waiting = {}
        self.changed = 0
        super().__init__(target)

    def forward(self, one):
        other = self.pairs[one]
        try:
            data = one.recv(65536)
            if data:
                frames = self.frames(one, data)
                if other.getpeername()[1] == self.target:
                    frames = [self.exhausted(frame) for frame in frames]
                other.sendall(b"".join(frames))
                return
        except OSError:
            pass  # either side is gone: both go
        for end in (one, other):
            self.pairs.pop(end, None)
            self.waiting.pop(end, None)
            end.close()

    def frames(self, one, data):
        """The whole frames there are by now."""
        data = self.waiting.pop(one, b"") + data
        whole = []
        while len(data) >= 8:
            size = 8 if data.startswith(b"AMQP") else struct.unpack(">I", data[:4])[0]
            if len(data) < size:
                break
            whole.append(data[:size])
            data = data[size:]
        self.waiting[one] = data
        return whole

    def exhausted(self, frame):
        body = frame[4] * 4 if not frame.startswith(b"AMQP") else len(frame)
        at = frame.find(LABEL, body, body + 64)
        is_label = frame[body:body + 3] == TRANSFER_BEGINS and at > 0 and frame[at + 2] >> 4 == LABEL_VERSION
        if not self.exhaust or not is_label:
            return frame
        self.changed += 1
        return frame[:at + 3] + b"\0" + frame[at + 4:]


class HopLimit(MeshTest):
    """A - proxy - B - C"""

    def setUp(self):
        mesh = self.own_mesh()
        self.clients = Clients()
        self.addCleanup(self.clients.close)
        self.address = uuid.uuid4().hex[:8]
        c = mesh.add("C")
        b = mesh.add("B", [c])
        self.proxy = HopProxy(b.mesh_port)
        mesh.closers.append(self.proxy.close)
        a = mesh.add("A", [self.proxy])
        self.nodes = {"A": a, "B": b, "C": c}
        wait_for_mesh(self.clients, [a, b, c])
        self.asked = {name: Management(self.clients.connect(node)) for name, node in self.nodes.items()}

    def counter(self, name, node="B"):
        return self.asked[node].query("router", name)[0][name]

    def start(self, address, at="C"):
        receiver = self.clients.connect(self.nodes[at]).receiver(address)
        sender = self.clients.connect(self.nodes["A"]).sender(address)
        self.clients.wait(lambda: sender.credit > 0, "credit")
        sent = sender.send("with hops")
        self.clients.wait(lambda: sent.done, "the outcome")
        self.assertEqual("accepted", sent.outcome)
        return sender, receiver

    def stopped(self, address):
        sender, receiver = self.start(address)
        self.assertEqual(0, self.counter("hopLimitDeliveries"))
        self.proxy.exhaust = True
        sent = [sender.send("without") for _ in range(3)]
        self.clients.wait(lambda: all(one.done for one in sent), "outcomes")
        self.assertEqual([("released", 1)] * 3, [(one.outcome, one.outcomes_seen) for one in sent])
        self.assertGreaterEqual(self.counter("hopLimitDeliveries"), 3)
        self.assertEqual(self.proxy.changed, self.counter("hopLimitDeliveries"), "each stands for one that came")
        self.assertEqual((0, 0), (self.counter("hopLimitDeliveries", "A"), self.counter("hopLimitDeliveries", "C")))
        self.proxy.exhaust = False
        last = sender.send("with hops again")
        self.clients.wait(lambda: last.done, "the outcome")
        self.assertEqual("accepted", last.outcome)
        self.assertEqual(["with hops", "with hops again"], receiver.bodies)

    def test_to_one(self):
        self.stopped(f"one/{self.address}")

    def test_to_all(self):
        self.stopped(f"multicast/{self.address}")

    def test_a_long_message(self):
        sender, receiver = self.start(f"one/{self.address}")
        self.proxy.exhaust = True
        sent = sender.send("x" * 100000)
        self.clients.wait(lambda: sent.done, "the outcome")
        self.assertEqual(("released", 1), (sent.outcome, sent.outcomes_seen))
        self.assertEqual(1, self.counter("hopLimitDeliveries"))
        self.proxy.exhaust = False
        last = sender.send("y" * 100000)
        self.clients.wait(lambda: last.done, "the outcome")
        self.assertEqual(("accepted", 2), (last.outcome, receiver.count))

    def test_a_settled_one_is_dropped_and_counted(self):
        sender, receiver = self.start(f"one/{self.address}")
        self.proxy.exhaust = True
        sender.send("without", settled=True)
        self.clients.wait(lambda: self.counter("hopLimitDeliveries") >= 1, "it to be stopped")
        self.clients.wait(lambda: self.counter("droppedPresettledDeliveries", "A") == 1, "the loss to be counted")
        self.assertEqual(1, sum(self.counter("droppedPresettledDeliveries", name) for name in "ABC"))
        self.assertEqual(1, receiver.count)

    def test_no_hop_is_needed_where_the_mesh_ends(self):
        """What is for B itself has arrived."""
        sender, receiver = self.start(f"one/{self.address}", at="B")
        self.proxy.exhaust = True
        sent = sender.send("for B")
        self.clients.wait(lambda: sent.done, "the outcome")
        self.assertEqual(("accepted", 2), (sent.outcome, receiver.count))
        self.assertEqual((1, 0), (self.proxy.changed, self.counter("hopLimitDeliveries")))


if __name__ == "__main__":
    unittest.main()
