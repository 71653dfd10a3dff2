package bootstrap

import (
	"reflect"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// A Collection is one named, typed set of records and who may do what with it.
type Collection struct {
	// The collection of which this is a view: the same records, with the fields that
	// are named here alone, and rights of its own. A view is only read.
	ViewOf string `yaml:"view_of"`
	// The field that is the id, of type string or int. Left out, records get a
	// UUID made by the server, in a field called id.
	ID string `yaml:"id"`
	// The fields, by name.
	Fields Named[Field] `yaml:"fields"`
	// Indexes, each a list of fields; "stars desc" is in descending order.
	Indexes [][]string `yaml:"indexes"`
	// How many rows one page may read when the store cannot filter by itself. The
	// default is 10000.
	MaxScan int `yaml:"max_scan" jsonschema:"minimum=1"`
	// The table that holds the records, if it is not one of the collection's name
	// made by Portolan.
	Table *Table `yaml:"table"`
	// Others write the table too, past this server. What they change is seen late
	// if it is cached.
	ExternalWriters bool `yaml:"external_writers"`
	// How answers are cached, if there is a cache.
	Cache *Caching `yaml:"cache"`
	// Which decisions about who may do what here are noted in the audit log: off is
	// refusals alone, on is all, required is all, and nothing is done that could not be
	// noted before. The default is off; of a view, what its collection has.
	Audit string `yaml:"audit" jsonschema:"enum=off,enum=on,enum=required"`
	// The collection is to go: answers and the API's document say so.
	Deprecated *Deprecated `yaml:"deprecated"`
	// What each role may do. The roles anonymous (everybody) and authenticated
	// (everybody with a credential) are implied; a caller has the union of what
	// its roles have.
	Access Named[Grant] `yaml:"access"`
}

func (*Collection) announced() []string {
	return []string{"consent"}
}

// A Field is one typed part of a record, with the rules for its values.
type Field struct {
	// The type of its values.
	Type string `yaml:"type" jsonschema:"enum=string,enum=int,enum=float,enum=decimal,enum=bool,enum=time,enum=json,enum=list,enum=bytes"`
	// The type of a list's items.
	Items string `yaml:"items" jsonschema:"enum=string,enum=int,enum=float,enum=decimal,enum=bool,enum=time,enum=bytes"`
	// Null, or nothing, is refused.
	Required bool `yaml:"required"`
	// Set by the server alone.
	ReadOnly bool `yaml:"read_only"`
	// The least value of a number or a time.
	Min Literal `yaml:"min"`
	// The greatest value of a number or a time; of a string the most characters, of
	// bytes the most octets, of a list the most items.
	Max Literal `yaml:"max"`
	// What a string holds.
	Format string `yaml:"format" jsonschema:"enum=uri,enum=email,enum=uuid,enum=date"`
	// The strings that are allowed.
	Enum []string `yaml:"enum"`
	// The digits of a decimal in all, at most 18.
	Precision int `yaml:"precision" jsonschema:"minimum=1"`
	// The digits of a decimal behind the point.
	Scale int `yaml:"scale" jsonschema:"minimum=0"`
	// The expression that computes the value on each write from other fields.
	Derive string `yaml:"derive"`
	// The collection whose ids it holds.
	References string `yaml:"references"`
	// The reference is checked on each write, and what it names cannot be deleted.
	Enforce bool `yaml:"enforce"`
	// The repository is given its values encrypted alone, under a key of the port keys.
	// Records cannot be found, ordered or grouped by it.
	Encrypted bool `yaml:"encrypted"`
	// What the record that it refers to is called in $expand and in answers. The
	// default is the name of the field without _id or Id at its end.
	Expand string `yaml:"expand"`
	// Of a view: the field of the collection that it shows. The default is the one of
	// the same name.
	From string `yaml:"from"`
}

func (*Field) announced() []string {
	return []string{"personal", "purpose", "retention"}
}

// A Literal is a value as it is written, whatever its type.
type Literal string

// A Table is where a store keeps a collection.
type Table struct {
	// The name of the table, which may be qualified, as in amazon.products.
	Name string `yaml:"name"`
	// Portolan creates and extends it. False is for a table that exists and is
	// never altered.
	Managed bool `yaml:"managed"`
	// The column of a table that is not managed which changes with each write.
	Revision string `yaml:"revision"`
}

func (t *Table) setDefaults() { t.Managed = true }

// A Grant is what one role may do. A more exact key wins over write, and write
// over all.
type Grant struct {
	// Get and list records.
	Read *Rule `yaml:"read"`
	// Make new records.
	Create *Rule `yaml:"create"`
	// Change records.
	Update *Rule `yaml:"update"`
	// Delete records.
	Delete *Rule `yaml:"delete"`
	// Create, update and delete.
	Write *Rule `yaml:"write"`
	// Everything.
	All *Rule `yaml:"all"`
	// Fields that the role does not see, nor filter, sort or count by.
	Hide []string `yaml:"hide"`
	// Fields that the role may not write.
	ReadOnly []string `yaml:"read_only"`
	// The only fields that the role may write, beside the id; instead of read_only.
	Writable []string `yaml:"writable"`
	// The ranges of addresses that the grant is valid from.
	AllowFrom []string `yaml:"allow_from"`
}

// A Rule is true, false, or a mapping with where: a filter of the rows that it
// is true of, in the query language, which may name @claims.
type Rule struct {
	Allowed bool
	Where   string
}

type where struct {
	// The filter of the rows, as in: seller eq @claims.sub
	Where string `yaml:"where" jsonschema:"required"`
}

// decodeNode reads true, false or {where: …}.
func (r *Rule) decodeNode(d *decoder, node *yaml.Node, path string) {
	if node.Kind == yaml.MappingNode {
		var rows where
		d.decode(node, path, reflect.ValueOf(&rows).Elem(), "")
		*r = Rule{Allowed: true, Where: rows.Where}
		return
	}
	text, ok := "", node.Kind == yaml.ScalarNode && !isNull(node)
	if ok {
		if text, ok = d.text(node, path); !ok {
			return
		}
	}
	if text != "true" && text != "false" {
		d.mistake(node, path, "true, false or {where: …} belongs here, not %s", kindOf(node))
		return
	}
	*r = Rule{Allowed: text == "true"}
}

func index(i int) string { return strconv.Itoa(i) }
