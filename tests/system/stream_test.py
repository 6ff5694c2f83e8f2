#!/usr/bin/python3
"""Messages of many frames: byte for byte, cut through, with bounded memory."""

import hashlib
import os
import unittest
import uuid

from proton import Message, byte, decimal128, float32, symbol, timestamp, ubyte, ulong

from clients import Clients
from mesh import SANITIZED, MeshTest


class StreamTest(MeshTest):
    """From the first of the nodes to the last."""

    def setUp(self):
        self.clients = Clients()
        self.addCleanup(self.clients.close)
        self.nodes = self.shared.nodes
        every = list(self.nodes.values())
        self.first, self.last = every[0], every[-1]
        self.near = self.clients.connect(self.first)
        self.far = self.clients.connect(self.last)
        self.address = f"stream/{uuid.uuid4().hex[:8]}"

    def pair(self, near=None, far=None, **options):
        receiver = (far or self.far).receiver(self.address, **options)
        sender = (near or self.near).sender(self.address)
        self.clients.wait(lambda: sender.credit > 0, "credit")
        return sender, receiver

    def stream(self, sender, size, piece=os.urandom(65536)):
        """A function that sends the next part of a message of `size` bytes, as far as there is room."""
        delivery, sent = sender.begin()
        left = size
        session = sender.link.session

        def step():
            nonlocal left
            while left and not sent.done and session.outgoing_bytes < 1 << 18:
                part = piece[:left]
                sender.link.send(part)
                left -= len(part)
                if not left:
                    sender.link.advance()
            return not left or sent.done
        return step, sent, delivery


