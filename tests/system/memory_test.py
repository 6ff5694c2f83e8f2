#!/usr/bin/python3
"""Memory has bounds in bytes, whatever peers do, and comes back after a burst."""

import time
import unittest
import uuid

from proton import Message

from clients import Clients
from mesh import DEADLINE_S, SANITIZED, MeshTest, poll_until
from raw import DETACH, Described, RawPeer, UInt, attach_frame, frame

# What sanitizers add to every allocation is no growth of ours.
FACTOR = 4 if SANITIZED else 1


class Memory(MeshTest):
    def setUp(self):
        self.clients = Clients()
        self.addCleanup(self.clients.close)
        self.address = f"m/{uuid.uuid4().hex[:8]}"

    def warm(self, node):
        """One message through, so that what every process needs once is there."""
        connection = self.clients.connect(node)
        receiver, sender = connection.receiver("warm"), connection.sender("warm")
        self.clients.wait(lambda: sender.credit > 0, "credit")
        sent = sender.send("x")
        self.clients.wait(lambda: sent.done, "the outcome")
        receiver.detach()
        return node.memory_kib()

    def fill(self, node, senders, size):
        """As many messages as there is credit for, to a consumer that takes none."""
        consumer = self.clients.connect(node).receiver(self.address, window=0)
        links = [self.clients.connect(node).sender(self.address) for _ in range(senders)]
        self.clients.wait(lambda: all(link.credit > 0 for link in links), "credit")
        body, sent = "x" * size, []

        def push():
            for link in links:
                while link.credit and link.link.session.outgoing_bytes < 1 << 20:
                    sent.append(link.send(Message(body=body, durable=True)))
            return all(link.credit == 0 and link.link.session.outgoing_bytes == 0 for link in links)
        self.clients.wait(push, "senders to be held back", 60)
        return consumer, links, sent

    def test_credit_follows_the_size_of_messages(self):
        """Forty senders of 15 KB messages: credit for deliveries alone would let 150 MB in."""
        node = self.own_mesh().add("A")
        before = self.warm(node)
        _, links, _ = self.fill(node, 40, 15000)
        self.assertLess(node.memory_kib() - before, FACTOR * 110 * 1024)
        self.assertTrue(all(10 < link.number <= 250 for link in links), [link.number for link in links])

    def test_memory_comes_back_after_a_burst(self):
        mesh = self.own_mesh()
        a, b = mesh.line("AB")
        before = {node: self.warm(node) for node in (a, b)}
        consumer = self.clients.connect(b).receiver(self.address, window=0)
        links = [self.clients.connect(a).sender(self.address) for _ in range(40)]
        self.clients.wait(lambda: all(link.credit > 0 for link in links), "credit")
        consumer.keep = False
        body, sent = "x" * 8000, []
        for link in links:
            while link.credit and len(sent) < 40 * 120:
                sent.append(link.send(Message(body=body)))
        self.clients.wait(lambda: all(link.link.session.outgoing_bytes == 0 for link in links), "all sent", 60)
        highest = {}

        def grown():
            highest.update({node: node.memory_kib() for node in (a, b)})
            return highest[a] + highest[b] - before[a] - before[b] > 20 * 1024
        self.clients.wait(grown, "the burst to be in memory")
        consumer.flow(10000)
        self.clients.wait(lambda: all(one.done for one in sent), "all outcomes", 60)
        for connection in self.clients.connections:
            connection.close(wait=False)
        self.clients.wait(lambda: all(c.closed for c in self.clients.connections), "all connections to close")
        if not SANITIZED:  # they keep what is freed
            for node in (a, b):
                allowed = before[node] + 8192
                poll_until(lambda node=node: node.memory_kib() <= allowed,
                           f"{node.name} back at {allowed} KiB of {highest[node]}", 60, 0.2)

    def test_a_peer_that_asks_for_answers_and_reads_none(self):
        node = self.own_mesh().add("A")
        before = self.warm(node)
        peer = RawPeer(node.port)
        self.addCleanup(peer.close)
        peer.session()
        peer.socket.settimeout(5)
        question = b"".join(attach_frame("x" * 200 + str(number), 0, True, "y" * 1000)
                            + frame(Described(DETACH, [UInt(0), True])) for number in range(20))
        end = time.monotonic() + DEADLINE_S
        with self.assertRaises(OSError):  # it hangs up, a moment after it has said so
            while time.monotonic() < end:
                peer.socket.sendall(question)
        self.assertLess(node.memory_kib() - before, FACTOR * 40 * 1024)
        self.warm(node)

    def test_sessions_of_one_connection_share_a_budget(self):
        """Fifty sessions, each with a stream to a stopped reader: each has its first window, 4 MiB, and few get more."""
        node = self.own_mesh().add("A")
        before = self.warm(node)
        reader, writer = self.clients.connect(node), self.clients.connect(node)
        links = []
        for number in range(50):
            address = f"{self.address}/{number}"
            reader.receiver(address, window=0, session=reader.session(), wait=False)
            links.append(writer.sender(address, session=writer.session(), wait=False))
        self.clients.wait(lambda: all(link.credit > 0 for link in links), "credit")
        piece = b"x" * 65536
        for link in links:
            link.begin()
            link.link.send(b"\x00\x53\x75\xb0\x7f\x00\x00\x00")
        written = dict.fromkeys(links, 0)

        def push():
            for link in links:
                if link.link.session.outgoing_bytes < 1 << 18 and written[link] < 1 << 24:
                    link.link.send(piece)
                    written[link] += len(piece)
            return False
        with self.assertRaises(AssertionError):
            self.clients.wait(push, "800 MB of streams that nobody reads", 6)
        self.assertLess(node.memory_kib() - before, FACTOR * 240 * 1024)


if __name__ == "__main__":
    unittest.main()
