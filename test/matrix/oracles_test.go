package matrix_test

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/repository"
)

// What is hidden from a caller does not show in anything that it is answered: two worlds
// that differ in that alone answer alike, octet by octet.

// told is the whole of an answer, but for what is of the request or of a revision.
func told(w *world) string {
	var text strings.Builder
	text.WriteString(http.StatusText(w.last.Code) + "\n")
	header := w.last.Header()
	for _, name := range slices.Sorted(maps.Keys(header)) {
		value := strings.Join(header[name], ", ")
		if name != "X-Request-Id" && (name != "Etag" || strings.HasPrefix(value, "W/")) {
			text.WriteString(name + ": " + value + "\n")
		}
	}
	text.WriteString(requestID.ReplaceAllString(w.last.Body.String(), ""))
	return text.String()
}

var requestID = regexp.MustCompile(`"(requestId|etag)":"([^"\\]|\\.)*"`)

// invisible reports whether the row does not exist for the caller: it may not read it,
// or, if it may read none, it may not change or remove it.
func (c cell) invisible(r row) bool {
	read, update, remove := c.right(policy.Read), c.right(policy.Update), c.right(policy.Delete)
	if read.ok {
		return !read.rows(r)
	}
	return !update.rows(r) && !remove.rows(r)
}

// creates reports whether the cell may come to a new record, of which it cannot be
// hidden that its id is taken.
func (c cell) creates(op operation) bool {
	return c.right(policy.Create).ok && (op.core == "Replace" || op.core == "Create" || op.core == "Objects")
}

// overHTTP are the operations that callers of HTTP have.
func overHTTP() (some []operation) {
	for _, op := range operations {
		if op.route != "" && op.core != "Receive" && op.core != "Job" {
			some = append(some, op)
		}
	}
	return some
}

// A counting store notes what it is asked to do: what takes another way takes another
// time.
type counting struct {
	repository.Store
	asked []string
}

func (s *counting) Get(ctx context.Context, view query.View, ids []record.ID) ([]record.Row, error) {
	s.asked = append(s.asked, "get")
	return s.Store.Get(ctx, view, ids)
}

func (s *counting) Find(ctx context.Context, q query.Query) (repository.Page, error) {
	s.asked = append(s.asked, "find")
	return s.Store.Find(ctx, q)
}

func (s *counting) Aggregate(ctx context.Context, wanted query.Aggregation) ([]query.Group, error) {
	s.asked = append(s.asked, "aggregate")
	return s.Store.Aggregate(ctx, wanted)
}

func (s *counting) Apply(ctx context.Context, batch []repository.Mutation) ([]repository.Outcome, error) {
	s.asked = append(s.asked, "apply")
	return s.Store.Apply(ctx, batch)
}

// compared are two worlds that differ in what is hidden from one caller.
type compared struct {
	one, another     *world
	is, other        state
	asked, otherwise *counting
	answers          int
}

// newCompared returns a world as it is, and one with the other state.
func newCompared(t *testing.T, other state) *compared {
	t.Helper()
	both := &compared{is: seeded(), other: other, asked: &counting{Store: openMemory(t)}, otherwise: &counting{Store: openMemory(t)}}
	both.one, both.another = newWorld(t, both.asked, openCache(t)), newWorld(t, both.otherwise, openCache(t))
	both.another.become(seeded(), other)
	return both
}

