import queue
import unittest

from google.api_core.exceptions import NotFound
from google.cloud import pubsub_v1

from sandbox import PROJECT, unique


class PubSub(unittest.TestCase):
    def setUp(self):
        options = pubsub_v1.types.PublisherOptions(enable_message_ordering=True)
        self.publisher = pubsub_v1.PublisherClient(publisher_options=options)
        self.addCleanup(self.publisher.stop)
        self.subscriber = pubsub_v1.SubscriberClient()
        self.addCleanup(self.subscriber.close)

    def new_subscription(self, ordered=False):
        topic = self.publisher.topic_path(PROJECT, unique("topic"))
        self.publisher.create_topic(name=topic)
        subscription = self.subscriber.subscription_path(PROJECT, unique("subscription"))
        self.subscriber.create_subscription(
            request={"name": subscription, "topic": topic, "enable_message_ordering": ordered}
        )
        return topic, subscription

    def receive(self, subscription, count):
        """Returns `count` messages in the order in which they came, each acknowledged."""
        received = queue.Queue()
        stream = self.subscriber.subscribe(subscription, callback=received.put)
        messages = []
        while len(messages) < count:
            message = received.get(timeout=30)
            message.ack()
            messages.append(message)
        stream.cancel()
        stream.result(timeout=30)
        return messages

    def test_publish_and_pull(self):
        topic, subscription = self.new_subscription()
        futures = [self.publisher.publish(topic, f"reading {n}".encode(), n=str(n)) for n in range(100)]
        published = {future.result(timeout=30) for future in futures}
        messages = self.receive(subscription, 100)
        self.assertEqual({message.message_id for message in messages}, published)
        for message in messages:
            self.assertEqual(message.data.decode(), f"reading {message.attributes['n']}")

    def test_synchronous_pull(self):
        topic, subscription = self.new_subscription()
        self.publisher.publish(topic, b"x").result(timeout=30)
        first = self.subscriber.pull(subscription=subscription, max_messages=10, timeout=30).received_messages
        self.assertEqual([each.message.data for each in first], [b"x"])
        ack_ids = [each.ack_id for each in first]
        self.subscriber.modify_ack_deadline(subscription=subscription, ack_ids=ack_ids, ack_deadline_seconds=0)
        again = self.subscriber.pull(subscription=subscription, max_messages=10, timeout=30).received_messages
        self.assertEqual([each.message.data for each in again], [b"x"])
        self.subscriber.acknowledge(subscription=subscription, ack_ids=[each.ack_id for each in again])

    def test_ordering_keys(self):
        topic, subscription = self.new_subscription(ordered=True)
        for n in range(50):
            self.publisher.publish(topic, b"%02d" % n, ordering_key=f"device-{n % 2}")
        messages = self.receive(subscription, 50)
        for key in ["device-0", "device-1"]:
            data = [message.data for message in messages if message.ordering_key == key]
            self.assertEqual(len(data), 25)
            self.assertEqual(data, sorted(data))

    def test_missing_topic(self):
        with self.assertRaises(NotFound):
            self.publisher.publish(self.publisher.topic_path(PROJECT, "missing"), b"x").result(timeout=30)
