package core

// How says how a write is done. The zero How does it, whatever is stored.
type How struct {
	If     Condition // what the record that is written must be like; only where one is named
	DryRun bool      // do everything but store: the answer, or the error, is the one that storing would give
	Once   *Once     // nil: to ask again is to write again
	Each   bool      // Create: store what can be stored, and say in Written.Failed why the rest is not

	claim *claim // of Once, while the write is done
}

// Once makes a write have one effect, however often it is asked for: who asks
// again within [OnceFor] gets the answer of the first time.
type Once struct {
	Key    string   // what the caller calls this write; 1 to MaxOnceKey octets of printable ASCII
	Route  string   // where the key counts: a caller may use it elsewhere for something else
	Digest [32]byte // of all that is asked; the same key with another is fault.Refused

	// Answer returns what the caller is told, and is told again. It is stored with
	// the write itself, so it is asked before the write is done, and perhaps more
	// than once; the caller gets what was stored as Written.Answer. A revision that
	// only the store can know is empty in what it is given. An answer of more than
	// MaxAnswer octets is fault.TooLarge, and nothing is written.
	Answer func(Written) []byte
}

// Written is what a write did.
type Written struct {
	Result           // of a write of one record
	Results []Result // of a write of several, in the order in which they were given
	Failed  []error  // by position: why a record was not stored, if others may be all the same; else nil
	Deleted int      // how many records were deleted

	// Of a write with Once: what it answers, now or the first time. It may be all that
	// is set, also of a write that was not Repeated: the store failed, and what it had
	// stored was found out afterwards.
	Answer   []byte
	Repeated bool // it was done before, and only Answer is set
}
