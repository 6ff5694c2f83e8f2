#!/usr/bin/python3
"""What clients see of distribution, credit and settlement: the same at one node and across the mesh."""

import unittest
import uuid

from proton import Delivery, Message, symbol, ulong

from clients import Clients
from mesh import MeshTest


class DeliveryTest(MeshTest):
    """Sender and receiver sit where the subclass says: `sender_at` and `receiver_at`."""

    def setUp(self):
        self.clients = Clients()
        self.addCleanup(self.clients.close)
        self.near = self.clients.connect(self.sender_at())
        self.far = self.clients.connect(self.receiver_at())
        self.address = f"q/{uuid.uuid4().hex[:8]}"

    def pair(self, address=None, **options):
        address = address or self.address
        receiver = self.far.receiver(address, **options)
        sender = self.near.sender(address)
        self.clients.wait(lambda: sender.credit > 0, "credit")
        return sender, receiver

    def deliver(self, sender, receiver, message="hello"):
        """Sends one message and waits until it is with the receiver, who has not answered."""
        seen = len(receiver.messages)
        sent = sender.send(message)
        self.clients.wait(lambda: len(receiver.messages) > seen, "the message")
        return sent, receiver.messages[-1]

    def settle(self, sent):
        self.clients.wait(lambda: sent.done, "the outcome")
        self.assertEqual(1, sent.outcomes_seen)
        return sent.outcome


class CreditTests:
    def test_no_credit_without_a_consumer(self):
        sender = self.near.sender(self.address)
        self.clients.never(lambda: sender.credit, "credit although nobody listens")

    def test_credit_comes_at_once_with_the_first_consumer(self):
        sender = self.near.sender(self.address)
        self.clients.never(lambda: sender.credit, "credit although nobody listens")
        self.far.receiver(self.address)
        waited = self.clients.wait(lambda: sender.credit > 0, "credit after a consumer came")
        self.assertLess(waited, 1.0, "credit is event-driven, not polled")

    def test_a_multicast_sender_waits_for_a_consumer_too(self):
        sender = self.near.sender("multicast/" + self.address)
        self.clients.never(lambda: sender.credit, "credit although nobody listens")
        self.far.receiver("multicast/" + self.address)
        self.clients.wait(lambda: sender.credit > 0, "credit after a consumer came")

    def test_credit_is_the_link_capacity_and_is_renewed(self):
        sender, receiver = self.pair()
        self.clients.wait(lambda: sender.credit >= 100, "a window of credit")
        for _ in range(1000):
            self.clients.wait(lambda: sender.credit > 0, "more credit")
            sender.send("x", settled=True)
        self.clients.wait(lambda: receiver.count == 1000, "all messages")

    def test_a_consumer_without_credit_gets_nothing_and_loses_nothing(self):
        sender, receiver = self.pair(window=0)
        sent = [sender.send(f"{number}") for number in range(10)]
        self.clients.never(lambda: receiver.messages, "a message without credit")
        receiver.flow(4)
        self.clients.wait(lambda: len(receiver.messages) == 4, "as many as there is credit")
        self.clients.never(lambda: len(receiver.messages) > 4, "more than there is credit", 0.1)
        receiver.flow(6)
        self.clients.wait(lambda: all(one.done for one in sent), "the rest")
        self.assertEqual([str(number) for number in range(10)], receiver.bodies)

    def test_a_consumer_comes_back_after_leaving(self):
        sender, receiver = self.pair()
        receiver.detach()
        self.clients.wait(lambda: receiver.closed, "detach")
        again = self.far.receiver(self.address)
        sent = None

        def accepted():
            nonlocal sent
            if (sent is None or sent.outcome == "released") and sender.credit > 0:
                sent = sender.send("again")
            return sent and sent.outcome == "accepted"
        self.clients.wait(accepted, "a message to the new consumer")
        self.assertEqual(1, len(again.messages))

    def test_a_message_to_nobody_is_released(self):
        sender, receiver = self.pair()
        receiver.detach()
        self.clients.wait(lambda: receiver.closed, "detach")
        if sender.credit:
            self.assertEqual("released", self.settle(sender.send("nobody there")))

    def test_drain_uses_up_the_credit_of_an_idle_consumer(self):
        receiver = self.far.receiver(self.address, window=0)
        receiver.drain(10)
        self.clients.wait(lambda: receiver.link.credit == 0, "an answer to drain")
        receiver.link.drain_mode = False
        receiver.flow(1)
        sender = self.near.sender(self.address)
        self.clients.wait(lambda: sender.credit > 0, "credit")
        self.assertEqual("accepted", self.settle(sender.send("after drain")))

    def test_drain_with_a_message_waiting(self):
        sender, receiver = self.pair(window=0)
        sent = sender.send("one")
        self.clients.never(lambda: receiver.messages, "a message without credit", 0.1)
        receiver.drain(10)
        self.clients.wait(lambda: receiver.messages and receiver.link.credit == 0, "the message and the drained rest")
        self.assertEqual("accepted", self.settle(sent))

    def test_a_slow_consumer_holds_back_only_its_own_senders(self):
        slow_sender, slow = self.pair(self.address + "/slow", window=0)
        while slow_sender.credit:
            slow_sender.send(Message(body="x" * 2000))
        sender, receiver = self.pair(self.address + "/quick")
        sent = [sender.send(f"{number}") for number in range(50)]
        self.clients.wait(lambda: all(one.done for one in sent), "traffic beside a stopped consumer")
        self.assertEqual(50, len(receiver.messages))
        self.assertEqual(0, len(slow.messages))

    def test_presettled_messages_wait_for_a_slow_consumer_and_none_is_lost(self):
        sender, receiver = self.pair(window=0)
        total = 1500
        sent = 0

        def send_and_trickle():
            nonlocal sent
            while sent < total and sender.credit:
                sender.send(f"{sent}", settled=True)
                sent += 1
            if receiver.link.credit == 0 and receiver.count < total:
                receiver.flow(5)
            return receiver.count == total
        self.clients.wait(send_and_trickle, "every pre-settled message", 60)
        self.assertEqual([str(number) for number in range(total)], receiver.bodies)


