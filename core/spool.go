package core

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/record"
)

// A spool is a directory of files that hold what callers sent, each named after
// its job. Whoever receives or imports a file holds its lock, which ends with the
// process, so that several processes may share the directory: what is not locked
// was left behind.
type spool struct {
	own bool // the directory is for this process alone, and made when it is needed

	mu  sync.Mutex
	dir string // empty until it is made
}

// spoolPrefix begins the names of all files of a spool; others are never touched.
const spoolPrefix = "portolan-import-"

// openSpool makes the directory if it is not there. An empty name is a new one
// among the temporary files of the system, which is made with its first file.
func openSpool(dir string) (*spool, error) {
	if dir == "" {
		return &spool{own: true}, nil
	}
	dir, err := filepath.Abs(dir)
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err != nil {
		return nil, fault.New(fault.Unavailable, "core.openSpool", "the directory for imports cannot be made").
			Coded("spool-unusable").Hinting("name another with service.spool").Because(err)
	}
	return &spool{dir: dir}, nil
}

// ready makes the directory if it is still to be made.
func (s *spool) ready() (err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dir == "" {
		if s.dir, err = os.MkdirTemp("", "portolan-spool-"); err != nil {
			return unspooled(err)
		}
	}
	return nil
}

// folder returns the directory, empty if it is still to be made.
func (s *spool) folder() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dir
}

func (s *spool) path(id record.ID) string { return filepath.Join(s.folder(), spoolPrefix+string(id)) }

// create makes the file of a job, locked, for its owner alone: rows may be
// personal data.
func (s *spool) create(id record.ID) (*os.File, error) {
	if err := s.ready(); err != nil {
		return nil, err
	}
	for {
		file, err := os.OpenFile(s.path(id), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return nil, unspooled(err)
		}
		ok, err := lock(file)
		switch {
		case err != nil: // a file system without locks
			return nil, errors.Join(unspooled(err), discard(file))
		case ok && inPlace(file):
			return file, nil
		}
		_ = file.Close() // another process took it for left behind before it was locked, and removes it
		if err := os.Remove(s.path(id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, unspooled(err)
		}
	}
}

// inPlace reports whether the file is still what its name leads to.
func inPlace(file *os.File) bool {
	opened, err := file.Stat()
	if err != nil {
		return false
	}
	named, err := os.Stat(file.Name())
	return err == nil && os.SameFile(opened, named)
}

// take opens and locks the file of a job. It returns nil if another process has
// it, and fs.ErrNotExist if it is gone.
func (s *spool) take(id record.ID) (*os.File, error) {
	file, err := os.Open(s.path(id))
	if err != nil {
		return nil, err
	}
	ok, err := lock(file)
	if err == nil && ok {
		if inPlace(file) {
			return file, nil
		}
		err = fs.ErrNotExist // whoever had it has removed it meanwhile
	}
	return nil, errors.Join(err, file.Close())
}

// ids returns the jobs that there are files of.
func (s *spool) ids() ([]record.ID, error) {
	dir := s.folder()
	if dir == "" {
		return nil, nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, unspooled(err)
	}
	var ids []record.ID
	for _, entry := range entries {
		if id, ours := strings.CutPrefix(entry.Name(), spoolPrefix); ours && entry.Type().IsRegular() {
			ids = append(ids, record.ID(id))
		}
	}
	return ids, nil
}

// sync makes the names of the files durable, where the system can.
func (s *spool) sync() {
	if dir, err := os.Open(s.folder()); err == nil {
		_ = dir.Sync() // not every system syncs directories, and a lost file fails its job clearly
		_ = dir.Close()
	}
}

// close removes the directory if it was made for this process.
func (s *spool) close() error {
	dir := s.folder()
	if !s.own || dir == "" {
		return nil
	}
	return os.RemoveAll(dir)
}

// discard closes and removes a file of the spool.
func discard(file *os.File) error {
	err := os.Remove(file.Name())
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, file.Close())
}

func unspooled(cause error) error {
	return fault.New(fault.Unavailable, "core.spool", "what was sent cannot be kept until it is imported").
		Coded("spool-unusable").Because(cause)
}
