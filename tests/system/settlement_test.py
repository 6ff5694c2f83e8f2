#!/usr/bin/python3
"""Outcomes in every settle mode and at every stage of a delivery, byte by byte on the wire: exactly one outcome for
each delivery, the same at one node and across the mesh."""

import struct
import unittest
import uuid

from clients import Clients
from delivery_test import Line, OneNode
from management import Management
from mesh import MeshTest, poll_until
from raw import (ATTACH, BODY, CLOSE, DETACH, DISPOSITION, END, FLOW, TRANSFER, Described, RawPeer, Symbol,
                 UByte, UInt, flow_frame, frame, transfer_frame)

ACCEPTED, REJECTED, RELEASED, MODIFIED = 0x24, 0x25, 0x26, 0x27
FIRST, SECOND = UByte(0), UByte(1)
UNSETTLED, SETTLED, MIXED = UByte(0), UByte(1), UByte(2)


def attach(name, handle, receiver, address, sender_mode=None, receiver_mode=None):
    return frame(Described(ATTACH, [name, UInt(handle), receiver, sender_mode, receiver_mode,
                                    Described(0x28, [address]), Described(0x29, [address]), None, None,
                                    None if receiver else UInt(0)]))


def state(code, fields=()):
    return Described(code, list(fields))


def disposition(of_receiver, first, outcome, settled=True, last=None):
    return frame(Described(DISPOSITION, [of_receiver, UInt(first), None if last is None else UInt(last), settled,
                                         outcome]))


def decode(data):
    """One AMQP value and what follows it; described ones come as (descriptor, value)."""
    code, rest = data[0], data[1:]
    if code == 0:
        descriptor, rest = decode(rest)
        value, rest = decode(rest)
        return (descriptor, value), rest
    if code in (0x40, 0x41, 0x42, 0x43, 0x44, 0x45):
        return {0x40: None, 0x41: True, 0x42: False, 0x43: 0, 0x44: 0, 0x45: []}[code], rest
    if code in (0x50, 0x51, 0x52, 0x53, 0x54, 0x55):
        return rest[0], rest[1:]
    if code == 0x56:
        return rest[0] == 1, rest[1:]
    width = {0x6: 2, 0x7: 4, 0x8: 8, 0x9: 16}.get(code >> 4)
    if width:
        return int.from_bytes(rest[:width], "big"), rest[width:]
    size_bytes = 1 if code >> 4 in (0xa, 0xc, 0xe) else 4
    size = int.from_bytes(rest[:size_bytes], "big")
    body, rest = rest[size_bytes:size_bytes + size], rest[size_bytes + size:]
    if code in (0xa0, 0xb0):
        return body, rest
    if code in (0xa1, 0xb1, 0xa3, 0xb3):
        return body.decode(), rest
    if code in (0xe0, 0xf0):
        return body, rest
    count, body = int.from_bytes(body[:size_bytes], "big"), body[size_bytes:]
    items = []
    for _ in range(count):
        item, body = decode(body)
        items.append(item)
    return (items if code in (0xc0, 0xd0) else dict(zip(items[::2], items[1::2]))), rest


class Performative:
    """A received frame's fields by number, and its payload."""

    def __init__(self, whole):
        (self.code, self.fields), self.payload = decode(whole[whole[4] * 4:])

    def __getitem__(self, index):
        return self.fields[index] if index < len(self.fields) else None

    def pick(self, *indexes):
        return tuple(self[index] for index in indexes)


class Peer(RawPeer):
    def get(self, code, deadline_s=None):
        return Performative(self.expect(code, *([deadline_s] if deadline_s else [])))

    def credit(self, at_least=1):
        """Waits for a flow of a link that gives credit."""
        while True:
            flow = self.get(FLOW)
            if flow[4] is not None and (flow[6] or 0) >= at_least:
                return flow

    def codes_until_quiet(self, during_s=0.15):
        """Performatives that come until nothing comes for a while."""
        seen = []
        while True:
            try:
                got = self.next_frame(during_s)
            except AssertionError:
                return seen
            if got is None:
                return seen + ["end"]
            if got[0] is not None:
                seen.append(Performative(got[1]))


