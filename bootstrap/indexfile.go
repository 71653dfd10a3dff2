package bootstrap

import (
	"os"

	"github.com/portolan-io/portolan/configs"
	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/schema"
)

// indexFile is what the file of indexes is called that init writes.
const indexFile = "index.yaml"

// An indexFiler is the settings of a driver whose store has to be given its indexes by
// other means. IndexFile returns the file for that, which follows from the collections
// and the settings alone: it is asked before there is a store.
type indexFiler interface {
	IndexFile(collections []*schema.Collection) []byte
}

// indexes returns the file of the indexes that the repository has to be given, which
// is not opened. It is false if the repository makes them itself.
func (s *settings) indexes() (text []byte, ok bool, err error) {
	filer, ok := s.repository.settings.Addr().Interface().(indexFiler)
	if !ok {
		return nil, false, nil
	}
	collections, err := s.collections()
	if err != nil {
		return nil, true, err
	}
	return filer.IndexFile(core.Schemas(collections)), true, nil
}

// shippedIndexes returns that file of a configuration that is part of the program. What
// the environment says does not matter to it.
func shippedIndexes(name string, drivers []Driver) (text []byte, ok bool, err error) {
	text, err = configs.Files.ReadFile(name)
	if err != nil {
		return nil, false, err
	}
	nothing := func(string) (string, bool) { return "", false }
	doc, err := parseDocument(name, text, nothing, "")
	if err != nil {
		return nil, false, err
	}
	s, err := doc.read(drivers, nothing, nil)
	if err != nil {
		return nil, false, err
	}
	return s.indexes()
}

// writeIndexFile writes that file, over one that is there.
func (s *settings) writeIndexFile(path string) error {
	text, ok, err := s.indexes()
	if err != nil {
		return err
	}
	if !ok {
		return fault.New(fault.Invalid, "bootstrap.validate", "the driver %s makes its indexes itself, so there is no file of them", s.repository.name).
			Coded("no-index-file").Hinting("leave --indexes out")
	}
	if err := os.WriteFile(path, text, 0o644); err != nil {
		return fault.New(fault.Unavailable, "bootstrap.validate", "the file %s cannot be written", path).
			Coded("file-unwritable").Hinting("name one in a directory that is there and may be written to").Because(err)
	}
	return nil
}
