#!/usr/bin/python3
"""Routers that are drained, by management and by SIGTERM, under traffic and without."""

import time
import unittest

from clients import Clients
from failure_test import Flow
from management import Management, ManagementError, wait_for_mesh
from mesh import MeshTest, poll_until

ROUTER = "org.apache.qpid.dispatch.router"


class Drain(MeshTest):
    def setUp(self):
        self.clients = Clients()
        self.addCleanup(self.clients.close)
        self.mesh = self.own_mesh()

    def flow(self, sender_at, receiver_at, outstanding=100):
        receiver = self.clients.connect(receiver_at).receiver("flow", window=500)
        sender = self.clients.connect(sender_at).sender("flow")
        self.clients.wait(lambda: sender.credit > 0, "credit")
        flow = Flow(self.clients, sender, outstanding)
        flow.run_for_accepted(500)
        return flow, receiver

    def transit(self, node):
        connection = self.clients.connect(node)
        count = Management(connection).query("router", "deliveriesTransit")[0]["deliveriesTransit"]
        connection.close()
        return count

    def busier(self, *nodes):
        return sorted(nodes, key=self.transit, reverse=True)

    def admin(self, node, state, expected=200):
        connection = self.clients.connect(node)
        try:
            return Management(connection).ask("UPDATE", {"adminState": state}, expected, type=ROUTER, identity="1")
        finally:
            connection.close()

    def oper_state(self, node):
        connection = self.clients.connect(node)
        row = Management(connection).read("router", identity="1")
        connection.close()
        return row["operState"]

    def check_all_accepted(self, flow, receiver):
        flow.finish()
        self.assertEqual({"accepted"}, {one.outcome for one in flow.sent})
        self.assertEqual({1}, {one.outcomes_seen for one in flow.sent})
        self.assertEqual([str(number) for number in range(len(flow.sent))], receiver.bodies)

    def test_transit_goes_round_a_drained_router_and_comes_back(self):
        a, b, c, d = self.mesh.ring("ABCD")
        wait_for_mesh(self.clients, (a, b, c, d))
        flow, receiver = self.flow(a, c)
        used, other = self.busier(b, d)
        for first, second in ((used, other), (other, used)):
            self.assertEqual("draining", self.admin(first, "draining")["adminState"])
            flow.run_until(lambda node=first: self.oper_state(node) == "drained", "operState drained")
            before = self.transit(first)
            flow.run_for_accepted(1000)
            self.assertEqual(before, self.transit(first), "a drained router still carries traffic")
            self.assertEqual("running", self.admin(first, "running")["operState"])
            wait_for_mesh(self.clients, (a, b, c, d))
        self.check_all_accepted(flow, receiver)

    def test_sigterm_to_the_transit_node_loses_nothing(self):
        a, b, c, d = self.mesh.ring("ABCD")
        wait_for_mesh(self.clients, (a, b, c, d))
        flow, receiver = self.flow(a, c)
        used, other = self.busier(b, d)
        used.process.terminate()
        flow.run_until(lambda: not used.running, "the end of the drained router")
        self.assertEqual(0, used.process.returncode)
        flow.run_for_accepted(1000)
        self.check_all_accepted(flow, receiver)
        self.assertTrue(other.running)

    def test_sigterm_to_the_consumers_node_moves_them_on(self):
        """One of two consumers is on the node that ends: what it had is settled, the rest goes to the other."""
        a, b, c = self.mesh.line("ABC")
        wait_for_mesh(self.clients, (a, b, c))
        staying = self.clients.connect(a).receiver("flow", window=500)
        leaving = self.clients.connect(c).receiver("flow", window=500)
        sender = self.clients.connect(b).sender("flow")
        self.clients.wait(lambda: sender.credit > 0, "credit")
        flow = Flow(self.clients, sender, 100)
        flow.run_until(lambda: len(leaving.bodies) > 200 and len(staying.bodies) > 200, "both consumers at work")
        c.process.terminate()
        flow.run_until(lambda: not c.running, "the end of the drained router")
        flow.run_for_accepted(500)
        flow.finish()
        self.assertEqual({"accepted"}, {one.outcome for one in flow.sent})
        self.assertEqual(len(flow.sent), len(staying.bodies) + len(leaving.bodies))
        self.assertEqual(len(flow.sent), len(set(staying.bodies) | set(leaving.bodies)))

    def test_a_sender_of_the_ending_node_gets_its_outcomes(self):
        a, b = self.mesh.line("AB")
        wait_for_mesh(self.clients, (a, b))
        flow, receiver = self.flow(b, a)
        b.process.terminate()
        self.clients.wait(lambda: not b.running, "the end of the drained router")
        self.assertEqual({"accepted"}, {one.outcome for one in flow.sent})
        self.assertEqual(len(flow.sent), len(receiver.bodies))

    def test_an_idle_node_ends_at_once_and_a_stuck_one_soon(self):
        a, b = self.mesh.line("AB")
        wait_for_mesh(self.clients, (a, b))
        self.clients.connect(b)
        begin = time.monotonic()
        b.process.terminate()
        self.clients.wait(lambda: not b.running, "the end of an idle node")
        idle = time.monotonic() - begin
        receiver = self.clients.connect(a).receiver("held", answer=None)
        sender = self.clients.connect(a).sender("held")
        self.clients.wait(lambda: sender.credit > 0, "credit")
        sender.send("never answered")
        self.clients.wait(lambda: receiver.messages, "the message")
        begin = time.monotonic()
        a.process.terminate()
        self.clients.wait(lambda: not a.running, "the end of a node with a stuck delivery")
        print(f"idle node ended in {idle * 1000:.0f} ms, one with a stuck delivery in "
              f"{time.monotonic() - begin:.1f} s")
        self.assertEqual(0, a.process.returncode)

    def test_a_second_signal_ends_at_once(self):
        node = self.mesh.add("A")
        receiver = self.clients.connect(node).receiver("held", answer=None)
        sender = self.clients.connect(node).sender("held")
        self.clients.wait(lambda: sender.credit > 0, "credit")
        sender.send("never answered")
        self.clients.wait(lambda: receiver.messages, "the message")
        node.process.terminate()
        poll_until(lambda: node.log().count("STOPPING") == 1, "the first signal's line")
        node.process.terminate()
        poll_until(lambda: not node.running, "the end")
        self.assertEqual(0, node.process.returncode)

    def test_a_standalone_router_has_nothing_to_drain(self):
        node = self.mesh.add("S", mode="standalone")
        with self.assertRaises(ManagementError) as refused:
            self.admin(node, "draining")
        self.assertEqual(400, int(refused.exception.status))


if __name__ == "__main__":
    unittest.main()
