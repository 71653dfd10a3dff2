package core_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/portolan-io/portolan/adapters/keeper"
	"github.com/portolan-io/portolan/adapters/layer"
	"github.com/portolan-io/portolan/adapters/memory"
	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/envelope"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/cache"
	"github.com/portolan-io/portolan/ports/repository"
	"github.com/portolan-io/portolan/ports/secrets"
)

const canary = "canary-4711"

// guardedPatients are patients with a number and a file that are encrypted; the role clerk
// does not see the number, nor does the role porter, which may update what it sees; filer
// may update all, and guest too, which sees the patients of another ward; nurse may not write
// the number that it sees.
func guardedPatients(t testing.TB) []core.Collection {
	t.Helper()
	everything := &policy.RuleSpec{}
	spec := schema.Spec{Name: "patients", ID: "id", Fields: []schema.FieldSpec{
		{Name: "id", Type: "string", Max: "16"},
		{Name: "ward_id", Type: "int", References: "wards", Enforce: true},
		{Name: "ssn", Type: "string", Max: "40", Encrypted: true},
		{Name: "file", Type: "json", Encrypted: true},
	}}
	return []core.Collection{
		collection(t, schema.Spec{Name: "wards", ID: "id", Fields: []schema.FieldSpec{{Name: "id", Type: "int"}}},
			policy.GrantSpec{Role: "admin", Read: everything, Create: everything}),
		collection(t, spec,
			policy.GrantSpec{Role: "admin", Read: everything, Create: everything, Update: everything, Delete: everything},
			policy.GrantSpec{Role: "clerk", Read: everything, Hide: []string{"ssn"}},
			policy.GrantSpec{Role: "porter", Read: everything, Update: everything, Hide: []string{"ssn"}},
			policy.GrantSpec{Role: "nurse", Read: everything, Update: everything, ReadOnly: []string{"ssn"}},
			policy.GrantSpec{Role: "filer", Update: everything},
			policy.GrantSpec{Role: "guest", Read: &policy.RuleSpec{Where: "ward_id eq 4"}, Update: everything}),
	}
}

// noticing keeps what a cache was given.
type noticing struct {
	cache.Cache
	mu    sync.Mutex
	given [][]byte
}

func (n *noticing) Set(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	n.mu.Lock()
	n.given = append(n.given, bytes.Clone(value))
	n.mu.Unlock()
	return n.Cache.Set(ctx, key, value, ttl)
}

// A hospital is an API over a store with encrypted fields, and what lies where.
type hospital struct {
	api   *core.API
	below repository.Store
	kept  *noticing
	key   func(broken error)
	now   *day
}

