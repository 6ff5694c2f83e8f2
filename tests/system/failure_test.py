#!/usr/bin/python3
"""Nodes killed and links cut, frozen and mended while messages flow."""

import unittest

from clients import Clients
from management import Management, wait_for_mesh
from mesh import MeshTest
from raw import Proxy


class Flow:
    """A sender that always has messages under way, and the count of what became of them."""

    def __init__(self, clients, sender, outstanding=50):
        self.clients = clients
        self.sender = sender
        self.outstanding = outstanding
        self.sent = []
        self.open = []

    def pump(self):
        self.open = [one for one in self.open if not one.done]
        while self.sender.credit > 0 and len(self.open) < self.outstanding:
            one = self.sender.send(str(len(self.sent)))
            self.sent.append(one)
            self.open.append(one)

    def count(self, outcome):
        return sum(one.outcome == outcome for one in self.sent)

    def run_until(self, condition, what, deadline_s=None):
        def step():
            self.pump()
            return condition()
        return self.clients.wait(step, what, deadline_s)

    def run_for_accepted(self, more, deadline_s=None):
        goal = self.count("accepted") + more
        return self.run_until(lambda: self.count("accepted") >= goal, f"{more} more accepted messages", deadline_s)

    def finish(self):
        return self.clients.wait(lambda: all(one.done for one in self.sent), "an outcome for every message")


