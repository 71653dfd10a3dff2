package matrix_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/ingest"
	"github.com/portolan-io/portolan/core/policy"
)

// textSource is the text as a source that an import reads.
func textSource(name, text string) ingest.Source {
	open := func(context.Context) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }
	return ingest.Source{Name: name, Format: ingest.CSV, Size: int64(len(text)), Open: open}
}

// The ways to write to a view, as the rows of its cells.
var viewWrites = []string{"POST ", "PUT /own", "PATCH /own", "DELETE /own", "POST /$delete", "POST /$import"}

// mayAll are the actions, as the rows of the cells that ask for one.
var mayAll = []string{"read", "create", "update", "delete"}

// whose are the jobs that cells are about.
var whose = []string{"mine", "another's", "of another credential", "not there"}

// others are the operations that neither read nor write records.
var others = []operation{
	{
		name: "write to a view", core: "May", on: []string{"names"}, rows: viewWrites,
		ask: func(w *world, c cell) answer {
			method, path, _ := strings.Cut(c.row, " ")
			if path == "/$import" {
				got, _ := w.send(c.who, method, c.at()+path, "text/csv", "id,label\nnew,New\n")
				return got
			}
			return w.json(c.who, method, c.at()+path, map[string]any{"label": "New", "ids": []string{"own"}})
		},
		want: func(_ *model, c cell) (answer, bool) {
			if !c.right(policy.Read).ok {
				return c.refused(), true
			}
			return answer{status: 405, code: "view-read-only"}, true
		},
	},
	{
		name: "may", core: "May", on: stored, rows: mayAll,
		ask: func(w *world, c cell) answer {
			return failed(w.api.May(w.t.Context(), c.who.principal(), c.collection, policy.Actions[slices.Index(mayAll, c.row)]))
		},
		want: func(_ *model, c cell) (answer, bool) {
			if !c.right(policy.Actions[slices.Index(mayAll, c.row)]).ok {
				return c.refused(), true
			}
			return answer{status: 200}, true
		},
	},
	{
		name: "may import", core: "MayImport", on: stored,
		ask: func(w *world, c cell) answer {
			return failed(w.api.MayImport(w.t.Context(), c.who.principal(), c.collection))
		},
		want: importing(200),
	},
	{
		name: "send an import", core: "Receive", route: "post /v1/{collection}/$import", on: stored,
		ask: func(w *world, c cell) answer {
			got, recorded := w.send(c.who, http.MethodPost, c.at()+"/$import", "text/csv", "id,title\nnew,New\n")
			if recorded.Code == http.StatusAccepted {
				w.forget()
			}
			got.body = nil
			return got
		},
		want: importing(202),
	},
	{
		name: "repeat an import", core: "Repeat", on: stored,
		ask: func(w *world, c cell) answer {
			_, same, err := w.uploads.Repeat(w.t.Context(), c.who.principal(), c.collection, &core.Once{Key: "k", Route: "r"}, nil)
			got := failed(err)
			if same {
				got.body = "it was done before"
			}
			return got
		},
		want: importing(200),
	},
	{
		name: "a job", core: "Job", route: "get /v1/jobs/{id}", on: []string{"things"}, rows: whose,
		ask: func(w *world, c cell) answer {
			id := "01a1f9ac-3bf4-7c15-837f-09e7f360dcdf"
			switch c.row {
			case "mine":
				id = w.jobOf(c.who)
			case "another's":
				id = w.jobOf(boss)
			case "of another credential":
				id = w.jobOf(neighbour)
			}
			got := w.get(c.who, "/v1/jobs/"+id)
			got.body = nil
			return got
		},
		want: func(_ *model, c cell) (answer, bool) {
			owner := map[string]string{"mine": c.who.sub, "another's": boss.sub, "of another credential": neighbour.sub}[c.row]
			if c.row != "not there" && c.who.sub == owner && c.imports() == nil {
				return answer{status: 200}, true
			}
			return answer{status: 404, code: "unknown-job"}, true
		},
	},
	{
		name: "what may be done", core: "Collections", route: "get /openapi.json", on: []string{"things", "posts", "names"},
		ask: func(w *world, c cell) answer {
			got := w.get(c.who, "/openapi.json")
			got.body = described(got.body, c.collection)
			return got
		},
		want: func(_ *model, c cell) (answer, bool) { return answer{status: 200, body: c.description()}, true },
	},
	operating("CreateKey", func(w *world, who policy.Principal) error {
		_, _, err := w.api.CreateKey(w.t.Context(), who, core.Key{Subject: "thief", Roles: []string{"admin"}})
		return err
	}),
	operating("Keys", func(w *world, who policy.Principal) error {
		_, err := w.api.Keys(w.t.Context(), who)
		return err
	}),
	operating("RevokeKey", func(w *world, who policy.Principal) error { return w.api.RevokeKey(w.t.Context(), who, "k") }),
	operating("Hold", func(w *world, who policy.Principal) error {
		_, err := w.api.Hold(w.t.Context(), who)
		return err
	}),
}

