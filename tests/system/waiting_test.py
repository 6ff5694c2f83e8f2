#!/usr/bin/python3
"""Messages that have to wait: for how long (time to live), in which order (priority), and for whom (the first consumer
that is free, wherever it is)."""

import time
import unittest


from proton import Message

from clients import Clients
from delivery_test import DeliveryTest, Line, OneNode
from distribution_test import DistributionTest
from management import Management, wait_for_mesh
from mesh import SANITIZED, MeshTest
from raw import Proxy


def timed(body, ttl_s):
    return Message(body=body, ttl=ttl_s)


class TimeToLiveTests:
    def test_the_consumer_sees_what_is_left(self):
        sender, receiver = self.pair(window=0)
        sender.send(timed("late", 600.0))
        management = Management(self.clients.connect(self.receiver_at()))

        def waits():
            rows = management.query("router.link", "owningAddr", "linkDir", "undeliveredCount")
            return any(row["undeliveredCount"] == 1 for row in rows
                       if row["linkDir"] == "out" and row["owningAddr"] == "M0" + self.address)
        self.clients.wait(waits, "the message to wait for its consumer")
        self.clients.never(lambda: receiver.messages, "a message without credit", 0.1)
        receiver.flow(1)
        self.clients.wait(lambda: receiver.messages, "the message")
        self.assertTrue(500.0 < receiver.messages[0].message.ttl <= 599.9, receiver.messages[0].message.ttl)

    def test_who_did_not_wait_is_not_changed(self):
        sender, receiver = self.pair()
        payload = timed("at once", 60.0).encode()
        self.assertEqual("accepted", self.settle(sender.send(payload)))
        left = receiver.messages[0].message.ttl
        self.assertTrue(59.0 < left <= 60.0, left)

    def test_no_time_left(self):
        """The sender is told in time, though the consumer never gives credit; a settled message is dropped."""
        before = self.expired()
        sender, receiver = self.pair(window=0)
        expiring = [sender.send(timed(f"{number}", 0.2)) for number in range(5)]
        sender.send(timed("settled", 0.2), settled=True)
        staying = sender.send(timed("stays", 600.0))
        plain = sender.send("has no time to live")
        self.clients.wait(lambda: all(one.done for one in expiring), "outcomes of what has run out")
        self.assertEqual({"released"}, {one.outcome for one in expiring})
        self.assertFalse(staying.done or plain.done)
        self.clients.wait(lambda: self.expired() == before + 6, "each, the settled one too, to be counted once")
        receiver.flow(10)
        self.clients.wait(lambda: staying.done and plain.done, "the others")
        self.assertEqual(["stays", "has no time to live"], receiver.bodies)

    def expired(self):
        """By all nodes' counters."""
        if not hasattr(self, "asked"):
            self.asked = [Management(self.clients.connect(node)) for node in self.shared.nodes.values()]
        return sum(each.query("router", "expiredDeliveries")[0]["expiredDeliveries"] for each in self.asked)

    def test_an_absolute_expiry_time_is_not_acted_on(self):
        sender, receiver = self.pair(window=0)
        sent = sender.send(Message(body="of 1970", expiry_time=1.0))
        self.clients.never(lambda: sent.done, "an outcome", 0.2)
        receiver.flow(1)
        self.assertEqual("accepted", self.settle(sent))
        self.assertEqual(1.0, receiver.messages[0].message.expiry_time)


class TimeToLiveAtOneNode(TimeToLiveTests, OneNode, DeliveryTest):
    pass


class TimeToLiveAcrossThree(TimeToLiveTests, Line, DeliveryTest):
    pass


