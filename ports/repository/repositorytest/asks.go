package repositorytest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
)

// ensure makes the storage fit the collections.
func ensure(t T, s repository.Store, collections ...*schema.Collection) {
	t.Helper()
	if err := s.Ensure(t.Context(), collections); err != nil {
		t.Fatalf("Ensure: %v", err)
	}
}

// apply does the batch, which must succeed.
func apply(t T, s repository.Store, batch ...repository.Mutation) []repository.Outcome {
	t.Helper()
	outcomes, err := s.Apply(t.Context(), batch)
	if err != nil {
		t.Fatalf("Apply of %d mutations: %v", len(batch), err)
	}
	if len(outcomes) != len(batch) {
		t.Fatalf("Apply of %d mutations returned %d outcomes", len(batch), len(outcomes))
	}
	return outcomes
}

// store makes the storage of c and puts the records.
func store(t T, s repository.Store, c *schema.Collection, records ...record.Record) {
	t.Helper()
	ensure(t, s, c)
	for part := range slices.Chunk(records, repository.MaxBatch) {
		batch := make([]repository.Mutation, len(part))
		for i, r := range part {
			batch[i] = put(c, r)
		}
		apply(t, s, batch...)
	}
}

// get returns the whole records with the ids.
func get(t T, s repository.Store, c *schema.Collection, ids ...record.ID) []record.Row {
	t.Helper()
	rows, err := s.Get(t.Context(), everything(c, query.Expr{}), ids)
	if err != nil {
		t.Fatalf("Get of %d ids of %s: %v", len(ids), c.Name, err)
	}
	return rows
}

// find asks for a page as the core does: what the store does not filter is
// filtered by Keep. Rows have the Needs of q alone.
func find(ctx context.Context, s repository.Store, q query.Query) (repository.Page, error) {
	split := s.Capabilities().Split
	if split == nil {
		return s.Find(ctx, q)
	}
	native, rest, err := split(q)
	if err != nil {
		return repository.Page{}, err
	}
	q.Filter = native
	if rest.Op == query.All {
		return s.Find(ctx, q)
	}
	asked, keep := len(q.Needs), q.Keep
	q.Needs = slices.Concat(q.Needs, rest.Positions())
	fields := make([]record.Value, len(q.Collection.Fields))
	q.Keep = func(needs []record.Value) bool {
		for i, field := range q.Needs {
			fields[field] = needs[i]
		}
		return query.Match(rest, fields) && (keep == nil || keep(needs[:asked]))
	}
	q.Scan = max(q.Scan, 1000)
	page, err := s.Find(ctx, q)
	for i := range page.Rows {
		page.Rows[i].Values = page.Rows[i].Values[:asked]
	}
	return page, err
}

// completed reports whether the store leaves a part of the query's filter to the core.
func completed(s repository.Store, q query.Query) bool {
	split := s.Capabilities().Split
	if split == nil {
		return false
	}
	_, rest, err := split(q)
	return err == nil && rest.Op != query.All
}

// refused reports whether the store says that it cannot give the order of q.
func refused(s repository.Store, err error) bool {
	return s.Capabilities().Split != nil && errors.Is(err, fault.Refused) && fault.Of(err).Code == "query-needs-index"
}

// collect returns all pages of the query, with limits that next gives. It is
// false if the store refuses the query's order.
func collect(t T, s repository.Store, q query.Query, next func() int) ([]record.Row, bool) {
	t.Helper()
	var rows []record.Row
	for pages := 0; ; pages++ {
		q.Limit = next()
		page, err := find(t.Context(), s, q)
		if refused(s, err) && q.After == "" {
			return nil, false
		}
		if err != nil {
			t.Fatalf("Find of page %d: %v", pages, err)
		}
		if len(page.Rows) > q.Limit {
			t.Fatalf("page %d has %d rows, and its limit is %d", pages, len(page.Rows), q.Limit)
		}
		rows = append(rows, page.Rows...)
		if page.Next == "" {
			return rows, true
		}
		if page.Next == q.After || pages > 100_000 {
			t.Fatalf("page %d leads nowhere: its Next is %q, after %q", pages, page.Next, q.After)
		}
		q.After = page.Next
	}
}

// all returns everything that is in the collection, by id.
func all(t T, s repository.Store, c *schema.Collection) []record.Row {
	t.Helper()
	q := query.Query{View: everything(c, query.Expr{}), Order: byID(c)}
	rows, ok := collect(t, s, q, func() int { return 1000 })
	if !ok {
		t.Fatalf("the store refuses an order by id")
	}
	return rows
}

// wantRows reports how rows differ from the records, seen by the view.
func wantRows(t T, what string, view query.View, got []record.Row, want ...record.Record) {
	t.Helper()
	encoder := record.NewEncoder(view.Names())
	var texts []string
	for _, r := range want {
		row := record.Row{ID: r.ID, Revision: r.Revision, Values: pick(r.Fields, view.Needs)}
		row.JSON = encoder.Append(nil, pick(r.Fields, view.Fields))
		texts = append(texts, rowText(row))
	}
	wantTexts(t, what, rowTexts(got), texts)
}

// wantStored reports how the collection differs from the records, by id.
func wantStored(t T, what string, s repository.Store, c *schema.Collection, want ...record.Record) {
	t.Helper()
	want = slices.Clone(want)
	slices.SortFunc(want, func(a, b record.Record) int { return query.Compare(byID(c), a.Fields, b.Fields) })
	wantRows(t, what, everything(c, query.Expr{}), all(t, s, c), want...)
}

// wantTexts reports the first difference of two lists.
func wantTexts(t T, what string, got, want []string) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		g, w := "nothing", "nothing"
		if i < len(got) {
			g = got[i]
		}
		if i < len(want) {
			w = want[i]
		}
		if g != w {
			t.Errorf("%s: of %d, want %d, the one at %d is\n got %s\nwant %s", what, len(got), len(want), i, short(g), short(w))
			return
		}
	}
}

// wantKind reports an error that is not of the kind, or that has none.
func wantKind(t T, what string, err error, kind fault.Kind) {
	t.Helper()
	if !errors.Is(err, kind) || fault.KindOf(err) != kind {
		t.Errorf("%s = %v, want %s", what, err, kind)
	}
}

func pick(values []record.Value, positions []int) []record.Value {
	picked := make([]record.Value, len(positions))
	for i, p := range positions {
		picked[i] = values[p]
	}
	return picked
}

// rowText shows all of a row.
func rowText(r record.Row) string {
	return fmt.Sprintf("%q at %q %s %s", r.ID, r.Revision, r.JSON, valuesText(r.Values))
}

func rowTexts(rows []record.Row) []string {
	texts := make([]string, len(rows))
	for i, r := range rows {
		texts[i] = rowText(r)
	}
	return texts
}

// valuesText shows values with their types.
func valuesText(values []record.Value) string {
	var b strings.Builder
	for _, v := range values {
		fmt.Fprintf(&b, "[%s %s]", v.Type(), record.AppendValue(nil, v))
	}
	return b.String()
}

// short shortens a text for a message.
func short(text string) string {
	if len(text) <= 600 {
		return text
	}
	return fmt.Sprintf("%s… (%d octets)", text[:600], len(text))
}
