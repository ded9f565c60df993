package clients

import (
	"context"
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/bigquery"
	"cloud.google.com/go/civil"
	"google.golang.org/api/iterator"
	"google.golang.org/api/option"
)

type reading struct {
	Device   string     `bigquery:"device"`
	Value    float64    `bigquery:"value"`
	Count    int64      `bigquery:"count"`
	Valid    bool       `bigquery:"valid"`
	Measured time.Time  `bigquery:"measured"`
	Day      civil.Date `bigquery:"day"`
	Tags     []string   `bigquery:"tags"`
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC)

func readings() []*reading {
	day := civil.DateOf(noon)
	return []*reading{
		{"device-1", 1.5, 1, true, noon, day, []string{"a", "b"}},
		{"device-2", -2.25, 9007199254740993, false, noon.Add(time.Hour), day, nil},
	}
}

// newTable creates a dataset with one table. The Go client has no environment variable for an emulator.
func newTable(t *testing.T) (*bigquery.Client, *bigquery.Table) {
	t.Helper()
	endpoint := option.WithEndpoint(os.Getenv("BIGQUERY_EMULATOR_HOST") + "/bigquery/v2/")
	client, err := bigquery.NewClient(t.Context(), project(), endpoint, option.WithoutAuthentication())
	check(t, err)
	t.Cleanup(func() { client.Close() })
	dataset := client.Dataset(strings.ReplaceAll(unique("dataset"), "-", "_"))
	check(t, dataset.Create(t.Context(), nil))
	schema, err := bigquery.InferSchema(reading{})
	check(t, err)
	table := dataset.Table("readings")
	check(t, table.Create(t.Context(), &bigquery.TableMetadata{Schema: schema}))
	return client, table
}

func rowsOf(t *testing.T, rows *bigquery.RowIterator) []*reading {
	t.Helper()
	var found []*reading
	for {
		row := &reading{}
		err := rows.Next(row)
		if errors.Is(err, iterator.Done) {
			return found
		}
		check(t, err)
		row.Measured = row.Measured.UTC()
		found = append(found, row)
	}
}

func TestInsertAndReadRows(t *testing.T) {
	_, table := newTable(t)
	check(t, table.Inserter().Put(t.Context(), readings()))
	equal(t, "rows", rowsOf(t, table.Read(t.Context())), readings())
	metadata, err := table.Metadata(t.Context())
	check(t, err)
	equal(t, "columns", len(metadata.Schema), 7)
}

func TestInsertIds(t *testing.T) {
	_, table := newTable(t)
	schema, err := bigquery.InferSchema(reading{})
	check(t, err)
	row := &bigquery.StructSaver{Struct: readings()[0], Schema: schema, InsertID: "same"}
	for range 2 {
		check(t, table.Inserter().Put(t.Context(), row))
	}
	equal(t, "rows", len(rowsOf(t, table.Read(t.Context()))), 1)
}

func TestRefusedRows(t *testing.T) {
	_, table := newTable(t)
	inserter := table.Inserter()
	inserter.SkipInvalidRows = true
	err := inserter.Put(t.Context(), []*bigquery.ValuesSaver{
		{Schema: bigquery.Schema{{Name: "unknown"}}, Row: []bigquery.Value{"x"}},
	})
	var failures bigquery.PutMultiError
	equal(t, "kind of error", errors.As(err, &failures), true)
	equal(t, "refused rows", len(failures), 1)
	equal(t, "message", strings.Contains(failures[0].Errors.Error(), "no such field: unknown"), true)
}

func TestQuery(t *testing.T) {
	client, table := newTable(t)
	check(t, table.Inserter().Put(t.Context(), readings()))
	query := client.Query("SELECT * FROM `" + table.DatasetID + ".readings` WHERE device = @device AND measured > @after")
	query.Parameters = []bigquery.QueryParameter{
		{Name: "device", Value: "device-2"},
		{Name: "after", Value: noon},
	}
	rows, err := query.Read(t.Context())
	check(t, err)
	equal(t, "rows", rowsOf(t, rows), readings()[1:])

	job, err := query.Run(t.Context())
	check(t, err)
	outcome, err := job.Wait(t.Context())
	check(t, err)
	check(t, outcome.Err())
	rows, err = job.Read(t.Context())
	check(t, err)
	equal(t, "rows of a job", rowsOf(t, rows), readings()[1:])

	count, err := client.Query("SELECT COUNT(*), MAX(value) FROM " + table.DatasetID + ".readings").Read(t.Context())
	check(t, err)
	var values []bigquery.Value
	check(t, count.Next(&values))
	equal(t, "count and maximum", values, []bigquery.Value{int64(2), 1.5})
}

// A refusal ends a call: the client does not repeat it.
func TestRefusedJobs(t *testing.T) {
	client, table := newTable(t)
	_, err := client.Query("SELECT * FROM missing.readings").Read(t.Context())
	equal(t, "status of a missing table", statusOf(err), http.StatusNotFound)
	_, err = client.Query("SELECT FROM WHERE").Read(t.Context())
	equal(t, "status of a query that does not parse", statusOf(err), http.StatusBadRequest)

	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, err = client.Dataset(table.DatasetID).Table("copy").CopierFrom(table).Run(ctx)
	equal(t, "status of a job that the sandbox lacks", statusOf(err), http.StatusNotImplemented)
}
