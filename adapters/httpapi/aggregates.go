package httpapi

import "github.com/portolan-io/portolan/core"

// aggregate answers $aggregate with the groups that $apply asks for, which are all
// on one page.
func (s *server) aggregate(x *exchange) error {
	apply, _ := x.query.get("$apply")
	page, err := s.api.Aggregate(x.r.Context(), x.who, x.collection, core.AggregateRequest{
		Apply: apply, Format: x.as.format, Directives: directivesOf(x.r.Header),
	})
	if err != nil {
		return err
	}
	return x.sendPage(page)
}
