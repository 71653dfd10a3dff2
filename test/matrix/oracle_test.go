package matrix_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/portolan-io/portolan/core/policy"
)

// A cell is one thing that somebody asks for.
type cell struct {
	collection string
	who        caller
	row        string // that it names; of a creation, what kind of record it makes
	field      string // that it is about, perhaps with a value; empty: about none
}

// A model is the product as its documentation has it.
type model struct{ state state }

// nothing is the field that no collection has, and nearly that which some hide.
const nothing = "secrets"

// unknown is how a field that there is not is refused, and with it one that is hidden.
var unknown = answer{status: 400, code: "unknown-field"}

// absent is how what there is not is refused, and with it what is hidden.
var absent = answer{status: 404, code: "unknown-record"}

// policed is how a row is refused that the caller sees, or gives itself.
var policed = answer{status: 403, code: "row-policy"}

// grants are the grants of the collection.
func grants(collection string) []grant {
	return map[string][]grant{"things": things, "posts": posts, "kinds": kinds, "names": names}[collection]
}

// fieldsOf are the fields of the collection, in their order.
func fieldsOf(collection string) []string {
	switch collection {
	case "names":
		return []string{"id", "label", "owner", "secret"}
	case "kinds":
		return []string{"id", "name", "org"}
	}
	return []string{"id", "owner", "title", "secret", "state", "slug", "kind_id"}
}

// right returns what the caller of the cell may do.
func (c cell) right(action policy.Action) right { return rightOf(grants(c.collection), c.who, action) }

// refused is how an action is refused that the caller may not do at all.
func (c cell) refused() answer {
	if c.who.sub == "" {
		return answer{status: 401, code: "unauthenticated"}
	}
	return answer{status: 403, code: "forbidden"}
}

// has reports whether there is such a field for who has the right.
func (c cell) has(r right, field string) bool {
	return slices.Contains(fieldsOf(c.collection), field) && !slices.Contains(r.hidden, field)
}

// records are those of the collection, as it shows them, by id.
func (m *model) records(collection string) map[string]row {
	if collection != "names" {
		return m.state[collection]
	}
	shown := make(map[string]row)
	for id, r := range m.state["things"] {
		shown[id] = row{"id": r["id"], "label": r["title"], "owner": r["owner"], "secret": r["secret"]}
	}
	return shown
}

// seen returns the record as the right shows it, only the field if there is one.
func (c cell) seen(r row, read right, only ...string) map[string]any {
	shown := make(map[string]any)
	for name, value := range r {
		if c.has(read, name) && (len(only) == 0 || slices.Contains(only, name)) {
			shown[name] = value
		}
	}
	return shown
}

// readable returns the records that the caller may read and that keep holds of, by id.
func (m *model) readable(c cell, read right, keep func(row) bool) []row {
	all := m.records(c.collection)
	var found []row
	for _, id := range slices.Sorted(maps.Keys(all)) {
		if read.rows(all[id]) && (keep == nil || keep(all[id])) {
			found = append(found, all[id])
		}
	}
	return found
}

// list is the answer of a page with the records.
func (c cell) list(rows []row, read right, only ...string) answer {
	value := make([]any, len(rows))
	for i, r := range rows {
		value[i] = c.seen(r, read, only...)
	}
	return answer{status: 200, body: map[string]any{"value": value}}
}

// given reports whether the record has something in the field.
func given(field string) func(row) bool { return func(r row) bool { return r[field] != nil } }

// related returns what is shown of the kind that a thing refers to, and false if there
// is no such relation for the caller.
func (m *model) related(c cell, read right, r row) (any, bool) {
	other := cell{collection: "kinds", who: c.who}
	kind := other.right(policy.Read)
	if !c.has(read, "kind_id") || !kind.ok {
		return nil, false
	}
	found := m.kind(r["kind_id"])
	if found == nil || !kind.rows(found) {
		return nil, true
	}
	return other.seen(found, kind), true
}

// kind returns the kind with the id, nil if there is none.
func (m *model) kind(id any) row {
	text, err := json.Marshal(id)
	if err != nil {
		return nil
	}
	return m.state["kinds"][string(text)]
}

// dangles reports whether a record refers to what there is not for the caller: who may
// read no kinds at all is not asked which.
func (m *model) dangles(c cell, r row) bool {
	if r["kind_id"] == nil {
		return false
	}
	found := m.kind(r["kind_id"])
	kind := rightOf(kinds, c.who, policy.Read)
	return found == nil || kind.ok && !kind.rows(found)
}

