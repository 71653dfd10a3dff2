package record_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/portolan-io/portolan/core/record"
)

func TestTypeOf(t *testing.T) {
	for _, name := range []string{"bool", "int", "float", "decimal", "string", "time", "bytes", "list", "json"} {
		got, ok := record.TypeOf(name)
		if !ok || got.String() != name {
			t.Errorf("TypeOf(%q): got %v, %v, want the type of that name", name, got, ok)
		}
	}
	for _, name := range []string{"", "null", "Int", "text"} {
		if got, ok := record.TypeOf(name); ok {
			t.Errorf("TypeOf(%q): got %v, want none", name, got)
		}
	}
}

func TestValueKeepsWhatItHolds(t *testing.T) {
	noon := time.Date(2026, 1, 31, 13, 0, 0, 123456789, time.FixedZone("", 3600))
	if got, want := record.Time(noon).AsTime(), time.Date(2026, 1, 31, 12, 0, 0, 123456000, time.UTC); got != want {
		t.Errorf("Time: got %v, want %v, in UTC and truncated", got, want)
	}
	before := time.Date(1969, 12, 31, 23, 59, 59, 999999999, time.UTC)
	if got := record.Time(before).AsMicros(); got != -1 {
		t.Errorf("Time before 1970: got %d, want -1: truncation goes to the past", got)
	}
	if got := record.Float(math.Copysign(0, -1)).AsFloat(); math.Signbit(got) {
		t.Error("Float(-0) kept its sign")
	}
	octets := []byte{1, 2}
	v := record.Bytes(octets)
	octets[0] = 9
	if got := v.AsString(); got != "\x01\x02" {
		t.Errorf("Bytes: got %q after its argument changed, want the octets as they were", got)
	}
	if n, scale := record.Decimal(-1234, 2).AsDecimal(); n != -1234 || scale != 2 {
		t.Errorf("Decimal: got %d, %d, want -1234, 2", n, scale)
	}
	if !record.Null.IsNull() || record.Bool(false).IsNull() || !record.Bool(true).AsBool() || record.Bool(false).AsBool() {
		t.Error("null or a bool is not what it was made of")
	}
}

// inOrder holds runs of values, each run ascending without equals.
var inOrder = map[string][]record.Value{
	"null first, then bools": {record.Null, record.Bool(false), record.Bool(true)},
	"ints":                   {record.Int(math.MinInt64), record.Int(-1), record.Int(0), record.Int(1<<53 + 1), record.Int(math.MaxInt64)},
	"floats":                 {record.Float(-1e308), record.Float(-1), record.Float(0), record.Float(5e-324), record.Float(2)},
	"strings by octets":      {record.String(""), record.String("A"), record.String("A "), record.String("Z"), record.String("a"), record.String("é"), record.String("\uFFFD"), record.String("😀")},
	"times":                  {record.Micros(-1), record.Micros(0), record.Micros(1)},
	"bytes":                  {record.Bytes(nil), record.Bytes([]byte{0}), record.Bytes([]byte{0, 0}), record.Bytes([]byte{255})},
	"lists": {
		record.List(nil), record.List([]record.Value{record.Int(1)}),
		record.List([]record.Value{record.Int(1), record.Int(0)}), record.List([]record.Value{record.Int(2)}),
	},
	"decimals of several scales": {
		record.Decimal(math.MinInt64, 0), record.Decimal(-101, 2), record.Decimal(-1, 0), record.Decimal(-99, 2),
		record.Decimal(0, 18), record.Decimal(1, 18), record.Decimal(999999999999999999, 18), record.Decimal(1, 0),
		record.Decimal(1000000000000000001, 18), record.Decimal(125, 2), record.Decimal(15, 1), record.Decimal(175, 2), record.Decimal(math.MaxInt64, 18), record.Decimal(math.MaxInt64, 0),
	},
}

func TestCompare(t *testing.T) {
	for name, values := range inOrder {
		for i, a := range values {
			for j, b := range values {
				want := min(max(i-j, -1), 1)
				if got := record.Compare(a, b); got != want {
					t.Errorf("%s: Compare of item %d and item %d: got %d, want %d", name, i, j, got, want)
				}
				if got := record.Equal(a, b); got != (i == j) {
					t.Errorf("%s: Equal of item %d and item %d: got %v", name, i, j, got)
				}
			}
		}
	}
	if record.Compare(record.Decimal(10, 1), record.Decimal(100, 2)) != 0 {
		t.Error("1.0 and 1.00 are not equal as decimals")
	}
	if record.Equal(record.Int(1), record.Float(1)) {
		t.Error("values of different types are equal")
	}
	if !record.Equal(record.Null, record.Null) {
		t.Error("null does not equal null")
	}
}

func TestIdentities(t *testing.T) {
	now := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	ids, revisions := map[record.ID]bool{}, map[record.Revision]bool{}
	for range 10_000 {
		id, revision := record.NewUUID(now), record.NewRevision(now)
		if len(id) != 36 || id[14] != '7' || !slices.Contains([]byte("89ab"), id[19]) || id[:13] != "019c13ec-9e00" {
			t.Fatalf("NewUUID: got %s, want a UUIDv7 that begins with the milliseconds 019c13ec-9e00", id)
		}
		if len(revision) == 0 || len(revision) > 20 {
			t.Fatalf("NewRevision: got %q, want 1 to 20 octets", revision)
		}
		for _, c := range revision {
			if (c < '0' || '9' < c) && (c < 'a' || 'z' < c) {
				t.Fatalf("NewRevision: got %q, want digits and small letters only", revision)
			}
		}
		ids[id], revisions[revision] = true, true
	}
	if len(ids) != 10_000 || len(revisions) != 10_000 {
		t.Errorf("of 10000 each there are %d UUIDs and %d revisions, want no two the same", len(ids), len(revisions))
	}
	if a, b := record.NewUUID(now), record.NewUUID(now.Add(time.Millisecond)); a >= b {
		t.Errorf("UUIDs a millisecond apart: got %s before %s", a, b)
	}
}
