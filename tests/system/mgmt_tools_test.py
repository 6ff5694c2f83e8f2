#!/usr/bin/python3
"""`$management` as the reference router's own tools use it: the same requests in the same order, the columns
they cannot do without, their paging, and changes at run time."""

import json
import socket
import unittest

from management import ManagedMeshTest, Management, ManagementError

PREFIX = "org.apache.qpid.dispatch."
SUCCESSOR = "io.skupper.router."
PAGE = 500

# What each view reads. "all" asks without attribute names and then takes these from the reply.
DELIVERIES = """presettledDeliveries droppedPresettledDeliveries acceptedDeliveries rejectedDeliveries
    releasedDeliveries modifiedDeliveries deliveriesDelayed1Sec deliveriesDelayed10Sec deliveriesStuck
    deliveriesRedirectedToFallback linksBlocked deliveriesIngress deliveriesEgress deliveriesTransit
    deliveriesIngressRouteContainer deliveriesEgressRouteContainer"""
VIEWS_OF_ALL = {
    "router": "version mode id area linkRouteCount autoLinkCount linkCount nodeCount addrCount connectionCount "
              "workerThreads uptimeSeconds memoryUsage " + DELIVERIES,
    "connection": "identity host container protocol dir isEncrypted sslProto sslCipher isAuthenticated sasl user "
                  "role tenant lastDlvSeconds uptimeSeconds",
    "router.node": "id lastTopoChange nextHop routerLink protocolVersion cost linkState validOrigins",
    "policy": "maxConnections enableVhostPolicy enableVhostNamePatterns policyDir defaultVhost "
              "connectionsProcessed connectionsDenied connectionsCurrent linksDenied totalDenials",
    "vhost": "hostname maxConnections maxConnectionsPerUser maxConnectionsPerHost allowUnknownUser groups",
    "vhostStats": "hostname connectionsApproved connectionsDenied connectionsCurrent sessionDenied senderDenied "
                  "receiverDenied perUserState",
}
VIEWS_BY_NAME = {
    "router.link": "linkType linkDir connectionId identity peer owningAddr capacity undeliveredCount unsettledCount "
                   "deliveryCount presettledCount droppedPresettledCount acceptedCount rejectedCount releasedCount "
                   "modifiedCount deliveriesDelayed1Sec deliveriesDelayed10Sec deliveriesStuck creditAvailable "
                   "zeroCreditSeconds adminStatus operStatus linkName priority settleRate",
    "router.address": "distribution inProcess subscriberCount remoteCount containerCount deliveriesIngress "
                      "deliveriesEgress deliveriesRedirectedToFallback deliveriesTransit deliveriesToContainer "
                      "deliveriesFromContainer name priority",
    "allocator": "identity typeSize transferBatchSize localFreeListMax totalAllocFromHeap heldByThreads "
                 "batchesRebalancedToThreads batchesRebalancedToGlobal",
    "router.config.autoLink": "address direction phase externalAddress linkRef operStatus lastError",
    "router.config.linkRoute": "prefix direction distribution operStatus pattern addExternalPrefix "
                               "delExternalPrefix",
}


class ToolsMeshTest(ManagedMeshTest):
    def setUp(self):
        super().setUp()
        self.management = Management(self.clients.connect(self.shared.nodes["A"]))

    def ask(self, operation, body=None, **properties):
        return self.management.ask(operation, body, type="org.amqp.management", name="self", **properties)

    def pages(self, entity_type, attributes, page=PAGE):
        """Asks page after page until one is not full, as the tools do; one row each as a map."""
        rows, offset = [], 0
        while True:
            body = self.ask("QUERY", {"attributeNames": attributes}, entityType=PREFIX + entity_type,
                            offset=offset, count=page)
            rows += [dict(zip(body["attributeNames"], row)) for row in body["results"]]
            if len(body["results"]) < page:
                return rows, body["attributeNames"]
            offset += page
            self.assertLess(offset, 100_000, "paging never ends")


