package ingest

import (
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/portolan-io/portolan/core/fault"
)

// A Source is where rows come from. It can be opened again and gives the same
// octets each time, for as long as nobody changes it.
type Source struct {
	Name   string // names it for good: an import is resumed by it
	Format Format
	Gzip   bool  // the octets are compressed
	Size   int64 // of the stored octets; -1 if unknown

	// Open returns the stored octets from their beginning. If what it returns is
	// an io.Seeker, an import of a source that is not compressed resumes without
	// reading what it has done.
	Open func(ctx context.Context) (io.ReadCloser, error)
}

// File returns the source that is the file at path. Without a format it is told
// by the name, as FormatOf does; with one, the name tells only whether the file
// is compressed. The source is named by the absolute path.
func File(path string, format ...Format) (Source, error) {
	f, gzipped, err := FormatOf(path)
	if len(format) > 0 && format[0] != "" {
		f, gzipped, err = format[0], filepath.Ext(path) == ".gz", nil
	}
	if err != nil {
		return Source{}, err
	}
	name, err := filepath.Abs(path)
	if err != nil {
		return Source{}, unreadable(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return Source{}, unreadable(err)
	}
	if !info.Mode().IsRegular() {
		return Source{}, fault.New(fault.Invalid, "ingest.File", "the source is not a regular file, which could be read again").
			Coded("source-unreadable")
	}
	open := func(context.Context) (io.ReadCloser, error) {
		file, err := os.Open(name)
		if err != nil {
			return nil, unreadable(err)
		}
		return file, nil
	}
	return Source{Name: name, Format: f, Gzip: gzipped, Size: info.Size(), Open: open}, nil
}

// unreadable says why a file cannot be read, without its path: the caller knows it.
func unreadable(err error) error {
	kind, why := fault.Unavailable, "the source cannot be read"
	switch {
	case errors.Is(err, fs.ErrNotExist):
		kind, why = fault.NotFound, "there is no such source"
	case errors.Is(err, fs.ErrPermission):
		kind, why = fault.Forbidden, "this process may not read the source"
	}
	return fault.New(kind, "ingest.File", "%s", why).Coded("source-unreadable").Because(err)
}

// Digest returns the SHA-256 of the stored octets of the source, in hex. It
// calls read, if that is not nil, with how many it has read so far, every now
// and then.
func (s Source) Digest(ctx context.Context, read func(octets int64)) (string, error) {
	stored, err := s.Open(ctx)
	if err != nil {
		return "", err
	}
	defer stored.Close()
	hash, buffer := sha256.New(), make([]byte, 1<<18)
	for total := int64(0); ; {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		n, err := stored.Read(buffer)
		hash.Write(buffer[:n])
		total += int64(n)
		if read != nil {
			read(total)
		}
		if err == io.EOF {
			return hex.EncodeToString(hash.Sum(nil)), nil
		}
		if err != nil {
			return "", interrupted(err)
		}
	}
}

// A stream is an opened source: what it holds when decompressed, and a count
// of the stored octets that were read for it.
type stream struct {
	plain    io.Reader
	stored   io.ReadCloser
	seekable io.Seeker // nil if what is ahead must be read to be passed over
	read     atomic.Int64
}

// open opens the source at its beginning.
func (s Source) open(ctx context.Context) (*stream, error) {
	stored, err := s.Open(ctx)
	if err != nil {
		return nil, err
	}
	st := &stream{stored: stored}
	st.plain = counted{st}
	if !s.Gzip {
		st.seekable, _ = stored.(io.Seeker)
		return st, nil
	}
	if st.plain, err = gzip.NewReader(counted{st}); err != nil {
		stored.Close()
		return nil, interrupted(err)
	}
	return st, nil
}

// skip passes over what is ahead.
func (st *stream) skip(ahead int64) error {
	if st.seekable != nil {
		_, err := st.seekable.Seek(ahead, io.SeekCurrent)
		st.read.Add(ahead)
		return interrupted(err)
	}
	_, err := io.CopyN(io.Discard, st.plain, ahead)
	return interrupted(err)
}

// counted reads the stored octets of a stream and counts them.
type counted struct{ *stream }

func (c counted) Read(p []byte) (int, error) {
	n, err := c.stored.Read(p)
	c.read.Add(int64(n))
	return n, err
}

// interrupted is the error of a source that broke off.
func interrupted(err error) error {
	switch {
	case err == nil, errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return fault.New(fault.Invalid, "ingest.Source", "the source is cut short or not what its name says").
			Coded("source-broken").Because(err)
	}
	return fault.New(fault.Unavailable, "ingest.Source", "the source cannot be read to its end").Coded("source-unreadable").Because(err)
}
