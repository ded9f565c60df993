import datetime
import unittest

from google.api_core.exceptions import BadRequest, MethodNotImplemented, NotFound
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from sandbox import PROJECT, unique

NOON = datetime.datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=datetime.timezone.utc)
SCHEMA = [
    bigquery.SchemaField("device", "STRING", mode="REQUIRED"),
    bigquery.SchemaField("value", "FLOAT64"),
    bigquery.SchemaField("count", "INT64"),
    bigquery.SchemaField("valid", "BOOL"),
    bigquery.SchemaField("measured", "TIMESTAMP"),
    bigquery.SchemaField("day", "DATE"),
    bigquery.SchemaField("tags", "STRING", mode="REPEATED"),
]
READINGS = [
    {"device": "device-1", "value": 1.5, "count": 1, "valid": True, "measured": NOON, "day": NOON.date(), "tags": ["a", "b"]},
    {"device": "device-2", "value": -2.25, "count": 2**53 + 1, "valid": False, "measured": NOON, "day": None, "tags": []},
]


class BigQuery(unittest.TestCase):
    def setUp(self):
        self.client = bigquery.Client(project=PROJECT, credentials=AnonymousCredentials())
        self.addCleanup(self.client.close)
        dataset = self.client.create_dataset(unique("dataset").replace("-", "_"))
        self.table = self.client.create_table(bigquery.Table(dataset.table("readings"), schema=SCHEMA))

    def insert(self):
        self.assertEqual(self.client.insert_rows(self.table, READINGS), [])

    def test_insert_and_read_rows(self):
        self.insert()
        rows = self.client.list_rows(self.client.get_table(self.table.reference))
        self.assertEqual([dict(row) for row in rows], READINGS)
        paged = self.client.list_rows(self.table, page_size=1)
        self.assertEqual([page.num_items for page in paged.pages], [1, 1])

    def test_insert_ids(self):
        row = {"device": "device-1"}
        for _ in range(2):
            self.assertEqual(self.client.insert_rows_json(self.table, [row], row_ids=["same"]), [])
        self.assertEqual(len(list(self.client.list_rows(self.table))), 1)

    def test_refused_rows(self):
        rows = [{"device": "device-1"}, {"device": "device-2", "unknown": 1}]
        refused = self.client.insert_rows_json(self.table, rows, skip_invalid_rows=True)
        self.assertEqual([each["index"] for each in refused], [1])
        self.assertIn("no such field: unknown", refused[0]["errors"][0]["message"])
        self.assertEqual(len(list(self.client.list_rows(self.table))), 1)

    def test_query(self):
        self.insert()
        statement = f"SELECT * FROM `{self.table.dataset_id}.readings` WHERE device = @device AND measured >= @after"
        config = bigquery.QueryJobConfig(
            query_parameters=[
                bigquery.ScalarQueryParameter("device", "STRING", "device-2"),
                bigquery.ScalarQueryParameter("after", "TIMESTAMP", NOON),
            ]
        )
        for run in [self.client.query_and_wait, lambda *args, **kwargs: self.client.query(*args, **kwargs).result()]:
            rows = run(statement, job_config=config)
            self.assertEqual([dict(row) for row in rows], READINGS[1:])
        [totals] = self.client.query_and_wait(f"SELECT COUNT(*), MAX(value) FROM {self.table.dataset_id}.readings")
        self.assertEqual(tuple(totals.values()), (2, 1.5))

    def test_refused_jobs(self):
        with self.assertRaises(NotFound):
            self.client.query_and_wait("SELECT * FROM missing.readings")
        with self.assertRaises(BadRequest):
            self.client.query_and_wait("SELECT FROM WHERE")
        with self.assertRaises(MethodNotImplemented):
            self.client.copy_table(self.table, f"{self.table.dataset_id}.copy")
