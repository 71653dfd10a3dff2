package schema

import (
	"slices"
	"strconv"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/record"
)

const maxPrecision = 18 // of decimals: what an int64 holds whatever the digits

// field returns the field that spec describes, and notes what is wrong with it.
func (b *builder) field(pointer string, spec FieldSpec) Field {
	f := Field{
		Name: spec.Name, Required: spec.Required, ReadOnly: spec.ReadOnly || spec.Derive != "",
		Format: spec.Format, Enum: slices.Clone(spec.Enum), Derive: spec.Derive,
		References: spec.References, Enforce: spec.Enforce, Encrypted: spec.Encrypted, Relation: relation(spec),
	}
	var ok bool
	if f.Type, ok = b.typeOf(pointer+"/type", spec.Type); !ok {
		return f // every other rule depends on the type
	}
	b.setItems(pointer, spec, &f)
	b.setDigits(pointer, spec, &f)
	b.setBounds(pointer, spec, &f)
	b.checkText(pointer, &f)
	b.checkReference(pointer, &f)
	return f
}

func (b *builder) typeOf(pointer, name string) (record.Type, bool) {
	t, ok := record.TypeOf(name)
	if !ok {
		b.wrong(pointer, "unknown-type", "there is no type %q%s", name, nearest(name, typeNames))
	}
	return t, ok
}

// typeNames are the types a field may have, in the order that sentences list them.
var typeNames = []string{"string", "int", "float", "decimal", "bool", "time", "json", "list", "bytes"}

func (b *builder) setItems(pointer string, spec FieldSpec, f *Field) {
	pointer += "/items"
	switch {
	case f.Type != record.ListType && spec.Items != "":
		b.wrong(pointer, "misplaced-rule", "only a list has items, not a field of type %s", f.Type)
	case f.Type == record.ListType && spec.Items == "":
		b.wrong(pointer, "required", "the items of a list must have a type, as in items: string")
	case f.Type == record.ListType:
		var ok bool
		f.Items, ok = b.typeOf(pointer, spec.Items)
		if ok && (f.Items == record.ListType || f.Items == record.JSONType) {
			b.wrong(pointer, "invalid-rule", "the items of a list cannot be of type %s", f.Items)
		}
	}
}

// setDigits sets the precision and scale of decimals.
func (b *builder) setDigits(pointer string, spec FieldSpec, f *Field) {
	f.Precision, f.Scale = spec.Precision, spec.Scale
	if f.Type != record.DecimalType && f.Items != record.DecimalType {
		if f.Precision != 0 {
			b.wrong(pointer+"/precision", "misplaced-rule", "only decimals have a precision, not a field of type %s", f.Type)
		}
		if f.Scale != 0 {
			b.wrong(pointer+"/scale", "misplaced-rule", "only decimals have a scale, not a field of type %s", f.Type)
		}
		f.Precision, f.Scale = 0, 0
		return
	}
	if f.Precision == 0 {
		f.Precision = maxPrecision
	}
	if f.Precision < 1 || f.Precision > maxPrecision {
		b.wrong(pointer+"/precision", "invalid-rule", "a precision is 1 to %d digits, not %d", maxPrecision, f.Precision)
		f.Precision = maxPrecision
	}
	if f.Scale < 0 || f.Scale > f.Precision {
		b.wrong(pointer+"/scale", "invalid-rule", "a scale is 0 to the precision of %d digits, not %d", f.Precision, f.Scale)
		f.Scale = 0
	}
}

func (b *builder) setBounds(pointer string, spec FieldSpec, f *Field) {
	switch f.Type {
	case record.StringType, record.BytesType, record.ListType:
		if spec.Min != "" {
			b.wrong(pointer+"/min", "misplaced-rule", "a field of type %s has no min", f.Type)
		}
		if spec.Max != "" {
			f.MaxLength = b.length(pointer+"/max", spec.Max)
		}
	case record.IntType, record.FloatType, record.DecimalType, record.TimeType:
		f.Min = b.bound(pointer+"/min", spec.Min, f)
		f.Max = b.bound(pointer+"/max", spec.Max, f)
		if !f.Min.IsNull() && !f.Max.IsNull() && record.Compare(f.Min, f.Max) > 0 {
			b.wrong(pointer+"/max", "invalid-rule", "the max is below the min")
		}
	default:
		for _, rule := range [...]struct{ name, text string }{{"min", spec.Min}, {"max", spec.Max}} {
			if rule.text != "" {
				b.wrong(pointer+"/"+rule.name, "misplaced-rule", "a field of type %s has no %s", f.Type, rule.name)
			}
		}
	}
}

func (b *builder) length(pointer, text string) int {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > record.MaxRecordBytes {
		b.wrong(pointer, "invalid-rule", "the max of a length is a whole number from 1 to %d, not %q", record.MaxRecordBytes, text)
	}
	return n
}

// bound returns the bound that text writes, null if it is empty. A decimal's
// may have more digits than its field.
func (b *builder) bound(pointer, text string, f *Field) record.Value {
	if text == "" {
		return record.Null
	}
	if f.Type == record.DecimalType {
		for scale := range maxPrecision + 1 {
			if n, fit := record.ParseScaled(text, scale); fit == record.Fits {
				return record.Decimal(n, scale)
			}
		}
	}
	v, err := f.FromText(text)
	if err != nil {
		b.wrong(pointer, "invalid-rule", "%s", fault.Of(err).Detail)
	}
	return v
}

// checkText checks the rules that strings alone have.
func (b *builder) checkText(pointer string, f *Field) {
	if f.Type != record.StringType {
		if f.Format != "" {
			b.wrong(pointer+"/format", "misplaced-rule", "only a string has a format, not a field of type %s", f.Type)
		}
		if len(f.Enum) > 0 {
			b.wrong(pointer+"/enum", "misplaced-rule", "only a string has an enum, not a field of type %s", f.Type)
		}
		return
	}
	if _, ok := formats[f.Format]; f.Format != "" && !ok {
		b.wrong(pointer+"/format", "unknown-format", "there is no format %q%s", f.Format, nearest(f.Format, formatNames))
	}
	for i, text := range f.Enum {
		if slices.Contains(f.Enum[:i], text) {
			b.wrong(pointer+"/enum/"+strconv.Itoa(i), "invalid-rule", "%q is in the enum twice", text)
		}
	}
}

func (b *builder) checkReference(pointer string, f *Field) {
	switch {
	case f.References == "" && f.Enforce:
		b.wrong(pointer+"/enforce", "misplaced-rule", "enforce needs references, which it enforces")
	case f.References != "" && !collectionName(f.References, false):
		b.wrong(pointer+"/references", "invalid-name", "%q is not the name of a collection", f.References)
	case f.References != "" && f.Type != record.StringType && f.Type != record.IntType:
		b.wrong(pointer+"/references", "misplaced-rule", "a reference is of the type of an id, string or int, not %s", f.Type)
	}
}
