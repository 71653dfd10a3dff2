//go:build linux

package main

import (
	"encoding/csv"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/ncruces/go-sqlite3"
)

// perTransaction is how many rows are committed at once.
const perTransaction = 10_000

// load makes the table and loads the file into it: one prepared INSERT, a
// transaction for every 10,000 rows, and no check of anything.
func load(db, path string) (err error) {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	conn, err := connect(db)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if err := conn.Exec(createTable); err != nil {
		return err
	}
	insert, err := prepare(conn, insertOne)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(insert.Close(), err) }()
	rows := csv.NewReader(file)
	rows.ReuseRecord = true
	if _, err := rows.Read(); err != nil { // the names, which are known
		return err
	}
	for more := true; more; {
		if more, err = loadSome(conn, insert, rows); err != nil {
			return err
		}
	}
	return nil
}

// loadSome loads the rows of one transaction, and reports whether there are more.
func loadSome(conn *sqlite3.Conn, insert *sqlite3.Stmt, rows *csv.Reader) (more bool, err error) {
	if err := conn.Exec("BEGIN"); err != nil {
		return false, err
	}
	for range perTransaction {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return false, conn.Exec("COMMIT")
		}
		if err != nil {
			return false, err
		}
		if err := bindRow(insert, row); err != nil {
			return false, err
		}
		if err := insert.Exec(); err != nil {
			return false, err
		}
	}
	return true, conn.Exec("COMMIT")
}

// bindRow binds the eleven cells of a row.
func bindRow(insert *sqlite3.Stmt, row []string) error {
	for i, cell := range row {
		var err error
		switch i {
		case 4: // stars
			var stars float64
			if stars, err = strconv.ParseFloat(cell, 64); err == nil {
				err = insert.BindFloat(i+1, stars)
			}
		case 6, 7: // prices, with two digits behind the point
			err = bindInt(insert, i+1, strings.Replace(cell, ".", "", 1))
		case 5, 8, 10:
			err = bindInt(insert, i+1, cell)
		case 9: // isBestSeller
			err = insert.BindBool(i+1, cell == "True")
		default:
			err = insert.BindText(i+1, cell)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func bindInt(insert *sqlite3.Stmt, parameter int, digits string) error {
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return err
	}
	return insert.BindInt64(parameter, n)
}
