package sqlite

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/ncruces/go-sqlite3"

	"github.com/portolan-io/portolan/core/fault"
)

// A class is what an error means to the caller.
type class struct {
	kind               fault.Kind
	code, detail, hint string
}

// extended are the result codes that say more than the primary one
// (https://sqlite.org/rescode.html).
var extended = map[sqlite3.ExtendedErrorCode]class{
	sqlite3.CONSTRAINT_PRIMARYKEY: {fault.Exists, "already-exists", "there is a record with this id already", ""},
	sqlite3.CONSTRAINT_ROWID:      {fault.Exists, "already-exists", "there is a record with this id already", ""},
	sqlite3.CONSTRAINT_UNIQUE:     {fault.Conflict, "not-unique", "a value that the table keeps unique is taken", ""},
	sqlite3.CONSTRAINT_NOTNULL:    {fault.Conflict, "constraint", "the table requires a value that is missing", ""},
	sqlite3.IOERR_WRITE:           {fault.Unavailable, "storage-failed", "the disk of the database takes no more", "it is full, a quota or limit is reached, or it is broken; nothing of this write was stored"},
	sqlite3.CONSTRAINT_FOREIGNKEY: {fault.Conflict, "constraint", "the table refers to what does not exist", ""},
}

// primary are the result codes by their first octet.
var primary = map[sqlite3.ErrorCode]class{
	sqlite3.FULL:       {fault.Unavailable, "storage-full", "the database has no room left", "make room on its disk; nothing of this write was stored"},
	sqlite3.IOERR:      {fault.Unavailable, "storage-failed", "the disk of the database fails", "the log has the cause; the disk may be full or broken"},
	sqlite3.BUSY:       {fault.Unavailable, "busy", "another process kept the database locked for too long", "repeat the request"},
	sqlite3.LOCKED:     {fault.Unavailable, "busy", "another process kept the database locked for too long", "repeat the request"},
	sqlite3.PROTOCOL:   {fault.Unavailable, "busy", "another process kept the database locked for too long", "repeat the request"},
	sqlite3.CANTOPEN:   {fault.Unavailable, "cannot-open", "the database cannot be opened", "its directory must exist, and both be writable"},
	sqlite3.READONLY:   {fault.Unavailable, "read-only", "the database cannot be written", "its file and directory must be writable"},
	sqlite3.PERM:       {fault.Unavailable, "cannot-open", "the database cannot be opened", "its directory must exist, and both be writable"},
	sqlite3.NOTADB:     {fault.Unavailable, "not-a-database", "the file is no SQLite database", "path must name a database, or a file that does not exist yet"},
	sqlite3.CORRUPT:    {fault.Unavailable, "corrupt", "the database is damaged", "restore it from a copy"},
	sqlite3.NOMEM:      {fault.Unavailable, "out-of-memory", "the database has no memory left", ""},
	sqlite3.INTERRUPT:  {fault.Unavailable, "interrupted", "the statement was interrupted", ""},
	sqlite3.TOOBIG:     {fault.TooLarge, "too-large", "a value is too large for the database", ""},
	sqlite3.CONSTRAINT: {fault.Conflict, "constraint", "a constraint of the table forbids it", ""},
}

// errExhausted says that no connection became free in time.
var errExhausted = errors.New("no connection became free within acquire_timeout")

// classify returns the fault that an error of the driver is, by its result code.
func classify(op string, err error) *fault.Error {
	var failed *sqlite3.Error
	var more sqlite3.ExtendedErrorCode
	var code sqlite3.ErrorCode
	switch {
	case errors.Is(err, errExhausted):
		return fault.New(fault.Unavailable, op, "all connections to the database are at work").
			Coded("connections-exhausted").Hinting("repeat the request later").Because(err)
	case errors.Is(err, errMoved):
		return fault.New(fault.Unavailable, op, "the file of the database was moved or replaced").
			Coded("file-moved").Hinting("restart the server").Because(err)
	case errors.As(err, &failed):
		more, code = failed.ExtendedCode(), failed.Code()
	case errors.As(err, &more):
		code = more.Code()
	case errors.As(err, &code):
	}
	if code == sqlite3.NOMEM && op == "sqlite.Aggregate" { // which would not succeed later either
		return fault.New(fault.Refused, op, "to group these takes more memory than the database has").
			Coded("groups-too-large").Hinting("group by shorter fields, or filter").Because(err)
	}
	means, known := extended[more]
	if !known {
		means, known = primary[code]
	}
	if !known {
		means = class{fault.Internal, "internal", "the database refused a statement", ""}
	}
	return &fault.Error{Kind: means.kind, Code: means.code, Detail: means.detail, Hint: means.hint, Op: op, Cause: err}
}

// explain says of a database that cannot be opened or written what of its path
// is in the way, which SQLite does not.
func explain(path string, failed *fault.Error) *fault.Error {
	if failed.Code != "cannot-open" && failed.Code != "read-only" {
		return failed
	}
	directory := filepath.Dir(path)
	at, err := os.Stat(directory)
	file, none := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		failed.Detail = fmt.Sprintf("the directory %s of the database does not exist", directory)
		return failed.Hinting("create the directory, or let path name a file in one that exists")
	case err == nil && !at.IsDir():
		failed.Detail = fmt.Sprintf("%s is no directory, and the database cannot be in it", directory)
		return failed.Hinting("let path name a file in a directory that exists")
	case none == nil && file.IsDir():
		failed.Detail = fmt.Sprintf("%s is a directory, and the database is to be a file", path)
		return failed.Hinting("let path name a file in it")
	case err == nil && !writable(directory):
		failed.Detail = fmt.Sprintf("the directory %s of the database is not writable", directory)
		return failed.Hinting("allow this program's user to write to the directory: SQLite keeps files beside the database")
	}
	failed.Detail = fmt.Sprintf("the database %s cannot be opened to be written", path)
	return failed.Hinting("allow this program's user to read and write the file, and those beside it")
}

// writable reports whether a file can be made in the directory.
func writable(directory string) bool {
	probe, err := os.CreateTemp(directory, ".portolan-*")
	if err != nil {
		return false
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name())) == nil
}
