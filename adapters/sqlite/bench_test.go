package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"testing"

	"github.com/ncruces/go-sqlite3/driver"

	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
)

// The benchmarks compare the store with loops written by hand over the same
// driver by database/sql, which do the least that gives the same answer. Run
//
//	go test -run '^$' -bench . ./adapters/sqlite
//
// and compare each Store with its ByHand.

// products is the collection of the benchmarks: ten fields.
func products(t testing.TB) *schema.Collection {
	t.Helper()
	c, err := schema.New(schema.Spec{
		Name: "products",
		ID:   "asin",
		Fields: []schema.FieldSpec{
			{Name: "asin", Type: "string", Max: "16"},
			{Name: "title", Type: "string", Max: "500"},
			{Name: "imgUrl", Type: "string", Max: "500"},
			{Name: "productURL", Type: "string", Max: "500"},
			{Name: "stars", Type: "float"},
			{Name: "reviews", Type: "int"},
			{Name: "price", Type: "decimal", Precision: 12, Scale: 2},
			{Name: "category_id", Type: "int"},
			{Name: "isBestSeller", Type: "bool"},
			{Name: "boughtInLastMonth", Type: "int"},
		},
		Indexes: [][]string{{"category_id", "stars desc"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func product(i int) record.Record {
	id := fmt.Sprintf("B%09d", i)
	return record.Record{ID: record.ID(id), Revision: record.Revision(fmt.Sprintf("run-%d", i)), Fields: []record.Value{
		record.String(id),
		record.String(fmt.Sprintf("Stainless steel water bottle with straw, double walled, keeps cold for 24 hours, number %d", i)),
		record.String("https://images.example.com/I/" + id + "._AC_UL320_.jpg"),
		record.String("https://shop.example.com/dp/" + id),
		record.Float(float64(i%50) / 10),
		record.Int(int64(i * 7919 % 100_000)),
		record.Decimal(int64(i*104729%100_000), 2),
		record.Int(int64(i % 250)),
		record.Bool(i%97 == 0),
		record.Int(int64(i % 1000)),
	}}
}

const benchRows = 20_000

// filled returns a store with the products.
func filled(t testing.TB, path string, n int) (*Store, *schema.Collection) {
	t.Helper()
	store, c := openTest(t, path), products(t)
	if err := store.Ensure(t.Context(), []*schema.Collection{c}); err != nil {
		t.Fatal(err)
	}
	if n > 0 {
		load(t, store, c, productsTo(n))
	}
	return store, c
}

func load(t testing.TB, store *Store, c *schema.Collection, rows []record.Record) {
	t.Helper()
	for batch := range slices.Chunk(rows, loadBatch) {
		if _, err := store.Load(t.Context(), repository.Load{Collection: c, Rows: batch, Run: "run-"}); err != nil {
			t.Fatal(err)
		}
	}
}

const loadBatch = 5000

// productsTo returns n products.
func productsTo(n int) []record.Record {
	rows := make([]record.Record, n)
	for i := range rows {
		rows[i] = product(i)
	}
	return rows
}

// byHand opens the file without the store.
func byHand(t testing.TB, path string) *sql.DB {
	t.Helper()
	db, err := driver.Open("file:" + path + "?_pragma=synchronous(normal)&_pragma=busy_timeout(5000)&_pragma=cache_size(-16384)")
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { db.Close() })
	return db
}

// scanByHand writes a product as JSON out of a row.
func scanByHand(scan func(...any) error, encoder *record.Encoder, dst []byte) ([]byte, error) {
	var rev, asin string
	var title, img, url sql.NullString
	var stars sql.NullFloat64
	var reviews, price, category, best, bought sql.NullInt64
	if err := scan(&rev, &asin, &title, &img, &url, &stars, &reviews, &price, &category, &best, &bought); err != nil {
		return nil, err
	}
	dst = record.AppendString(encoder.Key(dst, 0), asin)
	for i, text := range []sql.NullString{title, img, url} {
		dst = encoder.Key(dst, 1+i)
		if text.Valid {
			dst = record.AppendString(dst, text.String)
		} else {
			dst = append(dst, "null"...)
		}
	}
	dst = record.AppendFloat(encoder.Key(dst, 4), stars.Float64)
	dst = record.AppendValue(encoder.Key(dst, 5), record.Int(reviews.Int64))
	dst = record.AppendDecimal(encoder.Key(dst, 6), price.Int64, 2)
	dst = record.AppendValue(encoder.Key(dst, 7), record.Int(category.Int64))
	dst = record.AppendValue(encoder.Key(dst, 8), record.Bool(best.Int64 != 0))
	dst = record.AppendValue(encoder.Key(dst, 9), record.Int(bought.Int64))
	return encoder.End(dst), nil
}

const columnsByHand = "SELECT _rev, asin, title, imgUrl, productURL, stars, reviews, price, category_id, isBestSeller, boughtInLastMonth FROM products "

func BenchmarkGet(b *testing.B) {
	path := testPath(b)
	store, c := filled(b, path, benchRows)
	view := query.View{Collection: c, Fields: c.All()}
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	b.Run("Store", func(b *testing.B) {
		b.ReportAllocs()
		for i := range b.N {
			rows, err := store.Get(ctx, view, []record.ID{product(i * 7 % benchRows).ID})
			if err != nil || len(rows) != 1 {
				b.Fatal(len(rows), err)
			}
		}
	})
	b.Run("ByHand", func(b *testing.B) {
		b.ReportAllocs()
		stmt, err := byHand(b, path).PrepareContext(ctx, columnsByHand+"WHERE asin = ?")
		if err != nil {
			b.Fatal(err)
		}
		defer stmt.Close()
		encoder := record.NewEncoder(c.Names(c.All()))
		for i := range b.N {
			if _, err := scanByHand(stmt.QueryRowContext(ctx, string(product(i*7%benchRows).ID)).Scan, encoder, nil); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkFind20(b *testing.B) {
	path := testPath(b)
	store, c := filled(b, path, benchRows)
	category, _ := c.Position("category_id")
	stars, _ := c.Position("stars")
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	b.Run("Store", func(b *testing.B) {
		b.ReportAllocs()
		for i := range b.N {
			page, err := store.Find(ctx, query.Query{
				View: query.View{Collection: c, Fields: c.All(), Filter: query.Expr{
					Op: query.Eq, Field: category, Values: []record.Value{record.Int(int64(i % 250))}}},
				Order: []query.Key{{Field: stars, Desc: true}, {Field: c.ID, Desc: true}},
				Limit: 20,
			})
			if err != nil || len(page.Rows) != 20 {
				b.Fatal(len(page.Rows), err)
			}
		}
	})
	b.Run("ByHand", func(b *testing.B) {
		b.ReportAllocs()
		stmt, err := byHand(b, path).PrepareContext(ctx, columnsByHand+"WHERE category_id = ? ORDER BY stars DESC, asin DESC LIMIT 21")
		if err != nil {
			b.Fatal(err)
		}
		defer stmt.Close()
		encoder := record.NewEncoder(c.Names(c.All()))
		for i := range b.N {
			if n := pageByHand(ctx, b, stmt, encoder, i%250); n != 21 {
				b.Fatal(n)
			}
		}
	})
}

// pageByHand reads the rows of a category and returns how many there were.
func pageByHand(ctx context.Context, b *testing.B, stmt *sql.Stmt, encoder *record.Encoder, category int) int {
	b.Helper()
	rows, err := stmt.QueryContext(ctx, category)
	if err != nil {
		b.Fatal(err)
	}
	defer rows.Close()
	n := 0
	for ; rows.Next(); n++ {
		if _, err := scanByHand(rows.Scan, encoder, nil); err != nil {
			b.Fatal(err)
		}
	}
	if err := rows.Err(); err != nil {
		b.Fatal(err)
	}
	return n
}

func BenchmarkApplyOne(b *testing.B) {
	path := testPath(b)
	store, c := filled(b, path, benchRows)
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	b.Run("Store", func(b *testing.B) {
		b.ReportAllocs()
		for i := range b.N {
			p := product(i * 7 % benchRows)
			_, err := store.Apply(ctx, []repository.Mutation{{
				Op: repository.Put, Collection: c, ID: p.ID, Revision: p.Revision, Fields: p.Fields}})
			if err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("ByHand", func(b *testing.B) {
		b.ReportAllocs()
		db := byHand(b, path)
		for i := range b.N {
			tx, err := db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelSerializable})
			if err != nil {
				b.Fatal(err)
			}
			if err := insertByHand(tx.Exec, product(i*7%benchRows)); err != nil {
				b.Fatal(err)
			}
			if err := tx.Commit(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

const insertText = `INSERT INTO products (asin, title, imgUrl, productURL, stars, reviews, price, category_id, isBestSeller,
	boughtInLastMonth, _rev) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (asin) DO UPDATE SET title = excluded.title,
	imgUrl = excluded.imgUrl, productURL = excluded.productURL, stars = excluded.stars, reviews = excluded.reviews,
	price = excluded.price, category_id = excluded.category_id, isBestSeller = excluded.isBestSeller,
	boughtInLastMonth = excluded.boughtInLastMonth, _rev = excluded._rev`

func insertByHand(exec func(string, ...any) (sql.Result, error), p record.Record) error {
	_, err := exec(insertText, argsByHand(p)...)
	return err
}

func argsByHand(p record.Record) []any {
	price, _ := p.Fields[6].AsDecimal()
	return []any{p.Fields[0].AsString(), p.Fields[1].AsString(), p.Fields[2].AsString(), p.Fields[3].AsString(),
		p.Fields[4].AsFloat(), p.Fields[5].AsInt(), price, p.Fields[7].AsInt(), p.Fields[8].AsInt(), p.Fields[9].AsInt(),
		string(p.Revision)}
}

func BenchmarkLoad(b *testing.B) {
	rows := productsTo(50_000)
	b.Run("Store", func(b *testing.B) {
		for range b.N {
			b.StopTimer()
			store, c := filled(b, testPath(b), 0)
			b.StartTimer()
			load(b, store, c, rows)
		}
		b.ReportMetric(float64(b.N*len(rows))/b.Elapsed().Seconds(), "rows/s")
	})
	b.Run("ByHand", func(b *testing.B) {
		for range b.N {
			b.StopTimer()
			path := testPath(b)
			filled(b, path, 0)
			db := byHand(b, path)
			b.StartTimer()
			for batch := range slices.Chunk(rows, loadBatch) {
				loadByHand(b, db, batch)
			}
		}
		b.ReportMetric(float64(b.N*len(rows))/b.Elapsed().Seconds(), "rows/s")
	})
}

func loadByHand(b *testing.B, db *sql.DB, rows []record.Record) {
	b.Helper()
	tx, err := db.BeginTx(b.Context(), &sql.TxOptions{Isolation: sql.LevelSerializable})
	if err != nil {
		b.Fatal(err)
	}
	stmt, err := tx.Prepare(insertText)
	if err != nil {
		b.Fatal(err)
	}
	defer stmt.Close()
	for _, row := range rows {
		if _, err := stmt.Exec(argsByHand(row)...); err != nil {
			b.Fatal(err)
		}
	}
	if err := tx.Commit(); err != nil {
		b.Fatal(err)
	}
}
