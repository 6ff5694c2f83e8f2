"""AMQP clients for the system tests, on Proton's Python binding but without its conveniences: credit, outcomes
and settlement are what the tests are about. One thread; any number of connections; waiting is by condition."""

import time

from proton import Condition, Delivery, Endpoint, Handler, Message, Terminus
from proton._handlers import IOHandler
from proton.reactor import Container

from mesh import DEADLINE_S

OUTCOMES = {Delivery.ACCEPTED: "accepted", Delivery.REJECTED: "rejected", Delivery.RELEASED: "released",
            Delivery.MODIFIED: "modified", Delivery.RECEIVED: "received"}


def expire_living(self, event, expire=IOHandler.on_selectable_expired):
    """The binding forgets that a socket's deadline may pass in the turn in which its connection is lost."""
    if event.selectable._transport is not None:
        expire(self, event)


IOHandler.on_selectable_expired = expire_living


class Sent:
    """What became of one delivery."""

    def __init__(self):
        self.outcome = None       # text, once the peer has said it
        self.settled = False      # by the peer
        self.error = None         # of a rejection: its Condition
        self.failed = None        # of a modification
        self.undeliverable = None
        self.annotations = None
        self.outcomes_seen = 0
        self.data = None          # of a state that AMQP's core does not define

    @property
    def done(self):
        return self.settled


class Sender:
    def __init__(self, link):
        self.link = link
        self.opened = False
        self.closed = None        # the peer's condition, or True, after its detach
        self.number = 0
        self.in_flight = set()

    @property
    def credit(self):
        return self.link.credit

    def send(self, message, settled=False, message_format=0):
        """Takes a Message, a str (becomes a message's body) or encoded bytes."""
        sent = Sent()
        self.number += 1
        delivery = self.link.delivery(str(self.number))
        delivery.tracked = sent
        self.link.send(encode(message))
        self.link.advance()
        if settled:
            delivery.settle()
            sent.settled = True
        else:
            self.in_flight.add(delivery)
        return sent

    def begin(self):
        """Starts a delivery that is sent piece by piece: link.send(...), then link.advance() or abort()."""
        sent = Sent()
        self.number += 1
        delivery = self.link.delivery(str(self.number))
        delivery.tracked = sent
        self.in_flight.add(delivery)
        return delivery, sent

    def detach(self):
        self.link.close()


class Received:
    def __init__(self, delivery, payload):
        self.delivery = delivery
        self.payload = payload
        self.settled = delivery.settled

    @property
    def message(self):
        message = Message()
        message.decode(self.payload)
        return message

    @property
    def body(self):
        return self.message.body

    def accept(self):
        self.finish(Delivery.ACCEPTED)

    def release(self):
        self.finish(Delivery.RELEASED)

    def reject(self, name="test:refused", description="not wanted", info=None):
        self.delivery.local.condition = Condition(name, description, info)
        self.finish(Delivery.REJECTED)

    def modify(self, failed=False, undeliverable=False, annotations=None):
        self.delivery.local.failed = failed
        self.delivery.local.undeliverable = undeliverable
        if annotations:
            self.delivery.local.annotations = annotations
        self.finish(Delivery.MODIFIED)

    def finish(self, state):
        self.delivery.update(state)
        self.delivery.settle()


class Receiver:
    def __init__(self, link, answer, window):
        self.link = link
        self.answer = answer      # "accept", or None: the test answers
        self.window = window      # credit kept topped up; 0: the test gives credit
        self.opened = False
        self.closed = None
        self.messages = []
        self.partial = {}
        self.aborted = 0
        self.keep = True
        self.count = 0
        self.bytes = 0

    def flow(self, credit):
        self.link.flow(credit)

    def drain(self, credit):
        self.link.drain(credit)

    @property
    def bodies(self):
        return [received.body for received in self.messages]

    @property
    def address(self):
        return self.link.remote_source.address

    def detach(self):
        self.link.close()

    def on_data(self, delivery):
        link = self.link
        if link.state & Endpoint.LOCAL_CLOSED:
            return  # on its way when we detached: the binding shows such a message without its bytes
        if delivery.aborted:
            self.aborted += 1
            self.partial.pop(delivery.tag, None)
            delivery.settle()
            return
        pieces = self.partial.setdefault(delivery.tag, [])
        piece = link.recv(delivery.pending)
        if piece:
            self.bytes += len(piece)
            if self.keep:
                pieces.append(piece)
        if delivery.partial:
            return
        del self.partial[delivery.tag]
        link.advance()
        self.count += 1
        received = Received(delivery, b"".join(pieces))
        if self.keep:
            self.messages.append(received)
        if received.settled:
            delivery.settle()
        elif self.answer == "accept":
            received.accept()
        if self.window:
            link.flow(self.window - link.credit)


