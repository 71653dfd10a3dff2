package memo

import (
	"sync"
	"testing"
)

func TestMap(t *testing.T) {
	made := map[int]int{}
	m := New(func(key int) int {
		made[key]++
		return -key
	})
	for range 2 {
		for key := range most + 10 {
			if got := m.Get(key); got != -key {
				t.Fatalf("Get(%d) = %d, want %d", key, got, -key)
			}
		}
	}
	if made[0] != 1 || made[most-1] != 1 {
		t.Errorf("the first values were made %d and %d times, want once", made[0], made[most-1])
	}
	if made[most] != 2 || len(m.values) != most {
		t.Errorf("%d values are kept, and one beyond was made %d times; want %d and 2", len(m.values), made[most], most)
	}
}

func TestMapConcurrently(t *testing.T) {
	m := New(func(key int) int { return -key })
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for key := range 2 * most {
				if got := m.Get(key); got != -key {
					t.Errorf("Get(%d) = %d, want %d", key, got, -key)
					return
				}
			}
		})
	}
	group.Wait()
	if len(m.values) != most {
		t.Errorf("%d values are kept, want %d", len(m.values), most)
	}
}
