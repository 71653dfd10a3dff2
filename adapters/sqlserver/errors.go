package sqlserver

import (
	"context"
	"crypto/tls"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	mssql "github.com/microsoft/go-mssqldb"

	"github.com/portolan-io/portolan/adapters/internal/gormstore"
	"github.com/portolan-io/portolan/core/fault"
)

// What the engine itself has to say.
var (
	errExhausted = errors.New("no connection became free within acquire_timeout")
	errDSN       = errors.New("dsn cannot be read")
	errSlow      = errors.New("a statement took longer than statement_timeout")
	errLevel     = errors.New("the compatibility level of the database is below 130")
	errUnseen    = errors.New("sys.databases has no row of the database")
	errCollation = errors.New("the server does not know the collation Latin1_General_100_BIN2_UTF8")
)

// unlocked is the number that migrating throws.
const unlocked = 51222

// keyTaken is the number of a primary key, and of a constraint UNIQUE, of which managed
// tables have none. That of an index is another.
const keyTaken = 2627

// A class is what an error number means.
type class struct {
	kind         fault.Kind
	code         string
	detail, hint string
}

const later = "repeat the request later"

// What several numbers mean.
var (
	tooLong    = class{fault.Invalid, "too-long", "a value is too long for its column", ""}
	outOfRange = class{fault.Invalid, "out-of-range", "a number is too large for its column", ""}
	badValue   = class{fault.Invalid, "bad-value", "a value is none of its column's type", ""}
	notUnique  = class{fault.Conflict, "not-unique", "another record has the same value in a field whose values must differ", ""}
	overtaken  = class{fault.Unavailable, "overtaken", "other writes of the same records came between too often", later}
	refused    = class{fault.Unavailable, "login-refused", "the database does not let this user in", "look at the user and the password in dsn, or at the identity that fedauth names"}
	missing    = class{fault.Unavailable, "no-database", "there is no such database, or the user may not open it", "create it, or name another one in dsn"}
	notAllowed = class{fault.Unavailable, "not-allowed", "the user of the database may not do that", "grant it the right to read and write the tables, and to create tables and schemas"}
	full       = class{fault.Unavailable, "storage-full", "the database has no room left", later}
	moved      = class{fault.Unavailable, "moving", "the database is being moved, or has too much to do", later}
	changed    = class{fault.Unavailable, "table-changed", "a table was changed meanwhile", later}
	unreached  = class{fault.Unavailable, "unreachable", "the database cannot be reached", later}
)

// classes are the numbers of the server
// (https://learn.microsoft.com/sql/relational-databases/errors-events/database-engine-events-and-errors).
var classes = map[int32]class{
	245: badValue, 241: badValue, 242: badValue, 8114: badValue, 8169: badValue, 13609: badValue,
	2628: tooLong, 8152: tooLong, 220: outOfRange, 248: outOfRange, 8115: outOfRange,
	515:  {fault.Invalid, "null-refused", "a column of the table must have a value", ""},
	547:  {fault.Conflict, "referenced", "a foreign key or a constraint of the table forbids it", ""},
	2601: notUnique, keyTaken: notUnique,
	1946: {fault.TooLarge, "too-large", "a value is too large for an index of the database", ""},
	511:  {fault.TooLarge, "too-large", "a record is too large for a row of the table", ""},
	1205: overtaken, 3960: overtaken,
	3961: changed, 1216: changed,
	1222: {fault.Unavailable, "locked", "another write of the same record takes too long", later},
	4060: missing, 911: missing,
	18456: refused, 18452: refused, 18470: refused, 18486: refused, 18487: refused, 18488: refused, 40532: refused, 33134: refused,
	229: notAllowed, 230: notAllowed, 262: notAllowed, 297: notAllowed, 300: notAllowed, 1088: notAllowed, 2760: notAllowed,
	208:  {fault.Unavailable, "table-missing", "a table of the collections is gone", "restart the server, which makes it again"},
	207:  {fault.Unavailable, "column-missing", "a column of the collections is gone", "restart the server, which adds it again"},
	1101: full, 1105: full, 9002: full, 40544: full,
	701:  {fault.Unavailable, "out-of-memory", "the database has too little memory", later},
	3906: {fault.Unavailable, "read-only", "the database takes no writes at the moment", later},
	3952: {fault.Unavailable, "no-snapshots", "the database no longer allows snapshot isolation", "restart the server, which then reads otherwise"},
	8003: {fault.Refused, "too-many-values", "the filter has more values than a statement of this database takes", "filter by fewer values at a time"},
	6005: {fault.Unavailable, "stopping", "the database stops", later},
	40615: {fault.Unavailable, "address-refused", "the firewall of the database refuses this address",
		"let the firewall of the server accept it"},
	unlocked: {fault.Unavailable, "migrating", "another process has been changing the tables for too long", later},
}

// transient are the numbers of which Azure says that repeating helps
// (https://learn.microsoft.com/azure/azure-sql/database/troubleshoot-common-errors-issues).
var transient = map[int32]bool{
	4221: true, 10928: true, 10929: true, 40143: true, 40166: true, 40197: true, 40501: true, 40540: true, 40613: true,
	42108: true, 42109: true, 49918: true, 49919: true, 49920: true,
}