func newHospital(t *testing.T) *hospital {
	t.Helper()
	h := &hospital{below: newStore(t), now: newDay()}
	var broken error
	h.key = func(err error) { broken = err }
	k, err := keeper.OpenLocal(t.Context(), keeper.LocalConfig{Key: func(context.Context) (string, error) { return strings.Repeat("k", 32), broken }})
	if err != nil {
		t.Fatal(err)
	}
	below, err := memory.OpenCache(t.Context(), memory.CacheConfig{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { below.Close() })
	h.kept = &noticing{Cache: below}
	sealer := envelope.New(envelope.Config{Wrapper: k, Now: h.now.time})
	store := layer.Encrypt(h.below, sealer)
	h.api, err = core.New(core.Config{
		Store: store, Sealer: sealer, Collections: guardedPatients(t), Cache: layer.Coherent(h.kept), Pepper: secrets.Fixed("pepper"), Now: h.now.time,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Ensure(t.Context(), h.api.Schemas()); err != nil {
		t.Fatal(err)
	}
	create(t, h.api, "wards", `{"id":3}`)
	return h
}

// everywhere returns all that lies in the store and what was given to the cache.
func (h *hospital) everywhere(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, c := range h.api.Schemas() {
		kept := c.AtRest()
		page, err := h.below.Find(t.Context(), query.Query{
			View: query.View{Collection: kept, Needs: kept.All()}, Order: query.Complete(nil, kept.ID), Limit: 1000,
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range page.Rows {
			for _, v := range row.Values {
				fmt.Fprintf(&all, "%s %s\n", v.AsString(), record.AppendValue(nil, v))
			}
		}
	}
	h.kept.mu.Lock()
	defer h.kept.mu.Unlock()
	for _, value := range h.kept.given {
		all.Write(value)
	}
	return all.String()
}

func (h *hospital) get(t *testing.T, who policy.Principal, selected string) (core.Result, error) {
	t.Helper()
	return h.api.Get(t.Context(), who, "patients", "1", core.GetRequest{Select: selected})
}

const patientOne = `{"id":"1","ward_id":3,"ssn":"` + canary + `","file":{"a":["` + canary + `"]}}`

// TestSealedEverywhere: what is encrypted lies nowhere as it is, whatever is asked of it; and
// is answered as it is, from the store and from the cache.
func TestSealedEverywhere(t *testing.T) {
	h := newHospital(t)
	once := keyed("k", 1)
	for i := range 2 {
		written, err := h.api.Create(t.Context(), operator, "patients", [][]byte{[]byte(patientOne)}, once)
		if err != nil || written.Repeated != (i == 1) || !strings.Contains(string(written.Answer), canary) {
			t.Fatalf("Create, time %d: repeated %v, %v, %s", i+1, written.Repeated, err, written.Answer)
		}
	}
	if _, err := h.api.Create(t.Context(), operator, "patients", [][]byte{[]byte(patientOne)}, keyed("k", 2)); fault.Of(err).Code != "idempotency-key-reused" {
		t.Errorf("another write with the key: %v", err)
	}
	for _, want := range []core.Cached{core.CacheMiss, core.CacheHit} {
		got, err := h.get(t, operator, "")
		if err != nil || string(got.JSON) != patientOne || got.Cache != want {
			t.Errorf("Get = %s, %v, %v, want %v", got.JSON, got.Cache, err, want)
		}
		page, err := h.api.List(t.Context(), operator, "patients", core.ListRequest{Filter: "ward_id eq 3"})
		if err != nil || string(page.Body) != "["+patientOne+"]" || page.Cache != want {
			t.Errorf("List = %s, %v, %v, want %v", page.Body, page.Cache, err, want)
		}
		page, err = h.api.List(t.Context(), operator, "patients", core.ListRequest{Format: "csv"})
		if err != nil || !strings.Contains(string(page.Body), canary) {
			t.Errorf("List as CSV = %s, %v", page.Body, err)
		}
	}
	related, err := h.api.List(t.Context(), operator, "patients", core.ListRequest{Expand: "ward"})
	if want := "[" + strings.TrimSuffix(patientOne, "}") + `,"ward":{"id":3}}]`; err != nil || string(related.Body) != want {
		t.Errorf("List with relations = %s, %v, want %s", related.Body, err, want)
	}
	hidden, err := h.get(t, clerk, "")
	if err != nil || string(hidden.JSON) != `{"id":"1","ward_id":3,"file":{"a":["`+canary+`"]}}` {
		t.Errorf("what the clerk sees is %s, %v", hidden.JSON, err)
	}
	var out bytes.Buffer
	if _, err := h.api.Export(t.Context(), operator, core.ExportRequest{Collection: "patients", Format: "ndjson", To: &out}); err != nil || !strings.Contains(out.String(), patientOne) {
		t.Errorf("Export = %s, %v", &out, err)
	}
	if len(h.kept.given) == 0 {
		t.Errorf("nothing was kept, so this proves nothing of the cache")
	}
	if all := h.everywhere(t); strings.Contains(all, canary) {
		t.Errorf("it lies there as it is: %q", all)
	}
}

// TestTagsDoNotHangOnTheNonce: what is not changed keeps its tags, and a change of another
// field leaves the value what it was.
func TestTagsDoNotHangOnTheNonce(t *testing.T) {
	h := newHospital(t)
	create(t, h.api, "patients", patientOne)
	first, err := h.get(t, operator, "")
	if err != nil {
		t.Fatal(err)
	}
	page, err := h.api.List(t.Context(), operator, "patients", core.ListRequest{})
	if err != nil {
		t.Fatal(err)
	}
	patients := h.api.Served()[1].Schema
	h.now.pass(envelope.KeyFor)
	again, err := h.api.List(t.Context(), operator, "patients", core.ListRequest{Directives: core.Directives{NoCache: true}})
	if err != nil || again.Tag != page.Tag {
		t.Errorf("the tag of a page is %s and then %s, %v", page.Tag, again.Tag, err)
	}
	changed, err := h.api.Patch(t.Context(), operator, "patients", "1", []byte(`{"file":null}`), core.How{If: core.Condition{Revisions: []record.Revision{first.Revision}}})
	if err != nil || string(changed.JSON) != `{"id":"1","ward_id":3,"ssn":"`+canary+`","file":null}` {
		t.Errorf("Update = %s, %v", changed.JSON, err)
	}
	kept := patients.AtRest()
	rows, err := h.below.Get(t.Context(), query.View{Collection: kept, Needs: kept.All()}, []record.ID{"1"})
	if err != nil || !rows[0].Values[patients.Sealed(3)].IsNull() || rows[0].Values[patients.Sealed(2)].IsNull() {
		t.Errorf("null is not null at rest: %v, %v", rows, err)
	}
}

// TestKeysGone: without keys what shows an encrypted field is unavailable, also what the
// cache has of it, and everything else is answered.
func TestKeysGone(t *testing.T) {
	h := newHospital(t)
	create(t, h.api, "patients", patientOne)
	if _, err := h.get(t, operator, ""); err != nil { // which is kept
		t.Fatal(err)
	}
	h.key(fault.New(fault.Unavailable, "test", "nobody is there"))
	if got, err := h.get(t, operator, ""); err != nil || string(got.JSON) != patientOne {
		t.Errorf("while the data key is known: %s, %v", got.JSON, err)
	}
	h.now.pass(envelope.KeyFor)
	_, reading := h.get(t, operator, "")
	_, writing := h.api.Create(t.Context(), operator, "patients", [][]byte{[]byte(`{"id":"2","ssn":"` + canary + `"}`)}, core.How{})
	for _, err := range []error{reading, writing} {
		if !errors.Is(err, fault.Unavailable) || fault.Of(err).Code != envelope.CodeUnavailable || strings.Contains(err.Error(), canary) {
			t.Errorf("without keys: %v, want %s", err, envelope.CodeUnavailable)
		}
	}
	if got, err := h.get(t, operator, "id,ward_id"); err != nil || string(got.JSON) != `{"id":"1","ward_id":3}` {
		t.Errorf("the other fields are %s, %v", got.JSON, err)
	}
	h.key(nil)
	if got, err := h.get(t, operator, ""); err != nil || string(got.JSON) != patientOne {
		t.Errorf("with the keys again: %s, %v", got.JSON, err)
	}
}

// spoil has the sealed values of patient 1 no longer open.
func (h *hospital) spoil(t *testing.T, fields ...string) {
	t.Helper()
	h.flip(t, func(sealed []byte) int { return len(sealed) - 1 }, fields...)
}

// flip changes an octet of the sealed values of patient 1.
func (h *hospital) flip(t *testing.T, which func(sealed []byte) int, fields ...string) {
	t.Helper()
	patients := h.api.Served()[1].Schema
	kept := patients.AtRest()
	rows, err := h.below.Get(t.Context(), query.View{Collection: kept, Needs: kept.All()}, []record.ID{"1"})
	if err != nil || len(rows) != 1 {
		t.Fatalf("Get below = %d rows, %v", len(rows), err)
	}
	for _, name := range fields {
		position, _ := patients.Position(name)
		octets := []byte(rows[0].Values[patients.Sealed(position)].AsString())
		octets[which(octets)] ^= 1
		rows[0].Values[patients.Sealed(position)] = record.Bytes(octets)
	}
	_, err = h.below.Apply(t.Context(), []repository.Mutation{{Op: repository.Put, Collection: kept, ID: "1", Revision: "spoilt", Fields: rows[0].Values}})
	if err != nil {
		t.Fatal(err)
	}
}

// TestDamagedIsWritten: a value that does not open stops nobody who deletes the record or gives
// the field another value, on the condition of the revision it has; who would keep it is told what helps.
func TestDamagedIsWritten(t *testing.T) {
	const other = `{"id":"1","ward_id":3,"ssn":"other","file":{"a":["` + canary + `"]}}`
	porter := policy.Principal{Subject: "p", Roles: []string{"porter"}}
	filing := policy.Principal{Subject: "f", Roles: []string{"clerk", "filer"}}
	guest := policy.Principal{Subject: "g", Roles: []string{"guest"}}
	nurse := policy.Principal{Subject: "n", Roles: []string{"nurse"}}
	filer := policy.Principal{Subject: "w", Roles: []string{"filer"}}
	put := func(who policy.Principal, body string) func(*hospital, core.How) error {
		return func(h *hospital, how core.How) error {
			_, err := h.api.Replace(t.Context(), who, "patients", "1", []byte(body), how)
			return err
		}
	}
	patch := func(who policy.Principal, body string) func(*hospital, core.How) error {
		return func(h *hospital, how core.How) error {
			_, err := h.api.Patch(t.Context(), who, "patients", "1", []byte(body), how)
			return err
		}
	}
	for _, tt := range []struct {
		name   string
		spoilt string
		write  func(*hospital, core.How) error
		code   string // empty is that it is done
		after  string // the record, empty is that there is none, or that it is as it was
	}{
		{"delete", "ssn", func(h *hospital, how core.How) error {
			return h.api.Delete(t.Context(), operator, "patients", "1", how)
		}, "", ""},
		{"replace", "ssn", put(operator, other), "", other},
		{"replace with less", "ssn", put(operator, `{"ward_id":3}`), "", `{"id":"1","ward_id":3,"ssn":null,"file":null}`},
		{"patch of it", "ssn", patch(operator, `{"ssn":"other"}`), "", other},
		{"patch to null", "file", patch(operator, `{"file":null}`), "", `{"id":"1","ward_id":3,"ssn":"` + canary + `","file":null}`},
		{"patch of another", "ssn", patch(operator, `{"ward_id":null}`), envelope.CodeDamaged, ""},
		{"patch within it", "file", patch(operator, `{"file":{"b":1}}`), envelope.CodeDamaged, ""},
		{"replace by who does not see it", "ssn", put(porter, `{"ward_id":3}`), envelope.CodeDamaged, ""},
		{"replace of what it sees", "file", put(porter, `{"ward_id":3}`), "", `{"id":"1","ward_id":3,"ssn":"` + canary + `","file":null}`},
		{"null from who does not see it", "ssn", put(filing, `{"ward_id":3,"ssn":null}`), envelope.CodeDamaged, ""},
		{"another from who writes it unseen", "ssn", put(filing, `{"ward_id":3,"ssn":"other"}`), "", `{"id":"1","ward_id":3,"ssn":"other","file":null}`},
		{"keeping what it does not see", "file", put(filing, `{"ward_id":3,"ssn":null,"file":1}`), "", `{"id":"1","ward_id":3,"ssn":"` + canary + `","file":1}`},
		{"patch of it by who may not write it", "ssn", patch(nurse, `{"ssn":null}`), envelope.CodeDamaged, ""},
		{"replace by who may not write it", "ssn", put(nurse, `{"ward_id":3,"ssn":null}`), envelope.CodeDamaged, ""},
		{"patch by who does not see anything", "ssn", patch(filer, `{"ward_id":null}`), envelope.CodeDamaged, ""},
		{"patch by who does not see the record", "ssn", patch(guest, `{"ward_id":4}`), core.CodeUnknownRecord, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHospital(t)
			create(t, h.api, "patients", patientOne)
			h.spoil(t, tt.spoilt)
			if err := tt.write(h, core.How{If: core.Condition{Revisions: []record.Revision{"another"}}}); !errors.Is(err, fault.Stale) && tt.code == "" {
				t.Errorf("at another revision: %v, want %s", err, fault.Stale)
			}
			err := tt.write(h, core.How{If: core.Condition{Revisions: []record.Revision{"spoilt"}}})
			if tt.code != "" {
				why, told := fault.Of(err), tt.code == envelope.CodeDamaged
				named := told && tt.spoilt == "ssn" && !strings.Contains(tt.name, "does not see")
				if why == nil || (why.Kind == fault.Conflict) != told || why.Code != tt.code || strings.Contains(why.Hint, "PUT") != told || strings.Contains(why.Detail, "ssn") != named {
					t.Errorf("got %v, want %s with a hint, and no name of a hidden field", err, tt.code)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got, err := h.get(t, operator, "")
			if string(got.JSON) != tt.after || (tt.after == "") != errors.Is(err, fault.NotFound) {
				t.Errorf("then it is %s, %v, want %s", got.JSON, err, tt.after)
			}
		})
	}
}

// TestWritesWithoutTheOldKey: a record under a key that cannot be had is deleted and replaced, by who wants
// that; nobody is told to, since its values may be well.
func TestWritesWithoutTheOldKey(t *testing.T) {
	h := newHospital(t)
	create(t, h.api, "patients", patientOne)
	h.now.pass(envelope.KeyFor)
	h.key(fault.New(fault.Unavailable, "test", "nobody is there"))
	_, err := h.api.Patch(t.Context(), operator, "patients", "1", []byte(`{"ward_id":null}`), core.How{})
	if why := fault.Of(err); why == nil || why.Code != envelope.CodeUnavailable || why.Hint != "try again later" {
		t.Errorf("Patch = %v, want %s and to try again later", err, envelope.CodeUnavailable)
	}
	if _, err := h.api.Replace(t.Context(), operator, "patients", "1", []byte(`{"ward_id":3}`), core.How{}); err != nil {
		t.Errorf("Replace without a value to encrypt: %v", err)
	}
	if err := h.api.Delete(t.Context(), operator, "patients", "1", core.How{}); err != nil {
		t.Errorf("Delete = %v", err)
	}
}

// TestDamagedBesideAKeyThatIsAway: of a record with one value that is damaged, and another whose key cannot be had
// now, nobody is told to write over any of them.
func TestDamagedBesideAKeyThatIsAway(t *testing.T) {
	for _, spoilt := range []string{"ssn", "file"} {
		h := newHospital(t)
		create(t, h.api, "patients", patientOne)
		h.flip(t, func([]byte) int { return 0 }, spoilt) // of which no key is asked
		h.now.pass(envelope.KeyFor)
		h.key(fault.New(fault.Unavailable, "test", "nobody is there"))
		_, err := h.api.Patch(t.Context(), operator, "patients", "1", []byte(`{"ward_id":null}`), core.How{})
		if why := fault.Of(err); why == nil || why.Code != envelope.CodeUnavailable || why.Hint != "try again later" {
			t.Errorf("with %s damaged Patch = %v, want %s", spoilt, err, envelope.CodeUnavailable)
		}
		h.key(nil)
		_, err = h.api.Patch(t.Context(), operator, "patients", "1", []byte(`{"ward_id":null}`), core.How{})
		if why := fault.Of(err); why == nil || why.Kind != fault.Conflict || !strings.HasPrefix(why.Hint, "give "+spoilt+" another value or null") {
			t.Errorf("once the key is there Patch = %v, want %s of %s alone", err, fault.Conflict, spoilt)
		}
	}
}

// TestNoQuestionsByEncrypted: filters, orders, groups and measures of an encrypted field are
// refused with a code; where the field is hidden it is as unknown as any.
func TestNoQuestionsByEncrypted(t *testing.T) {
	h := newHospital(t)
	for name, ask := range map[string]func(who policy.Principal) error{
		"filter": func(who policy.Principal) error {
			_, err := h.api.List(t.Context(), who, "patients", core.ListRequest{Filter: "ssn eq '" + canary + "'"})
			return err
		},
		"function": func(who policy.Principal) error {
			_, err := h.api.List(t.Context(), who, "patients", core.ListRequest{Filter: "startswith(ssn, 'c')"})
			return err
		},
		"null": func(who policy.Principal) error {
			_, err := h.api.List(t.Context(), who, "patients", core.ListRequest{Filter: "ssn ne null"})
			return err
		},
		"order": func(who policy.Principal) error {
			_, err := h.api.List(t.Context(), who, "patients", core.ListRequest{OrderBy: "ssn desc"})
			return err
		},
		"group": func(who policy.Principal) error {
			_, err := h.api.Aggregate(t.Context(), who, "patients", core.AggregateRequest{Apply: "groupby((ssn),aggregate($count as n))"})
			return err
		},
		"least": func(who policy.Principal) error {
			_, err := h.api.Aggregate(t.Context(), who, "patients", core.AggregateRequest{Apply: "aggregate(ssn with min as m)"})
			return err
		},
	} {
		err := ask(operator)
		if !errors.Is(err, fault.Invalid) || fault.Of(err).Code != "encrypted-field" || fault.Of(err).Hint == "" {
			t.Errorf("%s: %v, want encrypted-field with a hint", name, err)
		}
		if err := ask(clerk); fault.Of(err).Code != "unknown-field" {
			t.Errorf("%s, of a hidden field: %v, want unknown-field", name, err)
		}
	}
}

// TestPoliciesByEncrypted: neither a policy nor a derived field may be of one.
func TestPoliciesByEncrypted(t *testing.T) {
	patients := guardedPatients(t)[1].Schema
	if _, err := policy.Compile(patients, []policy.GrantSpec{{Role: "admin", Read: &policy.RuleSpec{Where: "ssn eq @claims.sub"}}}); err == nil || !strings.Contains(err.Error(), "is encrypted") {
		t.Errorf("Compile = %v, want it refused", err)
	}
	derived, err := schema.New(schema.Spec{Name: "d", ID: "id", Fields: []schema.FieldSpec{
		{Name: "id", Type: "int"}, {Name: "name", Type: "string", Encrypted: true}, {Name: "slug", Type: "string", Derive: "slug(name)"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := core.New(core.Config{Store: newStore(t), Collections: []core.Collection{{Schema: derived}}}); err == nil || !strings.Contains(err.Error(), "name is encrypted") {
		t.Errorf("New = %v, want it refused", err)
	}
}

// TestSealedImport: what is imported is stored sealed, and what is left out is told without
// its row.
func TestSealedImport(t *testing.T) {
	h := newHospital(t)
	rejects := &memoryFile{}
	report, err := h.api.Import(t.Context(), operator, core.ImportRequest{
		Collection: "patients", Rejects: rejects, MaxRejects: -1,
		Source: source("p.ndjson", patientOne+"\n"+`{"id":"2","ward_id":"`+canary+`","ssn":"`+canary+`"}`+"\n"+patientOne+"\n"+
			`{"id":"3","`+canary+`":"ssn"}`+"\n"+`{"id":"4","`+canary+`":{"a":1,"a":2}}`+"\n"),
	})
	if err != nil || report.Loaded != 1 || report.Rejected != 4 {
		t.Fatalf("Import = %+v, %v", report, err)
	}
	if got, err := h.get(t, operator, ""); err != nil || string(got.JSON) != patientOne {
		t.Errorf("Get = %s, %v", got.JSON, err)
	}
	if lines := rejects.lines(t); len(lines) != 4 || bytes.Contains(rejects.octets, []byte(canary)) {
		t.Errorf("the rejects are %s", rejects.octets)
	}
	if all := h.everywhere(t); strings.Contains(all, canary) {
		t.Errorf("it lies there as it is: %q", all)
	}
}

// TestSealedHeader: the first row of a CSV without a header is not told as names of columns, neither
// to who asks for the job nor where jobs are kept.
func TestSealedHeader(t *testing.T) {
	h := newHospital(t)
	uploads := newUploads(t, h.api, t.TempDir())
	job := work(t, h.api, uploads, submit(t, uploads, operator, "patients", "1,3,"+canary+",{}\n"))[0]
	told := fmt.Sprintf("%+v", job)
	if job.State != core.JobFailed || job.Err == nil || job.Err.Code != "bad-header" || !strings.Contains(told, "3rd") || strings.Contains(told, canary) {
		t.Errorf("the job is %s, want the columns by their numbers", told)
	}
	if all := h.everywhere(t); strings.Contains(all, canary) || !strings.Contains(all, "3rd") {
		t.Errorf("what lies there is %q, want no value of the row", all)
	}
}

// TestUnsealedOnce: what was stored for an idempotency key before the field was encrypted is
// still answered.
func TestUnsealedOnce(t *testing.T) {
	h := newHospital(t)
	before := guardedPatients(t)
	plain, err := schema.New(schema.Spec{Name: "patients", ID: "id", Fields: []schema.FieldSpec{
		{Name: "id", Type: "string", Max: "16"}, {Name: "ward_id", Type: "int", References: "wards", Enforce: true}, {Name: "ssn", Type: "string", Max: "40"}, {Name: "file", Type: "json"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	before[1].Schema = plain
	if before[1].Access, err = policy.Compile(plain, []policy.GrantSpec{{Role: "admin", Read: &policy.RuleSpec{}, Create: &policy.RuleSpec{}}}); err != nil {
		t.Fatal(err)
	}
	former, err := core.New(core.Config{Store: h.below, Collections: before, Now: h.now.time})
	if err != nil {
		t.Fatal(err)
	}
	first, err := former.Create(t.Context(), operator, "patients", [][]byte{[]byte(patientOne)}, keyed("k", 1))
	if err != nil {
		t.Fatal(err)
	}
	again, err := h.api.Create(t.Context(), operator, "patients", [][]byte{[]byte(patientOne)}, keyed("k", 1))
	if err != nil || !again.Repeated || !slices.Equal(first.Answer, again.Answer) {
		t.Errorf("the answer is %q, %v, want %q", again.Answer, err, first.Answer)
	}
}
