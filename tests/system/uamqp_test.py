#!/usr/bin/python3
"""Azure's C engine, by its Python binding: sending and receiving at one node and across three.

The binding speaks TLS only, so a small TLS end stands in front of the nodes' plain ports."""

import asyncio
import ssl
import subprocess
import threading
import unittest
import uuid
from pathlib import Path

import uamqp
from proton import Message
from uamqp import authentication

from clients import Clients
from management import Management
from mesh import DEADLINE_S, MeshTest, poll_until


class TlsEnd:
    """Takes TLS connections and passes their bytes on to a plain port; runs on a thread of its own."""

    def __init__(self, folder, target):
        self.target = target
        self.certificate = str(Path(folder, f"tls-{target}.pem"))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-addext",
                        "subjectAltName=DNS:localhost,IP:127.0.0.1", "-days",
                        "2", "-keyout", self.certificate + ".key", "-out", self.certificate],
                       check=True, stderr=subprocess.DEVNULL)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(self.certificate, self.certificate + ".key")
        self.loop = asyncio.new_event_loop()
        self.server = self.loop.run_until_complete(
            asyncio.start_server(self.serve, "127.0.0.1", 0, ssl=self.context))
        self.port = self.server.sockets[0].getsockname()[1]
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    async def serve(self, reader, writer):
        try:
            plain_reader, plain_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.close()  # the node is not there now
            return
        await asyncio.gather(self.pump(reader, plain_writer), self.pump(plain_reader, writer))

    @staticmethod
    async def pump(reader, writer):
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass  # gone: the other side learns it by the close
        writer.close()

    def close(self):
        asyncio.run_coroutine_threadsafe(self.stop(), self.loop).result()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    async def stop(self):
        self.server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class UamqpTest(MeshTest):
    @classmethod
    def topology(cls, mesh):
        cls.tls = {}
        for node in mesh.line("ABC"):
            end = TlsEnd(mesh.folder, node.port)
            mesh.closers.append(end.close)
            cls.tls[node.name] = end

    def setUp(self):
        self.address = f"uamqp/{uuid.uuid4().hex[:8]}"

    def at(self, node):
        """How to reach the address at a node: URL and authentication."""
        end = self.tls[node]
        auth = authentication.SASLAnonymous("localhost", port=end.port, verify=end.certificate)
        return f"amqps://localhost:{end.port}/{self.address}", auth

    def wait_for_consumer(self, node):
        """uAMQP's sender believes in credit of its own making as soon as it is attached, so there had better be some."""
        clients = Clients()
        sender = clients.connect(self.shared.nodes[node]).sender(self.address)
        clients.wait(lambda: sender.credit > 0, "a consumer")
        clients.close()


class Uamqp(UamqpTest):
    def exchange(self, sender_at, receiver_at, bodies):
        """Sends the bodies; returns (outcomes, received bodies)."""
        received = []
        done = threading.Event()
        answered = threading.Event()

        def receive():
            url, auth = self.at(receiver_at)
            client = uamqp.ReceiveClient(url, auth=auth, timeout=30000, prefetch=50)
            try:
                while len(received) < len(bodies):
                    for message in client.receive_message_batch(max_batch_size=50, timeout=30000):
                        received.append(b"".join(message.get_data()))
                        message.accept()
                # What it accepted leaves the client only while it works.
                while not answered.is_set():
                    client.do_work()
            finally:
                client.close()
                done.set()
        thread = threading.Thread(target=receive, daemon=True)
        thread.start()
        self.wait_for_consumer(sender_at)
        url, auth = self.at(sender_at)
        client = uamqp.SendClient(url, auth=auth,
                                  receive_settle_mode=uamqp.constants.ReceiverSettleMode.ReceiveAndDelete)
        client.queue_message(*[uamqp.Message(body) for body in bodies])
        try:
            outcomes = client.send_all_messages()
        finally:
            answered.set()
            client.close()
        self.assertTrue(done.wait(60), "not everything was received")
        thread.join()
        return outcomes, received

    def check(self, sender_at, receiver_at, bodies):
        outcomes, received = self.exchange(sender_at, receiver_at, bodies)
        self.assertEqual({uamqp.constants.MessageState.SendComplete}, set(outcomes))
        self.assertEqual(bodies, received)

    def test_at_one_node(self):
        self.check("B", "B", [f"{number}".encode() for number in range(100)])

    def test_across_three_nodes(self):
        self.check("A", "C", [f"{number}".encode() for number in range(100)])

    def test_a_large_message(self):
        self.check("A", "C", [b"x" * 500000])


    def test_every_outcome_at_one_node(self):
        self.outcomes("B", "B")

    def test_every_outcome_across_three(self):
        self.outcomes("A", "C")

    def outcomes(self, sender_at, receiver_at):
        """What its receiver says is what the sender is told; what comes settled needs no word."""
        words = ("accept", "reject", "release", "modify")
        seen, told = [], threading.Event()

        def receive():
            url, auth = self.at(receiver_at)
            client = uamqp.ReceiveClient(url, auth=auth, timeout=30000, prefetch=10, auto_complete=False)
            try:
                while not told.is_set():
                    for message in client.receive_message_batch(max_batch_size=5, timeout=200):
                        word = b"".join(message.get_data()).decode()
                        seen.append(word)
                        if word == "modify":
                            message.modify(True, False)
                        elif word != "settled":
                            getattr(message, word)()
                    client.do_work()
            finally:
                client.close()
        thread = threading.Thread(target=receive, daemon=True)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(told.set)
        clients = Clients()
        self.addCleanup(clients.close)
        sender = clients.connect(self.shared.nodes[sender_at]).sender(self.address)
        clients.wait(lambda: sender.credit > 0, "a consumer")
        sender.send(Message(body=b"settled", inferred=True), settled=True)
        sent = [sender.send(Message(body=word.encode(), inferred=True)) for word in words]
        clients.wait(lambda: all(one.done for one in sent), "all outcomes")
        self.assertEqual(["accepted", "rejected", "released", "modified"], [one.outcome for one in sent])
        self.assertEqual(["settled", *words], seen)


