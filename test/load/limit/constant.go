//go:build linux

package main

import (
	"context"
	"crypto/rand"
	"maps"
	"net/http"
	"strconv"
	"time"

	"github.com/allegro/bigcache/v3"
)

// hot is how many records are kept where a cache is looked into.
const hot = 1000

// constant mounts what answers from memory: the same octets to everybody, and
// octets that are looked up in bigcache. They are a record and a page of the
// products, as long as those that are served from the database.
func constant(ctx context.Context, mux *http.ServeMux, from *products) error {
	ids, err := from.ids(hot)
	if err != nil {
		return err
	}
	first, err := from.record(nil, ids[0])
	if err != nil {
		return err
	}
	list, err := from.page(nil, 1, 0)
	if err != nil {
		return err
	}
	kept, err := keep(ctx, from, ids)
	if err != nil {
		return err
	}
	mux.HandleFunc("GET /constant/one", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, first) })
	mux.HandleFunc("GET /constant/list", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, list) })
	mux.HandleFunc("GET /headed/one", func(w http.ResponseWriter, _ *http.Request) { headed(w, first) })
	mux.HandleFunc("GET /headed/list", func(w http.ResponseWriter, _ *http.Request) { headed(w, list) })
	lookUp := func(w http.ResponseWriter, r *http.Request) {
		body, err := kept.Get(r.URL.Path[len("/bigcache/"):])
		if err != nil {
			http.Error(w, err.Error(), http.StatusNotFound)
			return
		}
		answer(w, http.StatusOK, body)
	}
	mux.HandleFunc("GET /bigcache/one/", lookUp)
	mux.HandleFunc("GET /bigcache/list/", lookUp)
	return nil
}

// keep returns a bigcache with the records and the pages of 200 categories.
func keep(ctx context.Context, from *products, ids []string) (*bigcache.BigCache, error) {
	kept, err := bigcache.New(ctx, bigcache.Config{
		Shards: 64, LifeWindow: time.Hour, MaxEntriesInWindow: 4096, MaxEntrySize: 512, HardMaxCacheSize: 64,
	})
	if err != nil {
		return nil, err
	}
	return kept, each(from, ids, kept.Set)
}

// each calls keep with the records and the pages of 200 categories.
func each(from *products, ids []string, keep func(key string, body []byte) error) error {
	for _, id := range ids {
		record, err := from.record(nil, id)
		if err == nil {
			err = keep("one/"+id, record)
		}
		if err != nil {
			return err
		}
	}
	for category := range 200 {
		page, err := from.page(nil, int64(category+1), 0)
		if err == nil {
			err = keep("list/"+strconv.Itoa(category+1), page)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// headed sends a body with as many header fields, as long, as Portolan sends: what
// they cost, net/http takes for them.
func headed(w http.ResponseWriter, body []byte) {
	maps.Copy(w.Header(), fields)
	w.Header()["X-Request-Id"] = []string{rand.Text()}
	answer(w, http.StatusOK, body)
}

var fields = map[string][]string{
	"Cache-Control":           {"private, no-cache"},
	"Cache-Status":            {"Portolan; hit; detail=strict"},
	"Content-Security-Policy": {"default-src 'none'; frame-ancestors 'none'"},
	"Etag":                    {`"0mbxq1c2w5d3kfz9qv0a.1x2y3z4"`},
	"Vary":                    {"Accept, Accept-Encoding, Authorization, X-API-Key"},
	"X-Content-Type-Options":  {"nosniff"},
}

// answer sends a whole body.
func answer(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	h["Content-Type"] = jsonType
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(status)
	_, _ = w.Write(body) // whoever has gone is not answered
}

var jsonType = []string{"application/json; charset=utf-8"}
