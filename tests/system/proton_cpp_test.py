#!/usr/bin/python3
"""Proton's C++ binding: requests, answers and all outcomes, at one node and across three."""

import subprocess
import unittest

from mesh import DEADLINE_S, MeshTest, program


class ProtonCpp(MeshTest):
    @classmethod
    def topology(cls, mesh):
        mesh.line("ABC")

    def run_between(self, service, client):
        urls = [f"amqp://127.0.0.1:{self.shared.nodes[name].port}" for name in (service, client)]
        result = subprocess.run([program("system_proton_cpp_client"), *urls, "400"], stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True, timeout=2 * DEADLINE_S)
        self.assertEqual(0, result.returncode, result.stdout)
        self.assertIn("accepted 100, rejected 100, released 100, modified 100, answered 100", result.stdout)

    def patterns_between(self, receiver, sender):
        urls = [f"amqp://127.0.0.1:{self.shared.nodes[name].port}" for name in (receiver, sender)]
        result = subprocess.run([program("system_proton_cpp_patterns"), *urls], stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True, timeout=2 * DEADLINE_S)
        self.assertEqual(0, result.returncode, result.stdout)
        self.assertEqual(["large 4", "settled 2000", "drained 4"], result.stdout.splitlines())

    def test_large_settled_and_drained_at_one_node(self):
        self.patterns_between("B", "B")

    def test_large_settled_and_drained_across_three(self):
        self.patterns_between("C", "A")

    def test_at_one_node(self):
        self.run_between("B", "B")

    def test_across_three_nodes(self):
        self.run_between("C", "A")


if __name__ == "__main__":
    unittest.main()
