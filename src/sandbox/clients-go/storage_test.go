package clients

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"testing"
	"time"

	"cloud.google.com/go/storage"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/iterator"
)

const unit = googleapi.MinUploadChunkSize

func newBucket(t *testing.T, options ...func(*storage.BucketAttrs)) *storage.BucketHandle {
	t.Helper()
	client, err := storage.NewClient(t.Context(), storage.WithDisabledClientMetrics())
	check(t, err)
	t.Cleanup(func() { client.Close() })
	bucket := client.Bucket(unique("bucket"))
	attrs := &storage.BucketAttrs{}
	for _, option := range options {
		option(attrs)
	}
	check(t, bucket.Create(t.Context(), project(), attrs))
	return bucket
}

func upload(t *testing.T, object *storage.ObjectHandle, content []byte, options ...func(*storage.Writer)) *storage.ObjectAttrs {
	t.Helper()
	writer := object.NewWriter(t.Context())
	for _, option := range options {
		option(writer)
	}
	_, err := writer.Write(content)
	check(t, err)
	check(t, writer.Close())
	return writer.Attrs()
}

func inChunksOf(size int) func(*storage.Writer) {
	return func(writer *storage.Writer) { writer.ChunkSize = size }
}

func read(t *testing.T, object *storage.ObjectHandle, offset, length int64) []byte {
	t.Helper()
	reader, err := object.NewRangeReader(t.Context(), offset, length)
	check(t, err)
	defer reader.Close()
	content, err := io.ReadAll(reader)
	check(t, err)
	return content
}

func names(t *testing.T, bucket *storage.BucketHandle, query *storage.Query) []string {
	t.Helper()
	var found []string
	for objects := bucket.Objects(t.Context(), query); ; {
		attrs, err := objects.Next()
		if errors.Is(err, iterator.Done) {
			return found
		}
		check(t, err)
		found = append(found, attrs.Name+attrs.Prefix)
	}
}

func statusOf(err error) int {
	var failure *googleapi.Error
	if errors.As(err, &failure) {
		return failure.Code
	}
	return 0
}

func TestUpload(t *testing.T) {
	bucket := newBucket(t)
	for name, size := range map[string]int{"empty": 0, "small": 11} {
		attrs := upload(t, bucket.Object(name), make([]byte, size), inChunksOf(0))
		equal(t, "size of "+name, attrs.Size, int64(size))
		shown, err := bucket.Object(name).Attrs(t.Context())
		check(t, err)
		equal(t, "checksum of "+name, shown.CRC32C, attrs.CRC32C)
	}
	object := bucket.Object("once").If(storage.Conditions{DoesNotExist: true})
	upload(t, object, []byte("first"))
	writer := object.NewWriter(t.Context())
	writer.Write([]byte("second"))
	equal(t, "status of the second upload", statusOf(writer.Close()), http.StatusPreconditionFailed)
	equal(t, "content", string(read(t, bucket.Object("once"), 0, -1)), "first")
}

func TestResumableUpload(t *testing.T) {
	bucket := newBucket(t)
	for _, size := range []int{unit + 1, 2 * unit, 3*unit - 1} {
		content := bytes.Repeat([]byte("0123456789abcdef"), size/16+1)[:size]
		attrs := upload(t, bucket.Object("large"), content, inChunksOf(unit))
		equal(t, "size", attrs.Size, int64(size))
		equal(t, "content", bytes.Equal(read(t, bucket.Object("large"), 0, -1), content), true)
	}
}

// The client sends a chunk again whose answer it has not seen, and does not know that the server has it.
func TestLostAnswersOfAnUpload(t *testing.T) {
	for skip := range 4 {
		bucket := newBucket(t)
		lost := map[string]any{
			"server": "storage", "method": "storage.objects.insert", "resource": bucket.BucketName() + "/*",
			"skip": skip, "times": 1, "dropResponse": true,
		}
		content := bytes.Repeat([]byte("0123456789abcdef"), 3*unit/16)[:3*unit-1]
		object := bucket.Object("large").If(storage.Conditions{DoesNotExist: true})
		// By default an upload does not repeat a call whose connection ends.
		object = object.Retryer(storage.WithErrorFunc(storage.ShouldRetry))
		withFault(t, lost, func() { upload(t, object, content, inChunksOf(unit)) })
		equal(t, "content", bytes.Equal(read(t, bucket.Object("large"), 0, -1), content), true)
	}
}

func TestList(t *testing.T) {
	bucket := newBucket(t)
	for _, name := range []string{"2026/01/a", "2026/01/b", "2026/02/a", "other"} {
		upload(t, bucket.Object(name), []byte(name))
	}
	for _, each := range []struct {
		query *storage.Query
		want  []string
	}{
		{nil, []string{"2026/01/a", "2026/01/b", "2026/02/a", "other"}},
		{&storage.Query{Prefix: "2026/01/"}, []string{"2026/01/a", "2026/01/b"}},
		{&storage.Query{Delimiter: "/"}, []string{"other", "2026/"}},
		{&storage.Query{StartOffset: "2026/01/b", EndOffset: "other"}, []string{"2026/01/b", "2026/02/a"}},
		{&storage.Query{Projection: storage.ProjectionNoACL, Versions: true, Prefix: "o"}, []string{"other"}},
	} {
		equal(t, "names", names(t, bucket, each.query), each.want)
	}
	paged := iterator.NewPager(bucket.Objects(t.Context(), nil), 3, "")
	var page []*storage.ObjectAttrs
	next, err := paged.NextPage(&page)
	check(t, err)
	equal(t, "first page is full and has a next", len(page) == 3 && next != "", true)
}

