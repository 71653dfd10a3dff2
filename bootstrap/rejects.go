package bootstrap

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/portolan-io/portolan/core/fault"
)

// A rejectsFile is where rejected rows go.
type rejectsFile struct {
	file *os.File // nil if they are only counted
	path string
	made bool // by this run, rather than found
}

// openRejects opens the file for rejected rows, as it is: the import empties it
// once it is known to begin. A file that is the source, or holds anything but
// rejected rows, is refused. A new one is for its owner alone, because rows may
// be personal data.
func openRejects(source string, o importOptions) (rejectsFile, error) {
	path := o.rejects
	if path == "none" || path == "" && o.dryRun {
		return rejectsFile{}, nil
	}
	if path == "" {
		path = filepath.Base(source) + ".rejects.ndjson"
	}
	if err := ours(path); err != nil {
		return rejectsFile{}, err
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	made := err == nil
	if errors.Is(err, fs.ErrExist) {
		file, err = os.OpenFile(path, os.O_RDWR, 0)
	}
	if err != nil {
		return rejectsFile{}, fault.New(fault.Unavailable, "bootstrap.openRejects", "the rejects file %s cannot be opened", path).Because(err)
	}
	if err := takesRejects(file, path, source); err != nil {
		return rejectsFile{}, errors.Join(err, file.Close())
	}
	return rejectsFile{file, path, made}, nil
}

// ours refuses a path that a database may make or take for a part of itself, as
// it does with files that it finds beside its own.
func ours(path string) error {
	for _, end := range []string{"-wal", "-shm", "-journal", ".db", ".sqlite", ".sqlite3"} {
		if strings.HasSuffix(strings.ToLower(path), end) {
			return fault.New(fault.Refused, "bootstrap.ours", "%s has the name of a database's file, which would be lost", path).
				Coded("not-ours").Hinting("name another file")
		}
	}
	return nil
}

// rejectsBegin is how a rejects file begins, as ingest.Reject writes it.
var rejectsBegin = regexp.MustCompile(`^\{"line":[0-9]+,"column":"`)

// takesRejects returns an error if writing rejected rows to the file would
// destroy something else.
func takesRejects(file *os.File, path, source string) error {
	info, err := file.Stat()
	if err != nil {
		return fault.New(fault.Unavailable, "bootstrap.openRejects", "the rejects file %s cannot be read", path).Because(err)
	}
	refuse := func(why string) error {
		return fault.New(fault.Refused, "bootstrap.openRejects", "the rejects file %s %s", path, why).
			Coded("rejects-not-ours").Hinting("name another with --rejects, or none")
	}
	from, err := os.Stat(source)
	switch {
	case err != nil:
		return fault.New(fault.Unavailable, "bootstrap.openRejects", "the source cannot be looked at again").Because(err)
	case os.SameFile(info, from):
		return refuse("is the source itself, which would be lost")
	case !info.Mode().IsRegular():
		return refuse("is not a regular file")
	case info.Size() == 0:
		return nil
	}
	head := make([]byte, 100)
	n, err := file.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return fault.New(fault.Unavailable, "bootstrap.openRejects", "the rejects file %s cannot be read", path).Because(err)
	}
	if !rejectsBegin.Match(head[:n]) {
		return refuse("holds something other than rejected rows, which would be lost")
	}
	return nil
}

// close closes the file. If there is nothing in it, it is no longer named, and
// removed if this run made it.
func (r *rejectsFile) close() error {
	if r.file == nil {
		return nil
	}
	info, err := r.file.Stat()
	err = errors.Join(err, r.file.Close())
	if err != nil || info.Size() > 0 {
		return err
	}
	if r.made {
		err = os.Remove(r.path)
	}
	r.path = ""
	return err
}
