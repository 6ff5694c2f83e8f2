#!/usr/bin/python3
"""The console in headless Chromium; the steps are in js/console_test.js. AMQMESH_SCREENSHOT=FILE.png keeps what
it looked like."""

import os
import subprocess
import unittest
from pathlib import Path

from clients import Clients
from management import HTTP, ManagedMeshTest
from mesh import DEADLINE_S, ROOT

SCRIPT = Path(__file__).resolve().parent / "js" / "console_test.js"

class ConsoleMeshTest(ManagedMeshTest):
    @classmethod
    def grow(cls, mesh):
        a = mesh.add("A", listeners=[HTTP])
        mesh.add("C", [(a, 3), mesh.add("B", [a])])


class Console(ConsoleMeshTest):
    def test_in_a_browser(self):
        node = self.shared.nodes["A"]
        clients = self.clients
        client = clients.connect(node)
        client.receiver("traffic/busy")
        sender = client.sender("traffic/busy")
        other = Clients()
        self.addCleanup(other.close)
        other.connect(self.shared.nodes["B"])
        # Nobody consumes this one; a consumer of that one gives no credit.
        client.sender("<img src=x>")
        client.receiver("slow/consumer", window=0)
        clients.wait(lambda: sender.credit > 0, "credit")
        environment = dict(os.environ)
        environment.setdefault("NODE_PATH", str(ROOT / "build" / "js" / "node_modules"))
        arguments = ["node", str(SCRIPT), f"http://127.0.0.1:{node.ports['http']}/", "A"]
        arguments += filter(None, [os.environ.get("AMQMESH_SCREENSHOT")])
        browser = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                   env=environment)
        self.addCleanup(browser.kill)

        def go_on():
            other.container.process()
            if sender.credit > 0:
                sender.send("x")
            return browser.poll() is not None
        clients.wait(go_on, "the browser", deadline_s=max(100, 3 * DEADLINE_S))
        output = browser.communicate()[0]
        self.assertEqual(0, browser.returncode, output)
        self.assertEqual(9, output.count("ok "), output)


if __name__ == "__main__":
    unittest.main()
