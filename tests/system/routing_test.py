#!/usr/bin/python3
"""What the routing protocol tells of itself by management and in `amqmesh topology --verbose`."""

import json
import subprocess
import unittest

from clients import Clients
from management import Management, wait_for_mesh
from mesh import MeshTest, poll_until, program


class Observed(MeshTest):
    def setUp(self):
        self.clients = Clients()
        self.addCleanup(self.clients.close)
        self.mesh = self.own_mesh()
        self.nodes = self.mesh.line("ABC")
        wait_for_mesh(self.clients, self.nodes)

    def management(self, node):
        return Management(self.clients.connect(node))

    def test_adjacencies(self):
        rows = self.management(self.nodes[1]).query("router.adjacency")
        self.assertEqual(["A", "C"], sorted(row["neighbour"] for row in rows))
        self.assertEqual({("full", 1, 1, 0, 0)},
                         {(row["state"], row["cost"], row["neighbourCost"], row["losses"], row["heldSeconds"])
                          for row in rows})

    def test_databases_agree_and_counters_count(self):
        a, b, c = (self.management(node) for node in self.nodes)

        def digests():
            return {(row["linkStateDigest"], row["addressDigest"])
                    for row in (one.read("router.routing", identity="router.routing") for one in (a, b, c))}
        poll_until(lambda: len(digests()) == 1, "equal digests everywhere")
        routing = b.query("router.routing")[0]
        for counter in ("spfRuns", "linkStatesSent", "linkStatesReceived", "linkStatesStored", "originations",
                        "controlBytesSent", "controlBytesReceived"):
            self.assertGreater(routing[counter], 0, counter)
        for counter in ("repairs", "malformed", "overLimit", "duplicateIds"):
            self.assertEqual(0, routing[counter], counter)
        self.assertGreaterEqual(routing["spfMaxMicroseconds"], routing["spfLastMicroseconds"])
        self.assertGreater(sum(routing["rareEvents"].values()), 0)

    def test_a_lost_neighbour_shows(self):
        b = self.management(self.nodes[1])
        before = b.query("router.routing")[0]
        own = {row["id"]: row for row in b.query("router.node")}["B"]
        self.nodes[2].kill()
        poll_until(lambda: [row["id"] for row in b.query("router.node")] == ["A", "B"], "C is gone")
        after = b.query("router.routing")[0]
        self.assertGreater(after["spfRuns"], before["spfRuns"])
        self.assertGreater(after["originations"], before["originations"])
        self.assertLessEqual(after["lastConvergenceMicroseconds"], after["maxConvergenceMicroseconds"])
        self.assertLessEqual(after["lastTopologyChangeSeconds"], 10)
        self.assertGreater({row["id"]: row for row in b.query("router.node")}["B"]["sequence"], own["sequence"])

    def test_draining_shows_in_the_link_state(self):
        b = self.management(self.nodes[1])
        b.ask("UPDATE", {"adminState": "draining"}, type="org.apache.qpid.dispatch.router", identity="1")
        a = self.management(self.nodes[0])
        poll_until(lambda: {row["id"]: row for row in a.query("router.node")}["B"]["flags"] ==
                   ["noTransit", "draining"], "B drains, as A sees it")

    def test_topology_verbose(self):
        url = f"amqp://127.0.0.1:{self.nodes[1].port}"
        text = subprocess.run([program("amqmesh"), "topology", "--verbose", "--node", url], check=True,
                              capture_output=True, text=True, timeout=20).stdout
        for word in ("NEIGHBOUR", "full", "spfRuns", "linkStateDigest", "lastConvergenceMicroseconds", "rareEvents",
                     "sequence", "lifetimeSeconds"):
            self.assertIn(word, text)
        found = json.loads(subprocess.run([program("amqmesh"), "topology", "--verbose", "--json", "--node", url],
                                          check=True, capture_output=True, text=True, timeout=20).stdout)
        self.assertEqual(["A", "C"], sorted(row["neighbour"] for row in found["adjacencies"]))
        self.assertEqual(1, len(found["routing"]))


class Recorded(MeshTest):
    """`amqmeshd --record` writes what the routing core is told; `amqmesh-sim --playback` lives it again."""

    def test_a_session_of_the_daemon_plays_back(self):
        clients = Clients()
        self.addCleanup(clients.close)
        mesh = self.own_mesh()
        recording = mesh.folder / "b.recording"
        a = mesh.add("A")
        b = mesh.add("B", connect_to=[a], arguments=["--record", str(recording)])
        c = mesh.add("C", connect_to=[b])
        wait_for_mesh(clients, [a, b, c])
        c.kill()
        routing = Management(clients.connect(a))
        poll_until(lambda: [row["id"] for row in routing.query("router.node")] == ["A", "B"], "C is gone")
        b.stop()
        played = subprocess.run([program("amqmesh-sim"), "--playback", str(recording)], capture_output=True,
                                text=True, timeout=60)
        self.assertEqual(0, played.returncode, played.stdout[-2000:] + played.stderr)
        self.assertIn("all outcomes as recorded", played.stdout)
        for part in ("ADJ_FULL neighbour C is up", "drain", "route C cost", "stop"):
            self.assertIn(part, played.stdout)
        # As after a crash, but with a word changed: the line is told.
        lines = recording.read_text().splitlines()
        last = max(number for number, line in enumerate(lines) if line.startswith("<"))
        lines[last] = "< 0 0"
        recording.write_text("\n".join(lines) + "\n")
        played = subprocess.run([program("amqmesh-sim"), "--quiet", "--playback", str(recording)],
                                capture_output=True, text=True, timeout=60)
        self.assertEqual(1, played.returncode)
        self.assertIn(f"line {last + 1}: other effects than recorded", played.stdout)

    def test_a_file_that_cannot_be_written_is_told_at_the_start(self):
        folder = self.own_mesh().folder
        config = folder / "x.yaml"
        config.write_text("router:\n  id: X\n  mode: interior\n")
        ended = subprocess.run([program("amqmeshd"), "--config", str(config), "--record", str(folder / "no" / "file")],
                               capture_output=True, text=True, timeout=60)
        self.assertEqual(1, ended.returncode)
        self.assertIn("cannot record to", ended.stderr)


if __name__ == "__main__":
    unittest.main()