class UamqpRequests(UamqpTest):
    """Requests and replies: uAMQP asks in one case, answers in the other."""

    COUNT = 20

    def in_thread(self, work):
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        self.addCleanup(thread.join)
        return thread

    def client_of(self, kind, node, address, **options):
        url, auth = self.at(node)
        if kind is uamqp.SendClient:
            options["receive_settle_mode"] = uamqp.constants.ReceiverSettleMode.ReceiveAndDelete
        return kind(url.replace(self.address, address), auth=auth, **options)

    def asks(self, requester_at, service_at):
        """Its replies come to an address of its own; the service finds it in reply-to."""
        replies_to, replies, enough = self.address + "/replies", {}, threading.Event()

        def take_replies():
            client = self.client_of(uamqp.ReceiveClient, requester_at, replies_to, timeout=30000, prefetch=50)
            try:
                while len(replies) < self.COUNT and not enough.is_set():
                    for message in client.receive_message_batch(max_batch_size=10, timeout=200):
                        replies[message.properties.correlation_id] = b"".join(message.get_data())
                        message.accept()
                client.do_work()
            finally:
                client.close()
                enough.set()
        self.addCleanup(enough.set)
        self.in_thread(take_replies)
        clients = Clients()
        self.addCleanup(clients.close)
        connection = clients.connect(self.shared.nodes[service_at])
        service = connection.receiver(self.address)
        relay = connection.sender(None)
        answer_probe = connection.sender(replies_to)
        clients.wait(lambda: answer_probe.credit > 0 and relay.credit > 0, "somebody who takes replies")

        def ask():
            client = self.client_of(uamqp.SendClient, requester_at, self.address)
            client.queue_message(*[
                uamqp.Message(f"question {number}".encode(), properties=uamqp.message.MessageProperties(
                    message_id=f"id-{number}", reply_to=replies_to)) for number in range(self.COUNT)])
            try:
                client.send_all_messages()
            finally:
                client.close()
        self.wait_for_consumer(requester_at)
        self.in_thread(ask)
        answered = 0

        def serve():
            nonlocal answered
            for one in service.messages[answered:]:
                request = one.message
                relay.send(Message(address=request.reply_to, correlation_id=request.id,
                                   body=b"answer to " + bytes(request.body), inferred=True))
                answered += 1
            return enough.is_set()
        clients.wait(serve, "all replies", 60)
        self.assertEqual({f"id-{number}".encode(): f"answer to question {number}".encode()
                          for number in range(self.COUNT)}, replies)

    def answers(self, requester_at, service_at):
        """To the dynamic reply address of a client of Proton's."""
        done = threading.Event()

        def serve():
            receiver = self.client_of(uamqp.ReceiveClient, service_at, self.address, timeout=30000, prefetch=50)
            sender = None
            try:
                while not done.is_set():
                    for message in receiver.receive_message_batch(max_batch_size=10, timeout=200):
                        properties = message.properties
                        message.accept()
                        if sender is None:
                            reply_to = properties.reply_to.decode().removeprefix("amqp:/")
                            sender = self.client_of(uamqp.SendClient, service_at, reply_to)
                        sender.queue_message(uamqp.Message(
                            b"answer to " + b"".join(message.get_data()),
                            properties=uamqp.message.MessageProperties(correlation_id=properties.message_id)))
                    if sender is not None:
                        sender.send_all_messages(close_on_done=False)
                    receiver.do_work()
            finally:
                receiver.close()
                if sender is not None:
                    sender.close()
        self.in_thread(serve)
        self.addCleanup(done.set)
        clients = Clients()
        self.addCleanup(clients.close)
        connection = clients.connect(self.shared.nodes[requester_at])
        replies = connection.receiver(None, dynamic=True)
        sender = connection.sender(self.address)
        clients.wait(lambda: sender.credit > 0, "the service")
        sent = [sender.send(Message(body=f"question {number}".encode(), inferred=True, id=f"id-{number}",
                                    reply_to=replies.address)) for number in range(self.COUNT)]
        clients.wait(lambda: replies.count >= self.COUNT and all(one.done for one in sent), "all replies", 60)
        self.assertEqual({"accepted"}, {one.outcome for one in sent})
        self.assertEqual({f"id-{number}": f"answer to question {number}".encode() for number in range(self.COUNT)},
                         {self.text(one.message.correlation_id): bytes(one.body) for one in replies.messages})

    @staticmethod
    def text(identifier):
        return identifier.decode() if isinstance(identifier, (bytes, memoryview)) else str(identifier)

    def test_it_asks_at_one_node(self):
        self.asks("B", "B")

    def test_it_asks_across_three(self):
        self.asks("A", "C")

    def test_it_answers_at_one_node(self):
        self.answers("B", "B")

    def test_it_answers_across_three(self):
        self.answers("A", "C")


