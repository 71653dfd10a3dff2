package matrix_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/ingest"
	"github.com/portolan-io/portolan/core/policy"
)

// An operation is one of the rows of the matrix: a way to ask, about every row and every
// field that it can be asked about.
type operation struct {
	name   string
	core   string // the method of core.API or core.Uploads that it comes to
	route  string // as OpenAPI has it; empty: callers of HTTP have none
	on     []string
	rows   []string                 // nil: it names none
	fields func(on string) []string // nil: it is about none
	reads  bool                     // it stores nothing, whatever becomes of it
	ask    func(w *world, c cell) answer
	want   func(m *model, c cell) (answer, bool) // false: nobody decided
}

var (
	everywhere = []string{"things", "posts", "names"}
	stored     = []string{"things", "posts"}
)

// anyField are the fields of the collection and one that it has not.
func anyField(on string) []string { return append(slices.Clone(fieldsOf(on)), nothing) }

// at returns the path of the collection.
func (c cell) at() string { return "/v1/" + c.collection }

// reading returns the oracle of a read: what there is is for answers to say.
func reading(answers func(m *model, c cell, read right) answer) func(*model, cell) (answer, bool) {
	return func(m *model, c cell) (answer, bool) {
		read := c.right(policy.Read)
		switch {
		case !read.ok:
			return c.refused(), true
		case c.field != "" && !c.has(read, c.field):
			return unknown, true
		}
		return answers(m, c, read), true
	}
}

// one is the answer to who asks for the record, as show has it.
func one(m *model, c cell, read right, show func(row) answer) answer {
	r := m.records(c.collection)[c.row]
	if r == nil || !read.rows(r) {
		return absent
	}
	return show(r)
}

