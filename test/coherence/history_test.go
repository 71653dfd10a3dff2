package coherence_test

import (
	"math"
	"time"

	"github.com/anishathalye/porcupine"
)

// An item's number is written once only, in one record, and says which shelf the
// record stands on and whose it is. A record that is absent has the number 0.
const (
	shelves = 3
	owners  = 2
)

func shelfOf(n int64) int64 { return n % shelves }
func ownerOf(n int64) int64 { return n / shelves % owners }

// A kind is what an operation asks for.
type kind string

// The kinds: writes, reads of one record, and reads of several.
const (
	create   kind = "create"
	put      kind = "put"
	patch    kind = "conditional patch"
	move     kind = "move"
	remove   kind = "delete"
	removeBy kind = "delete by query"
	load     kind = "import"

	createAll  kind = "create of several"
	createEach kind = "create of whatever can be"
	moveOnce   kind = "move that is sent twice"
	trial      kind = "trial"

	get    kind = "get"
	getOwn kind = "get under a policy"

	listShelf  kind = "list of a shelf"
	queryShelf kind = "query of a shelf"
	listAll    kind = "list of everything"
	listOwn    kind = "list under a policy"
	countAll   kind = "count of everything"
	countShelf kind = "count of a shelf"
	aggregate  kind = "aggregate"
)

// writing are the kinds that store something.
var writing = []kind{create, put, patch, move, remove, removeBy, load, createAll, createEach, moveOnce}

// An outcome is what a write is known to have done.
type outcome uint8

const (
	done    outcome = iota // it was stored
	refused                // it was not stored, because of what the record was like
	unknown                // it may have been stored, may be later, or never
)

// asked is what an operation asks of one record.
type asked struct {
	kind   kind
	key    int
	n      int64 // what is written; of a delete, its own number with its sign changed
	expect int64 // of a conditional patch: what must stand there
	owner  int64 // of a get under a policy
}

// answered is what it was told.
type answered struct {
	outcome outcome // of a write
	seen    int64   // of a read; 0 if nothing was there for the caller
}

// never is when an operation ends of whose outcome nobody knows.
const never = math.MaxInt64

// register is a record: what reads and writes of it may see and do. Its state is
// the number that stands there.
var register = porcupine.Model{
	Init: func() any { return int64(0) },
	Step: func(state, input, output any) (bool, any) {
		now, in, out := state.(int64), input.(asked), output.(answered)
		switch in.kind {
		case get:
			return out.seen == now, now
		case getOwn:
			return out.seen == now || out.seen == 0 && ownerOf(now) != in.owner, now
		}
		holds, next := in.changes(now)
		switch {
		case out.outcome == done:
			return holds, next
		case out.outcome == refused || !holds:
			return !holds || out.outcome == unknown, now
		}
		return true, next
	},
}

// changes returns what a write makes of the record, and whether it may.
func (in asked) changes(now int64) (holds bool, next int64) {
	switch in.kind {
	case create, createAll, createEach:
		return now == 0, in.n
	case patch:
		return now == in.expect, in.n
	case move, moveOnce:
		return now != 0, in.n
	case remove, removeBy:
		return now != 0, 0
	}
	return true, in.n
}

// linearizable checks the history of each record. A check that is not done in
// time has not shown that the history is right.
func linearizable(operations []porcupine.Operation, timeout time.Duration) porcupine.CheckResult {
	byKey := make(map[int][]porcupine.Operation)
	for _, op := range operations {
		key := op.Input.(asked).key
		byKey[key] = append(byKey[key], op)
	}
	worst := porcupine.Ok
	for _, history := range byKey {
		switch result := porcupine.CheckOperationsTimeout(register, history, timeout); result {
		case porcupine.Illegal:
			return result
		case porcupine.Unknown:
			worst = result
		}
	}
	return worst
}
