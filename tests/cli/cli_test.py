"""The amqmesh program against a scripted AMQP peer: output, exit codes, wire behaviour."""

import fcntl
import json
import os
import pty
import socket
import struct
import subprocess
import tempfile
import termios
import unittest

from fake_node import FakeNode

TOOL = os.environ["AMQMESH_TOOL"]


class ToolTest(unittest.TestCase):
    """One fake node per class."""

    @classmethod
    def setUpClass(cls):
        cls.node = FakeNode()
        cls.node.__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.node.__exit__()

    def run_tool(self, *arguments, node=None, stdin="", expect=0):
        command = [TOOL, *arguments, "--node", node or self.node.url]
        if "--timeout" not in arguments:
            command += ["--timeout", "20"]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=50)
        self.assertEqual(done.returncode, expect, done.stdout + done.stderr)
        return done

    def json(self, *arguments, **options):
        return json.loads(self.run_tool(*arguments, "--json", **options).stdout.splitlines()[-1]
                          if arguments[0] in ("send", "receive", "request")
                          else self.run_tool(*arguments, "--json", **options).stdout)


class Topology(ToolTest):
    def test_table_names_nodes_costs_and_next_hops(self):
        text = self.run_tool("topology").stdout
        self.assertIn("3 nodes, 2 links, seen from A", text)
        self.assertRegex(text, r"(?m)^A +- +\(self\) +B$")
        self.assertRegex(text, r"(?m)^B +3 +\(direct\) +A C$")
        self.assertRegex(text, r"(?m)^C +10 +B +B$")

    def test_cost_of_a_far_link_is_known_from_its_ends(self):
        near = {(link["a"], link["b"]): link["cost"] for link in self.json("topology")["links"]}
        self.assertEqual(near, {("A", "B"): 3, ("B", "C"): None})
        far = self.json("topology", "--all-nodes")["links"]
        self.assertEqual([link["cost"] for link in far], [3, 7])

    def test_json_has_every_node_attribute(self):
        nodes = self.json("topology")["nodes"]
        self.assertEqual([node["nextHop"] for node in nodes], [None, "B", "B"])
        self.assertEqual(nodes[2]["attributes"]["lastTopoChange"], 5)

    def test_dot_is_a_graph_of_all_links(self):
        text = self.run_tool("topology", "--dot").stdout
        self.assertTrue(text.startswith("graph mesh {") and text.endswith("}\n"), text)
        self.assertIn('"A" -- "B" [label="3", style=bold];', text)
        self.assertIn('"B" -- "C"', text)

    def test_another_node_is_asked_through_the_first(self):
        self.assertEqual(self.json("topology", "--router", "B")["seenFrom"], "B")
        self.assertEqual(self.node.management.requests[-1][0], "B")

    def test_nodes_is_another_name_of_it(self):
        self.assertEqual(self.run_tool("nodes").stdout, self.run_tool("topology").stdout)

    def test_a_node_outside_the_mesh_is_a_clear_error(self):
        done = self.run_tool("topology", "--router", "nowhere", expect=1)
        self.assertIn("nowhere", done.stderr)