class OutcomeTests:
    def test_accepted_after_the_consumer_accepted(self):
        sender, receiver = self.pair(answer=None)
        sent, received = self.deliver(sender, receiver)
        self.clients.never(lambda: sent.outcome, "an outcome before the consumer gave one", 0.1)
        received.accept()
        self.assertEqual("accepted", self.settle(sent))

    def test_rejected_with_the_consumers_error(self):
        sender, receiver = self.pair(answer=None)
        sent, received = self.deliver(sender, receiver)
        received.reject("shop:sold-out", "none left; ünïcode too", {symbol("item"): 17})
        self.assertEqual("rejected", self.settle(sent))
        self.assertEqual("shop:sold-out", sent.error.name)
        self.assertEqual("none left; ünïcode too", sent.error.description)
        self.assertEqual({"item": 17}, sent.error.info)

    def test_rejected_without_an_error(self):
        sender, receiver = self.pair(answer=None)
        sent, received = self.deliver(sender, receiver)
        received.finish(Delivery.REJECTED)
        self.assertEqual("rejected", self.settle(sent))
        self.assertIsNone(sent.error)

    def test_released(self):
        sender, receiver = self.pair(answer=None)
        sent, received = self.deliver(sender, receiver)
        received.release()
        self.assertEqual("released", self.settle(sent))

    def test_modified_with_its_three_fields(self):
        sender, receiver = self.pair(answer=None)
        for failed, undeliverable, annotations in ((True, False, None), (False, True, {symbol("why"): "full"}),
                                                   (True, True, {symbol("a"): ulong(1)})):
            sent, received = self.deliver(sender, receiver)
            received.modify(failed, undeliverable, annotations)
            self.assertEqual("modified", self.settle(sent))
            self.assertEqual((failed, undeliverable), (sent.failed, sent.undeliverable))
            self.assertEqual(annotations, sent.annotations)

    def test_outcomes_in_any_order(self):
        sender, receiver = self.pair(answer=None)
        sent = [sender.send(f"{number}") for number in range(12)]
        self.clients.wait(lambda: len(receiver.messages) == 12, "all messages")
        for index in (11, 3, 7, 0, 1, 2, 10, 9, 8, 6, 5, 4):
            received = receiver.messages[index]
            (received.accept, received.release, received.reject)[index % 3]()
        self.clients.wait(lambda: all(one.done for one in sent), "all outcomes")
        self.assertEqual(["accepted", "released", "rejected"] * 4, [one.outcome for one in sent])

    def test_presettled_arrives_settled(self):
        sender, receiver = self.pair()
        sender.send("fire and forget", settled=True)
        self.clients.wait(lambda: receiver.messages, "the message")
        self.assertTrue(receiver.messages[0].settled)

    def test_unsettled_arrives_unsettled(self):
        sender, receiver = self.pair()
        sender.send("with outcome")
        self.clients.wait(lambda: receiver.messages, "the message")
        self.assertFalse(receiver.messages[0].settled)

    def test_second_mode_consumer(self):
        sender, receiver = self.pair(answer=None, second=True)
        sent, received = self.deliver(sender, receiver)
        received.delivery.update(Delivery.ACCEPTED)
        self.clients.wait(lambda: sent.outcome == "accepted", "the outcome")
        self.clients.wait(lambda: received.delivery.settled, "settlement by the sender's side")
        received.delivery.settle()

    def test_the_consumer_detaches_with_a_message_unanswered(self):
        sender, receiver = self.pair(answer=None)
        sent, _ = self.deliver(sender, receiver)
        receiver.detach()
        self.assertEqual("modified", self.settle(sent))
        self.assertTrue(sent.failed)

    def test_the_consumer_vanishes_with_messages_unanswered(self):
        victim = self.clients.connect(self.receiver_at())
        receiver = victim.receiver(self.address, answer=None, window=5)
        sender = self.near.sender(self.address)
        self.clients.wait(lambda: sender.credit > 0, "credit")
        sent = [sender.send(f"{number}") for number in range(10)]
        self.clients.wait(lambda: len(receiver.messages) == 5, "as many as there is credit")
        victim.vanish()
        self.clients.wait(lambda: all(one.done for one in sent), "an outcome for each", 10)
        self.assertEqual(["modified"] * 5, [one.outcome for one in sent[:5]])
        self.assertEqual(["released"] * 5, [one.outcome for one in sent[5:]])

    def test_the_sender_vanishes_before_the_outcome(self):
        receiver = self.far.receiver(self.address, answer=None)
        gone = self.clients.connect(self.sender_at())
        sender = gone.sender(self.address)
        self.clients.wait(lambda: sender.credit > 0, "credit")
        sender.send("orphan")
        self.clients.wait(lambda: receiver.messages, "the message")
        gone.vanish()
        receiver.messages[0].accept()
        other = self.near.sender(self.address)
        self.clients.wait(lambda: other.credit > 0, "credit")
        sent, received = self.deliver(other, receiver, "next")
        received.accept()
        self.assertEqual("accepted", self.settle(sent))