// number returns that of the server's error, or 0. Of several it is the first that is
// known: the last may only say that something failed, as that of a login does behind
// the one of the database.
func number(err error) int32 {
	var failed mssql.Error
	if !errors.As(err, &failed) {
		return 0
	}
	for _, each := range failed.All {
		if _, known := classes[each.Number]; known || transient[each.Number] {
			return each.Number
		}
	}
	return failed.Number
}

// moving reports whether an error is one of a database that is being moved. While that
// is under way it cannot be opened either.
func moving(err error) bool { return transient[number(err)] || number(err) == 4060 }

// taken reports whether the value of a key was.
func taken(err error) bool { return number(err) == keyTaken || number(err) == 2601 }

// classify returns the fault that an error of the driver is, by its number.
func classify(op string, err error) *fault.Error {
	failed := func(c class) *fault.Error {
		return &fault.Error{Kind: c.kind, Code: c.code, Detail: c.detail, Hint: c.hint, Op: op, Cause: err}
	}
	n := number(err)
	known, found := classes[n]
	var network net.Error
	var identity *azidentity.AuthenticationFailedError
	var uncertain *tls.CertificateVerificationError
	var connecting *connectError
	switch {
	case errors.Is(err, gormstore.ErrAgain) && n == 0:
		return failed(overtaken)
	case errors.Is(err, errExhausted):
		return failed(class{fault.Unavailable, "connections-exhausted", "all connections to the database are at work", later})
	case errors.Is(err, errSlow):
		return failed(class{fault.Unavailable, "statement-timeout", "the statement took longer than statement_timeout", "ask for less, or declare an index for it"})
	case errors.Is(err, errDSN):
		return failed(class{fault.Invalid, "bad-dsn", "dsn cannot be read", "write sqlserver://user@host:1433?database=name"})
	case errors.Is(err, errLevel):
		return failed(class{fault.Invalid, "old-database", "the compatibility level of the database is below 130", "ALTER DATABASE … SET COMPATIBILITY_LEVEL = 130, or more"})
	case errors.Is(err, errUnseen):
		return failed(class{fault.Unavailable, "database-unseen", "sys.databases does not show the database to this user", "grant the user VIEW ANY DATABASE"})
	case errors.Is(err, errCollation):
		return failed(class{fault.Invalid, "no-utf8", "the server has no collations of UTF-8, which come with 2019", "set nvarchar: true"})
	case n == 8115 && op == "sqlserver.Aggregate":
		return failed(class{fault.Refused, "overflow", "a sum is too large for its type", "filter, or group more finely"})
	case found:
		return failed(known)
	case transient[n]:
		return failed(moved)
	case unreadable(err):
		return failed(class{fault.Unavailable, "certificate-refused", "the certificate of the server cannot be read",
			"give the server a certificate of its own: one that it made for itself may have a negative serial number, which no TrustServerCertificate helps against"})
	case errors.As(err, &uncertain), untrusted(err):
		return failed(class{fault.Unavailable, "certificate-refused", "the certificate of the server cannot be trusted", "name its authority with certificate= in dsn, or the server as the certificate does"})
	case errors.As(err, &identity):
		return failed(refused)
	case n != 0:
		return failed(class{fault.Internal, "internal", "the database refused a statement", ""})
	case errors.As(err, &network), errors.As(err, &connecting), errors.Is(err, context.DeadlineExceeded):
		return failed(unreached)
	case broken(err):
		return failed(class{fault.Unavailable, "unreachable", "the connection to the database broke", later})
	}
	return failed(class{fault.Internal, "internal", "the database could not be asked", ""})
}

// handshake reports whether TLS is why there is no connection, and said what holds the
// text: the driver keeps nothing else of it, and Go gives a certificate that cannot be
// read no type.
func handshake(err error, holds string) bool {
	var connecting *connectError
	return errors.As(err, &connecting) && strings.Contains(err.Error(), "TLS Handshake failed: ") && strings.Contains(err.Error(), holds)
}

func unreadable(err error) bool { return handshake(err, "tls: failed to parse certificate") }
func untrusted(err error) bool  { return handshake(err, "certificate") }

// broken reports whether the connection ended in the middle of something.
func broken(err error) bool {
	for _, end := range []error{io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, driver.ErrBadConn, sql.ErrConnDone} {
		if errors.Is(err, end) {
			return true
		}
	}
	var stream mssql.StreamError
	var severed mssql.ServerError
	var network *net.OpError
	return errors.As(err, &stream) || errors.As(err, &severed) || errors.As(err, &network)
}

// explain says of a database that cannot be opened where it was looked for. That is in
// no error that a caller sees later.
func explain(err error, c *connector) *fault.Error {
	var secret *fault.Error // is why there is no DSN or no password
	if errors.As(err, &secret) {
		return secret
	}
	failed := classify("sqlserver.Open", err)
	if failed.Code == "unreachable" {
		failed.Hint = "start the server, or let dsn name one that runs and may be reached from here"
	}
	if at := c.where(); at.Host != "" && failed.Kind == fault.Unavailable {
		failed.Detail += ": " + at.Host
		if at.Port != 0 {
			failed.Detail += ":" + strconv.FormatUint(at.Port, 10)
		}
		failed.Detail += ", database " + at.Database
		if at.User != "" {
			failed.Detail += ", user " + at.User
		}
	}
	return failed
}