class UamqpDrains(UamqpTest):
    """Credit that is drained is gone: what comes later waits for new credit."""

    def drains(self, sender_at, receiver_at):
        url, auth = self.at(receiver_at)
        received = []

        def note(message):
            received.append(b"".join(message.get_data()))
            message.accept()
        client = uamqp.ReceiveClient(url, auth=auth, prefetch=10, auto_complete=False)
        self.addCleanup(client.close)
        client._message_received_callback = note
        client.open()
        clients = Clients()
        self.addCleanup(clients.close)
        sender = clients.connect(self.shared.nodes[sender_at]).sender(self.address)

        def until(condition, what):
            clients.wait(lambda: client.do_work() and condition(), what)
        until(lambda: sender.credit > 0, "the consumer")
        before = sender.send(Message(body=b"before", inferred=True))
        until(lambda: before.done and received == [b"before"], "a message on the first credit")
        client.message_handler.reset_link_credit(10, drain=True)
        self.assertEqual(0, self.credit_at(clients, self.shared.nodes[receiver_at], client),
                         "the node has given back what it had")
        after = sender.send(Message(body=b"after", inferred=True))
        clients.never(lambda: client.do_work() and after.done, "a message without credit")
        self.assertEqual([b"before"], received)
        # It keeps counting from before the drain (the node's flow has moved the delivery-count on by what it gave
        # back, AMQP 2.6.7), so up to ten of these are gone already.
        client.message_handler.reset_link_credit(20)
        until(lambda: after.done and len(received) == 2, "the message on new credit")
        self.assertEqual(("accepted", "accepted"), (before.outcome, after.outcome))
        self.assertEqual([b"before", b"after"], received)

    def credit_at(self, clients, node, client):
        """What the node has of the consumer's credit once the drain has come and been answered."""
        management = Management(clients.connect(node))

        def credit():
            rows = management.query("router.link", "owningAddr", "linkDir", "creditAvailable")
            return [row["creditAvailable"] for row in rows
                    if row["owningAddr"] == f"M0{self.address}" and row["linkDir"] == "out"]
        clients.wait(lambda: client.do_work() and credit() == [0], "the drain")
        return credit()[0]

    def test_at_one_node(self):
        self.drains("B", "B")

    def test_across_three(self):
        self.drains("A", "C")


