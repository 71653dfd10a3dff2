package sqlite

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// errMoved says that the path of the database no longer leads to its file. The
// engine would go on with the old one, which nobody finds again.
var errMoved = errors.New("the file of the database was moved or replaced")

// A file is that of a database, as it was found when it was opened.
type file struct {
	path string // absolute, so that it outlives a change of the directory
	info os.FileInfo
}

// look returns the file that is at the path.
func look(path string) (*file, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	return &file{path, info}, nil
}

// inPlace returns errMoved if another file is at the path, or none. A nil file
// is always in place.
func (f *file) inPlace() error {
	if f == nil {
		return nil
	}
	info, err := os.Stat(f.path)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", errMoved, err)
	case !os.SameFile(f.info, info):
		return errMoved
	}
	return nil
}

// existing returns the URI that opens the file without creating it
// (https://sqlite.org/uri.html).
func (f *file) existing() string {
	path := filepath.ToSlash(f.path)
	if !strings.HasPrefix(path, "/") { // C:/…
		path = "/" + path
	}
	uri := url.URL{Scheme: "file", Path: path, RawQuery: "mode=rw"}
	return uri.String()
}
