package matrix_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/ingest"
	"github.com/portolan-io/portolan/core/policy"
)

// made are the kinds of new records that cells are about: what the caller gives them.
var makes = map[string]row{
	"mine":      {"id": "new", "title": "New One", "owner": "ann"},
	"theirs":    {"id": "new", "title": "New One", "owner": "bob"},
	"ownerless": {"id": "new", "title": "New One"},
	"taken":     {"id": "other", "title": "New One", "owner": "ann"},
}

var makesNames = []string{"mine", "theirs", "ownerless", "taken"}

// values are what a write may give to a field, beside what every one gives.
var values = map[string]row{
	"none":             {},
	"id":               {"id": "elsewhere"},
	"owner to me":      {"owner": "ann"},
	"owner to another": {"owner": "bob"},
	"owner to nobody":  {"owner": nil},
	"title":            {"title": "Renamed"},
	"secret":           {"secret": "s9"},
	"secret as it is":  {"secret": "s2"},
	"state":            {"state": "shut"},
	"state as it is":   {"state": "open"},
	"slug":             {"slug": "forged"},
	"kind seen by all": {"kind_id": 1.0},
	"kind of another":  {"kind_id": 2.0},
	"kind not there":   {"kind_id": 9.0},
	nothing:            {nothing: "x"},
}

func anyValue(string) []string {
	return []string{
		"none", "id", "owner to me", "owner to another", "owner to nobody", "title", "secret", "secret as it is", "state", "state as it is",
		"slug", "kind seen by all", "kind of another", "kind not there", nothing,
	}
}

func noIDs(on string) []string { return append([]string{"none"}, anyValue(on)[2:]...) }

// with returns the record with what the field of the cell says.
func (c cell) with(r row) row {
	r = maps.Clone(r)
	maps.Copy(r, values[c.field])
	return r
}

// creating returns the oracle of what creates.
func creating(answers func(m *model, c cell) answer) func(*model, cell) (answer, bool) {
	return func(m *model, c cell) (answer, bool) {
		if !c.right(policy.Create).ok {
			return c.refused(), true
		}
		return answers(m, c), true
	}
}

// putBody is what a replacement gives: a title, and who owns the record if the caller
// may say so.
func (c cell) putBody() row { return c.with(row{"title": "Put"}) }

// changing returns an operation that changes the record that it names.
func changing(name, method, condition string) operation {
	op := operation{name: name, core: "Replace", route: "put /v1/{collection}/{id}", on: stored, rows: rowNames, fields: anyValue}
	patch, action := method == http.MethodPatch, policy.Update
	if patch {
		op.core, op.route = "Patch", "patch /v1/{collection}/{id}"
	}
	if condition == "If-None-Match" {
		action = policy.Create
	}
	body := func(c cell) row {
		if patch {
			return c.with(row{})
		}
		return c.putBody()
	}
	op.ask = func(w *world, c cell) answer {
		if condition != "" {
			return w.json(c.who, method, c.at()+"/"+c.row, body(c), condition, "*")
		}
		return w.json(c.who, method, c.at()+"/"+c.row, body(c))
	}
	op.want = func(m *model, c cell) (answer, bool) { return m.changed(c, action, body(c), condition, patch), true }
	return op
}

// removing returns an operation that removes the record that it names.
func removing(name, condition string) operation {
	return operation{
		name: name, core: "Delete", route: "delete /v1/{collection}/{id}", on: stored, rows: rowNames,
		ask: func(w *world, c cell) answer {
			if condition != "" {
				return w.json(c.who, http.MethodDelete, c.at()+"/"+c.row, nil, condition, "*")
			}
			got, _ := w.send(c.who, http.MethodDelete, c.at()+"/"+c.row, "", "")
			return got
		},
		want: func(m *model, c cell) (answer, bool) { return m.removed(c, condition), true },
	}
}