// boss is whose jobs are not those of the others; neighbour is one subject with many of
// the others, and may import.
var boss, neighbour = named("admin"), named("near")

// named returns the caller of the name.
func named(name string) caller {
	return callers[slices.IndexFunc(callers, func(who caller) bool { return who.name == name })]
}

// jobOf returns the id of a job that the caller began; of who may begin none, that of
// another.
func (w *world) jobOf(who caller) string {
	if w.jobs[who.name] == "" && (cell{collection: "things", who: who}).imports() != nil {
		return w.jobOf(boss)
	}
	if w.jobs[who.name] == "" {
		_, recorded := w.send(who, http.MethodPost, "/v1/things/$import", "text/csv", "id,title\nnew,New\n")
		w.jobs[who.name] = strings.TrimPrefix(recorded.Header().Get("Location"), "/v1/jobs/")
		w.forget()
	}
	return w.jobs[who.name]
}

// forget makes room for the uploads of further cells: nothing is ever imported.
func (w *world) forget() {
	uploads, err := core.NewUploads(core.UploadsConfig{API: w.api, Dir: w.t.TempDir()})
	if err != nil {
		w.t.Fatal(err)
	}
	w.uploads = uploads
	w.serve()
}

// importing returns the oracle of what begins an import.
func importing(status int) func(*model, cell) (answer, bool) {
	return func(_ *model, c cell) (answer, bool) {
		if refused := c.imports(); refused != nil {
			return *refused, true
		}
		if status == 200 && c.who.sub == "" {
			return answer{status: 200}, true
		}
		return answer{status: status}, true
	}
}

// operating returns an operation that is the operator's alone.
func operating(method string, ask func(*world, policy.Principal) error) operation {
	return operation{
		name: "as the operator: " + method, core: method, on: []string{"things"},
		ask:  func(w *world, c cell) answer { return failed(ask(w, c.who.principal())) },
		want: func(_ *model, c cell) (answer, bool) { return c.refused(), true },
	}
}

// described returns the operations on the collection that an OpenAPI document has, as
// "get /v1/things/{id}", and the fields of what is read, as "field owner"; and "leak
// secret" if the name of the field secret is anywhere in the operations.
func described(document any, collection string) []string {
	found := []string{}
	body := document.(map[string]any)
	schemas, _ := body["components"].(map[string]any)["schemas"].(map[string]any)
	for path, item := range body["paths"].(map[string]any) {
		if path != "/v1/"+collection && !strings.HasPrefix(path, "/v1/"+collection+"/") {
			continue
		}
		for method := range item.(map[string]any) {
			if method != "parameters" {
				found = append(found, method+" "+strings.Replace(path, collection, "{collection}", 1))
			}
		}
		if mentions(item, schemas, map[string]bool{}, "secret") {
			found = append(found, "says secret")
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// mentions reports whether the text is in the part of a document, or in what it refers to.
func mentions(part any, schemas map[string]any, seen map[string]bool, text string) bool {
	octets, _ := json.Marshal(part)
	if strings.Contains(string(octets), text) {
		return true
	}
	for name, schema := range schemas {
		if !seen[name] && strings.Contains(string(octets), `"#/components/schemas/`+name+`"`) {
			seen[name] = true
			if mentions(schema, schemas, seen, text) {
				return true
			}
		}
	}
	return false
}

// description is what the OpenAPI document of the caller says of the collection.
func (c cell) description() []string {
	has := make(map[string]bool)
	read, create := c.right(policy.Read), c.right(policy.Create)
	update, remove := c.right(policy.Update), c.right(policy.Delete)
	has["get /v1/{collection}"], has["get /v1/{collection}/{id}"] = read.ok, read.ok
	has["post /v1/{collection}/$query"], has["get /v1/{collection}/$aggregate"] = read.ok, read.ok
	has["post /v1/{collection}"] = create.ok
	has["put /v1/{collection}/{id}"] = create.ok || update.ok
	has["patch /v1/{collection}/{id}"] = update.ok
	has["delete /v1/{collection}/{id}"] = remove.ok
	has["post /v1/{collection}/$delete"] = remove.ok && read.ok
	has["post /v1/{collection}/$import"] = c.imports() == nil
	for _, r := range []right{read, create, update} {
		has["says secret"] = has["says secret"] || r.ok && c.has(r, "secret")
	}
	found := []string{}
	for what, ok := range has {
		if ok {
			found = append(found, what)
		}
	}
	slices.Sort(found)
	return found
}
