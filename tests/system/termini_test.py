#!/usr/bin/python3
"""What is said in open, begin and attach, and how much of everything a peer may ask for: on the wire."""

import socket
import struct
import time
import unittest

from delivery_test import Line, OneNode
from mesh import MeshTest
from raw import (AMQP_HEADER, ATTACH, BEGIN, BODY, DETACH, DISPOSITION, END, FLOW, OPEN, TRANSFER, Described,
                 Symbol, UInt, attach_frame, begin_frame, flow_frame, frame, open_frame,
                 transfer_frame)
from settlement_test import ACCEPTED, Peer, Performative, SettlementTest, disposition, state


def attach(name, handle, receiver, source, target, channel=0, properties=None):
    return frame(Described(ATTACH, [name, UInt(handle), receiver, None, None, source, target, None, None,
                                    None if receiver else UInt(0), None, None, None, properties]), channel=channel)


class TerminiTests:
    def test_a_refused_attach_is_refused_by_the_book(self):
        """An attach with null termini first, then the detach with the condition (AMQP 2.6.3)."""
        source, target = Described(0x28, [self.address]), Described(0x29, [self.address])
        for name, ours, condition in (
                ("coordinator", attach("s", 0, False, source, Described(0x30, [])), "amqp:not-implemented"),
                ("no such address", attach("s", 0, False, source, Described(0x29, ["_topo/1/X/y"])),
                 "amqp:invalid-field"),
                ("unavailable", attach("r", 0, True, Described(0x28, ["unavailable/x"]), target), "amqp:not-found"),
                ("nothing to receive from", attach("r", 0, True, Described(0x28, [None]), target),
                 "amqp:invalid-field")):
            with self.subTest(name):
                peer = self.peer(self.sender_at())
                peer.send(ours)
                answer = peer.get(ATTACH)
                receiver = answer[2] is False  # the router's role is the other one
                self.assertIsNone(answer[5] if receiver else answer[6])
                detach = peer.get(DETACH)
                self.assertTrue(detach[1])
                self.assertEqual(condition, detach[2][1][0])
                peer.send(frame(Described(DETACH, [UInt(0), True])))
                # The handle and the name are free again, and the session is well.
                peer.send(attach("s", 0, False, source, target))
                self.assertEqual(self.address, peer.get(ATTACH)[6][1][0])

    def test_only_what_is_honoured_is_echoed(self):
        peer = self.peer(self.sender_at())
        filters = {Symbol("apache.org:selector-filter:string"): Described(0x77, "colour = 'red'")}
        source = Described(0x28, [self.address, UInt(2), Symbol("never"), UInt(30), False, None, Symbol("copy"), filters,
                                  None, None, [Symbol("queue")]])
        peer.send(attach("r", 0, True, source, Described(0x29, ["mine"])))
        answer = peer.get(ATTACH)
        told = answer[5][1] + [None] * 11
        self.assertEqual(self.address, told[0])
        self.assertIn(told[1], (None, 0), "durable")
        self.assertIn(told[7], (None, {}), "filter")
        self.assertIn(told[6], (None,), "distribution-mode")
        self.assertIn(told[10], (None, []), "capabilities")
        self.assertEqual("mine", answer[6][1][0])

    def test_dynamic_targets(self):
        peer = self.peer(self.sender_at())
        peer.send(attach("s", 0, False, Described(0x28, []), Described(0x29, [None, None, None, None, True])))
        address = peer.get(ATTACH)[6][1][0]
        self.assertTrue(address)
        receiver = self.receiver(address)
        peer.credit()
        peer.send(transfer_frame(0, 0, BODY))
        self.assertEqual(BODY, receiver.get(TRANSFER).payload)

    def test_addresses_in_all_their_forms(self):
        for near, far in ((f"amqp://host:5672/{self.address}", self.address), (f"amqp:/{self.address}/", self.address),
                          (f"/{self.address}", self.address), (f"{self.address}.", f"amqps://u@h/{self.address}"),
                          ("x" * 1024 + self.address, "x" * 1024 + self.address),
                          (f"ünï©ødé ☃/{self.address}", f"ünï©ødé ☃/{self.address}")):
            with self.subTest(near[:30]):
                receiver, sender = self.receiver(far), self.sender(near)
                sender.send(transfer_frame(0, 0, BODY))
                self.assertEqual(BODY, receiver.get(TRANSFER).payload)
                receiver.close()

    def test_link_properties_of_any_kind(self):
        peer = self.peer(self.sender_at())
        peer.send(attach("r", 0, True, Described(0x28, [self.address]), Described(0x29, []),
                         properties={Symbol("x"): [1 == 1, "y", {Symbol("z"): UInt(5)}]}))
        self.assertEqual(self.address, peer.get(ATTACH)[5][1][0])

    def test_an_anonymous_sender_without_to(self):
        peer = self.peer(self.sender_at())
        peer.send(attach("s", 0, False, Described(0x28, []), Described(0x29, [])))
        peer.get(ATTACH)
        peer.credit()
        bad = {"no properties": BODY, "no to": b"\x00\x53\x73\xc0\x04\x02\x40\xa0\x00" + BODY,
               "an empty to": b"\x00\x53\x73\xc0\x05\x03\x40\x40\xa1\x00" + BODY,
               "a number": b"\x00\x53\x73\xc0\x05\x03\x40\x40\x52\x05" + BODY, "no message": b"\xff\xff\xff"}
        for number, (name, payload) in enumerate(bad.items()):
            with self.subTest(name):
                peer.send(transfer_frame(0, number, payload))
                told = peer.get(DISPOSITION)
                self.assertEqual((number, True), (told[1], told[3]))
                self.assertNotEqual(ACCEPTED, told[4][0])
        receiver = self.receiver()
        to = self.address.encode()
        good = b"\x00\x53\x73\xc0" + bytes([len(to) + 5, 3]) + b"\x40\x40\xa1" + bytes([len(to)]) + to + BODY
        number = len(bad)
        arrived = []
        while not arrived:  # released as long as the node has not heard of the consumer
            peer.send(transfer_frame(0, number, good, settled=True))
            number += 1
            arrived = [one for one in receiver.codes_until_quiet(0.1) if one.code == TRANSFER]
        self.assertEqual(good, arrived[0].payload)

    def test_a_thousand_links_on_one_connection(self):
        near, far = self.peer(self.sender_at()), self.peer(self.receiver_at())
        links = 1000
        for peer in (near, far):  # with a session that allows so many handles
            peer.send(begin_frame(channel=1, handle_max=1 << 16))
            peer.get(BEGIN)
        for handle in range(links):
            address = f"{self.address}/{handle}"
            far.send(attach_frame(f"r{handle}", handle + 256, True, address, channel=1),
                     flow_frame(handle + 256, 1, channel=1))
            near.send(attach_frame(f"s{handle}", 3 * handle, False, address, channel=1))
        for _ in range(links):
            far.get(ATTACH)
        credited = set()
        handles = {}
        while len(credited) < links:
            _, whole = near.next_frame()
            performative = Performative(whole)
            if performative.code == ATTACH:
                handles[performative[1]] = int(performative[0][1:])
            elif performative.code == FLOW and performative[4] is not None and performative[6]:
                credited.add(handles[performative[4]])
        for number in range(50):  # fewer than the session's window has frames
            near.send(transfer_frame(3 * 20 * number, number, BODY, settled=True, channel=1))
        for _ in range(50):
            self.assertEqual(BODY, far.get(TRANSFER).payload)

    def test_more_links_than_the_peers_handle_max(self):
        """We may not use a handle above it, so we cannot answer: the session ends with an error, nothing hangs."""
        peer = self.peer(self.sender_at())
        peer.send(begin_frame(channel=1, handle_max=3))
        peer.get(BEGIN)
        for handle in range(5):
            peer.send(attach_frame(f"l{handle}", handle, True, f"{self.address}/{handle}", channel=1))
        ended = peer.get(END)
        self.assertIn("amqp:", ended[0][1][0])

    def test_many_sessions_on_one_connection(self):
        near = self.peer(self.sender_at())
        far = self.receiver(credit=500)
        for channel in range(1, 100):
            near.send(begin_frame(channel=channel), attach_frame("same name", 0, False, self.address, channel=channel))
        ready = 0
        while ready < 99:
            _, whole = near.next_frame()
            performative = Performative(whole)
            ready += performative.code == FLOW and bool(performative[6])
        for channel in range(1, 100):
            near.send(transfer_frame(0, 0, BODY, settled=True, channel=channel))
        for _ in range(99):
            self.assertEqual(BODY, far.get(TRANSFER).payload)


