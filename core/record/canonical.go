package record

import "github.com/portolan-io/portolan/core/fault"

// Canonical returns strict JSON in its canonical text: keys sorted by octets,
// no white space, minimal escapes, numbers as they were written.
func Canonical(raw []byte) (string, error) {
	return "", fault.New(fault.Unsupported, "record.Canonical", "not yet")
}