// reads are the operations that read.
var reads = []operation{
	{
		reads: true, name: "get", core: "Get", route: "get /v1/{collection}/{id}", on: everywhere, rows: rowNames,
		ask: func(w *world, c cell) answer { return w.get(c.who, c.at()+"/"+c.row) },
		want: reading(func(m *model, c cell, read right) answer {
			return one(m, c, read, func(r row) answer { return answer{status: 200, body: c.seen(r, read)} })
		}),
	},
	{
		reads: true, name: "get a field", core: "Get", route: "get /v1/{collection}/{id}", on: everywhere, rows: rowNames, fields: anyField,
		ask: func(w *world, c cell) answer { return w.get(c.who, c.at()+"/"+c.row+"?$select="+c.field) },
		want: reading(func(m *model, c cell, read right) answer {
			return one(m, c, read, func(r row) answer { return answer{status: 200, body: c.seen(r, read, c.field)} })
		}),
	},
	{
		reads: true, name: "get with its kind", core: "Get", route: "get /v1/{collection}/{id}", on: stored, rows: rowNames,
		ask: func(w *world, c cell) answer { return w.get(c.who, c.at()+"/"+c.row+"?$expand=kind") },
		want: reading(func(m *model, c cell, read right) answer {
			if _, ok := m.related(c, read, row{}); !ok {
				return answer{status: 400, code: "unknown-relation"}
			}
			return one(m, c, read, func(r row) answer {
				body := c.seen(r, read)
				body["kind"], _ = m.related(c, read, r)
				return answer{status: 200, body: body}
			})
		}),
	},
	{
		reads: true, name: "list", core: "List", route: "get /v1/{collection}", on: everywhere,
		ask:  func(w *world, c cell) answer { return w.get(c.who, c.at()) },
		want: reading(func(m *model, c cell, read right) answer { return c.list(m.readable(c, read, nil), read) }),
	},
	{
		reads: true, name: "list with kinds", core: "List", route: "get /v1/{collection}", on: stored,
		ask: func(w *world, c cell) answer { return w.get(c.who, c.at()+"?$expand=kind") },
		want: reading(func(m *model, c cell, read right) answer {
			if _, ok := m.related(c, read, row{}); !ok {
				return answer{status: 400, code: "unknown-relation"}
			}
			rows := m.readable(c, read, nil)
			listed := c.list(rows, read)
			for i, r := range rows {
				shown := listed.body.(map[string]any)["value"].([]any)[i].(map[string]any)
				shown["kind"], _ = m.related(c, read, r)
			}
			return listed
		}),
	},
	{
		reads: true, name: "filter", core: "List", route: "get /v1/{collection}", on: everywhere, fields: anyField,
		ask: func(w *world, c cell) answer { return w.get(c.who, c.at()+"?$filter="+c.field+" ne null") },
		want: reading(func(m *model, c cell, read right) answer {
			return c.list(m.readable(c, read, given(c.field)), read)
		}),
	},
	{
		reads: true, name: "sort", core: "List", route: "get /v1/{collection}", on: everywhere, fields: anyField,
		ask: func(w *world, c cell) answer {
			got := w.get(c.who, c.at()+"?$orderby="+c.field+" desc")
			sortByID(got.body)
			return got
		},
		want: reading(func(m *model, c cell, read right) answer { return c.list(m.readable(c, read, nil), read) }),
	},
	{
		reads: true, name: "select", core: "List", route: "get /v1/{collection}", on: everywhere, fields: anyField,
		ask: func(w *world, c cell) answer { return w.get(c.who, c.at()+"?$select="+c.field) },
		want: reading(func(m *model, c cell, read right) answer {
			return c.list(m.readable(c, read, nil), read, c.field)
		}),
	},
	{
		reads: true, name: "count", core: "List", route: "get /v1/{collection}", on: everywhere, fields: anyField,
		ask: func(w *world, c cell) answer {
			return w.get(c.who, c.at()+"?$first=1&$select=id&$count=true&$filter="+c.field+" ne null").only("count")
		},
		want: reading(func(m *model, c cell, read right) answer {
			return answer{status: 200, body: float64(len(m.readable(c, read, given(c.field))))}
		}),
	},
	{
		reads: true, name: "list as NDJSON", core: "List", route: "get /v1/{collection}", on: everywhere,
		ask: func(w *world, c cell) answer {
			return w.get(c.who, c.at(), "Accept", "application/x-ndjson").fromLines()
		},
		want: reading(func(m *model, c cell, read right) answer { return c.list(m.readable(c, read, nil), read) }),
	},
	{
		reads: true, name: "list as CSV", core: "List", route: "get /v1/{collection}", on: everywhere, fields: anyField,
		ask: func(w *world, c cell) answer {
			return w.get(c.who, c.at()+"?$orderby=id&$select=id,"+c.field, "Accept", "text/csv").fromCSV()
		},
		want: reading(func(m *model, c cell, read right) answer {
			if c.field == "id" {
				return answer{status: 400, code: "syntax"} // it is there twice
			}
			listed := c.list(m.readable(c, read, nil), read, "id", c.field)
			return answer{status: 200, body: asCells(listed.body.(map[string]any)["value"].([]any))}
		}),
	},
	{
		reads: true, name: "query", core: "List", route: "post /v1/{collection}/$query", on: everywhere, rows: rowNames, fields: anyField,
		ask: func(w *world, c cell) answer {
			return w.json(c.who, http.MethodPost, c.at()+"/$query", map[string]any{"ids": []string{c.row}, "filter": c.field + " ne null", "count": true})
		},
		want: reading(func(m *model, c cell, read right) answer {
			rows := m.readable(c, read, func(r row) bool { return r["id"] == c.row && r[c.field] != nil })
			listed := c.list(rows, read)
			listed.body.(map[string]any)["count"] = float64(len(rows))
			return listed
		}),
	},
	{
		reads: true, name: "groups", core: "Aggregate", route: "get /v1/{collection}/$aggregate", on: everywhere, fields: anyField,
		ask: func(w *world, c cell) answer {
			return w.get(c.who, c.at()+"/$aggregate?$apply=groupby(("+c.field+"),aggregate($count as n))").grouped(c.field)
		},
		want: reading(func(m *model, c cell, read right) answer {
			counts := make(map[string]any)
			for _, r := range m.readable(c, read, nil) {
				text, _ := json.Marshal(r[c.field])
				n, _ := counts[string(text)].(float64)
				counts[string(text)] = n + 1
			}
			return answer{status: 200, body: counts}
		}),
	},
	{
		reads: true, name: "measure", core: "Aggregate", route: "get /v1/{collection}/$aggregate", on: everywhere, fields: anyField,
		ask: func(w *world, c cell) answer {
			return w.get(c.who, c.at()+"/$aggregate?$apply=aggregate("+c.field+" with max as m)").first("m")
		},
		want: reading(func(m *model, c cell, read right) answer {
			var most any
			for _, r := range m.readable(c, read, given(c.field)) {
				if most == nil || less(most, r[c.field]) {
					most = r[c.field]
				}
			}
			return answer{status: 200, body: most}
		}),
	},
	{
		reads: true, name: "count by aggregate", core: "Aggregate", route: "get /v1/{collection}/$aggregate", on: everywhere, fields: anyField,
		ask: func(w *world, c cell) answer {
			return w.get(c.who, c.at()+"/$aggregate?$apply=filter("+c.field+" ne null)/aggregate($count as n)").first("n")
		},
		want: reading(func(m *model, c cell, read right) answer {
			return answer{status: 200, body: float64(len(m.readable(c, read, given(c.field))))}
		}),
	},
	{
		reads: true, name: "export", core: "Export", on: everywhere, fields: anyField,
		ask: func(w *world, c cell) answer {
			var out bytes.Buffer
			_, err := w.api.Export(w.t.Context(), c.who.principal(), core.ExportRequest{
				Collection: c.collection, Format: ingest.NDJSON, To: &out, List: core.ListRequest{Filter: c.field + " ne null"},
			})
			got := failed(err)
			if err == nil {
				got.body = out.String()
			}
			return got.fromLines()
		},
		want: reading(func(m *model, c cell, read right) answer {
			return c.list(m.readable(c, read, given(c.field)), read)
		}),
	},
}

