#!/usr/bin/python3
"""Multicast where its consumers are unlike each other: some settle last, some answer with a transaction's state."""

import unittest
import uuid

from delivery_test import Line, OneNode
from raw import BODY, DISPOSITION, TRANSFER, flow_frame, transfer_frame
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


if __name__ == "__main__":
    unittest.main()
