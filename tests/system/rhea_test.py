#!/usr/bin/python3
"""rhea, the JavaScript client, at one node and across three; the cases are in js/rhea_test.js."""

import os
import subprocess
import unittest
from pathlib import Path

from mesh import ROOT, MeshTest

SCRIPT = Path(__file__).resolve().parent / "js" / "rhea_test.js"


class Rhea(MeshTest):
    @classmethod
    def topology(cls, mesh):
        mesh.line("ABC")

    def run_between(self, sender, receiver):
        environment = dict(os.environ)
        environment.setdefault("NODE_PATH", str(ROOT / "build" / "js" / "node_modules"))
        ports = [str(self.shared.nodes[name].port) for name in (sender, receiver)]
        result = subprocess.run(["node", str(SCRIPT), *ports], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                text=True, env=environment, timeout=160)
        self.assertEqual(0, result.returncode, result.stdout)
        self.assertEqual(7, result.stdout.count("ok "), result.stdout)

    def test_at_one_node(self):
        self.run_between("B", "B")

    def test_across_three_nodes(self):
        self.run_between("A", "C")


if __name__ == "__main__":
    unittest.main()
