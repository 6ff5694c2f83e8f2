#!/usr/bin/python3
"""A changed configuration file: SIGHUP or management's RELOAD applies it to the running node."""

import signal
import socket
import unittest

from management import ManagedMeshTest, Management, ManagementError
from mesh import poll_until, yaml


PREFIX = "org.apache.qpid.dispatch."


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def accepts(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
        return True
    except OSError:
        return False


class ReloadMeshTest(ManagedMeshTest):
    def setUp(self):
        super().setUp()
        self.node = self.shared.nodes["B"]
        self.file = self.node.folder / "B.yaml"
        self.before = self.file.read_text()
        self.client = self.clients.connect(self.node)
        self.management = Management(self.client)
        self.addCleanup(self.restore)

    def restore(self):
        self.file.write_text(self.before)
        self.reload()

    def reload(self):
        return self.management.ask("RELOAD", type="org.amqp.management", name="self")

    def write(self, **changes):
        config = self.node.config()
        # As they were in the file at the start, where ports were not known yet.
        for listener in config["listener"]:
            listener["port"] = 0
        for key, value in changes.items():
            config[key] = config.get(key, []) + value
        self.file.write_text(yaml(config))

    def mesh_connection(self):
        rows = self.management.query("connection", "identity", "role")
        return [row["identity"] for row in rows if row["role"] == "inter-router"]


class Reload(ReloadMeshTest):
    def test_sighup_applies_what_changed_and_nothing_else(self):
        port = free_port()
        mesh = self.mesh_connection()
        uptime = self.management.query("router", "uptimeSeconds")[0]["uptimeSeconds"]
        self.write(listener=[{"name": "late", "host": "127.0.0.1", "port": port}],
                   address=[{"prefix": "reload/all", "distribution": "multicast"}])
        offset = self.node.log_path.stat().st_size
        self.node.process.send_signal(signal.SIGHUP)
        poll_until(lambda: "RELOADED" in self.node.log(offset), "the reload")
        self.assertTrue(self.clients.connect(port).opened)
        receivers = [self.client.receiver("reload/all/1") for _ in range(2)]
        sender = self.client.sender("reload/all/1")
        self.clients.wait(lambda: sender.credit > 0, "credit")
        sender.send("x")
        self.clients.wait(lambda: [one.count for one in receivers] == [1, 1], "a copy for each")
        self.assertEqual(mesh, self.mesh_connection())
        self.assertGreaterEqual(self.management.query("router", "uptimeSeconds")[0]["uptimeSeconds"], uptime)
        self.assertFalse(self.client.closed)
        self.file.write_text(self.before)
        self.assertIn("1 listener removed", self.reload()["changes"])
        self.assertFalse(accepts(port))

    def test_connectors_come_and_go(self):
        self.write(connector=[{"name": "extra", "host": "127.0.0.1", "port": self.shared.nodes["A"].port}])
        self.assertEqual(["1 connector added"], self.reload()["changes"])

        def status():
            rows = {row["name"]: row for row in self.management.query("connector", "name", "connectionStatus")}
            return rows.get("extra", {}).get("connectionStatus")
        poll_until(lambda: status() == "SUCCESS", "the connector to connect")
        self.file.write_text(self.before)
        self.reload()
        self.assertIsNone(status())

    def test_a_listener_that_management_deleted_may_move(self):
        first, second = free_port(), free_port()
        self.write(listener=[{"name": "late", "host": "127.0.0.1", "port": first}])
        self.reload()
        self.management.ask("DELETE", expected=204, type=PREFIX + "listener", name="late")
        self.write(listener=[{"name": "late", "host": "127.0.0.1", "port": second}])
        self.assertEqual(["1 listener changed"], self.reload()["changes"])
        self.assertTrue(accepts(second))
        self.assertFalse(accepts(first))

    def test_what_management_made_can_be_put_into_the_file(self):
        port = free_port()
        made = {"name": "made", "host": "127.0.0.1", "port": port}
        twice = {"name": "twice", "host": "127.0.0.1", "port": self.shared.nodes["A"].port}
        for kind, entity in (("listener", made), ("connector", twice)):
            self.management.ask("CREATE", entity, expected=201, type=PREFIX + kind, name=entity["name"])
        client = self.clients.connect(port)
        self.write(listener=[made], connector=[twice])
        self.assertEqual(["1 listener added", "1 connector added"], self.reload()["changes"])
        for kind, name in (("listener", "made"), ("connector", "twice")):
            names = [row["name"] for row in self.management.query(kind, "name")]
            self.assertEqual(1, names.count(name), f"{kind}: {names}")
        self.assertTrue(self.clients.connect(port).opened)
        self.assertFalse(client.closed)

    def test_a_listener_is_renamed_and_two_change_places(self):
        first, second = free_port(), free_port()
        places = [{"host": "127.0.0.1", "port": first}, {"host": "127.0.0.1", "port": second}]
        self.write(listener=[{"name": "one", **places[0]}, {"name": "two", **places[1], "linkCapacity": 7}])
        self.reload()
        self.write(listener=[{"name": "uno", **places[0]}, {"name": "two", **places[1], "linkCapacity": 7}])
        self.assertEqual(["1 listener added", "1 listener removed"], self.reload()["changes"])
        self.write(listener=[{"name": "uno", **places[1]}, {"name": "two", **places[0], "linkCapacity": 7}])
        self.assertEqual(["2 listeners changed"], self.reload()["changes"])
        ports = {row["name"]: row["port"] for row in self.management.query("listener", "name", "port")}
        self.assertEqual((str(second), str(first)), (ports["uno"], ports["two"]))
        for port in (first, second):
            self.assertTrue(self.clients.connect(port).opened)

    def test_a_wrong_file_changes_nothing_and_says_why(self):
        port = free_port()
        self.write(listener=[{"name": "late", "host": "127.0.0.1", "port": port}, {"name": "bad", "prt": 1}])
        with self.assertRaises(ManagementError) as caught:
            self.reload()
        self.assertEqual(400, caught.exception.status)
        self.assertIn("did you mean port", caught.exception.description)
        self.assertFalse(accepts(port))
        offset = self.node.log_path.stat().st_size
        self.node.process.send_signal(signal.SIGHUP)
        poll_until(lambda: "RELOAD_REFUSED" in self.node.log(offset), "the refusal")
        self.assertEqual(1, len(self.mesh_connection()))

    def test_what_needs_a_restart_is_named(self):
        self.file.write_text(self.before.replace("workerThreads: 2", "workerThreads: 5"))
        answer = self.reload()
        self.assertEqual((["workerThreads"], []), (answer["needsRestart"], answer["changes"]))
        self.assertEqual(2, self.management.query("router", "workerThreads")[0]["workerThreads"])


if __name__ == "__main__":
    unittest.main()
