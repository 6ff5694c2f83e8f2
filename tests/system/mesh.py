"""Real amqmeshd processes for the system tests: started with generated configuration files, waited for by
condition, ended with a look at their exit status and at what the sanitizers have to say."""

import os
import re
import select
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Sanitizers make everything several times slower; a deadline is for hanging, not for slowness.
DEADLINE_S = float(os.environ.get("AMQMESH_TEST_DEADLINE", "30"))
SANITIZED = os.environ.get("AMQMESH_SANITIZED") == "1"
SANITIZER_REPORT = re.compile(
    r"ERROR: (Address|Leak)Sanitizer|WARNING: ThreadSanitizer|runtime error:|ASSERT|terminate called")


def program(name):
    """A program of this build: ctest says where; by hand, the newest build that has it counts."""
    folder = os.environ.get("AMQMESH_BIN")
    if folder:
        return str(Path(folder, name))
    found = sorted(ROOT.glob(f"build/*/bin/{name}"), key=lambda path: path.stat().st_mtime)
    if not found:
        raise FileNotFoundError(f"{name} is not built")
    return str(found[-1])


def yaml(value, indent=0):
    """The little YAML that configuration files need: maps, lists of maps, scalars."""
    pad = " " * indent
    if isinstance(value, dict):
        lines = []
        for key, inner in value.items():
            if isinstance(inner, (dict, list)):
                lines.append(f"{pad}{key}:\n{yaml(inner, indent + 2)}")
            else:
                lines.append(f"{pad}{key}: {scalar(inner)}\n")
        return "".join(lines)
    return "".join(f"{pad}- {yaml(item, indent + 2).lstrip()}" for item in value)


def scalar(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def poll_until(condition, what, deadline_s=None, interval_s=0.02):
    """Looks at a condition outside of this process until it holds; returns its value."""
    end = time.monotonic() + (deadline_s or DEADLINE_S)
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited in vain for {what}")
        select.select([], [], [], interval_s)


class Node:
    """One amqmeshd. Its listeners are `normal` for clients and `inter-router` for other nodes; `listener` is for
    both, `listeners` are further ones."""

    def __init__(self, folder, name, connect_to=(), sections=None, mode="interior", workers=2, listener=None,
                 listeners=(), arguments=(), heartbeats=None):
        self.name = name
        self.heartbeats = heartbeats  # missed ones, after which a neighbour is lost
        self.arguments = list(arguments)
        self.folder = Path(folder)
        self.log_path = self.folder / f"{name}.log"
        self.process = None
        self.ports = {"client": 0, "mesh": 0}
        self.mode = mode
        self.workers = workers
        self.connect_to = [target if isinstance(target, tuple) else (target, 1) for target in connect_to]
        self.sections = sections or {}
        self.listener = listener or {}
        self.listeners = listeners
        self.ports.update({one["name"]: 0 for one in listeners})
        self.log_offset = 0

    def config(self):
        listeners = [dict({"name": "client", "host": "127.0.0.1", "port": self.ports["client"], "role": "normal"},
                          **self.listener)]
        if self.mode == "interior":
            listeners.append(dict({"name": "mesh", "host": "127.0.0.1", "port": self.ports["mesh"],
                                   "role": "inter-router"}, **self.listener))
        listeners += [dict(one, port=self.ports[one["name"]]) for one in self.listeners]
        router = {"id": self.name, "mode": self.mode, "workerThreads": self.workers}
        if SANITIZED:
            # A sanitized node on a busy machine may well be silent for a second.
            router["heartbeatMultiplier"] = 10
        if self.heartbeats:
            router["heartbeatMultiplier"] = self.heartbeats
        config = {"router": router, "listener": listeners}
        if self.connect_to:
            config["connector"] = [
                {"name": f"to-{index}", "host": "127.0.0.1", "port": mesh_port(target), "role": "inter-router",
                 "cost": cost}
                for index, (target, cost) in enumerate(self.connect_to)]
        config["address"] = [{"prefix": "multicast", "distribution": "multicast"},
                             {"prefix": "closest", "distribution": "closest"},
                             {"prefix": "balanced", "distribution": "balanced"},
                             {"prefix": "unavailable", "distribution": "unavailable"}]
        config["log"] = [{"module": "DEFAULT", "enable": os.environ.get("AMQMESH_TEST_LOG", "info+")}]
        config.update(self.sections)
        return config

    def start(self):
        path = self.folder / f"{self.name}.yaml"
        path.write_text(yaml(self.config()))
        self.log_offset = self.log_path.stat().st_size if self.log_path.exists() else 0
        environment = dict(os.environ)
        # What AddressSanitizer keeps of freed memory would hide whether memory is bounded.
        environment["ASAN_OPTIONS"] = environment.get("ASAN_OPTIONS", "") + \
            ":quarantine_size_mb=4:thread_local_quarantine_size_kb=64"
        with open(self.log_path, "ab") as log:
            command = [program("amqmeshd"), "--config", str(path), *self.arguments]
            self.process = subprocess.Popen(command, stderr=log, stdout=log, stdin=subprocess.DEVNULL, env=environment)
        for listener in self.config()["listener"]:
            name = listener["name"]
            if name in self.ports:
                self.ports[name] = poll_until(lambda name=name: self.find_port(name),
                                              f"{self.name} listening on '{name}'")
        return self

    def find_port(self, listener):
        """The port a listener got, from the log line that says so; also used again after a restart."""
        status = self.process.poll()
        if status is not None:
            raise AssertionError(f"{self.name} ended with {status} at start:\n{self.log()[-2000:]}")
        match = re.search(rf"listening on \S+:(\d+) name={re.escape(listener)}\b", self.log(self.log_offset))
        return int(match.group(1)) if match else 0

    def log(self, offset=0):
        if not self.log_path.exists():
            return ""
        return self.log_path.read_bytes()[offset:].decode(errors="replace")

    @property
    def port(self):
        return self.ports["client"]

    @property
    def mesh_port(self):
        return self.ports["mesh"]

    @property
    def running(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        self.process.kill()
        self.process.wait()

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def stop(self, deadline_s=None):
        """Ends it as an operator would; complains unless that went well."""
        if self.process is None:
            return
        killed = self.process.poll() == -signal.SIGKILL
        if self.running:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            try:
                self.process.wait(deadline_s or DEADLINE_S)
            except subprocess.TimeoutExpired:
                self.kill()
                raise AssertionError(f"{self.name} did not end after SIGTERM") from None
        report = SANITIZER_REPORT.search(self.log())
        if report:
            raise AssertionError(f"{self.name} reports '{report.group(0)}':\n{self.log()[report.start():][:6000]}")
        if self.process.returncode != 0 and not killed:
            raise AssertionError(f"{self.name} ended with {self.process.returncode}")

    def memory_kib(self, field="VmRSS"):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"^{field}:\s+(\d+)", status, re.MULTILINE).group(1))


