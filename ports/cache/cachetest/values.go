package cachetest

import (
	"bytes"
	"errors"
	"strings"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/cache"
)

var valueCases = []Case{
	{Name: "Kept", Clause: "A Cache keeps octets under keys for a while.", Run: kept},
	{Name: "Whether", Clause: "Get returns what is kept under the key, and whether anything is.", Run: whether},
	{Name: "Exact", Clause: "Get returns exactly the octets of one Set of this very key", Run: exact},
	{Name: "Overwritten", Clause: "Set keeps value under the key for at most ttl, instead of what was kept.", Run: overwritten},
	{Name: "TooLarge", Clause: "A value that is too large for the cache is not kept, and is no error: nothing is then kept under the key.", Run: tooLarge},
}

var keyCases = []Case{
	{Name: "Keys", Clause: "so may a key, of at most MaxKey octets", Run: keys},
	{Name: "Distinct", Clause: "of one Set of this very key", Run: distinct},
	{Name: "LongKey", Clause: "of at most MaxKey octets, else Set is fault.Invalid.", Run: longKey},
}

func kept(t T, c cache.Cache) {
	keep(t, c, "products/1", []byte(`{"asin":"1"}`))
	keep(t, c, "products/2", []byte(`{"asin":"2"}`))
}

// whether also looks for keys near one that is kept.
func whether(t T, c cache.Cache) {
	wantNothing(t, "of an empty cache", c, "products/1")
	keep(t, c, "products/1", []byte("one"))
	for _, key := range []string{"", "p", "products", "products/", "products/11", "products/1 ", " products/1", "Products/1", "products/1\x00", "roducts/1"} {
		wantNothing(t, "near a key that is kept", c, key)
	}
}

// octets are values that are easily harmed.
var octets = [][]byte{
	{}, {0}, {0, 0}, []byte("a\x00b"), []byte("\x00b"), []byte("a\x00"), []byte(" a "), []byte("a\n"), []byte("a\r\n"), {0xff}, {0xc0, 0x80},
	[]byte("größer 🔑"), []byte("null"), []byte("nil"), []byte("-1"), []byte("{}"), allOctets(), bytes.Repeat(allOctets(), 400),
}

func allOctets() []byte {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	return all
}

// exact also puts values of all lengths around the powers of two, which are the
// ones that a wrong length of a length loses.
func exact(t T, c cache.Cache) {
	for _, value := range octets {
		keep(t, c, "one key", value)
	}
	for power := 4; power <= 16; power++ {
		for length := 1<<power - 20; length <= 1<<power+2; length++ {
			if length >= 0 {
				keep(t, c, "one key", bytes.Repeat([]byte{byte(length)}, length))
			}
		}
	}
}

func overwritten(t T, c cache.Cache) {
	for _, value := range []string{"first", "second", "", "a much longer third one", "4", "first"} {
		keep(t, c, "key", []byte(value))
	}
	for range 100 { // whatever it answers, it is the last
		set(t, c, "key", []byte("older"), lasting)
		set(t, c, "key", []byte("newer"), lasting)
		if got, found := get(t, c, "key"); found && string(got) != "newer" {
			t.Fatalf("Get = %s, want what was set last", show(got))
		}
	}
}

// huge is more than a cache of the usual size keeps in one piece.
const huge = 64 << 20

// tooLarge takes it as well if the value is kept, for which there is room
// somewhere.
func tooLarge(t T, c cache.Cache) {
	value := make([]byte, huge)
	value[0], value[huge-1] = 'a', 'z'
	keep(t, c, "other", []byte("small"))
	keep(t, c, "key", []byte("small"))
	set(t, c, "key", value, lasting)
	if got, found := get(t, c, "key"); found && !bytes.Equal(got, value) {
		t.Errorf("Get = %s, %d octets; want nothing, or the %d octets that were set", show(got), len(got), huge)
	}
	if got, found := get(t, c, "other"); found && string(got) != "small" {
		t.Errorf("Get of another key = %s, want what was set there", show(got))
	}
	keep(t, c, "key", []byte("small again"))
}

// keys also sets each key of all octets with its own text, so that two which are
// taken for one show.
func keys(t T, c cache.Cache) {
	longest := strings.Repeat("k", cache.MaxKey-1)
	all := []string{"", " ", "\x00", "a\x00b", "a\x00c", "a\nb", "größer 🔑", "\xff\xfe", longest + "1", longest + "2", string(allOctets()), `"'\%_*?[]{}`}
	for _, key := range all {
		keep(t, c, key, []byte(key))
	}
	for _, key := range all {
		if got, found := get(t, c, key); found && string(got) != key {
			t.Errorf("Get(%.40q) = %s, want what was set there", key, show(got))
		}
	}
}

// alike are texts that share a hash, each group another one, or that are the same
// to whoever joins, cuts or folds.
var alike = [][]string{
	{"!0IC=VloaY", "QvXtM>@Fp%"},                         // FNV-1a of 64 bits; it is zero, too
	{"costarring", "liquid"}, {"declinate", "macallums"}, // FNV-1a of 32 bits
	{"creamwove", "quists"},                            // FNV-1 of 32 bits
	{"plumless", "buckeroo"},                           // CRC-32
	{"AaAaAa", "AaAaBB", "AaBBAa", "BBAaAa", "BBBBBB"}, // sums of 31ⁿ
	{"ab", "ba"}, {"ab\x00c", "a\x00bc"}, {"a", "a\x00"}, // sums; what is joined, or ends, by a zero
	{"key", "Key", "KEY"}, {"straße", "STRASSE"}, {"\u00e9", "e\u0301"}, // case and normal forms
	{"key", " key", "key ", "key\t", "key/"}, {"a%2fb", "a/b", "a+b", "a b"},
	{strings.Repeat("p", 300) + "1", strings.Repeat("p", 300) + "2", strings.Repeat("p", 300)},
}

func distinct(t T, c cache.Cache) {
	for _, group := range alike {
		for _, key := range group {
			keep(t, c, key, []byte("of "+key))
			for _, other := range group {
				if got, found := get(t, c, other); found && string(got) != "of "+other {
					t.Errorf("after a Set of %.40q, Get(%.40q) = %s, want nothing or its own", key, other, show(got))
				}
			}
		}
		for i, key := range group {
			remove(t, c, key)
			for _, other := range group[i+1:] {
				if got, found := get(t, c, other); found && string(got) != "of "+other {
					t.Errorf("after a Delete of %.40q, Get(%.40q) = %s, want nothing or its own", key, other, show(got))
				}
			}
		}
	}
}

// longKey also asks for a key that cannot be kept, and deletes it: that there is
// nothing is no error.
func longKey(t T, c cache.Cache) {
	for _, length := range []int{cache.MaxKey + 1, 2 * cache.MaxKey, 1<<16 + 3} {
		key := strings.Repeat("k", length)
		if err := c.Set(t.Context(), key, []byte("value"), lasting); !errors.Is(err, fault.Invalid) {
			t.Errorf("Set of a key of %d octets = %v, want a %s", length, err, fault.Invalid)
		}
		wantNothing(t, "of a key that is too long", c, key)
		wantNothing(t, "of the beginning of a key that is too long", c, key[:cache.MaxKey])
		wantNothing(t, "of what is left of a length in 16 bits", c, key[:length%(1<<16)%cache.MaxKey])
		remove(t, c, key)
	}
}
