package core

import (
	"context"
	"encoding/json"
	"maps"
	"time"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/record"
)

// A Job is work that goes on after what asked for it was answered, and how far
// it came.
type Job struct {
	ID         string
	Kind       string // "import"
	Collection string
	State      string // one of the constants
	Created    time.Time
	Updated    time.Time // when its state, or how far it came, was stored last

	Read, Total int64 // octets of the source, decompressed if a caller sent it; a Total of -1 is not known
	Loaded      int64 // rows stored
	Rejected    int64 // rows left out
	ByCode      map[string]int64
	Rejects     []JobReject  // the first MaxJobRejects of the rows left out
	Err         *fault.Error // why it failed, else nil
}

// The states of a job.
const (
	JobQueued   = "queued"
	JobRunning  = "running"
	JobFinished = "finished" // all was looked at; rows may have been rejected
	JobFailed   = "failed"   // it broke off, and will not go on
)

// MaxJobRejects is how many of the rejected rows a job tells about one by one.
const MaxJobRejects = 100

// A JobReject is a row that an import left out, and why.
type JobReject struct {
	Line   int64  `json:"line"`   // the physical line where the row begins, from 1
	Column string `json:"column"` // the field that is wrong, or empty if it is the row as a whole
	Code   string `json:"code"`
	Reason string `json:"reason"` // one sentence
}

// Ended reports whether the job is finished or failed.
func (j Job) Ended() bool { return j.State == JobFinished || j.State == JobFailed }

// Job returns the job with the given id. To all but who asked for it, with rights that
// suffice to ask for it again, and the operator of the process, there is none:
// fault.NotFound with the code unknown-job.
func (a *API) Job(ctx context.Context, who policy.Principal, id string) (Job, error) {
	j, err := a.job(ctx, record.ID(id))
	if err != nil {
		return Job{}, err
	}
	if j == nil || !a.shows(j, who) {
		return Job{}, fault.New(fault.NotFound, "core.Job", "there is no such job").Coded("unknown-job").
			Hinting("jobs are seen only by who began them, and may still import into the collection")
	}
	return j.shown()
}

// ended is Job.Ended.
func (j *job) ended() bool { return j.state == JobFinished || j.state == JobFailed }

// shows reports whether who may know of the job. Of jobs that nobody in particular
// asked for the id is what proves it. One subject may have several credentials, of which
// not each may see what a job tells about its rows.
func (a *API) shows(j *job, who policy.Principal) bool {
	if who.Local || j.owner.Local {
		return who.Local
	}
	if who.Issuer != j.owner.Issuer || who.Subject != j.owner.Subject {
		return false
	}
	_, err := a.importGate(who, j.collection)
	return err == nil
}

// shown returns the job as callers see it.
func (j *job) shown() (Job, error) {
	shown := Job{
		ID: string(j.id), Kind: kindUpload, Collection: j.collection, State: j.state, Created: j.started, Updated: j.updated,
		Read: j.read, Total: j.total, Loaded: j.loaded, Rejected: j.rejectedRows(), ByCode: maps.Clone(j.rejected), Rejects: []JobReject{},
	}
	if j.code != "" {
		shown.Err = &fault.Error{Code: j.code, Detail: j.detail}
	}
	return shown, json.Unmarshal([]byte("["+j.sample+"]"), &shown.Rejects)
}