def mesh_port(target):
    """Something to connect to: a node, a proxy in front of one, or a bare port number."""
    return target if isinstance(target, int) else target.mesh_port


class Mesh:
    """Nodes by name, in one temporary folder."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="amqmesh-test-"))
        self.nodes = {}
        self.closers = []

    def add(self, name, connect_to=(), **options):
        node = Node(self.folder, name, connect_to, **options)
        self.nodes[name] = node
        return node.start()

    def line(self, names="ABC", **options):
        """Each node connects to the one before it."""
        added = []
        for name in names:
            added.append(self.add(name, added[-1:], **options))
        return added

    def ring(self, names="ABCD", **options):
        added = []
        for index, name in enumerate(names):
            added.append(self.add(name, added[-1:] + (added[:1] if 1 < index == len(names) - 1 else []), **options))
        return added

    def own_twin(self, of, connect_to):
        """A second router that says it is `of`."""
        twin = Node(self.folder / "twin", of.name, [connect_to])
        twin.folder.mkdir()
        self.nodes["twin"] = twin
        return twin.start()

    def close(self):
        """Stops everything, in spite of failures; returns their texts."""
        failures = []
        for closer in self.closers:
            closer()
        for node in self.nodes.values():
            try:
                node.stop()
            except AssertionError as failure:
                failures.append(str(failure))
        return failures

    def keep_logs(self):
        """Where AMQMESH_TEST_LOGS says, if it does."""
        folder = os.environ.get("AMQMESH_TEST_LOGS")
        if folder:
            shutil.copytree(self.folder, Path(folder, self.folder.name), dirs_exist_ok=True)

    def remove_files(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def tail_of_logs(self, lines=40):
        return "".join(
            f"--- {node.name}.log\n" + "\n".join(node.log().splitlines()[-lines:]) + "\n"
            for node in self.nodes.values())


class MeshTest(unittest.TestCase):
    """A test case with a mesh. `topology(mesh)` starts nodes shared by a class's tests; a test that breaks
    things builds its own with `own_mesh()`. Logs are shown when a test fails."""

    shared = None

    @classmethod
    def topology(cls, mesh):
        """Starts the class's nodes; nothing by default."""

    @classmethod
    def setUpClass(cls):
        cls.shared = Mesh()
        try:
            cls.topology(cls.shared)
        except BaseException:
            print(cls.shared.tail_of_logs(), flush=True)
            cls.shared.close()
            raise

    @classmethod
    def tearDownClass(cls):
        finish(cls.shared)

    def own_mesh(self):
        mesh = Mesh()
        self.addCleanup(self.finish_own, mesh)
        return mesh

    def finish_own(self, mesh):
        """Its files go with it: what failed is shown before."""
        self.show(mesh)
        finish(mesh)

    def show(self, mesh):
        """If the test has failed."""
        if self.result and len(self.result.failures) + len(self.result.errors) > self.failed_before and mesh.nodes:
            print(f"\n=== {self.id()}\n{mesh.tail_of_logs()}", flush=True)

    def run(self, result=None):
        self.result = result
        self.failed_before = len(result.failures) + len(result.errors) if result else 0
        super().run(result)
        self.show(self.shared)


def finish(mesh):
    failures = mesh.close()
    mesh.keep_logs()
    if failures:
        raise AssertionError("\n".join(failures))
    mesh.remove_files()
