package clients

import (
	"testing"
	"time"

	"cloud.google.com/go/firestore"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func newCollection(t *testing.T) (*firestore.Client, *firestore.CollectionRef) {
	t.Helper()
	client, err := firestore.NewClient(t.Context(), project())
	check(t, err)
	t.Cleanup(func() { client.Close() })
	return client, client.Collection(unique("devices"))
}

func TestDocuments(t *testing.T) {
	client, devices := newCollection(t)
	document := devices.Doc("device-1")
	installed := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	written, err := document.Set(t.Context(), map[string]any{
		"name": "pump", "floor": 3, "level": 1.5, "active": true, "none": nil, "installed": installed,
		"site": map[string]any{"id": "north"}, "tags": []string{"a", "b"}, "raw": []byte{0, 255},
	})
	check(t, err)

	snapshot, err := document.Get(t.Context())
	check(t, err)
	equal(t, "data", snapshot.Data(), map[string]any{
		"name": "pump", "floor": int64(3), "level": 1.5, "active": true, "none": nil, "installed": installed,
		"site": map[string]any{"id": "north"}, "tags": []any{"a", "b"}, "raw": []byte{0, 255},
	})
	equal(t, "update time", snapshot.UpdateTime.Equal(written.UpdateTime), true)

	_, err = document.Update(t.Context(), []firestore.Update{
		{Path: "site.id", Value: "south"},
		{Path: "floor", Value: firestore.Increment(2)},
		{Path: "level", Value: firestore.Delete},
		{Path: "tags", Value: firestore.ArrayUnion("c")},
	})
	check(t, err)
	both, err := client.GetAll(t.Context(), []*firestore.DocumentRef{document, devices.Doc("missing")})
	check(t, err)
	data := both[0].Data()
	equal(t, "updated", []any{data["site"], data["floor"], data["level"], data["tags"]},
		[]any{map[string]any{"id": "south"}, int64(5), nil, []any{"a", "b", "c"}})
	equal(t, "missing document", both[1].Exists(), false)

	_, err = devices.Doc("device-2").Create(t.Context(), map[string]any{"name": "fan"})
	check(t, err)
	found, err := devices.DocumentRefs(t.Context()).GetAll()
	check(t, err)
	equal(t, "documents", len(found), 2)

	_, err = document.Delete(t.Context())
	check(t, err)
	_, err = document.Get(t.Context())
	equal(t, "code of a deleted document", status.Code(err), codes.NotFound)
}

func TestPreconditions(t *testing.T) {
	_, devices := newCollection(t)
	document := devices.Doc("device-1")
	created, err := document.Create(t.Context(), map[string]any{"n": 1})
	check(t, err)
	_, err = document.Create(t.Context(), map[string]any{"n": 2})
	equal(t, "code of a second create", status.Code(err), codes.AlreadyExists)
	_, err = devices.Doc("missing").Update(t.Context(), []firestore.Update{{Path: "n", Value: 1}})
	equal(t, "code of an update of nothing", status.Code(err), codes.NotFound)
	change := []firestore.Update{{Path: "n", Value: 3}}
	_, err = document.Update(t.Context(), change, firestore.LastUpdateTime(created.UpdateTime))
	check(t, err)
	_, err = document.Update(t.Context(), change, firestore.LastUpdateTime(created.UpdateTime))
	equal(t, "code of an update of an older version", status.Code(err), codes.FailedPrecondition)
}

func TestBulkWriter(t *testing.T) {
	client, devices := newCollection(t)
	writer := client.BulkWriter(t.Context())
	var jobs []*firestore.BulkWriterJob
	for range 30 {
		job, err := writer.Set(devices.NewDoc(), map[string]any{"n": 1})
		check(t, err)
		jobs = append(jobs, job)
	}
	writer.End()
	for _, job := range jobs {
		_, err := job.Results()
		check(t, err)
	}
	found, err := devices.DocumentRefs(t.Context()).GetAll()
	check(t, err)
	equal(t, "documents", len(found), 30)
}
