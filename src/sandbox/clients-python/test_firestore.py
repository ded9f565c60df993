import datetime
import unittest

from google.api_core.exceptions import AlreadyExists, FailedPrecondition, NotFound
from google.cloud import firestore

from sandbox import PROJECT, unique


class Firestore(unittest.TestCase):
    def setUp(self):
        self.client = firestore.Client(project=PROJECT)
        self.addCleanup(self.client.close)
        self.devices = self.client.collection(unique("devices"))

    def test_documents(self):
        data = {
            "name": "pump",
            "floor": 3,
            "level": 1.5,
            "active": True,
            "none": None,
            "installed": datetime.datetime(2026, 3, 1, 12, tzinfo=datetime.timezone.utc),
            "site": {"id": "north"},
            "tags": ["a", "b"],
            "raw": b"\x00\xff",
        }
        document = self.devices.document("device-1")
        document.set(data)
        self.assertEqual(document.get().to_dict(), data)

        document.update(
            {
                "site.id": "south",
                "floor": firestore.Increment(2),
                "level": firestore.DELETE_FIELD,
                "tags": firestore.ArrayUnion(["c"]),
            }
        )
        changed = document.get().to_dict()
        self.assertEqual(changed["site"], {"id": "south"})
        self.assertEqual(changed["floor"], 5)
        self.assertNotIn("level", changed)
        self.assertEqual(changed["tags"], ["a", "b", "c"])

        document.set({"floor": 6}, merge=True)
        both = {each.id: each for each in self.client.get_all([document, self.devices.document("missing")])}
        self.assertEqual(both["device-1"].get("floor"), 6)
        self.assertFalse(both["missing"].exists)
        self.assertEqual([each.id for each in self.devices.list_documents()], ["device-1"])
        document.delete()
        self.assertFalse(document.get().exists)

    def test_preconditions(self):
        document = self.devices.document("device-1")
        created = document.create({"n": 1})
        with self.assertRaises(AlreadyExists):
            document.create({"n": 2})
        with self.assertRaises(NotFound):
            self.devices.document("missing").update({"n": 1})
        option = self.client.write_option(last_update_time=created.update_time)
        document.update({"n": 3}, option=option)
        with self.assertRaises(FailedPrecondition):
            document.update({"n": 4}, option=option)

    def test_batch(self):
        batch = self.client.batch()
        for n in range(30):
            batch.set(self.devices.document(f"device-{n}"), {"n": n})
        batch.commit()
        self.assertEqual(len(list(self.devices.list_documents())), 30)
