package core

import (
	"context"
	"sync"
	"time"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/mail"
)

// Bounds of what is to be mailed.
const (
	outboxRoom    = 256              // jobs that wait; more are refused
	outboxWorkers = 2                // that send at once
	outboxTime    = 30 * time.Second // for one job
	outboxClosing = time.Second      // for all that wait when the process ends; who got no mail asks again
)

// An outbox does what mail is sent for behind the answers, so that how long an answer
// takes does not tell whether an address has an account.
type outbox struct {
	sender mail.Sender
	page   string
	unsent func(error)
	jobs   chan func(context.Context) error
	ctx    context.Context //nolint:containedctx // it is the life of the outbox, which ends with close, and no caller's
	stop   context.CancelFunc
	active sync.WaitGroup

	mu     sync.RWMutex
	closed bool
}

func newOutbox(sender mail.Sender, page string, unsent func(error)) *outbox {
	o := &outbox{sender: sender, page: page, unsent: unsent, jobs: make(chan func(context.Context) error, outboxRoom)}
	if o.unsent == nil {
		o.unsent = func(error) {}
	}
	o.ctx, o.stop = context.WithCancel(context.Background())
	for range outboxWorkers {
		o.active.Go(o.work)
	}
	return o
}

// do has the job done later. It returns fault.Unavailable if there is too much to do.
func (o *outbox) do(job func(context.Context) error) error {
	o.mu.RLock()
	defer o.mu.RUnlock()
	if !o.closed {
		select {
		case o.jobs <- job:
			return nil
		default:
		}
	}
	return fault.New(fault.Unavailable, "core.mail", "there is too much mail to be sent now").Coded("too-much-mail").
		Hinting("try again in a minute")
}

func (o *outbox) work() {
	for job := range o.jobs {
		ctx, cancel := context.WithTimeout(o.ctx, outboxTime)
		if err := job(ctx); err != nil {
			o.unsent(err)
		}
		cancel()
	}
}

// close waits for the jobs, and gives those up that take too long. A nil outbox has
// none.
func (o *outbox) close() {
	if o == nil {
		return
	}
	o.mu.Lock()
	if !o.closed {
		o.closed = true
		close(o.jobs)
	}
	o.mu.Unlock()
	timer := time.AfterFunc(outboxClosing, o.stop)
	defer timer.Stop()
	o.active.Wait()
	o.stop()
}

// send mails the text to the address, with the code and where to use it.
func (o *outbox) send(ctx context.Context, to, subject, text, code string) error {
	if code != "" {
		text += "\n" + code + "\n"
		if o.page != "" {
			text += "\n" + o.page + "#code=" + code + "\n" // behind the mark, which browsers send to nobody
		}
		text += "\nIt works once, for a day. If you did not ask for it, ignore this mail.\n"
	}
	return o.sender.Send(ctx, mail.Message{To: to, Subject: subject, Text: text})
}
