package cachetest

import "github.com/portolan-io/portolan/ports/cache"

var removalCases = []Case{
	{Name: "Deleted", Clause: "Delete removes what is kept under the keys.", Run: deleted},
	{Name: "DeletedStays", Clause: "never what a Delete that returned before Get was called removed", Run: deletedStays},
	{Name: "DeletedNothing", Clause: "A key without anything is no error.", Run: deletedNothing},
}

func deleted(t T, c cache.Cache) {
	for _, key := range []string{"a", "b", "c", "d", "e", ""} {
		keep(t, c, key, []byte("kept"))
	}
	remove(t, c, "c")
	wantNothing(t, "after a Delete of one", c, "c")
	remove(t, c, "a", "d", "")
	for _, key := range []string{"a", "c", "d", ""} {
		wantNothing(t, "after a Delete of three", c, key)
	}
	for _, key := range []string{"b", "e"} {
		if got, found := get(t, c, key); found && string(got) != "kept" {
			t.Errorf("Get(%q) = %s, which nobody deleted; want what was set", key, show(got))
		}
	}
	remove(t, c, "e", "e", "b")
	wantNothing(t, "after a Delete that names it twice", c, "e")
	wantNothing(t, "after a Delete behind a key named twice", c, "b")
}

// deletedStays deletes what was set several times, because what is older may be
// kept still somewhere, and sets something between deletes.
func deletedStays(t T, c cache.Cache) {
	for range 100 {
		keep(t, c, "key", []byte("first"))
		keep(t, c, "key", []byte("second"))
		remove(t, c, "key")
		wantNothing(t, "after two Sets and a Delete", c, "key")
		keep(t, c, "neighbour", []byte("third"))
		wantNothing(t, "after a Set of another key", c, "key")
	}
	keep(t, c, "key", []byte("fourth"))
}

func deletedNothing(t T, c cache.Cache) {
	remove(t, c)
	remove(t, c, "missing")
	remove(t, c, "missing", "", "missing")
	keep(t, c, "there", []byte("value"))
	remove(t, c, "missing", "there", "also missing")
	wantNothing(t, "after a Delete among missing keys", c, "there")
	remove(t, c, "there")
}
