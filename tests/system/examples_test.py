#!/usr/bin/python3
"""The examples do what they say."""

import subprocess
import unittest

from mesh import ROOT, MeshTest


class Examples(MeshTest):
    def test_openstack_rpc(self):
        result = subprocess.run([str(ROOT / "scripts" / "examples" / "openstack-rpc"), "--instances", "30"],
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=200)
        self.assertEqual(0, result.returncode, result.stdout)
        self.assertIn("30 of 30 instances run", result.stdout)


if __name__ == "__main__":
    unittest.main()
