#!/usr/bin/python3
"""Peers that talk garbage, stop in the middle or say nothing: they are answered by the book and dropped, and
nobody else notices."""

import random
import socket
import struct
import unittest

from clients import Clients
from mesh import MeshTest
from raw import (AMQP_HEADER, ATTACH, BEGIN, BODY, CLOSE, END, SASL_HEADER, TRANSFER, Described, RawPeer, UInt,
                 attach_frame, begin_frame, flow_frame, frame, open_frame, transfer_frame)


class BadInput(MeshTest):
    @classmethod
    def topology(cls, mesh):
        mesh.add("A", listener={"initialHandshakeTimeoutSeconds": 1})

    def setUp(self):
        self.node = self.shared.nodes["A"]
        self.clients = Clients()
        self.addCleanup(self.clients.close)
        # Whatever a stranger does, the neighbour's traffic goes on.
        self.neighbour = self.clients.connect(self.node)
        self.received = self.neighbour.receiver("neighbour")
        self.sender = self.neighbour.sender("neighbour")
        self.clients.wait(lambda: self.sender.credit > 0, "credit")

    def tearDown(self):
        sent = self.sender.send("still here")
        self.clients.wait(lambda: sent.outcome == "accepted", "the neighbour's traffic")
        self.assertTrue(self.node.running)

    def peer(self, port=None):
        peer = RawPeer(port or self.node.port)
        self.addCleanup(peer.close)
        return peer

    def assert_closed_with(self, peer, *conditions):
        said = peer.expect_end()
        self.assertTrue(any(condition.encode() in said for condition in conditions), said[-300:])

    def test_garbage_instead_of_a_header(self):
        for garbage in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
                        b"\0" * 100, bytes(range(256)), b"AMQP\x00\x00\x09\x01", b"AMQP\x07\x01\x00\x00"):
            with self.subTest(garbage[:12]):
                self.peer().send(garbage).expect_end()

    def test_a_wrong_version_is_answered_with_a_header(self):
        peer = self.peer().send(b"AMQP\x00\x02\x00\x00")
        self.assertTrue(peer.expect_end().startswith(b"AMQP"))

    def test_a_stranger_who_says_nothing_is_dropped(self):
        self.peer().expect_end(10)

    def test_a_stranger_who_stops_before_open_is_dropped(self):
        for beginning in (b"AM", AMQP_HEADER, SASL_HEADER, AMQP_HEADER + open_frame()[:10]):
            with self.subTest(beginning):
                self.peer().send(beginning).expect_end(10)

    def test_the_time_limit_holds_on_the_mesh_port_too(self):
        self.peer(self.node.mesh_port).send(AMQP_HEADER).expect_end(20)

    def test_stopping_in_the_middle_of_a_frame_and_leaving(self):
        session = self.peer().session()
        whole = attach_frame("a", 0, False, "q")
        for length in range(1, len(whole), 7):
            peer = self.peer().session()
            peer.send(whole[:length])
            peer.close()
        session.send(whole)
        session.expect(ATTACH)

    def test_frames_that_are_no_frames(self):
        for bad in (struct.pack(">IBBH", 7, 2, 0, 0), struct.pack(">IBBH", 0, 2, 0, 0),
                    struct.pack(">IBBH", 0xffffffff, 2, 0, 0), struct.pack(">IBBH", 8, 1, 0, 0),
                    struct.pack(">IBBH", 8, 255, 0, 0), struct.pack(">IBBH", 8, 2, 9, 0),
                    struct.pack(">IBBH", 12, 2, 0, 0) + b"\xff\xff\xff\xff"):
            with self.subTest(bad):
                self.peer().handshake().send(bad).expect_end()

    def test_a_frame_larger_than_we_allow(self):
        peer = self.peer().handshake()
        peer.send(struct.pack(">IBBH", 1 << 24, 2, 0, 0))
        self.assert_closed_with(peer, "amqp:connection:framing-error")

    def test_a_close_that_is_never_answered(self):
        peer = self.peer().session()
        peer.send(frame(Described(BEGIN, [])))
        self.assertIn(b"amqp:", peer.expect_end(answer=False))

    def test_an_unknown_performative(self):
        peer = self.peer().session()
        peer.send(frame(Described(0x77, [])))
        self.assert_closed_with(peer, "amqp:decode-error", "amqp:connection:framing-error", "amqp:not-implemented",
                                "amqp:not-allowed")

    def test_performatives_out_of_place(self):
        for name, frames in {
                "begin before open": [frame(Described(BEGIN, [None, UInt(0), UInt(1), UInt(1)]))],
                "two opens": [open_frame(), open_frame()],
                "attach without begin": [open_frame(), attach_frame("a", 0, False, "q", channel=3)],
                "two begins": [open_frame(), begin_frame(), begin_frame()],
                "end without begin": [open_frame(), frame(Described(END, []), channel=5)],
                "transfer without session": [open_frame(), transfer_frame(0, 0, BODY)],
                "channel above the maximum": [open_frame(), begin_frame(channel=65535)],
        }.items():
            with self.subTest(name):
                peer = self.peer().send(AMQP_HEADER, *frames)
                self.assertIn(b"amqp:", peer.expect_end())

    def test_transfers_that_break_the_rules(self):
        for name, frames in {
                "unknown handle": [transfer_frame(9, 0, BODY)],
                "without credit": [attach_frame("a", 0, False, "nobody"), transfer_frame(0, 0, BODY)],
                "on a receiver": [attach_frame("a", 0, True, "q"), transfer_frame(0, 0, BODY)],
                "a delivery-id out of order": [attach_frame("a", 0, False, "neighbour"), transfer_frame(0, 77, BODY)],
                "a tag of 33 bytes": [attach_frame("a", 0, False, "neighbour"), frame(
                    Described(TRANSFER, [UInt(0), UInt(0), b"x" * 33]), BODY)],
                "a truncated list": [attach_frame("a", 0, False, "neighbour"),
                                     struct.pack(">IBBH", 16, 2, 0, 0) + b"\x00\x53\x14\xc0\xff\x05\x43\x43"],
        }.items():
            with self.subTest(name):
                peer = self.peer().session()
                peer.send(*frames)
                peer.send(frame(Described(CLOSE, [])))
                said = peer.expect_end()
                if name != "a delivery-id out of order":
                    self.assertIn(b"amqp:", said)

    def test_handle_in_use(self):
        peer = self.peer().session()
        peer.send(attach_frame("a", 0, False, "q"), attach_frame("b", 0, False, "q"))
        self.assertIn(b"amqp:session:handle-in-use", self.until_closed(peer))

    def until_closed(self, peer):
        peer.send(frame(Described(CLOSE, [])))
        return peer.expect_end()

    def test_a_flow_of_a_link_that_is_not_there(self):
        peer = self.peer().session()
        peer.send(flow_frame(77, 10))
        self.assertIn(b"amqp:session:unattached-handle", self.until_closed(peer))

    def test_deep_and_lying_encodings(self):
        deep = b"\xc0\x7f\x01" * 100
        nested = b"\x00" * 2000
        lying = b"\xd0\x00\x00\x00\x10\xff\xff\xff\xff" + b"\x40" * 12
        for body in (b"\x00\x53\x10" + deep, nested, b"\x00\x53\x10" + lying, b"\x00\xa3\xff" + b"a" * 5,
                     b"\x00\x53\x10\xd0\xff\xff\xff\xff\x00\x00\x00\x01\x40"):
            with self.subTest(body[:8]):
                peer = self.peer().send(AMQP_HEADER, struct.pack(">IBBH", 8 + len(body), 2, 0, 0), body)
                peer.expect_end()

    def test_mutated_conversations(self):
        """A right conversation with bytes changed at random: any answer will do, but a crash or a hang."""
        conversation = b"".join([
            AMQP_HEADER, open_frame(), begin_frame(), attach_frame("s", 0, False, "mutant"),
            attach_frame("r", 1, True, "mutant"), flow_frame(1, 10), transfer_frame(0, 0, BODY),
            transfer_frame(0, 1, BODY, more=True), transfer_frame(0, 2, BODY), frame(Described(CLOSE, []))])
        rng = random.Random(7)
        for _ in range(150):
            mutant = bytearray(conversation)
            for _ in range(rng.randint(1, 6)):
                mutant[rng.randrange(8, len(mutant))] = rng.randrange(256)
            peer = RawPeer(self.node.port)
            peer.send(bytes(mutant))
            peer.socket.shutdown(socket.SHUT_WR)
            peer.expect_end()
            peer.close()

    def test_many_strangers_at_once(self):
        strangers = [self.peer() for _ in range(200)]
        for index, stranger in enumerate(strangers):
            stranger.send((b"", AMQP_HEADER, b"junk junk junk", AMQP_HEADER + open_frame())[index % 4])
        sent = self.sender.send("among strangers")
        self.clients.wait(lambda: sent.outcome == "accepted", "traffic among strangers", 5)

    def test_a_reader_who_stops_reading(self):
        """Holds back its own senders; everybody else's traffic and the node's memory stay as they were."""
        peer = self.peer().session()
        peer.send(attach_frame("r", 0, True, "stopped"), flow_frame(0, 100000, window=2000000000))
        peer.expect(ATTACH)
        flooder = self.clients.connect(self.node)
        sender = flooder.sender("stopped")
        self.clients.wait(lambda: sender.credit > 0, "credit")
        before = self.node.memory_kib()
        payload = "x" * 50000

        def push():
            while sender.credit and flooder.default_session().outgoing_bytes < 1 << 20:
                sender.send(payload, settled=True)
            return sender.number > 4000
        with self.assertRaises(AssertionError):
            self.clients.wait(push, "200 MB to a stopped reader", 3)
        self.assertLess(self.node.memory_kib() - before, 64 * 1024)

    def test_requests_for_too_much(self):
        peer = self.peer().handshake(channel_max=65535)
        peer.send(*[begin_frame(channel=channel) for channel in range(300)])
        self.until_closed(peer)
        peer = self.peer().session()
        peer.send(*[attach_frame(f"l{handle}", handle, True, f"q{handle}") for handle in range(3000)])
        self.until_closed(peer)


if __name__ == "__main__":
    unittest.main()
