#!/usr/bin/python3
"""Multicast where its consumers are unlike each other: some settle last, some answer with a transaction's state, and
one takes nothing at all."""

import time
import unittest
import uuid

from clients import Clients
from delivery_test import Line, OneNode
from management import Management, wait_for_mesh
from mesh import SANITIZED, MeshTest
from raw import ATTACH, BODY, DISPOSITION, TRANSFER, RawPeer, attach_frame, flow_frame, transfer_frame
from settlement_test import ACCEPTED, MODIFIED, RELEASED, SECOND, SettlementTest, disposition, state

TRANSACTIONAL = 0x34


class ModesTests:
    """Two consumers, each with a connection of its own."""

    def setUp(self):
        self.address = f"multicast/{uuid.uuid4().hex[:8]}"

    def start(self, sender_mode=None, modes=(None, None)):
        """(receivers, sender, number of the next delivery), once a message of the sender's reaches both."""
        receivers = [self.receiver(**({"receiver_mode": mode} if mode else {})) for mode in modes]
        sender = self.sender(**({"receiver_mode": sender_mode} if sender_mode else {}))
        number = 0
        reached = set()
        while len(reached) < len(receivers):
            sender.send(transfer_frame(0, number, BODY, settled=True))
            number += 1
            for index, receiver in enumerate(receivers):
                for one in receiver.codes_until_quiet(0.05):
                    if one.code == TRANSFER:
                        receiver.last = one[1]
                        reached.add(index)
                        receiver.send(flow_frame(0, 10))
        return receivers, sender, number

    def copies(self, receivers):
        """The delivery-ids of one message's copies."""
        return [receiver.get(TRANSFER)[1] for receiver in receivers]

    def test_consumers_that_settle_last(self):
        """Each is settled as soon as it has said its outcome, and the sender is told when both have."""
        receivers, sender, number = self.start(modes=(SECOND, SECOND))
        self.assertEqual([1, 1], [receiver.answer[4] for receiver in receivers])
        for outcomes, expected in (((ACCEPTED, ACCEPTED), ACCEPTED), ((RELEASED, ACCEPTED), ACCEPTED),
                                   ((MODIFIED, RELEASED), MODIFIED), ((RELEASED, RELEASED), RELEASED)):
            sender.send(transfer_frame(0, number, BODY))
            for receiver, delivery, outcome in zip(receivers, self.copies(receivers), outcomes):
                receiver.send(disposition(True, delivery, state(outcome), settled=False))
                settled = receiver.get(DISPOSITION)
                self.assertEqual((False, delivery, True), settled.pick(0, 1, 3))
            told = sender.get(DISPOSITION)
            self.assertEqual((number, True, expected), (told[1], told[3], told[4][0]))
            number += 1

    def test_one_settles_first_and_one_last(self):
        receivers, sender, number = self.start(modes=(None, SECOND))
        sender.send(transfer_frame(0, number, BODY))
        first, second = self.copies(receivers)
        receivers[1].send(disposition(True, second, state(ACCEPTED), settled=False))
        self.assertEqual((False, True), receivers[1].get(DISPOSITION).pick(0, 3))
        self.assertEqual([], [one for one in sender.codes_until_quiet() if one.code == DISPOSITION])
        receivers[0].send(disposition(True, first, state(RELEASED)))
        told = sender.get(DISPOSITION)
        self.assertEqual((number, True, (ACCEPTED, [])), told.pick(1, 3, 4))

    def test_a_sender_that_settles_last(self):
        """It is told the outcome of all unsettled, once; its settlement is the end of the delivery."""
        receivers, sender, number = self.start(sender_mode=SECOND, modes=(None, SECOND))
        self.assertEqual(1, sender.answer[4])
        for outcome in (ACCEPTED, RELEASED):
            sender.send(transfer_frame(0, number, BODY))
            first, second = self.copies(receivers)
            receivers[0].send(disposition(True, first, state(RELEASED)))
            receivers[1].send(disposition(True, second, state(outcome), settled=False))
            self.assertEqual((False, True), receivers[1].get(DISPOSITION).pick(0, 3))
            told = sender.get(DISPOSITION)
            self.assertEqual((number, False, (outcome, [])), (told[1], bool(told[3]), told[4]))
            sender.send(disposition(False, number, state(outcome)))
            self.assertEqual([], [one for one in sender.codes_until_quiet(0.1) if one.code == DISPOSITION])
            number += 1

    def test_answers_with_the_state_of_a_transaction(self):
        """It says nothing final, so any outcome counts for more; if it is all that was said, the sender hears it."""
        receivers, sender, number = self.start()
        own = state(TRANSACTIONAL, [b"transaction", state(ACCEPTED)])
        for others, expected in ((state(ACCEPTED), (ACCEPTED, [])), (state(RELEASED), (RELEASED, [])),
                                 (own, (TRANSACTIONAL, [b"transaction", (ACCEPTED, [])]))):
            sender.send(transfer_frame(0, number, BODY))
            first, second = self.copies(receivers)
            receivers[0].send(disposition(True, first, own))
            receivers[1].send(disposition(True, second, others))
            told = sender.get(DISPOSITION)
            self.assertEqual((number, True, expected), told.pick(1, 3, 4))
            number += 1


