package schema

import (
	"slices"

	"github.com/portolan-io/portolan/core/record"
)

// sealedSuffix ends the name of the field that holds an encrypted one's value.
const sealedSuffix = "_sealed"

// AtRest returns the collection as stores keep it: c itself, unless a field is
// encrypted. Then the fields of c keep their positions, so that filters and orders mean
// the same in both, and behind them comes for each encrypted one a field of bytes that
// holds what was encrypted. The field itself stays as it was, for values from before it
// was encrypted; none of either is required.
func (c *Collection) AtRest() *Collection {
	if c.atRest == nil {
		return c
	}
	return c.atRest
}

// Sealed returns where in the Fields of AtRest the value of an encrypted field is.
func (c *Collection) Sealed(position int) int {
	sealed := len(c.Fields)
	for i := range position {
		if c.Fields[i].Encrypted {
			sealed++
		}
	}
	return sealed
}

// SealedFor returns, of a collection as AtRest returns it, the position of the encrypted field
// whose values are in the field at the position, or -1 if that is not of such. In a record that is
// written one of the two is null, or both are.
func (c *Collection) SealedFor(position int) int {
	if at := position - len(c.Fields) + len(c.sealed); at >= 0 {
		return c.sealed[at]
	}
	return -1
}

// SealedName returns the name of the field of AtRest that holds what is encrypted of the field.
func (f *Field) SealedName() string { return f.Name + sealedSuffix }

// Emptied reports whether, of a collection as AtRest returns it, the field at the position is an
// encrypted one, which is null in every record that is written.
func (c *Collection) Emptied(position int) bool { return slices.Contains(c.sealed, position) }

// Guarded reports whether a field of the collection is encrypted.
func (c *Collection) Guarded() bool {
	return slices.ContainsFunc(c.Fields, func(f Field) bool { return f.Encrypted })
}

// rest makes AtRest. It is nil if that is the collection itself, as of a view, which is
// not stored.
func (c *Collection) rest() *Collection {
	if c.Base != nil || !c.Guarded() {
		return nil
	}
	kept := *c
	kept.Fields = slices.Clone(c.Fields)
	kept.positions = make(map[string]int, len(c.Fields)+1)
	for i := range c.Fields {
		if f := &kept.Fields[i]; f.Encrypted {
			f.Encrypted, f.Required = false, false
			kept.sealed = append(kept.sealed, i)
			kept.Fields = append(kept.Fields, Field{Name: c.Fields[i].SealedName(), Type: record.BytesType})
		}
	}
	for i := range kept.Fields {
		kept.positions[kept.Fields[i].Name] = i
	}
	return &kept
}

// checkEncrypted notes what cannot be encrypted: what stores and the server have to
// compare or compute with.
func (b *builder) checkEncrypted() {
	for i := range b.Fields {
		f := &b.Fields[i]
		if !f.Encrypted {
			continue
		}
		pointer := "fields/" + f.Name + "/encrypted"
		_, taken := b.positions[f.SealedName()]
		switch {
		case i == b.ID:
			b.wrong(pointer, "misplaced-rule", "the id cannot be encrypted, because records are found by it")
		case f.References != "":
			b.wrong(pointer, "misplaced-rule", "a reference cannot be encrypted, because records are found by it")
		case f.Derive != "":
			b.wrong(pointer, "misplaced-rule", "a derived field cannot be encrypted, because what it is derived from is not")
		case taken:
			b.wrong(pointer, "duplicate-name", "what is encrypted is stored as %s, which is the name of another field", f.SealedName())
		case len(f.Name)+len(sealedSuffix) > maxNameLength:
			b.wrong(pointer, "invalid-name", "the name of an encrypted field has at most %d characters", maxNameLength-len(sealedSuffix))
		}
	}
}