class StreamTests:
    def test_bytes_arrive_as_they_were(self):
        sender, receiver = self.pair()
        annotated = Message(
            body={"text": "ünï", "list": [1, None, True, -5], "bytes": b"\0\xff", "when": timestamp(1234567890123)},
            id=uuid.uuid4(), user_id=b"me", address="other/address", subject="s", reply_to="r",
            correlation_id=ulong(2 ** 63), content_type=symbol("text/plain"), expiry_time=1, creation_time=2,
            group_id="g", group_sequence=3, durable=True, priority=9, delivery_count=2,
            instructions={symbol("x-opt-mine"): "i"}, annotations={symbol("x-opt-theirs"): [1, 2]},
            properties={"a": 1, "b": float32(0.5), "c": byte(-1), "d": ubyte(200),
                        "e": decimal128(b"0123456789abcdef")})
        annotated.ttl = 0
        payloads = [annotated.encode(),
                    b"\x00\x53\x75\xa0\x00",                                     # empty data
                    b"\x00\x53\x75\xa0\x02ab\x00\x53\x75\xa0\x02cd",             # two data sections
                    b"\x00\x53\x76\xc0\x03\x02\x41\x42\x00\x53\x76\x45",         # sequences
                    b"\x00\x53\x77\x40",                                         # null value
                    b"\x00\x53\x77\xa1\x01v\x00\x53\x78\xc1\x07\x02\xa3\x01k\xa1\x01v",   # with a footer
                    b"\x00\x53\x73\x45",                                         # properties and no body at all
                    b"\x00\x80\x00\x00\x00\x00\x00\x00\x00\x77\xa1\x01v",        # descriptor in its long form
                    b"\x00\xa3\x10amqp:value:*\xa1\x01v"]                        # a symbolic descriptor
        for payload in payloads:
            self.clients.wait(lambda: sender.credit > 0, "credit")
            sent = sender.send(payload)
            self.clients.wait(lambda: sent.done, f"an outcome for {payload!r}")
            self.assertEqual("accepted", sent.outcome)
            self.assertEqual(payload, receiver.messages[-1].payload)

    def test_sizes_around_the_frame_size(self):
        sender, receiver = self.pair()
        for size in (0, 1, 250, 511, 16000, 16384, 16385, 65400, 65536, 65537, 200000, 1000000):
            payload = Message(body=b"x" * size, inferred=True).encode()
            self.clients.wait(lambda: sender.credit > 0, "credit")
            sent = sender.send(payload)
            self.clients.wait(lambda: sent.done, f"an outcome at {size} bytes")
            self.assertEqual(hashlib.sha256(payload).digest(), hashlib.sha256(receiver.messages[-1].payload).digest())

    def test_small_frames(self):
        near = self.clients.connect(self.first, max_frame_size=512)
        far = self.clients.connect(self.last, max_frame_size=512)
        sender, receiver = self.pair(near, far)
        payload = Message(body=os.urandom(100000), inferred=True).encode()
        sent = sender.send(payload)
        self.clients.wait(lambda: sent.done, "the outcome")
        self.assertEqual(payload, receiver.messages[0].payload)

    def test_a_message_starts_to_arrive_before_it_ends(self):
        sender, receiver = self.pair()
        delivery, sent = sender.begin()
        sender.link.send(b"\x00\x53\x75\xb0\x00\x03\x0d\x40" + b"x" * 100000)
        self.clients.wait(lambda: receiver.bytes > 60000, "the beginning of a message that has no end yet")
        sender.link.send(b"x" * 100000)
        sender.link.advance()
        self.clients.wait(lambda: sent.done, "the outcome")
        self.assertEqual("accepted", sent.outcome)
        self.assertEqual(200008, len(receiver.messages[0].payload))

    def test_an_aborted_message_is_aborted_at_the_consumer(self):
        sender, receiver = self.pair()
        delivery, _ = sender.begin()
        sender.link.send(b"\x00\x53\x75\xb0\x00\x03\x0d\x40" + b"x" * 100000)
        self.clients.wait(lambda: receiver.bytes > 60000, "the beginning")
        delivery.abort()
        self.clients.wait(lambda: receiver.aborted == 1, "the abortion")
        sent = sender.send("after it")
        self.clients.wait(lambda: sent.outcome == "accepted", "the next message")
        self.assertEqual(["after it"], receiver.bodies)

    def test_a_sender_who_vanishes_in_the_middle(self):
        near = self.clients.connect(self.first)
        sender, receiver = self.pair(near)
        sender.begin()
        sender.link.send(b"\x00\x53\x75\xb0\x00\x03\x0d\x40" + b"x" * 100000)
        self.clients.wait(lambda: receiver.bytes > 60000, "the beginning")
        near.vanish()
        self.clients.wait(lambda: receiver.aborted == 1, "the abortion")
        again = self.near.sender(self.address)
        self.clients.wait(lambda: again.credit > 0, "credit")
        sent = again.send("next")
        self.clients.wait(lambda: sent.outcome == "accepted", "the next message")

    def test_a_consumer_who_leaves_in_the_middle(self):
        far = self.clients.connect(self.last)
        sender, receiver = self.pair(far=far)
        step, sent, _ = self.stream(sender, 5_000_000)
        self.clients.wait(lambda: step() or receiver.bytes > 200000, "the beginning")
        far.vanish()
        self.clients.wait(lambda: step() and sent.done, "the outcome")
        self.assertIn(sent.outcome, ("modified", "released"))

    def test_20_megabytes_with_bounded_memory(self):
        """At a node that had no stream before: what threads' heaps keep for the next one is counted, too."""
        self.bounded(20_000_000, first=1_000_000, allowed=4_000_000)

    def test_100_megabytes_with_bounded_memory(self):
        self.bounded(100_000_000, first=20_000_000, allowed=4_000_000)

    def bounded(self, size, first, allowed):
        sender, receiver = self.pair()
        receiver.keep = False
        warm, sent, _ = self.stream(sender, first)
        self.clients.wait(lambda: warm() and sent.done, "a first message")
        before = {name: node.memory_kib() for name, node in self.nodes.items()}
        step, sent, _ = self.stream(sender, size)
        highest = dict(before)

        def sample():
            for name, node in self.nodes.items():
                highest[name] = max(highest[name], node.memory_kib())
            return step() and sent.done
        self.clients.wait(sample, "a large message", 120)
        self.assertEqual("accepted", sent.outcome)
        self.assertEqual(first + size, receiver.bytes)
        allowed *= 10 if SANITIZED else 1
        growth = {name: (highest[name] - before[name]) * 1024 for name in before}
        self.assertTrue(all(each < allowed for each in growth.values()), f"bytes grown: {growth}")

    def test_short_messages_pass_a_long_one(self):
        sender, receiver = self.pair()
        step, long_one, _ = self.stream(sender, 30_000_000)
        receiver.keep = False
        self.clients.wait(lambda: step() or receiver.bytes > 1_000_000, "the long message to be under way")
        other_near, other_far = self.clients.connect(self.first), self.clients.connect(self.last)
        self.address += "/short"
        quick, quick_receiver = self.pair(other_near, other_far)
        short = [quick.send(f"{number}") for number in range(20)]
        self.clients.wait(lambda: step() and False or all(one.done for one in short), "short messages")
        self.assertFalse(long_one.done, "the short messages waited for the long one")
        self.assertEqual(20, quick_receiver.count)
        self.clients.wait(lambda: step() and long_one.done, "the long message", 120)

    def test_a_stopped_reader_of_a_stream_holds_back_its_sender(self):
        sender, receiver = self.pair()
        sender.send("first")
        self.clients.wait(lambda: receiver.count == 1, "a first message")
        stopped_receiver = self.far.receiver(self.address + "/stopped", window=0, session=self.far.session())
        # On a session of its own: a session's window holds back all of its links.
        stopped = self.near.sender(self.address + "/stopped", session=self.near.session())
        self.clients.wait(lambda: stopped.credit > 0, "credit")
        before = self.first.memory_kib()
        step, sent, _ = self.stream(stopped, 40_000_000)
        with self.assertRaises(AssertionError):
            self.clients.wait(step, "a message nobody reads to be taken whole", 2)
        self.assertLess(self.first.memory_kib() - before, (40 if SANITIZED else 16) * 1024)
        other = sender.send("second")
        self.clients.wait(lambda: other.done, "traffic beside it")
        stopped_receiver.keep = False
        stopped_receiver.flow(1)
        self.clients.wait(lambda: step() and sent.done, "the rest", 120)
        self.assertEqual("accepted", sent.outcome)

    def test_two_streams_and_many_links_on_one_connection(self):
        addresses = [f"{self.address}/{number}" for number in range(60)]
        receivers = [self.far.receiver(address, session=self.far.session(), wait=False) for address in addresses]
        senders = [self.near.sender(address, session=self.near.session(), wait=False) for address in addresses]
        self.clients.wait(lambda: all(sender.credit > 0 for sender in senders), "credit everywhere")
        sent = [sender.send(Message(body="x" * (1000 * number))) for number, sender in enumerate(senders)]
        self.clients.wait(lambda: all(one.done for one in sent), "all outcomes")
        self.assertEqual({1}, {receiver.count for receiver in receivers})

    def test_links_come_and_go(self):
        for round_number in range(30):
            receiver = self.far.receiver(self.address, name="same-name-r")
            sender = self.near.sender(self.address, name="same-name-s")
            self.clients.wait(lambda: sender.credit > 0, "credit")
            sent = sender.send(f"{round_number}")
            self.clients.wait(lambda: sent.outcome in ("accepted", "released"), "an outcome")
            sender.detach()
            receiver.detach()
            self.clients.wait(lambda: sender.closed and receiver.closed, "detach")


class StreamsAtOneNode(StreamTests, StreamTest):
    @classmethod
    def topology(cls, mesh):
        mesh.add("A")


class Streams(StreamTests, StreamTest):
    @classmethod
    def topology(cls, mesh):
        mesh.line("ABC")


if __name__ == "__main__":
    unittest.main()
