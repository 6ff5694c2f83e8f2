"""A peer that speaks AMQP byte by byte, for what no client library would send."""

import select
import socket
import struct
import threading
import time

from mesh import DEADLINE_S

AMQP_HEADER = b"AMQP\x00\x01\x00\x00"
SASL_HEADER = b"AMQP\x03\x01\x00\x00"
CLOSE_BEGINS = b"\x00\x53\x18"
OPEN, BEGIN, ATTACH, FLOW, TRANSFER, DISPOSITION, DETACH, END, CLOSE = range(0x10, 0x19)


class Symbol(str):
    pass


class UInt(int):
    pass


class UShort(int):
    pass


class UByte(int):
    pass


class Described:
    def __init__(self, code, fields):
        self.code = code
        self.fields = fields


def encode(value):
    """The AMQP encoding of None, bool, UInt, UShort, UByte, str, Symbol, bytes, list, dict and Described."""
    if value is None:
        return b"\x40"
    if isinstance(value, bool):
        return b"\x41" if value else b"\x42"
    if isinstance(value, UInt):
        return b"\x70" + struct.pack(">I", value)
    if isinstance(value, UShort):
        return b"\x60" + struct.pack(">H", value)
    if isinstance(value, UByte):
        return b"\x50" + struct.pack(">B", value)
    if isinstance(value, Symbol):
        data = value.encode()
        return b"\xb3" + struct.pack(">I", len(data)) + data
    if isinstance(value, str):
        data = value.encode()
        return b"\xb1" + struct.pack(">I", len(data)) + data
    if isinstance(value, bytes):
        return b"\xb0" + struct.pack(">I", len(value)) + value
    if isinstance(value, (list, dict)):
        items = value if isinstance(value, list) else [part for pair in value.items() for part in pair]
        body = b"".join(encode(item) for item in items)
        code = b"\xd0" if isinstance(value, list) else b"\xd1"
        return code + struct.pack(">II", len(body) + 4, len(items)) + body
    if isinstance(value, Described):
        return b"\x00\x53" + bytes([value.code]) + encode(value.fields)
    raise TypeError(type(value))


def frame(performative, payload=b"", channel=0, kind=0):
    body = encode(performative) + payload if performative is not None else b""
    return struct.pack(">IBBH", 8 + len(body), 2, kind, channel) + body


def open_frame(container="raw", max_frame_size=65536, channel_max=100, idle_ms=None):
    return frame(Described(OPEN, [container, None, UInt(max_frame_size), UShort(channel_max),
                                  UInt(idle_ms) if idle_ms else None]))


def begin_frame(channel=0, window=1000, handle_max=255):
    return frame(Described(BEGIN, [None, UInt(0), UInt(window), UInt(window), UInt(handle_max)]), channel=channel)


def attach_frame(name, handle, receiver, address, channel=0):
    source = Described(0x28, [address])
    target = Described(0x29, [address])
    return frame(Described(ATTACH, [name, UInt(handle), receiver, None, None, source, target, None, None,
                                    None if receiver else UInt(0)]), channel=channel)


def flow_frame(handle, credit, window=1000, channel=0):
    return frame(Described(FLOW, [UInt(0), UInt(window), UInt(0), UInt(window), UInt(handle), UInt(0),
                                  UInt(credit)]), channel=channel)


def transfer_frame(handle, delivery, payload, more=False, settled=False, channel=0):
    return frame(Described(TRANSFER, [UInt(handle), UInt(delivery), struct.pack(">I", delivery), UInt(0), settled,
                                      more]), payload, channel)


BODY = b"\x00\x53\x77\xa1\x05hello"