class DistributionTests:
    def test_balanced_uses_every_consumer(self):
        self.spread("balanced/")

    def test_closest_takes_turns_among_equals(self):
        self.spread("closest/")

    def spread(self, prefix):
        address = prefix + self.address
        receivers = [self.far.receiver(address) for _ in range(3)]
        sender = self.near.sender(address)
        self.clients.wait(lambda: sender.credit > 0, "credit")
        for number in range(60):
            self.settle(sender.send(f"{number}"))
        self.assertEqual(60, sum(receiver.count for receiver in receivers))
        self.assertTrue(all(receiver.count > 5 for receiver in receivers), [r.count for r in receivers])

    def test_a_busy_consumer_does_not_keep_messages_from_a_free_one(self):
        busy = self.far.receiver(self.address, window=1, answer=None)
        sender = self.near.sender(self.address)
        self.clients.wait(lambda: sender.credit > 0, "credit")
        self.deliver(sender, busy, "occupies")
        free = self.far.receiver(self.address)
        sent = [sender.send(f"{number}") for number in range(20)]
        self.clients.wait(lambda: all(one.done for one in sent), "messages past a busy consumer", 10)
        self.assertEqual(20, free.count)

    def test_multicast_reaches_every_consumer_exactly_once(self):
        address = "multicast/" + self.address
        receivers = [self.far.receiver(address) for _ in range(3)] + [self.near.receiver(address)]
        sender = self.near.sender(address)
        self.clients.wait(lambda: sender.credit > 0, "credit")
        self.wait_for_all(sender, receivers)
        before = [receiver.count for receiver in receivers]
        sent = [sender.send(f"{number}") for number in range(50)]
        self.clients.wait(lambda: all(one.done for one in sent), "all outcomes")
        self.assertEqual({"accepted"}, {one.outcome for one in sent})
        self.clients.wait(lambda: all(r.count - b >= 50 for r, b in zip(receivers, before)), "a copy for each")
        self.clients.never(lambda: any(r.count - b > 50 for r, b in zip(receivers, before)), "a copy twice", 0.1)
        for receiver in receivers:
            self.assertEqual([str(number) for number in range(50)], receiver.bodies[-50:])

    def wait_for_all(self, sender, receivers):
        """Until a probe reaches everyone, who listens is not yet known everywhere."""
        sent = None

        def reached():
            nonlocal sent
            if sent is None or (sent.done and not all(receiver.count for receiver in receivers)):
                sent = sender.send("probe") if sender.credit else None
            return all(receiver.count for receiver in receivers) and sent and sent.done
        self.clients.wait(reached, "a probe at every consumer")

    def test_multicast_outcome_precedence(self):
        address = "multicast/" + self.address
        receivers = [self.far.receiver(address, answer=None) for _ in range(2)]
        sender = self.near.sender(address)
        self.clients.wait(lambda: sender.credit > 0, "credit")
        for first, second, expected in (("accept", "release", "accepted"), ("reject", "accept", "rejected"),
                                        ("modify", "release", "modified"), ("release", "release", "released"),
                                        ("accept", "modify", "accepted")):
            with self.subTest(f"{first} and {second}"):
                for receiver in receivers:
                    receiver.messages.clear()
                sent = sender.send("x")
                self.clients.wait(lambda: all(r.messages for r in receivers), "both copies")
                getattr(receivers[0].messages[0], first)()
                self.clients.never(lambda: sent.done, "an outcome before all copies have one", 0.05)
                getattr(receivers[1].messages[0], second)()
                self.assertEqual(expected, self.settle(sent))
                if expected == "rejected":
                    self.assertEqual("test:refused", sent.error.name)

    def test_multicast_presettled(self):
        address = "multicast/" + self.address
        receivers = [self.far.receiver(address) for _ in range(2)]
        sender = self.near.sender(address)
        self.clients.wait(lambda: sender.credit > 0, "credit")
        for number in range(100):
            self.clients.wait(lambda: sender.credit > 0, "credit")
            sender.send(f"{number}", settled=True)
        self.clients.wait(lambda: all(receiver.count == 100 for receiver in receivers), "all copies")

    def test_unavailable_refuses_attach(self):
        sender = self.near.sender("unavailable/" + self.address)
        self.clients.wait(lambda: sender.closed, "a refusal")
        self.assertIsNone(sender.link.remote_target.address)
        self.assertEqual("amqp:not-found", sender.closed.name)

    def test_order_is_kept_from_one_sender_to_one_receiver(self):
        sender, receiver = self.pair()
        sent = []

        def send():
            while sender.credit and len(sent) < 2000:
                sent.append(sender.send(f"{len(sent)}"))
            return len(sent) == 2000 and all(one.done for one in sent)
        self.clients.wait(send, "all outcomes", 60)
        self.assertEqual({"accepted"}, {one.outcome for one in sent})
        self.assertEqual([str(number) for number in range(2000)], receiver.bodies)


