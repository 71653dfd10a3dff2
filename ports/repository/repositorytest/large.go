package repositorytest

import (
	"fmt"
	"strings"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/repository"
)

// aggregateLarge groups by long texts, and takes the greatest of them: as many as fit
// are the groups, one more is refused.
func aggregateLarge(t T, s repository.Store) {
	const long = 500_000
	fit := repository.MaxPageBytes / long
	var records []record.Record
	for i := range fit + 1 {
		text := fmt.Sprintf("%03d", i) + strings.Repeat("x", long-3)
		records = append(records, thing(fmt.Sprint(i), set{fieldInt: record.Int(int64(i)), fieldLong: record.String(text)}))
	}
	store(t, s, things(), records[:fit]...)
	for name, a := range map[string]query.Aggregation{
		"by long texts":      {Collection: things(), GroupBy: []int{fieldLong}, Limit: 100, Measures: []query.Measure{{Func: query.Count, As: "n"}}},
		"the greatest texts": {Collection: things(), GroupBy: []int{fieldInt}, Limit: 100, Measures: []query.Measure{{Func: query.Maximum, Field: fieldLong, As: "m"}}},
	} {
		apply(t, s, remove(things(), records[fit].ID, repository.Always))
		groups, err := s.Aggregate(t.Context(), a)
		if err != nil || len(groups) != fit {
			t.Errorf("Aggregate %s returned %d groups and the error %v, want %d", name, len(groups), err, fit)
		}
		apply(t, s, put(things(), records[fit]))
		_, err = s.Aggregate(t.Context(), a)
		if f := fault.Of(err); f == nil || f.Kind != fault.Refused || f.Code != "groups-too-large" {
			t.Errorf("Aggregate %s, of one more = %v, want %s with the code groups-too-large", name, err, fault.Refused)
		}
	}
}
