#!/usr/bin/python3
"""OpenStack's messaging library with its amqp:// driver: clients and servers at different nodes."""

import logging
import threading
import unittest
import uuid

import oslo_messaging
from oslo_config import cfg
from oslo_messaging._metrics import client as metrics

from clients import Clients
from management import Management
from mesh import MeshTest
from raw import Proxy

ADDRESSES = [
    {"prefix": f"openstack.org/om/{kind}/{how}", "distribution": distribution}
    for kind in ("rpc", "notify")
    for how, distribution in (("multicast", "multicast"), ("unicast", "closest"), ("anycast", "balanced"))]


class Recorder:
    """Counts with a condition to wait on; servers run in threads of the library."""

    def __init__(self):
        self.changed = threading.Condition()
        self.items = []

    def add(self, item):
        with self.changed:
            self.items.append(item)
            self.changed.notify_all()

    def wait_for(self, count, deadline_s=30):
        with self.changed:
            if not self.changed.wait_for(lambda: len(self.items) >= count, deadline_s):
                raise AssertionError(f"{len(self.items)} of {count} came")
            return list(self.items)


class Endpoint:
    target = oslo_messaging.Target(version="1.0")

    def __init__(self, name, recorder):
        self.name = name
        self.recorder = recorder

    def echo(self, context, value):
        return {"server": self.name, "value": value, "who": context.get("who")}

    def note(self, context, value):
        self.recorder.add((self.name, value))

    def fail(self, context):
        raise ValueError("no such instance")

    def take_long(self, context, seconds):
        """Begins, and answers after this time at the earliest."""
        self.recorder.add((self.name, "begun"))
        threading.Event().wait(seconds)
        return self.name


class Listener:
    def __init__(self, recorder):
        self.recorder = recorder

    def info(self, context, publisher, event, payload, metadata):
        self.recorder.add((event, payload))


class Priorities:
    """A method for each of the driver's topics: `<topic>.<priority>`."""

    NAMES = ("audit", "debug", "info", "warn", "error", "critical", "sample")

    def __init__(self, recorder):
        for name in self.NAMES:
            setattr(self, name, lambda context, publisher, event, payload, metadata, name=name:
                    recorder.add((name, event, payload)))


class OsloTest(MeshTest):
    def setUp(self):
        logging.disable(logging.CRITICAL)
        self.topic = f"compute-{uuid.uuid4().hex[:8]}"
        self.recorder = Recorder()

    def port_of(self, node):
        """By its name; or of whatever stands in front of one."""
        return self.shared.nodes[node].port if isinstance(node, str) else node.mesh_port

    def transport(self, node, notify=False):
        url = f"amqp://127.0.0.1:{self.port_of(node)}"
        conf = cfg.ConfigOpts()
        conf([])
        # The library looks these up in each configuration but registers them in the global one only.
        conf.register_opts(metrics.oslo_messaging_metrics, group="oslo_messaging_metrics")
        get = oslo_messaging.get_notification_transport if notify else oslo_messaging.get_rpc_transport
        transport = get(conf, url=url)
        self.addCleanup(transport.cleanup)
        return transport

    def server(self, node, name):
        target = oslo_messaging.Target(topic=self.topic, server=name)
        server = oslo_messaging.get_rpc_server(self.transport(node), target, [Endpoint(name, self.recorder)],
                                               executor="threading")
        server.start()
        self.addCleanup(server.wait)
        self.addCleanup(server.stop)
        return server

    def client(self, node, timeout=30):
        return oslo_messaging.RPCClient(self.transport(node), oslo_messaging.Target(topic=self.topic, version="1.0"),
                                        timeout=timeout, retry=3)


