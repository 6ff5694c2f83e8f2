#!/usr/bin/python3
"""The amqmesh tool at a real mesh: what its answers say about messages that wait."""

import json
import subprocess
import unittest
import uuid

from management import ManagedMeshTest
from mesh import program


class ToolMeshTest(ManagedMeshTest):
    def setUp(self):
        super().setUp()
        self.address = f"tool/{uuid.uuid4().hex[:8]}"

    def tool(self, *arguments, expect=0):
        done = subprocess.run([program("amqmesh"), *arguments, "--node", f"127.0.0.1:{self.shared.nodes['A'].port}"],
                              capture_output=True, text=True, timeout=100)
        self.assertEqual(expect, done.returncode, done.stdout + done.stderr)
        return done.stdout

    def waits(self, subject):
        findings = json.loads(self.tool("why", subject, "--json"))
        return [f"{one['node']}: {one['text']}" for one in findings if one["waits"]]


class Tool(ToolMeshTest):
    def test_why_nobody_consumes(self):
        sender = self.clients.connect(self.shared.nodes["A"]).sender(self.address)
        self.clients.wait(lambda: sender.opened, "the link")
        reasons = self.waits(self.address)
        self.assertEqual(2, len(reasons), reasons)
        self.assertRegex(reasons[0], r"^A: sender \S+ \(connection \d+\) has no credit.*: nobody consumes the address")
        self.assertIn("no consumer of " + self.address, reasons[1])

    def test_why_a_remote_consumer_holds_messages_up(self):
        receiver = self.clients.connect(self.shared.nodes["B"]).receiver(self.address, window=0)
        sender = self.clients.connect(self.shared.nodes["A"]).sender(self.address)
        self.clients.wait(lambda: sender.credit > 0, "credit")
        sent = [sender.send("x") for _ in range(3)]

        def told():
            self.clients.container.process()
            return any("3 messages waiting for it" in one and one.startswith("B: consumer")
                       for one in self.waits(self.address))
        self.wait_for(told, "an explanation")
        receiver.link.flow(3)
        self.clients.wait(lambda: all(one.done for one in sent), "outcomes")
        self.assertEqual([], [one for one in self.waits(self.address) if "waiting" in one])

    def test_bench(self):
        counts = json.loads(self.tool("bench", self.address, "--count", "500", "--json").splitlines()[-1])
        self.assertEqual((500, 500, 500), (counts["sent"], counts["accepted"], counts["received"]))
        self.assertLessEqual(counts["p50Microseconds"], counts["p99Microseconds"])

    def test_drain_and_back(self):
        self.assertEqual("drained\n", self.tool("drain", "--router", "B", "--wait", "60"))
        self.assertEqual("running\n", self.tool("drain", "--router", "B", "--undo"))

    def test_reload(self):
        self.assertEqual("nothing has changed\n", self.tool("reload", "--router", "B"))

    def test_watch(self):
        text = self.tool("watch", "--count", "1", "--interval", "0.2")
        self.assertTrue(text.startswith("A  up "), text)
        self.assertIn("$management", text)


if __name__ == "__main__":
    unittest.main()