class RawPeer:
    """One TCP connection. `expect(code)` waits for a frame with that performative, `expect_end` for its close."""

    def __init__(self, port, receive_buffer=None):
        self.socket = socket.socket()
        if receive_buffer:  # counts for the window only if it is set before
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(DEADLINE_S)
        self.socket.connect(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.input = b""
        self.ended = False

    def send(self, *pieces):
        try:
            self.socket.sendall(b"".join(pieces))
        except OSError:
            pass  # the node may have hung up already; what it said before is what counts
        return self

    def read_more(self, deadline_s=DEADLINE_S):
        if self.ended:
            return False
        ready, _, _ = select.select([self.socket], [], [], deadline_s)
        if not ready:
            raise AssertionError(f"nothing came within {deadline_s} s")
        try:
            data = self.socket.recv(65536)
        except ConnectionError:
            data = b""
        self.ended = not data
        self.input += data
        return bool(data)

    def take(self, size, deadline_s=DEADLINE_S):
        while len(self.input) < size:
            if not self.read_more(deadline_s):
                return None
        data, self.input = self.input[:size], self.input[size:]
        return data

    def next_frame(self, deadline_s=DEADLINE_S):
        """(performative's code, whole frame), (None, frame) for an empty one, or None at the end."""
        head = self.take(8, deadline_s)
        if head is None:
            return None
        if head.startswith(b"AMQP"):
            return "header", head
        size, offset = struct.unpack(">IB", head[:5])
        rest = self.take(size - 8, deadline_s)
        if rest is None:
            return None
        body = rest[offset * 4 - 8:]
        return (body[2] if len(body) > 2 else None), head + rest

    def expect(self, code, deadline_s=DEADLINE_S):
        end = time.monotonic() + deadline_s
        while time.monotonic() < end:
            got = self.next_frame(deadline_s)
            if got is None:
                raise AssertionError(f"the connection ended before 0x{code:x}")
            if got[0] == code:
                return got[1]
        raise AssertionError(f"no 0x{code:x} within {deadline_s} s")

    def expect_end(self, deadline_s=DEADLINE_S, answer=True):
        """Reads all that comes until the peer closes; returns it. `answer`: end our side when it says close."""
        everything = self.input
        end = time.monotonic() + deadline_s
        while not self.ended:
            if answer and CLOSE_BEGINS in everything:
                answer = False
                try:
                    self.socket.shutdown(socket.SHUT_WR)
                except OSError:
                    pass  # ended already
            self.input = b""
            self.read_more(max(0.01, end - time.monotonic()))
            everything += self.input
        return everything

    def handshake(self, **options):
        self.send(AMQP_HEADER, open_frame(**options))
        self.expect(OPEN)
        return self

    def session(self, **options):
        self.handshake(**options)
        self.send(begin_frame())
        self.expect(BEGIN)
        return self

    def close(self):
        self.socket.close()


class Proxy:
    """A TCP proxy in front of a port, on a thread of its own, that can be cut, frozen and mended."""

    def __init__(self, target):
        self.target = target
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.mesh_port = self.listener.getsockname()[1]
        self.wake_read, self.wake_write = socket.socketpair()
        self.lock = threading.Lock()
        self.state = "open"        # open, frozen (nothing moves), cut (connections are reset and refused)
        self.pairs = {}
        self.running = True
        self.bytes = 0
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def cut(self):
        self.set("cut")

    def freeze(self):
        self.set("frozen")

    def mend(self):
        self.set("open")

    def set(self, state):
        with self.lock:
            self.state = state
        self.wake_write.send(b".")

    def close(self):
        self.running = False
        self.wake_write.send(b".")
        self.thread.join()
        for one in [*self.pairs, self.listener, self.wake_read, self.wake_write]:
            one.close()

    def run(self):
        while self.running:
            with self.lock:
                state = self.state
            if state == "cut":
                for one in list(self.pairs):
                    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    one.close()
                self.pairs.clear()
            watched = [self.wake_read, self.listener] + (list(self.pairs) if state == "open" else [])
            ready, _, _ = select.select(watched, [], [], 1)
            for one in ready:
                if one is self.wake_read:
                    one.recv(100)
                elif one is self.listener:
                    self.accept(state)
                elif one in self.pairs:
                    self.forward(one)

    def accept(self, state):
        incoming, _ = self.listener.accept()
        try:
            if state == "cut":
                raise OSError("cut")
            outgoing = socket.create_connection(("127.0.0.1", self.target), 5)
        except OSError:
            incoming.close()
            return
        for one in (incoming, outgoing):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            one.settimeout(5)
        self.pairs[incoming] = outgoing
        self.pairs[outgoing] = incoming

    def forward(self, one):
        other = self.pairs[one]
        try:
            data = one.recv(65536)
            if data:
                other.sendall(data)
                self.bytes += len(data)
                return
        except OSError:
            pass  # either side is gone: both go
        for end in (one, other):
            self.pairs.pop(end, None)
            end.close()