class Connection:
    def __init__(self, clients, connection):
        self.clients = clients
        self.connection = connection
        self.opened = False
        self.closed = None
        self.links = []
        self.number = 0

    def session(self):
        session = self.connection.session()
        session.open()
        return session

    def name(self):
        self.number += 1
        return f"{self.connection.container}-{self.number}"

    def sender(self, address, wait=True, session=None, settle=None, capabilities=None, name=None, dynamic=False):
        link = (session or self.default_session()).sender(name or self.name())
        wrapper = Sender(link)
        link.wrapper = wrapper
        link.source.address = address
        if dynamic:
            link.target.dynamic = True
        elif address is None:
            link.target.type = Terminus.TARGET
            link.target.address = None
        else:
            link.target.address = address
        if capabilities:
            link.target.capabilities.put_object(capabilities)
        if settle is not None:
            link.snd_settle_mode = settle
        link.open()
        self.links.append(wrapper)
        if wait:
            self.clients.wait(lambda: wrapper.opened or wrapper.closed, f"attach of a sender to {address}")
        return wrapper

    def receiver(self, address, window=100, answer="accept", wait=True, session=None, dynamic=False, name=None,
                 settle=None, second=False, capabilities=None):
        link = (session or self.default_session()).receiver(name or self.name())
        wrapper = Receiver(link, answer, window)
        link.wrapper = wrapper
        if dynamic:
            link.source.dynamic = True
        else:
            link.source.address = address
        link.target.address = address
        if capabilities:
            link.source.capabilities.put_object(capabilities)
        if settle is not None:
            link.snd_settle_mode = settle
        if second:
            link.rcv_settle_mode = link.RCV_SECOND
        link.open()
        if window:
            link.flow(window)
        self.links.append(wrapper)
        if wait:
            self.clients.wait(lambda: wrapper.opened or wrapper.closed, f"attach of a receiver from {address}")
        return wrapper

    def default_session(self):
        if not hasattr(self, "the_session"):
            self.the_session = self.session()
        return self.the_session

    def close(self, wait=True):
        self.connection.close()
        if wait:
            self.clients.wait(lambda: self.closed, "the peer's close")

    def vanish(self):
        """Closes the socket without a word of AMQP."""
        selectable = self.connection.transport._selectable
        self.connection.transport.unbind()
        selectable._delegate.close()
        selectable.terminate()
        selectable.update()


class Clients(Handler):
    """All connections of a test, driven by wait()."""

    def __init__(self):
        self.container = Container(self)
        self.container.timeout = 0.02
        self.container.start()
        # A reactor without anything to wait for ends for good, also between two connections.
        self.keeps_running = self.container.schedule(1e6, self)
        self.number = 0
        self.connections = []

    def connect(self, node, wait=True, **options):
        port = node if isinstance(node, int) else node.port
        self.number += 1
        options.setdefault("sasl_enabled", True)
        options.setdefault("allowed_mechs", "ANONYMOUS")
        self.container.container_id = f"client-{self.number}"
        connection = self.container.connect(f"amqp://127.0.0.1:{port}", reconnect=False, **options)
        wrapper = Connection(self, connection)
        connection.wrapper = wrapper
        self.connections.append(wrapper)
        if wait:
            self.wait(lambda: wrapper.opened or wrapper.closed, "the open of a connection")
        return wrapper

    def wait(self, condition, what, deadline_s=None):
        """Lets everything run until the condition holds; returns how many seconds that took."""
        begin = time.monotonic()
        end = begin + (deadline_s or DEADLINE_S)
        while not condition():
            self.container.process()
            if time.monotonic() > end and not condition():
                raise AssertionError(f"waited in vain for {what}")
        return time.monotonic() - begin

    def never(self, condition, what, during_s=0.3):
        """Lets everything run for a while in which the condition must not come true."""
        end = time.monotonic() + during_s
        while time.monotonic() < end:
            self.container.process()
            if condition():
                raise AssertionError(f"must not be: {what}")

    def close(self):
        for connection in self.connections:
            if connection.opened and not connection.closed:
                connection.connection.close()
        open_ones = [c for c in self.connections if c.opened and not c.closed]
        end = time.monotonic() + 5
        while any(not c.closed for c in open_ones) and time.monotonic() < end:
            self.container.process()
        self.keeps_running.cancel()
        self.container.stop()

    # Events of Proton's.

    def on_connection_remote_open(self, event):
        event.connection.wrapper.opened = True

    def on_connection_remote_close(self, event):
        event.connection.wrapper.closed = event.connection.remote_condition or True
        event.connection.close()

    def on_transport_closed(self, event):
        wrapper = event.connection.wrapper
        wrapper.closed = wrapper.closed or event.transport.condition or True
        for link in wrapper.links:
            link.closed = link.closed or True

    def on_session_remote_close(self, event):
        event.session.close()

    def on_link_remote_open(self, event):
        event.link.wrapper.opened = True

    def on_link_remote_close(self, event):
        event.link.wrapper.closed = event.link.remote_condition or True
        event.link.close()

    def on_link_remote_detach(self, event):
        event.link.wrapper.closed = event.link.remote_condition or True
        event.link.detach()

    def on_delivery(self, event):
        delivery = event.delivery
        if delivery.link.is_receiver:
            if delivery.readable or delivery.aborted:
                delivery.link.wrapper.on_data(delivery)
            return
        if delivery.updated and hasattr(delivery, "tracked"):
            self.on_outcome(delivery)

    @staticmethod
    def on_outcome(delivery):
        sent = delivery.tracked
        state = delivery.remote_state
        if state in OUTCOMES:
            sent.outcome = OUTCOMES[state]
            sent.outcomes_seen += 1
        if state == Delivery.REJECTED:
            sent.error = delivery.remote.condition
        elif state == Delivery.MODIFIED:
            sent.failed = delivery.remote.failed
            sent.undeliverable = delivery.remote.undeliverable
            sent.annotations = delivery.remote.annotations
        elif state and state not in OUTCOMES:
            sent.data = delivery.remote.data
        if delivery.settled:
            sent.settled = True
            delivery.settle()
            delivery.link.wrapper.in_flight.discard(delivery)
        elif state in OUTCOMES and state != Delivery.RECEIVED:
            # Second mode: the peer waits for us to settle.
            delivery.update(state)
            delivery.settle()
            sent.settled = True
            delivery.link.wrapper.in_flight.discard(delivery)


def encode(message):
    if isinstance(message, bytes):
        return message
    if isinstance(message, str):
        message = Message(body=message)
    return message.encode()