class ModesAtOneNode(ModesTests, OneNode, SettlementTest):
    pass


class ModesAcrossThree(ModesTests, Line, SettlementTest):
    pass


PATIENCE_S = 2
PATIENT = {"address": [{"prefix": "multicast", "distribution": "multicast", "multicastPatienceSeconds": PATIENCE_S},
                       {"prefix": "multicast/for-ever", "distribution": "multicast", "multicastPatienceSeconds": 0}]}


class StalledTest(MeshTest):
    """A consumer that gives no credit, or does not read, among others that do."""

    def setUp(self):
        self.clients = Clients()
        self.addCleanup(self.clients.close)
        self.nodes = self.shared.nodes
        wait_for_mesh(self.clients, list(self.nodes.values()))
        self.address = f"multicast/{uuid.uuid4().hex[:8]}"

    def receiver(self, name, address=None, **options):
        return self.clients.connect(self.nodes[name]).receiver(address or self.address, **options)

    def start(self, *receivers, address=None):
        """A sender that reaches them all: each has got a probe, settled, by then."""
        sender = self.clients.connect(self.nodes["A"]).sender(address or self.address)
        self.clients.wait(lambda: sender.credit > 0, "credit")
        last = 0.0

        def reached():
            nonlocal last
            if sender.credit > 0 and time.monotonic() - last > 0.05:
                sender.send("probe", settled=True)
                last = time.monotonic()
            return all("probe" in receiver.bodies for receiver in receivers)
        self.clients.wait(reached, "a probe at every consumer")
        return sender

    @staticmethod
    def bodies(receiver):
        return [body for body in receiver.bodies if body != "probe"]

    def flood(self, sender, count, settled=False, deadline_s=None):
        """So many messages, with an outcome of each."""
        sent = []

        def step():
            while sender.credit > 0 and len(sent) < count and sum(not one.done for one in sent[-300:]) < 250:
                sent.append(sender.send(f"{len(sent)}", settled=settled))
            return len(sent) == count and all(one.done for one in sent)
        self.clients.wait(step, f"outcomes of {count} messages", deadline_s)
        return sent

    def sum_of(self, name):
        return sum(Management(self.clients.connect(node)).query("router", name)[0][name]
                   for node in self.nodes.values())