// written returns the record that a body makes of the one that is there, which is nil
// if there is none, and how it is refused otherwise. Patch keeps what is not given.
func (m *model) written(c cell, is row, id string, body row, write, read right, patch bool) (row, *answer) {
	next := row{}
	for _, name := range fieldsOf(c.collection) {
		next[name] = nil
		if patch {
			next[name] = is[name]
		}
	}
	codes := make(map[string]bool)
	for name, value := range body {
		unseen := !read.ok || slices.Contains(read.hidden, name)
		asItIs := is != nil && value == is[name] && !unseen
		switch {
		case !c.has(write, name):
			codes["unknown-field"] = true
		case name == "id" && id != "" && value != id:
			codes["id-mismatch"] = true
		case (name == "slug" || slices.Contains(write.readOnly, name)) && !asItIs:
			codes["read-only"] = true
		}
		next[name] = value
	}
	switch len(codes) {
	case 0:
	case 1:
		for code := range codes {
			return nil, &answer{status: 400, code: code}
		}
	default:
		return nil, &answer{status: 400, code: "invalid-record"}
	}
	if id != "" {
		next["id"] = id
	}
	if is != nil && !patch {
		keep(c, next, is, write, read)
	}
	title, _ := next["title"].(string)
	next["slug"] = strings.ReplaceAll(strings.ToLower(title), " ", "-")
	switch {
	case title == "":
		return nil, &answer{status: 400, code: "invalid-record"}
	case !write.rows(next):
		return nil, &policed
	}
	return next, nil
}

// keep puts back what a replacement says nothing of: what may not be written, and what
// is not seen and was not given. Who may read nothing replaces everything.
func keep(c cell, next, is row, write, read right) {
	for _, name := range fieldsOf(c.collection) {
		unwritable := !c.has(write, name) || slices.Contains(write.readOnly, name)
		if unwritable || read.ok && slices.Contains(read.hidden, name) && next[name] == nil {
			next[name] = is[name]
		}
	}
}

// told is the answer to a write that made next: with it, if the caller may read it.
func (c cell) told(next row, read right, status int) answer {
	if !read.rows(next) {
		return answer{status: 204}
	}
	return answer{status: status, body: c.seen(next, read)}
}

// made makes a new record, and answers for it. Where each record is answered for, that
// its id is taken is what is told first.
func (m *model) made(c cell, body row, each bool) (answer, row) {
	create, read := c.right(policy.Create), c.right(policy.Read)
	next, wrong := m.written(c, nil, "", body, create, right{}, false)
	if wrong != nil {
		return *wrong, nil
	}
	kind := rightOf(kinds, c.who, policy.Read)
	taken := m.state[c.collection][idOf(next)] != nil
	switch dangling := m.dangles(c, next); {
	case taken && each:
		return answer{status: 409, code: "already-exists"}, nil
	case dangling && kind.ok && !kind.all, dangling && !taken:
		return answer{status: 409, code: "reference-missing"}, nil
	case taken:
		return answer{status: 409, code: "already-exists"}, nil
	}
	return c.told(next, read, 201), next
}

// changed changes or makes the record that the cell names. The condition is If-Match: *
// or If-None-Match: *, or none.
func (m *model) changed(c cell, action policy.Action, body row, condition string, patch bool) answer {
	write, read, create := c.right(action), c.right(policy.Read), c.right(policy.Create)
	if !write.ok {
		return c.refused()
	}
	is := m.state[c.collection][c.row]
	hidden := is != nil && read.ok && !read.rows(is)
	beyond := is != nil && !read.ok && action == policy.Update && !write.rows(is)
	there := is != nil && !hidden && !beyond
	switch {
	case patch && !there:
		return absent
	case condition == "If-Match" && !there:
		return answer{status: 412, code: "missing"}
	case condition == "If-None-Match" && there:
		return answer{status: 412, code: "exists"}
	case hidden, beyond:
		return absent
	case there && !write.rows(is):
		return policed
	case !there && !create.ok:
		return absent
	case !there:
		write = create
	}
	next, wrong := m.written(c, is, c.row, body, write, read, patch)
	if wrong != nil {
		return *wrong
	}
	kept := is != nil && is["kind_id"] == next["kind_id"] && read.ok && c.has(read, "kind_id")
	if m.dangles(c, next) && (!kept || m.kind(next["kind_id"]) == nil) {
		return answer{status: 409, code: "reference-missing"}
	}
	m.state[c.collection][c.row] = next
	if is == nil {
		return c.told(next, read, 201)
	}
	return c.told(next, read, 200)
}

// removed removes the record that the cell names.
func (m *model) removed(c cell, condition string) answer {
	remove, read := c.right(policy.Delete), c.right(policy.Read)
	if !remove.ok {
		return c.refused()
	}
	is := m.state[c.collection][c.row]
	there := is != nil && (!read.ok || read.rows(is)) && (read.ok || remove.rows(is))
	switch {
	case condition == "If-Match" && !there:
		return answer{status: 412, code: "missing"}
	case !there:
		return absent
	case !remove.rows(is):
		return policed
	}
	delete(m.state[c.collection], c.row)
	return answer{status: 204}
}

// imports returns how an import is refused, or nil: it takes every row and every field,
// to write, and to read if the caller may read at all.
func (c cell) imports() *answer {
	create, update, read := c.right(policy.Create), c.right(policy.Update), c.right(policy.Read)
	whole := func(r right) bool { return r.all && len(r.hidden) == 0 && len(r.readOnly) == 0 }
	switch {
	case !create.ok || !update.ok:
		refused := c.refused()
		return &refused
	case !whole(create), !whole(update), read.ok && (!read.all || len(read.hidden) > 0):
		return &answer{status: 403, code: "import-needs-all"}
	}
	return nil
}
