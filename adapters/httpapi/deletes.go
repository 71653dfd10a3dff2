package httpapi

import (
	"net/http"
	"strconv"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
)

// remove answers DELETE of a record.
func (s *server) remove(x *exchange) error {
	cond, err := conditionOf(x.r)
	if err != nil {
		return err
	}
	return x.write(x.how(cond), nil, func(how core.How) (core.Written, error) {
		return core.Written{}, s.api.Delete(x.r.Context(), x.who, x.collection, x.key, how)
	}, func(core.Written) reply { return reply{status: http.StatusNoContent, applied: x.applied()} })
}

// deleteMany answers $delete with the number of records that it removed.
func (s *server) deleteMany(x *exchange) error {
	mediaType, body, err := s.body(x, policy.Delete, typeJSON)
	if err != nil {
		return err
	}
	req, err := parseQueryBody(body, deleteMembers)
	if err != nil {
		return err
	}
	if req.Filter == "" && req.IDs == nil {
		return fault.New(fault.Invalid, "httpapi.deleteMany", "the body says neither by filter nor by ids what to delete").
			Coded("nothing-named").Hinting("to delete everything, name a filter that matches everything")
	}
	most := core.MaxDelete
	if x.prefer.maxAffected >= 0 {
		most = x.prefer.maxAffected
	}
	once, err := x.once(mediaType, body)
	if err != nil {
		return err
	}
	return x.write(x.how(core.Condition{}), once, func(how core.How) (core.Written, error) {
		return s.api.DeleteMany(x.r.Context(), x.who, x.collection, req, most, how)
	}, func(w core.Written) reply {
		deleted := append(strconv.AppendInt([]byte(`{"deleted":`), int64(w.Deleted), 10), '}')
		return reply{status: http.StatusOK, applied: x.applied(), mediaType: sentJSON, body: [][]byte{deleted}}
	})
}