class Failures(MeshTest):
    def setUp(self):
        self.clients = Clients()
        self.addCleanup(self.clients.close)
        self.mesh = self.own_mesh()

    def flow(self, sender_at, receiver_at, address="flow"):
        receiver = self.clients.connect(receiver_at).receiver(address)
        sender = self.clients.connect(sender_at).sender(address)
        self.clients.wait(lambda: sender.credit > 0, "credit")
        flow = Flow(self.clients, sender)
        flow.run_for_accepted(200)
        return flow, receiver

    def check(self, flow, receiver):
        """Every message has exactly one outcome; what was accepted arrived, and exactly once."""
        flow.finish()
        self.assertEqual({1}, {one.outcomes_seen for one in flow.sent})
        self.assertTrue({one.outcome for one in flow.sent} <= {"accepted", "released", "modified"})
        bodies = receiver.bodies
        accepted = [str(number) for number, one in enumerate(flow.sent) if one.outcome == "accepted"]
        self.assertEqual(len(set(bodies)), len(bodies), "a message arrived twice")
        self.assertTrue(set(accepted) <= set(bodies), "an accepted message did not arrive")

    def transit_of_ring(self, nodes, flow):
        """In the ring A-B-C-D, which of B and D carries A's messages to C."""
        a, b, c, d = nodes

        def carried(node):
            connection = self.clients.connect(node)
            count = Management(connection).query("router", "deliveriesTransit")[0]["deliveriesTransit"]
            connection.close()
            return count
        return (b, d) if carried(b) >= carried(d) else (d, b)

    def test_a_killed_transit_node_of_a_ring(self):
        nodes = self.mesh.ring("ABCD")
        wait_for_mesh(self.clients, nodes)
        flow, receiver = self.flow(nodes[0], nodes[2])
        used, other = self.transit_of_ring(nodes, flow)
        used.kill()
        flow.run_for_accepted(500)
        self.check(flow, receiver)
        lost = flow.count("released") + flow.count("modified")
        self.assertLessEqual(lost, flow.outstanding + 1)
        self.assertTrue(other.running)

    def test_both_transit_nodes_in_turn(self):
        nodes = self.mesh.ring("ABCD")
        wait_for_mesh(self.clients, nodes)
        flow, receiver = self.flow(nodes[0], nodes[2])
        for victim in (nodes[1], nodes[3]):
            victim.kill()
            flow.run_for_accepted(200)
            victim.start()
            flow.run_for_accepted(100)
            wait_for_mesh(self.clients, nodes)
            flow.run_for_accepted(100)
        self.check(flow, receiver)

    def test_a_killed_node_of_a_line_comes_back(self):
        nodes = self.mesh.line("ABC")
        flow, receiver = self.flow(nodes[0], nodes[2])
        nodes[1].kill()
        self.clients.wait(lambda: all(one.done for one in flow.sent), "outcomes of what was under way")
        self.clients.never(lambda: flow.pump() or flow.count("accepted") > receiver.count, "accepted without arrival")
        for lost in "BC":
            self.assertRegex(nodes[0].log(), rf"notice ROUTER_LS ROUTER_LOST router={lost} ")
        nodes[1].start()
        flow.run_for_accepted(200)
        self.assertEqual(2, nodes[0].log().count("ROUTER_LS ROUTER_REACHABLE router=C cost=2 "))
        self.check(flow, receiver)

    def test_the_consumers_node_is_killed_and_another_consumer_takes_over(self):
        nodes = self.mesh.line("ABC")
        wait_for_mesh(self.clients, nodes)
        flow, receiver = self.flow(nodes[0], nodes[2], "closest/flow")
        spare = self.clients.connect(nodes[1]).receiver("closest/flow")
        nodes[2].kill()
        before = spare.count
        flow.run_until(lambda: spare.count >= before + 200, "messages at the other consumer")
        flow.finish()
        self.assertEqual({1}, {one.outcomes_seen for one in flow.sent})

    def test_a_cut_link_is_mended(self):
        a = self.mesh.add("A")
        proxy = Proxy(a.mesh_port)
        self.mesh.closers.append(proxy.close)
        b = self.mesh.add("B", [proxy])
        flow, receiver = self.flow(a, b)
        for _ in range(3):
            proxy.cut()
            self.clients.wait(lambda: all(one.done for one in flow.sent), "outcomes of what was under way")
            proxy.mend()
            flow.run_for_accepted(200)
        self.check(flow, receiver)

    def test_a_cut_link_of_a_ring_is_gone_round(self):
        a, b = self.mesh.line("AB")
        proxy = Proxy(b.mesh_port)
        self.mesh.closers.append(proxy.close)
        c = self.mesh.add("C", [(proxy, 1), (a, 10)])
        wait_for_mesh(self.clients, [a, b, c])
        flow, receiver = self.flow(a, c)
        proxy.cut()
        flow.run_for_accepted(500, 10)
        self.check(flow, receiver)

    def test_a_frozen_link_is_noticed(self):
        """Nothing is reset, bytes just stop: silence alone has to be enough."""
        a, b = self.mesh.line("AB")
        proxy = Proxy(b.mesh_port)
        self.mesh.closers.append(proxy.close)
        c = self.mesh.add("C", [(proxy, 1), (a, 10)])
        wait_for_mesh(self.clients, [a, b, c])
        flow, receiver = self.flow(a, c)
        proxy.freeze()
        waited = flow.run_for_accepted(500)
        self.assertLess(waited, 15)
        self.check(flow, receiver)

    def test_a_paused_node_is_gone_round_and_comes_back(self):
        nodes = self.mesh.ring("ABCD")
        wait_for_mesh(self.clients, nodes)
        flow, receiver = self.flow(nodes[0], nodes[2])
        used, _ = self.transit_of_ring(nodes, flow)
        for _ in range(3):
            used.pause()
            flow.run_for_accepted(500)
            used.resume()
            wait_for_mesh(self.clients, nodes)
            flow.run_for_accepted(200)
        self.check(flow, receiver)
        # What it held was given up by its neighbours, and what followed went another way.
        numbers = [int(body) for body in receiver.bodies]
        self.assertEqual(sorted(numbers), numbers)

    def test_multicast_over_a_ring_is_exactly_once(self):
        nodes = self.mesh.ring("ABCD")
        wait_for_mesh(self.clients, nodes)
        receivers = [self.clients.connect(node).receiver("multicast/ring") for node in nodes]
        sender = self.clients.connect(nodes[0]).sender("multicast/ring")
        flow = Flow(self.clients, sender)
        flow.run_until(lambda: all(receiver.count for receiver in receivers), "a message everywhere")
        flow.finish()
        first = len(flow.sent)
        flow.run_for_accepted(300)
        flow.finish()
        expected = [str(number) for number in range(first, len(flow.sent))]
        for receiver in receivers:
            self.assertEqual(expected, receiver.bodies[-len(expected):])
            self.assertEqual(len(set(receiver.bodies)), len(receiver.bodies))

    def test_multicast_never_doubles_while_the_topology_changes(self):
        nodes = self.mesh.ring("ABCD")
        wait_for_mesh(self.clients, nodes)
        stable = [nodes[0], nodes[2]]
        receivers = [self.clients.connect(node).receiver("multicast/ring") for node in stable]
        sender = self.clients.connect(nodes[0]).sender("multicast/ring")
        flow = Flow(self.clients, sender)
        flow.run_until(lambda: all(receiver.count for receiver in receivers), "a message everywhere")
        for victim in (nodes[1], nodes[3], nodes[1]):
            before = receivers[1].count
            victim.kill()
            flow.run_until(lambda: receivers[1].count > before + 100, "messages on the other way round")
            victim.start()
            wait_for_mesh(self.clients, nodes)
        flow.finish()
        for receiver in receivers:
            self.assertEqual(len(set(receiver.bodies)), len(receiver.bodies), "a message arrived twice")

    def test_a_partition_heals(self):
        a, b = self.mesh.line("AB")
        proxy = Proxy(b.mesh_port)
        self.mesh.closers.append(proxy.close)
        c = self.mesh.add("C", [proxy])
        d = self.mesh.add("D", [c])
        wait_for_mesh(self.clients, [a, b, c, d])
        proxy.cut()
        wait_for_mesh(self.clients, [a, b])
        wait_for_mesh(self.clients, [c, d])
        receiver = self.clients.connect(d).receiver("healed")
        sender = self.clients.connect(a).sender("healed")
        self.clients.never(lambda: sender.credit, "credit across a partition")
        proxy.mend()
        self.clients.wait(lambda: sender.credit > 0, "credit after healing")
        sent = sender.send("x")
        self.clients.wait(lambda: sent.outcome == "accepted", "the outcome")
        self.assertEqual(1, receiver.count)

    def test_a_second_router_with_the_same_id_is_refused(self):
        nodes = self.mesh.line("AB")
        wait_for_mesh(self.clients, nodes)
        flow, receiver = self.flow(nodes[0], nodes[1])
        twin = self.mesh.own_twin(nodes[0], nodes[1])
        flow.run_for_accepted(200)
        self.check(flow, receiver)
        self.assertTrue(twin.running)
        self.assertTrue(all(node.running for node in nodes))


if __name__ == "__main__":
    unittest.main()
