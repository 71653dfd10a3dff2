package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/portolan-io/portolan/adapters/internal/gormstore"
	"github.com/portolan-io/portolan/core/fault"
)

// What the engine itself has to say.
var (
	errExhausted = errors.New("no connection became free within acquire_timeout")
	errDSN       = errors.New("dsn cannot be read")
	errEncoding  = errors.New("the encoding of the database is not UTF8")
	errRange     = errors.New("a number is too large for its column")

	errReplicaDSN = errors.New("replica_dsn cannot be read")
)

// A class is what an error code means.
type class struct {
	kind         fault.Kind
	code         string
	detail, hint string
}

const later = "repeat the request later"

// classes are the codes of PostgreSQL
// (https://www.postgresql.org/docs/current/errcodes-appendix.html).
var classes = map[string]class{
	"0A000": {fault.Unavailable, "table-changed", "a table was changed meanwhile", later},
	"26000": {fault.Unavailable, "statement-lost", "the connection lost a statement that was prepared", later},
	"22001": {fault.Invalid, "too-long", "a value is too long for its column", ""},
	"22003": {fault.Invalid, "out-of-range", "a number is too large for its column", ""},
	"22007": {fault.Invalid, "bad-value", "a value is none of its column's type", ""},
	"22008": {fault.Invalid, "bad-value", "a value is none of its column's type", ""},
	"22P02": {fault.Invalid, "bad-value", "a value is none of its column's type", ""},
	"22P05": {fault.Invalid, "bad-value", "a value is none of its column's type", ""},
	"22021": {fault.Invalid, "not-utf8", "a text is not UTF-8", ""},
	"23502": {fault.Invalid, "null-refused", "a column of the table must have a value", ""},
	"23503": {fault.Conflict, "referenced", "a foreign key of the table forbids it", ""},
	"23505": {fault.Conflict, "not-unique", "another record has the same value in a field whose values must differ", ""},
	"23514": {fault.Conflict, "constraint", "a constraint of the table forbids it", ""},
	"23P01": {fault.Conflict, "constraint", "a constraint of the table forbids it", ""},
	"25006": {fault.Unavailable, "read-only", "the database takes no writes at the moment", later},
	"28000": {fault.Unavailable, "login-refused", "the database does not let this user in", "look at the user and the password in dsn, and at pg_hba.conf"},
	"28P01": {fault.Unavailable, "login-refused", "the database refuses the password", "look at the user and the password in dsn"},
	"3D000": {fault.Unavailable, "no-database", "there is no such database", "create it, or name another one in dsn"},
	"40001": {fault.Unavailable, "overtaken", "other writes of the same records came between too often", later},
	"40P01": {fault.Unavailable, "overtaken", "other writes of the same records came between too often", later},
	"42501": {fault.Unavailable, "not-allowed", "the user of the database may not do that", "grant it the right to read and write the tables, to create in the schema, and to make temporary tables"},
	"42P01": {fault.Unavailable, "table-missing", "a table of the collections is gone", "restart the server, which makes it again"},
	"42703": {fault.Unavailable, "column-missing", "a column of the collections is gone", "restart the server, which adds it again"},
	"53100": {fault.Unavailable, "storage-full", "the disk of the database is full", later},
	"53200": {fault.Unavailable, "out-of-memory", "the database has too little memory", later},
	"53300": {fault.Unavailable, "connections-exhausted", "the database takes no more connections", "lower max_conns, or let the server take more"},
	"54000": {fault.TooLarge, "too-large", "a value is too large for an index of the database", ""},
	"55P03": {fault.Unavailable, "locked", "another write of the same record takes too long", later},
	"57014": {fault.Unavailable, "statement-timeout", "the statement took longer than statement_timeout", "ask for less, or declare an index for it"},
	"57P01": {fault.Unavailable, "stopping", "the database stops", later},
	"57P02": {fault.Unavailable, "stopping", "the database stops", later},
	"57P03": {fault.Unavailable, "starting", "the database does not take connections yet", later},
}

