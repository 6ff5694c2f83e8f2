#!/usr/bin/python3
"""AMQP over WebSocket on the HTTP listener, with rhea; the cases are in js/websocket_test.js."""

import os
import subprocess
import unittest
from pathlib import Path

from management import HTTP, ManagedMeshTest, Management
from mesh import DEADLINE_S, ROOT

SCRIPT = Path(__file__).resolve().parent / "js" / "websocket_test.js"

class WebSocketMeshTest(ManagedMeshTest):
    @classmethod
    def grow(cls, mesh):
        mesh.add("A", listeners=[HTTP])


class WebSocket(WebSocketMeshTest):
    def test_rhea(self):
        node = self.shared.nodes["A"]
        environment = dict(os.environ)
        environment.setdefault("NODE_PATH", str(ROOT / "build" / "js" / "node_modules"))
        result = subprocess.run(["node", str(SCRIPT), str(node.ports["http"]), str(node.port)],
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment,
                                timeout=max(120, 4 * DEADLINE_S))
        self.assertEqual(0, result.returncode, result.stdout)
        self.assertEqual(7, result.stdout.count("ok "), result.stdout)
        management = Management(self.clients.connect(node))

        def left():
            return [row for row in management.query("connection", "container", "opened") if row["opened"]]
        self.wait_for(lambda: len(left()) == 1, "connections of clients to go")


if __name__ == "__main__":
    unittest.main()
