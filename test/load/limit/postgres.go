//go:build linux

package main

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/portolan-io/portolan/core/record"
)

// The statements over the table that Portolan made, with as many connections as
// Portolan has. Prices travel as text, in which they need no conversion to JSON.
const (
	pgColumns = `asin, title, "imgUrl", "productURL", stars, reviews, price, "listPrice", category_id, "isBestSeller", "boughtInLastMonth", seller, cost`
	pgGet     = "SELECT " + pgColumns + " FROM products WHERE asin = $1"
	pgList    = "SELECT " + pgColumns + " FROM products WHERE category_id = $1 AND price >= $2 ORDER BY stars DESC NULLS LAST, asin DESC LIMIT 20"
	pgCount   = "SELECT category_id, count(*), avg(price)::float8 FROM products WHERE price >= $1 GROUP BY category_id ORDER BY category_id"
	pgInsert  = `INSERT INTO products (asin, title, "imgUrl", "productURL", stars, reviews, price, "listPrice", category_id, "isBestSeller", "boughtInLastMonth", _rev)
		SELECT $1, $2, $3, $4, $5, $6, $7, $8, id, $10, $11, $12 FROM categories WHERE id = $9 FOR SHARE`
	pgReplace = pgInsert + ` ON CONFLICT (asin) DO UPDATE SET title = excluded.title, "imgUrl" = excluded."imgUrl", "productURL" = excluded."productURL", stars = excluded.stars,
		reviews = excluded.reviews, price = excluded.price, "listPrice" = excluded."listPrice", category_id = excluded.category_id,
		"isBestSeller" = excluded."isBestSeller", "boughtInLastMonth" = excluded."boughtInLastMonth", _rev = excluded._rev`
	pgSeen  = "SELECT _rev FROM products WHERE asin = $1"
	pgPatch = "UPDATE products SET reviews = $2, _rev = $3 WHERE asin = $1 AND _rev = $4"
)

// pgProducts are connections with their statements prepared.
type pgProducts struct{ pool *pgxpool.Pool }

// pgPrepared are the statements of a connection.
type pgPrepared map[string]*pgconn.StatementDescription

func openPostgres(ctx context.Context, dsn string) (*pgProducts, error) {
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, err
	}
	config.MaxConns = 16
	pool, err := pgxpool.NewWithConfig(ctx, config)
	return &pgProducts{pool}, err
}

// with lends a connection and its statements.
func (p *pgProducts) with(ctx context.Context, do func(*pgconn.PgConn, pgPrepared) error) error {
	lent, err := p.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer lent.Release()
	conn := lent.Conn().PgConn()
	prepared, ok := conn.CustomData()["limit"].(pgPrepared)
	if !ok {
		prepared = pgPrepared{}
		for _, text := range []string{pgGet, pgList, pgCount, pgInsert, pgReplace, pgSeen, pgPatch} {
			if prepared[text], err = conn.Prepare(ctx, fmt.Sprint("s", len(prepared)), text, nil); err != nil {
				return err
			}
		}
		conn.CustomData()["limit"] = prepared
	}
	return do(conn, prepared)
}

// formats are those of a statement's parameters, and of its columns.
type formats struct{ in, out []int16 }

var (
	inBinary  = []int16{1}
	asRecord  = []int16{1, 1, 1, 1, 1, 1, 0, 0, 1, 1, 1, 1, 0}
	formatsOf = map[string]formats{
		pgGet: {inBinary, asRecord}, pgList: {[]int16{1, 0}, asRecord}, pgCount: {[]int16{0}, inBinary},
		pgInsert: {asRecord[:12], inBinary}, pgReplace: {asRecord[:12], inBinary},
		pgSeen: {inBinary, inBinary}, pgPatch: {inBinary, inBinary},
	}
)

// rows runs a statement and appends each of its rows.
func (p *pgProducts) rows(ctx context.Context, dst []byte, text string, appendRow func(dst []byte, row [][]byte) []byte, args ...[]byte) ([]byte, error) {
	err := p.with(ctx, func(conn *pgconn.PgConn, prepared pgPrepared) error {
		result := conn.ExecStatement(ctx, prepared[text], args, formatsOf[text].in, formatsOf[text].out)
		first := true
		for result.NextRow() {
			if !first {
				dst = append(dst, ',')
			}
			first = false
			dst = appendRow(dst, result.Values())
		}
		_, err := result.Close()
		return err
	})
	return dst, err
}

// changed runs a statement and returns how many rows it changed.
func (p *pgProducts) changed(ctx context.Context, text string, args ...[]byte) (n int64, err error) {
	err = p.with(ctx, func(conn *pgconn.PgConn, prepared pgPrepared) error {
		tag, err := conn.ExecStatement(ctx, prepared[text], args, formatsOf[text].in, formatsOf[text].out).Close()
		n = tag.RowsAffected()
		return err
	})
	return n, err
}

func (p *pgProducts) mount(mux *http.ServeMux) {
	mux.HandleFunc("GET /postgres/{id}", p.get)
	mux.HandleFunc("GET /postgres", p.list)
	mux.HandleFunc("GET /postgres-aggregate", p.aggregate)
	mux.HandleFunc("POST /postgres", p.put(pgInsert, http.StatusCreated))
	mux.HandleFunc("PUT /postgres/{id}", p.put(pgReplace, http.StatusOK))
	mux.HandleFunc("PATCH /postgres/{id}", p.patch)
}