class Oslo(OsloTest):
    @classmethod
    def topology(cls, mesh):
        mesh.line("ABC", sections={"address": ADDRESSES})

    def test_call_to_a_topic(self):
        self.server("C", "node-1")
        client = self.client("A")
        for number in range(50):
            answer = client.call({"who": "me"}, "echo", value=number)
            self.assertEqual({"server": "node-1", "value": number, "who": "me"}, answer)

    def test_call_to_a_named_server(self):
        self.server("A", "node-1")
        self.server("C", "node-2")
        client = self.client("B")
        for name in ("node-1", "node-2", "node-1"):
            self.assertEqual(name, client.prepare(server=name).call({}, "echo", value=1)["server"])

    def test_exceptions_come_back(self):
        self.server("C", "node-1")
        with self.assertRaisesRegex(ValueError, "no such instance"):
            self.client("A").call({}, "fail")

    def test_casts_arrive_and_none_is_lost(self):
        self.server("C", "node-1")
        client = self.client("A")
        client.call({}, "echo", value=0)
        for number in range(400):
            client.cast({}, "note", value=number)
        items = self.recorder.wait_for(400)
        self.assertEqual(list(range(400)), sorted(value for _, value in items))

    def test_fanout_reaches_every_server_once(self):
        for node, name in (("A", "node-1"), ("B", "node-2"), ("C", "node-3")):
            self.server(node, name)
        client = self.client("A")
        for name in ("node-1", "node-2", "node-3"):
            client.prepare(server=name).call({}, "echo", value=0)
        client.prepare(fanout=True).cast({}, "note", value="all")
        items = self.recorder.wait_for(3)
        self.assertEqual([("node-1", "all"), ("node-2", "all"), ("node-3", "all")], sorted(items))

    def test_one_hundred_calls_at_once(self):
        for node, name in (("A", "node-1"), ("C", "node-2")):
            self.server(node, name)
        client = self.client("B", timeout=60)
        results = Recorder()

        def call(number):
            try:
                results.add(client.call({}, "echo", value=number)["value"])
            except Exception as failure:  # shown by the comparison below
                results.add(repr(failure))
        threads = [threading.Thread(target=call, args=(number,)) for number in range(100)]
        for thread in threads:
            thread.start()
        answers = results.wait_for(100, 90)
        self.assertEqual(list(range(100)), sorted(answers, key=lambda answer: (isinstance(answer, str), answer)))
        for thread in threads:
            thread.join()

    def test_a_call_nobody_answers_times_out(self):
        client = self.client("A", timeout=2)
        with self.assertRaises(oslo_messaging.MessagingTimeout):
            client.call({}, "echo", value=1)

    def test_a_call_waits_for_a_server_that_comes_late(self):
        client = self.client("A")
        results = Recorder()
        thread = threading.Thread(target=lambda: results.add(client.call({}, "echo", value=5)))
        thread.start()
        self.server("C", "late")
        self.assertEqual("late", results.wait_for(1)[0]["server"])
        thread.join()

    def test_servers_join_and_leave_while_calls_go_on(self):
        """No call fails for it, and each is answered by a server that is there."""
        servers = {"node-1": self.server("C", "node-1")}
        client = self.client("B", timeout=20)
        answered_by = []

        def calls(count):
            for number in range(count):
                answer = client.call({}, "echo", value=number)
                self.assertEqual(number, answer["value"])
                self.assertIn(answer["server"], servers)
                answered_by.append(answer["server"])
        calls(20)
        for name, node in (("node-2", "A"), ("node-3", "B"), ("node-4", "C")):
            servers[name] = self.server(node, name)
            client.prepare(server=name).call({}, "echo", value=0)  # it is known here
            calls(20)
            leaving = servers.pop(next(iter(servers)))
            leaving.stop()
            leaving.wait()
            leaving.transport.cleanup()
            calls(20)
        self.assertEqual({"node-1", "node-2", "node-3", "node-4"}, set(answered_by))

    def test_notifications(self):
        topic = f"notify-{uuid.uuid4().hex[:8]}"
        listener = oslo_messaging.get_notification_listener(
            self.transport("C", True), [oslo_messaging.Target(topic=topic)], [Listener(self.recorder)],
            executor="threading")
        listener.start()
        self.addCleanup(listener.wait)
        self.addCleanup(listener.stop)
        notifier = oslo_messaging.Notifier(self.transport("A", True), "test.publisher", driver="messaging",
                                           topics=[topic])
        for number in range(20):
            notifier.info({}, "compute.start", {"number": number})
        items = self.recorder.wait_for(20)
        self.assertEqual([("compute.start", {"number": number}) for number in range(20)], items)

    def test_notifications_of_every_priority(self):
        """Each has an address of its own and reaches the method of its name, in order."""
        topic = f"notify-{uuid.uuid4().hex[:8]}"
        listener = oslo_messaging.get_notification_listener(
            self.transport("C", True), [oslo_messaging.Target(topic=topic)], [Priorities(self.recorder)],
            executor="threading")
        listener.start()
        self.addCleanup(listener.wait)
        self.addCleanup(listener.stop)
        notifier = oslo_messaging.Notifier(self.transport("A", True), "test.publisher", driver="messaging",
                                           topics=[topic], retry=3)
        for number in range(5):
            for name in Priorities.NAMES:
                getattr(notifier, name)({}, f"event.{name}", {"number": number})
        items = self.recorder.wait_for(5 * len(Priorities.NAMES))
        for name in Priorities.NAMES:
            self.assertEqual([(name, f"event.{name}", {"number": number}) for number in range(5)],
                             [item for item in items if item[0] == name])

    def test_a_monitored_call_that_takes_long(self):
        """Heartbeats, which have no body, keep it alive for longer than a silent server may take."""
        self.server("C", "node-1")
        client = self.client("A", timeout=60)
        self.assertEqual("node-1", client.call({}, "echo", value=1)["server"])
        answer = client.prepare(call_monitor_timeout=2).call({}, "take_long", seconds=7)
        self.assertEqual("node-1", answer)

    def test_a_large_call(self):
        self.server("C", "node-1")
        value = "x" * 1_500_000
        self.assertEqual(value, self.client("A").call({}, "echo", value=value)["value"])


