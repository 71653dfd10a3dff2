package coherence_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/ingest"
)

// A session is what the clients of one run have in common.
type session struct {
	servers []*server // of which each client asks one
	keys    int
	begun   time.Time
	last    atomic.Int64 // of the numbers that are written, divided by what they say
}

// now is the time of the run, in nanoseconds.
func (s *session) now() int64 { return int64(time.Since(s.begun)) }

// rate returns which part of all Looks were hits.
func (s *session) rate() float64 {
	var hits, all int64
	for _, server := range s.servers {
		hits, all = hits+server.looks.hits(), all+server.looks.all()
	}
	return float64(hits) / float64(max(all, 1))
}

// rereading has the servers read hits again, until the returned function is
// called, which tells what they found.
func (s *session) rereading(ctx context.Context) (end func() (reread, denied uint64)) {
	ctx, stop := context.WithCancel(ctx)
	var all sync.WaitGroup
	for _, server := range s.servers {
		if server.again != nil {
			all.Go(func() { server.again.Run(ctx) })
		}
	}
	return func() (reread, denied uint64) {
		stop()
		all.Wait()
		for _, server := range s.servers {
			if server.again == nil {
				continue
			}
			server.again.All(func(_ string, observed, stale uint64) bool {
				reread, denied = reread+observed, denied+stale
				return true
			})
		}
		return reread, denied
	}
}

// number returns a number that nobody has written, for the shelf and the owner.
func (s *session) number(shelf, owner int64) int64 {
	return s.last.Add(1)*shelves*owners + owner*shelves + shelf
}

// A client does one operation after the other, and notes what became of it.
type client struct {
	*session
	*server
	dice  *rand.Rand
	known map[int]etagged // by key: what it got last
	ops   []porcupine.Operation
	pages []*page
	wrong []string // answers that no server may give
	did   map[kind]int
}

// etagged is a number with the tag that the answer had.
type etagged struct {
	n   int64
	tag string
}

func keyName(key int) string { return "k" + strconv.Itoa(key) }

func ownerName(owner int64) string { return "owner" + strconv.FormatInt(owner, 10) }

// send sends a request as the subject, with a header given in pairs.
func (c *client) send(subject, method, target, body string, header ...string) *httptest.ResponseRecorder {
	var from io.Reader
	if body != "" {
		from = strings.NewReader(body)
	}
	r := httptest.NewRequest(method, target, from)
	r.Header.Set("Authorization", "Bearer "+subject)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	c.ServeHTTP(w, r)
	return w
}

// A row is an item as answers have it.
type row struct {
	ID    string `json:"id"`
	N     int64  `json:"n"`
	Shelf int64  `json:"shelf"`
	Owner string `json:"owner"`
}

// whole is a number as the body of a record.
func whole(key int, n int64) string {
	return fmt.Sprintf(`{"id":%q,"n":%d,"shelf":%d,"owner":%q}`, keyName(key), n, shelfOf(n), ownerName(ownerOf(n)))
}

// unexpected notes an answer that has no place in the history.
func (c *client) unexpected(what kind, w *httptest.ResponseRecorder) {
	c.wrong = append(c.wrong, fmt.Sprintf("%s: %d %.300s", what, w.Code, w.Body))
}

// note adds an operation on a record to the history.
func (c *client) note(in asked, call int64, out answered) {
	end := c.now()
	if out.outcome == unknown {
		end = never
	}
	c.ops = append(c.ops, porcupine.Operation{Input: in, Call: call, Output: out, Return: end})
}

// written notes a write by the status of its answer.
func (c *client) written(in asked, call int64, w *httptest.ResponseRecorder) {
	switch {
	case w.Code < 300:
		c.note(in, call, answered{outcome: done})
	case w.Code == http.StatusServiceUnavailable && bytes.Contains(w.Body.Bytes(), []byte("busy")):
		// It gave way to others each time, and has not written.
	case w.Code >= 500:
		c.note(in, call, answered{outcome: unknown})
	case w.Code == http.StatusNotFound, w.Code == http.StatusPreconditionFailed, w.Code == http.StatusConflict:
		c.note(in, call, answered{outcome: refused})
	default:
		c.unexpected(in.kind, w)
	}
}

