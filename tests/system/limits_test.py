#!/usr/bin/python3
"""How much may be under way, and what happens where numbers begin again at 0: at one node and across three."""

import threading
import time
import unittest
import uuid

from delivery_test import DeliveryTest, Line, OneNode
from mesh import poll_until
from raw import (ATTACH, BEGIN, BODY, DISPOSITION, FLOW, TRANSFER, Described, UInt, begin_frame, flow_frame, frame,
                 transfer_frame)
from settlement_test import ACCEPTED, Peer, Performative, SettlementTest, attach, disposition, state

WRAP = 1 << 32
MANY = 65536


class Feeder:
    """A raw sender that keeps to the session's window and the link's credit."""

    def __init__(self, peer, address, first_id=0):
        self.peer = peer
        self.transfers_allowed = self.credit_until = self.first = self.next = first_id
        self.told = {}
        peer.send(frame(Described(BEGIN, [None, UInt(first_id), UInt(1000), UInt(1000), UInt(255)]), channel=1),
                  frame(Described(ATTACH, ["fed", UInt(0), False, None, None, Described(0x28, [address]),
                                           Described(0x29, [address]), None, None, UInt(first_id)]), channel=1))
        begun = peer.get(BEGIN)
        self.transfers_allowed = (first_id + begun[2]) % WRAP
        peer.get(ATTACH)

    def room(self):
        def ahead(limit):
            distance = (limit - self.next) % WRAP
            return 0 if distance >= WRAP // 2 else distance
        return min(ahead(self.transfers_allowed), ahead(self.credit_until))

    def take(self):
        """One frame of the node's: a flow, or outcomes."""
        code, whole = self.peer.next_frame()
        if code == FLOW:
            flow = Performative(whole)
            self.transfers_allowed = (flow[0] + flow[1]) % WRAP
            if flow[4] is not None:
                self.credit_until = (flow[5] + flow[6]) % WRAP
        elif code == DISPOSITION:
            one = Performative(whole)
            last = one[2] if one[2] is not None else one[1]
            for number in range((last - one[1]) % WRAP + 1):
                delivery = (one[1] + number) % WRAP
                if delivery in self.told:
                    raise AssertionError(f"a second outcome for {delivery}")
                self.told[delivery] = one[4][0]

    def send(self, count):
        left = count
        while left:
            while not self.room():
                self.take()
            batch = min(left, self.room(), 500)
            ids = [(self.next + number) % WRAP for number in range(batch)]
            self.peer.send(*[transfer_frame(0, one, BODY, channel=1) for one in ids])
            self.next = (self.next + batch) % WRAP
            left -= batch

    def settled(self, count):
        while len(self.told) < count:
            self.take()
        return self.told


class Eater:
    """A raw receiver on a thread of its own: counts transfers until all have come."""

    def __init__(self, peer, count):
        self.peer = peer
        self.count = count
        self.came = 0
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while self.came < self.count:
            self.came += self.peer.next_frame()[0] == TRANSFER

    def wait(self):
        poll_until(lambda: self.came == self.count or not self.thread.is_alive(), "all transfers", 60)
        self.thread.join()
        return self.came


class LimitsTests:
    def test_65536_deliveries_under_way(self):
        """All are with the consumer, none is settled: one disposition settles them all."""
        receiver = self.receiver(credit=MANY, window=1 << 30)
        eater = Eater(receiver, MANY)
        feeder = Feeder(self.peer(self.sender_at()), self.address)
        feeder.send(MANY)
        self.assertEqual(MANY, eater.wait())
        self.assertEqual({}, feeder.told)
        receiver.send(disposition(True, 0, state(ACCEPTED), last=MANY - 1))
        self.assertEqual({ACCEPTED}, set(feeder.settled(MANY).values()))
        # Their room is free again, here and on the way.
        receiver.send(frame(Described(FLOW, [UInt(MANY), UInt(1 << 30), UInt(0), UInt(1000), UInt(0), UInt(MANY),
                                             UInt(100)])))
        feeder.send(100)
        self.assertEqual(100, Eater(receiver, 100).wait())

    def test_ids_and_counts_begin_again_at_0(self):
        """Delivery-ids, transfer-ids and the delivery-count are serial numbers (RFC 1982)."""
        first, total = WRAP - 150, 400
        receiver = self.receiver(credit=1000, window=1 << 30)
        eater = Eater(receiver, total)
        feeder = Feeder(self.peer(self.sender_at()), self.address, first)
        feeder.send(total)
        self.assertEqual(total, eater.wait())
        for number in range(0, total, 2):
            receiver.send(disposition(True, number, state(ACCEPTED)))
        receiver.send(disposition(True, 0, state(ACCEPTED), last=total - 1))
        told = feeder.settled(total)
        self.assertEqual({(first + number) % WRAP for number in range(total)}, set(told))
        self.assertEqual({ACCEPTED}, set(told.values()))
        feeder.send(200)
        self.assertEqual(200, Eater(receiver, 200).wait())


class LimitsAtOneNode(LimitsTests, OneNode, SettlementTest):
    @classmethod
    def topology(cls, mesh):
        mesh.add("A", listener={"linkCapacity": 2 * MANY})


