// Package audit keeps the lines of an audit log in a file. Start at [Open].
package audit

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"sync"

	"github.com/portolan-io/portolan/core/fault"
)

// Config is what a Log is made from.
type Config struct {
	// File is the path of the file, which is made if it is not there, and else added
	// to. Only its owner may read what is made. Required.
	File string

	// Lost is told of lines that nobody waited for and that could not be written, by
	// the goroutine that writes; nil is not.
	Lost func(lines int, err error)
}

// Bounds of a Log.
const (
	maxWaiting  = 1024 // lines that are not written yet
	maxTogether = 256  // lines that are made durable at once
)

// A Log adds lines to a file. Those that come while others are made durable are made so
// together, so that many who wait cost one fsync. It is safe for concurrent use.
type Log struct {
	path string
	lost func(int, error)
	open func(path string) (file, error)

	waiting chan line
	ended   chan struct{}

	mu     sync.RWMutex // held to send to waiting, so that nobody does when it is closed
	closed bool

	to file // nil until it is opened again; the writer's
}

// A file is what lines are written to; *os.File is one.
type file interface {
	io.Writer
	Stat() (os.FileInfo, error)
	Truncate(size int64) error
	Sync() error
	Close() error
}

// A line waits to be written.
type line struct {
	octets []byte
	kept   chan<- error // of one that somebody waits for, with room for one
}

// Open opens the file, and returns fault.Invalid if that cannot be.
func Open(cfg Config) (*Log, error) { return open(cfg, openFile) }

func open(cfg Config, opening func(string) (file, error)) (*Log, error) {
	l := &Log{
		path: cfg.File, lost: cfg.Lost, open: opening,
		waiting: make(chan line, maxWaiting), ended: make(chan struct{}),
	}
	if l.lost == nil {
		l.lost = func(int, error) {}
	}
	var err error
	if l.to, err = l.open(l.path); err != nil {
		return nil, fault.New(fault.Invalid, "audit.Open", "the audit log %s cannot be opened", l.path).
			Hinting("name a file in a directory that is there and that this process may write").Because(err)
	}
	go l.run()
	return l, nil
}

// openFile opens the file to add lines to it. A line that a crash cut off is ended, so
// that the next one stands by itself.
func openFile(path string) (file, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && info.Mode().IsRegular() && info.Size() > 0 {
		var last [1]byte
		if _, err = f.ReadAt(last[:], info.Size()-1); err == nil && last[0] != '\n' {
			_, err = f.Write([]byte{'\n'})
		}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Keep returns when the line is durable, which must end in a line end. It returns
// fault.Unavailable if it cannot be made so, or at once if too many wait already, and
// the context's error if that is done first; the line may be written then all the same.
func (l *Log) Keep(ctx context.Context, text []byte) error {
	kept := make(chan error, 1)
	if err := l.send(line{text, kept}); err != nil {
		return err
	}
	select {
	case err := <-kept:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Offer has the line written, and does not wait for it. It returns fault.Unavailable if
// too many wait already.
func (l *Log) Offer(text []byte) error { return l.send(line{octets: text}) }

func (l *Log) send(next line) error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.closed {
		return unavailable("is closed", nil)
	}
	select {
	case l.waiting <- next:
		return nil
	default:
		return unavailable("has too many lines to write", nil)
	}
}

func unavailable(why string, cause error) error {
	return fault.New(fault.Unavailable, "audit.Keep", "the audit log %s", why).Coded("audit-unavailable").Because(cause)
}

// Close writes what waits, and closes the file. Calling it again does nothing.
func (l *Log) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	l.closed = true
	close(l.waiting)
	l.mu.Unlock()
	<-l.ended
	if l.to == nil {
		return nil
	}
	return l.to.Close()
}

// run writes what comes until there is no more.
func (l *Log) run() {
	defer close(l.ended)
	for next := range l.waiting {
		together := []line{next}
		for len(together) < maxTogether && len(l.waiting) > 0 { // nobody else takes them
			together = append(together, <-l.waiting)
		}
		err := l.write(together)
		lost := 0
		for _, each := range together {
			switch {
			case each.kept != nil:
				each.kept <- err
			case err != nil:
				lost++
			}
		}
		if lost > 0 {
			l.lost(lost, err)
		}
	}
}

// write makes the lines durable, or none of them: what of them is in the file then is
// cut off, as far as that can be done.
func (l *Log) write(together []line) error {
	if err := l.ready(); err != nil {
		return unavailable("cannot be opened", err)
	}
	info, err := l.to.Stat()
	if err != nil {
		return l.broken(err)
	}
	text := make([][]byte, len(together))
	for i, each := range together {
		text[i] = each.octets
	}
	if _, err = l.to.Write(bytes.Join(text, nil)); err == nil {
		err = l.to.Sync()
	}
	if err != nil {
		_ = l.to.Truncate(info.Size()) // what stays was refused, and is there all the same
		return l.broken(err)
	}
	return nil
}

// ready opens the file if it is not open, or is not that of the path any more, because
// it was moved away.
func (l *Log) ready() (err error) {
	if l.to != nil {
		open, err := l.to.Stat()
		named, missing := os.Stat(l.path)
		if err == nil && missing == nil && os.SameFile(open, named) {
			return nil
		}
		_ = l.to.Close()
		l.to = nil
	}
	l.to, err = l.open(l.path)
	if err != nil {
		l.to = nil
	}
	return err
}

// broken closes the file, which is opened again for the next lines: after a failed fsync
// nobody knows what of it is durable.
func (l *Log) broken(cause error) error {
	_ = l.to.Close()
	l.to = nil
	return unavailable("cannot be written", cause)
}