// write does one write of the kind, of a number that nobody has written.
func (c *client) write(what kind) {
	c.writeOne(asked{kind: what, key: c.dice.IntN(c.keys), n: c.number(c.dice.Int64N(shelves), c.dice.Int64N(owners))})
}

func (c *client) writeOne(in asked) {
	key := in.key
	target, body := "/v1/items/"+keyName(key), whole(key, in.n)
	call := c.now()
	switch in.kind {
	case create:
		c.written(in, call, c.send("admin", http.MethodPost, "/v1/items", body))
	case put:
		c.written(in, call, c.send("admin", http.MethodPut, target, body))
	case patch:
		delete(c.known, key)
		c.readOne(asked{kind: get, key: key}, "admin", "")
		met, ok := c.known[key]
		if !ok {
			return
		}
		in.expect, call = met.n, c.now()
		c.written(in, call, c.send("admin", http.MethodPatch, target, body, "If-Match", met.tag))
	case move:
		c.written(in, call, c.send("admin", http.MethodPatch, target, body))
	case remove:
		in.n = -in.n
		c.written(in, call, c.send("admin", http.MethodDelete, target, ""))
	case removeBy:
		in.n = -in.n
		w := c.send("admin", http.MethodPost, "/v1/items/$delete", fmt.Sprintf(`{"ids":[%q]}`, keyName(key)))
		if w.Code == http.StatusOK && strings.Contains(w.Body.String(), `"deleted":0`) {
			w.Code = http.StatusNotFound
		}
		c.written(in, call, w)
	}
}

// load imports a few records at once, as the command line does.
func (c *client) load() {
	var lines bytes.Buffer
	var loaded []asked
	for _, key := range c.dice.Perm(c.keys)[:min(3, c.keys)] {
		n := c.number(c.dice.Int64N(shelves), c.dice.Int64N(owners))
		loaded = append(loaded, asked{kind: load, key: key, n: n})
		lines.WriteString(whole(key, n) + "\n")
	}
	call := c.now()
	summary, err := c.api.Import(context.Background(), operator, core.ImportRequest{Collection: "items", MaxRejects: -1, Source: ingest.Source{
		Name: fmt.Sprint("import ", loaded[0].n), Format: ingest.NDJSON, Size: int64(lines.Len()),
		Open: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(lines.Bytes())), nil },
	}})
	out := answered{outcome: done}
	if err != nil {
		out.outcome = unknown
	} else if summary.Loaded != int64(len(loaded)) {
		c.wrong = append(c.wrong, fmt.Sprintf("import: %+v", summary))
	}
	for _, in := range loaded {
		c.note(in, call, out)
	}
}

// projections are what of a record is asked for: each has an entry of its own in
// the cache, so that what is wrong in one shows beside the others.
var projections = []string{"", "?$select=id,n,shelf,owner", "?$select=n", "?$select=id,n"}

// read gets one record, with the tag that it had if the client knows one.
func (c *client) read(what kind) {
	in := asked{kind: what, key: c.dice.IntN(c.keys)}
	subject := "admin"
	if what == getOwn {
		in.owner = c.dice.Int64N(owners)
		subject = ownerName(in.owner)
	}
	c.readOne(in, subject, projections[c.dice.IntN(len(projections))])
}

