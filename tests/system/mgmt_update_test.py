#!/usr/bin/python3
"""UPDATE of listeners, connectors and addresses: in force at once, and nothing is closed that need not be."""

import unittest

from clients import Clients
from management import ManagedMeshTest, Management, ManagementError
from mesh import poll_until

PREFIX = "org.apache.qpid.dispatch."


class UpdateMeshTest(ManagedMeshTest):
    """B connects to A."""

    def setUp(self):
        super().setUp()
        self.client = self.clients.connect(self.shared.nodes["B"])
        self.management = Management(self.client)

    def update(self, kind, name, **changes):
        return self.management.ask("UPDATE", changes, type=PREFIX + kind, name=name)

    def refused(self, status, kind, name, **changes):
        with self.assertRaises(ManagementError) as caught:
            self.update(kind, name, **changes)
        self.assertEqual(status, caught.exception.status)
        return caught.exception.description

    def create(self, kind, name, **attributes):
        self.management.ask("CREATE", attributes, expected=201, type=PREFIX + kind, name=name)
        self.addCleanup(self.management.ask, "DELETE", expected=204, type=PREFIX + kind, name=name)

    def connections(self, **wanted):
        rows = self.management.query("connection")
        return [row for row in rows if row["opened"] and all(row[key] == value for key, value in wanted.items())]

    def mesh_connection(self):
        return [row["identity"] for row in self.connections(role="inter-router")]

    def cost_to_a(self):
        costs = {row["id"]: row["cost"] for row in self.management.query("router.node", "id", "cost")}
        return costs.get("A")


class Update(UpdateMeshTest):
    def test_cost_of_a_connector_changes_without_a_new_connection(self):
        connector = self.management.query("connector")[0]["name"]
        before = self.mesh_connection()
        changed = self.update("connector", connector, cost=7)
        self.assertEqual(7, changed["cost"])
        poll_until(lambda: self.cost_to_a() == 7, "the new cost")
        self.assertEqual(7, self.management.read("connector", name=connector)["cost"])
        self.update("connector", connector, cost="1")
        poll_until(lambda: self.cost_to_a() == 1, "the old cost")
        self.assertEqual(before, self.mesh_connection())

    def test_cost_of_a_listener_reaches_the_routers_that_came_in(self):
        before = self.mesh_connection()
        at_a = Management(self.clients.connect(self.shared.nodes["A"]))
        for cost in (5, 1):
            at_a.ask("UPDATE", {"cost": cost}, type=PREFIX + "listener", name="mesh")
            poll_until(lambda cost=cost: self.cost_to_a() == cost, "the higher cost of both ends")
        self.assertEqual(before, self.mesh_connection())

    def test_what_was_agreed_on_in_open_waits_for_the_next_connection(self):
        connector = self.management.query("connector")[0]["name"]
        before = self.mesh_connection()
        reply = self.management.call("UPDATE", {"idleTimeoutSeconds": 20}, type=PREFIX + "connector", name=connector)
        self.assertEqual(200, reply.properties["statusCode"])
        self.assertIn("idleTimeoutSeconds", reply.properties["statusDescription"])
        self.assertEqual(before, self.mesh_connection())
        self.update("connector", connector, idleTimeoutSeconds=16)

    def test_a_connector_to_another_place(self):
        a = self.shared.nodes["A"]
        self.create("connector", "wander", host="127.0.0.1", port=1)

        def status():
            return self.management.read("connector", name="wander")["connectionStatus"]
        poll_until(lambda: status() == "FAILED", "the failure")
        self.update("connector", "wander", port=a.port)
        poll_until(lambda: status() == "SUCCESS", "the connection")
        first = self.connections(host=f"127.0.0.1:{a.port}")
        self.assertEqual(["normal"], [row["role"] for row in first])
        self.update("connector", "wander", linkCapacity=17)
        self.assertEqual([row["identity"] for row in first],
                         [row["identity"] for row in self.connections(host=f"127.0.0.1:{a.port}")])
        self.update("connector", "wander", port=1)
        poll_until(lambda: not self.connections(host=f"127.0.0.1:{a.port}"), "the end of the connection")

    def test_a_listener_changes_for_connections_to_come(self):
        early = self.client.receiver("update/capacity")
        for capacity in (9, 250):
            self.update("listener", "client", linkCapacity=capacity)
            sender = self.clients.connect(self.shared.nodes["B"]).sender("update/capacity")
            self.clients.wait(lambda sender=sender: sender.credit > 0, "credit")
            self.assertEqual(capacity, sender.credit)
        self.assertFalse(self.client.closed)
        early.detach()

    def test_an_address_changes_for_links_that_are_there(self):
        self.create("router.config.address", "rule", prefix="update/rule", distribution="balanced")
        receivers = [self.client.receiver("update/rule/1") for _ in range(2)]
        sender = self.client.sender("update/rule/1")
        self.clients.wait(lambda: sender.credit > 0, "credit")
        sent = sender.send("one")
        self.clients.wait(lambda: sent.done, "an outcome")
        self.assertEqual(1, sum(one.count for one in receivers))
        changed = self.update("router.config.address", "rule", distribution="multicast", priority=8)
        self.assertEqual(("multicast", 8, "update/rule"),
                         (changed["distribution"], changed["priority"], changed["prefix"]))

        def row():
            return [row for row in self.management.query("router.address") if row["name"] == "M0update/rule/1"][0]
        poll_until(lambda: row()["distribution"] == "multicast", "the new distribution")
        self.assertEqual(8, row()["priority"])
        before = [one.count for one in receivers]
        later = self.client.sender("update/rule/1")
        self.clients.wait(lambda: later.credit > 0, "credit")
        later.send("all")
        self.clients.wait(lambda: [one.count for one in receivers] == [count + 1 for count in before], "two copies")

    def test_frames_of_one_connection_in_the_log(self):
        node = self.shared.nodes["B"]
        traced = self.clients.connect(node)
        rows = self.connections(role="normal")
        identity = max((row["identity"] for row in rows), key=int)
        offset = node.log_path.stat().st_size

        def trace(on):
            return self.management.ask("UPDATE", {"enableProtocolTrace": on}, type=PREFIX + "connection",
                                       identity=identity)["enableProtocolTrace"]
        self.assertTrue(trace(True))
        self.assertTrue(self.management.read("connection", identity=identity)["enableProtocolTrace"])
        traced.receiver("update/traced")
        poll_until(lambda: f"FRAME connection={identity} <- ch=0 attach" in node.log(offset), "the frame")
        self.assertFalse(trace(False))
        self.assertEqual({identity}, {line.split("connection=")[1].split()[0]
                                      for line in node.log(offset).splitlines() if " FRAME " in line})

    def test_mistakes_change_nothing(self):
        connector = self.management.query("connector")[0]["name"]
        before = self.management.query("connector") + self.management.query("listener")
        self.assertIn("delete and create", self.refused(403, "listener", "client", host="0.0.0.0"))
        self.assertIn("delete and create", self.refused(403, "connector", connector, role="normal"))
        self.refused(403, "connector", connector, connectionStatus="FAILED")
        self.refused(400, "connector", connector, port="no port")
        self.refused(400, "connector", connector, cost=0)
        self.refused(400, "connector", connector, saslPassword="env:NO_SUCH_VARIABLE_HERE")
        self.refused(400, "listener", "client", httpOrigins="*")
        self.refused(400, "listener", "client", wrong="x")
        self.refused(404, "listener", "absent", cost=2)
        self.refused(404, "router.config.address", "absent", distribution="closest")
        rule = self.management.query("router.config.address", "name")[0]["name"]
        self.refused(403, "router.config.address", rule, prefix="x")

        def still(row):
            return {key: value for key, value in row.items() if key != "connectionMsg"}
        after = self.management.query("connector") + self.management.query("listener")
        self.assertEqual([still(row) for row in before], [still(row) for row in after])