// writes are the operations that write.
var writes = []operation{
	{
		name: "create", core: "Create", route: "post /v1/{collection}", on: stored, rows: makesNames, fields: noIDs,
		ask: func(w *world, c cell) answer { return w.json(c.who, http.MethodPost, c.at(), c.with(makes[c.row])) },
		want: creating(func(m *model, c cell) answer {
			told, next := m.made(c, c.with(makes[c.row]), false)
			if next != nil {
				m.state[c.collection][idOf(next)] = next
			}
			return told
		}),
	},
	{
		name: "create on trial", core: "Create", route: "post /v1/{collection}", on: stored, rows: makesNames, fields: noIDs,
		ask: func(w *world, c cell) answer {
			return w.json(c.who, http.MethodPost, c.at(), c.with(makes[c.row]), "Prefer", "tx=rollback")
		},
		want: creating(func(m *model, c cell) answer {
			told, _ := m.made(c, c.with(makes[c.row]), false)
			return told
		}),
	},
	{
		name: "create all or none", core: "Create", route: "post /v1/{collection}", on: stored, rows: makesNames, fields: noIDs,
		ask: func(w *world, c cell) answer {
			got := w.json(c.who, http.MethodPost, c.at(), []row{second, c.with(makes[c.row])})
			if got.status >= 400 && got.status != 401 && got.code != "forbidden" {
				got.code = "" // of the first mistake: the cells of single records say which
			}
			return got
		},
		want: creating(func(m *model, c cell) answer { return m.madeAll(c) }),
	},
	{
		name: "create those that are right", core: "Create", route: "post /v1/{collection}", on: stored, rows: makesNames, fields: noIDs,
		ask: func(w *world, c cell) answer {
			got := w.json(c.who, http.MethodPost, c.at(), []row{second, c.with(makes[c.row])}, "Prefer", "continue-on-error")
			return got.reported()
		},
		want: creating(func(m *model, c cell) answer { return m.madeEach(c) }),
	},
	{
		name: "create from CSV", core: "Objects", route: "post /v1/{collection}", on: stored, rows: makesNames, fields: noIDs,
		ask: func(w *world, c cell) answer {
			got, _ := w.send(c.who, http.MethodPost, c.at(), "text/csv", asCSV(c.with(makes[c.row])))
			return got.only("value").anyBody()
		},
		want: creating(func(m *model, c cell) answer {
			create, body := c.right(policy.Create), c.with(makes[c.row])
			for name := range body {
				if !c.has(create, name) {
					return answer{status: 400, code: "bad-header"}
				}
			}
			delete(body, "slug") // which is passed over
			told, next := m.made(c, body, false)
			if next != nil {
				m.state[c.collection][idOf(next)] = next
				return answer{status: 201}
			}
			told.body = nil
			return told
		}),
	},
	changing("put", http.MethodPut, ""),
	changing("put over", http.MethodPut, "If-Match"),
	changing("put anew", http.MethodPut, "If-None-Match"),
	changing("patch", http.MethodPatch, ""),
	changing("patch over", http.MethodPatch, "If-Match"),
	removing("delete", ""),
	removing("delete over", "If-Match"),
	{
		name: "delete what matches", core: "DeleteMany", route: "post /v1/{collection}/$delete", on: stored, rows: rowNames, fields: anyField,
		ask: func(w *world, c cell) answer {
			return w.json(c.who, http.MethodPost, c.at()+"/$delete", map[string]any{"ids": []string{c.row}, "filter": c.field + " ne null"})
		},
		want: func(m *model, c cell) (answer, bool) { return m.removedAll(c), true },
	},
	{
		name: "import", core: "Import", on: stored, rows: makesNames, fields: noIDs,
		ask: func(w *world, c cell) answer {
			summary, err := w.api.Import(w.t.Context(), c.who.principal(), core.ImportRequest{
				Collection: c.collection, Source: sourceOf(asCSV(c.with(makes[c.row]))), MaxRejects: -1,
			})
			got := failed(err)
			if err == nil {
				got.body = float64(summary.Loaded)
			}
			return got
		},
		want: func(m *model, c cell) (answer, bool) { return m.imported(c), true },
	},
}

// second is the record beside the one that a cell is about.
var second = row{"id": "second", "title": "Second"}

// madeAll creates both records, or none.
func (m *model) madeAll(c cell) answer {
	told, first := m.made(c, second, false)
	if first == nil {
		return answer{status: told.status}
	}
	also, next := m.made(c, c.with(makes[c.row]), false)
	if next == nil {
		return answer{status: also.status}
	}
	value := []any{}
	for _, each := range []answer{told, also} {
		if each.body != nil {
			value = append(value, each.body)
		}
	}
	m.state[c.collection]["second"], m.state[c.collection][idOf(next)] = first, next
	return answer{status: 201, body: map[string]any{"value": value}}
}

// madeEach creates those of both records that can be.
func (m *model) madeEach(c cell) answer {
	report := []any{}
	for _, body := range []row{second, c.with(makes[c.row])} {
		told, next := m.made(c, body, true)
		if next == nil {
			report = append(report, told.code)
			continue
		}
		m.state[c.collection][idOf(next)] = next
		report = append(report, told.body)
	}
	return answer{status: 207, body: report}
}

// reported is the body as the codes of those that failed and the records of the others.
func (got answer) reported() answer {
	rows, ok := got.only("value").body.([]any)
	if !ok {
		return got
	}
	for i := range rows {
		r := rows[i].(map[string]any)
		rows[i] = r["record"]
		if problem, failed := r["error"].(map[string]any); failed {
			rows[i] = problem["code"]
		}
	}
	got.body = rows
	return got
}

// removedAll removes the record that the cell names, if the field is given there.
func (m *model) removedAll(c cell) answer {
	remove, read := c.right(policy.Delete), c.right(policy.Read)
	switch {
	case !remove.ok || !read.ok:
		return c.refused()
	case !c.has(read, c.field):
		return unknown
	}
	removed := 0
	for _, r := range m.readable(c, read, func(r row) bool { return r["id"] == c.row && r[c.field] != nil && remove.rows(r) }) {
		delete(m.state[c.collection], idOf(r))
		removed++
	}
	return answer{status: 200, body: map[string]any{"deleted": float64(removed)}}
}

// imported imports one row, which replaces what has its id.
func (m *model) imported(c cell) answer {
	if refused := c.imports(); refused != nil {
		return *refused
	}
	body := c.with(makes[c.row])
	if body[nothing] != nil {
		return answer{status: 400, code: "bad-header"}
	}
	delete(body, "slug")
	next, wrong := m.written(c, nil, "", body, c.right(policy.Create), right{}, false)
	if wrong != nil || m.dangles(c, next) {
		return answer{status: 200, body: 0.0}
	}
	m.state[c.collection][idOf(next)] = next
	return answer{status: 200, body: 1.0}
}

// anyBody leaves the body of a success out.
func (got answer) anyBody() answer {
	if got.status == http.StatusNoContent { // nothing is shown, and something is made
		got.status = http.StatusCreated
	}
	got.body = nil
	return got
}

// asCSV is the record as a file of one row.
func asCSV(r row) string {
	var header, line []string
	for _, name := range slices.Sorted(maps.Keys(r)) {
		text, _ := json.Marshal(r[name])
		header = append(header, name)
		line = append(line, strings.ReplaceAll(strings.Trim(string(text), `"`), "null", ""))
	}
	return strings.Join(header, ",") + "\n" + strings.Join(line, ",") + "\n"
}

// sourceOf is the text as a source of CSV.
func sourceOf(text string) ingest.Source { return textSource("matrix.csv", text) }