class AddressTests:
    def test_dynamic_reply_address(self):
        requests = self.far.receiver(self.address)
        replies = self.near.receiver(None, dynamic=True)
        self.assertRegex(replies.address, r"^amqp:/_topo/0/[^/]+/temp\.\S+$")
        asker = self.near.sender(self.address)
        self.clients.wait(lambda: asker.credit > 0, "credit")
        asker.send(Message(body="question", reply_to=replies.address, correlation_id="7"))
        self.clients.wait(lambda: requests.messages, "the request")
        request = requests.messages[0].message
        answerer = self.far.sender(request.reply_to)
        self.clients.wait(lambda: answerer.credit > 0, "credit for the reply address")
        sent = answerer.send(Message(body="answer", correlation_id=request.correlation_id))
        self.clients.wait(lambda: replies.messages, "the reply")
        self.assertEqual(("answer", "7"), (replies.messages[0].body, replies.messages[0].message.correlation_id))
        self.assertEqual("accepted", self.settle(sent))

    def test_dynamic_addresses_differ(self):
        addresses = {self.near.receiver(None, dynamic=True).address for _ in range(20)}
        addresses |= {self.far.receiver(None, dynamic=True).address for _ in range(20)}
        self.assertEqual(40, len(addresses))

    def test_anonymous_relay(self):
        _, receiver = self.pair()
        relay = self.near.sender(None)
        self.clients.wait(lambda: relay.credit > 0, "credit of an anonymous sender")
        self.assertEqual("accepted", self.settle(relay.send(Message(address=self.address, body="to you"))))
        self.assertEqual(["to you"], receiver.bodies)

    def test_anonymous_relay_to_a_reply_address(self):
        replies = self.near.receiver(None, dynamic=True)
        relay = self.far.sender(None)
        self.clients.wait(lambda: relay.credit > 0, "credit of an anonymous sender")
        self.assertEqual("accepted", self.settle(relay.send(Message(address=replies.address, body="r"))))
        self.assertEqual(["r"], replies.bodies)

    def test_anonymous_relay_to_nobody_is_released(self):
        relay = self.near.sender(None)
        self.clients.wait(lambda: relay.credit > 0, "credit of an anonymous sender")
        self.assertEqual("released", self.settle(relay.send(Message(address=self.address, body="x"))))

    def test_anonymous_relay_without_to(self):
        relay = self.near.sender(None)
        self.clients.wait(lambda: relay.credit > 0, "credit of an anonymous sender")
        self.assertIn(self.settle(relay.send(Message(body="x"))), ("rejected", "released"))
        self.assertFalse(relay.closed)

    def test_relay_capability_is_offered(self):
        self.assertIn("ANONYMOUS-RELAY", [str(each) for each in self.near.connection.remote_offered_capabilities])

    def test_open_properties_name_the_product(self):
        properties = self.near.connection.remote_properties
        self.assertEqual("amqmesh", properties["product"])
        self.assertTrue(properties["version"])
        self.assertEqual(self.sender_at().name, self.near.connection.remote_container)

    def test_scheme_and_host_in_an_address_are_ignored(self):
        receiver = self.far.receiver(f"amqp://some.host/{self.address}")
        sender = self.near.sender(self.address)
        self.clients.wait(lambda: sender.credit > 0, "credit")
        self.assertEqual("accepted", self.settle(sender.send("x")))
        self.assertEqual(1, len(receiver.messages))

    def test_strange_addresses(self):
        for address in ("ünï/çødé/" + self.address, "a b@c#d:e.%?=&*/" + self.address,
                        "long/" + "x" * 1000 + self.address):
            with self.subTest(address[:20]):
                sender, receiver = self.pair(address)
                self.assertEqual("accepted", self.settle(sender.send("x")))
                self.assertEqual(1, receiver.count)

    def test_a_coordinator_is_refused(self):
        link = self.near.default_session().sender("transactions")
        link.wrapper = type("Wrapper", (), {"opened": False, "closed": None})()
        link.target.type = link.target.COORDINATOR
        link.open()
        self.clients.wait(lambda: link.wrapper.closed, "a refusal")
        self.assertIn(link.wrapper.closed.name, ("amqp:precondition-failed", "amqp:not-implemented"))


class OneNode:
    @classmethod
    def topology(cls, mesh):
        mesh.add("A")

    def sender_at(self):
        return self.shared.nodes["A"]

    receiver_at = sender_at


class Line:
    """From one end to the other, by a node that neither client is connected to."""

    @classmethod
    def topology(cls, mesh):
        mesh.line("ABC")

    def sender_at(self):
        return self.shared.nodes["A"]

    def receiver_at(self):
        return self.shared.nodes["C"]


class CreditAtOneNode(CreditTests, OneNode, DeliveryTest):
    pass


class CreditAcrossThree(CreditTests, Line, DeliveryTest):
    pass


class OutcomesAtOneNode(OutcomeTests, OneNode, DeliveryTest):
    pass


class OutcomesAcrossThree(OutcomeTests, Line, DeliveryTest):
    pass


class DistributionAtOneNode(DistributionTests, OneNode, DeliveryTest):
    pass


class DistributionAcrossThree(DistributionTests, Line, DeliveryTest):
    pass


class AddressesAtOneNode(AddressTests, OneNode, DeliveryTest):
    pass


class AddressesAcrossThree(AddressTests, Line, DeliveryTest):
    pass


if __name__ == "__main__":
    unittest.main()
