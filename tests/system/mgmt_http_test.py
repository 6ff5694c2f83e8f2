#!/usr/bin/python3
"""An HTTP listener: health, metrics that a real Prometheus parser accepts, entities as JSON."""

import json
import socket
import subprocess
import unittest
import urllib.error
import urllib.request

from prometheus_client.parser import text_string_to_metric_families

from management import HTTP, ManagedMeshTest
from mesh import DEADLINE_S, ROOT, poll_until


class HttpListener(ManagedMeshTest):
    @classmethod
    def grow(cls, mesh):
        probes = dict(HTTP, name="probes", websockets=False, httpRootDir="disabled")
        mesh.add("B", [mesh.add("A")], listeners=[HTTP, probes])

    def setUp(self):
        super().setUp()
        self.node = self.shared.nodes["B"]

    def get(self, path, listener="http"):
        """Status, content type and text."""
        url = f"http://127.0.0.1:{self.node.ports[listener]}{path}"
        try:
            with urllib.request.urlopen(url, timeout=DEADLINE_S) as response:
                return response.status, response.headers["Content-Type"], response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.headers["Content-Type"], error.read().decode()

    def metrics(self):
        status, content_type, text = self.get("/metrics")
        self.assertEqual(200, status)
        self.assertIn("version=0.0.4", content_type)
        samples = {}
        for family in text_string_to_metric_families(text):
            self.assertTrue(family.documentation, family.name)
            self.assertIn(family.type, ("counter", "gauge", "histogram"), family.name)
            for sample in family.samples:
                key = (sample.name, tuple(sorted(sample.labels.items())))
                self.assertNotIn(key, samples)
                samples[key] = sample.value
        return samples

    def test_promtool_has_nothing_to_complain_about(self):
        """Debian's promtool checks syntax and conventions: names, units, help, types."""
        address = "promtool/1"
        client = self.clients.connect(self.node)
        receiver = client.receiver(address)
        sender = client.sender(address)
        self.clients.wait(lambda: sender.credit > 0, "credit")
        sender.send("x")
        self.clients.wait(lambda: receiver.count == 1, "the message")
        done = subprocess.run([str(ROOT / "build" / "tools" / "promtool"), "check", "metrics"],
                              input=self.get("/metrics")[2], capture_output=True, text=True, timeout=60)
        self.assertEqual((0, "", ""), (done.returncode, done.stdout, done.stderr))

    def test_health(self):
        self.assertEqual((200, "ok\n"), self.get("/livez")[::2])
        self.assertEqual((200, "ok\n"), self.get("/readyz")[::2])
        self.assertEqual(404, self.get("/nothing")[0])

    def test_a_listener_for_probes_has_no_more(self):
        """As the reference's users switch its console off."""
        self.assertEqual({"/readyz": 200, "/metrics": 200, "/": 404, "/api/router": 404},
                         {path: self.get(path, "probes")[0] for path in ("/readyz", "/metrics", "/", "/api/router")})

    def test_a_real_parser_takes_the_metrics(self):
        address = 'metered "x"\\y'
        client = self.clients.connect(self.node)
        receiver = client.receiver(address)
        sender = client.sender(address)
        self.clients.wait(lambda: sender.credit > 0, "credit")
        sent = [sender.send("x") for _ in range(5)]
        self.clients.wait(lambda: all(one.done for one in sent), "outcomes")
        self.assertEqual(5, receiver.count)

        def counted():
            samples = self.metrics()
            key = ("amqmesh_address_deliveries_total", (("address", address), ("direction", "ingress")))
            return samples if samples.get(key) == 5 else None
        samples = poll_until(counted, "5 deliveries in the metrics")
        self.assertEqual(1, samples[("amqmesh_reachable_routers", ())])
        self.assertEqual(1, samples[("amqmesh_route_cost", (("router", "A"),))])
        self.assertGreaterEqual(samples[("amqmesh_settled_deliveries_total", (("outcome", "accepted"),))], 5)
        self.assertGreater(samples[("process_resident_memory_bytes", ())], 1e6)

    def test_entities_as_json(self):
        status, content_type, text = self.get("/api/router.node?attributes=id,nextHop")
        self.assertEqual((200, "application/json"), (status, content_type))
        rows = {row["id"]: row["nextHop"] for row in json.loads(text)["results"]}
        self.assertEqual(["A", "B"], sorted(rows))
        self.assertEqual("(self)", rows["B"])
        self.assertEqual(400, self.get("/api/router?attributes=nonsense")[0])
        self.assertEqual("B", json.loads(self.get("/api/router")[2])["results"][0]["id"])

    def test_entities_of_another_node(self):
        rows = json.loads(self.get("/api/router?node=A&attributes=id,mode")[2])
        self.assertEqual({"total": 1, "offset": 0, "results": [{"id": "A", "mode": "interior"}]}, rows)
        links = json.loads(self.get("/api/router.adjacency?node=A")[2])["results"]
        self.assertEqual(["B"], [link["neighbour"] for link in links])
        self.assertGreater(links[0]["bytesIn"], 0)
        self.assertEqual(404, self.get("/api/router?node=nowhere")[0])

    def test_a_node_that_is_silent_is_told(self):
        mesh = self.own_mesh()
        first = mesh.add("X")
        router = {"id": "Y", "mode": "interior", "heartbeatMultiplier": 100}  # the other is not missed
        self.node = mesh.add("Y", [first], listeners=[HTTP], sections={"router": router})
        poll_until(lambda: self.get("/api/router?node=X")[0] == 200, "the other node")
        first.pause()
        self.addCleanup(first.resume)
        status, _, text = self.get("/api/router?node=X")
        self.assertEqual((504, {"error": "X does not answer"}), (status, json.loads(text)))
        first.resume()
        poll_until(lambda: self.get("/api/router?node=X")[0] == 200, "an answer")

    def test_strangers_do_no_harm(self):
        for garbage in (b"AMQP\0\1\0\0", b"\xff" * 5000, b"GET / HTTP/9.9\r\n\r\n", b"\r\n\r\n", b"GET "):
            with socket.create_connection(("127.0.0.1", self.node.ports["http"]), timeout=DEADLINE_S) as peer:
                peer.sendall(garbage)
        self.assertEqual(200, self.get("/livez")[0])

    def test_not_ready_without_the_mesh(self):
        mesh = self.own_mesh()
        first = mesh.add("X")
        first.kill()
        self.node = mesh.add("Y", [first], listeners=[HTTP])
        status, _, text = self.get("/readyz")
        self.assertEqual((503, "not ready: no other router was reachable yet\n"), (status, text))
        self.assertEqual(200, self.get("/livez")[0])
        first.start()
        poll_until(lambda: self.get("/readyz")[0] == 200, "ready once the mesh is there")
        first.kill()  # that is no reason to take this one out of service
        poll_until(lambda: json.loads(self.get("/api/router.node")[2])["total"] == 1, "X to be missed")
        self.assertEqual(200, self.get("/readyz")[0])


if __name__ == "__main__":
    unittest.main()
