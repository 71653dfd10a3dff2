//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"

	"github.com/ncruces/go-sqlite3"
)

// maxReaders is how many connections read at once, as many as Portolan's.
const maxReaders = 3

// products are connections to the database with their statements prepared.
type products struct {
	readers chan *reader
	writer  chan *writer
}

// A reader is a connection that reads.
type reader struct {
	conn      *sqlite3.Conn
	one, page *sqlite3.Stmt
}

// A writer is the connection that writes.
type writer struct {
	conn   *sqlite3.Conn
	insert *sqlite3.Stmt
}

func openProducts(path string) (*products, error) {
	p := &products{readers: make(chan *reader, maxReaders), writer: make(chan *writer, 1)}
	for range maxReaders {
		conn, err := connect(path)
		if err != nil {
			return nil, err
		}
		r := &reader{conn: conn}
		if r.one, err = prepare(conn, getOne); err != nil {
			return nil, err
		}
		if r.page, err = prepare(conn, listPage); err != nil {
			return nil, err
		}
		p.readers <- r
	}
	conn, err := connect(path)
	if err != nil {
		return nil, err
	}
	insert, err := prepare(conn, insertOne)
	p.writer <- &writer{conn, insert}
	return p, err
}

// close closes the connections, each once it is free.
func (p *products) close() {
	for range maxReaders {
		_ = (<-p.readers).conn.Close() // nothing is left to be lost
	}
	_ = (<-p.writer).conn.Close()
}

// ids returns the first ids of the table.
func (p *products) ids(n int) (ids []string, err error) {
	r := <-p.readers
	defer func() { p.readers <- r }()
	stmt, err := prepare(r.conn, "SELECT asin FROM products ORDER BY rowid LIMIT "+strconv.Itoa(n))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stmt.Close()) }()
	for stmt.Step() {
		ids = append(ids, stmt.ColumnText(0))
	}
	if len(ids) == 0 {
		return nil, errors.Join(errors.New("the table is empty"), stmt.Err())
	}
	return ids, stmt.Err()
}

// record appends one record, or nothing if there is none.
func (p *products) record(dst []byte, id string) ([]byte, error) {
	r := <-p.readers
	defer func() { p.readers <- r }()
	if err := r.one.BindText(1, id); err != nil {
		return dst, err
	}
	if r.one.Step() {
		dst = appendRecord(dst, r.one)
	}
	return dst, errors.Join(r.one.Err(), r.one.Reset())
}

// page appends the 20 best products of a category from a price in cents on.
func (p *products) page(dst []byte, category, cents int64) ([]byte, error) {
	r := <-p.readers
	defer func() { p.readers <- r }()
	if err := errors.Join(r.page.BindInt64(1, category), r.page.BindInt64(2, cents)); err != nil {
		return dst, err
	}
	dst = append(dst, `{"value":[`...)
	empty := len(dst)
	for r.page.Step() {
		if len(dst) > empty {
			dst = append(dst, ',')
		}
		dst = appendRecord(dst, r.page)
	}
	return append(dst, "]}"...), errors.Join(r.page.Err(), r.page.Reset())
}

func (p *products) get(w http.ResponseWriter, r *http.Request) {
	body, err := p.record(make([]byte, 0, 1024), r.PathValue("id"))
	switch {
	case err != nil:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	case len(body) == 0:
		http.NotFound(w, r)
	default:
		answer(w, http.StatusOK, body)
	}
}

func (p *products) list(w http.ResponseWriter, r *http.Request) {
	asked := r.URL.Query()
	category, err := strconv.ParseInt(asked.Get("category"), 10, 64)
	price, wrong := strconv.ParseFloat(asked.Get("price"), 64)
	if err = errors.Join(err, wrong); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	body, err := p.page(make([]byte, 0, 16<<10), category, int64(math.Round(price*100)))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	answer(w, http.StatusOK, body)
}

// A product is what a create sends.
type product struct {
	ASIN      string  `json:"asin"`
	Title     string  `json:"title"`
	Image     string  `json:"imgUrl"`
	URL       string  `json:"productURL"`
	Stars     float64 `json:"stars"`
	Reviews   int64   `json:"reviews"`
	Price     float64 `json:"price"`
	ListPrice float64 `json:"listPrice"`
	Category  int64   `json:"category_id"`
	Best      bool    `json:"isBestSeller"`
	Bought    int64   `json:"boughtInLastMonth"`
}

// create inserts one product in a statement that is its own transaction, and
// answers with what was sent.
func (p *products) create(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var given product
	if err := json.Unmarshal(body, &given); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if err := p.insert(given); err != nil {
		http.Error(w, fmt.Sprint(err), http.StatusInternalServerError)
		return
	}
	answer(w, http.StatusCreated, body)
}

func (p *products) insert(given product) error {
	w := <-p.writer
	defer func() { p.writer <- w }()
	err := errors.Join(
		w.insert.BindText(1, given.ASIN), w.insert.BindText(2, given.Title), w.insert.BindText(3, given.Image),
		w.insert.BindText(4, given.URL), w.insert.BindFloat(5, given.Stars), w.insert.BindInt64(6, given.Reviews),
		w.insert.BindInt64(7, int64(math.Round(given.Price*100))), w.insert.BindInt64(8, int64(math.Round(given.ListPrice*100))), w.insert.BindInt64(9, given.Category),
		w.insert.BindBool(10, given.Best), w.insert.BindInt64(11, given.Bought))
	if err != nil {
		return err
	}
	return w.insert.Exec()
}
