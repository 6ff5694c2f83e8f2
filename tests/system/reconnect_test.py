#!/usr/bin/python3
"""Clients that reconnect by themselves, links and all, when their node has gone and come back: Proton's Python and C++
bindings and rhea. (oslo.messaging and uAMQP: oslo_test.py, uamqp_test.py.)"""

import os
import subprocess
import unittest

from proton import Message
from proton.handlers import MessagingHandler
from proton.reactor import Container

from mesh import DEADLINE_S, ROOT, MeshTest, program


class Pair(MessagingHandler):
    """Sends numbers to itself by way of two nodes; `restart` is called once, in the middle."""

    def __init__(self, near, far, restart, wanted=40):
        super().__init__()
        self.ports = (near.port, far.port)
        self.restart = restart
        self.wanted = wanted
        self.number = 0
        self.under_way = 0
        self.received = []
        self.outcomes = {"accepted": 0, "released": 0, "modified": 0}
        self.connections = []
        self.opened = 0
        self.failed = None

    def on_start(self, event):
        self.connections = [event.container.connect(f"amqp://127.0.0.1:{port}", reconnect=[0.1] * 1000,
                                                    sasl_enabled=False) for port in self.ports]
        self.receiver = event.container.create_receiver(self.connections[1], "again/and/again")
        self.sender = event.container.create_sender(self.connections[0], "again/and/again")
        self.limit = event.container.schedule(DEADLINE_S, self)

    def on_connection_opened(self, event):
        self.opened += 1

    def on_transport_error(self, event):
        pass  # that is what this is about

    def on_timer_task(self, event):
        self.failed = f"{len(self.received)} received, {self.outcomes}"
        self.finish()

    def on_sendable(self, event):
        if event.sender.credit and self.under_way < 5:
            event.sender.send(Message(body=self.number))
            self.number += 1
            self.under_way += 1

    def on_link_opened(self, event):
        if event.link.is_sender:
            self.under_way = 0  # what became of those of before, nobody will tell

    def on_message(self, event):
        self.received.append(event.message.body)
        if len(self.received) == self.wanted // 2:
            self.restart()
        elif len(self.received) >= self.wanted and self.outcomes["accepted"] >= self.wanted // 2:
            self.finish()

    def on_accepted(self, event):
        self.told(event, "accepted")

    def on_released(self, event):
        self.told(event, "released")

    def on_modified(self, event):
        self.told(event, "modified")

    def told(self, event, outcome):
        self.outcomes[outcome] += 1
        self.under_way -= 1
        self.on_sendable(event)

    def finish(self):
        self.limit.cancel()
        for connection in self.connections:
            connection.close()


class Reconnect(MeshTest):
    def run_pair(self, nodes, victim):
        def restart():
            victim.kill()
            victim.start()
        pair = Pair(nodes[0], nodes[-1], restart)
        Container(pair).run()
        self.assertIsNone(pair.failed)
        self.assertGreaterEqual(len(pair.received), 40)
        self.assertEqual(len(set(pair.received)), len(pair.received), "a message came twice")
        self.assertGreaterEqual(pair.opened, 3)

    def test_at_one_node(self):
        nodes = [self.own_mesh().add("A")]
        self.run_pair(nodes, nodes[0])

    def test_the_receivers_node_of_three(self):
        nodes = self.own_mesh().line("ABC")
        self.run_pair(nodes, nodes[2])

    def test_the_senders_node_of_three(self):
        nodes = self.own_mesh().line("ABC")
        self.run_pair(nodes, nodes[0])


class ReconnectOthers(MeshTest):
    """Programs that say `half` when half of their messages have come: a node is restarted then."""

    def run_program(self, command, nodes, victim):
        environment = dict(os.environ)
        environment.setdefault("NODE_PATH", str(ROOT / "build" / "js" / "node_modules"))
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              env=environment) as client:
            self.addCleanup(client.kill)
            first = client.stdout.readline()
            self.assertEqual("half\n", first, "" if first == "half\n" else first + client.stdout.read())
            nodes[victim].kill()
            nodes[victim].start()
            rest = client.stdout.read()
            self.assertEqual(0, client.wait(DEADLINE_S), rest)
            return rest

    def rhea(self, victim):
        nodes = self.own_mesh().line("ABC")
        script = ROOT / "tests" / "system" / "js" / "rhea_reconnect.js"
        said = self.run_program(["node", str(script), str(nodes[0].port), str(nodes[-1].port)], nodes, victim)
        self.assertIn("ok opens=3 doubled=0", said)

    def proton_cpp(self, victim):
        nodes = self.own_mesh().line("ABC")
        self.run_program([program("system_proton_cpp_reconnect"), f"amqp://127.0.0.1:{nodes[-1].port}",
                          f"amqp://127.0.0.1:{nodes[0].port}", "40"], nodes, victim)

    def test_rhea_the_receivers_node(self):
        self.rhea(-1)

    def test_rhea_the_senders_node(self):
        self.rhea(0)

    def test_proton_cpp_the_receivers_node(self):
        self.proton_cpp(-1)

    def test_proton_cpp_the_senders_node(self):
        self.proton_cpp(0)


if __name__ == "__main__":
    unittest.main()
