package core

// An Audit says which decisions about who may do what with a collection are noted in
// the audit log of whoever serves callers. Refusals are noted in any case.
type Audit uint8

// The Audits.
const (
	AuditOff      Audit = iota // refusals alone
	AuditOn                    // all
	AuditRequired              // all, and nothing is done that could not be noted before
)

// String returns the name of a, as configurations have it.
func (a Audit) String() string { return [...]string{"off", "on", "required"}[a] }