class ToolViews(ToolsMeshTest):
    def test_views_have_their_columns(self):
        self.ask("GET-MGMT-NODES")  # they begin with it, whatever they are asked for
        for entity_type, columns in VIEWS_OF_ALL.items():
            with self.subTest(entity_type):
                _, names = self.pages(entity_type, [])
                self.assertEqual(set(), set(columns.split()) - set(names))
        for entity_type, columns in VIEWS_BY_NAME.items():
            with self.subTest(entity_type):
                rows, names = self.pages(entity_type, columns.split())
                self.assertEqual(columns.split(), names)
                self.assertEqual([], [row for row in rows if len(row) != len(names)])

    def test_views_can_be_formatted(self):
        """Numbers are numbers and texts are texts where the tools compute with them."""
        router = self.pages("router", [])[0][0]
        for column in DELIVERIES.split() + ["linkCount", "nodeCount", "addrCount", "uptimeSeconds", "memoryUsage"]:
            self.assertIsInstance(router[column], int, column)
        for link in self.pages("router.link", [])[0]:
            self.assertIn(link["linkDir"], ("in", "out"))
            self.assertIn(link["linkType"], ("endpoint", "router-control", "inter-router", "edge-downlink"))
            for column in ("capacity", "undeliveredCount", "unsettledCount", "deliveryCount", "creditAvailable"):
                self.assertIsInstance(link[column], int, column)
            self.assertIsInstance(link["identity"], str)
            self.assertIsInstance(link["connectionId"], str)
        for address in self.pages("router.address", [])[0]:
            self.assertIn(address["name"][0], "MLTRCDEFH")
            self.assertIsInstance(address["subscriberCount"], int)
        for node in self.pages("router.node", [])[0]:
            self.assertIsInstance(node["linkState"], list)
            self.assertIsInstance(node["cost"], (int, type(None)))
        policies = self.pages("policy", [])[0]
        self.assertEqual(1, len(policies))
        for column in ("policyDir", "defaultVhost"):  # their lengths are taken
            self.assertIsInstance(policies[0][column], str, column)
        for column in ("maxConnections", "maxMessageSize", "connectionsProcessed", "totalDenials"):
            self.assertIsInstance(policies[0][column], int, column)

    def test_how_a_client_came_in(self):
        """The columns "security" and "authentication" are made of these."""
        expected = {True: (True, "ANONYMOUS", "anonymous", False), False: (False, None, None, False)}
        for sasl, seen in expected.items():
            client = self.clients.connect(self.shared.nodes["A"], sasl_enabled=sasl,
                                          allowed_mechs="ANONYMOUS" if sasl else None)
            row = next(row for row in self.pages("connection", [])[0]
                       if row["container"] == client.connection.container)
            self.assertEqual(seen, (row["isAuthenticated"], row["sasl"] or None, row["user"] or None,
                                    row["isEncrypted"]))

    def test_paging_ends_for_every_type(self):
        for entity_type in list(VIEWS_OF_ALL) + list(VIEWS_BY_NAME) + ["listener", "connector", "log", "management"]:
            with self.subTest(entity_type):
                one_by_one, _ = self.pages(entity_type, ["identity"], page=1)
                at_once, _ = self.pages(entity_type, ["identity"])
                if entity_type != "router.link":  # their number changes while one asks
                    self.assertEqual([row["identity"] for row in at_once], [row["identity"] for row in one_by_one])

    def test_every_router_by_its_management_node(self):
        nodes = self.ask("GET-MGMT-NODES")
        self.assertEqual(["A", "B"], sorted(address.split("/")[3] for address in nodes))
        for address in nodes:
            self.assertTrue(address.startswith("amqp:/_topo/0/") and address.endswith("/$management"), address)
            name = address.split("/")[3]
            other = Management(self.clients.connect(self.shared.nodes["A"]), router=name)
            self.assertEqual(name, other.query("router")[0]["id"])

    def test_schema_in_both_forms_and_log(self):
        schema = self.ask("GET-SCHEMA")
        self.assertIn("vhostUserGroupSettings", schema["entityTypes"])
        self.assertIn("linkCapacity", schema["entityTypes"]["listener"]["attributes"])
        self.assertIn('"entityTypes"', self.ask("GET-JSON-SCHEMA"))
        for limit in (5, "5"):  # the tools send it as a number, and as text from a command line
            lines = self.ask("GET-LOG", limit=limit)
            self.assertTrue(0 < len(lines) <= 5)
        self.assertGreater(len(self.ask("GET-LOG", limit=0)), 5, "no limit")
        for line in lines:
            self.assertEqual(6, len(line))
            self.assertIsInstance(line[2], str)