class OsloReconnects(OsloTest):
    """A node is killed and comes back: servers and clients of it go on, without a word to the application."""

    def setUp(self):
        self.shared = self.own_mesh()
        self.shared.line("ABC", sections={"address": ADDRESSES})
        super().setUp()

    def calls_again(self, victim):
        self.server("C", "node-1")
        client = self.client("A", timeout=10)
        self.assertEqual(1, client.call({}, "echo", value=1)["value"])
        node = self.shared.nodes[victim]
        node.kill()
        node.start()
        # The library tries again after one second; what it sent meanwhile may fail or time out.
        for attempt in range(12):
            try:
                self.assertEqual(attempt, client.call({}, "echo", value=attempt)["value"])
                break
            except (oslo_messaging.MessagingTimeout, oslo_messaging.MessageDeliveryFailure):
                self.assertLess(attempt, 11, "no call was answered any more")
        for number in range(20):
            self.assertEqual(number, client.call({}, "echo", value=number)["value"])
        client.cast({}, "note", value="cast")
        self.assertEqual([("node-1", "cast")], self.recorder.wait_for(1))

    def wait_for_accepted(self, count):
        """Until the client's node has been told of so many requests' outcomes."""
        clients = Clients()
        self.addCleanup(clients.close)
        management = Management(clients.connect(self.shared.nodes["A"]))
        clients.wait(lambda: management.query("router", "acceptedDeliveries")[0]["acceptedDeliveries"] >= count,
                     "the requests to be accepted")

    def monitored_call(self, client):
        """Begins one that takes eight seconds; what becomes of it comes in the Recorder returned."""
        results = Recorder()

        def call():
            try:
                results.add(client.prepare(call_monitor_timeout=2).call({}, "take_long", seconds=8))
            except (oslo_messaging.MessagingTimeout, oslo_messaging.MessageDeliveryFailure) as failure:
                results.add(failure)
        thread = threading.Thread(target=call)
        thread.start()
        self.addCleanup(thread.join)
        self.recorder.wait_for(1)
        return results

    def test_a_monitored_call_whose_server_is_cut_off(self):
        """It fails when the heartbeats have been missed, long before its own timeout."""
        self.server("C", "node-1")
        client = self.client("A", timeout=600)
        self.assertEqual(1, client.call({}, "echo", value=1)["value"])
        results = self.monitored_call(client)
        self.wait_for_accepted(2)  # the server's word is on its way a little later
        self.shared.nodes["B"].kill()
        self.assertIsInstance(results.wait_for(1, 60)[0], oslo_messaging.MessagingTimeout)

    def test_a_monitored_call_whose_server_goes_silent(self):
        """Nothing ends, no connection is closed: its heartbeats just do not come any more."""
        proxy = Proxy(self.shared.nodes["C"].port)
        self.addCleanup(proxy.close)
        self.server(proxy, "node-1")
        client = self.client("A", timeout=600)
        self.assertEqual(1, client.call({}, "echo", value=1)["value"])
        results = self.monitored_call(client)
        self.wait_for_accepted(2)
        proxy.freeze()
        self.assertIsInstance(results.wait_for(1, 60)[0], oslo_messaging.MessagingTimeout)
        # And with its return calls are answered again.
        proxy.mend()
        self.assertEqual(2, client.prepare(timeout=60).call({}, "echo", value=2)["value"])

    def test_the_servers_node(self):
        self.calls_again("C")

    def test_the_clients_node(self):
        self.calls_again("A")


if __name__ == "__main__":
    unittest.main()
