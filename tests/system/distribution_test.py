#!/usr/bin/python3
"""Who gets a message when consumers sit at several nodes, and which rule an address falls under."""

import unittest
import uuid

from proton import Link, Message, symbol

from clients import Clients
from management import Management, wait_for_mesh
from mesh import MeshTest


class DistributionTest(MeshTest):
    def setUp(self):
        self.clients = Clients()
        self.addCleanup(self.clients.close)
        self.nodes = self.shared.nodes
        wait_for_mesh(self.clients, list(self.nodes.values()))
        self.connections = {}
        self.address = f"d/{uuid.uuid4().hex[:8]}"

    def at(self, name):
        if name not in self.connections:
            self.connections[name] = self.clients.connect(self.nodes[name])
        return self.connections[name]

    def consumers(self, address, names, **options):
        return {name: self.at(name).receiver(address, **options) for name in names}

    def sender_knowing(self, name, address, receivers):
        """A sender at the node, once the node has heard of consumers at every router in `receivers`."""
        sender = self.at(name).sender(address)
        self.clients.wait(lambda: sender.credit > 0, "credit")
        self.clients.wait(lambda: self.remote_count(name, address) >= len(receivers - {name}), "remote consumers")
        return sender

    def remote_count(self, name, address):
        if not hasattr(self, "asked"):
            self.asked = {}
        if name not in self.asked:
            self.asked[name] = Management(self.clients.connect(self.nodes[name]))
        rows = self.asked[name].query("router.address", "name", "remoteCount")
        return next((row["remoteCount"] for row in rows if row["name"] == "M0" + address), 0)

    def accepted(self, sender, count):
        for number in range(count):
            self.clients.wait(lambda: sender.credit > 0, "credit")
            sent = sender.send(f"{number}")
            self.clients.wait(lambda: sent.done, "the outcome")
            self.assertEqual("accepted", sent.outcome)