func TestRead(t *testing.T) {
	bucket := newBucket(t)
	object := bucket.Object("dir/ü 1%.txt")
	attrs := upload(t, object, []byte("0123456789"), func(writer *storage.Writer) {
		writer.ContentType = "text/plain"
		writer.Metadata = map[string]string{"site": "north"}
	})
	equal(t, "whole", string(read(t, object, 0, -1)), "0123456789")
	equal(t, "middle", string(read(t, object, 2, 3)), "234")
	equal(t, "from the end", string(read(t, object, -4, -1)), "6789")
	equal(t, "nothing", string(read(t, object, 0, 0)), "")
	equal(t, "by generation", string(read(t, object.Generation(attrs.Generation), 0, -1)), "0123456789")

	reader, err := object.If(storage.Conditions{GenerationMatch: attrs.Generation}).NewReader(t.Context())
	check(t, err)
	equal(t, "size", reader.Attrs.Size, 10)
	equal(t, "checksum", reader.Attrs.CRC32C, attrs.CRC32C)
	equal(t, "type", reader.Attrs.ContentType, "text/plain")
	equal(t, "custom metadata", reader.Metadata()["Site"], "north")
	reader.Close()

	_, err = object.If(storage.Conditions{GenerationMatch: 1}).NewReader(t.Context())
	equal(t, "status of another generation", statusOf(err), http.StatusPreconditionFailed)
	_, err = object.NewRangeReader(t.Context(), 10, 1)
	equal(t, "status behind the end", statusOf(err), http.StatusRequestedRangeNotSatisfiable)
	_, err = bucket.Object("missing").NewReader(t.Context())
	equal(t, "missing object", errors.Is(err, storage.ErrObjectNotExist), true)
}

func TestReadByJSON(t *testing.T) {
	client, err := storage.NewClient(t.Context(), storage.WithJSONReads(), storage.WithDisabledClientMetrics())
	check(t, err)
	defer client.Close()
	bucket := newBucket(t)
	upload(t, bucket.Object("a/b"), []byte("0123456789"))
	object := client.Bucket(bucket.BucketName()).Object("a/b")
	equal(t, "whole", string(read(t, object, 0, -1)), "0123456789")
	equal(t, "middle", string(read(t, object, 2, 3)), "234")
}

func TestReadGzip(t *testing.T) {
	text := bytes.Repeat([]byte("line\n"), 1000)
	var stored bytes.Buffer
	compressor := gzip.NewWriter(&stored)
	compressor.Write(text)
	check(t, compressor.Close())
	object := newBucket(t).Object("lines.gz")
	upload(t, object, stored.Bytes(), func(writer *storage.Writer) { writer.ContentEncoding = "gzip" })
	equal(t, "decompressed", bytes.Equal(read(t, object, 0, -1), text), true)
	equal(t, "as stored", bytes.Equal(read(t, object.ReadCompressed(true), 0, -1), stored.Bytes()), true)
	equal(t, "part of what is stored", bytes.Equal(read(t, object.ReadCompressed(true), 2, 8), stored.Bytes()[2:10]), true)
	equal(t, "a range of what the server decompresses is all of it", bytes.Equal(read(t, object, 0, 4), text), true)
}

func TestChangeAndDelete(t *testing.T) {
	bucket := newBucket(t)
	object := bucket.Object("a")
	upload(t, object, []byte("x"))
	attrs, err := object.Update(t.Context(), storage.ObjectAttrsToUpdate{Metadata: map[string]string{"k": "v"}})
	check(t, err)
	equal(t, "metadata", attrs.Metadata["k"], "v")
	check(t, object.Delete(t.Context()))
	_, err = object.Attrs(t.Context())
	equal(t, "deleted object", errors.Is(err, storage.ErrObjectNotExist), true)
	_, err = bucket.Attrs(t.Context())
	check(t, err)
	check(t, bucket.Delete(t.Context()))
	_, err = bucket.Attrs(t.Context())
	equal(t, "deleted bucket", errors.Is(err, storage.ErrBucketNotExist), true)
}

// The client repeats a call that any 5xx answers, 501 too, until its context ends.
func TestRefusalsEndACall(t *testing.T) {
	bucket := newBucket(t)
	upload(t, bucket.Object("a"), []byte("x"))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, err := bucket.Object("b").CopierFrom(bucket.Object("a")).Run(ctx)
	equal(t, "status of a copy", statusOf(err), http.StatusBadRequest)
	_, err = bucket.Objects(ctx, &storage.Query{MatchGlob: "**"}).Next()
	equal(t, "status of a glob", statusOf(err), http.StatusBadRequest)
	_, err = bucket.Object("a").ACL().List(ctx)
	equal(t, "status of an ACL", slices.Contains([]int{400, 404}, statusOf(err)), true)
}
