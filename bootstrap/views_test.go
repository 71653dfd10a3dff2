package bootstrap

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// withView is a configuration with a view, which stands before its collection.
const withView = `repository: {driver: memory}
collections:
  goods_v1:
    view_of: goods
    fields:
      id: {from: asin}
      name: {from: title}
      kind: {from: category_id, expand: category}
    access: {anonymous: {read: {where: "kind eq 1"}, hide: [name]}, admin: {read: true, allow_from: ["10.0.0.0/8"]}}
    deprecated: {since: 2026-01-31}
  goods:
    id: asin
    fields:
      asin: {type: string, max: 16}
      title: {type: string, required: true}
      category_id: {type: int, references: kinds}
    access: {admin: {all: true}}
  kinds:
    id: id
    fields: {id: {type: int}}
`

func TestViews(t *testing.T) {
	doc := &document{name: "c.yaml", root: parseYAML("c.yaml", []byte(withView), new(mistakes))}
	s, err := doc.read(builtin(), variables(nil), nil)
	if err != nil {
		t.Fatal(err)
	}
	served, err := s.collections()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range served {
		names = append(names, c.Schema.Name)
	}
	if diff := cmp.Diff([]string{"goods_v1", "goods", "kinds"}, names); diff != "" {
		t.Errorf("served (-want +got):\n%s", diff)
	}
	view := served[0].Schema
	if view.Base != served[1].Schema || view.Fields[2].Relation != "category" || served[0].Deprecated == nil {
		t.Errorf("got %+v", view)
	}
	if diff := cmp.Diff([]int{0, 1, 2}, view.From); diff != "" {
		t.Errorf("from (-want +got):\n%s", diff)
	}
}

func TestBrokenViews(t *testing.T) {
	for _, tt := range []struct{ name, old, new, want string }{
		{"of nothing", "view_of: goods", "view_of: good",
			`c.yaml:4: collections.goods_v1.view_of: there is no collection called good; did you mean goods? The collections are goods_v1, goods and kinds`},
		{"of itself", "view_of: goods", "view_of: goods_v1",
			`c.yaml:4: collections.goods_v1.view_of: a view is of another collection, not of itself`},
		{"of a view", "  kinds:\n", "  goods_v2:\n    view_of: goods_v1\n    fields: {id: {}}\n  kinds:\n",
			`c.yaml:19: collections.goods_v2.view_of: goods_v1 is a view itself; name the collection goods`},
		{"a field of its own", "name: {from: title}", "name: {from: titel}",
			`c.yaml:7: collections.goods_v1.fields.name: goods has no field "titel"; did you mean title? (there are asin, title, category_id)`},
		{"a rule of its own", "name: {from: title}", "name: {from: title, max: 3}",
			`c.yaml:7: collections.goods_v1.fields.name.max: a field of a view has from and expand alone; the rest is as goods has it`},
		{"a cache of its own", "    fields:\n      id: {from", "    cache: {class: none}\n    fields:\n      id: {from",
			`c.yaml:5: collections.goods_v1.cache: a view has view_of, fields, access, audit and deprecated alone; the rest is as goods has it`},
		{"a right to write", "read: true, allow", "all: true, allow",
			`c.yaml:9: collections.goods_v1.access.admin.all: a grant of a view, which is only read, has read, hide and allow_from alone; the rest is as goods has it`},
		{"no id", "id: {from: asin}", "title: {}",
			`c.yaml:6: collections.goods_v1.fields: a view shows the id asin, perhaps under another name, because records are addressed by it`},
		{"a relation that is a field", "expand: category}", "expand: name}",
			`c.yaml:8: collections.goods_v1.fields.kind.expand: $expand=name would collide with the field name; name the relation with expand: another`},
		{"a relation of nothing", "name: {from: title}", "name: {from: title, expand: x}",
			`c.yaml:7: collections.goods_v1.fields.name.expand: only a field with references can be expanded`},
		{"the base's relation collides", "title: {type: string, required: true}", "title: {type: string}\n      category: {type: string}",
			`c.yaml:17: collections.goods.fields.category_id.references: $expand=category would collide with the field category; name the relation with expand: another`},
		{"a reference to a view", "references: kinds", "references: goods_v1",
			`c.yaml:16: collections.goods.fields.category_id.references: goods_v1 is a view, whose records are those of goods; write that`},
		{"from outside a view", "asin: {type: string, max: 16}", "asin: {type: string, from: x}",
			`c.yaml:14: collections.goods.fields.asin.from: only the fields of a view are from others; write view_of, or leave it out`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := strings.Replace(withView, tt.old, tt.new, 1)
			if text == withView {
				t.Fatalf("there is no %q to be replaced", tt.old)
			}
			err := check(t, text)
			if err == nil {
				t.Fatal("no error")
			}
			if first, _, _ := strings.Cut(err.Error(), "\n"); first != tt.want {
				t.Errorf("got:\n%s\nwant:\n%s", err, tt.want)
			}
		})
	}
}