class LimitsAcrossThree(LimitsTests, Line, SettlementTest):
    @classmethod
    def topology(cls, mesh):
        mesh.line("ABC", listener={"linkCapacity": 2 * MANY})


class CapacityTests:
    """What a sender may have under way: its link's capacity, again and again, and less while memory is short."""

    CAPACITY = 70

    def test_the_configured_capacity_is_given(self):
        sender, receiver = self.pair(window=0)
        self.clients.wait(lambda: sender.credit == self.CAPACITY, "the configured credit")
        sent = [sender.send("x") for _ in range(self.CAPACITY)]
        self.clients.never(lambda: sender.credit > 0, "more than the capacity under way", 0.1)
        receiver.flow(self.CAPACITY)
        self.clients.wait(lambda: all(one.done for one in sent), "outcomes")
        self.clients.wait(lambda: sender.credit > 3 * self.CAPACITY // 4, "credit again")

    def test_consumers_come_and_go_and_credit_comes_back_each_time(self):
        """A sender without credit gets a window of it with each new consumer, and keeps it."""
        sender = self.near.sender(self.address)
        for _ in range(15):
            receiver = self.far.receiver(self.address, window=50)
            self.clients.wait(lambda: sender.credit > 3 * self.CAPACITY // 4, "a window of credit")
            sent = []

            def work(sent=sent):
                while sender.credit and len(sent) < 200:
                    sent.append(sender.send("x"))
                return len(sent) == 200 and all(one.done for one in sent)
            self.clients.wait(work, "two hundred messages")
            self.assertEqual({"accepted"}, {one.outcome for one in sent})
            receiver.detach()
            self.clients.wait(lambda: receiver.closed, "detach")
            self.use_up(sender)
        # Below 0: taken back before the client had written what it took for sendable.
        self.clients.never(lambda: sender.credit > 0, "credit although nobody listens", 0.1)

    def use_up(self, sender):
        """What credit the last consumer has left is good for messages that come back released."""
        def used_up():
            if sender.credit > 0:
                sender.send("nobody there")
            return sender.credit <= 0 and not sender.in_flight
        self.clients.wait(used_up, "the end of the credit")


class CapacityAtOneNode(CapacityTests, OneNode, DeliveryTest):
    @classmethod
    def topology(cls, mesh):
        mesh.add("A", listener={"linkCapacity": cls.CAPACITY})


class CapacityAcrossThree(CapacityTests, Line, DeliveryTest):
    @classmethod
    def topology(cls, mesh):
        mesh.line("ABC", listener={"linkCapacity": cls.CAPACITY})


class PayloadMemoryTests:
    """Nodes that may keep 16 MiB of messages."""

    SIZE = 8000

    def fill(self, address, count):
        """Senders on connections of their own send all they may to a consumer that takes nothing."""
        senders = [self.clients.connect(self.sender_at()).sender(address) for _ in range(count)]
        self.clients.wait(lambda: all(sender.credit > 0 for sender in senders), "credit")
        body, sent = "x" * self.SIZE, []
        moved = time.monotonic()

        def nothing_moves():
            nonlocal moved
            for sender in senders:
                while sender.credit > 0 and sender.link.session.outgoing_bytes < 1 << 16:
                    sent.append(sender.send(body))
                    moved = time.monotonic()
            return time.monotonic() - moved > 1.0
        self.clients.wait(nothing_moves, "senders to be held back", 60)
        return senders, sent

    def test_who_comes_when_memory_is_short_gets_little_and_goes_on_later(self):
        consumer = self.far.receiver(self.address, window=0)
        consumer.keep = False
        _, first = self.fill(self.address, 24)
        self.assertGreater(len(first) * self.SIZE, 16 << 20, "all that the nodes may keep")
        late, more = self.fill(self.address, 30)
        self.assertLess(len(more), 30 * 10, "each of those who come later gets a few messages in")
        other, listener = self.pair(self.address + "/other")
        self.assertIsNotNone(listener)
        for number in range(30):
            self.clients.wait(lambda: other.credit > 0, "credit for other consumers' messages")
            self.assertEqual("accepted", self.settle(other.send(f"{number}")))
        consumer.flow(1_000_000)
        self.clients.wait(lambda: all(one.done for one in first + more), "all outcomes", 60)
        self.assertEqual({"accepted"}, {one.outcome for one in first + more})
        self.clients.wait(lambda: all(sender.credit > 50 for sender in late), "windows of credit when there is room")


class PayloadMemoryAtOneNode(PayloadMemoryTests, OneNode, DeliveryTest):
    @classmethod
    def topology(cls, mesh):
        start(mesh, "A")


class PayloadMemoryAcrossThree(PayloadMemoryTests, Line, DeliveryTest):
    @classmethod
    def topology(cls, mesh):
        start(mesh, "ABC")


def start(mesh, names):
    added = []
    for name in names:
        added.append(mesh.add(name, added[-1:], sections={"router": {
            "id": name, "mode": "interior", "workerThreads": 1, "payloadMemoryMebibytes": 16,
            "heartbeatMultiplier": 20}}))


if __name__ == "__main__":
    unittest.main()
