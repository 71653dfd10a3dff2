package redis

import (
	"slices"
	"testing"
	"time"

	"github.com/portolan-io/portolan/ports/cache"
)

// A Lease that is sent again, because its answer was lost, gives no token that a
// write has taken away meanwhile.
func TestTokensAreGivenOnce(t *testing.T) {
	server := single(t)
	session, _ := bound(t, openTest(t, patient(Config{Addrs: []string{server.Address}})))
	lease := func(token string) []string {
		t.Helper()
		marks, _, err := session.Lease(t.Context(), "goods", []string{"mark", "other"}, "name", token, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		return marks
	}
	if got := lease("one"); !slices.Equal(got, []string{"one", "one"}) {
		t.Fatalf("the first Lease = %q", got)
	}
	for _, do := range []func() error{
		func() error { return session.Fence(t.Context(), "goods", []string{"mark"}, "fence") },
		func() error { return session.Lift(t.Context(), "goods", []string{"mark"}, []string{"fence"}) },
	} {
		if err := do(); err != nil {
			t.Fatal(err)
		}
	}
	if got := lease("one"); !slices.Equal(got, []string{"", "one"}) {
		t.Errorf("the same Lease after a write = %q, want no token for what was written", got)
	}
	if got := lease("two"); !slices.Equal(got, []string{"two", "one"}) {
		t.Errorf("another Lease = %q", got)
	}
}

// A mark with a fence has no end, whatever it was before and whichever fences were
// lifted: what has an end may be pushed out of the memory.
func TestFencesHaveNoEnd(t *testing.T) {
	server := single(t)
	hand := direct(t, server.Address)
	session, _ := bound(t, openTest(t, patient(Config{Addrs: []string{server.Address}})))
	if _, _, err := session.Lease(t.Context(), "goods", []string{"mark"}, "name", "token", time.Minute); err != nil {
		t.Fatal(err)
	}
	endless := func(when string) {
		t.Helper()
		keys, err := hand.Keys(t.Context(), "*tmark").Result()
		if err != nil || len(keys) != 1 {
			t.Fatalf("%s there are %d marks, %v", when, len(keys), err)
		}
		if left := hand.PTTL(t.Context(), keys[0]).Val(); left != -1 {
			t.Errorf("%s the mark ends in %v", when, left)
		}
	}
	for _, fence := range []string{"one", "two", "three"} {
		if err := session.Fence(t.Context(), "goods", []string{"mark"}, fence); err != nil {
			t.Fatal(err)
		}
		endless("with the fence " + fence)
	}
	if err := session.Lift(t.Context(), "goods", []string{"mark"}, []string{"two"}); err != nil {
		t.Fatal(err)
	}
	endless("with one of three lifted")
}

// A token ends after an hour, also if it is given again.
func TestTokensEnd(t *testing.T) {
	server := single(t)
	hand := direct(t, server.Address)
	session, _ := bound(t, openTest(t, patient(Config{Addrs: []string{server.Address}})))
	most := cache.TokenTTL
	for range 2 {
		if _, _, err := session.Lease(t.Context(), "goods", []string{"mark"}, "name", "token", time.Minute); err != nil {
			t.Fatal(err)
		}
		keys, err := hand.Keys(t.Context(), "*tmark").Result()
		if err != nil || len(keys) != 1 {
			t.Fatalf("there are %d marks, %v", len(keys), err)
		}
		left := hand.PTTL(t.Context(), keys[0]).Val()
		if left > most || left < most-time.Minute {
			t.Errorf("the token ends in %v, want %v", left, most)
		}
		most -= 10 * time.Minute // time goes on
		if err := hand.PExpire(t.Context(), keys[0], most).Err(); err != nil {
			t.Fatal(err)
		}
	}
}
