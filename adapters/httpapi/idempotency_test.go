package httpapi

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/adapters/sqlite"
	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/repository"
)

func TestIdempotencyKey(t *testing.T) {
	long := strings.Repeat("k", 255)
	for _, tt := range []struct {
		name  string
		lines []string
		want  string
		code  string
	}{
		{"none", nil, "", "ok"},
		{"bare", []string{"8e03978e-40d5"}, "8e03978e-40d5", "ok"},
		{"quoted", []string{` "8e03978e-40d5" `}, "8e03978e-40d5", "ok"},
		{"quoted, with what a bare one cannot have", []string{`"a, b; \"c\" \\"`}, `a, b; "c" \`, "ok"},
		{"a symbol", []string{"!#~"}, "!#~", "ok"},
		{"the longest", []string{long}, long, "ok"},
		{"the longest, quoted", []string{`"` + long + `"`}, long, "ok"},
		{"too long", []string{long + "k"}, "", "bad-idempotency-key"},
		{"twice", []string{"a", "a"}, "", "bad-idempotency-key"},
		{"twice in a line", []string{"a,b"}, "", "bad-idempotency-key"},
		{"two quoted", []string{`"a","b"`}, "", "bad-idempotency-key"},
		{"with parameters", []string{`"a";b=c`}, "", "bad-idempotency-key"},
		{"empty", []string{""}, "", "bad-idempotency-key"},
		{"empty, quoted", []string{`""`}, "", "bad-idempotency-key"},
		{"a single quote", []string{`"`}, "", "bad-idempotency-key"},
		{"not closed", []string{`"a`}, "", "bad-idempotency-key"},
		{"not opened", []string{`a"`}, "", "bad-idempotency-key"},
		{"its end is escaped", []string{`"a\"`}, "", "bad-idempotency-key"},
		{"a letter is escaped", []string{`"\a"`}, "", "bad-idempotency-key"},
		{"a space", []string{"a b"}, "", "bad-idempotency-key"},
		{"not ASCII", []string{"clé"}, "", "bad-idempotency-key"},
		{"a control", []string{"\"a\x01\""}, "", "bad-idempotency-key"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := idempotencyKey(tt.lines)
			if codeOf(err) != tt.code || got != tt.want {
				t.Errorf("got %q, %v, want %q, %s", got, err, tt.want, tt.code)
			}
		})
	}
}

func TestReplyIsReadAsItIsWritten(t *testing.T) {
	for _, want := range []reply{
		{status: 204},
		{status: 204, location: "/v1/a/b", tag: `"r.v"`, applied: "return=minimal, tx=commit"},
		{status: 201, mediaType: sentJSON, body: [][]byte{[]byte("{\"a\":\n\n\"b\"}")}},
		{status: 200, mediaType: sentJSON, applied: "x=y: z", body: [][]byte{nil}},
	} {
		got, err := decodeReply(want.encode())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want.encode()), string(got.encode())); diff != "" || got.status != want.status || got.tag != want.tag {
			t.Errorf("got %+v, want %+v\n%s", got, want, diff)
		}
	}
	for _, text := range []string{"", "1 200", "2 200\n\n", "1 x\n\n", "1 99\n\n", "1 200\nSet-Cookie: a\n\n", "{}"} {
		if got, err := decodeReply([]byte(text)); err == nil {
			t.Errorf("%q is read as %+v", text, got)
		}
	}
}

// onSQLite makes the store of a fixture a SQLite file.
func onSQLite(t *testing.T) func(repository.Store) repository.Store {
	return func(repository.Store) repository.Store {
		store, err := sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(t.TempDir(), "test.db")})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { store.Close() })
		return store
	}
}

// TestRepeatedAtOnce sends a hundred equal requests at once: the write is done
// once, and whoever is not told to wait gets the same octets.
func TestRepeatedAtOnce(t *testing.T) {
	for name, layers := range map[string][]func(repository.Store) repository.Store{"memory": nil, "sqlite": {onSQLite(t)}} {
		for _, tt := range []struct {
			name, method, target, body string
			status                     int
			look, want                 string // what is there afterwards
		}{
			{"one", "POST", "/v1/notes", `{"owner":"ada","text":"once"}`, 201, "/v1/notes?$select=text", `{"value":[{"text":"once"}]}`},
			{"two", "POST", "/v1/notes", `[{"owner":"ada","text":"a"},{"owner":"ada","text":"b"}]`, 201, "/v1/notes?$count=true&$first=1&$select=owner", `"count":2}`},
			{"patch", "PATCH", "/v1/products/B001", `{"title":"Patched"}`, 200, "/v1/products/B001?$select=title", `{"title":"Patched"}`},
			{"delete", "POST", "/v1/products/$delete", `{"filter":"price lt 10"}`, 200, "/v1/products?$select=asin", `{"value":[{"asin":"B001"}]}`},
		} {
			t.Run(name+"/"+tt.name, func(t *testing.T) {
				f := newFixture(t, nil, layers...)
				answers := make([]*httptest.ResponseRecorder, 100)
				var group sync.WaitGroup
				start := make(chan struct{})
				for i := range answers {
					group.Go(func() {
						<-start
						answers[i] = f.do(t, tt.method, tt.target, tt.body, "Authorization", "Bearer ada", "Content-Type", typeJSON, "Idempotency-Key", "k")
					})
				}
				close(start)
				group.Wait()
				checkRepeated(t, answers, tt.status)
				if w := f.do(t, "GET", tt.look, "", "Authorization", "Bearer ada"); !strings.HasSuffix(w.Body.String(), tt.want) {
					t.Errorf("afterwards there is %s, want %s", w.Body, tt.want)
				}
			})
		}
	}
}

