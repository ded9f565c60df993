// Package clients tests the servers of the sandbox with Google's official Go clients, which find them by the
// environment that `npm run sandbox` prints. `official-clients.faults.test.ts` starts the sandbox and runs them.
package clients

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"reflect"
	"sync/atomic"
	"testing"
	"time"
)

func project() string { return os.Getenv("GOOGLE_CLOUD_PROJECT") }

var count atomic.Int64

// unique returns a name that no other test has taken.
func unique(kind string) string {
	return fmt.Sprintf("%s-%d-%d", kind, time.Now().UnixNano(), count.Add(1))
}

// withFault runs body while the sandbox has a rule, as docs/sandbox.md describes it. The rule must hit a call.
func withFault(t *testing.T, rule map[string]any, body func()) {
	t.Helper()
	faults := os.Getenv("SANDBOX_CONTROL_URL") + "/faults"
	encoded, err := json.Marshal(rule)
	check(t, err)
	response, err := http.Post(faults, "application/json", bytes.NewReader(encoded))
	check(t, err)
	response.Body.Close()
	defer func() {
		request, _ := http.NewRequest(http.MethodDelete, faults, nil)
		if response, err := http.DefaultClient.Do(request); err == nil {
			response.Body.Close()
		}
	}()
	body()
	response, err = http.Get(faults)
	check(t, err)
	defer response.Body.Close()
	var rules []struct{ Fired int }
	check(t, json.NewDecoder(response.Body).Decode(&rules))
	equal(t, "rules that have hit a call", len(rules) == 1 && rules[0].Fired == 1, true)
}

// check ends the test at an error.
func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// equal reports a value that is not the expected one. Numbers are equal by their value, whatever their types.
func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) && fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}