class TerminiAtOneNode(TerminiTests, OneNode, SettlementTest):
    pass


class TerminiAcrossThree(TerminiTests, Line, SettlementTest):
    pass


class OpenDetails(MeshTest):
    @classmethod
    def topology(cls, mesh):
        mesh.add("A", listener={"maxFrameSize": 4096, "maxSessions": 10, "idleTimeoutSeconds": 3})

    def opened(self, **options):
        peer = Peer(self.shared.nodes["A"].port)
        self.addCleanup(peer.close)
        peer.send(AMQP_HEADER, open_frame(**options))
        return peer, peer.get(OPEN)

    def test_open_says_what_holds(self):
        _, told = self.opened()
        self.assertEqual("A", told[0])
        self.assertEqual((4096, 9), (told[2], told[3]))
        self.assertTrue(0 < told[4] <= 3000, told[4])
        self.assertEqual("amqmesh", told[9]["product"])
        self.assertIn(b"ANONYMOUS-RELAY", told[7] if isinstance(told[7], bytes) else str(told[7]).encode())

    def test_a_channel_above_channel_max(self):
        peer, _ = self.opened()
        peer.send(*[begin_frame(channel=channel) for channel in range(10)])
        for _ in range(10):
            peer.get(BEGIN)
        peer.send(begin_frame(channel=10))
        self.assertIn(b"amqp:", peer.expect_end())

    def test_a_frame_above_max_frame_size(self):
        peer, _ = self.opened()
        peer.send(frame(None, b""), struct.pack(">IBBH", 4097, 2, 0, 0) + b"\0" * 4089)
        self.assertIn(b"amqp:connection:framing-error", peer.expect_end())

    def test_our_promise_of_life_signs(self):
        """The peer's idle-time-out is kept although nothing else is to be said."""
        peer, _ = self.opened(idle_ms=200)
        last = time.monotonic()
        for _ in range(8):
            code, whole = peer.next_frame(0.2)
            self.assertIsNone(code)
            self.assertEqual(8, len(whole))
            self.assertLess(time.monotonic() - last, 0.2)
            last = time.monotonic()
            peer.send(frame(None))

    def test_a_peer_that_breaks_its_promise(self):
        peer, told = self.opened()
        self.assertIn(b"amqp:resource-limit-exceeded", peer.expect_end(10))

    def test_frames_we_send_fit_the_peer(self):
        peer, _ = self.opened(max_frame_size=512)
        sender, _ = self.opened()
        peer.send(begin_frame(), attach_frame("r", 0, True, "small"), flow_frame(0, 10))
        peer.get(ATTACH)
        sender.send(begin_frame(), attach_frame("s", 0, False, "small"))
        sender.credit()
        payload = b"\x00\x53\x75\xb0\x00\x00\x0f\x00" + b"x" * 0xf00
        sender.send(transfer_frame(0, 0, payload))
        got = b""
        while len(got) < len(payload):
            code, whole = peer.next_frame()
            self.assertLessEqual(len(whole), 512)
            if code == TRANSFER:
                got += Performative(whole).payload
        self.assertEqual(payload, got)
        peer.send(disposition(True, 0, state(ACCEPTED)))
        self.assertEqual((ACCEPTED, []), sender.get(DISPOSITION)[4])

    def test_sessions_have_finite_windows(self):
        peer, _ = self.opened()
        peer.send(begin_frame())
        window = peer.get(BEGIN)[2]
        self.assertTrue(4 <= window <= 65535, window)
        peer.send(attach_frame("r", 0, True, "window"), attach_frame("s", 1, False, "window"))
        peer.credit()
        # Nobody has given credit, so nothing leaves; what may be sent is bounded by credit, then by the window.
        piece = b"\x00\x53\x75\xb0\x7f\xff\xff\xff" + b"x" * 3000
        peer.send(transfer_frame(1, 0, piece, more=True))
        try:
            peer.socket.settimeout(10)
            for _ in range(200000):
                peer.socket.sendall(transfer_frame(1, 0, b"x" * 3000, more=True))
        except (ConnectionError, socket.timeout):
            pass
        self.assertIn(b"amqp:session:window-violation", peer.expect_end())


if __name__ == "__main__":
    unittest.main()
