#!/usr/bin/python3
"""Idle time-outs on busy connections: the node shows signs of life though data goes the other way only, and hangs up on
a peer that shows none though it has much to say to it."""

import time
import unittest
import uuid

from clients import Clients
from mesh import MeshTest
from raw import FLOW, flow_frame, frame, transfer_frame
from settlement_test import Peer, attach

IDLE_S = 2       # of the nodes' listeners
PATIENCE_MS = 1000  # of the peers that tell one
LOAD_S = 5


class IdleTest(MeshTest):
    def setUp(self):
        self.clients = Clients()
        self.addCleanup(self.clients.close)
        self.address = f"idle/{uuid.uuid4().hex[:8]}"

    def peer(self, node, idle_ms=None):
        peer = Peer(node.port)
        self.addCleanup(peer.close)
        return peer.session(idle_ms=idle_ms)

    def raw_receiver(self, credit=1 << 30, idle_ms=None):
        """With credit and window for all that may come: it need not say another word."""
        peer = self.peer(self.shared.nodes[self.far], idle_ms)
        peer.send(attach("r", 0, True, self.address), flow_frame(0, credit, 1 << 30))
        return peer

    def flood(self):
        """A function that sends settled messages as fast as they are taken."""
        sender = self.clients.connect(self.shared.nodes["A"]).sender(self.address)
        self.clients.wait(lambda: sender.credit > 0, "credit")

        def more():
            while sender.credit > 0 and sender.link.session.outgoing_bytes < 1 << 16:
                sender.send("x" * 200, settled=True)
            self.clients.container.process()
        return more


class IdleTests:
    def test_the_node_shows_that_it_lives_while_only_the_peer_has_something_to_say(self):
        """A stream that its consumer does not read: bytes come, and no word is due to the sender."""
        reader = self.clients.connect(self.shared.nodes[self.far]).receiver(self.address, window=0)
        sender = self.peer(self.shared.nodes["A"], PATIENCE_MS)
        sender.send(attach("s", 0, False, self.address))
        sender.credit()
        sender.send(transfer_frame(0, 0, b"\x00\x53\x75\xb0\x7f\x00\x00\x00" + b"x" * 1000, more=True))
        begin = last = time.monotonic()
        longest, piece, written = 0, transfer_frame(0, 0, b"x" * 100, more=True), 0
        while time.monotonic() - begin < LOAD_S:
            if written < 900:  # frames; its session's window is larger than that
                sender.send(piece)
                written += 1
            self.clients.container.process()
            code, _ = self.next_now(sender)
            if code is not False:
                self.assertIn(code, (None, FLOW))
                longest = max(longest, time.monotonic() - last)
                last = time.monotonic()
        self.assertLess(max(longest, time.monotonic() - last), PATIENCE_MS / 1000)
        self.assertEqual(0, reader.count)

    @staticmethod
    def next_now(peer):
        """The next frame, or (False, None) if none comes at once."""
        try:
            return peer.next_frame(0.005)
        except AssertionError:
            return False, None

    def test_a_client_that_watches_the_node_stays_under_load(self):
        """Proton at both ends closes a connection itself whose peer breaks its promise."""
        near = self.clients.connect(self.shared.nodes["A"], heartbeat=PATIENCE_MS / 1000)
        far = self.clients.connect(self.shared.nodes[self.far], heartbeat=PATIENCE_MS / 1000)
        receiver = far.receiver(self.address, window=1000)
        receiver.keep = False
        sender = near.sender(self.address)
        self.clients.wait(lambda: sender.credit > 0, "credit")
        begin = time.monotonic()
        while time.monotonic() - begin < LOAD_S:
            while sender.credit > 0 and sender.link.session.outgoing_bytes < 1 << 16:
                sender.send("x" * 200, settled=True)
            self.clients.container.process()
            self.assertFalse(near.closed or far.closed)
        self.clients.wait(lambda: receiver.count == sender.number, "all that was sent")

    def test_a_peer_that_takes_everything_and_says_nothing(self):
        receiver = self.raw_receiver()
        more = self.flood()
        begin, seen = time.monotonic(), b""
        while not receiver.ended:
            more()
            self.read_some(receiver)
            seen, receiver.input = (seen + receiver.input)[-400:], b""
            self.assertLess(time.monotonic() - begin, 15, "a silent peer is still there")
        self.assertGreaterEqual(time.monotonic() - begin, IDLE_S * 0.9)
        self.assertIn(b"amqp:resource-limit-exceeded", seen)

    @staticmethod
    def read_some(peer):
        try:
            peer.read_more(0.005)
        except AssertionError:
            pass  # nothing there now

    def test_a_peer_that_neither_reads_nor_says_anything(self):
        """What was sent to it and what waited for it gets an outcome."""
        self.raw_receiver()
        sender = self.clients.connect(self.shared.nodes["A"]).sender(self.address)
        self.clients.wait(lambda: sender.credit > 0, "credit")
        sent = []

        def step():
            # What is not written yet when the consumer is gone loses its credit and stays with the client.
            while sender.credit > 0 and sender.link.session.outgoing_bytes < 1 << 16:
                sent.append(sender.send("x" * 60000))
            written = sent[:len(sent) + min(0, sender.credit)]
            return len(written) > 10 and all(one.done for one in written)
        self.clients.wait(step, "an outcome of everything", 30)
        self.assertEqual({"modified", "released"}, {one.outcome for one in sent if one.done})

    def test_a_peer_that_shows_that_it_lives_stays(self):
        """By empty frames in one case, by flow alone in the other."""
        for name, sign in (("empty frames", frame(None)), ("flow", flow_frame(0, 1 << 30, 1 << 30))):
            with self.subTest(name):
                self.address += "/" + name
                receiver = self.raw_receiver()
                more = self.flood()
                begin = told = time.monotonic()
                while time.monotonic() - begin < 2 * IDLE_S + 1:
                    more()
                    self.read_some(receiver)
                    receiver.input = b""
                    self.assertFalse(receiver.ended, "it hung up")
                    if time.monotonic() - told > IDLE_S / 8:
                        receiver.send(sign)
                        told = time.monotonic()


class IdleAtOneNode(IdleTests, IdleTest):
    far = "A"

    @classmethod
    def topology(cls, mesh):
        mesh.add("A", listener={"idleTimeoutSeconds": IDLE_S})


class IdleAcrossThree(IdleTests, IdleTest):
    far = "C"

    @classmethod
    def topology(cls, mesh):
        mesh.line("ABC", listener={"idleTimeoutSeconds": IDLE_S})


if __name__ == "__main__":
    unittest.main()
