#!/usr/bin/python3
"""Counters that only mean something with real traffic: by router, by role, of the node itself, of the log."""

import unittest
import uuid

from proton import Message

from management import ManagedMeshTest, Management
from mesh import poll_until

PREFIX = "org.apache.qpid.dispatch."
BROKERS = {"name": "brokers", "host": "127.0.0.1", "port": 0, "role": "route-container"}


class CountersMeshTest(ManagedMeshTest):
    """A and B; brokers connect to B at a port of their own."""

    @classmethod
    def grow(cls, mesh):
        mesh.add("B", [mesh.add("A")], listeners=[BROKERS])

    def setUp(self):
        super().setUp()
        self.at_a = self.clients.connect(self.shared.nodes["A"])
        self.at_b = self.clients.connect(self.shared.nodes["B"])
        self.broker = self.clients.connect(self.shared.nodes["B"].ports["brokers"])
        self.asking_a = Management(self.at_a)
        self.asking_b = Management(self.at_b)
        self.text = f"counters/{uuid.uuid4().hex[:8]}"

    def address(self, management, text=None):
        rows = management.query("router.address")
        return next((row for row in rows if row["name"] == "M0" + (text or self.text)), None)

    def send(self, connection, count):
        sender = connection.sender(self.text)
        self.clients.wait(lambda: sender.credit >= count, "credit")
        return [sender.send("x") for _ in range(count)]

    def settled(self, sent):
        self.clients.wait(lambda: all(one.done for one in sent), "outcomes")

    def number(self, management, router):
        """The place of a router in lists by router."""
        return next(row["index"] for row in management.query("router.node", "id", "index") if row["id"] == router)


class Counters(CountersMeshTest):
    def test_ingress_histogram_and_route_containers(self):
        before = self.asking_b.query("router")[0]
        self.at_b.receiver(self.text)
        self.settled(self.send(self.at_a, 3))
        self.settled(self.send(self.broker, 5))
        links = [row for row in self.asking_b.query("router.link")
                 if row["owningAddr"] == "M0" + self.text and row["linkDir"] == "out"]
        self.assertEqual(1, len(links))
        histogram = links[0]["ingressHistogram"]
        self.assertEqual(3, histogram[self.number(self.asking_b, "A")])
        self.assertEqual(5, histogram[self.number(self.asking_b, "B")])
        self.assertEqual(8, sum(histogram))
        row = self.address(self.asking_b)
        self.assertEqual((5, 0), (row["deliveriesIngressRouteContainer"], row["deliveriesEgressRouteContainer"]))
        router = self.asking_b.query("router")[0]
        self.assertEqual(before["deliveriesIngressRouteContainer"] + 5, router["deliveriesIngressRouteContainer"])
        self.broker.receiver(self.text + "/back")
        sender = self.at_b.sender(self.text + "/back")
        self.clients.wait(lambda: sender.credit > 0, "credit")
        self.settled([sender.send("x")])
        self.assertEqual(1, self.address(self.asking_b, self.text + "/back")["deliveriesEgressRouteContainer"])

    def test_what_ends_here_is_no_transit(self):
        """Multicast, too, although its messages do not say where they end."""
        self.text = f"multicast/{self.text}"
        receiver = self.at_b.receiver(self.text)
        before = self.asking_b.query("router", "deliveriesTransit")
        sent = self.send(self.at_a, 20)
        self.clients.wait(lambda: all(one.done for one in sent) and receiver.count == 20, "the messages")
        row = self.address(self.asking_b)
        self.assertEqual((20, 0, 0), (row["deliveriesEgress"], row["deliveriesIngress"], row["deliveriesTransit"]))
        self.assertEqual(before, self.asking_b.query("router", "deliveriesTransit"))

    def test_transit_outstanding(self):
        receiver = self.at_b.receiver(self.text, answer=None)
        sent = self.send(self.at_a, 4)
        self.clients.wait(lambda: receiver.count == 4, "four messages")
        place = self.number(self.asking_a, "B")
        self.assertEqual([0] * place + [4], self.address(self.asking_a)["transitOutstanding"])
        for received in receiver.messages:
            received.accept()
        self.settled(sent)
        self.assertEqual([], self.address(self.asking_a)["transitOutstanding"])

    def test_undelivered_of_the_senders_link(self):
        first = self.at_b.receiver(self.text, answer=None, window=0)
        second = self.at_b.receiver(self.text, answer=None, window=0)
        first.flow(1)
        second.flow(1)
        self.send(self.broker, 6)
        self.clients.wait(lambda: first.count + second.count == 2, "one for each")
        links = {row["linkDir"]: row for row in self.asking_b.query("router.link")
                 if row["owningAddr"] == "M0" + self.text and row["linkDir"] == "in"}
        self.assertEqual((4, 6), (links["in"]["undeliveredCount"], links["in"]["unsettledCount"]))

    def test_messages_of_the_node_itself(self):
        replies = self.at_b.receiver(self.text)
        poll_until(lambda: self.address(self.asking_b), "the address")
        for number in range(3):
            self.asking_b.sender.send(Message(reply_to=self.text, correlation_id=str(number),
                                              properties={"operation": "GET-MGMT-NODES"}, body={}))
        self.clients.wait(lambda: replies.count == 3, "three answers")
        row = self.address(self.asking_b)
        self.assertEqual(3, row["deliveriesFromContainer"])
        self.assertEqual(3, row["deliveriesEgress"])

    def test_lines_of_the_log_and_connections_ever(self):
        def lines():
            return self.asking_b.read("logStats", identity="logStats/AGENT")["noticeCount"]

        def processed():
            return self.asking_b.query("policy")[0]["connectionsProcessed"]
        before = lines(), processed()
        self.asking_b.ask("UPDATE", {"enable": "info+"}, type=PREFIX + "log", name="log/AGENT")
        self.clients.connect(self.shared.nodes["B"]).close()
        self.assertEqual((before[0] + 1, before[1] + 1), (lines(), processed()))


if __name__ == "__main__":
    unittest.main()