// checkRepeated checks the answers to one request that was sent many times.
func checkRepeated(t *testing.T, answers []*httptest.ResponseRecorder, status int) {
	t.Helper()
	var first *httptest.ResponseRecorder
	done, waiting := 0, 0
	for _, w := range answers {
		switch {
		case w.Code == http.StatusConflict:
			waiting++
			if !strings.Contains(w.Body.String(), "idempotency-in-progress") || w.Header().Get("Retry-After") != "1" {
				t.Errorf("got %d %s, and Retry-After %q", w.Code, w.Body, w.Header().Get("Retry-After"))
			}
			continue
		case w.Code != status:
			t.Fatalf("got %d: %s", w.Code, w.Body)
		case w.Header().Get(headerReplayed) == "":
			done++
		}
		if first == nil {
			first = w
		}
		for _, name := range []string{"Content-Type", "Content-Length", "Location", "ETag"} {
			if got, want := w.Header().Get(name), first.Header().Get(name); got != want {
				t.Errorf("one answer has the %s %q, another %q", name, got, want)
			}
		}
		if !bytes.Equal(w.Body.Bytes(), first.Body.Bytes()) {
			t.Errorf("one answer is %s, another %s", w.Body, first.Body)
		}
	}
	if done != 1 {
		t.Errorf("it was done %d times; %d of %d were told to wait", done, waiting, len(answers))
	}
}

// breaking fails every write while it is broken, or after it was done.
type breaking struct {
	repository.Store
	before, after bool
}

func (s *breaking) Apply(ctx context.Context, batch []repository.Mutation) ([]repository.Outcome, error) {
	down := fault.New(fault.Unavailable, "breaking", "the database does not answer")
	if s.before {
		return nil, down
	}
	outcomes, err := s.Store.Apply(ctx, batch)
	if s.after && err == nil {
		return nil, down
	}
	return outcomes, err
}

// TestRepeatedAfterFailure: what failed may be repeated, and what only seemed to
// fail is not done again.
func TestRepeatedAfterFailure(t *testing.T) {
	store := &breaking{}
	f := newFixture(t, nil, func(s repository.Store) repository.Store { store.Store = s; return store })
	post := func(key string) *httptest.ResponseRecorder {
		return f.do(t, "POST", "/v1/notes", `{"owner":"sid"}`, "Authorization", "Bearer sid", "Content-Type", typeJSON, "Idempotency-Key", key)
	}
	store.before = true
	if w := post("a"); w.Code != http.StatusServiceUnavailable {
		t.Fatalf("got %d %s", w.Code, w.Body)
	}
	store.before = false
	if w := post("a"); w.Code != http.StatusCreated || w.Header().Get(headerReplayed) != "" {
		t.Errorf("after the failure got %d, replayed %q: %s", w.Code, w.Header().Get(headerReplayed), w.Body)
	}
	store.after = true
	first := post("b")
	store.after = false
	second := post("b")
	if first.Code != http.StatusCreated || second.Code != http.StatusCreated || first.Body.String() != second.Body.String() {
		t.Errorf("what seemed to fail got %d %s, then %d %s", first.Code, first.Body, second.Code, second.Body)
	}
	w := f.do(t, "GET", "/v1/notes?$count=true&$first=1", "", "Authorization", "Bearer sid")
	if !strings.Contains(w.Body.String(), `"count":2`) {
		t.Errorf("got %s, want two notes", w.Body)
	}
}

// TestRepeatedIsTooLarge: an answer that cannot be kept is refused before
// anything is written, and return=minimal helps.
func TestRepeatedIsTooLarge(t *testing.T) {
	f := newFixture(t, nil)
	line := `{"owner":"sid","text":"` + strings.Repeat("\U0001f600", 1000) + "\"}\n"
	post := func(prefer string) *httptest.ResponseRecorder {
		return f.do(t, "POST", "/v1/notes", strings.Repeat(line, core.MaxCreate), "Authorization", "Bearer sid",
			"Content-Type", typeNDJSON, "Idempotency-Key", "k", "Prefer", prefer)
	}
	count := func() string {
		w := f.do(t, "GET", "/v1/notes?$count=true&$first=1&$select=owner", "", "Authorization", "Bearer sid")
		_, n, _ := strings.Cut(w.Body.String(), `"count":`)
		return n
	}
	w := post("return=representation")
	if w.Code != http.StatusRequestEntityTooLarge || !strings.Contains(w.Body.String(), "answer-too-large") || !strings.Contains(w.Body.String(), "return=minimal") {
		t.Errorf("got %d %.300s", w.Code, w.Body)
	}
	if got := count(); got != "0}" {
		t.Errorf("%s notes are stored, want none", got)
	}
	if w := post("return=minimal"); w.Code != http.StatusNoContent {
		t.Errorf("got %d %.300s", w.Code, w.Body)
	}
	if got := count(); got != "200}" {
		t.Errorf("%s notes are stored, want 200", got)
	}
}
