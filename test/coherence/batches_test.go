package coherence_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
)

// fresh returns what creates a few records at once.
func (c *client) fresh(what kind) (records []asked, body string) {
	var bodies []string
	for _, key := range c.dice.Perm(c.keys)[:min(2, c.keys)] {
		n := c.number(c.dice.Int64N(shelves), c.dice.Int64N(owners))
		records = append(records, asked{kind: what, key: key, n: n})
		bodies = append(bodies, whole(key, n))
	}
	return records, "[" + strings.Join(bodies, ",") + "]"
}

// createAll creates a few records, or none. If one was there already, it is not
// said which of the others were not.
func (c *client) createAll() {
	records, body := c.fresh(createAll)
	call := c.now()
	w := c.send("admin", http.MethodPost, "/v1/items", body)
	for _, in := range records {
		if w.Code != http.StatusConflict {
			c.written(in, call, w)
		}
	}
}

// createEach creates of a few records those that are not there yet.
func (c *client) createEach() {
	records, body := c.fresh(createEach)
	call := c.now()
	w := c.send("admin", http.MethodPost, "/v1/items", body, "Prefer", "continue-on-error")
	if w.Code != http.StatusMultiStatus {
		for _, in := range records {
			c.written(in, call, w)
		}
		return
	}
	var report struct {
		Value []struct{ Status int } `json:"value"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &report); err != nil || len(report.Value) != len(records) {
		c.unexpected(createEach, w)
		return
	}
	for i, in := range records {
		w.Code = report.Value[i].Status
		c.written(in, call, w)
	}
}

// moveOnce changes a record by a request that it sends again, as one does that
// did not get the answer: the second must change nothing, whatever came between.
func (c *client) moveOnce() {
	in := asked{kind: moveOnce, key: c.dice.IntN(c.keys), n: c.number(c.dice.Int64N(shelves), c.dice.Int64N(owners))}
	send := func() *httptest.ResponseRecorder {
		return c.send("admin", http.MethodPatch, "/v1/items/"+keyName(in.key), whole(in.key, in.n), "Idempotency-Key", fmt.Sprint(in.n))
	}
	call := c.now()
	first := send()
	c.written(in, call, first)
	if first.Code >= 300 {
		return
	}
	c.read(get)
	if again := send(); again.Code != first.Code || again.Header().Get("Idempotent-Replayed") != "true" {
		c.unexpected(moveOnce, again)
	}
}

// trial asks for a write that is done but for storing it. Nobody may ever see its
// number, which the ledger does not know.
func (c *client) trial() {
	key := c.dice.IntN(c.keys)
	body := whole(key, c.number(c.dice.Int64N(shelves), c.dice.Int64N(owners)))
	method := []string{http.MethodPut, http.MethodPatch, http.MethodDelete}[c.dice.IntN(3)]
	if method == http.MethodDelete {
		body = ""
	}
	w := c.send("admin", method, "/v1/items/"+keyName(key), body, "Prefer", "tx=rollback")
	if w.Code >= 300 && w.Code != http.StatusNotFound && w.Code < 500 {
		c.unexpected(trial, w)
	}
}