class Views(ToolTest):
    def test_addresses_are_shown_as_clients_write_them(self):
        text = self.run_tool("addresses").stdout
        self.assertRegex(text, r"(?m)^orders +mobile +balanced +2 +1 +0 +10 +11 +12$")
        self.assertIn("_local/$management", text)

    def test_csv_quotes_what_needs_it(self):
        lines = self.run_tool("connections", "--csv").stdout.splitlines()
        self.assertTrue(lines[0].startswith("ID,HOST,CONTAINER"))
        self.assertIn('"client, ""x"""', lines[1])

    def test_long_tables_are_fetched_page_by_page(self):
        self.assertEqual(len(self.json("links")), 1203)
        offsets = [request[1].get("offset") for request in self.node.management.requests[-3:]]
        self.assertEqual(offsets, [0, 500, 1000])

    def test_the_node_may_be_chosen_before_the_command(self):
        for before in (["--node", self.node.url], [f"--node={self.node.url}"], ["-n", self.node.url, "-t", "20"]):
            for more, ids in ((["--router", "B"], ["B"]), (["--all-nodes"], ["A", "B", "C"]), ([], ["A"])):
                command = [TOOL, *before, *more, "stats", "--json"]
                done = subprocess.run(command, capture_output=True, text=True, timeout=50)
                self.assertEqual(0, done.returncode, done.stderr)
                answer = json.loads(done.stdout)
                self.assertEqual(ids, [one["id"] for one in (answer if isinstance(answer, list) else [answer])])
        done = subprocess.run([TOOL, "--node", self.node.url, "--csv"], capture_output=True, text=True, timeout=50)
        self.assertEqual(2, done.returncode)

    def test_limit(self):
        self.assertEqual(len(self.json("links", "--limit", "3")), 3)

    def test_all_nodes_are_asked_by_their_ids(self):
        answer = self.json("stats", "--all-nodes")
        self.assertEqual([row["id"] for row in answer], ["A", "B", "C"])

    def test_counters_beyond_32_bits_are_exact(self):
        self.assertEqual(self.json("stats")["acceptedDeliveries"], 2**40)
        self.assertIn(str(2**40), self.run_tool("stats").stdout)


    def on_terminal(self, *arguments, columns=60, **environment):
        """What the tool writes to a terminal of so many columns."""
        leader, follower = pty.openpty()
        fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        command = [TOOL, *arguments, "--node", self.node.url, "--timeout", "20"]
        with subprocess.Popen(command, stdout=follower, env=dict(os.environ, **environment)) as process:
            os.close(follower)
            text = b""
            try:
                while chunk := os.read(leader, 65536):
                    text += chunk
            except OSError:
                pass  # how a terminal says that nobody writes any more
            self.assertEqual(process.wait(50), 0)
        os.close(leader)
        return text.decode().replace("\r\n", "\n")

    def test_tables_fit_the_terminal_and_are_bold_there_only(self):
        text = self.on_terminal("connections")
        self.assertTrue(text.startswith("\x1b[1mID"), text)
        self.assertTrue(all(len(line.replace("\x1b[1m", "").replace("\x1b[0m", "")) <= 100
                            for line in self.on_terminal("connections", columns=100).splitlines()))
        self.assertNotIn("\x1b", self.on_terminal("connections", NO_COLOR="1"))
        self.assertNotIn("\x1b", self.run_tool("connections").stdout)

    def test_what_is_too_wide_is_shown_line_by_line(self):
        self.assertIn("\nuptimeSeconds", self.on_terminal("query", "router", columns=40))
        self.assertIn("\x1b[1mid", self.on_terminal("query", "router", columns=100))

    def test_watch_colours_on_a_terminal(self):
        text = self.on_terminal("watch", "--count", "1", "--interval", "0.1", columns=80)
        self.assertTrue(text.startswith("\x1b[H\x1b[2J\x1b[1mA\x1b[0m"), text)