class InALine(DistributionTest):
    @classmethod
    def topology(cls, mesh):
        mesh.line("ABC")

    def test_closest_takes_the_local_consumer(self):
        address = "closest/" + self.address
        there = self.consumers(address, "AC")
        for name in "AC":
            sender = self.sender_knowing(name, address, {"A", "C"})
            before = {at: receiver.count for at, receiver in there.items()}
            self.accepted(sender, 20)
            self.assertEqual(20, there[name].count - before[name])

    def test_closest_takes_the_nearest_and_then_the_next(self):
        address = "closest/" + self.address
        there = self.consumers(address, "BC")
        sender = self.sender_knowing("A", address, {"B", "C"})
        self.accepted(sender, 20)
        self.assertEqual((20, 0), (there["B"].count, there["C"].count))
        there["B"].detach()
        self.clients.wait(lambda: there["B"].closed and self.remote_count("A", address) == 1, "one to go")
        self.accepted(sender, 20)
        self.assertEqual(20, there["C"].count)

    def test_balanced_prefers_the_local_consumer_while_it_is_idle(self):
        there = self.consumers(self.address, "AC")
        sender = self.sender_knowing("A", self.address, {"A", "C"})
        self.accepted(sender, 20)
        self.assertEqual((20, 0), (there["A"].count, there["C"].count))

    def test_balanced_goes_to_the_remote_consumer_when_the_local_one_is_busy(self):
        there = self.consumers(self.address, "AC", answer=None, window=100)
        sender = self.sender_knowing("A", self.address, {"A", "C"})
        sent = [sender.send(f"{number}") for number in range(40)]
        self.clients.wait(lambda: sum(receiver.count for receiver in there.values()) == 40, "all messages")
        # Nobody answers, so both fill up alike, but for the cost of the way.
        self.assertLessEqual(abs(there["A"].count - there["C"].count), 4)
        for receiver in there.values():
            for received in receiver.messages:
                received.accept()
        self.clients.wait(lambda: all(one.done for one in sent), "all outcomes")

    def test_a_busy_local_consumer_does_not_keep_messages_from_a_remote_one(self):
        busy = self.at("A").receiver(self.address, window=0, answer=None)
        free = self.at("C").receiver(self.address)
        sender = self.sender_knowing("A", self.address, {"A", "C"})
        sent = [sender.send(f"{number}") for number in range(10)]
        self.clients.wait(lambda: all(one.done for one in sent), "messages past a busy consumer", 10)
        self.assertEqual((0, 10), (busy.count, free.count))

    def test_closest_waits_for_the_nearest_consumer(self):
        """That is what it is for: work stays near, though another consumer were free."""
        address = "closest/" + self.address
        busy = self.at("A").receiver(address, window=0)
        free = self.at("C").receiver(address)
        sender = self.sender_knowing("A", address, {"A", "C"})
        sent = [sender.send(f"{number}") for number in range(10)]
        self.clients.never(lambda: free.count, "a message at the farther consumer", 0.2)
        busy.flow(10)
        self.clients.wait(lambda: all(one.done for one in sent), "all outcomes")
        self.assertEqual((10, 0), (busy.count, free.count))

    def test_multicast_to_settled_and_unsettled_consumers(self):
        address = "multicast/" + self.address
        settled = self.at("B").receiver(address, settle=Link.SND_SETTLED)
        unsettled = self.at("C").receiver(address, answer=None)
        sender = self.sender_knowing("A", address, {"B", "C"})
        sent = sender.send("to both")
        self.clients.wait(lambda: settled.messages and unsettled.messages, "both copies")
        self.assertEqual((True, False), (settled.messages[0].settled, unsettled.messages[0].settled))
        unsettled.messages[0].reject("test:no", "not this one", {symbol("k"): 5})
        self.clients.wait(lambda: sent.done, "the outcome")
        self.assertEqual("rejected", sent.outcome)
        self.assertEqual(("test:no", "not this one", {"k": 5}),
                         (sent.error.name, sent.error.description, sent.error.info))

    def test_multicast_when_one_consumer_leaves_without_an_answer(self):
        address = "multicast/" + self.address
        stays = self.at("B").receiver(address, answer=None)
        gone = self.clients.connect(self.nodes["C"])
        leaves = gone.receiver(address, answer=None)
        sender = self.sender_knowing("A", address, {"B", "C"})
        for answer, outcome in (("accept", "accepted"), ("release", "modified")):
            sent = sender.send("to both")
            self.clients.wait(lambda: stays.messages and leaves.messages, "both copies")
            getattr(stays.messages.pop(), answer)()
            self.clients.never(lambda: sent.done, "an outcome before every copy has one", 0.1)
            leaves.detach()
            self.clients.wait(lambda: sent.done, "the outcome")
            self.assertEqual(outcome, sent.outcome)
            self.clients.wait(lambda: self.remote_count("A", address) == 1, "the consumer to be forgotten")
            leaves = gone.receiver(address, answer=None)
            self.clients.wait(lambda: self.remote_count("A", address) == 2, "the consumer to be back")

    def test_multicast_modified_keeps_its_fields(self):
        address = "multicast/" + self.address
        there = self.consumers(address, "BC", answer=None)
        sender = self.sender_knowing("A", address, {"B", "C"})
        sent = sender.send("to both")
        self.clients.wait(lambda: all(receiver.messages for receiver in there.values()), "both copies")
        there["B"].messages[0].release()
        there["C"].messages[0].modify(False, True, {symbol("why"): "later"})
        self.clients.wait(lambda: sent.done, "the outcome")
        self.assertEqual(("modified", True, {"why": "later"}), (sent.outcome, sent.undeliverable, sent.annotations))

    def test_all_routers(self):
        """`_topo/0/all/x` is one address of the whole mesh, and everybody who listens gets a copy."""
        address = "_topo/0/all/" + self.address
        there = self.consumers(address, "ABC")
        sender = self.at("A").sender(address)
        self.clients.wait(lambda: sender.credit > 0, "credit")

        def everywhere():
            sent = sender.send("probe")
            self.clients.wait(lambda: sent.done, "the outcome")
            return all(receiver.count for receiver in there.values())
        self.clients.wait(everywhere, "a copy for everyone")
        relay = self.at("B").sender(None)
        self.clients.wait(lambda: relay.credit > 0, "credit")
        before = {name: receiver.count for name, receiver in there.items()}
        sent = relay.send(Message(address=address, body="by its text"))
        self.clients.wait(lambda: sent.done, "the outcome")
        self.assertEqual("accepted", sent.outcome)
        self.assertEqual({name: count + 1 for name, count in before.items()},
                         {name: receiver.count for name, receiver in there.items()})

    def test_local_addresses_stay_at_their_router(self):
        address = "_local/" + self.address
        there = self.consumers(address, "AC")
        for name in "AC":
            sender = self.at(name).sender(address)
            self.clients.wait(lambda: sender.credit > 0, "credit")
            before = there[name].count
            self.accepted(sender, 3)
            self.assertEqual(3, there[name].count - before)
        far = self.at("A").sender(f"_topo/0/C/{self.address}")
        self.clients.wait(lambda: far.credit > 0, "credit")
        before = there["C"].count
        self.accepted(far, 3)
        self.assertEqual(3, there["C"].count - before)

    def test_a_local_address_without_consumer(self):
        sender = self.at("A").sender("_local/" + self.address)
        self.clients.never(lambda: sender.credit, "credit although nobody listens", 0.2)


