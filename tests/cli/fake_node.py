"""A small AMQP peer with a $management, for tests of the tool without a daemon.

It listens on a port of its own choice and plays the node 'A' of a mesh A-B-C: it answers QUERY,
READ, CREATE, DELETE and the GET- operations from fixed tables, and treats the messages it is sent
as the address says ('accept', 'reject', 'release', 'modify', 'echo', 'no-credit', 'silent').
"""

import threading

from proton import Condition, Delivery, Handler, Message, Terminus
from proton.handlers import MessagingHandler
from proton.reactor import ApplicationEvent, Container, EventInjector

DISPATCH = "org.apache.qpid.dispatch."

NODE_COLUMNS = ["id", "identity", "nextHop", "cost", "linkState", "lastTopoChange"]
TABLES = {
    "router": (["id", "mode", "version", "uptimeSeconds", "acceptedDeliveries", "metadata"],
               [["A", "interior", "0.1.0", 3725, 2**40, None]]),
    "router.node": (NODE_COLUMNS, [
        ["A", "router.node/A", "(self)", 0, ["B"], 5],
        ["B", "router.node/B", "B", 3, ["A", "C"], 5],
        ["C", "router.node/C", "B", 10, ["B"], 5],
    ]),
    "router.address": (["name", "distribution", "inProcess", "subscriberCount", "remoteCount",
                        "deliveriesIngress", "deliveriesEgress", "deliveriesTransit", "priority"],
                       [["M0orders", "balanced", 0, 2, 1, 10, 11, 12, -1],
                        ["L$management", "closest", 1, 0, 0, 1, 0, 0, -1]]),
    "connection": (["identity", "host", "container", "role", "dir", "sasl", "isEncrypted",
                    "uptimeSeconds", "lastDlvSeconds"],
                   [["1", "127.0.0.1:5000", "client, \"x\"", "normal", "in", "ANONYMOUS", False, 7,
                     None]]),
    "router.link": (["linkType", "linkDir", "connectionId", "identity", "owningAddr"],
                    [["endpoint", "in", "1", str(n), "M0orders"] for n in range(1203)]),
    "management": (["name"], [["self"]]),
    "sslProfile": (["name"], []),
    "connector": (["name"], []),
}
# What B says about itself, when asked through A.
NODES_OF_B = (NODE_COLUMNS, [
    ["A", "router.node/A", "A", 3, ["B"], 5],
    ["B", "router.node/B", "(self)", 0, ["A", "C"], 5],
    ["C", "router.node/C", "C", 7, ["B"], 5],
])
SCHEMA = {
    "router.config.address": {
        "description": "How messages are distributed.", "operations": ["CREATE", "READ"],
        "attributes": {
            "distribution": {"type": ["closest", "balanced"], "description": "The way.", "required": False,
                             "create": True, "update": True, "default": "balanced"},
            "waypoint": {"type": "boolean", "description": "Through a broker.", "required": False, "create": True,
                         "update": False, "supported": False, "advice": "there are no waypoints"}}},
    "router.address": {"description": "An address in use.", "operations": ["READ"], "attributes": {
        "subscriberCount": {"type": "integer", "description": "Consumers.", "create": False, "update": False}}},
    "sslProfile": {"description": "TLS.", "operations": ["READ"], "attributes": {}, "supported": False,
                   "advice": "put a TLS proxy in front"},
}
MESH = ["amqp:/_topo/0/%s/$management" % node for node in "ABC"]


class Management:
    """Answers one request at a time; keeps what it was asked, for the tests to look at."""

    def __init__(self):
        self.requests = []
        self.silent = False
        self.states = ["running"]

    def answer(self, node, request):
        """(code, description, body), or None for no answer at all."""
        properties = request.properties or {}
        self.requests.append((node, properties, request.body))
        if self.silent:
            return None
        operation = properties.get("operation", "")
        method = getattr(self, "on_" + operation.lower().replace("-", "_"), None)
        if method is None:
            return 501, "no operation " + operation, {}
        return method(node, properties, request.body)

    def on_query(self, node, properties, body):
        short = properties.get("entityType", "").replace(DISPATCH, "")
        if short not in TABLES:
            return 400, "no type " + short, {}
        columns, rows = TABLES[short]
        if node == "B" and short == "router.node":
            columns, rows = NODES_OF_B
        wanted = [name for name in body["attributeNames"] if name in columns or short == "router"] or columns
        table = [[dict(zip(columns, row)).get(name) for name in wanted] for row in rows]
        if short == "router" and "id" in wanted:
            table[0][wanted.index("id")] = node
        if short == "router" and "operState" in wanted:
            # It takes a look or two until a node has drained.
            table[0][wanted.index("operState")] = self.states[0]
            self.states = self.states[1:] or self.states
        start = properties.get("offset", 0)
        end = start + properties["count"] if "count" in properties else None
        return 200, "OK", {"attributeNames": wanted, "results": table[start:end]}

    def on_update(self, node, properties, body):
        if body.get("adminState") == "draining":
            self.states = ["draining", "draining", "drained"]
        elif body.get("adminState") == "running":
            self.states = ["running"]
        else:
            return 400, "what?", {}
        return 200, "OK", body

    def on_reload(self, node, properties, body):
        return 200, "OK", {"changes": ["1 listener added"], "needsRestart": ["workerThreads"]}

    def on_read(self, node, properties, body):
        if properties.get("identity") != "router.node/C":
            return 404, "no such entity", {}
        return 200, "OK", {"id": "C", "cost": 10}

    def on_create(self, node, properties, body):
        return 201, "Created", dict(body, type=properties["type"])

    def on_delete(self, node, properties, body):
        return 204, "No content", {}

    def on_get_mgmt_nodes(self, node, properties, body):
        return 200, "OK", MESH

    def on_get_schema(self, node, properties, body):
        return 200, "OK", {"prefix": "org.apache.qpid.dispatch", "entityTypes": SCHEMA}

    def on_get_operations(self, node, properties, body):
        return 200, "OK", {properties.get("entityType", "all"): ["READ"]}

    def on_get_log(self, node, properties, body):
        return 200, "OK", [["ROUTER", "info", "hello", "", 0, 1.5]]


