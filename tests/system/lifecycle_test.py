#!/usr/bin/python3
"""The daemon as an operator meets it: command line, configuration mistakes, signals, ports."""

import re
import signal
import socket
import subprocess
import tempfile
import unittest
from pathlib import Path

from clients import Clients
from mesh import DEADLINE_S, MeshTest, poll_until, program
from raw import RawPeer


class Lifecycle(MeshTest):
    def daemon(self, *arguments):
        return subprocess.run([program("amqmeshd"), *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, timeout=DEADLINE_S)

    def file(self, text, name="node.yaml"):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = Path(folder.name, name)
        path.write_text(text)
        return str(path)

    def assert_refused(self, text, *expected, option="--config"):
        path = self.file(text)
        result = self.daemon(option, path)
        self.assertEqual(1, result.returncode, result.stderr)
        for part in expected:
            self.assertIn(part.replace("FILE", path), result.stderr)

    def test_help_and_version(self):
        result = self.daemon("--help")
        self.assertEqual(0, result.returncode)
        self.assertIn("--config", result.stdout)
        result = self.daemon("--version")
        self.assertEqual(0, result.returncode)
        self.assertRegex(result.stdout, r"\d+\.\d+\.\d+")

    def test_wrong_usage(self):
        for arguments in ([], ["--nonsense"], ["--config"], ["node.yaml"]):
            result = self.daemon(*arguments)
            self.assertEqual(2, result.returncode, result.stderr)
        self.assertIn("did you mean amqmeshd --config node.yaml?", result.stderr)

    def test_a_missing_file(self):
        result = self.daemon("--config", "/nonexistent/node.yaml")
        self.assertNotEqual(0, result.returncode)
        self.assertIn("/nonexistent/node.yaml", result.stderr)

    def test_mistakes_are_named_with_file_line_and_key(self):
        self.assert_refused("router:\n  id: A\n  modes: interior\n", "FILE:3", "modes", "mode")
        self.assert_refused("router:\n  id: A\n  mode: central\n", "FILE:3", "mode", "interior")
        self.assert_refused("router:\n  id: A\nlistener:\n  - maxFrameSize: many\n", "FILE:4", "maxFrameSize")
        self.assert_refused("router:\n  id: A\nlistner:\n  - port: 0\n", "FILE:3", "listner", "listener")
        self.assert_refused("router:\n  id: A\n bad: [\n", "FILE:")

    def test_check_validates_and_starts_nothing(self):
        good = "router:\n  id: A\nlistener:\n  - {host: 127.0.0.1, port: 0, role: normal, name: x}\n"
        result = self.daemon("--check", self.file(good))
        self.assertEqual(0, result.returncode, result.stderr)
        self.assertNotIn("listening on", result.stderr)
        self.assert_refused("router:\n  id: A\n  mood: interior\n", "FILE:3", option="--check")

    def test_the_reference_routers_forms_of_a_file(self):
        brace = "router {\n    mode: interior\n    id: A\n}\n\nlistener {\n    host: 127.0.0.1\n    port: 0\n}\n" \
                "address {\n    prefix: multicast\n    distribution: multicast  # all\n}\n"
        json_list = '[["router", {"mode": "interior", "id": "A"}], ["listener", {"host": "127.0.0.1", "port": 0}]]'
        for text in (brace, json_list):
            result = self.daemon("--check", self.file(text, "qdrouterd.conf"))
            self.assertEqual(0, result.returncode, result.stderr)

    def test_a_port_that_is_taken(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            path = self.file(f"router:\n  id: A\nlistener:\n  - {{host: 127.0.0.1, port: {port}}}\n")
            result = self.daemon("--config", path)
        self.assertEqual(1, result.returncode)
        self.assertIn(str(port), result.stderr)

    def test_signals_end_it_with_0(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            node = self.own_mesh().add("A")
            clients = Clients()
            receiver = clients.connect(node).receiver("q")
            node.process.send_signal(number)
            self.assertEqual(0, node.process.wait(DEADLINE_S))
            clients.wait(lambda: receiver.closed, "the end of the connection")
            clients.close()

    def test_a_signal_ends_it_although_peers_do_not_answer(self):
        mesh = self.own_mesh()
        a, b = mesh.line("AB")
        silent = RawPeer(a.port).session()
        b.pause()
        a.process.terminate()
        self.assertEqual(0, a.process.wait(10))
        b.resume()
        silent.close()

    def test_a_refused_connector_never_ends_it(self):
        with socket.create_server(("127.0.0.1", 0)) as closed_later:
            port = closed_later.getsockname()[1]
        node = self.own_mesh().add("A", [port])
        clients = Clients()
        self.addCleanup(clients.close)
        connection = clients.connect(node)
        receiver = connection.receiver("q")
        sender = connection.sender("q")
        clients.wait(lambda: sender.credit > 0, "credit")
        sent = sender.send("x")
        clients.wait(lambda: sent.outcome == "accepted", "an outcome")
        self.assertEqual(1, receiver.count)
        self.assertTrue(node.running)

    def test_a_connector_finds_its_peer_when_it_comes(self):
        mesh = self.own_mesh()
        with socket.create_server(("127.0.0.1", 0)) as reserved:
            port = reserved.getsockname()[1]
        a = mesh.add("A", [port])
        b = mesh.add("B", sections={"listener": [
            {"name": "client", "host": "127.0.0.1", "port": 0, "role": "normal"},
            {"name": "mesh", "host": "127.0.0.1", "port": port, "role": "inter-router"}]})
        clients = Clients()
        self.addCleanup(clients.close)
        clients.connect(b).receiver("q")
        sender = clients.connect(a).sender("q")
        waited = clients.wait(lambda: sender.credit > 0, "credit from the other side")
        self.assertLess(waited, 10)

    def test_standalone_has_no_mesh(self):
        node = self.own_mesh().add("A", mode="standalone")
        clients = Clients()
        self.addCleanup(clients.close)
        connection = clients.connect(node)
        connection.receiver("q")
        sender = connection.sender("q")
        clients.wait(lambda: sender.credit > 0, "credit")

    def test_sasl_and_no_sasl(self):
        node = self.own_mesh().add("A")
        clients = Clients()
        self.addCleanup(clients.close)
        for options in ({"sasl_enabled": False}, {"sasl_enabled": True, "allowed_mechs": "ANONYMOUS"}):
            self.assertTrue(clients.connect(node, **options).opened)

    def test_idle_time_out_is_honoured_both_ways(self):
        node = self.own_mesh().add("A", listener={"idleTimeoutSeconds": 1})
        silent = RawPeer(node.port).session()
        said = silent.expect_end(10)
        self.assertIn(b"amqp:resource-limit-exceeded", said)
        clients = Clients()
        self.addCleanup(clients.close)
        alive = clients.connect(node, heartbeat=0.6)
        clients.never(lambda: alive.closed, "a connection that both sides keep alive ends", 2.5)

    def test_descriptors_and_memory_come_back(self):
        node = self.own_mesh().add("A")
        fds = Path(f"/proc/{node.process.pid}/fd")

        def count():
            return len(list(fds.iterdir()))
        before = count()
        for _ in range(5):
            peers = [RawPeer(node.port).session() for _ in range(40)]
            for peer in peers:
                peer.close()
        poll_until(lambda: count() <= before + 2, "descriptors to be closed")

    def test_the_log_says_what_happened(self):
        mesh = self.own_mesh()
        a, b = mesh.line("AB")
        poll_until(lambda: re.search(r"ADJ_FULL .*\bB\b", a.log()), "A's log to say that B is there")
        b.stop()
        poll_until(lambda: re.search(r"ADJ_DOWN .*\bB\b", a.log()), "A's log to say that B has gone")


if __name__ == "__main__":
    unittest.main()