class InARing(DistributionTest):
    """A-B-C-D-A; A and C are two hops apart, by B or by D."""

    @classmethod
    def topology(cls, mesh):
        mesh.ring("ABCD")

    def test_closest_takes_turns_among_equally_near_routers(self):
        address = "closest/" + self.address
        there = self.consumers(address, "BCD")
        sender = self.sender_knowing("A", address, {"B", "C", "D"})
        self.accepted(sender, 40)
        counts = {name: receiver.count for name, receiver in there.items()}
        self.assertEqual(0, counts["C"])
        self.assertGreater(min(counts["B"], counts["D"]), 10, counts)

    def test_equal_ways_are_both_used(self):
        """One sender keeps to its way, so that order holds; several use both."""
        receiver = self.at("C").receiver(self.address, window=1000)
        senders = [self.clients.connect(self.nodes["A"]).sender(self.address) for _ in range(16)]
        self.clients.wait(lambda: all(sender.credit > 0 for sender in senders), "credit")
        sent = []
        for number in range(20):
            sent += [sender.send(f"{index}:{number}") for index, sender in enumerate(senders)]
        self.clients.wait(lambda: all(one.done for one in sent), "all outcomes")
        self.assertEqual({"accepted"}, {one.outcome for one in sent})
        for index in range(16):
            mine = [int(body.split(":")[1]) for body in receiver.bodies if body.startswith(f"{index}:")]
            self.assertEqual(list(range(20)), mine)
        transit = {}
        for name in "BD":
            row = Management(self.clients.connect(self.nodes[name])).query("router", "deliveriesTransit")[0]
            transit[name] = row["deliveriesTransit"]
        self.assertTrue(all(count >= 20 for count in transit.values()), transit)


class OfferedAgain(DistributionTest):
    """What a consumer releases goes to another one where the address says so."""

    @classmethod
    def topology(cls, mesh):
        mesh.line("ABC", sections={"address": [
            {"prefix": "again", "distribution": "balanced", "maxDeliveryAttempts": 4},
            {"prefix": "again/near", "distribution": "closest", "maxDeliveryAttempts": 2}]})

    def start(self, address, names):
        receivers = [self.clients.connect(self.nodes[name]).receiver(address, answer=None) for name in names]
        return receivers, self.sender_knowing("A", address, set(names))

    def run_until(self, sent, receivers, decide):
        def step():
            for receiver in receivers:
                while receiver.messages:
                    decide(receiver, receiver.messages.pop())
            return all(one.done for one in sent)
        self.clients.wait(step, "every outcome", 60)
        self.assertEqual({1}, {one.outcomes_seen for one in sent})

    def test_every_consumer_is_asked_at_most_once(self):
        receivers, sender = self.start("again/" + self.address, "ABCC")
        asked = {}

        def decide(receiver, message):
            asked.setdefault(message.body, []).append(receiver)
            message.release()
        sent = [sender.send(f"{number}") for number in range(50)]
        self.run_until(sent, receivers, decide)
        self.assertEqual({"released"}, {one.outcome for one in sent})
        for body, by in asked.items():
            self.assertEqual(4, len(set(by)), body)
            self.assertEqual(4, len(by), body)

    def test_the_one_that_takes_it_is_found(self):
        receivers, sender = self.start("again/" + self.address, "ABC")
        taken = []

        def decide(receiver, message):
            if receiver is receivers[2]:
                taken.append(message.body)
                message.accept()
            else:
                message.release()
        sent = [sender.send(f"{number}") for number in range(100)]
        self.run_until(sent, receivers, decide)
        self.assertEqual({"accepted"}, {one.outcome for one in sent})
        self.assertEqual(sorted(f"{number}" for number in range(100)), sorted(taken))

    def test_two_attempts_and_no_more(self):
        receivers, sender = self.start("again/near/" + self.address, "ABC")
        asked = []

        def decide(receiver, message):
            asked.append(receiver)
            message.release()
        sent = [sender.send("x")]
        self.run_until(sent, receivers, decide)
        self.assertEqual(["released"], [one.outcome for one in sent])
        self.assertEqual(2, len(set(asked)))
        rows = Management(self.at("A")).query("router", "redeliveredDeliveries")
        self.assertGreaterEqual(rows[0]["redeliveredDeliveries"], 1)

    def test_other_outcomes_are_final(self):
        receivers, sender = self.start("again/" + self.address, "BC")
        for answer, outcome in ((lambda message: message.reject(), "rejected"),
                                (lambda message: message.modify(failed=True), "modified")):
            asked = []

            def decide(receiver, message):
                asked.append(receiver)
                answer(message)
            sent = [sender.send("x")]
            self.run_until(sent, receivers, decide)
            self.assertEqual([outcome], [one.outcome for one in sent])
            self.assertEqual(1, len(asked))


