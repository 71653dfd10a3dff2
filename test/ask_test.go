package test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
)

// ask sends a request with a JSON body, and returns the answer, whose status must be
// the one given. Headers are names and values in turn.
func ask(t *testing.T, method, url, body string, status int, header ...string) (text string, head http.Header) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != status {
		t.Errorf("%s %s: %d, %v, want %d: %.500s", method, url, response.StatusCode, err, status, answer)
	}
	return string(bytes.TrimSpace(answer)), response.Header
}
