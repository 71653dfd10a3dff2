//go:build linux

package main

import (
	"context"
	"errors"
	"net/http"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

// redisConns is how many connections there are to Redis, as many as Portolan's.
const redisConns = 32

// shared mounts what answers with octets that Redis keeps, by one GET each: those that
// bigcache keeps too.
func shared(ctx context.Context, mux *http.ServeMux, from *products, address string) (stop func() error, err error) {
	client := goredis.NewClient(&goredis.Options{Addr: address, Protocol: 2, PoolSize: redisConns, DisableIdentity: true})
	defer func() {
		if err != nil {
			err = errors.Join(err, client.Close())
		}
	}()
	ids, err := from.ids(hot)
	if err != nil {
		return nil, err
	}
	err = each(from, ids, func(key string, body []byte) error { return client.Set(ctx, key, body, time.Hour).Err() })
	if err != nil {
		return nil, err
	}
	mux.HandleFunc("GET /redis/", func(w http.ResponseWriter, r *http.Request) {
		body, err := client.Get(r.Context(), r.URL.Path[len("/redis/"):]).Bytes()
		if err != nil {
			http.Error(w, err.Error(), http.StatusNotFound)
			return
		}
		answer(w, http.StatusOK, body)
	})
	return client.Close, nil
}