class Entities(ToolTest):
    def test_query_of_chosen_attributes(self):
        rows = self.json("query", "router.node", "id", "cost")
        self.assertEqual(rows[2], {"id": "C", "cost": 10})

    def test_read_and_not_found(self):
        self.assertEqual(self.json("read", "--identity", "router.node/C"),
                         {"id": "C", "cost": 10})
        done = self.run_tool("read", "--identity", "router.node/X", expect=1)
        self.assertIn("404 no such entity", done.stderr)

    def test_create_sends_typed_attributes(self):
        self.run_tool("create", "listener", "port=7", "host=h", "http=true", "--name", "web")
        _, properties, body = self.node.management.requests[-1]
        self.assertEqual(properties["operation"], "CREATE")
        self.assertEqual(properties["type"], "org.apache.qpid.dispatch.listener")
        self.assertEqual(body, {"port": 7, "host": "h", "http": True, "name": "web"})

    def test_create_reads_a_json_object(self):
        self.run_tool("create", "address", "--stdin", stdin='{"prefix": "a", "priority": 3}')
        self.assertEqual(self.node.management.requests[-1][2], {"prefix": "a", "priority": 3})

    def test_create_reads_a_list(self):
        made = self.json("create", "address", "--stdin",
                         stdin='[{"prefix": "a"}, {"type": "listener", "name": "n", "port": "1"}]')
        self.assertEqual([one["type"].rsplit(".")[-1] for one in made], ["address", "listener"])
        self.assertEqual(self.node.management.requests[-1][2], {"name": "n", "port": "1"})
        self.run_tool("create", "address", "--stdin", stdin="[1]", expect=2)
        self.run_tool("create", "address", "--stdin", stdin="7", expect=2)

    def test_delete_wants_a_name(self):
        self.run_tool("delete", expect=2)
        self.run_tool("delete", "--type", "listener", "--name", "web")

    def test_unknown_type_and_operation(self):
        self.assertIn("400", self.run_tool("query", "nonsense", expect=1).stderr)
        self.assertIn("501", self.run_tool("call", "NONSENSE", expect=1).stderr)

    def test_a_mistyped_attribute_is_named(self):
        done = self.run_tool("query", "router.node", "id", "cots", expect=1)
        self.assertIn("router.node has no attribute cots", done.stderr)
        self.assertEqual(done.stdout, "")

    def test_nothing_to_show_says_why(self):
        self.assertEqual(self.run_tool("query", "sslProfile").stdout,
                         "sslProfile: known, not supported: put a TLS proxy in front\n")
        self.assertEqual(self.run_tool("query", "connector").stdout, "none\n")

    def test_query_of_all_nodes(self):
        lines = self.run_tool("query", "router.node", "id", "cost", "--all-nodes", "--csv").stdout.splitlines()
        self.assertEqual(lines[0], "node,id,cost")
        self.assertEqual([line.split(",")[0] for line in lines[1:]], list("AAABBBCCC"))
        self.assertEqual(self.json("query", "router.node", "id", "--all-nodes")["B"][1], {"id": "B"})

    def test_the_type_may_stand_in_front(self):
        self.run_tool("read", "router.node", "--identity", "router.node/C")
        self.assertEqual(self.node.management.requests[-1][1]["type"], "org.apache.qpid.dispatch.router.node")
        self.run_tool("update", "router", "adminState=running")
        self.assertEqual(self.node.management.requests[-1][1]["type"], "org.apache.qpid.dispatch.router")
        self.run_tool("delete", "listener", "--name", "web")

    def test_schema_for_people_and_for_machines(self):
        types = self.run_tool("schema").stdout
        self.assertRegex(types, r"(?m)^router.address +An address in use\. +READ$")
        self.assertRegex(types, r"(?m)^sslProfile +known, not supported: put a TLS proxy in front +READ$")
        text = self.run_tool("schema", "address").stdout  # as in files
        self.assertIn("distribution  (one of closest balanced, default balanced, may be changed)", text)
        self.assertIn("known, not supported: there are no waypoints", text)
        self.assertIn("subscriberCount  (integer, read-only)", self.run_tool("schema", "router.address").stdout)
        self.assertEqual(self.json("schema", "sslProfile")["description"], "TLS.")
        self.assertIn("entityTypes", self.json("schema"))
        self.assertIn("no entity type nonsense", self.run_tool("schema", "nonsense", expect=1).stderr)

    def test_any_operation_can_be_called(self):
        answer = self.json("call", "GET-OPERATIONS", "entityType=listener")
        self.assertEqual(answer, {"listener": ["READ"]})
        self.run_tool("call", "UPDATE", "--type", "router", "--body", '{"adminState": "running"}')
        self.assertEqual(self.node.management.requests[-1][2], {"adminState": "running"})
        self.run_tool("call", "UPDATE", "--body", "{", expect=2)

    def test_log(self):
        self.assertRegex(self.run_tool("log").stdout, r"^19(70-01-01|69-12-31) \d\d:\d\d:01\.500 ROUTER \(info\) hello\n$")
        lines = self.run_tool("log", "--all-nodes").stdout.splitlines()
        self.assertEqual([line.split()[2] for line in lines], ["A", "B", "C"])
        self.assertEqual(self.json("log")[0][2], "hello")

    def test_all_the_other_nodes_are_asked_when_one_fails(self):
        tables = self.node.management.on_query
        self.node.management.on_query = lambda node, *rest: \
            (500, "overloaded", {}) if node == "B" else tables(node, *rest)
        self.addCleanup(delattr, self.node.management, "on_query")
        for command in (["stats"], ["addresses"], ["query", "router"], ["topology"]):
            with self.subTest(command):
                done = self.run_tool(*command, "--all-nodes", expect=1)
                self.assertIn("amqmesh: B: QUERY: 500 overloaded", done.stderr)
                self.assertIn("C", done.stdout)

    def test_no_answer_is_told_after_the_time_limit(self):
        self.node.management.silent = True
        self.addCleanup(setattr, self.node.management, "silent", False)
        done = self.run_tool("stats", "--timeout", "1.5", expect=1)
        self.assertIn("no answer to QUERY", done.stderr)


