#!/usr/bin/python3
"""`$management` at the node asked and, through the mesh, at another one."""

import unittest
import uuid

from proton import Message, ulong

from management import ManagedMeshTest, Management, ManagementError

PREFIX = "org.apache.qpid.dispatch."


class ManagementTest(ManagedMeshTest):
    """Questions go to router C: directly or from A, as the subclass says."""

    names = "ABC"

    def setUp(self):
        super().setUp()
        self.management = self.connect()

    def connect_to(self, name):
        return self.clients.connect(self.shared.nodes[name])


class ManagementTests:
    def test_router(self):
        rows = self.management.query("router")
        self.assertEqual(1, len(rows))
        router = rows[0]
        self.assertEqual(("C", "interior"), (router["id"], router["mode"]))
        self.assertEqual(2, router["workerThreads"])
        for counter in ("acceptedDeliveries", "deliveriesIngress", "deliveriesEgress", "deliveriesTransit",
                        "presettledDeliveries", "uptimeSeconds", "connectionCount", "linkCount", "addrCount"):
            self.assertIsInstance(router[counter], int, counter)

    def test_router_nodes_describe_the_mesh(self):
        nodes = {row["id"]: row for row in self.management.query("router.node")}
        self.assertEqual(["A", "B", "C"], sorted(nodes))
        self.assertEqual("(self)", nodes["C"]["nextHop"])
        self.assertEqual("B", nodes["A"]["nextHop"])
        self.assertEqual([2, 1, 0], [nodes[name]["cost"] or 0 for name in "ABC"])
        self.assertEqual(["A", "C"], sorted(nodes["B"]["linkState"]))
        self.assertEqual("amqp:/_topo/0/A", nodes["A"]["address"])

    def test_read_by_identity_and_by_name(self):
        for which in ({"identity": "router.node/A"}, {"name": "router.node/A"}):
            self.assertEqual("A", self.management.read("router.node", **which)["id"])
        with self.assertRaises(ManagementError) as caught:
            self.management.read("router.node", identity="router.node/nobody")
        self.assertEqual(404, caught.exception.status)

    def test_mgmt_nodes(self):
        nodes = self.management.ask("GET-MGMT-NODES", type="org.amqp.management", name="self")
        self.assertEqual([f"amqp:/_topo/0/{name}/$management" for name in "ABC"], sorted(nodes))

    def test_types_attributes_operations(self):
        types = self.management.ask("GET-TYPES", type="org.amqp.management", name="self")
        for short in ("router", "router.node", "router.address", "router.link", "connection", "listener",
                      "connector"):
            self.assertIn(PREFIX + short, types)
        attributes = self.management.ask("GET-ATTRIBUTES", type="org.amqp.management", name="self")
        self.assertIn("uptimeSeconds", attributes[PREFIX + "router"])
        operations = self.management.ask("GET-OPERATIONS", type="org.amqp.management", name="self")
        self.assertIn("READ", operations[PREFIX + "listener"])

    def test_listeners_and_connectors(self):
        listeners = {row["name"]: row for row in self.management.query("listener")}
        self.assertEqual("inter-router", listeners["mesh"]["role"])
        connectors = self.management.query("connector")
        self.assertEqual(1, len(connectors))
        self.assertEqual("SUCCESS", connectors[0]["connectionStatus"])

    def test_connections(self):
        rows = self.management.query("connection", "identity", "container", "role", "dir", "host")
        between = {row["container"]: row for row in rows if row["role"] == "inter-router"}
        self.assertEqual(["B"], sorted(between))
        self.assertEqual("out", between["B"]["dir"])
        self.assertTrue(all(isinstance(row["identity"], str) for row in rows))

    def test_addresses_and_links_of_a_consumer(self):
        address = f"shown/{uuid.uuid4().hex[:8]}"
        receiver = self.connect_to("C").receiver(address)

        def row():
            found = [row for row in self.management.query("router.address") if row["name"] == "M0" + address]
            return found and found[0]["subscriberCount"] == 1 and found[0]
        self.wait_for(row, "the address with its consumer")
        links = [row for row in self.management.query("router.link") if row["owningAddr"] == "M0" + address]
        self.assertEqual(["out"], [row["linkDir"] for row in links])
        self.assertEqual("endpoint", links[0]["linkType"])
        receiver.detach()

        def gone():
            names = [row["name"] for row in self.management.query("router.address")]
            return "M0" + address not in names
        self.wait_for(gone, "the address to go with its consumer")

    def wait_for(self, condition, what):
        for _ in range(400):
            value = condition()
            if value:
                return value
        raise AssertionError(f"waited in vain for {what}")

    def test_counters_count(self):
        address = f"counted/{uuid.uuid4().hex[:8]}"
        client = self.connect_to("C")
        receiver = client.receiver(address)
        sender = client.sender(address)
        self.clients.wait(lambda: sender.credit > 0, "credit")
        before = self.management.query("router")[0]
        sent = [sender.send("x") for _ in range(7)]
        self.clients.wait(lambda: all(one.done for one in sent), "outcomes")
        self.assertEqual(7, receiver.count)

        def counted():
            links = [row for row in self.management.query("router.link") if row["owningAddr"] == "M0" + address]
            return sorted(row["acceptedCount"] for row in links) == [7, 7]
        self.wait_for(counted, "7 accepted deliveries on both links")
        self.assertGreaterEqual(self.management.query("router")[0]["acceptedDeliveries"],
                                before["acceptedDeliveries"] + 7)

    def test_selected_attributes_and_paging(self):
        rows = self.management.query("router.node", "id", "nextHop")
        self.assertEqual({"id", "nextHop"}, set(rows[0]))
        everyone = [row["id"] for row in rows]
        paged = [self.management.query("router.node", "id", offset=offset, count=1)[0]["id"] for offset in range(3)]
        self.assertEqual(everyone, paged)
        self.assertEqual([], self.management.query("router.node", "id", offset=3, count=1))

    def test_typeless_query_is_the_union(self):
        body = self.management.ask("QUERY", {"attributeNames": ["name", "type"]}, type="org.amqp.management",
                                   name="self")
        types = {row[1] for row in body["results"]}
        self.assertTrue({PREFIX + "router", PREFIX + "listener", PREFIX + "connection"} <= types, types)

    def test_mistakes_get_their_codes(self):
        for operation, properties, status in (
                ("QUERY", {"entityType": PREFIX + "nonsense"}, (400, 404)),
                ("READ", {"type": PREFIX + "router.node"}, (400,)),
                ("READ", {"type": PREFIX + "listener", "name": "absent"}, (404,)),
                ("DANCE", {"type": PREFIX + "listener", "name": "mesh"}, (501, 400)),
                ("DELETE", {"type": PREFIX + "router", "name": "C"}, (403, 501, 404)),
                ("CREATE", {"type": PREFIX + "router.node", "name": "x"}, (403, 501)),
                ("UPDATE", {"type": PREFIX + "router.link", "identity": "1"}, (403, 404, 501))):
            with self.subTest(operation):
                reply = self.management.call(operation, **properties)
                self.assertIn(reply.properties["statusCode"], status)
                self.assertTrue(reply.properties["statusDescription"])

    def test_correlation_ids_keep_their_type(self):
        for correlation_id in ("text", ulong(7), uuid.uuid4(), b"binary"):
            reply = self.management.call("GET-MGMT-NODES", correlation_id=correlation_id,
                                         type="org.amqp.management", name="self")
            self.assertEqual(correlation_id, reply.correlation_id)
            as_decoded = Message()
            as_decoded.decode(Message(correlation_id=correlation_id).encode())
            self.assertEqual(type(as_decoded.correlation_id), type(reply.correlation_id))

    def test_operation_names_in_any_case(self):
        self.assertEqual(200, self.management.call("query", {"attributeNames": []}, entityType=PREFIX + "router",
                                                   type="org.amqp.management").properties["statusCode"])

    def test_a_request_without_reply_to_is_dropped(self):
        self.management.sender.send(Message(properties={"operation": "QUERY"}, body={}))
        self.assertEqual(1, len(self.management.query("router")))

    def test_messages_that_are_no_requests(self):
        for payload in (b"", b"\x00\x53\x77\x40", b"\xff" * 100, b"\x00\x53\x75\xa0\x03abc"):
            sent = self.management.sender.send(payload)
            self.clients.wait(lambda: sent.done, "an outcome")
        self.assertEqual(1, len(self.management.query("router")))


class ManagementLocal(ManagementTests, ManagementTest):
    def connect(self):
        return Management(self.connect_to("C"))


class ManagementRemote(ManagementTests, ManagementTest):
    def connect(self):
        return Management(self.connect_to("A"), router="C")


class ManagementAnonymous(ManagementTests, ManagementTest):
    """With an anonymous sender, as some tools do."""

    def connect(self):
        return Management(self.connect_to("B"), router="C", anonymous=True)


if __name__ == "__main__":
    unittest.main()
