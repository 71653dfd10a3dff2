package layer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/adapters/keeper"
	"github.com/portolan-io/portolan/adapters/layer"
	"github.com/portolan-io/portolan/adapters/memory"
	"github.com/portolan-io/portolan/core/envelope"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
	"github.com/portolan-io/portolan/ports/repository/repositorytest"
	"github.com/portolan-io/portolan/ports/secrets"
)

const canary = "canary-4711"

// patients is a collection whose name and ward are not encrypted.
func patients(t testing.TB, name string, encrypted bool) *schema.Collection {
	t.Helper()
	c, err := schema.New(schema.Spec{Name: name, ID: "id", Table: schema.Table{Name: "patients"}, Fields: []schema.FieldSpec{
		{Name: "id", Type: "string", Max: "16"},
		{Name: "ward", Type: "int"},
		{Name: "ssn", Type: "string", Max: "40", Encrypted: encrypted},
		{Name: "notes", Type: "string", Encrypted: encrypted},
		{Name: "sick", Type: "bool", Encrypted: encrypted},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const (
	atSSN   = 2
	atNotes = 3
	atSick  = 4
)

func newSealer(t testing.TB, key string, previous ...string) *envelope.Sealer {
	t.Helper()
	cfg := keeper.LocalConfig{Key: secrets.Fixed(strings.Repeat(key, 32))}
	for _, each := range previous {
		cfg.Previous = append(cfg.Previous, secrets.Fixed(strings.Repeat(each, 32)))
	}
	k, err := keeper.OpenLocal(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return envelope.New(envelope.Config{Wrapper: k})
}

// encrypting returns a store with its encrypted layer, fit for the collections.
func encrypting(t testing.TB, sealer *envelope.Sealer, collections ...*schema.Collection) (below repository.Store, above *layer.Encrypted) {
	t.Helper()
	below, err := memory.Open(t.Context(), memory.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { below.Close() })
	above = layer.Encrypt(below, sealer)
	if err := above.Ensure(t.Context(), collections); err != nil {
		t.Fatal(err)
	}
	return below, above
}

func patient(id string, ssn, notes string) []record.Value {
	values := []record.Value{record.String(id), record.Int(3), record.Null, record.Null, record.Bool(true)}
	if ssn != "" {
		values[atSSN] = record.String(ssn)
	}
	if notes != "" {
		values[atNotes] = record.String(notes)
	}
	return values
}

func putPatient(t testing.TB, s repository.Store, c *schema.Collection, id string, fields []record.Value) {
	t.Helper()
	_, err := s.Apply(t.Context(), []repository.Mutation{{Op: repository.Put, Collection: c, ID: record.ID(id), Revision: "r1", Fields: fields}})
	if err != nil {
		t.Fatal(err)
	}
}

func whole(c *schema.Collection) query.View { return query.View{Collection: c, Fields: c.All()} }

// shown returns the JSON of the record.
func shown(t testing.TB, s repository.Store, view query.View, id string) string {
	t.Helper()
	rows, err := s.Get(t.Context(), view, []record.ID{record.ID(id)})
	if err != nil || len(rows) != 1 {
		t.Fatalf("Get %s = %d rows, %v", id, len(rows), err)
	}
	return string(rows[0].JSON)
}

// atRest returns the values of a record as they are stored.
func atRest(t testing.TB, below repository.Store, c *schema.Collection, id string) []record.Value {
	t.Helper()
	kept := c.AtRest()
	rows, err := below.Get(t.Context(), query.View{Collection: kept, Needs: kept.All()}, []record.ID{record.ID(id)})
	if err != nil || len(rows) != 1 {
		t.Fatalf("Get %s below = %d rows, %v", id, len(rows), err)
	}
	return rows[0].Values
}

// TestEncryptSuite: with the layer a store is a store.
func TestEncryptSuite(t *testing.T) {
	sealer := newSealer(t, "a")
	repositorytest.Run(t, func(t *testing.T) repository.Store {
		store, err := memory.Open(t.Context(), memory.Config{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { store.Close() })
		return layer.Encrypt(store, sealer)
	})
}

// TestEncrypted: what is put and loaded is stored sealed, and read as it was in every form
// of asking.
func TestEncrypted(t *testing.T) {
	c := patients(t, "patients", true)
	below, above := encrypting(t, newSealer(t, "a"), c)
	putPatient(t, above, c, "1", patient("1", canary, ""))
	loaded, err := above.Load(t.Context(), repository.Load{Collection: c, Run: "run", Rows: []record.Record{
		{ID: "2", Revision: "run-1", Fields: patient("2", canary+"-2", "long "+canary)},
	}})
	if err != nil || loaded.Done != 1 {
		t.Fatalf("Load = %+v, %v", loaded, err)
	}
	for _, id := range []string{"1", "2"} {
		for i, v := range atRest(t, below, c, id) {
			if strings.Contains(string(record.AppendValue(nil, v)), canary) || strings.Contains(v.AsString(), canary) {
				t.Errorf("of record %s the field %s lies there as it is", id, c.AtRest().Fields[i].Name)
			}
		}
	}
	if v := atRest(t, below, c, "1"); !v[c.Sealed(atNotes)].IsNull() || v[c.Sealed(atSSN)].IsNull() || !v[atSSN].IsNull() {
		t.Errorf("null is not null, or a value is stored twice: %v", v)
	}
	if got, want := shown(t, above, whole(c), "1"), `{"id":"1","ward":3,"ssn":"canary-4711","notes":null,"sick":true}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	named := query.View{Collection: c, Fields: []int{atSSN, 0}, As: []string{"number", "key"}}
	if got, want := shown(t, above, named, "2"), `{"number":"canary-4711-2","key":"2"}`; got != want {
		t.Errorf("under other names got %s, want %s", got, want)
	}
	page, err := above.Find(t.Context(), query.Query{
		View:  query.View{Collection: c, Fields: []int{0}, Needs: []int{atNotes, 0, atSSN, atNotes}},
		Order: []query.Key{{Field: 0}}, Limit: 10, Scan: 10,
		Keep: func(needs []record.Value) bool { return len(needs) == 4 && needs[1].AsString() == "2" },
	})
	if err != nil || len(page.Rows) != 1 {
		t.Fatalf("Find = %d rows, %v, want one", len(page.Rows), err)
	}
	want := []record.Value{record.String("long " + canary), record.String("2"), record.String(canary + "-2"), record.String("long " + canary)}
	if diff := cmp.Diff(want, page.Rows[0].Values, cmp.Comparer(record.Equal)); diff != "" || string(page.Rows[0].JSON) != `{"id":"2"}` {
		t.Errorf("%s, values (-want +got):\n%s", page.Rows[0].JSON, diff)
	}
}

// TestSealedLengths: true and false are not told apart by how long they are.
func TestSealedLengths(t *testing.T) {
	c := patients(t, "patients", true)
	below, above := encrypting(t, newSealer(t, "a"), c)
	lengths := map[int]bool{}
	for i, sick := range []bool{true, false} {
		fields := patient(fmt.Sprint(i), "", "")
		fields[atSick] = record.Bool(sick)
		putPatient(t, above, c, fmt.Sprint(i), fields)
		lengths[len(atRest(t, below, c, fmt.Sprint(i))[c.Sealed(atSick)].AsString())] = true
	}
	if len(lengths) != 1 {
		t.Errorf("true and false are sealed in %v octets, want one length", lengths)
	}
}

// TestSwapped: what is sealed opens at its record, its field and its collection alone, and
// who does not ask for the field still reads the others.
func TestSwapped(t *testing.T) {
	c, other := patients(t, "patients", true), patients(t, "doctors", true)
	below, above := encrypting(t, newSealer(t, "a"), c)
	elsewhere := layer.Encrypt(below, newSealer(t, "a"))
	for _, tt := range []struct {
		name   string
		change func(one, two []record.Value) // of the stored values
		reads  *schema.Collection
	}{
		{"records", func(one, two []record.Value) { one[c.Sealed(atSSN)] = two[c.Sealed(atSSN)] }, c},
		{"fields", func(one, _ []record.Value) {
			one[c.Sealed(atSSN)], one[c.Sealed(atNotes)] = one[c.Sealed(atNotes)], one[c.Sealed(atSSN)]
		}, c},
		{"collections", func(_, _ []record.Value) {}, other},
		{"tampered", func(one, _ []record.Value) {
			octets := []byte(one[c.Sealed(atSSN)].AsString())
			octets[len(octets)-1] ^= 1
			one[c.Sealed(atSSN)] = record.Bytes(octets)
		}, c},
		{"emptied", func(one, _ []record.Value) { one[c.Sealed(atSSN)] = record.Bytes(nil) }, c},
	} {
		t.Run(tt.name, func(t *testing.T) {
			putPatient(t, above, c, "1", patient("1", canary, canary))
			putPatient(t, above, c, "2", patient("2", canary, canary))
			one := atRest(t, below, c, "1")
			tt.change(one, atRest(t, below, c, "2"))
			putPatient(t, below, c.AtRest(), "1", one)
			rows, err := elsewhere.Get(t.Context(), whole(tt.reads), []record.ID{"1"})
			if !errors.Is(err, fault.Internal) || fault.Of(err).Code != envelope.CodeDamaged || strings.Contains(err.Error(), canary) {
				t.Errorf("Get = %d rows, %v, want %s", len(rows), err, envelope.CodeDamaged)
			}
			if got := shown(t, elsewhere, query.View{Collection: tt.reads, Fields: []int{0, 1}}, "1"); got != `{"id":"1","ward":3}` {
				t.Errorf("the other fields are %s", got)
			}
		})
	}
}

// TestKeyGone: without the key everything that does not show an encrypted field goes on, and
// what does is unavailable; with it again, all is as before.
func TestKeyGone(t *testing.T) {
	c := patients(t, "patients", true)
	below, above := encrypting(t, newSealer(t, "a"), c)
	putPatient(t, above, c, "1", patient("1", canary, ""))
	for name, sealer := range map[string]*envelope.Sealer{"another key": newSealer(t, "b"), "no keys": nil} {
		without := layer.Encrypt(below, sealer)
		_, err := without.Get(t.Context(), whole(c), []record.ID{"1"})
		if !errors.Is(err, fault.Unavailable) || fault.Of(err).Code != envelope.CodeUnavailable {
			t.Errorf("%s: Get = %v, want %s", name, err, envelope.CodeUnavailable)
		}
		if got := shown(t, without, query.View{Collection: c, Fields: []int{1}}, "1"); got != `{"ward":3}` {
			t.Errorf("%s: the other fields are %s", name, got)
		}
	}
	if _, err := layer.Encrypt(below, nil).Apply(t.Context(), []repository.Mutation{{Op: repository.Put, Collection: c, ID: "2", Revision: "r", Fields: patient("2", canary, "")}}); fault.Of(err).Code != envelope.CodeUnavailable {
		t.Errorf("Put without keys = %v, want %s", err, envelope.CodeUnavailable)
	}
	rotated := layer.Encrypt(below, newSealer(t, "b", "a"))
	if got := shown(t, rotated, query.View{Collection: c, Fields: []int{atSSN}}, "1"); got != `{"ssn":"`+canary+`"}` {
		t.Errorf("with the key among the previous: %s", got)
	}
}

// TestNothingIsComparedWithIt: what the core overlooks is refused.
func TestNothingIsComparedWithIt(t *testing.T) {
	c := patients(t, "patients", true)
	_, above := encrypting(t, newSealer(t, "a"), c)
	filter := query.Expr{Op: query.Eq, Field: atSSN, Values: []record.Value{record.String(canary)}}
	view := query.View{Collection: c, Filter: filter, Fields: []int{0}}
	order := []query.Key{{Field: 0}}
	for name, ask := range map[string]func(context.Context) error{
		"get": func(ctx context.Context) error { _, err := above.Get(ctx, view, []record.ID{"1"}); return err },
		"find": func(ctx context.Context) error {
			_, err := above.Find(ctx, query.Query{View: view, Order: order, Limit: 1})
			return err
		},
		"order": func(ctx context.Context) error {
			_, err := above.Find(ctx, query.Query{View: whole(c), Order: []query.Key{{Field: atSSN}, {Field: 0}}, Limit: 1})
			return err
		},
		"group": func(ctx context.Context) error {
			_, err := above.Aggregate(ctx, query.Aggregation{Collection: c, GroupBy: []int{atSSN}, Limit: 1})
			return err
		},
		"least": func(ctx context.Context) error {
			_, err := above.Aggregate(ctx, query.Aggregation{Collection: c, Measures: []query.Measure{{Func: query.Minimum, Field: atSSN, As: "m"}}, Limit: 1})
			return err
		},
		"needs": func(ctx context.Context) error {
			_, err := above.Apply(ctx, []repository.Mutation{{Op: repository.Delete, Collection: c, ID: "1", Needs: []int{atSSN}}})
			return err
		},
		"none of": func(ctx context.Context) error {
			_, err := above.Apply(ctx, []repository.Mutation{{Op: repository.Check, Collection: c, NoneOf: &filter}})
			return err
		},
	} {
		if err := ask(t.Context()); !errors.Is(err, fault.Refused) || fault.Of(err).Code != "encrypted-field" || strings.Contains(err.Error(), canary) {
			t.Errorf("%s: %v, want encrypted-field", name, err)
		}
	}
	groups, err := above.Aggregate(t.Context(), query.Aggregation{Collection: c, GroupBy: []int{1}, Measures: []query.Measure{{Func: query.Count, As: "n"}}, Limit: 1})
	if err != nil || len(groups) != 0 {
		t.Errorf("of another field: %v, %v", groups, err)
	}
}

// TestReseal: values from before the field was encrypted are read as they are, and so are
// those under an older key; Reseal stores both anew, once, with the revision they had, and
// what somebody else writes meanwhile is left to them.
func TestReseal(t *testing.T) {
	plain, c := patients(t, "patients", false), patients(t, "patients", true)
	below, before := encrypting(t, nil, plain)
	putPatient(t, before, plain, "1", patient("1", canary, canary))
	putPatient(t, before, plain, "2", patient("2", "", ""))
	older := layer.Encrypt(below, newSealer(t, "a"))
	if err := older.Ensure(t.Context(), []*schema.Collection{c}); err != nil {
		t.Fatalf("Ensure once fields are encrypted: %v", err)
	}
	want := shown(t, before, whole(plain), "1")
	if got := shown(t, older, whole(c), "1"); got != want {
		t.Errorf("from before it was encrypted: %s, want %s", got, want)
	}
	putPatient(t, older, c, "3", patient("3", canary, ""))
	newer := layer.Encrypt(below, newSealer(t, "b", "a"))
	count, err := newer.Reseal(t.Context(), c, layer.Resealing{Dry: true})
	keys := slices.Sorted(maps.Keys(count.Under))
	if len(keys) != 1 {
		t.Fatalf("values are under the keys %v, want one", keys)
	}
	under := map[string]int64{keys[0]: 2}
	if diff := cmp.Diff(layer.Resealed{Records: 3, Plain: 2, Older: 1, Rewritten: 3, Clear: 4, Under: under}, count); diff != "" || err != nil {
		t.Errorf("a dry run: %v (-want +got):\n%s", err, diff)
	}
	if atRest(t, below, c, "1")[atSSN].IsNull() {
		t.Errorf("a dry run stored something")
	}
	told := 0
	done, err := newer.Reseal(t.Context(), c, layer.Resealing{Told: func(layer.Resealed) { told++ }})
	if diff := cmp.Diff(count, done); diff != "" || err != nil || told != 1 {
		t.Errorf("told %d times, %v (-want +got):\n%s", told, err, diff)
	}
	alone := layer.Encrypt(below, newSealer(t, "b"))
	if got := shown(t, alone, whole(c), "1"); got != want {
		t.Errorf("under the newest key alone: %s, want %s", got, want)
	}
	rows, err := alone.Get(t.Context(), whole(c), []record.ID{"1", "2", "3"})
	if err != nil || len(rows) != 3 || rows[0].Revision != "r1" {
		t.Errorf("rows %v, %v, want the revisions that there were", rows, err)
	}
	for _, id := range []string{"1", "2", "3"} {
		for _, v := range atRest(t, below, c, id) {
			if strings.Contains(v.AsString(), canary) {
				t.Errorf("record %s still lies there as it is", id)
			}
		}
	}
	again, err := newer.Reseal(t.Context(), c, layer.Resealing{})
	if again.Under[keys[0]] != 0 || len(again.Under) != 1 {
		t.Errorf("once all is stored again values are under the keys %v", again.Under)
	}
	if diff := cmp.Diff(layer.Resealed{Records: 3, Under: again.Under}, again); diff != "" || err != nil {
		t.Errorf("once more: %v (-want +got):\n%s", err, diff)
	}
	if _, err := newer.Reseal(t.Context(), plain, layer.Resealing{}); !errors.Is(err, fault.Invalid) {
		t.Errorf("of a collection that encrypts nothing: %v, want %s", err, fault.Invalid)
	}
}

// TestResealUnopened: values that do not open, or whose key is lost, are told by their record and field,
// counted and left as they are, and what else is in their records, or behind them, is encrypted; each data key
// that is lost is asked for once.
func TestResealUnopened(t *testing.T) {
	c := patients(t, "patients", true)
	below, older := encrypting(t, newSealer(t, "a"), c)
	lost := layer.Encrypt(below, newSealer(t, "lost"))
	for _, id := range []string{"1", "2", "3", "4"} {
		putPatient(t, older, c, id, patient(id, canary, canary))
	}
	putPatient(t, lost, c, "2", patient("2", canary, canary))
	putPatient(t, lost, c, "3", patient("3", canary, canary))
	spoilt := atRest(t, below, c, "1")
	octets := []byte(spoilt[c.Sealed(atSSN)].AsString())
	octets[len(octets)-1] ^= 1
	spoilt[c.Sealed(atSSN)], spoilt[atNotes] = record.Bytes(octets), record.String("in clear")
	putPatient(t, below, c.AtRest(), "1", spoilt)

	k, err := keeper.OpenLocal(t.Context(), keeper.LocalConfig{Key: secrets.Fixed(strings.Repeat("b", 32)), Previous: []secrets.Value{secrets.Fixed(strings.Repeat("a", 32))}})
	if err != nil {
		t.Fatal(err)
	}
	asking := &vain{Wrapper: k}
	newer := layer.Encrypt(below, envelope.New(envelope.Config{Wrapper: asking}))
	var named []string
	name := func(v layer.Unopened) {
		named = append(named, string(v.ID)+" "+v.Field+" "+fault.Of(v.Err).Code)
	}
	want := []string{"1 ssn encrypted-value-damaged"}
	for _, id := range []string{"2", "3"} {
		for _, field := range []string{"ssn", "notes", "sick"} {
			want = append(want, id+" "+field+" keys-unavailable")
		}
	}
	for i, how := range []layer.Resealing{{Verify: true}, {Dry: true}, {}, {}, {Verify: true}} {
		named, how.Unopened, asking.refused = nil, name, 0
		done, err := newer.Reseal(t.Context(), c, how)
		if err != nil || asking.refused > 1 {
			t.Fatalf("time %d: %v; %d data keys were asked for in vain", i, err, asking.refused)
		}
		if diff := cmp.Diff(want, named); diff != "" {
			t.Errorf("time %d: values that do not open (-want +got):\n%s", i, diff)
		}
		count := layer.Resealed{Records: 4, Plain: 1, Older: 1, Damaged: 3, Rewritten: 2, Clear: 1, Unopened: 7}
		if i > 2 {
			count.Plain, count.Older, count.Rewritten, count.Clear = 0, 0, 0, 0
		}
		count.Under, done.Under = nil, nil
		if diff := cmp.Diff(count, done); diff != "" {
			t.Errorf("time %d (-want +got):\n%s", i, diff)
		}
	}
	if v := atRest(t, below, c, "1"); v[c.Sealed(atSSN)].AsString() != string(octets) || !v[atNotes].IsNull() {
		t.Errorf("the damaged value is another one, or the other one is still in clear")
	}
	if got := shown(t, newer, query.View{Collection: c, Fields: []int{0, atNotes}}, "1"); got != `{"id":"1","notes":"in clear"}` {
		t.Errorf("the other value is %s", got)
	}
}

// TestResealWithoutKeys: if no key can be had it stops, and not one value is called lost.
func TestResealWithoutKeys(t *testing.T) {
	c := patients(t, "patients", true)
	below, above := encrypting(t, newSealer(t, "a"), c)
	putPatient(t, above, c, "1", patient("1", canary, canary))
	k, err := keeper.OpenLocal(t.Context(), keeper.LocalConfig{Key: secrets.Fixed(strings.Repeat("b", 32))})
	if err != nil {
		t.Fatal(err)
	}
	gone := &leaving{Wrapper: k, wraps: 1}
	done, err := layer.Encrypt(below, envelope.New(envelope.Config{Wrapper: gone})).Reseal(t.Context(), c, layer.Resealing{
		Verify: true, Unopened: func(v layer.Unopened) { t.Errorf("%s of %s is called lost", v.Field, v.ID) },
	})
	if !errors.Is(err, fault.Unavailable) || done.Unopened != 0 {
		t.Errorf("Reseal = %+v, %v, want %s", done, err, fault.Unavailable)
	}
}

// vain counts the data keys that it does not unwrap.
type vain struct {
	envelope.Wrapper
	refused int
}

func (c *vain) Unwrap(ctx context.Context, wrapped envelope.Wrapped) ([]byte, error) {
	key, err := c.Wrapper.Unwrap(ctx, wrapped)
	if err != nil {
		c.refused++
	}
	return key, err
}

// leaving wraps a number of data keys, and then nothing any more.
type leaving struct {
	envelope.Wrapper
	wraps int
}

func (l *leaving) Wrap(ctx context.Context, key []byte) (envelope.Wrapped, error) {
	if l.wraps--; l.wraps < 0 {
		return envelope.Wrapped{}, fault.New(fault.Unavailable, "test", "nobody is there")
	}
	return l.Wrapper.Wrap(ctx, key)
}

// TestUnopenedIsLocated: what the log is told of a value that does not open says where it is, and what the caller is
// told does not.
func TestUnopenedIsLocated(t *testing.T) {
	c := patients(t, "patients", true)
	below, above := encrypting(t, newSealer(t, "a"), c)
	putPatient(t, above, c, "1", patient("1", canary, canary))
	_, err := layer.Encrypt(below, newSealer(t, "b")).Find(t.Context(), query.Query{View: whole(c), Order: []query.Key{{Field: 0}}, Limit: 1})
	why := fault.Of(err)
	if why == nil || why.Cause == nil || !strings.Contains(why.Cause.Error(), "ssn of patients: portolan encrypt --collection patients --verify") {
		t.Errorf("of a lost key the log says %v", err)
	}
	if !strings.Contains(why.Cause.Error(), "there is no key") || strings.Contains(why.Detail+why.Hint, "ssn") {
		t.Errorf("of a lost key the log says %v, and the answer %s %s", err, why.Detail, why.Hint)
	}
	_, err = layer.Encrypt(below, newSealer(t, "a")).Find(t.Context(), query.Query{View: whole(patients(t, "doctors", true)), Order: []query.Key{{Field: 0}}, Limit: 1})
	if why := fault.Of(err); why == nil || why.Cause == nil || why.Cause.Error() != "it is in ssn of doctors: portolan encrypt --collection doctors --verify names each record" {
		t.Errorf("of a damaged value the log says %v", err)
	}
}

// meddling is a store in which somebody else writes a record between the reading of a page
// and the writing of it.
type meddling struct {
	repository.Store
	meddle func()
}

func (m *meddling) Find(ctx context.Context, q query.Query) (repository.Page, error) {
	page, err := m.Store.Find(ctx, q)
	if m.meddle != nil {
		m.meddle()
		m.meddle = nil
	}
	return page, err
}

func TestResealOvertaken(t *testing.T) {
	plain, c := patients(t, "patients", false), patients(t, "patients", true)
	below, before := encrypting(t, nil, plain)
	for _, id := range []string{"1", "2", "3"} {
		putPatient(t, before, plain, id, patient(id, canary, ""))
	}
	sealer := newSealer(t, "a")
	writer := layer.Encrypt(below, sealer)
	if err := writer.Ensure(t.Context(), []*schema.Collection{c}); err != nil {
		t.Fatal(err)
	}
	others := layer.Encrypt(&meddling{Store: below, meddle: func() {
		fields := patient("2", "changed", "")
		if _, err := writer.Apply(t.Context(), []repository.Mutation{{Op: repository.Put, Collection: c, ID: "2", Revision: "r2", Fields: fields}, {Op: repository.Delete, Collection: c, ID: "3"}}); err != nil {
			t.Error(err)
		}
	}}, sealer)
	done, err := others.Reseal(t.Context(), c, layer.Resealing{})
	if diff := cmp.Diff(layer.Resealed{Records: 3, Plain: 3, Rewritten: 1, Overtaken: 2, Clear: 6, Under: map[string]int64{}}, done); diff != "" || err != nil {
		t.Errorf("Reseal: %v (-want +got):\n%s", err, diff)
	}
	if got := shown(t, writer, query.View{Collection: c, Fields: []int{atSSN}}, "2"); got != `{"ssn":"changed"}` {
		t.Errorf("what was written meanwhile is %s", got)
	}
}

// TestWrittenByWhoDoesNotKnow: an instance that does not know yet that the field is
// encrypted writes it as it is. That is newer than what is sealed.
func TestWrittenByWhoDoesNotKnow(t *testing.T) {
	c := patients(t, "patients", true)
	below, above := encrypting(t, newSealer(t, "a"), c)
	putPatient(t, above, c, "1", patient("1", "old", ""))
	stored := atRest(t, below, c, "1")
	stored[atSSN] = record.String("new")
	putPatient(t, below, c.AtRest(), "1", stored)
	if got := shown(t, above, query.View{Collection: c, Fields: []int{atSSN}}, "1"); got != `{"ssn":"new"}` {
		t.Errorf("got %s, want what was written last", got)
	}
}

// TestMarkIsSealed: the mutations that go along with a load are stored as others are, and
// if they cannot be nothing is.
func TestMarkIsSealed(t *testing.T) {
	c := patients(t, "patients", true)
	below, above := encrypting(t, newSealer(t, "a"), c)
	load := repository.Load{
		Collection: c, Run: "run", Rows: []record.Record{{ID: "1", Revision: "run-1", Fields: patient("1", "", "")}},
		Mark: func(int, []int) []repository.Mutation {
			return []repository.Mutation{{Op: repository.Put, Collection: c, ID: "2", Revision: "r", Fields: patient("2", canary, "")}}
		},
	}
	load.Rows[0].Fields[atSick] = record.Null // so that without keys the rows can be loaded
	if _, err := layer.Encrypt(below, nil).Load(t.Context(), load); fault.Of(err).Code != envelope.CodeUnavailable {
		t.Errorf("Load without keys = %v, want %s", err, envelope.CodeUnavailable)
	}
	if rows, err := above.Get(t.Context(), whole(c), []record.ID{"1", "2"}); err != nil || len(rows) != 0 {
		t.Errorf("%d rows are stored, %v, want none", len(rows), err)
	}
	if _, err := above.Load(t.Context(), load); err != nil {
		t.Fatal(err)
	}
	if got := shown(t, above, query.View{Collection: c, Fields: []int{atSSN}}, "2"); got != `{"ssn":"`+canary+`"}` {
		t.Errorf("got %s", got)
	}
	if v := atRest(t, below, c, "2"); bytes.Contains([]byte(v[c.Sealed(atSSN)].AsString()), []byte(canary)) || !v[atSSN].IsNull() {
		t.Errorf("what goes along lies there as it is")
	}
}

// BenchmarkEncryptedGet gets a record that shows no encrypted field, and one that shows one.
func BenchmarkEncryptedGet(b *testing.B) {
	c := patients(b, "patients", true)
	_, above := encrypting(b, newSealer(b, "a"), c)
	putPatient(b, above, c, "1", patient("1", canary, ""))
	for _, bench := range []struct {
		name   string
		fields []int
	}{{"none", []int{0, 1}}, {"one", []int{0, 1, atSSN}}} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			view := query.View{Collection: c, Fields: bench.fields}
			for b.Loop() {
				if _, err := above.Get(b.Context(), view, []record.ID{"1"}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