class Traffic(ToolTest):
    def test_accepted(self):
        counts = self.json("send", "accept", "hello", "--count", "120")
        self.assertEqual((counts["sent"], counts["accepted"]), (120, 120))

    def test_the_other_outcomes_are_counted_and_fail(self):
        for address, name in (("reject", "rejected"), ("release", "released"),
                              ("modify", "modified")):
            with self.subTest(address):
                counts = self.json("send", address, "hello", "--count", "3", expect=1)
                self.assertEqual((counts["accepted"], counts[name]), (0, 3))

    def test_the_reason_of_a_rejection_is_told(self):
        counts = self.json("send", "reject", "hello", expect=1)
        self.assertEqual(counts["firstReason"], "we do not want it (amqp:not-allowed)")

    def test_refused_link(self):
        self.assertIn("no such address", self.run_tool("send", "refused", "x", expect=1).stderr)

    def test_no_credit_and_no_outcome_are_told_apart(self):
        done = self.run_tool("send", "no-credit", "x", "--timeout", "1.5", expect=1)
        self.assertIn("nobody consumes it", done.stderr)
        done = self.run_tool("send", "silent", "x", "--timeout", "1.5", expect=1)
        self.assertIn("1 sent messages have no outcome", done.stderr)

    def test_presettled(self):
        counts = self.json("send", "accept", "x", "--count", "70", "--presettled")
        self.assertEqual((counts["presettled"], counts["accepted"]), (70, 0))

    def test_what_is_sent(self):
        self.run_tool("send", "accept", "--lines", "--subject", "s", "-p", "k=v", "--priority", "7",
                      stdin="one\ntwo\n")
        messages = [message for _, message in self.node.received[-2:]]
        self.assertEqual([message.body for message in messages], ["one", "two"])
        self.assertEqual((messages[0].subject, messages[0].properties, messages[0].priority),
                         ("s", {"k": "v"}, 7))
        self.run_tool("send", "accept", "--size", "5000")
        self.assertEqual(len(self.node.received[-1][1].body), 5000)

    def test_rate_holds_messages_back(self):
        counts = self.json("send", "accept", "x", "--count", "30", "--rate", "100")
        self.assertEqual(counts["accepted"], 30)
        self.assertGreaterEqual(counts["seconds"], 0.28)

    def test_duration_ends_an_endless_sender(self):
        counts = self.json("send", "accept", "x", "--count", "0", "--duration", "0.3",
                           "--rate", "50")
        self.assertGreater(counts["sent"], 0)
        self.assertEqual(counts["sent"], counts["accepted"])

    def test_receive_prints_bodies_and_counts(self):
        done = self.run_tool("receive", "count-3", "--count", "3")
        self.assertEqual(done.stdout, "message 0\nmessage 1\nmessage 2\n")
        self.assertIn("received=3", done.stderr)

    def test_receive_too_little(self):
        done = self.run_tool("receive", "count-2", "--count", "3", "--timeout", "1.5", expect=1)
        self.assertIn("2 of 3 messages", done.stderr)

    def test_echo_answers_for_as_long_as_it_runs(self):
        counts = self.json("receive", "count-3", "--echo", "--quiet", "--duration", "0.5")
        self.assertEqual(counts["received"], 3)

    def test_request_prints_replies_and_round_trips(self):
        done = self.run_tool("request", "echo", "hello", "--count", "4", "--json")
        self.assertEqual(done.stdout.splitlines()[:4], ["hello"] * 4)
        counts = json.loads(done.stdout.splitlines()[-1])
        self.assertEqual((counts["requests"], counts["replies"]), (4, 4))
        self.assertGreater(counts["p50Milliseconds"], 0)