// alike asks for the cell in both worlds, and compares what is told, and what the stores
// were asked for it.
func (both *compared) alike(t *testing.T, op operation, c cell) {
	t.Helper()
	both.asked.asked, both.otherwise.asked = nil, nil
	op.ask(both.one, c)
	op.ask(both.another, c)
	both.answers++
	at := strings.Join([]string{c.who.name, op.name, c.collection, c.row, c.field}, " | ")
	if diff := cmp.Diff(told(both.one), told(both.another)); diff != "" {
		t.Errorf("%s: what is hidden shows:\n%s", at, diff)
	}
	if diff := cmp.Diff(both.asked.asked, both.otherwise.asked); diff != "" {
		t.Errorf("%s: what is hidden takes another way:\n%s", at, diff)
	}
	if !op.reads {
		both.one.become(both.one.now(), both.is)
		both.another.become(both.another.now(), both.other)
	}
}
func TestHiddenRowsChangeNothing(t *testing.T) {
	answers := 0
	for _, who := range callers {
		other, hides := seeded(), false
		for _, on := range stored {
			maps.DeleteFunc(other[on], func(_ string, r row) bool {
				hidden := cell{collection: on, who: who}.invisible(r)
				hides = hides || hidden
				return hidden
			})
		}
		if !hides {
			continue
		}
		both := newCompared(t, other)
		for _, op := range overHTTP() {
			for _, c := range op.cells(who) {
				if c.collection == "names" || c.creates(op) {
					continue // the view has rights of its own; that an id is taken must be said
				}
				both.alike(t, op, c)
			}
		}
		answers += both.answers
	}
	if answers < 1000 {
		t.Errorf("only %d answers were compared", answers)
	}
}

func TestHiddenFieldsChangeNothing(t *testing.T) {
	answers := 0
	for _, who := range callers {
		for _, on := range stored {
			c := cell{collection: on, who: who}
			var hidden []string // in whatever the caller may do
			for _, field := range []string{"secret", "owner", "state"} {
				if !slices.ContainsFunc(policy.Actions[:], func(a policy.Action) bool { return c.right(a).ok && c.has(c.right(a), field) }) {
					hidden = append(hidden, field)
				}
			}
			if len(hidden) == 0 || !c.right(policy.Read).ok {
				continue
			}
			other := seeded()
			for _, r := range other[on] {
				for _, field := range hidden {
					if next := maps.Clone(r); r[field] != nil {
						next[field] = "zz"
						if c.right(policy.Read).rows(r) == c.right(policy.Read).rows(next) {
							r[field] = "zz"
						}
					}
				}
			}
			both := newCompared(t, other)
			for _, op := range overHTTP() {
				for _, c := range op.cells(who) {
					if c.collection != on {
						continue
					}
					both.alike(t, op, c)
				}
			}
			answers += both.answers
		}
	}
	if answers < 1000 {
		t.Errorf("only %d answers were compared", answers)
	}
}

// A field that is hidden in all that a caller may do is named in no answer, unless the
// caller named it: not in hints of what it may have meant, nor in mistakes of a record.
func TestHiddenFieldsAreNeverNamed(t *testing.T) {
	word := regexp.MustCompile(`\bsecret\b`)
	w := newWorld(t, openMemory(t), nil)
	asked := 0
	for _, who := range callers {
		for _, op := range overHTTP() {
			for _, c := range op.cells(who) {
				shown := slices.ContainsFunc(policy.Actions[:], func(a policy.Action) bool { return c.right(a).ok && c.has(c.right(a), "secret") })
				if text, _ := json.Marshal(values[c.field]); shown || word.MatchString(c.field+string(text)) || op.core == "Collections" && c.row == "" && c.collection != "things" {
					continue
				}
				op.ask(w, c)
				asked++
				if found := word.FindString(w.last.Body.String()); found != "" && op.core != "Collections" {
					t.Errorf("%s | %s | %s | %s | %s: the answer names it: %s", who.name, op.name, c.collection, c.row, c.field, w.last.Body)
				}
			}
		}
		w.become(w.now(), seeded())
	}
	if asked < 500 {
		t.Errorf("only %d answers were looked at", asked)
	}
}

