package httpapi

import (
	"net/http"
	"time"

	"github.com/portolan-io/portolan/core"
)

// job answers GET of a job with how far it is.
func (s *server) job(x *exchange) error {
	x.Header().Set("Cache-Control", noStore)
	job, err := s.api.Job(x.r.Context(), x.who, x.key)
	if err != nil {
		return err
	}
	if !job.Ended() {
		x.Header().Set("Retry-After", "1")
	}
	x.send(http.StatusOK, sentJSON, encodeJob(job))
	return nil
}

// A jobBody is a job as it is sent.
type jobBody struct {
	ID         string           `json:"id"`
	Kind       string           `json:"kind"`
	Collection string           `json:"collection"`
	State      string           `json:"state"`
	Created    time.Time        `json:"created"`
	Updated    time.Time        `json:"updated"`
	Octets     octetsBody       `json:"octets"`
	Rows       int64            `json:"rows"`
	Loaded     int64            `json:"loaded"`
	Rejected   int64            `json:"rejected"`
	ByCode     map[string]int64 `json:"rejectedByCode"`
	Rejects    []core.JobReject `json:"rejects"`
	Error      *jobError        `json:"error,omitempty"`
}

type octetsBody struct {
	Read  int64  `json:"read"`
	Total *int64 `json:"total,omitempty"` // nil if it is not known
}

type jobError struct {
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

func encodeJob(job core.Job) []byte {
	body := jobBody{
		ID: job.ID, Kind: job.Kind, Collection: job.Collection, State: job.State, Created: job.Created, Updated: job.Updated,
		Octets: octetsBody{Read: job.Read}, Rows: job.Loaded + job.Rejected, Loaded: job.Loaded, Rejected: job.Rejected,
		ByCode: job.ByCode, Rejects: job.Rejects,
	}
	if job.Total >= 0 {
		body.Octets.Total = &job.Total
	}
	if job.Err != nil {
		body.Error = &jobError{job.Err.Code, job.Err.Detail}
	}
	text, _ := plainJSON(body) // strings, numbers and times of this age always encode
	return text
}
