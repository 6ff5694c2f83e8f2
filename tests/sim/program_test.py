#!/usr/bin/python3
"""amqmesh-sim as a user runs it: tables, JSON, SVG, replay, and what it says to nonsense."""

import json
import os
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree as xml
from pathlib import Path

PROGRAM = os.environ["AMQMESH_SIM"]


def run(*arguments, code=0):
    result = subprocess.run([PROGRAM, "--quiet", *arguments], capture_output=True, text=True, timeout=100)
    if result.returncode != code:
        raise AssertionError(f"{arguments}: {result.returncode}\n{result.stdout}{result.stderr}")
    return result.stdout + result.stderr


class Program(unittest.TestCase):
    def test_a_network_as_json_and_svg(self):
        with tempfile.TemporaryDirectory() as folder:
            chart = Path(folder) / "times.svg"
            found = json.loads(run("--topology", "ring:6", "--links", "3", "--json", "--svg", str(chart)))
            self.assertEqual((6, 6, ""), (found["routers"], found["links"], found["failure"]))
            self.assertEqual(3, found["after_reset"]["count"])
            self.assertLess(found["worst_over_flood_delay_ms"], 3)
            self.assertLessEqual(found["transmissions_per_lsp"], found["flood_once_bound"])
            root = xml.parse(chart).getroot()
            self.assertTrue(root.tag.endswith("svg"))
            self.assertGreater(len(list(root.iter())), 20)

    def test_a_file_of_edges(self):
        with tempfile.TemporaryDirectory() as folder:
            edges = Path(folder) / "three.edges"
            edges.write_text("a b 1 500\nb c 2 700\n")
            self.assertIn("three: 3 routers, 2 links", run("--topology", str(edges)).replace(".edges", ""))

    def test_seeds_and_their_replay(self):
        sizes = ("--routers-min", "3", "--routers-max", "6", "--fault-seconds", "1")
        found = json.loads(run("--seeds", "5", "--json", *sizes))
        self.assertEqual((5, []), (found["seeds"], found["failures"]))
        self.assertEqual(run("--seed", "3", "--json", *sizes), run("--seed", "3", "--json", *sizes))
        self.assertNotEqual(run("--seed", "3", "--json", *sizes), run("--seed", "4", "--json", *sizes))

    def test_all_orders_of_small_meshes(self):
        self.assertIn("6 small worlds of 6, 6 of them completely", run("--orders", "2"))
        worlds = json.loads(run("--orders", "2", "--happenings", "2", "--json"))
        self.assertTrue(all(world["complete"] and not world["failure"] for world in worlds))
        self.assertIn("2 routers ab: lose ab crash a", [world["world"] for world in worlds])

    def test_nonsense_is_refused(self):
        self.assertIn("amqmesh-sim:", run("--topology", "/no/such/file.edges", code=2))
        run("--routers-min", "1", code=105)


if __name__ == "__main__":
    unittest.main()
