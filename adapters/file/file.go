// Package file takes secrets from files, one for each, as Kubernetes and Docker
// mount them. Start at [Open].
package file

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/secrets"
)

// MaxBytes is the most that a secret may have.
const MaxBytes = 1 << 20

// Config says where the files are.
type Config struct {
	Dir string `yaml:"dir"` // the directory; required
}

// A Source is a secrets.Source over the files of one directory. The file of a
// secret has the secret's name; links are followed, as mounted secrets need it.
type Source struct {
	dir string

	mu   sync.Mutex
	read map[string]entry
}

// An entry is a file as it was when it was read.
type entry struct {
	info  fs.FileInfo
	at    time.Time
	value string
}

// Open returns the source over the files of cfg.Dir, which must be a directory.
func Open(_ context.Context, cfg Config) (*Source, error) {
	if cfg.Dir == "" {
		return nil, fault.New(fault.Invalid, "file.Open", "dir is missing: it names the directory that holds the secrets")
	}
	info, err := os.Stat(cfg.Dir)
	switch {
	case err != nil:
		return nil, classify("file.Open", "the directory of secrets", err)
	case !info.IsDir():
		return nil, fault.New(fault.Invalid, "file.Open", "dir names a file, but must name the directory that holds the secrets")
	}
	return &Source{dir: cfg.Dir, read: map[string]entry{}}, nil
}

// Secret returns what the file holds, or the field of it that ref names. A directory
// keeps no versions.
func (s *Source) Secret(ctx context.Context, ref secrets.Ref) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	if err := ref.Unversioned("file.Secret", "file"); err != nil {
		return "", err
	}
	kept, err := s.look(ref.Name)
	if err != nil {
		return "", err
	}
	return ref.Of("file.Secret", kept)
}

// look returns what the file holds. It looks at the file each time, and reads it again
// if it is another one, or of another size or time than when it was read.
func (s *Source) look(name string) (string, error) {
	if !plain(name) {
		return "", fault.New(fault.Invalid, "file.Secret",
			"the name of a secret is the name of a file in one directory, which %.60q is not", name)
	}
	path := filepath.Join(s.dir, name)
	info, err := os.Stat(path)
	if err != nil {
		return "", classify("file.Secret", "the secret "+name, err)
	}
	if !info.Mode().IsRegular() {
		return "", fault.New(fault.NotFound, "file.Secret", "the secret %.60s is not a file", name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if known, ok := s.read[name]; ok && known.holds(info) {
		return known.value, nil
	}
	value, err := load(path)
	if err != nil {
		return "", classify("file.Secret", "the secret "+name, err)
	}
	s.read[name] = entry{info: info, at: time.Now(), value: value}
	return value, nil
}

// Close forgets what was read. The source may be used further, and reads again.
func (s *Source) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.read)
	return nil
}

// settled is how long a file must have been left alone when it was read for its
// time to tell of the next change: file systems count as coarsely as 2 s.
const settled = 3 * time.Second

// holds reports whether the file that info tells of is still what was read.
func (e entry) holds(info fs.FileInfo) bool {
	return os.SameFile(e.info, info) && e.info.Size() == info.Size() && e.info.Mode() == info.Mode() &&
		e.info.ModTime().Equal(info.ModTime()) && e.at.Sub(info.ModTime()) > settled
}

// load reads a file of a bounded size.
func load(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, MaxBytes+1))
	switch {
	case err != nil:
		return "", err
	case len(text) > MaxBytes:
		return "", fault.New(fault.TooLarge, "file.Secret", "the file of a secret has more than %d bytes", MaxBytes)
	}
	return string(text), nil
}

// plain reports whether name can name a file in a directory, and nothing else.
func plain(name string) bool {
	return name != "" && len(name) <= 255 && name != "." && !strings.Contains(name, "..") && !strings.ContainsAny(name, "/\\\x00:")
}

// classify gives an error of the file system its kind. A path is never told:
// it is the operator's.
func classify(op, what string, err error) error {
	var classified *fault.Error
	switch {
	case errors.As(err, &classified):
		return classified
	case errors.Is(err, fs.ErrNotExist):
		return fault.New(fault.NotFound, op, "%.80s does not exist", what).Because(err)
	case errors.Is(err, fs.ErrPermission):
		return fault.New(fault.Forbidden, op, "%.80s may not be read", what).Because(err)
	}
	return fault.New(fault.Unavailable, op, "%.80s cannot be read now", what).Because(err)
}