// classify returns the fault that an error of the driver is, by its code.
func classify(op string, err error) *fault.Error {
	failed := func(c class) *fault.Error {
		return &fault.Error{Kind: c.kind, Code: c.code, Detail: c.detail, Hint: c.hint, Op: op, Cause: err}
	}
	var refused *pgconn.PgError
	var unreached *pgconn.ConnectError
	var network net.Error
	switch {
	case errors.Is(err, gormstore.ErrAgain):
		return failed(classes["40001"])
	case errors.Is(err, errRange):
		return failed(classes["22003"])
	case errors.Is(err, errExhausted):
		return failed(class{fault.Unavailable, "connections-exhausted", "all connections to the database are at work", later})
	case errors.Is(err, errDSN):
		return failed(class{fault.Invalid, "bad-dsn", "dsn cannot be read", "write postgres://user@host:5432/database?sslmode=verify-full"})
	case errors.Is(err, errReplicaDSN):
		return failed(class{fault.Invalid, "bad-dsn", "replica_dsn cannot be read", "write postgres://user@host:5432/database?sslmode=verify-full"})
	case errors.Is(err, errEncoding):
		return failed(class{fault.Invalid, "bad-encoding", "the encoding of the database is not UTF8, and texts would be sorted otherwise", "create the database with ENCODING 'UTF8'"})
	case errors.As(err, &refused) && refused.Code == "22003" && op == "postgres.Aggregate":
		return failed(class{fault.Refused, "overflow", "a sum is too large for its type", "filter, or group more finely"})
	case errors.As(err, &refused):
		if c, known := classes[refused.Code]; known {
			return failed(c)
		}
		if refused.Code[:2] == "08" {
			return failed(class{fault.Unavailable, "unreachable", "the connection to the database broke", later})
		}
		return failed(class{fault.Internal, "internal", "the database refused a statement", ""})
	case errors.As(err, &unreached), errors.As(err, &network), errors.Is(err, context.DeadlineExceeded), pgconn.SafeToRetry(err):
		return failed(class{fault.Unavailable, "unreachable", "the database cannot be reached", later})
	case broken(err):
		return failed(class{fault.Unavailable, "unreachable", "the connection to the database broke", later})
	}
	return failed(class{fault.Internal, "internal", "the database could not be asked", ""})
}

// divided reports whether a statement divided by zero, which those of dialect's Ahead
// do if they do not find what they require.
func divided(err error) bool {
	var refused *pgconn.PgError
	return errors.As(err, &refused) && refused.Code == "22012"
}

// outdated reports whether what a connection has prepared no longer serves: a column
// has another type since, or something between dropped it.
func outdated(err error) bool {
	var refused *pgconn.PgError
	return errors.As(err, &refused) && (refused.Code == "0A000" || refused.Code == "26000")
}

// again reports whether a transaction may succeed if it is begun anew.
func again(err error) bool {
	var refused *pgconn.PgError
	return errors.Is(err, gormstore.ErrAgain) || outdated(err) ||
		errors.As(err, &refused) && (refused.Code == "40001" || refused.Code == "40P01")
}

// broken reports whether the connection ended in the middle of something.
func broken(err error) bool {
	for _, end := range []error{io.EOF, io.ErrUnexpectedEOF, pgconn.ErrConnClosed, driver.ErrBadConn, sql.ErrConnDone} {
		if errors.Is(err, end) {
			return true
		}
	}
	return false
}

// refusal reports whether the error says that a server, though it answers, will not do
// for a replica or its primary, whenever it is asked.
func refusal(err error) bool {
	for _, wrong := range []error{errReplicaDSN, errForeign, errDatabase, errUnknown, errMute, errEncoding} {
		if errors.Is(err, wrong) {
			return true
		}
	}
	var refused *pgconn.PgError
	return errors.As(err, &refused) && (refused.Code[:2] == "28" || refused.Code == "3D000" || refused.Code == "42501")
}

// unfit says why there can be no replica.
func unfit(err error) *fault.Error {
	failed := func(detail, hint string) *fault.Error {
		return fault.New(fault.Invalid, "postgres.Open", "%s", detail).Coded("bad-replica").Hinting("%s", hint).Because(err)
	}
	const name = "let replica_dsn name a streaming replica of the database in dsn, or leave it out"
	var refused *pgconn.PgError
	switch {
	case errors.Is(err, errReplicaDSN), errors.Is(err, errEncoding):
		return classify("postgres.Open", err)
	case errors.Is(err, errForeign):
		return failed("the server in replica_dsn belongs to another cluster than the one in dsn", name)
	case errors.Is(err, errDatabase):
		return failed("replica_dsn names another database than dsn", "name the same database in both")
	case errors.Is(err, errUnknown):
		return failed("the server in replica_dsn does not say whether it is a replica",
			"let replica_dsn name PostgreSQL 14 or later itself, and no pooler before it, or leave it out")
	case errors.Is(err, errMute):
		return failed("the server in replica_dsn does not say how far it is, as replicas do that have their storage in common with their primary",
			"leave replica_dsn out")
	case errors.As(err, &refused) && refused.Code == "42501":
		return failed("the user of the database may not ask how far primary and replica are",
			"grant it to execute pg_control_system, pg_control_init, pg_control_checkpoint and pg_control_recovery, or leave replica_dsn out")
	}
	return failed("the replica does not let this user in, or has no such database", "look at replica_dsn and password, or leave replica_dsn out")
}

// explain says of a database that cannot be opened where it was looked for. That is
// in no error that a caller sees later.
func explain(err error) *fault.Error {
	var known *fault.Error
	if errors.As(err, &known) {
		return known
	}
	failed := classify("postgres.Open", err)
	if failed.Code == "unreachable" {
		failed.Hint = "start the server, or let dsn name one that runs and may be reached from here"
	}
	var unreached *pgconn.ConnectError
	if errors.As(err, &unreached) {
		at := unreached.Config
		failed.Detail += ": " + net.JoinHostPort(at.Host, strconv.Itoa(int(at.Port))) + ", database " + at.Database + ", user " + at.User
	}
	return failed
}