class Rules(MeshTest):
    """Which rule is for an address: exact before `*` before `#`, token by token."""

    @classmethod
    def topology(cls, mesh):
        rules = [{"pattern": "orders.*.new", "distribution": "multicast"},
                 {"pattern": "orders.eu.new", "distribution": "unavailable"},
                 {"pattern": "orders.#", "distribution": "closest"},
                 {"prefix": "fan", "distribution": "multicast"},
                 {"pattern": "fan/*/one", "distribution": "balanced"},
                 {"pattern": "#.log", "distribution": "multicast"}]
        mesh.add("A", sections={"address": rules, "router": {"id": "A", "mode": "interior", "workerThreads": 2,
                                                             "defaultDistribution": "unavailable"}})

    def setUp(self):
        self.clients = Clients()
        self.addCleanup(self.clients.close)
        self.client = self.clients.connect(self.shared.nodes["A"])

    def treatment(self, address):
        """What two consumers of the address see of it."""
        receivers = [self.client.receiver(address) for _ in range(2)]
        if receivers[0].closed or receivers[0].address is None:
            self.clients.wait(lambda: receivers[0].closed, "the refusal")
            self.assertEqual("amqp:not-found", receivers[0].closed.name)
            return "unavailable"
        sender = self.client.sender(address)
        self.clients.wait(lambda: sender.credit > 0, "credit")
        sent = sender.send("x")
        self.clients.wait(lambda: sent.done, "the outcome")
        self.assertEqual("accepted", sent.outcome)
        copies = sum(receiver.count for receiver in receivers)
        for link in receivers + [sender]:
            link.detach()
        self.clients.wait(lambda: all(link.closed for link in receivers + [sender]), "detach")
        return {1: "anycast", 2: "multicast"}[copies]

    def test_precedence(self):
        for address, expected in (("orders.us.new", "multicast"), ("orders/us/new", "multicast"),
                                  ("orders.eu.new", "unavailable"), ("orders.us.old", "anycast"), ("orders", "anycast"),
                                  ("orders.us.new.x", "anycast"), ("fan", "multicast"), ("fan.a.b", "multicast"),
                                  ("fan/a/one", "anycast"), ("fantastic", "unavailable"), ("a.b.log", "multicast"),
                                  ("log", "multicast"), ("other", "unavailable"), ("a.log.b", "unavailable")):
            with self.subTest(address):
                self.assertEqual(expected, self.treatment(address))

    def test_an_anonymous_sender_to_an_unavailable_address(self):
        relay = self.client.sender(None)
        self.clients.wait(lambda: relay.credit > 0, "credit")
        sent = relay.send(Message(address="other", body="x"))
        self.clients.wait(lambda: sent.done, "the outcome")
        self.assertEqual(("rejected", "amqp:not-found"), (sent.outcome, sent.error.name))

    def test_reply_addresses_are_always_available(self):
        replies = self.client.receiver(None, dynamic=True)
        sender = self.client.sender(replies.address)
        self.clients.wait(lambda: sender.credit > 0, "credit")
        sent = sender.send("reply")
        self.clients.wait(lambda: sent.done, "the outcome")
        self.assertEqual(("accepted", ["reply"]), (sent.outcome, replies.bodies))


if __name__ == "__main__":
    unittest.main()