class Live(ToolTest):
    def test_why_an_address_waits(self):
        text = self.run_tool("why", "orders").stdout
        self.assertRegex(text, r"(?m)^\* A: sender client, \"x\" \(connection 1\) has no credit$")
        findings = self.json("why", "orders")
        self.assertGreater(sum(finding["waits"] for finding in findings), 1000)

    def test_why_a_link_waits(self):
        self.assertEqual(len(self.json("why", "7")), 1)

    def test_why_nobody_is_there(self):
        self.assertIn("no consumer of absent anywhere in the mesh", self.run_tool("why", "absent").stdout)

    def test_watch_prints_blocks_where_there_is_no_terminal(self):
        text = self.run_tool("watch", "--count", "2", "--interval", "0.1").stdout
        self.assertEqual(text.count("A  up 1h 2m"), 2)
        self.assertRegex(text, r"(?m)^orders +0 +0 +0")
        self.assertNotIn("\x1b", text)

    def test_watch_of_all_nodes(self):
        text = self.run_tool("watch", "--all-nodes", "--count", "1", "--interval", "0.1").stdout
        self.assertRegex(text, r"(?m)^NODE +STATE +IN/s +OUT/s")
        self.assertEqual([line.split()[0] for line in text.splitlines()[1:4]], ["A", "B", "C"])
        tables = self.node.management.on_query
        self.node.management.on_query = lambda node, *rest: \
            (500, "overloaded", {}) if node == "B" else tables(node, *rest)
        self.addCleanup(delattr, self.node.management, "on_query")
        text = self.run_tool("watch", "--all-nodes", "--count", "1", "--interval", "0.1").stdout
        self.assertRegex(text, r"(?m)^B +no answer$")

    def test_bench_counts_what_comes_back(self):
        # The scripted peer accepts messages but sends none back.
        done = self.run_tool("bench", "accept", "--count", "20", "--timeout", "1.5", expect=1)
        self.assertIn("20 of 20 messages have an outcome, 0 came back", done.stderr)


