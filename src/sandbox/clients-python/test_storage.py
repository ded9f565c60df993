import gzip
import io
import unittest

from google.api_core.exceptions import BadRequest, NotFound, PreconditionFailed
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from sandbox import PROJECT, fault, unique

UNIT = 256 * 1024


class Storage(unittest.TestCase):
    def setUp(self):
        self.client = storage.Client(project=PROJECT, credentials=AnonymousCredentials())
        self.addCleanup(self.client.close)
        self.bucket = self.client.create_bucket(unique("bucket"))

    def test_upload(self):
        for name, content in {"empty": b"", "small": b"0123456789"}.items():
            blob = self.bucket.blob(name)
            blob.upload_from_string(content, content_type="text/plain", checksum="crc32c")
            self.assertEqual(blob.size, len(content))
            self.assertEqual(self.bucket.get_blob(name).crc32c, blob.crc32c)
        with self.assertRaises(PreconditionFailed):
            self.bucket.blob("small").upload_from_string(b"second", if_generation_match=0)

    def test_resumable_upload(self):
        for size in [UNIT + 1, 2 * UNIT, 3 * UNIT - 1]:
            content = (b"0123456789abcdef" * (size // 16 + 1))[:size]
            blob = self.bucket.blob("large", chunk_size=UNIT)
            blob.upload_from_file(io.BytesIO(content))  # of unknown size: in chunks
            self.assertEqual(blob.size, size)
            self.assertEqual(blob.download_as_bytes(), content)
        with self.bucket.blob("stream").open("wb", chunk_size=UNIT) as stream:
            for _ in range(5):
                stream.write(b"x" * 200_000)
        self.assertEqual(self.bucket.get_blob("stream").size, 1_000_000)

    def test_lost_answers_of_an_upload(self):
        content = b"0123456789abcdef" * (3 * UNIT // 16)
        for skip in range(4):
            name = f"large-{skip}"
            lost = {"server": "storage", "method": "storage.objects.insert", "resource": f"*/{name}", "dropResponse": True}
            with fault(**lost, skip=skip, times=1):
                blob = self.bucket.blob(name, chunk_size=UNIT)
                blob.upload_from_file(io.BytesIO(content), if_generation_match=0)
            self.assertEqual(blob.download_as_bytes(), content)

    def test_list(self):
        names = ["2026/01/a", "2026/01/b", "2026/02/a", "other"]
        for name in names:
            self.bucket.blob(name).upload_from_string(name)
        for query, want in [
            ({}, names),
            ({"prefix": "2026/01/"}, names[:2]),
            ({"start_offset": "2026/01/b", "end_offset": "other"}, names[1:3]),
            ({"versions": False, "projection": "full", "start_offset": ""}, names),
            ({"fields": "items(name),nextPageToken", "page_size": 3}, names),
        ]:
            with self.subTest(query):
                self.assertEqual([blob.name for blob in self.client.list_blobs(self.bucket, **query)], want)
        folded = self.client.list_blobs(self.bucket, delimiter="/")
        self.assertEqual([blob.name for blob in folded], ["other"])
        self.assertEqual(folded.prefixes, {"2026/"})

    def test_read(self):
        blob = self.bucket.blob("dir/ü 1%.txt")
        blob.metadata = {"site": "north"}
        blob.upload_from_string("0123456789")
        self.assertEqual(blob.download_as_bytes(), b"0123456789")
        self.assertEqual(blob.download_as_bytes(start=2, end=4), b"234")
        self.assertEqual(blob.download_as_bytes(if_generation_match=blob.generation), b"0123456789")
        with blob.open("rb", chunk_size=4) as stream:
            self.assertEqual(stream.read(), b"0123456789")
        by_name = self.bucket.get_blob(blob.name)
        self.assertEqual(by_name.metadata, {"site": "north"})
        self.assertEqual(by_name.download_as_text(), "0123456789")
        with self.assertRaises(PreconditionFailed):
            blob.download_as_bytes(if_generation_match=1)
        with self.assertRaises(NotFound):
            self.bucket.blob("missing").download_as_bytes()
        self.assertIsNone(self.bucket.get_blob("missing"))

    def test_read_gzip(self):
        text = b"line\n" * 1000
        blob = self.bucket.blob("lines.gz")
        blob.content_encoding = "gzip"
        stored = gzip.compress(text)
        blob.upload_from_string(stored, content_type="text/plain")
        self.assertEqual(blob.download_as_bytes(), text)
        self.assertEqual(blob.download_as_bytes(raw_download=True), stored)

    def test_change_and_delete(self):
        blob = self.bucket.blob("a")
        blob.upload_from_string("x")
        blob.metadata = {"k": "v"}
        blob.patch()
        self.assertEqual(self.bucket.get_blob("a").metadata, {"k": "v"})
        self.assertTrue(blob.exists())
        blob.delete()
        self.assertFalse(blob.exists())
        self.assertTrue(self.bucket.exists())
        self.assertIn(self.bucket.name, [bucket.name for bucket in self.client.list_buckets()])
        self.bucket.delete()
        self.assertFalse(self.bucket.exists())

    def test_refusals_end_a_call(self):
        blob = self.bucket.blob("a")
        blob.upload_from_string("x")
        with self.assertRaises(BadRequest):
            self.bucket.copy_blob(blob, self.bucket, "b")
        with self.assertRaises(BadRequest):
            list(self.client.list_blobs(self.bucket, match_glob="**"))