class SuccessorTools(ToolsMeshTest):
    """skstat and skmanage: the same requests with other names of types, and addresses without a phase."""

    def setUp(self):
        super().setUp()
        self.receiver = self.clients.connect(self.shared.nodes["A"]).receiver("successor/orders")

    def rows(self, entity_type, attributes):
        body = self.ask("QUERY", {"attributeNames": attributes}, entityType=SUCCESSOR + entity_type,
                        offset=0, count=PAGE)
        return [dict(zip(body["attributeNames"], row)) for row in body["results"]]

    def test_what_its_views_cannot_do_without(self):
        router = self.rows("router", [])[0]
        self.assertIsNone(router["vanId"])
        self.assertEqual(SUCCESSOR + "router", router["type"])
        expected = {"name": "Msuccessor/orders", "watch": None, "subscriberCount": 1}
        self.wait_for(lambda: expected in self.rows("router.address", list(expected)), "the address without a phase")
        self.assertIn(expected["name"], [row["owningAddr"] for row in self.rows("router.link", ["owningAddr"])])

    def test_an_entity_comes_and_goes(self):
        which = {"type": SUCCESSOR + "router.config.address", "name": "successor"}
        made = self.management.ask("CREATE", {"prefix": "successor"}, expected=201, **which)
        self.assertEqual(which["type"], made["type"])
        changed = self.management.ask("UPDATE", dict(made, distribution="closest"), **which)
        self.assertEqual((which["type"], "closest"), (changed["type"], changed["distribution"]))
        self.management.ask("DELETE", expected=204, **which)


