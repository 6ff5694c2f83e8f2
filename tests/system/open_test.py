#!/usr/bin/python3
"""What the router says of itself in open, what of a server's open its connectors act on, and that the same names are
checked before they are used."""

import unittest

from proton import symbol

from clients import Clients
from management import Management
from mesh import MeshTest, Node, poll_until


class OpenTest(MeshTest):
    def setUp(self):
        self.clients = Clients()
        self.addCleanup(self.clients.close)

    def properties(self, node):
        return self.clients.connect(node).connection.remote_properties


class OpenProperties(OpenTest):
    def test_configured_ones_stand_beside_the_routers_own(self):
        mesh = self.own_mesh()
        node = mesh.add("A", mode="standalone", listener={"openProperties": {
            "site": "north", "rack": 7, "spare": True, "load": 0.5, "text": "a b",
            "nested": {"deep": {"er": 1}}}})
        told = self.properties(node)
        self.assertEqual("amqmesh", told[symbol("product")])
        self.assertIn(symbol("version"), told)
        self.assertEqual(("north", 7, True, 0.5, "a b"),
                         tuple(told[symbol(name)] for name in ("site", "rack", "spare", "load", "text")))
        self.assertEqual({"deep": {"er": 1}}, told[symbol("nested")])

    def test_other_servers_are_told_as_clients_know_it(self):
        mesh = self.own_mesh()
        node = mesh.add("A", mode="standalone", listener={
            "failoverUrls": "amqp://b.example:5700, amqps://[::1], c.example"})
        told = self.properties(node)[symbol("failover-server-list")]
        self.assertEqual([("b.example", "5700", "amqp"), ("::1", "5671", "amqps"), ("c.example", "5672", "amqp")],
                         [tuple(entry[symbol(key)] for key in ("network-host", "port", "scheme")) for entry in told])

    def test_mistakes_are_found_before_the_start(self):
        mesh = self.own_mesh()
        for number, (listener, message) in enumerate((
                ({"openProperties": {"product": "mine"}}, "the router's own"),
                ({"openProperties": {"x-opt-qd.a": 1}}, "the router's own"),
                ({"openProperties": {"a b": 1}}, "no symbol"),
                ({"openProperties": {"long": "x" * 5000}}, "more than 4096 bytes"),
                ({"role": "inter-router", "openProperties": {"a": 1}}, "not between routers"),
                ({"failoverUrls": "http://a"}, "the scheme is amqp or amqps"),
                ({"failoverUrls": "amqp://a:x"}, "the port is a number"),
                ({"failoverUrls": ",".join(f"h{i}" for i in range(17))}, "at most 16 entries"))):
            with self.subTest(message, number=number):
                node = Node(mesh.folder, f"bad{number}", mode="standalone", listener=listener)
                with self.assertRaises(AssertionError) as refused:
                    node.start()
                self.assertIn(message, str(refused.exception))
                self.assertFalse(node.running)
                node.process.wait()


class Failover(OpenTest):
    def test_a_connector_turns_to_the_other_servers_and_back(self):
        mesh = self.own_mesh()
        second = mesh.add("second", mode="standalone")
        first = mesh.add("first", mode="standalone",
                         listener={"failoverUrls": f"amqp://127.0.0.1:{second.port}"})
        node = mesh.add("A", mode="standalone", sections={"connector": [
            {"name": "broker", "host": "127.0.0.1", "port": first.port, "role": "route-container"}]})
        management = Management(self.clients.connect(node))
        at = {server.name: Management(self.clients.connect(server)) for server in (first, second)}

        def connected_to(server):
            """The server sees a connection of the node."""
            rows = at[server.name].query("connection", "container", "dir")
            return any(row["container"] == "A" for row in rows)

        def told():
            return management.query("connector", "name", "failoverUrls")[0]["failoverUrls"]
        poll_until(lambda: connected_to(first), "a connection to the first server")
        poll_until(lambda: told() == f"amqp://127.0.0.1:{second.port}", "its list")
        self.assertFalse(connected_to(second))
        first.kill()
        poll_until(lambda: connected_to(second), "a connection to the second server")
        # That one told of nobody, so the list still holds. The configured place comes first again.
        self.assertEqual(f"amqp://127.0.0.1:{second.port}", told())
        first.start()
        at["first"] = Management(self.clients.connect(first))
        second.kill()
        poll_until(lambda: connected_to(first), "a connection to the first server again")


if __name__ == "__main__":
    unittest.main()
