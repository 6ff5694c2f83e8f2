#!/usr/bin/python3
"""Memory has bounds in bytes, whatever peers do, and comes back after a burst."""

import time
import unittest
import uuid

from proton import Message

from clients import Clients
from management import wait_for_mesh
from mesh import DEADLINE_S, SANITIZED, MeshTest, poll_until
from raw import ATTACH, DETACH, Described, RawPeer, UInt, attach_frame, flow_frame, frame

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

        moved = time.monotonic()

        def push():
            """Until nothing moves: credit is used up, or the session's window."""
            nonlocal moved
            for link in links:
                while link.credit and link.link.session.outgoing_bytes < 1 << 17:
                    sent.append(link.send(Message(body=body, durable=True)))
                    moved = time.monotonic()
            return time.monotonic() - moved > 1.0
        self.clients.wait(push, "senders to be held back", 60)
        return consumer, links, sent

    def test_credit_follows_the_size_of_messages(self):
        """Forty senders of 15 KB messages: credit for deliveries alone would let 150 MB in."""
        node = self.own_mesh().add("A")
        before = self.warm(node)
        _, links, _ = self.fill(node, 40, 15000)
        self.assertLess(node.memory_kib() - before, FACTOR * 110 * 1024)
        self.assertTrue(all(10 < link.number <= 250 for link in links), [link.number for link in links])

    def test_memory_comes_back_after_a_burst_at_one_node(self):
        node = self.own_mesh().add("A")
        self.comes_back([node], node, node)

    def test_memory_comes_back_after_a_burst_across_three(self):
        nodes = self.own_mesh().line("ABC")
        self.comes_back(nodes, nodes[0], nodes[-1])

    def comes_back(self, nodes, near, far):
        """Forty connections, 38 MB of messages that wait, everybody leaves: a fifth more than before, at most."""
        before = {node: self.warm(node) for node in nodes}
        consumer = self.clients.connect(far).receiver(self.address, window=0)
        links = [self.clients.connect(near).sender(self.address) for _ in range(40)]
        self.clients.wait(lambda: all(link.credit > 0 for link in links), "credit")
        consumer.keep = False
        body, sent = "x" * 8000, []
        for link in links:
            while link.credit and len(sent) < 40 * 120:
                sent.append(link.send(Message(body=body)))
        self.clients.wait(lambda: all(link.link.session.outgoing_bytes == 0 for link in links), "all sent", 60)
        highest = {}

        def grown():
            highest.update({node: max(node.memory_kib(), highest.get(node, 0)) for node in nodes})
            return highest[near] + highest[far] - before[near] - before[far] > 20 * 1024
        self.clients.wait(grown, "the burst to be in memory")
        consumer.flow(10000)
        self.clients.wait(lambda: all(one.done for one in sent), "all outcomes", 60)
        for connection in self.clients.connections:
            connection.close(wait=False)
        self.clients.wait(lambda: all(c.closed for c in self.clients.connections), "all connections to close")
        if not SANITIZED:  # they keep what is freed
            for node in nodes:
                allowed = before[node] * 6 // 5
                poll_until(lambda node=node, allowed=allowed: node.memory_kib() <= allowed,
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


class SlowReader:
    """One reads 10 KB/s of a message without end: nodes hold a little of it, and nobody else notices."""

    RATE = 10_000  # bytes a second
    SECONDS = 5

    def setUp(self):
        self.clients = Clients()
        self.addCleanup(self.clients.close)
        self.nodes = self.shared.nodes
        self.near, self.far = self.nodes["A"], self.nodes[self.far_name]
        self.address = f"m/{uuid.uuid4().hex[:8]}"

    def slow_reader(self):
        """Its kernel keeps as little as possible for it."""
        reader = RawPeer(self.far.port, receive_buffer=4096)
        self.addCleanup(reader.close)
        reader.session()
        reader.send(attach_frame("slow", 0, True, self.address), flow_frame(0, 1, 1 << 30))
        reader.expect(ATTACH)
        reader.socket.setblocking(False)
        return reader

    def pair(self, near, far, address):
        receiver = far.receiver(address, session=far.session())
        receiver.keep = False
        sender = near.sender(address, session=near.session())
        self.clients.wait(lambda: sender.credit > 0, "credit")
        return sender, receiver

    def test_ten_kilobytes_a_second(self):
        reader = self.slow_reader()
        near = self.clients.connect(self.near)
        slow = near.sender(self.address, session=near.session())
        # Beside it: on the stream's own connection, and on others.
        pairs = [self.pair(near, self.clients.connect(self.far), self.address + "/same"),
                 self.pair(self.clients.connect(self.near), self.clients.connect(self.far), self.address + "/other")]
        self.clients.wait(lambda: slow.credit > 0, "credit")
        beside = {sender: [] for sender, _ in pairs}

        def others_go_on(count):
            for sender, sent in beside.items():
                while sender.credit > 0 and sum(not one.done for one in sent[-20:]) < 20:
                    sent.append(sender.send("x" * 500))
            return all(len(sent) > count for sent in beside.values())
        self.clients.wait(lambda: others_go_on(500), "the first messages")
        before = {name: node.memory_kib() for name, node in self.nodes.items()}
        highest = dict(before)
        _, stream = slow.begin()
        slow.link.send(b"\x00\x53\x75\xb0\x7f\x00\x00\x00")
        piece, written, taken = b"x" * 65536, 0, 0
        begin = time.monotonic()

        def step():
            nonlocal written, taken
            if slow.link.session.outgoing_bytes < 1 << 17:
                slow.link.send(piece)
                written += len(piece)
            if taken < (time.monotonic() - begin) * self.RATE:
                try:
                    taken += len(reader.socket.recv(1000))
                except BlockingIOError:
                    pass  # nothing there now
            done = others_go_on(1500)
            for name, node in self.nodes.items():
                highest[name] = max(highest[name], node.memory_kib())
            return done and time.monotonic() - begin > self.SECONDS
        self.clients.wait(step, "a thousand messages on each link beside it", 60)
        self.assertGreater(taken, self.SECONDS * self.RATE * 0.8, "the slow one gets its part")
        self.assertFalse(stream.done)
        # Most of what was written stands in the client: the nodes and sockets have taken their windows.
        self.assertLess(written, 16_000_000)
        if not SANITIZED:
            grown = {name: (highest[name] - before[name]) * 1024 for name in before}
            self.assertLess(max(grown.values()), 4_000_000, f"bytes grown, of {written} written: {grown}")
        for sender, sent in beside.items():
            self.clients.wait(lambda sent=sent: all(one.done for one in sent), "outcomes beside it")
            self.assertEqual({"accepted"}, {one.outcome for one in sent})


class SlowReaderAtOneNode(SlowReader, MeshTest):
    far_name = "A"

    @classmethod
    def topology(cls, mesh):
        mesh.add("A")


class SlowReaderAcrossThree(SlowReader, MeshTest):
    far_name = "C"

    @classmethod
    def topology(cls, mesh):
        mesh.line("ABC")


class StoppedStreams(MeshTest):
    """Fifty streams to consumers that take none of them: every node they cross holds a little of each."""

    STREAMS = 50

    @classmethod
    def topology(cls, mesh):
        mesh.line("ABC")

    def setUp(self):
        self.clients = Clients()
        self.addCleanup(self.clients.close)
        self.nodes = self.shared.nodes
        self.address = f"stopped/{uuid.uuid4().hex[:8]}"
        wait_for_mesh(self.clients, list(self.nodes.values()))

    def attach(self, near, far, connections):
        """`connections`: how many the streams are spread over, at each end; every link has its own session."""
        ends = [(self.clients.connect(near), self.clients.connect(far)) for _ in range(connections)]
        receivers, senders = [], []
        for number in range(self.STREAMS):
            writer, reader = ends[number % connections]
            address = f"{self.address}/{number}"
            receivers.append(reader.receiver(address, window=0, session=reader.session(), wait=False))
            receivers[-1].keep = False
            senders.append(writer.sender(address, session=writer.session(), wait=False))
        self.clients.wait(lambda: all(sender.credit > 0 for sender in senders), "credit")
        return senders, receivers

    def held_back(self, near, far, connections):
        senders, receivers = self.attach(near, far, connections)
        before = {name: node.memory_kib() for name, node in self.nodes.items()}
        piece = b"x" * 65536
        sent, written = [], dict.fromkeys(senders, 0)
        for sender in senders:
            sent.append(sender.begin()[1])
            sender.link.send(b"\x00\x53\x75\xb0\x7f\x00\x00\x00")
        moved = time.monotonic()

        def nothing_moves():
            nonlocal moved
            for sender in senders:
                if sender.link.session.outgoing_bytes < 1 << 17:
                    sender.link.send(piece)
                    written[sender] += len(piece)
                    moved = time.monotonic()
            return time.monotonic() - moved > 1.0
        self.clients.wait(nothing_moves, "streams that nobody reads to stop", 60)
        grown = {name: node.memory_kib() - before[name] for name, node in self.nodes.items()}
        self.assertGreater(min(written.values()), 1 << 20, "each had its first window")
        if not SANITIZED:
            self.assertLess(max(grown.values()) * 1024, self.STREAMS * 4_000_000, f"KiB grown: {grown}")
        self.short_messages_pass(near, far)
        self.go_on(senders, receivers, sent)

    def short_messages_pass(self, near, far):
        receiver = self.clients.connect(far).receiver(self.address)
        sender = self.clients.connect(near).sender(self.address)
        self.clients.wait(lambda: sender.credit > 0, "credit")
        beside = [sender.send(f"{number}") for number in range(20)]
        self.clients.wait(lambda: all(one.done for one in beside), "short messages beside it")
        self.assertEqual(20, receiver.count)

    def go_on(self, senders, receivers, sent):
        for receiver in receivers:
            receiver.flow(1)
        for sender in senders:
            sender.link.advance()
        self.clients.wait(lambda: all(one.done for one in sent), "the rest of all streams", 90)
        self.assertEqual({"accepted"}, {one.outcome for one in sent})

    def test_of_one_connection_at_one_node(self):
        self.held_back(self.nodes["A"], self.nodes["A"], 1)

    def test_of_many_connections_at_one_node(self):
        self.held_back(self.nodes["A"], self.nodes["A"], self.STREAMS)

    def test_of_one_connection_across_three(self):
        self.held_back(self.nodes["A"], self.nodes["C"], 1)

    def test_of_many_connections_across_three(self):
        self.held_back(self.nodes["A"], self.nodes["C"], self.STREAMS)


if __name__ == "__main__":
    unittest.main()