class ToolForms(ToolsMeshTest):
    """Forms of requests and answers, to the letter."""

    def setUp(self):
        super().setUp()
        client = self.clients.connect(self.shared.nodes["A"])
        client.receiver("forms/a")
        client.sender("forms/a")

    def rows(self, entity_type):
        body = self.ask("QUERY", {"attributeNames": []}, entityType=PREFIX + entity_type)
        self.assertEqual({"attributeNames", "results"}, set(body))
        self.assertEqual(["name", "identity", "type"], body["attributeNames"][:3])
        return [dict(zip(body["attributeNames"], row)) for row in body["results"]]

    def test_what_a_query_lists_can_be_read(self):
        for entity_type in ("router", "router.link", "router.address", "router.node", "connection", "listener",
                            "connector", "router.config.address", "log", "policy"):
            rows = self.rows(entity_type)
            self.assertTrue(rows or entity_type == "connector", entity_type)
            for row in rows[:3]:
                self.assertEqual(PREFIX + entity_type, row["type"])
                self.assertIsInstance(row["identity"], str)
                for which in ({"type": row["type"], "identity": row["identity"]},
                              {"type": row["type"], "name": row["name"]},
                              {"type": row["type"], "name": row["name"], "identity": row["identity"]},
                              {"type": entity_type, "identity": row["identity"]}):
                    with self.subTest(str(which)):
                        entity = self.management.ask("READ", {}, **which)
                        self.assertEqual(set(row), set(entity))
                        for key in ("name", "identity", "type"):
                            self.assertEqual(row[key], entity[key])

    def test_identity_without_type_where_it_is_unique(self):
        self.assertEqual("A", self.management.ask("READ", {}, identity="router.node/A")["id"])
        reply = self.management.call("READ", {}, identity="router.node/nobody")
        self.assertEqual(404, reply.properties["statusCode"])

    def test_an_answer_has_what_clients_look_at(self):
        reply = self.management.call("READ", {}, type=PREFIX + "router.node", identity="router.node/A")
        self.assertFalse(reply.durable)
        self.assertEqual(self.management.replies.address, reply.address)
        self.assertEqual({"statusCode", "statusDescription"}, set(reply.properties))
        self.assertEqual("int32", type(reply.properties["statusCode"]).__name__)  # AMQP int
        self.assertIsInstance(reply.properties["statusDescription"], str)

    def test_changes_answer_with_the_entity(self):
        made = self.management.ask("CREATE", {"prefix": "forms/x", "distribution": "closest"}, expected=201,
                                   type=PREFIX + "router.config.address", name="forms-x")
        self.assertEqual(made, self.management.read("router.config.address", name="forms-x"))
        self.assertEqual("closest", made["distribution"])
        reply = self.management.call("DELETE", {}, type=PREFIX + "router.config.address", name="forms-x")
        self.assertEqual((204, {}), (reply.properties["statusCode"], reply.body))
        reply = self.management.call("DELETE", {}, type=PREFIX + "router.config.address", name="forms-x")
        self.assertEqual(404, reply.properties["statusCode"])

    def test_an_error_has_an_empty_map_and_a_sentence(self):
        for operation, properties, body, status in (
                ("READ", {"type": PREFIX + "listener"}, {}, 400),
                ("READ", {"type": PREFIX + "nonsense", "name": "x"}, {}, 400),
                ("READ", {"type": PREFIX + "listener", "name": "absent"}, {}, 404),
                ("CREATE", {"type": PREFIX + "listener", "name": "x"}, ["no", "map"], 400),
                ("CREATE", {"type": PREFIX + "listener", "name": "x"}, {"port": "no port!"}, 400),
                ("CREATE", {"type": PREFIX + "connection", "name": "x"}, {}, 501),
                ("CREATE", {"name": "x"}, {}, 400),
                ("UPDATE", {"type": PREFIX + "listener", "name": "client"}, {"port": "1"}, 403),
                ("UPDATE", {"type": PREFIX + "log", "name": "absent"}, {"enable": "info+"}, 404),
                ("DELETE", {"type": PREFIX + "router.node", "identity": "router.node/A"}, {}, 501),
                ("QUERY", {"entityType": PREFIX + "nonsense"}, {"attributeNames": []}, 400),
                ("QUERY", {"entityType": PREFIX + "router", "offset": -1}, {"attributeNames": []}, 400),
                ("QUERY", {"entityType": PREFIX + "router"}, {"attributeNames": "all"}, 400),
                ("GET-LOG", {"limit": "five"}, {}, 400),
                ("FETCH", {"type": PREFIX + "listener"}, {}, 501)):
            with self.subTest(f"{operation} {properties} {body}"):
                reply = self.management.call(operation, body, **properties)
                self.assertEqual((status, {}), (reply.properties["statusCode"], reply.body),
                                 reply.properties["statusDescription"])
                self.assertGreater(len(reply.properties["statusDescription"].split()), 2)