class UamqpReconnects(MeshTest):
    """A node is killed and comes back. uAMQP ends a client whose connection is lost; one made anew goes on."""

    def setUp(self):
        self.mesh = self.own_mesh()
        self.address = f"uamqp/{uuid.uuid4().hex[:8]}"
        self.ends = {}
        for node in self.mesh.line("ABC"):
            end = TlsEnd(self.mesh.folder, node.port)
            self.mesh.closers.append(end.close)
            self.ends[node.name] = end

    def client(self, kind, node, **options):
        end = self.ends[node]
        auth = authentication.SASLAnonymous("localhost", port=end.port, verify=end.certificate)
        return kind(f"amqps://localhost:{end.port}/{self.address}", auth=auth, **options)

    def receive(self, received):
        """As applications do it: with a new client for each one that is lost."""
        while not self.enough.is_set():
            client = self.client(uamqp.ReceiveClient, "C", timeout=5000, prefetch=10)
            try:
                alive = True
                while alive and not self.enough.is_set():
                    for message in client.receive_message_batch(max_batch_size=10, timeout=1000):
                        received.append(b"".join(message.get_data()))
                        message.accept()
                    alive = client.do_work()
            except uamqp.errors.AMQPError:
                pass  # lost with its node
            finally:
                client.close()

    def test_the_receivers_node(self):
        received = []
        self.enough = threading.Event()
        thread = threading.Thread(target=self.receive, args=(received,), daemon=True)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(self.enough.set)
        clients = Clients()
        self.addCleanup(clients.close)
        sender = clients.connect(self.mesh.nodes["A"]).sender(self.address)
        self.send(clients, sender, received, range(10))
        self.mesh.nodes["C"].kill()
        self.mesh.nodes["C"].start()
        self.send(clients, sender, received, range(10, 20))
        self.assertEqual([f"{number}".encode() for number in range(20)], received)

    def consumer_known(self):
        """The node of the senders is there and knows the consumer."""
        clients = Clients()
        try:
            connection = clients.connect(self.mesh.nodes["A"])
            sender = connection.sender(self.address, wait=False)
            clients.wait(lambda: sender.credit > 0 or connection.closed, "credit, or the end")
            return sender.credit > 0
        finally:
            clients.close()

    def send_all(self, bodies):
        """As applications do it: with a new client for each one that is lost, and again what it did not say of."""
        client = None
        for body in bodies:
            complete = False
            while not complete:
                try:
                    if client is None:
                        poll_until(self.consumer_known, "the node and a consumer")
                        client = self.client(
                            uamqp.SendClient, "A",
                            receive_settle_mode=uamqp.constants.ReceiverSettleMode.ReceiveAndDelete)
                    client.queue_message(uamqp.Message(body))
                    outcomes = client.send_all_messages(close_on_done=False)
                    complete = set(outcomes) == {uamqp.constants.MessageState.SendComplete}
                except (uamqp.errors.AMQPError, OSError):
                    complete = False
                if not complete:
                    client.close()
                    client = None
                    self.lost += 1
        client.close()
        self.finished.set()

    def test_the_senders_node(self):
        clients = Clients()
        self.addCleanup(clients.close)
        receiver = clients.connect(self.mesh.nodes["C"]).receiver(self.address)
        bodies = [f"{number}".encode() for number in range(20)]
        self.lost, self.finished, halfway = 0, threading.Event(), threading.Event()

        def in_two_halves():
            for index, body in enumerate(bodies):
                if index == 10:
                    halfway.set()
                    restarted.wait(DEADLINE_S)
                yield body
        restarted = threading.Event()
        thread = threading.Thread(target=self.send_all, args=(in_two_halves(),), daemon=True)
        thread.start()
        clients.wait(halfway.is_set, "half of the messages")
        self.mesh.nodes["A"].kill()
        self.mesh.nodes["A"].start()
        restarted.set()
        clients.wait(self.finished.is_set, "the other half", 90)
        thread.join()
        self.assertGreaterEqual(self.lost, 1, "the client has not noticed that its node was gone")
        got = [bytes(one.message.body) for one in receiver.messages]
        self.assertEqual(set(bodies), set(got))
        self.assertLessEqual(len(got), len(bodies) + self.lost, "what was answered came again")

    @staticmethod
    def send(clients, sender, received, numbers):
        """Each until it has come: a client that has been lost may have taken one with it."""
        for number in numbers:
            body = f"{number}".encode()
            sent = None

            def come():
                nonlocal sent
                lost = sent is not None and sent.done and sent.outcome != "accepted"
                if body not in received and sender.credit > 0 and (sent is None or lost):
                    sent = sender.send(Message(body=body, inferred=True))
                return body in received
            clients.wait(come, f"message {number}")


if __name__ == "__main__":
    unittest.main()
