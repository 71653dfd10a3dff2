package memory

import (
	"iter"
	"slices"
	"sort"
)

// chunkSize is the most entries in one chunk of a [sorted]. A write copies one
// chunk, and each state the list of chunks, so both are kept short.
const chunkSize = 512

// A sorted is a list of entries in an order that its user keeps to: slices of
// at most chunkSize entries, none of them empty. Chunks are shared between the
// states; an edit changes in place only those that it made.
type sorted struct {
	chunks []*chunk
}

type chunk struct {
	owner   *edit
	entries []*entry
}

// A place is a position in a sorted: before the entry that is there, or behind
// everything.
type place struct{ chunk, entry int }

func (p place) less(q place) bool {
	return p.chunk < q.chunk || p.chunk == q.chunk && p.entry < q.entry
}

// newSorted returns the list of entries, which are in order.
func newSorted(owner *edit, entries []*entry) sorted {
	var s sorted
	for part := range slices.Chunk(entries, chunkSize/2) {
		s.chunks = append(s.chunks, &chunk{owner, slices.Clone(part)})
	}
	return s
}

// seek returns the first place whose entry is not before what is sought.
func (s sorted) seek(before func(*entry) bool) place {
	c := sort.Search(len(s.chunks), func(i int) bool {
		entries := s.chunks[i].entries
		return !before(entries[len(entries)-1])
	})
	if c == len(s.chunks) {
		return s.end()
	}
	entries := s.chunks[c].entries
	return place{c, sort.Search(len(entries), func(i int) bool { return !before(entries[i]) })}
}

// end returns the place behind everything.
func (s sorted) end() place { return place{chunk: len(s.chunks)} }

// at returns the entry at p, nil at the end.
func (s sorted) at(p place) *entry {
	if p.chunk == len(s.chunks) {
		return nil
	}
	return s.chunks[p.chunk].entries[p.entry]
}

// count returns how many entries there are from one place to another.
func (s sorted) count(from, to place) int {
	n := to.entry - from.entry
	for c := from.chunk; c < to.chunk; c++ {
		n += len(s.chunks[c].entries)
	}
	return n
}

// between returns the entries from one place to another, in order.
func (s sorted) between(from, to place) iter.Seq[*entry] {
	return func(yield func(*entry) bool) {
		for p := from; p.less(to); p = (place{chunk: p.chunk + 1}) {
			entries := s.chunks[p.chunk].entries
			if p.chunk == to.chunk {
				entries = entries[:to.entry]
			}
			for _, e := range entries[p.entry:] {
				if !yield(e) {
					return
				}
			}
		}
	}
}

// backward returns the entries from one place to another, the last one first.
func (s sorted) backward(from, to place) iter.Seq[*entry] {
	return func(yield func(*entry) bool) {
		for c := min(to.chunk, len(s.chunks)-1); c >= from.chunk; c-- {
			entries := s.chunks[c].entries
			if c == to.chunk {
				entries = entries[:to.entry]
			}
			if c == from.chunk {
				entries = entries[min(from.entry, len(entries)):]
			}
			for _, e := range slices.Backward(entries) {
				if !yield(e) {
					return
				}
			}
		}
	}
}

// insert puts e before the entry at p. The list of chunks is owner's.
func (s *sorted) insert(owner *edit, p place, e *entry) {
	if p.chunk == len(s.chunks) {
		last := p.chunk - 1
		if last < 0 || len(s.chunks[last].entries) >= chunkSize { // what comes in order fills its chunks
			s.chunks = append(s.chunks, &chunk{owner, []*entry{e}})
			return
		}
		p = place{last, len(s.chunks[last].entries)}
	}
	c := s.own(owner, p.chunk)
	c.entries = slices.Insert(c.entries, p.entry, e)
	if len(c.entries) <= chunkSize {
		return
	}
	half := len(c.entries) / 2
	s.chunks = slices.Insert(s.chunks, p.chunk+1, &chunk{owner, slices.Clone(c.entries[half:])})
	c.entries = slices.Clip(c.entries[:half])
}

// replace puts e where another of the same place in the order is.
func (s *sorted) replace(owner *edit, p place, e *entry) {
	s.own(owner, p.chunk).entries[p.entry] = e
}

// remove takes out the entry at p. The list of chunks is owner's.
func (s *sorted) remove(owner *edit, p place) {
	c := s.own(owner, p.chunk)
	c.entries = slices.Delete(c.entries, p.entry, p.entry+1)
	if len(c.entries) == 0 {
		s.chunks = slices.Delete(s.chunks, p.chunk, p.chunk+1)
	}
}

// own returns the chunk at i, which is owner's from then on.
func (s *sorted) own(owner *edit, i int) *chunk {
	c := s.chunks[i]
	if c.owner != owner {
		c = &chunk{owner, append(make([]*entry, 0, len(c.entries)+8), c.entries...)}
		s.chunks[i] = c
	}
	return c
}
