#!/usr/bin/python3
"""AMQP over WebSocket on the HTTP listener, with rhea; the cases are in js/websocket_test.js."""

import os
import subprocess
import unittest
from pathlib import Path

from clients import Clients
from management import Management
from mesh import DEADLINE_S, ROOT, MeshTest

SCRIPT = Path(__file__).resolve().parent / "js" / "websocket_test.js"
HTTP = {"name": "http", "host": "127.0.0.1", "port": 0, "http": True}


class WebSocketMeshTest(MeshTest):
    @classmethod
    def topology(cls, mesh):
        node = mesh.add("A")
        node.stop()
        node.sections = {"listener": node.config()["listener"] + [HTTP]}
        node.ports["http"] = 0
        node.start()


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
        clients = Clients()
        self.addCleanup(clients.close)
        management = Management(clients.connect(node))

        def left():
            return [row for row in management.query("connection", "container", "opened") if row["opened"]]
        for _ in range(2000):
            if len(left()) == 1:
                break
        self.assertEqual(1, len(left()), "connections of clients that have gone")


if __name__ == "__main__":
    unittest.main()