class ToolChanges(ToolsMeshTest):
    def create(self, entity_type, name, **attributes):
        return self.management.ask("CREATE", attributes, expected=201, type=PREFIX + entity_type, name=name)

    def delete(self, entity_type, name):
        return self.management.ask("DELETE", {}, expected=204, type=PREFIX + entity_type, name=name)

    def refused(self, status, operation, body=None, **properties):
        with self.assertRaises(ManagementError) as caught:
            self.management.ask(operation, body, **properties)
        self.assertEqual(status, caught.exception.status)
        return caught.exception.description

    def test_a_listener_comes_and_goes(self):
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        made = self.create("listener", "extra", host="127.0.0.1", port=str(port), role="normal")
        self.assertEqual(("extra", str(port), "normal"), (made["name"], made["port"], made["role"]))
        self.assertEqual(PREFIX + "listener", made["type"])
        client = self.clients.connect(port)
        self.assertTrue(client.opened)
        self.assertEqual(made["identity"], self.management.read("listener", name="extra")["identity"])
        self.assertIn("already", self.refused(400, "CREATE", {"port": "0"}, type=PREFIX + "listener", name="extra"))
        self.delete("listener", "extra")
        with self.assertRaises(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        self.refused(404, "READ", type=PREFIX + "listener", name="extra")
        for code in ("ENTITY_CREATED", "ENTITY_DELETED"):
            self.assertIn(f"notice AGENT {code} type=listener name=extra\n", self.shared.nodes["A"].log())

    def test_a_listener_that_cannot_bind_is_refused(self):
        taken = str(self.shared.nodes["A"].port)
        self.assertTrue(self.refused(400, "CREATE", {"host": "127.0.0.1", "port": taken}, type=PREFIX + "listener",
                                     name="clash"))
        self.assertNotIn("clash", [row["name"] for row in self.management.query("listener", "name")])

    def test_a_connector_comes_and_goes(self):
        self.create("connector", "uplink", host="127.0.0.1", port=str(self.shared.nodes["B"].port), role="normal")

        def connected():
            rows = self.management.query("connector", "name", "connectionStatus")
            return {"name": "uplink", "connectionStatus": "SUCCESS"} in rows
        self.wait_for(connected, "the connector to connect")
        self.delete("connector", "uplink")
        self.assertNotIn("uplink", [row["name"] for row in self.management.query("connector", "name")])

    def test_an_address_comes_and_goes(self):
        self.create("router.config.address", "pub", prefix="tools/pub", distribution="multicast")
        clients = [self.clients.connect(self.shared.nodes["A"]) for _ in range(2)]
        receivers = [client.receiver("tools/pub/1") for client in clients]
        sender = clients[0].sender("tools/pub/1")
        self.clients.wait(lambda: sender.credit > 0, "credit")
        sender.send("x")
        self.clients.wait(lambda: [receiver.count for receiver in receivers] == [1, 1], "a copy for each")
        self.delete("router.config.address", "pub")
        self.refused(404, "READ", type=PREFIX + "router.config.address", name="pub")

    def test_a_connection_is_closed(self):
        client = self.clients.connect(self.shared.nodes["A"])
        container = client.connection.container
        row = next(row for row in self.management.query("connection", "identity", "container")
                   if row["container"] == container)
        changed = self.management.ask("UPDATE", {"adminStatus": "deleted"}, type=PREFIX + "connection",
                                      identity=row["identity"])
        self.assertEqual("deleted", changed["adminStatus"])
        self.clients.wait(lambda: client.closed, "the connection to close")
        mesh = next(row["identity"] for row in self.management.query("connection", "identity", "role")
                    if row["role"] == "inter-router")
        self.refused(403, "UPDATE", {"adminStatus": "deleted"}, type=PREFIX + "connection", identity=mesh)
        self.refused(403, "DELETE", {}, type=PREFIX + "connection", identity=mesh)

    def test_a_connection_has_its_number_in_the_log(self):
        """CONN_OPENED and CONN_CLOSED say which connection of management's, from where."""
        node = self.shared.nodes["A"]
        offset = node.log_path.stat().st_size
        client = self.clients.connect(node)
        row = next(row for row in self.pages("connection", [])[0]
                   if row["container"] == client.connection.container)
        who = f"connection={row['identity']} host={row['host']} container={row['container']} "
        self.assertIn(f"info SERVER CONN_OPENED {who}role=normal by=client\n", node.log(offset))
        client.close()
        self.wait_for(lambda: f"info SERVER CONN_CLOSED {who}by=client opened=true condition=none" in node.log(offset),
                      "the line about its end")

    def test_the_last_delivery_of_a_connection_either_way(self):
        ends = [self.clients.connect(self.shared.nodes["A"]) for _ in range(2)]

        def last_deliveries():
            seconds = {row["container"]: row["lastDlvSeconds"] for row in self.pages("connection", [])[0]}
            return [seconds[end.connection.container] for end in ends]
        receiver, sender = ends[0].receiver("tools/last"), ends[1].sender("tools/last")
        self.clients.wait(lambda: sender.credit > 0, "credit")
        self.assertEqual([None, None], last_deliveries())
        sender.send("x")
        self.clients.wait(lambda: receiver.count == 1, "the message")
        self.assertNotIn(None, last_deliveries())

    def test_a_connection_is_deleted(self):
        client = self.clients.connect(self.shared.nodes["A"])
        row = next(row for row in self.management.query("connection", "identity", "container")
                   if row["container"] == client.connection.container)
        self.management.ask("DELETE", {}, expected=204, type=PREFIX + "connection", identity=row["identity"])
        self.clients.wait(lambda: client.closed, "the connection to close")

    def test_the_log_level_changes(self):
        logs = self.management.query("log", "name", "module", "enable")
        before = next(row for row in logs if row["module"] == "DEFAULT")
        changed = self.management.ask("UPDATE", {"enable": "debug+"}, type=PREFIX + "log", name=before["name"])
        self.assertEqual("debug+", changed["enable"])
        self.management.ask("UPDATE", {"enable": before["enable"]}, type=PREFIX + "log", name=before["name"])
        self.refused(400, "UPDATE", {"enable": "loud"}, type=PREFIX + "log", name=before["name"])

    def test_requests_are_seen_at_debug(self):
        name = "log/AGENT"
        self.management.ask("UPDATE", {"enable": "debug+"}, type=PREFIX + "log", name=name)
        self.ask("GET-LOG", limit=1)
        lines = [line[:3] for line in self.ask("GET-LOG", limit=20)]
        self.management.ask("UPDATE", {"enable": "default"}, type=PREFIX + "log", name=name)
        self.assertIn(["AGENT", "debug", "REQUEST operation=GET-LOG type=org.amqp.management name=self"], lines)

    def test_every_module_has_its_level(self):
        name = "log/ROUTER_LS"
        before = self.management.read("log", name=name)
        self.assertEqual("default", before["enable"])
        changed = self.management.ask("UPDATE", {"enable": "none"}, type=PREFIX + "log", name=name)
        self.assertEqual(("ROUTER_LS", "none", name), (changed["module"], changed["enable"], changed["identity"]))
        self.assertEqual("none", self.management.read("log", name=name)["enable"])
        self.management.ask("UPDATE", {"enable": "default"}, type=PREFIX + "log", name=name)

    def test_the_log_becomes_json_and_text_again(self):
        node = self.shared.nodes["A"]
        name = next(row["name"] for row in self.management.query("log", "name", "module")
                    if row["module"] == "DEFAULT")
        offset = node.log_path.stat().st_size
        self.management.ask("UPDATE", {"format": "json"}, type=PREFIX + "log", name=name)
        self.clients.connect(node).close()
        self.wait_for(lambda: "CONN_CLOSED" in node.log(offset), "a line about the connection")
        written = node.log(offset)
        self.management.ask("UPDATE", {"format": "text"}, type=PREFIX + "log", name=name)
        lines = [json.loads(line) for line in written.splitlines()]
        self.assertEqual(["CONN_OPENED", "CONN_CLOSED"],
                         [line["code"] for line in lines if line["code"].startswith("CONN_")][-2:])
        for line in lines:
            self.assertEqual(["time", "level", "module", "code", "text"], list(line))
            self.assertRegex(line["time"], r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")
        self.refused(400, "UPDATE", {"format": "xml"}, type=PREFIX + "log", name=name)

    def test_the_log_goes_only_where_the_configuration_file_says(self):
        mesh = self.own_mesh()
        named, other = mesh.folder / "named.log", mesh.folder / "other.log"
        log = [{"module": "DEFAULT", "enable": "info+"}, {"module": "AGENT", "outputFile": str(named)}]
        node = mesh.add("X", sections={"log": log})
        self.management = Management(self.clients.connect(node))

        def to(place):
            return {"operation": "UPDATE", "body": {"outputFile": str(place)}, "type": PREFIX + "log",
                    "name": "log/SERVER"}
        self.assertIn("configuration file names", self.refused(403, **to(other)))
        self.assertFalse(other.exists())
        for place in (named, "stderr", named, "stdout"):
            self.assertEqual(str(place), self.management.ask(**to(place))["outputFile"])

    def test_mistakes_are_explained(self):
        self.assertIn("did you mean port", self.refused(400, "CREATE", {"prot": 1}, type=PREFIX + "listener",
                                                        name="x"))
        self.assertIn("use interior", self.refused(400, "CREATE", {"role": "edge"}, type=PREFIX + "listener",
                                                   name="x").replace("inter-router", "interior"))
        self.assertTrue(self.refused(501, "CREATE", {}, type=PREFIX + "sslProfile", name="x"))
        self.assertTrue(self.refused(403, "UPDATE", {"host": "h"}, type=PREFIX + "connection",
                                     identity=self.management.query("connection", "identity")[0]["identity"]))


class Pages(ToolsMeshTest):
    """Pages that follow each other are of one moment, whoever else asks and whatever comes and goes."""

    names = "A"

    def page(self, asker, entity_type, offset, count=10):
        body = asker.ask("QUERY", {"attributeNames": ["identity"]}, type="org.amqp.management", name="self",
                         entityType=PREFIX + entity_type, offset=offset, count=count)
        return [row[0] for row in body["results"]]

    def rest(self, asker, entity_type):
        rows, offset = [], 10
        while True:
            page = self.page(asker, entity_type, offset)
            rows += page
            if len(page) < 10:
                return rows
            offset += 10

    def show_the_same_rows(self, entity_type, come, go):
        other = Management(self.clients.connect(self.shared.nodes["A"]))

        def identities():
            return [row["identity"] for row in self.management.query(entity_type, "identity")]
        there = len(identities())
        leaving = [come(f"pages/{entity_type}/{number}") for number in range(30)]
        self.wait_for(lambda: len(identities()) == there + 30, "all rows")
        before = identities()
        first = self.page(self.management, entity_type, 0)
        for one in leaving[:15]:
            go(one)
        come(f"pages/{entity_type}/late")
        self.assertEqual(10, len(self.page(other, entity_type, 0)))
        rows = first + self.rest(self.management, entity_type)
        self.assertEqual(before, rows)
        self.assertNotEqual(before, identities())

    def detach(self, receiver):
        receiver.detach()
        self.clients.wait(lambda: receiver.closed, "the detach")

    def test_of_links(self):
        self.show_the_same_rows("router.link", self.clients.connect(self.shared.nodes["A"]).receiver, self.detach)

    def test_of_addresses(self):
        self.show_the_same_rows("router.address", self.clients.connect(self.shared.nodes["A"]).receiver, self.detach)
        keys = [row["identity"] for row in self.management.query("router.address", "identity")]
        self.assertEqual(sorted(keys), keys)

    def test_of_connections(self):
        self.show_the_same_rows("connection", lambda _: self.clients.connect(self.shared.nodes["A"]),
                                lambda connection: connection.close())


if __name__ == "__main__":
    unittest.main()