class SettlementTest(MeshTest):
    def setUp(self):
        self.address = f"q/{uuid.uuid4().hex[:8]}"

    def peer(self, node):
        peer = Peer(node.port)
        self.addCleanup(peer.close)
        return peer.session()

    def receiver(self, address=None, credit=10, window=1000, **modes):
        peer = self.peer(self.receiver_at())
        peer.send(attach("r", 0, True, address or self.address, **modes), flow_frame(0, credit, window))
        peer.answer = peer.get(ATTACH)
        return peer

    def sender(self, address=None, **modes):
        peer = self.peer(self.sender_at())
        peer.send(attach("s", 0, False, address or self.address, **modes))
        peer.answer = peer.get(ATTACH)
        peer.credit()
        return peer


class SettlementTests:
    def test_every_outcome_arrives_as_it_was_given(self):
        receiver, sender = self.receiver(credit=20), self.sender()
        error = Described(0x1d, [Symbol("a:b"), "text", {Symbol("k"): "v"}])
        for number, outcome in enumerate((
                state(ACCEPTED), state(REJECTED, [error]), state(REJECTED), state(RELEASED),
                state(MODIFIED, [True, False]), state(MODIFIED, [None, True, {Symbol("x-opt-a"): "b"}]),
                state(0x34, [b"transaction", state(ACCEPTED)]), state(0x35), None)):
            with self.subTest(number):
                sender.send(transfer_frame(0, number, BODY))
                receiver.get(TRANSFER)
                receiver.send(disposition(True, number, outcome))
                told = sender.get(DISPOSITION)
                self.assertEqual((True, number, True), (told[0], told[1], told[3]))
                self.assertEqual(decode(frame(outcome)[8:])[0] if outcome else None, told[4])

    def test_a_state_that_nobody_knows_is_passed_on(self):
        receiver, sender = self.receiver(), self.sender()
        sender.send(transfer_frame(0, 0, BODY))
        receiver.get(TRANSFER)
        strange = b"\x00\xa3\x0cmy:own-state\xc0\x06\x02\xa1\x01x\x54\x05"
        body = b"\x00\x53\x15\xc0" + bytes([len(strange) + 5]) + b"\x05\x41\x43\x40\x41" + strange
        receiver.send(struct.pack(">IBBH", 8 + len(body), 2, 0, 0) + body)
        self.assertEqual(("my:own-state", ["x", 5]), sender.get(DISPOSITION)[4])

    def test_a_message_of_a_transaction_is_not_delivered_as_if_it_were_of_none(self):
        """The router coordinates no transactions, so it knows none of them."""
        for prefix in ("", "multicast/"):
            address = prefix + self.address
            receiver, sender = self.receiver(address), self.sender(address)
            for number, descriptor in enumerate((b"\x00\x53\x34", b"\x00\x80" + bytes(7) + b"\x34",
                                                 b"\x00\xa3\x1damqp:transactional-state:list")):
                with self.subTest(prefix, descriptor=descriptor):
                    sender.send(self.of_transaction(number, descriptor))
                    told = sender.get(DISPOSITION)
                    self.assertEqual((number, True, REJECTED), (told[1], told[3], told[4][0]))
                    self.assertEqual("amqp:transaction:unknown-id", told[4][1][0][1][0])
            sender.send(transfer_frame(0, 3, BODY))
            self.assertEqual(BODY, receiver.get(TRANSFER).payload)
            receiver.send(disposition(True, 0, state(ACCEPTED)))
            self.assertEqual((ACCEPTED, []), sender.get(DISPOSITION)[4])

    @staticmethod
    def of_transaction(number, descriptor):
        whole = frame(Described(TRANSFER, [UInt(0), UInt(number), struct.pack(">I", number), UInt(0), False, False,
                                           None, b"STATE"]), b"another body")
        state_of = descriptor + b"\xc0\x05\x01\xa0\x02tx"
        placeholder = b"\xb0\x00\x00\x00\x05STATE"
        grown = len(state_of) - len(placeholder)
        body = whole[8:].replace(placeholder, state_of)
        size = struct.unpack(">I", body[4:8])[0] + grown  # of the performative's list32
        return struct.pack(">I", len(whole) + grown) + whole[4:8] + body[:4] + struct.pack(">I", size) + body[8:]

    def test_a_received_state_ends_nothing(self):
        receiver, sender = self.receiver(), self.sender()
        sender.send(transfer_frame(0, 0, BODY))
        receiver.get(TRANSFER)
        receiver.send(disposition(True, 0, state(0x23, [UInt(0), UInt(3)]), settled=False))
        self.assertEqual([], [p for p in sender.codes_until_quiet() if p.code == DISPOSITION and p[3]])
        receiver.send(disposition(True, 0, state(ACCEPTED)))
        told = sender.get(DISPOSITION)
        self.assertEqual((True, (ACCEPTED, [])), (told[3], told[4]))

    def test_second_mode_of_the_sending_link(self):
        """The sender settles last: it is told the outcome unsettled, and nothing is left after its settlement."""
        receiver, sender = self.receiver(), self.sender(receiver_mode=SECOND)
        self.assertEqual(1, sender.answer[4])
        sender.send(transfer_frame(0, 0, BODY))
        receiver.get(TRANSFER)
        receiver.send(disposition(True, 0, state(ACCEPTED)))
        told = sender.get(DISPOSITION)
        self.assertEqual(((ACCEPTED, []), False), (told[4], bool(told[3])))
        sender.send(disposition(False, 0, state(ACCEPTED)))
        sender.send(transfer_frame(0, 1, BODY))
        receiver.get(TRANSFER)
        receiver.send(disposition(True, 1, state(RELEASED)))
        self.assertEqual((RELEASED, []), sender.get(DISPOSITION)[4])

    def test_second_mode_of_the_receiving_link(self):
        receiver, sender = self.receiver(receiver_mode=SECOND), self.sender()
        sender.send(transfer_frame(0, 0, BODY))
        receiver.get(TRANSFER)
        receiver.send(disposition(True, 0, state(ACCEPTED), settled=False))
        told = sender.get(DISPOSITION)
        self.assertEqual(((ACCEPTED, []), True), (told[4], told[3]))
        self.assertEqual((False, True), receiver.get(DISPOSITION).pick(0, 3))

    def test_second_mode_at_both_ends(self):
        receiver, sender = self.receiver(receiver_mode=SECOND), self.sender(receiver_mode=SECOND)
        sender.send(transfer_frame(0, 0, BODY))
        receiver.get(TRANSFER)
        receiver.send(disposition(True, 0, state(MODIFIED, [True]), settled=False))
        told = sender.get(DISPOSITION)
        self.assertEqual(((MODIFIED, [True]), False), (told[4], bool(told[3])))
        sender.send(disposition(False, 0, told_state := state(MODIFIED, [True])))
        self.assertIsNotNone(told_state)
        self.assertEqual((False, True), receiver.get(DISPOSITION).pick(0, 3))

    def test_a_receiver_that_wants_everything_settled(self):
        receiver, sender = self.receiver(sender_mode=SETTLED), self.sender()
        self.assertEqual(1, receiver.answer[3])
        sender.send(transfer_frame(0, 0, BODY))
        self.assertTrue(receiver.get(TRANSFER)[4])
        told = sender.get(DISPOSITION)
        self.assertEqual(((ACCEPTED, []), True), (told[4], told[3]))

    def test_a_receiver_that_wants_everything_unsettled(self):
        receiver, sender = self.receiver(sender_mode=UNSETTLED), self.sender()
        sender.send(transfer_frame(0, 0, BODY, settled=True))
        self.assertFalse(receiver.get(TRANSFER)[4])
        receiver.send(disposition(True, 0, state(ACCEPTED)))
        self.assertEqual([], [p for p in sender.codes_until_quiet() if p.code == DISPOSITION])

    def test_settled_at_the_last_frame_only(self):
        receiver, sender = self.receiver(), self.sender()
        sender.send(transfer_frame(0, 0, BODY[:4], more=True), transfer_frame(0, 0, BODY[4:], settled=True))
        payload = b""
        while len(payload) < len(BODY):
            payload += receiver.get(TRANSFER).payload
        self.assertEqual(BODY, payload)
        sender.send(transfer_frame(0, 1, BODY))
        receiver.get(TRANSFER)
        receiver.send(disposition(True, 0, state(ACCEPTED), last=1))
        self.assertEqual(1, sender.get(DISPOSITION)[1])

    def test_the_sender_settles_what_is_under_way(self):
        """It wants to know no more: the consumer's outcome goes nowhere, and the link goes on."""
        receiver, sender = self.receiver(), self.sender()
        sender.send(transfer_frame(0, 0, BODY))
        receiver.get(TRANSFER)
        sender.send(disposition(False, 0, state(ACCEPTED)))
        receiver.send(disposition(True, 0, state(RELEASED)))
        sender.send(transfer_frame(0, 1, BODY))
        receiver.get(TRANSFER)
        receiver.send(disposition(True, 1, state(ACCEPTED)))
        told = sender.get(DISPOSITION)
        if told[1] == 0:  # the consumer's word overtook the sender's, on a connection of its own
            self.assertEqual((RELEASED, []), told[4])
            told = sender.get(DISPOSITION)
        self.assertEqual((1, (ACCEPTED, [])), told.pick(1, 4))

    def test_consumers_leave_in_every_way(self):
        """Before the transfer: released; after it: modified(delivery-failed). One outcome for each."""
        ways = {"detach": frame(Described(DETACH, [UInt(0), True])),
                "detach without closing": frame(Described(DETACH, [UInt(0)])),
                "end": frame(Described(END, [])), "close": frame(Described(CLOSE, [])), "vanish": None}
        for name, last_word in ways.items():
            with self.subTest(name):
                address = f"{self.address}/{name}"
                receiver, sender = self.receiver(address, credit=3), self.sender(address)
                sender.send(*[transfer_frame(0, number, BODY) for number in range(6)])
                for _ in range(3):
                    receiver.get(TRANSFER)
                if last_word:
                    receiver.send(last_word)
                else:
                    receiver.close()
                self.assertEqual({0: MODIFIED, 1: MODIFIED, 2: MODIFIED, 3: RELEASED, 4: RELEASED, 5: RELEASED},
                                 self.outcomes(sender, 6))
                self.assertEqual([], [p for p in sender.codes_until_quiet(0.1) if p.code == DISPOSITION])

    def outcomes(self, sender, count):
        told = {}
        while len(told) < count:
            one = sender.get(DISPOSITION)
            self.assertTrue(one[3])
            for number in range(one[1], (one[2] if one[2] is not None else one[1]) + 1):
                self.assertNotIn(number, told, "a second outcome")
                told[number] = one[4][0]
                if told[number] == MODIFIED:
                    self.assertEqual([True], one[4][1][:1])
        return told

    def test_a_consumer_leaves_in_the_middle_of_a_message(self):
        receiver, sender = self.receiver(), self.sender()
        sender.send(transfer_frame(0, 0, b"\x00\x53\x75\xb0\x00\x00\x30\x00" + b"x" * 1000, more=True))
        receiver.get(TRANSFER)
        receiver.close()
        told = sender.get(DISPOSITION)
        self.assertEqual((MODIFIED, [True]), told[4])
        sender.send(transfer_frame(0, 0, b"x" * 11288))   # the rest of it is nobody's any more
        other = self.receiver(self.address + "/other")
        sender.send(attach("s2", 1, False, self.address + "/other"))
        sender.get(ATTACH)
        sender.credit()
        sender.send(transfer_frame(1, 1, BODY))
        self.assertEqual(BODY, other.get(TRANSFER).payload)

    def test_a_consumer_answers_before_the_end_of_a_message(self):
        receiver, sender = self.receiver(), self.sender()
        sender.send(transfer_frame(0, 0, b"\x00\x53\x75\xb0\x00\x00\x30\x00" + b"x" * 1000, more=True))
        receiver.get(TRANSFER)
        receiver.send(disposition(True, 0, state(REJECTED)))
        told = sender.get(DISPOSITION)
        self.assertEqual((REJECTED, []), told[4])
        sender.send(transfer_frame(0, 0, b"x" * 11288), transfer_frame(0, 1, BODY))
        while True:
            transfer = receiver.get(TRANSFER)
            if transfer[1] not in (None, 0):
                break
        self.assertEqual(BODY, transfer.payload)

    def test_a_message_waits_for_the_next_consumer_of_its_node(self):
        """Not sent yet when its consumer leaves: another one gets it, and the sender sees nothing of that."""
        first, sender = self.receiver(credit=0), self.sender()
        sender.send(transfer_frame(0, 0, BODY))
        sender.codes_until_quiet(0.1)
        second = self.receiver(credit=5)
        clients = Clients()
        self.addCleanup(clients.close)
        management = Management(clients.connect(self.receiver_at()))
        poll_until(lambda: [row for row in management.query("router.address", "key", "subscriberCount")
                            if row["key"] == "M0" + self.address and row["subscriberCount"] == 2],
                   "the node knows both consumers")
        self.receiver_settles(first, second, sender)

    def receiver_settles(self, first, second, sender):
        first.send(frame(Described(DETACH, [UInt(0), True])))
        self.assertEqual(BODY, second.get(TRANSFER).payload)
        second.send(disposition(True, 0, state(ACCEPTED)))
        self.assertEqual((ACCEPTED, []), sender.get(DISPOSITION)[4])

    def test_senders_leave_in_every_way(self):
        """What was wholly sent reaches the consumer; half a message is aborted."""
        for name, last_word in {"detach": frame(Described(DETACH, [UInt(0), True])),
                                "end": frame(Described(END, [])), "close": frame(Described(CLOSE, [])),
                                "vanish": None}.items():
            with self.subTest(name):
                address = f"{self.address}/{name}"
                receiver, sender = self.receiver(address), self.sender(address)
                sender.send(transfer_frame(0, 0, BODY), transfer_frame(0, 1, BODY[:5], more=True))
                self.assertEqual(BODY, receiver.get(TRANSFER).payload)
                receiver.get(TRANSFER)
                if last_word:
                    sender.send(last_word)
                else:
                    sender.close()
                self.assertTrue(receiver.get(TRANSFER)[9], "aborted")
                receiver.send(disposition(True, 0, state(ACCEPTED)))
                next_one = self.sender(address)
                next_one.send(transfer_frame(0, 0, BODY))
                arrived = receiver.get(TRANSFER)
                self.assertEqual(BODY, arrived.payload)
                receiver.send(disposition(True, arrived[1], state(ACCEPTED)))
                self.assertEqual((ACCEPTED, []), next_one.get(DISPOSITION)[4])

    def test_detach_and_attach_again_with_the_same_name(self):
        receiver, sender = self.receiver(), self.sender()
        for round_number in range(3):
            sender.send(transfer_frame(0, 2 * round_number, BODY))
            arrived = receiver.get(TRANSFER)
            receiver.send(disposition(True, arrived[1], state(ACCEPTED)))
            self.assertEqual((ACCEPTED, []), sender.get(DISPOSITION)[4])
            closed = round_number % 2 == 0
            sender.send(frame(Described(DETACH, [UInt(0), closed])))
            self.assertEqual(closed, bool(sender.get(DETACH)[1]))
            sender.send(attach("s", 0, False, self.address))
            sender.get(ATTACH)
            self.assertGreaterEqual(sender.credit()[6], 100)
            # Its delivery-count starts anew with the attach; delivery-ids are the session's and go on.
            sender.send(transfer_frame(0, 2 * round_number + 1, BODY))
            arrived = receiver.get(TRANSFER)
            receiver.send(disposition(True, arrived[1], state(ACCEPTED)))
            self.assertEqual((ACCEPTED, []), sender.get(DISPOSITION)[4])

    def test_a_peer_that_has_shut_its_writing_side(self):
        """Half-closed without a close: the end of its input is the end of it."""
        import socket
        receiver, sender = self.receiver(), self.sender()
        sender.send(transfer_frame(0, 0, BODY))
        receiver.get(TRANSFER)
        receiver.socket.shutdown(socket.SHUT_WR)
        self.assertEqual((MODIFIED, [True]), sender.get(DISPOSITION)[4])
        receiver.expect_end()


class SettlementAtOneNode(SettlementTests, OneNode, SettlementTest):
    pass


class SettlementAcrossThree(SettlementTests, Line, SettlementTest):
    pass


if __name__ == "__main__":
    unittest.main()
