#!/usr/bin/python3
"""Azure's C engine, by its Python binding: sending and receiving at one node and across three."""

import threading
import unittest
import uuid

import uamqp
from uamqp import authentication

from mesh import MeshTest


class Uamqp(MeshTest):
    @classmethod
    def topology(cls, mesh):
        mesh.line("ABC")

    def setUp(self):
        self.address = f"uamqp/{uuid.uuid4().hex[:8]}"

    def url(self, node):
        return f"amqp://127.0.0.1:{self.shared.nodes[node].port}/{self.address}"

    def auth(self):
        return authentication.SASLAnonymous("127.0.0.1")

    def exchange(self, sender_at, receiver_at, bodies):
        """Sends the bodies; returns (outcomes, received bodies)."""
        received = []
        done = threading.Event()

        def receive():
            client = uamqp.ReceiveClient(self.url(receiver_at), auth=self.auth(), timeout=30000, prefetch=50)
            try:
                while len(received) < len(bodies):
                    for message in client.receive_message_batch(max_batch_size=50, timeout=30000):
                        received.append(b"".join(message.get_data()))
                        message.accept()
            finally:
                client.close()
                done.set()
        thread = threading.Thread(target=receive)
        thread.start()
        client = uamqp.SendClient(self.url(sender_at), auth=self.auth())
        client.queue_message(*[uamqp.Message(body) for body in bodies])
        outcomes = client.send_all_messages()
        client.close()
        self.assertTrue(done.wait(60), "not everything was received")
        thread.join()
        return outcomes, received

    def check(self, sender_at, receiver_at, bodies):
        outcomes, received = self.exchange(sender_at, receiver_at, bodies)
        self.assertEqual({uamqp.constants.MessageState.SendComplete}, set(outcomes))
        self.assertEqual(bodies, received)

    def test_at_one_node(self):
        self.check("B", "B", [f"{number}".encode() for number in range(100)])

    def test_across_three_nodes(self):
        self.check("A", "C", [f"{number}".encode() for number in range(100)])

    def test_a_large_message(self):
        self.check("A", "C", [b"x" * 500000])


if __name__ == "__main__":
    unittest.main()
