package coherence_test

import (
	"fmt"
	"slices"
	"sort"

	"github.com/anishathalye/porcupine"
)

// A page is what a read of several records showed, or of one: by key the number
// that it showed, 0 if it did not show the record. It is of the records of one
// shelf or owner if these are not -1, and of one key if only is not -1.
type page struct {
	kind         kind
	call, end    int64
	shown        []int64 // nil if only the count is known
	count        int64   // -1 if it was not said
	shelf, owner int64
	only         int
}

// has reports whether a record with the number belongs to the page.
func (p *page) has(n int64) bool {
	return n > 0 && (p.shelf < 0 || shelfOf(n) == p.shelf) && (p.owner < 0 || ownerOf(n) == p.owner)
}

// A version is a write of a record that was stored, or may have been.
type version struct {
	n         int64 // 0 or less: from here on the record is absent
	call, end int64 // end is never if nobody knows whether it was stored
}

// A ledger knows for every record what may stand there at any time, going only
// by what was acknowledged before and begun until then.
type ledger struct {
	versions [][]version       // by key, by their ends
	latest   [][]int64         // by key and position: the latest call of the versions that ended until there
	written  []map[int64]int64 // by key: position of a number
	longest  []int64           // by key: the longest write whose end is known
}

func newLedger(keys int, operations []porcupine.Operation) *ledger {
	l := &ledger{
		versions: make([][]version, keys), latest: make([][]int64, keys),
		written: make([]map[int64]int64, keys), longest: make([]int64, keys),
	}
	for key := range keys {
		l.versions[key] = []version{{n: 0, call: -2, end: -1}}
	}
	for _, op := range operations {
		in, out := op.Input.(asked), op.Output.(answered)
		if in.n == 0 || out.outcome == refused {
			continue
		}
		l.versions[in.key] = append(l.versions[in.key], version{in.n, op.Call, op.Return})
		if op.Return != never {
			l.longest[in.key] = max(l.longest[in.key], op.Return-op.Call)
		}
	}
	for key, all := range l.versions {
		slices.SortFunc(all, func(a, b version) int { return sign(a.end, b.end) })
		l.written[key] = make(map[int64]int64, len(all))
		latest := int64(-2)
		for i, v := range all {
			latest = max(latest, v.call)
			l.latest[key] = append(l.latest[key], latest)
			l.written[key][v.n] = int64(i)
		}
	}
	return l
}

func sign(a, b int64) int {
	if a < b {
		return -1
	}
	if a > b {
		return 1
	}
	return 0
}

// floor returns the time before which what ended is overwritten for sure by what
// was acknowledged when a read began.
func (l *ledger) floor(key int, call int64) int64 {
	all := l.versions[key]
	before := sort.Search(len(all), func(i int) bool { return all[i].end >= call })
	return l.latest[key][before-1] // the record was absent before everything
}

// may returns whether the record may have been in the page, and whether it may
// not have been.
func (l *ledger) may(key int, p *page) (in, out bool) {
	all := l.versions[key]
	floor := l.floor(key, p.call)
	first := sort.Search(len(all), func(i int) bool { return all[i].end >= floor })
	for i := first; i < len(all) && (!in || !out); i++ {
		v := all[i]
		if v.end != never && v.end > p.end+l.longest[key] {
			i = sort.Search(len(all), func(i int) bool { return all[i].end == never }) - 1
			continue
		}
		if v.call <= p.end {
			in, out = in || p.has(v.n), out || !p.has(v.n)
		}
	}
	return in, out
}

// contradiction returns how the page contradicts what was acknowledged before it
// began, or nothing.
func (l *ledger) contradiction(p *page) string {
	var least, most int64
	for key := range l.versions {
		if p.only >= 0 && p.only != key {
			continue
		}
		in, out := l.may(key, p)
		if !out {
			least++
		}
		if in {
			most++
		}
		if p.shown == nil {
			continue
		}
		if wrong := l.wrong(key, p, out); wrong != "" {
			return wrong
		}
	}
	if p.count >= 0 && (p.count < least || p.count > most) {
		return fmt.Sprintf("it counts %d, and %d to %d are right", p.count, least, most)
	}
	return ""
}

// wrong returns what is wrong with what the page shows of one record, which may
// be missing if out is true.
func (l *ledger) wrong(key int, p *page, out bool) string {
	n := p.shown[key]
	if n == 0 {
		if !out {
			return fmt.Sprintf("record %d is missing", key)
		}
		return ""
	}
	i, ok := l.written[key][n]
	switch {
	case !ok || !p.has(n):
		return fmt.Sprintf("record %d has the number %d, which does not belong there", key, n)
	case l.versions[key][i].call > p.end:
		return fmt.Sprintf("record %d has the number %d, which was written later", key, n)
	case l.versions[key][i].end < l.floor(key, p.call):
		return fmt.Sprintf("record %d has the number %d, which was overwritten", key, n)
	}
	return ""
}