// less orders what max does.
func less(a, b any) bool {
	if x, ok := a.(float64); ok {
		return x < b.(float64)
	}
	return a.(string) < b.(string)
}

// only leaves one member of the body.
func (got answer) only(member string) answer {
	if body, ok := got.body.(map[string]any); ok {
		got.body = body[member]
	}
	return got
}

// first leaves one member of the only row of the body.
func (got answer) first(member string) answer {
	if rows, ok := got.only("value").body.([]any); ok && len(rows) == 1 {
		got.body = rows[0].(map[string]any)[member]
	}
	return got
}

// grouped is the body as counts by the JSON of the field.
func (got answer) grouped(field string) answer {
	rows, ok := got.only("value").body.([]any)
	if !ok {
		return got
	}
	counts := make(map[string]any)
	for _, r := range rows {
		text, _ := json.Marshal(r.(map[string]any)[field])
		counts[string(text)] = r.(map[string]any)["n"]
	}
	got.body = counts
	return got
}

// fromLines is the body as a page, of lines of JSON.
func (got answer) fromLines() answer {
	if got.status != http.StatusOK {
		return got
	}
	value := []any{}
	text, _ := got.body.(string)
	for line := range strings.Lines(text) {
		var r any
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			r = "not JSON: " + line
		}
		value = append(value, r)
	}
	got.body = map[string]any{"value": value}
	return got
}

// fromCSV is the body as rows of CSV, without their header.
func (got answer) fromCSV() answer {
	if got.status != http.StatusOK {
		return got
	}
	rows, err := csv.NewReader(strings.NewReader(got.body.(string))).ReadAll()
	if err != nil {
		got.body = "no CSV: " + err.Error()
		return got
	}
	got.body = rows[1:]
	return got
}

// asCells are rows of an id and perhaps another field as cells of CSV.
func asCells(rows []any) [][]string {
	cells := [][]string{}
	for _, each := range rows {
		r := each.(map[string]any)
		line := []string{r["id"].(string)}
		for name, value := range r {
			if name == "id" {
				continue
			}
			text, _ := json.Marshal(value)
			line = append(line, strings.ReplaceAll(strings.Trim(string(text), `"`), "null", ""))
		}
		cells = append(cells, line)
	}
	return cells
}

// sortByID brings the page into the order of its ids, or of what it shows.
func sortByID(body any) {
	page, _ := body.(map[string]any)
	rows, _ := page["value"].([]any)
	slices.SortFunc(rows, func(a, b any) int {
		x, _ := json.Marshal(a.(map[string]any)["id"])
		y, _ := json.Marshal(b.(map[string]any)["id"])
		return bytes.Compare(x, y)
	})
}
