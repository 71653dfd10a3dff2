package cachetest

import (
	"bytes"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/portolan-io/portolan/ports/cache"
)

var concurrencyCases = []Case{
	{Name: "Concurrent", Clause: "A Cache is safe for concurrent use.", Run: concurrent},
	{Name: "Newest", Clause: "never those of an older Set than the last one that returned before Get was called", Run: newest},
}

// A cell is a key that one goroutine writes and the others read. What it writes
// it numbers, a Delete like a Set.
type cell struct {
	key         string
	begun, done atomic.Int64 // the greatest numbers of what was begun, and of what returned
}

// lengths are the sizes of what a cell holds, by its number: so a value is torn
// if it has the length of one and the octets of another.
var lengths = []int{0, 30, 64, 500, 501, 4000, 20_000}

func (c *cell) content(number int64) []byte {
	return content(c.key, int(number), 32+lengths[number%int64(len(lengths))])
}

// write sets, or now and then deletes, under the next number.
func (c *cell) write(t T, in cache.Cache) {
	number := c.begun.Add(1)
	var err error
	if number%5 == 0 {
		err = in.Delete(t.Context(), c.key)
	} else {
		err = in.Set(t.Context(), c.key, c.content(number), lasting)
	}
	if err != nil {
		t.Errorf("the write %d of %q = %v", number, c.key, err)
	}
	c.done.Store(number)
}

// read asks for the cell and returns whether anything was there. It must be
// whole, and neither older than what had returned before nor newer than what was
// begun after.
func (c *cell) read(t T, in cache.Cache) bool {
	oldest := c.done.Load()
	got, found, err := in.Get(t.Context(), c.key)
	newest := c.begun.Load()
	if err != nil {
		t.Errorf("Get(%q) = %v", c.key, err)
	}
	if !found {
		return false
	}
	var number int64
	head, _, _ := bytes.Cut(got, []byte(":"))
	if _, err := fmt.Sscanf(string(head), "<"+c.key+"#%d", &number); err != nil {
		t.Errorf("Get(%q) = %s, which was set under another key, or is torn", c.key, show(got))
		return true
	}
	if !bytes.Equal(got, c.content(number)) {
		t.Errorf("Get(%q) = %s, %d octets, is torn", c.key, show(got), len(got))
	}
	if number < oldest || number > newest || number%5 == 0 {
		t.Errorf("Get(%q) = what was set as number %d, when %d had returned and %d was begun", c.key, number, oldest, newest)
	}
	return true
}

func cells(name string, n int) []*cell {
	all := make([]*cell, n)
	for i := range all {
		all[i] = &cell{key: fmt.Sprint(name, i)}
	}
	return all
}

// concurrent has many writers, each with a few keys that it also reads, and
// readers of all of them.
func concurrent(t T, c cache.Cache) {
	const writers, readers, rounds = 6, 6, 1500
	all := cells("concurrent", 4*writers)
	var hits atomic.Int64
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for i := range rounds {
				own := all[w*4+i%4]
				own.write(t, c)
				if own.read(t, c) {
					hits.Add(1)
				}
			}
		})
	}
	for r := range readers {
		group.Go(func() {
			for i := range rounds {
				if all[(i*7+r)%len(all)].read(t, c) {
					hits.Add(1)
				}
			}
		})
	}
	group.Wait()
	if hits.Load() == 0 {
		t.Errorf("nobody found anything")
	}
}

// newest has one key that all ask for, so that the moment in which it changes is
// met often.
func newest(t T, c cache.Cache) {
	const readers, rounds = 4, 3000
	one := cells("newest", 1)[0]
	var group sync.WaitGroup
	var ended atomic.Bool
	group.Go(func() {
		defer ended.Store(true)
		for range rounds {
			one.write(t, c)
			one.read(t, c)
		}
	})
	for range readers {
		group.Go(func() {
			for !ended.Load() {
				one.read(t, c)
			}
		})
	}
	group.Wait()
}