class StalledTests:
    # Many times what credit lets into the mesh: in turns of its patience they would take minutes.
    MANY = 3000

    def known(self, address, consumers):
        """Until the far node has this many consumers of the address."""
        management = Management(self.clients.connect(self.nodes[self.far]))

        def known():
            rows = management.query("router.address", "name", "subscriberCount")
            return any(row["name"] == "M0" + address and row["subscriberCount"] == consumers for row in rows)
        self.clients.wait(known, f"{consumers} consumers")

    def test_one_without_credit(self):
        others = [self.receiver(self.far), self.receiver("A")]
        sender = self.start(*others)
        before = self.sum_of("stalledDeliveries")
        stalled = self.receiver(self.far, window=0)
        self.known(self.address, len([one for one in others if self.far == "A"]) + (1 if self.far != "A" else 0) + 1)
        sent = self.flood(sender, self.MANY)
        self.assertEqual({("accepted", 1)}, {(one.outcome, one.outcomes_seen) for one in sent})
        for receiver in others:
            self.assertEqual([str(number) for number in range(self.MANY)], self.bodies(receiver))
        missed = self.sum_of("stalledDeliveries")
        self.assertEqual(0, stalled.count)
        self.assertIn(missed - before, range(self.MANY, self.MANY + 5), "probes may have come late")
        # It takes something again: from now on it misses nothing.
        stalled.window = 50
        stalled.flow(50)
        self.clients.wait(lambda: stalled.link.credit == 50, "its credit to be given")
        self.clients.never(lambda: stalled.count, "a message of before", 0.1)
        again = self.flood(sender, 500)
        self.assertEqual({"accepted"}, {one.outcome for one in again})
        self.assertEqual([str(number) for number in range(500)], self.bodies(stalled))
        self.assertEqual(missed, self.sum_of("stalledDeliveries"))

    def test_one_that_answers_nothing(self):
        """It takes all messages and settles none: its senders wait for it once, not for each message."""
        other = self.receiver(self.far)
        silent = self.receiver(self.far, window=0, answer=None)
        silent.flow(2 * self.MANY)
        sender = self.start(other, silent)
        before = self.sum_of("stalledDeliveries")
        sent = self.flood(sender, self.MANY)
        self.assertEqual({("accepted", 1)}, {(one.outcome, one.outcomes_seen) for one in sent})
        self.assertEqual([str(number) for number in range(self.MANY)], self.bodies(other))
        self.clients.wait(lambda: len(self.bodies(silent)) == self.MANY, "its copies")
        self.assertEqual([str(number) for number in range(self.MANY)], self.bodies(silent))
        # What its senders had, and one at a time since then: in as many turns of patience as the test took.
        self.assertIn(self.sum_of("stalledDeliveries") - before, range(250, 270))
        for received in silent.messages:
            if not received.settled:
                received.accept()
        # It is waited for again, as soon as an answer of its has been seen.
        again = []

        def waited_for():
            if len(again) < 100 and sender.credit > 0 and all(one.done for one in again):
                again.append(sender.send("again"))
            last = silent.messages[-1]
            if again and last.body == "again" and not last.settled and not hasattr(last, "answered"):
                last.accept()
                last.answered = True
            return len(again) > 3 and all(one.done for one in again) and not any(
                one.settled for one in silent.messages[-3:])
        self.clients.wait(waited_for, "unsettled copies")

    def test_settled_messages_that_one_misses_are_counted(self):
        other = self.receiver(self.far)
        sender = self.start(other)
        before = self.sum_of("droppedPresettledDeliveries")
        stalled = self.receiver(self.far, window=0)
        self.known(self.address, 2)
        self.flood(sender, 1000, settled=True)
        self.clients.wait(lambda: other.count > 1000 and other.bodies[-1] == "999", "all of them")
        self.clients.wait(lambda: self.sum_of("droppedPresettledDeliveries") >= before + 1000, "each to be counted")
        self.assertLess(self.sum_of("droppedPresettledDeliveries"), before + 1005, "probes may have come late")
        self.assertEqual(0, stalled.count)
        self.assertEqual([str(number) for number in range(1000)], self.bodies(other))

    def test_the_only_one(self):
        stalled = self.receiver(self.far, window=0)
        sender = self.clients.connect(self.nodes["A"]).sender(self.address)
        self.clients.wait(lambda: sender.credit > 0, "credit")
        sent = self.flood(sender, 600)
        self.assertEqual({("released", 1)}, {(one.outcome, one.outcomes_seen) for one in sent})
        self.assertEqual(0, stalled.count)

    def test_a_slow_one_holds_back_its_senders(self):
        """It takes one now and then; nothing is lost to it."""
        slow, other = self.receiver(self.far, window=0), self.receiver(self.far)
        slow.flow(1)
        sender = self.start(slow, other)
        sent = [sender.send(f"{number}") for number in range(8)]
        gave = time.monotonic()

        def step():
            nonlocal gave
            if time.monotonic() - gave > PATIENCE_S / 4:
                slow.flow(1)
                gave = time.monotonic()
            return all(one.done for one in sent)
        self.clients.wait(step, "all outcomes")
        self.assertEqual([str(number) for number in range(8)], self.bodies(slow))
        self.assertEqual({"accepted"}, {one.outcome for one in sent})

    def test_where_patience_is_endless(self):
        address = f"multicast/for-ever/{self.address[10:]}"
        other = self.receiver(self.far, address)
        sender = self.start(other, address=address)
        stalled = self.receiver(self.far, address, window=0)
        self.known(address, 2)
        sent = [sender.send(f"{number}") for number in range(5)]
        self.clients.wait(lambda: len(self.bodies(other)) == 5, "the others' copies")
        self.clients.never(lambda: any(one.done for one in sent), "an outcome", PATIENCE_S + 1)
        stalled.flow(10)
        self.clients.wait(lambda: all(one.done for one in sent), "all outcomes")
        self.assertEqual([str(number) for number in range(5)], stalled.bodies)

    def stream(self, then):
        """A long message to two, one of which does not read; `then` says what becomes of that one."""
        stopped = RawPeer(self.nodes[self.far].port, receive_buffer=4096).session()
        self.addCleanup(stopped.close)
        stopped.send(attach_frame("stopped", 0, True, self.address), flow_frame(0, 100, 1 << 30))
        stopped.expect(ATTACH)
        other = self.receiver(self.far)
        sender = self.start(other)
        other.keep = False
        before = other.bytes
        _, sent = sender.begin()
        size = 20_000_000
        sender.link.send(b"\x00\x53\x75\xb0" + (size - 8).to_bytes(4, "big"))
        left, moved = size - 8, time.monotonic()

        def step():
            nonlocal left, moved
            while left and sender.link.session.outgoing_bytes < 1 << 17:
                part = min(left, 65536)
                sender.link.send(b"x" * part)
                left -= part
                moved = time.monotonic()
                if not left:
                    sender.link.advance()
            return not left

        def stopped_all():
            step()
            return time.monotonic() - moved > 0.5
        self.clients.wait(stopped_all, "the stream to be held back")
        self.assertGreater(left, 0)
        then(stopped)
        self.clients.wait(lambda: step() and sent.done, "the rest of the stream", 60)
        self.assertEqual(("accepted", 1), (sent.outcome, sent.outcomes_seen))
        self.clients.wait(lambda: other.bytes - before >= size, "all of it")

    def test_one_that_stops_to_read_a_long_message(self):
        self.stream(lambda stopped: None)

    def test_one_that_leaves_in_the_middle_of_a_long_message(self):
        self.address = f"multicast/for-ever/{self.address[10:]}"
        self.stream(lambda stopped: stopped.close())


