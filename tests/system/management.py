"""A client of `$management`, as the reference router's tools are one."""

import time

from proton import Message

from clients import Clients
from mesh import DEADLINE_S, MeshTest

HTTP = {"name": "http", "host": "127.0.0.1", "port": 0, "http": True}


class ManagementError(Exception):
    def __init__(self, status, description):
        super().__init__(f"{status} {description}")
        self.status = status
        self.description = description


class Management:
    """Asks the node of `connection`, or another one through it (`router`)."""

    def __init__(self, connection, router=None, anonymous=False):
        self.clients = connection.clients
        self.address = f"_topo/0/{router}/$management" if router else "$management"
        self.replies = connection.receiver(None, dynamic=True, window=50)
        self.sender = connection.sender(None if anonymous else self.address)
        self.number = 0

    def call(self, operation, body=None, correlation_id=None, deadline_s=None, **properties):
        """The reply, whatever its status."""
        self.number += 1
        correlation_id = str(self.number) if correlation_id is None else correlation_id
        request = Message(address=self.address, reply_to=self.replies.address, correlation_id=correlation_id,
                          properties=dict(properties, operation=operation), body=body if body is not None else {})
        self.clients.wait(lambda: self.sender.credit > 0, f"credit for {self.address}", deadline_s)
        self.replies.messages.clear()
        self.sender.send(request)
        self.clients.wait(lambda: self.replies.messages, f"an answer to {operation}", deadline_s)
        return self.replies.messages[0].message

    def ask(self, operation, body=None, expected=200, **properties):
        """The body of a reply that has to be the expected one."""
        reply = self.call(operation, body, **properties)
        status = reply.properties["statusCode"]
        if status != expected:
            raise ManagementError(status, reply.properties.get("statusDescription"))
        return reply.body

    def query(self, entity_type, *attributes, **paging):
        """Rows as maps."""
        if not entity_type.startswith("org."):
            entity_type = "org.apache.qpid.dispatch." + entity_type
        body = self.ask("QUERY", {"attributeNames": list(attributes)}, type="org.amqp.management", name="self",
                        entityType=entity_type, **paging)
        return [dict(zip(body["attributeNames"], row)) for row in body["results"]]

    def read(self, entity_type, **which):
        return self.ask("READ", type="org.apache.qpid.dispatch." + entity_type, **which)

    def close(self):
        self.sender.detach()
        self.replies.detach()


def wait_for_mesh(clients, nodes, names=None):
    """Until every node sees exactly these routers; returns how long that took."""
    names = sorted(names or [node.name for node in nodes])
    begin = time.monotonic()
    for node in nodes:
        connection = clients.connect(node)
        management = Management(connection)

        def seen(management=management):
            return sorted(row["id"] for row in management.query("router.node", "id")) == names
        while not seen():
            clients.container.process()
            if time.monotonic() - begin > DEADLINE_S:
                raise AssertionError(f"{node.name} does not see {names}: {management.query('router.node')}")
        connection.close()
    return time.monotonic() - begin


class ManagedMeshTest(MeshTest):
    """A mesh all of whose nodes see each other before a test begins, and clients for each test."""

    names = "AB"  # in a line, where grow() does not say otherwise

    @classmethod
    def grow(cls, mesh):
        mesh.line(cls.names)

    @classmethod
    def topology(cls, mesh):
        cls.grow(mesh)
        clients = Clients()
        wait_for_mesh(clients, list(mesh.nodes.values()))
        clients.close()

    def setUp(self):
        self.clients = Clients()
        self.addCleanup(self.clients.close)

    def wait_for(self, condition, what):
        """For conditions that ask a node themselves."""
        for _ in range(2000):
            if condition():
                return
        raise AssertionError(f"waited in vain for {what}")
