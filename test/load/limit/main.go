//go:build linux

// Command limit does the work that is measured with the least code that can do
// it: no gate, no query language, no checks, nothing that could be configured.
// What Portolan takes beyond it is what all of these cost.
//
//	limit import -csv products.csv -db limit.db   the fastest loop that loads a table
//	limit serve -db limit.db -listen 127.0.0.1:0  prints its address when it listens
//
// See docs/performance.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	_ "net/http/pprof" // on the default mux, for the profiles that bench takes
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "limit:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errors.New("say import or serve")
	}
	flags := flag.NewFlagSet("limit "+args[0], flag.ContinueOnError)
	db := flags.String("db", "limit.db", "the file of the database")
	csv := flags.String("csv", "products.csv", "the products to import")
	postgres := flags.String("postgres", "", "the URL of a PostgreSQL database that Portolan made, to serve too")
	redis := flags.String("redis", "", "host:port of a Redis, to serve from too")
	listen := flags.String("listen", "127.0.0.1:0", "where to serve")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	switch args[0] {
	case "import":
		return load(*db, *csv)
	case "serve":
		return serve(ctx, *db, *postgres, *redis, *listen)
	}
	return fmt.Errorf("%s is neither import nor serve", args[0])
}

// serve answers until ctx is done.
func serve(ctx context.Context, db, postgres, redis, address string) error {
	products, err := openProducts(db)
	if err != nil {
		return err
	}
	defer products.close()
	mux := http.NewServeMux()
	if err := constant(ctx, mux, products); err != nil {
		return err
	}
	mux.HandleFunc("GET /sqlite/{id}", products.get)
	mux.HandleFunc("GET /sqlite", products.list)
	mux.HandleFunc("POST /sqlite", products.create)
	if postgres != "" {
		more, err := openPostgres(ctx, postgres)
		if err != nil {
			return err
		}
		defer more.pool.Close()
		more.mount(mux)
	}
	if redis != "" {
		stop, err := shared(ctx, mux, products, redis)
		if err != nil {
			return err
		}
		defer func() { _ = stop() }() // what it was asked is answered
	}
	mux.Handle("/debug/pprof/", http.DefaultServeMux)
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	stopped := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stopped()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