class StalledAtOneNode(StalledTests, StalledTest):
    far = "A"

    @classmethod
    def topology(cls, mesh):
        mesh.add("A", sections=PATIENT)


class StalledAcrossThree(StalledTests, StalledTest):
    far = "C"

    @classmethod
    def topology(cls, mesh):
        mesh.line("ABC", sections=PATIENT)


class FiftyInARing(StalledTest):
    """One sender, fifty consumers at six routers, one of which takes nothing. All fifty are this one process, which on
    a busy machine may well leave one of its sockets alone for two seconds: then it would be taken for the idle one."""

    @classmethod
    def topology(cls, mesh):
        mesh.ring("ABCDEF", sections={"address": [{"prefix": "multicast", "distribution": "multicast",
                                                   "multicastPatienceSeconds": 10 if SANITIZED else PATIENCE_S}]})

    def test_the_other_forty_nine_get_all(self):
        stalled = self.receiver("D", window=0)
        connections = {name: self.clients.connect(node) for name, node in self.nodes.items()}
        others = [connections["ABCDEF"[number % 6]].receiver(self.address) for number in range(49)]
        sender = self.start(*others)
        memory = {name: node.memory_kib() for name, node in self.nodes.items()}
        sent = self.flood(sender, 1200, deadline_s=60)
        self.assertEqual({("accepted", 1)}, {(one.outcome, one.outcomes_seen) for one in sent})
        missed = self.sum_of("stalledDeliveries")
        expected = [str(number) for number in range(1200)]
        for receiver in others:
            self.assertEqual(expected, self.bodies(receiver), f"{missed} copies were given up")
        self.assertEqual(0, stalled.count)
        self.assertIn(missed, range(1200, 1205), "probes may have come late")
        if not SANITIZED:
            grown = {name: node.memory_kib() - memory[name] for name, node in self.nodes.items()}
            self.assertLess(max(grown.values()), 4096, grown)


if __name__ == "__main__":
    unittest.main()