func (p *pgProducts) get(w http.ResponseWriter, r *http.Request) {
	body, err := p.rows(r.Context(), make([]byte, 0, 1024), pgGet, pgRecord, []byte(r.PathValue("id")))
	send(w, http.StatusOK, body, err)
}

func (p *pgProducts) list(w http.ResponseWriter, r *http.Request) {
	asked := r.URL.Query()
	category, err := strconv.ParseInt(asked.Get("category"), 10, 64)
	price, wrong := strconv.ParseInt(asked.Get("price"), 10, 64)
	if err = errors.Join(err, wrong); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	body, err := p.rows(r.Context(), append(make([]byte, 0, 16<<10), `{"value":[`...), pgList, pgRecord, pgInt(category), strconv.AppendInt(nil, price, 10))
	send(w, http.StatusOK, append(body, "]}"...), err)
}

func (p *pgProducts) aggregate(w http.ResponseWriter, r *http.Request) {
	price, err := strconv.ParseInt(r.URL.Query().Get("price"), 10, 64)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	body, err := p.rows(r.Context(), append(make([]byte, 0, 16<<10), `{"value":[`...), pgCount, func(dst []byte, row [][]byte) []byte {
		dst = strconv.AppendInt(append(dst, `{"category_id":`...), pgNumber(row[0]), 10)
		dst = strconv.AppendInt(append(dst, `,"n":`...), pgNumber(row[1]), 10)
		return append(pgFloat(append(dst, `,"mean":`...), row[2]), '}')
	}, strconv.AppendInt(nil, price, 10))
	send(w, http.StatusOK, append(body, "]}"...), err)
}

// put stores one product, and answers with what was sent.
func (p *pgProducts) put(text string, status int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
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
		best := []byte{0}
		if given.Best {
			best[0] = 1
		}
		n, err := p.changed(r.Context(), text, []byte(given.ASIN), []byte(given.Title), []byte(given.Image), []byte(given.URL),
			pgInt(int64(math.Float64bits(given.Stars))), pgInt(given.Reviews), strconv.AppendFloat(nil, given.Price, 'f', 2, 64),
			strconv.AppendFloat(nil, given.ListPrice, 'f', 2, 64), pgInt(given.Category), best, pgInt(given.Bought), []byte(rand.Text()))
		if err == nil && n != 1 {
			err = errors.New("there is no such category")
		}
		send(w, status, body, err)
	}
}

// patch changes one field of a record that nobody changed meanwhile, and answers
// with the record.
func (p *pgProducts) patch(w http.ResponseWriter, r *http.Request) {
	var given product
	if err := json.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(&given); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	id := []byte(r.PathValue("id"))
	for {
		revision, err := p.rows(r.Context(), nil, pgSeen, func(dst []byte, row [][]byte) []byte { return append(dst, row[0]...) }, id)
		n := int64(0)
		if err == nil {
			n, err = p.changed(r.Context(), pgPatch, id, pgInt(given.Reviews), []byte(rand.Text()), revision)
		}
		var body []byte
		if err == nil && n == 1 {
			body, err = p.rows(r.Context(), make([]byte, 0, 1024), pgGet, pgRecord, id)
		}
		if err != nil || n == 1 {
			send(w, http.StatusOK, body, err)
			return
		}
	}
}

func send(w http.ResponseWriter, status int, body []byte, err error) {
	switch {
	case err != nil:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	case len(body) == 0:
		http.Error(w, "there is none", http.StatusNotFound)
	default:
		answer(w, status, body)
	}
}

func pgInt(n int64) []byte        { return binary.BigEndian.AppendUint64(nil, uint64(n)) }
func pgNumber(value []byte) int64 { return int64(binary.BigEndian.Uint64(value)) }
func pgFloat(dst, v []byte) []byte {
	return record.AppendFloat(dst, math.Float64frombits(binary.BigEndian.Uint64(v)))
}

// pgRecord appends a row as JSON.
func pgRecord(dst []byte, row [][]byte) []byte {
	null := func(i int, name string, value func([]byte, []byte) []byte) {
		dst = append(dst, name...)
		if row[i] == nil {
			dst = append(dst, "null"...)
			return
		}
		dst = value(dst, row[i])
	}
	text := func(dst, v []byte) []byte { return record.AppendString(dst, v) }
	whole := func(dst, v []byte) []byte { return strconv.AppendInt(dst, pgNumber(v), 10) }
	cents := func(dst, v []byte) []byte { return append(dst, v...) }
	null(0, `{"asin":`, text)
	null(1, `,"title":`, text)
	null(2, `,"imgUrl":`, text)
	null(3, `,"productURL":`, text)
	null(4, `,"stars":`, pgFloat)
	null(5, `,"reviews":`, whole)
	null(6, `,"price":`, cents)
	null(7, `,"listPrice":`, cents)
	null(8, `,"category_id":`, whole)
	null(9, `,"isBestSeller":`, func(dst, v []byte) []byte { return strconv.AppendBool(dst, v[0] != 0) })
	null(10, `,"boughtInLastMonth":`, whole)
	null(11, `,"seller":`, text)
	null(12, `,"cost":`, cents)
	return append(dst, '}')
}
