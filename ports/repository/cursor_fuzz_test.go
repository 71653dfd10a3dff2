package repository

import (
	"encoding/base64"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
)

// FuzzDecodeCursor decodes a text as it is, and as the values of a cursor whose
// checksum is right. It never panics, and what it reads is what was written.
func FuzzDecodeCursor(f *testing.F) {
	c := &schema.Collection{Name: "things", Fields: []schema.Field{
		{Name: "id", Type: record.StringType}, {Name: "i", Type: record.IntType}, {Name: "f", Type: record.FloatType},
		{Name: "d", Type: record.DecimalType, Scale: 2}, {Name: "b", Type: record.BoolType}, {Name: "t", Type: record.TimeType},
	}}
	q := query.Query{View: query.View{Collection: c}}
	for field := range c.Fields {
		q.Order = append(q.Order, query.Key{Field: field})
	}
	f.Add("")
	f.Add("AAAA")
	f.Add("\x01\x01a\x01\x02\x01\x3f\xf0\x00\x00\x00\x00\x00\x00\x01\x02\x01\x01\x01\x02")
	f.Add("\x00\x00\x00\x00\x00\x00")
	f.Add("\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01a")
	f.Fuzz(func(t *testing.T, text string) {
		raw := append(make([]byte, 4), text...)
		binary.BigEndian.PutUint32(raw, cursorSum(q, raw[4:]))
		for _, cursor := range []string{text, base64.RawURLEncoding.EncodeToString(raw)} {
			q.After = cursor
			values, err := DecodeCursor("fuzz", q)
			if err != nil {
				if fault.Of(err).Code != "bad-cursor" {
					t.Fatalf("DecodeCursor(%q) = %v, want bad-cursor", cursor, err)
				}
				continue
			}
			q.After = EncodeCursor(q, values)
			again, err := DecodeCursor("fuzz", q)
			if err != nil || !slices.EqualFunc(values, again, record.Equal) {
				t.Fatalf("DecodeCursor(%q) = %v, then %v and %v", cursor, values, again, err)
			}
		}
	})
}