class Priority(MeshTest):
    """A - proxy - B: what is sent while the proxy is frozen waits at A."""

    def setUp(self):
        self.clients = Clients()
        self.addCleanup(self.clients.close)

    def test_urgent_messages_pass_those_that_wait_for_the_link(self):
        mesh = self.own_mesh()
        rules = {"address": [{"prefix": "rush", "priority": 8}]}
        b = mesh.add("B", sections=rules)
        proxy = Proxy(b.mesh_port)
        mesh.closers.append(proxy.close)
        a = mesh.add("A", [proxy], sections=dict(rules, router={
            "id": "A", "mode": "interior", "workerThreads": 2, "heartbeatMultiplier": 50}))
        wait_for_mesh(self.clients, [a, b])
        order = []
        receiver = self.clients.connect(b)
        consumers = [receiver.receiver(address, window=5000, session=receiver.session())
                     for address in ("bulk", "urgent", "rush/it")]
        for consumer in consumers:
            consumer.keep = False
            consumer.on_data = self.recording(consumer, order)
        bulk = [self.clients.connect(a).sender("bulk") for _ in range(20)]
        urgent, rush = (self.clients.connect(a).sender(address) for address in ("urgent", "rush/it"))
        self.clients.wait(lambda: all(s.credit >= 200 for s in bulk + [urgent, rush]), "credit")
        proxy.freeze()
        filler = "x" * 6000  # 250 of them are less than a session's window
        sent = []
        for sender in bulk:  # 30 MB, of which the sockets take some
            while sender.credit:
                sent.append(sender.send(Message(body=filler, durable=True)))
        self.taken_by(a, {"M0bulk": len(sent)})
        sent += [urgent.send(Message(body="now", priority=9)) for _ in range(5)]
        sent += [rush.send(Message(body="now", priority=0)) for _ in range(5)]
        self.taken_by(a, {"M0urgent": 5, "M0rush/it": 5})
        proxy.mend()
        self.clients.wait(lambda: all(one.done for one in sent), "all outcomes", 60)
        places = {name: [index for index, each in enumerate(order) if each is consumer]
                  for name, consumer in zip(("bulk", "urgent", "rush"), consumers)}
        self.assertEqual((5, 5), (len(places["urgent"]), len(places["rush"])))
        for name in ("urgent", "rush"):
            self.assertLess(max(places[name]), len(order) * 3 // 4, places[name])

    def taken_by(self, node, counts):
        """Until the node has so many messages of clients' for these addresses."""
        management = Management(self.clients.connect(node))

        def taken():
            rows = management.query("router.address", "name", "deliveriesIngress")
            return {row["name"]: row["deliveriesIngress"] for row in rows if row["name"] in counts} == counts
        self.clients.wait(taken, f"{counts} at {node.name}")

    @staticmethod
    def recording(consumer, order):
        take = type(consumer).on_data

        def on_data(delivery):
            before = consumer.count
            take(consumer, delivery)
            order.extend([consumer] * (consumer.count - before))
        return on_data


class Worker:
    """A consumer with credit 1 that takes its time for each task."""

    def __init__(self, connection, address, task_s):
        self.receiver = connection.receiver(address, window=0, answer=None)
        self.receiver.flow(1)
        self.task_s = task_s
        self.busy_until = None
        self.done = 0
        self.idle_s = 0.0
        self.idle_since = None

    def step(self, work_left):
        now = time.monotonic()
        if self.busy_until is None and self.receiver.messages:
            self.busy_until = now + self.task_s
            if self.idle_since:
                self.idle_s += now - self.idle_since
        if self.busy_until is not None and now >= self.busy_until:
            self.receiver.messages.pop().accept()
            self.done += 1
            self.busy_until = None
            self.idle_since = now if work_left else None
            self.receiver.flow(1)


class DemandTest(DistributionTest):
    """Tasks of different length at consumers with credit 1: nobody is idle while a task waits anywhere."""

    def work(self, workers, senders, total, bound_s):
        sent = []

        def step():
            for sender in senders:
                while sender.credit and len(sent) < total:
                    sent.append(sender.send(f"{len(sent)}"))
            done = sum(worker.done for worker in workers)
            for worker in workers:
                worker.step(total - done > len(workers))
            return done == total and all(one.done for one in sent)
        took = self.clients.wait(step, "all tasks", 120)
        self.assertEqual({"accepted"}, {one.outcome for one in sent})
        # The best there is: every worker busy all the time, and then the slowest one's last task.
        rate = sum(1 / worker.task_s for worker in workers)
        best = total / rate + max(worker.task_s for worker in workers)
        if not SANITIZED:
            self.assertLess(took, best * bound_s, [(worker.done, worker.idle_s) for worker in workers])
        return took, best


class DemandTests:
    def test_tasks_of_a_second_and_of_a_tenth(self):
        slow, quick = (Worker(self.at(name), self.address, task_s)
                       for name, task_s in zip(self.worker_nodes, (0.6, 0.06)))
        sender = self.sender_knowing("A", self.address, set(self.worker_nodes))
        self.work([slow, quick], [sender], 80, 1.4)
        self.assertLess(slow.done, 16, "tasks waited for the slow one")

    def test_three_workers_and_senders_everywhere(self):
        workers = [Worker(self.clients.connect(self.nodes[name]), self.address, task_s)
                   for name, task_s in zip(self.three_nodes, (0.3, 0.03, 0.05))]
        senders = [self.sender_knowing(name, self.address, set(self.three_nodes)) for name in sorted(self.nodes)]
        self.work(workers, senders, 150, 1.6)

    def test_nothing_is_lost_when_workers_leave(self):
        workers = [Worker(self.clients.connect(self.nodes[name]), self.address, 0.01) for name in self.three_nodes]
        sender = self.sender_knowing("A", self.address, set(self.three_nodes))
        sent = [sender.send(f"{number}") for number in range(100)]

        def step(stop_at):
            for worker in workers:
                if not worker.receiver.closed:
                    worker.step(True)
            return sum(one.done for one in sent) >= stop_at
        self.clients.wait(lambda: step(20), "a few tasks")
        workers[0].receiver.detach()
        workers[1].receiver.detach()
        self.clients.wait(lambda: workers[0].receiver.closed and workers[1].receiver.closed, "detach")
        self.clients.wait(lambda: step(100), "the rest", 60)
        outcomes = [one.outcome for one in sent]
        self.assertGreaterEqual(outcomes.count("accepted"), 96, outcomes)
        self.assertLessEqual(outcomes.count("modified"), 2, outcomes)


class DemandAtOneNode(DemandTests, DemandTest):
    worker_nodes = "AA"
    three_nodes = "AAA"

    @classmethod
    def topology(cls, mesh):
        mesh.add("A")


class DemandAcrossThree(DemandTests, DemandTest):
    worker_nodes = "BC"
    three_nodes = "ABC"

    @classmethod
    def topology(cls, mesh):
        mesh.line("ABC")


class DemandAtTheFarEnd(DemandTests, DemandTest):
    worker_nodes = "CC"
    three_nodes = "BCC"

    @classmethod
    def topology(cls, mesh):
        mesh.line("ABC")


if __name__ == "__main__":
    unittest.main()