// readOne gets the record as the subject sees it.
func (c *client) readOne(in asked, subject, projection string) {
	what := in.kind
	var header []string
	met, conditional := c.known[in.key]
	if conditional = conditional && projection == "" && what == get && c.dice.IntN(3) == 0; conditional {
		header = []string{"If-None-Match", met.tag}
	}
	call := c.now()
	w := c.send(subject, http.MethodGet, "/v1/items/"+keyName(in.key)+projection, "", header...)
	var got row
	switch {
	case w.Code == http.StatusOK:
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || got.N == 0 {
			c.unexpected(what, w)
			return
		}
		if projection == "" && what == get {
			c.known[in.key] = etagged{got.N, w.Header().Get("ETag")}
		}
	case w.Code == http.StatusNotModified && conditional:
		got.N = met.n
	case w.Code != http.StatusNotFound:
		c.unexpected(what, w)
		return
	}
	c.note(in, call, answered{seen: got.N})
	p := &page{kind: what, call: call, end: c.now(), count: -1, shelf: -1, owner: -1, only: in.key, shown: make([]int64, c.keys)}
	if what == getOwn {
		p.owner = in.owner
	}
	p.shown[in.key] = got.N
	c.pages = append(c.pages, p)
}

// list reads several records, or says how many there are.
func (c *client) list(what kind) {
	p := &page{kind: what, count: -1, shelf: -1, owner: -1, only: -1}
	target, subject := "/v1/items?$first=1000", "admin"
	switch what {
	case listShelf, countShelf, queryShelf:
		p.shelf = c.dice.Int64N(shelves)
		target += "&$filter=shelf%20eq%20" + strconv.FormatInt(p.shelf, 10)
	case listOwn:
		p.owner = c.dice.Int64N(owners)
		subject = ownerName(p.owner)
	}
	if what == countShelf || what == countAll {
		target += "&$count=true"
	}
	method, body := http.MethodGet, ""
	if what == queryShelf {
		method, target, body = http.MethodPost, "/v1/items/$query", fmt.Sprintf(`{"filter":"shelf eq %d"}`, p.shelf)
	}
	p.call = c.now()
	w := c.send(subject, method, target, body)
	p.end = c.now()
	var envelope struct {
		Value []row  `json:"value"`
		Count *int64 `json:"count"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &envelope); w.Code != http.StatusOK || err != nil {
		c.unexpected(what, w)
		return
	}
	p.shown = make([]int64, c.keys)
	for _, r := range envelope.Value {
		key, err := strconv.Atoi(strings.TrimPrefix(r.ID, "k"))
		if err != nil || key < 0 || key >= c.keys || p.shown[key] != 0 || shelfOf(r.N) != r.Shelf || ownerName(ownerOf(r.N)) != r.Owner {
			c.unexpected(what, w)
			return
		}
		p.shown[key] = r.N
	}
	if counted := what == countShelf || what == countAll; counted != (envelope.Count != nil) {
		c.unexpected(what, w)
		return
	} else if counted {
		p.count = *envelope.Count
	}
	c.pages = append(c.pages, p)
}

// measure asks for numbers of records by their shelves: of all, or of one shelf.
func (c *client) measure() {
	apply, shelf := "groupby((shelf),aggregate($count as total))", int64(-1)
	if c.dice.IntN(2) == 0 {
		shelf = c.dice.Int64N(shelves)
		apply = fmt.Sprintf("filter(shelf eq %d)/%s", shelf, apply)
	}
	call := c.now()
	w := c.send("admin", http.MethodGet, "/v1/items/$aggregate?$apply="+url.QueryEscape(apply), "")
	end := c.now()
	var envelope struct {
		Value []struct{ Shelf, Total int64 } `json:"value"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &envelope); w.Code != http.StatusOK || err != nil {
		c.unexpected(aggregate, w)
		return
	}
	var totals [shelves]int64
	for _, group := range envelope.Value {
		totals[group.Shelf] = group.Total
	}
	for of, total := range totals {
		if shelf < 0 || shelf == int64(of) {
			c.pages = append(c.pages, &page{kind: aggregate, call: call, end: end, count: total, shelf: int64(of), owner: -1, only: -1})
		}
	}
}