// A cursor is good for who it was given to: not for another, nor for who has other
// rights, though the request is the same.
func TestCursorsAreNobodyElses(t *testing.T) {
	w := newWorld(t, openMemory(t), nil)
	for _, tt := range []struct {
		giver string
		taker string
		good  bool
	}{
		{"admin", "admin", true},
		{"admin", "reader", true}, // who see the same rows and fields
		{"admin", "hidden", false},
		{"admin", "closer", false},
		{"admin", "team", false},
		{"team", "own and team", false},
		{"closer", "admin", false},
		{"hidden", "faceless", false},
	} {
		next, _ := w.get(named(tt.giver), "/v1/things?$first=1").body.(map[string]any)["nextLink"].(string)
		if next == "" {
			t.Fatalf("%s got no second page", tt.giver)
		}
		got := w.get(named(tt.taker), next)
		if (got.status == http.StatusOK) != tt.good || !tt.good && got.code != "bad-cursor" {
			t.Errorf("the cursor of %s taken by %s: %d %s, want it good: %t", tt.giver, tt.taker, got.status, got.code, tt.good)
		}
	}
}

// What an idempotency key answered is answered to nobody else, and not to the same
// subject with fewer rights.
func TestReplaysAreNobodyElses(t *testing.T) {
	w := newWorld(t, openMemory(t), nil)
	body := row{"id": "once", "title": "Once"}
	first := w.json(named("admin"), http.MethodPost, "/v1/things", body, "Idempotency-Key", `"k"`)
	if first.status != http.StatusCreated {
		t.Fatalf("%+v", first)
	}
	for name, want := range map[string]answer{
		"frozen":  {status: 409, code: "already-exists"}, // another subject: another key
		"creator": {status: 409, code: "already-exists"},
		"reader":  {status: 403, code: "forbidden"},
		"nobody":  {status: 401, code: "unauthenticated"},
	} {
		if got := w.json(named(name), http.MethodPost, "/v1/things", body, "Idempotency-Key", `"k"`); !cmp.Equal(got, want, cmp.AllowUnexported(answer{})) {
			t.Errorf("%s is answered %+v, want %+v", name, got, want)
		}
	}
	again := row{"id": "twice", "title": "Twice"}
	if got := w.json(named("frozen"), http.MethodPost, "/v1/things", again, "Idempotency-Key", `"j"`); got.status != http.StatusCreated {
		t.Fatalf("%+v", got)
	}
	for _, fewer := range []string{"creator", "hidden", "closer"} { // the same subject
		want := answer{status: 422, code: "idempotency-key-reused"}
		if got := w.json(named(fewer), http.MethodPost, "/v1/things", again, "Idempotency-Key", `"j"`); !cmp.Equal(got, want, cmp.AllowUnexported(answer{})) {
			t.Errorf("%s is answered %+v, want %+v", fewer, got, want)
		}
	}
}

// TestNobodyGetsNowhere asks for every operation of the document without a credential,
// where no grant is to anybody.
func TestNobodyGetsNowhere(t *testing.T) {
	w := newWorld(t, openMemory(t), nil)
	asked := 0
	for path, item := range w.get(boss, "/openapi.json").body.(map[string]any)["paths"].(map[string]any) {
		if !strings.HasPrefix(path, "/v1/things") {
			continue
		}
		for method := range item.(map[string]any) {
			if method == "parameters" {
				continue
			}
			asked++
			mediaType := "application/json"
			if strings.HasSuffix(path, "/$import") {
				mediaType = "text/csv"
			}
			got, recorded := w.send(named("nobody"), strings.ToUpper(method), strings.Replace(path, "{id}", "own", 1), mediaType, "{}")
			if challenge := recorded.Header().Get("WWW-Authenticate"); got.status != http.StatusUnauthorized || challenge == "" {
				t.Errorf("%s %s: %d with the challenge %q, want 401 with one", method, path, got.status, challenge)
			}
		}
	}
	if asked < 10 {
		t.Errorf("only %d operations were asked for", asked)
	}
	if diff := cmp.Diff(seeded(), w.now()); diff != "" {
		t.Errorf("what is stored (-want +got):\n%s", diff)
	}
}
