package schema_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
)

func TestAtRest(t *testing.T) {
	plain := must(t, products())
	if plain.AtRest() != plain || plain.Guarded() {
		t.Errorf("a collection without encrypted fields is stored as another one")
	}
	spec := products()
	spec.Fields[1].Encrypted, spec.Fields[8].Encrypted = true, true
	c := must(t, spec)
	kept := c.AtRest()
	if kept == c || !c.Guarded() || kept.Guarded() || kept.AtRest() != kept {
		t.Fatalf("a collection with encrypted fields is stored as it is")
	}
	if diff := cmp.Diff(append(plain.Names(plain.All()), "title_sealed", "original_sealed"), kept.Names(kept.All())); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
	for i, name := range map[int]string{1: "title_sealed", 8: "original_sealed"} {
		f := kept.Fields[c.Sealed(i)]
		if at, ok := kept.Position(name); !ok || at != c.Sealed(i) || f.Name != name || f.Type != record.BytesType || f.MaxLength != 0 {
			t.Errorf("%s is stored in %+v, want bytes called %s", c.Fields[i].Name, f, name)
		}
		if kept.SealedFor(c.Sealed(i)) != i || !kept.Emptied(i) || kept.Emptied(c.Sealed(i)) {
			t.Errorf("%s is not told to be for %s", f.Name, c.Fields[i].Name)
		}
		if kept.Fields[i].Type != c.Fields[i].Type || kept.Fields[i].Required {
			t.Errorf("what was stored as %s before is not read as it was", c.Fields[i].Name)
		}
	}
	if kept.SealedFor(1) != -1 || kept.Emptied(0) || c.Emptied(1) || c.SealedFor(len(c.Fields)-1) != -1 {
		t.Errorf("fields are told to be of encryption that are not")
	}
	if kept.ID != c.ID || !slices.EqualFunc(kept.Indexes, c.Indexes, func(a, b schema.Index) bool { return slices.Equal(a, b) }) {
		t.Errorf("the id or the indexes are other ones at rest")
	}
	if view, err := c.View(schema.ViewSpec{Name: "titles", Fields: []schema.ViewField{{Name: "asin"}, {Name: "name", From: "title"}}}); err != nil || !view.Fields[1].Encrypted || view.AtRest() != view {
		t.Errorf("a view of an encrypted field is %+v, %v", view, err)
	}
}

// TestNotEncryptable: what has to be compared or computed with is refused with a sentence.
func TestNotEncryptable(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*schema.Spec)
		want   fault.Place
	}{
		{"id", func(s *schema.Spec) { s.Fields[0].Encrypted = true },
			fault.Place{Pointer: "fields/asin/encrypted", Code: "misplaced-rule", Detail: "the id cannot be encrypted, because records are found by it"}},
		{"reference", func(s *schema.Spec) { s.Fields[14].Encrypted, s.Indexes = true, nil },
			fault.Place{Pointer: "fields/category_id/encrypted", Code: "misplaced-rule", Detail: "a reference cannot be encrypted, because records are found by it"}},
		{"derived", func(s *schema.Spec) { s.Fields[13].Encrypted = true },
			fault.Place{Pointer: "fields/slug/encrypted", Code: "misplaced-rule", Detail: "a derived field cannot be encrypted, because what it is derived from is not"}},
		{"index", func(s *schema.Spec) { s.Fields[5].Encrypted = true },
			fault.Place{Pointer: "indexes/1/0", Code: "encrypted-field", Detail: "the field price is encrypted, so no index can have it"}},
		{"taken", func(s *schema.Spec) {
			s.Fields[11].Encrypted = true
			s.Fields = append(s.Fields, schema.FieldSpec{Name: "photo_sealed", Type: "int"})
		}, fault.Place{Pointer: "fields/photo/encrypted", Code: "duplicate-name", Detail: "what is encrypted is stored as photo_sealed, which is the name of another field"}},
		{"long", func(s *schema.Spec) {
			s.Fields = append(s.Fields, schema.FieldSpec{Name: strings.Repeat("n", 57), Type: "int", Encrypted: true})
		}, fault.Place{Pointer: "fields/" + strings.Repeat("n", 57) + "/encrypted", Code: "invalid-name", Detail: "the name of an encrypted field has at most 56 characters"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			spec := products()
			tt.change(&spec)
			_, err := schema.New(spec)
			if diff := cmp.Diff([]fault.Place{tt.want}, placesOf(err)); diff != "" {
				t.Errorf("places (-want +got):\n%s", diff)
			}
		})
	}
}

func placesOf(err error) []fault.Place {
	if err == nil {
		return nil
	}
	return fault.Of(err).Places
}
