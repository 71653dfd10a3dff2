package core

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/record"
)

// A spool is a directory of files that hold what callers sent, each named after
// its job. Whoever receives or imports a file holds its lock, which ends with the
// process, so that several processes may share the directory: what is not locked
// was left behind.
type spool struct {
	dir string
	own bool // the directory was made for this process alone
}

// spoolPrefix begins the names of all files of a spool; others are never touched.
const spoolPrefix = "portolan-import-"

// openSpool makes the directory if it is not there. An empty name is a new one
// among the temporary files of the system.
func openSpool(dir string) (spool, error) {
	var err error
	s := spool{own: dir == ""}
	if s.own {
		s.dir, err = os.MkdirTemp("", "portolan-spool-")
	} else if s.dir, err = filepath.Abs(dir); err == nil {
		err = os.MkdirAll(s.dir, 0o700)
	}
	if err != nil {
		return spool{}, fault.New(fault.Unavailable, "core.openSpool", "the directory for imports cannot be made").
			Coded("spool-unusable").Hinting("name another with service.spool").Because(err)
	}
	return s, nil
}

func (s spool) path(id record.ID) string { return filepath.Join(s.dir, spoolPrefix+string(id)) }

// create makes the file of a job, locked, for its owner alone: rows may be
// personal data.
func (s spool) create(id record.ID) (*os.File, error) {
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
func (s spool) take(id record.ID) (*os.File, error) {
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
func (s spool) ids() ([]record.ID, error) {
	entries, err := os.ReadDir(s.dir)
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
func (s spool) sync() {
	if dir, err := os.Open(s.dir); err == nil {
		_ = dir.Sync() // not every system syncs directories, and a lost file fails its job clearly
		_ = dir.Close()
	}
}

// close removes the directory if it was made for this process.
func (s spool) close() error {
	if s.own {
		return os.RemoveAll(s.dir)
	}
	return nil
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
