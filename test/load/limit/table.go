//go:build linux

package main

import (
	"fmt"

	"github.com/ncruces/go-sqlite3"

	"github.com/portolan-io/portolan/core/record"
)

// The table as Portolan makes it of the same fields, but for its revisions.
const createTable = `
	PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
	CREATE TABLE products (
		asin TEXT NOT NULL PRIMARY KEY, title TEXT, imgUrl TEXT, productURL TEXT, stars REAL, reviews INTEGER,
		price INTEGER, listPrice INTEGER, category_id INTEGER, isBestSeller INTEGER, boughtInLastMonth INTEGER,
		seller TEXT, cost INTEGER
	) STRICT;
	CREATE INDEX products_stars ON products (category_id, stars DESC, asin DESC);
	CREATE INDEX products_category ON products (category_id, asin);`

const (
	columns   = "asin, title, imgUrl, productURL, stars, reviews, price, listPrice, category_id, isBestSeller, boughtInLastMonth, seller, cost"
	getOne    = "SELECT " + columns + " FROM products WHERE asin = ?"
	listPage  = "SELECT " + columns + " FROM products WHERE category_id = ? AND price >= ? ORDER BY stars DESC, asin DESC LIMIT 20"
	insertOne = "INSERT INTO products (" + columns + ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)

// connect opens a connection as Portolan's are set up.
func connect(path string) (*sqlite3.Conn, error) {
	conn, err := sqlite3.Open(path)
	if err != nil {
		return nil, err
	}
	return conn, conn.Exec("PRAGMA busy_timeout = 5000; PRAGMA cache_size = -16384; PRAGMA temp_store = MEMORY; PRAGMA wal_autocheckpoint = 16000; PRAGMA synchronous = FULL")
}

// prepare prepares a statement that is kept.
func prepare(conn *sqlite3.Conn, text string) (*sqlite3.Stmt, error) {
	stmt, _, err := conn.PrepareFlags(text, sqlite3.PREPARE_PERSISTENT)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", text, err)
	}
	return stmt, nil
}

// appendRecord writes the row on which the statement stands as JSON.
func appendRecord(dst []byte, stmt *sqlite3.Stmt) []byte {
	dst = text(append(dst, `{"asin":`...), stmt, 0)
	dst = text(append(dst, `,"title":`...), stmt, 1)
	dst = text(append(dst, `,"imgUrl":`...), stmt, 2)
	dst = text(append(dst, `,"productURL":`...), stmt, 3)
	dst = append(dst, `,"stars":`...)
	if stmt.ColumnType(4) == sqlite3.NULL {
		dst = append(dst, "null"...)
	} else {
		dst = record.AppendFloat(dst, stmt.ColumnFloat(4))
	}
	dst = number(append(dst, `,"reviews":`...), stmt, 5, 0)
	dst = number(append(dst, `,"price":`...), stmt, 6, 2)
	dst = number(append(dst, `,"listPrice":`...), stmt, 7, 2)
	dst = number(append(dst, `,"category_id":`...), stmt, 8, 0)
	dst = append(dst, `,"isBestSeller":`...)
	switch {
	case stmt.ColumnType(9) == sqlite3.NULL:
		dst = append(dst, "null"...)
	case stmt.ColumnInt64(9) != 0:
		dst = append(dst, "true"...)
	default:
		dst = append(dst, "false"...)
	}
	dst = number(append(dst, `,"boughtInLastMonth":`...), stmt, 10, 0)
	dst = text(append(dst, `,"seller":`...), stmt, 11)
	dst = number(append(dst, `,"cost":`...), stmt, 12, 2)
	return append(dst, '}')
}

func text(dst []byte, stmt *sqlite3.Stmt, column int) []byte {
	if stmt.ColumnType(column) == sqlite3.NULL {
		return append(dst, "null"...)
	}
	return record.AppendString(dst, stmt.ColumnRawText(column))
}

func number(dst []byte, stmt *sqlite3.Stmt, column, scale int) []byte {
	if stmt.ColumnType(column) == sqlite3.NULL {
		return append(dst, "null"...)
	}
	return record.AppendDecimal(dst, stmt.ColumnInt64(column), scale)
}