class Tools(ToolTest):
    def run_alone(self, *arguments, expect=0, **options):
        done = subprocess.run([TOOL, *arguments], capture_output=True, text=True, timeout=50, **options)
        self.assertEqual(done.returncode, expect, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def commands(self):
        listed = self.run_alone("--help").split("Subcommands:")[1].split("Exit codes")[0]
        return [line.split()[0].rstrip(',') for line in listed.splitlines() if line.startswith("  ") and line[2] != " "]

    def test_mistakes_on_the_command_line(self):
        self.assertIn("there is no command stat (did you mean stats?)", self.run_alone("stat", expect=2))
        self.assertIn("there is no command frobnicate (amqmesh --help", self.run_alone("frobnicate", expect=2))
        self.assertIn("A subcommand is required", self.run_alone(expect=2))
        self.assertIn("--count", self.run_alone("bench", "a", "--count", "-1", expect=2))
        self.assertIn("--csv", self.run_alone("links", "--json", "--csv", expect=2))

    def test_reload(self):
        self.assertEqual(self.run_tool("reload").stdout,
                         "1 listener added\nrouter: workerThreads changes with the next start\n")
        self.assertEqual(self.json("reload")["needsRestart"], ["workerThreads"])

    def test_drain_and_back(self):
        self.assertEqual(self.run_tool("drain").stdout, "draining\n")
        self.assertEqual(self.run_tool("drain", "--wait", "20").stdout, "drained\n")
        self.assertEqual(self.node.management.requests[-1][1]["entityType"], "org.apache.qpid.dispatch.router")
        self.assertEqual(self.run_tool("drain", "--undo", "--router", "B").stdout, "running\n")
        self.assertEqual(self.node.management.requests[-1][0], "B")
        self.node.management.on_update = lambda *_: (400, "standalone", {})
        self.addCleanup(delattr, self.node.management, "on_update")
        self.assertIn("standalone", self.run_tool("drain", expect=1).stderr)

    def test_the_man_page_has_every_command(self):
        page = self.run_alone("man")
        self.assertTrue(page.startswith(".TH AMQMESH 1"))
        for command in self.commands():
            self.assertIn("\n.SS " + command.replace("-", "\\-") + "\n", page)
        self.assertNotIn("Exit codes", page)  # they are a section of their own

    def complete(self, *words):
        """What bash offers for the last word."""
        script = self.run_alone("completion", "bash") + """
            COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _amqmesh; printf '%s\\n' "${COMPREPLY[@]}" """
        done = subprocess.run(["bash", "-c", script, "bash", "amqmesh", *words], capture_output=True, text=True,
                              timeout=20, check=True)
        return done.stdout.split()

    def test_bash_completes(self):
        self.assertEqual(self.complete("top"), ["topology"])
        self.assertEqual(set(self.commands()), {word for word in self.complete("") if word[0] != "-"})
        self.assertIn("--interval", self.complete("watch", "--"))
        self.assertEqual(self.complete("completion", ""), ["bash"])

    def test_csv_of_all_nodes_is_one_table(self):
        lines = self.run_tool("addresses", "--csv", "--all-nodes").stdout.splitlines()
        self.assertEqual([line.split(",")[0] for line in lines], ["NODE", "A", "A", "B", "B", "C", "C"])
        lines = self.run_tool("stats", "--csv", "--all-nodes").stdout.splitlines()
        self.assertEqual(len(lines), 4)

    def test_a_configuration_is_checked_by_the_node_itself(self):
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write("router: {id: A}\nlistener: {prt: 1}\n")
            file.flush()
            self.assertIn("did you mean port", self.run_alone("check-config", file.name, expect=1))
            file.seek(0)
            file.truncate()
            file.write("router: {id: A}\n")
            file.flush()
            self.assertIn("ok (router A", self.run_alone("check-config", file.name))


class Refusals(ToolTest):
    def test_connection_refused(self):
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            port = unused.getsockname()[1]
        for command in (["topology"], ["send", "a", "x"], ["receive", "a"], ["request", "a", "x"]):
            with self.subTest(command):
                done = self.run_tool(*command, node="127.0.0.1:%d" % port, expect=3)
                self.assertIn("connection refused", done.stderr)

    def test_a_peer_that_says_nothing(self):
        with socket.create_server(("127.0.0.1", 0)) as mute:
            url = "amqp://127.0.0.1:%d" % mute.getsockname()[1]
            for command in (["stats"], ["send", "a", "x"]):
                with self.subTest(command):
                    done = self.run_tool(*command, "--timeout", "1.5", node=url, expect=3)
                    self.assertIn("AMQP 1.0 peer", done.stderr)

    def test_numbers_that_make_no_sense(self):
        for option, value, words in (("--count", "-1", "-1 is negative"), ("--rate", "0", "0 is not more than 0"),
                                     ("--rate", "x", "x is no number")):
            done = self.run_tool("send", "accept", "x", option, value, expect=2)
            self.assertIn(f"{option}: {words}", done.stderr)

    def test_wrong_usage(self):
        self.run_tool("topology", "--nonsense", expect=2)
        self.run_tool("send", expect=2)
        self.run_tool("topology", node="http://x", expect=2)
        self.run_tool("send", "accept", "x", "-p", "no-equals-sign", expect=2)

    def test_help_of_every_command(self):
        for command in ("topology", "addresses", "connections", "links", "stats", "query", "read",
                        "create", "update", "delete", "types", "schema", "log", "send", "receive",
                        "request", "bench", "why", "watch", "reload", "drain"):
            with self.subTest(command):
                self.assertIn("--node", self.run_tool(command, "--help").stdout)


if __name__ == "__main__":
    unittest.main()
