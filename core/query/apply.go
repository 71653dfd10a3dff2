package query

// ParseApply is in preparation.
func ParseApply(text string, names Names) (Aggregation, error) { return Aggregation{}, nil }