class Names(UpdateMeshTest):
    """An entity's name and identity are its own for as long as it lives."""

    names = "A"

    @classmethod
    def grow(cls, mesh):
        mesh.add("A", sections={"address": [{"prefix": one} for one in "abc"]})

    def setUp(self):
        self.clients = Clients()
        self.addCleanup(self.clients.close)
        self.management = Management(self.clients.connect(self.shared.nodes["A"]))

    def rules(self):
        return {row["prefix"]: row["name"] for row in self.management.query("router.config.address", "prefix", "name")}

    def test_a_rule_without_a_name_keeps_the_one_it_was_shown_with(self):
        before = self.rules()
        self.assertEqual({"a", "b", "c"}, set(before))
        for gone, left in (("a", {"b", "c"}), ("b", {"c"})):
            self.management.ask("DELETE", expected=204, type=PREFIX + "router.config.address", name=before[gone])
            self.assertEqual({one: before[one] for one in left}, self.rules())
        self.update("router.config.address", before["c"], distribution="closest")
        self.assertEqual("closest", self.management.query("router.config.address", "distribution")[0]["distribution"])

    def test_what_create_answers_can_be_read_and_deleted(self):
        for kind, attributes in (("listener", {"port": 0}), ("connector", {"port": 1}),
                                 ("router.config.address", {"pattern": "made.*"})):
            with self.subTest(kind):
                made = self.management.ask("CREATE", attributes, expected=201, type=PREFIX + kind)
                there = self.management.read(kind, identity=made["identity"])
                self.assertEqual((made["name"], made.get("port")), (there["name"], there.get("port")))
                self.management.ask("DELETE", expected=204, type=PREFIX + kind, name=made["name"])
                self.refused(404, kind, made["name"], cost=1)


if __name__ == "__main__":
    unittest.main()
