#!/usr/bin/python3
"""Clients that ask for much, or answer late: the node keeps its place in the mesh and its memory."""

import socket
import unittest
from pathlib import Path

from proton import Message

from clients import Clients
from management import Management, ManagementError
from mesh import SANITIZED, MeshTest, poll_until
from raw import (AMQP_HEADER, ATTACH, CLOSE, FLOW, SASL_HEADER, Described, RawPeer, Symbol, UByte, attach_frame, frame,
                 open_frame, transfer_frame)
from settlement_test import Performative

PREFIX = "org.apache.qpid.dispatch."
SASL_MECHANISMS, SASL_INIT, SASL_OUTCOME = 0x40, 0x41, 0x44


class Server(RawPeer):
    """A broker that a connector of the node comes to."""

    def __init__(self, listener):
        self.socket, _ = listener.accept()
        self.input = b""
        self.ended = False


class Asker:
    """Sends pre-settled messages on one link as fast as the node takes them; reads only flows."""

    def __init__(self, peer, address):
        self.peer = peer
        self.sent = self.allowed = self.credit_until = 0
        peer.send(attach_frame("asker", 0, False, address))
        peer.expect(ATTACH)
        self.take_flow()

    def take_flow(self):
        flow = Performative(self.peer.expect(FLOW))
        self.allowed = flow[0] + flow[1]
        if flow[4] is not None:
            self.credit_until = flow[5] + flow[6]

    def send(self, body, count):
        end = self.sent + count
        while self.sent < end:
            room = min(self.allowed, self.credit_until, end) - self.sent
            if room <= 0:
                self.take_flow()
                continue
            self.peer.send(*[transfer_frame(0, self.sent + i, body, settled=True) for i in range(min(room, 100))])
            self.sent += min(room, 100)


class Questions(MeshTest):
    @classmethod
    def topology(cls, mesh):
        mesh.line("AB")

    def setUp(self):
        self.clients = Clients()
        self.addCleanup(self.clients.close)

    def test_whoever_asks_without_end_does_not_cost_the_node_its_neighbours(self):
        node, neighbour = self.shared.nodes["A"], self.shared.nodes["B"]
        management = Management(self.clients.connect(neighbour))
        poll_until(lambda: len(management.query("router.node", "id")) == 2, "both routers")
        before = neighbour.log().count("ADJ_DOWN")
        peer = RawPeer(node.port).session()
        self.addCleanup(peer.close)
        question = Message(address="$management", reply_to="amqp:/_topo/0/A/temp.nobody", correlation_id="1",
                           properties={"operation": "GET-SCHEMA"}, body={}).encode()
        Asker(peer, "$management").send(question, 20_000 if SANITIZED else 150_000)
        self.assertEqual(before, neighbour.log().count("ADJ_DOWN"), neighbour.log()[-1000:])
        peer.close()
        # Others are answered when that is over.
        here = Management(self.clients.connect(node))
        self.assertTrue(here.query("router", "id"))


class LateAnswers(MeshTest):
    @classmethod
    def topology(cls, mesh):
        mesh.add("A", mode="standalone")

    def setUp(self):
        self.clients = Clients()
        self.addCleanup(self.clients.close)
        self.management = Management(self.clients.connect(self.shared.nodes["A"]))

    def test_a_connector_deleted_while_its_peer_takes_its_time_leaves_no_connection(self):
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        self.management.ask("CREATE", {"host": "127.0.0.1", "port": str(listener.getsockname()[1])}, expected=201,
                            type=PREFIX + "connector", name="slow")
        server = Server(listener)
        self.addCleanup(server.close)
        self.management.ask("DELETE", expected=204, type=PREFIX + "connector", name="slow")
        self.assertEqual(SASL_HEADER, server.take(8))
        server.send(SASL_HEADER, frame(Described(SASL_MECHANISMS, [Symbol("ANONYMOUS")]), kind=1))
        server.expect(SASL_INIT)
        server.send(frame(Described(SASL_OUTCOME, [UByte(0)]), kind=1), AMQP_HEADER, open_frame())
        self.assertIn(b"the connector was deleted", server.expect(CLOSE))
        self.assertEqual([], [row for row in self.management.query("connection") if row["dir"] == "out"])

    def test_no_secret_of_the_machine_is_read_for_a_client(self):
        path = Path(self.shared.nodes["A"].folder, "secret")
        path.write_text("of the machine")
        for place in (f"file:{path}", "env:PATH"):
            for kind, attribute in (("connector", "saslPassword"), ("listener", "httpPassword")):
                with self.subTest(place, kind=kind), self.assertRaises(ManagementError) as caught:
                    self.management.ask("CREATE", {"host": "127.0.0.1", "port": "1", attribute: place}, expected=201,
                                        type=PREFIX + kind, name="curious")
                self.assertEqual(400, caught.exception.status)
                self.assertIn(attribute, caught.exception.description)
        self.management.ask("CREATE", {"host": "127.0.0.1", "port": "1", "saslPassword": "pass:literal"}, expected=201,
                            type=PREFIX + "connector", name="plain")
        with self.assertRaises(ManagementError):
            self.management.ask("UPDATE", {"saslPassword": f"file:{path}"}, type=PREFIX + "connector", name="plain")
        self.management.ask("DELETE", expected=204, type=PREFIX + "connector", name="plain")


if __name__ == "__main__":
    unittest.main()