class Refusal(Handler):
    """Detaches a link with an error once its attach has been answered."""

    def __init__(self, link):
        self._link = link

    def on_timer_task(self, event):
        self._link.condition = Condition("amqp:not-found", "no such address")
        self._link.close()


class FakeNode(MessagingHandler):
    """Runs in a thread of its own; a context manager."""

    def __init__(self):
        super().__init__(auto_accept=False, auto_settle=False, prefetch=0)
        self.management = Management()
        self.port = None
        self.received = []
        self._ready = threading.Event()
        self._container = None
        self._events = EventInjector()
        self._replies = {}  # dynamic address -> our sender to it
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        if not self._ready.wait(10):
            raise RuntimeError("the fake node did not start")
        return self

    def __exit__(self, *error):
        self._events.trigger(ApplicationEvent("end"))
        self._thread.join(10)

    @property
    def url(self):
        return "amqp://127.0.0.1:%d" % self.port

    def _run(self):
        self._container = Container(self)
        self._container.selectable(self._events)
        self._container.run()

    def on_end(self, event):
        self._container.stop()

    def on_start(self, event):
        acceptor = event.container.listen("127.0.0.1:0")
        self.port = acceptor._selectable._delegate.getsockname()[1]
        self._ready.set()

    def on_link_opening(self, event):
        link = event.link
        if link.is_sender:
            if link.remote_source.dynamic:
                link.source.address = "amqp:/_topo/0/A/temp.%d" % len(self._replies)
                self._replies[link.source.address] = link
            else:
                link.source.address = link.remote_source.address
            link.open()
            return
        link.target.address = link.remote_target.address
        if link.target.address == "refused":
            link.target.type = Terminus.UNSPECIFIED
            link.open()
            event.container.schedule(0, Refusal(link))
            return
        link.open()
        if link.target.address != "no-credit":
            link.flow(50)

    def on_sendable(self, event):
        address = event.link.source.address or ""
        if address.startswith("count-"):
            for number in range(min(event.link.credit, int(address[6:]))):
                event.link.send(Message(body="message %d" % number))
            event.link.source.address = ""

    def on_message(self, event):
        target = event.receiver.target.address or event.message.address or ""
        event.receiver.flow(1)
        self.received.append((target, event.message))
        if target.endswith("$management"):
            self._manage(event, target)
        elif target == "reject":
            event.delivery.local.condition = Condition("amqp:not-allowed", "we do not want it")
            self._settle(event, Delivery.REJECTED)
        elif target in ("release", ""):
            self._settle(event, Delivery.RELEASED)
        elif target == "modify":
            self._settle(event, Delivery.MODIFIED)
        elif target == "echo":
            self._reply(event.message, Message(body=event.message.body))
            self._settle(event, Delivery.ACCEPTED)
        elif target != "silent":
            self._settle(event, Delivery.ACCEPTED)

    def _settle(self, event, state):
        event.delivery.update(state)
        event.delivery.settle()

    def _reply(self, request, reply):
        reply.correlation_id = request.correlation_id
        self._replies[request.reply_to].send(reply)

    def _manage(self, event, target):
        node = target.split("/")[2] if target.startswith("_topo/0/") else "A"
        if node not in "ABC":
            self._settle(event, Delivery.RELEASED)
            return
        self._settle(event, Delivery.ACCEPTED)
        answer = self.management.answer(node, event.message)
        if answer is not None:
            code, description, body = answer
            self._reply(event.message,
                        Message(body=body,
                                properties={"statusCode": code, "statusDescription": description}))
