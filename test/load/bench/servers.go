//go:build linux

package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"text/template"
)

//go:embed shop.yaml
var shopText string

// A variant is a way in which Portolan is run.
type variant struct {
	binary     string
	Everything bool   // metrics and the ids of traces; requests then have a token
	Logged     bool   // a line in a file for each request
	Cached     bool   // by bigcache
	DSN        string // of PostgreSQL; SQLite if it is empty
	Redis      string // host:port of a server that keeps what is cached, for many instances
	Near       bool   // and bigcache in front of it
	Bounded    bool   // answers may be old
	Accounts   bool   // people have passwords here
	Limited    bool   // callers may ask so much and no more, which is more than they can
	Room       int    // MiB of bigcache; 0 is 64
}

// MB is how many MiB bigcache may take.
func (v variant) MB() int { return cmp.Or(v.Room, cacheCap>>20) }

// name returns what the files of the variant are called.
func (v variant) name() string {
	v.binary = "" // another binary has the same
	return fmt.Sprintf("everything-%t-logged-%t-cached-%t-%x", v.Everything, v.Logged, v.Cached, sha256.Sum256(fmt.Appendf(nil, "%+v", v)))[:60]
}

// command returns a command of the variant over the database, in the workshop.
func (w *workshop) command(ctx context.Context, v variant, db string, args ...string) (*exec.Cmd, error) {
	shop, err := template.New("shop.yaml").Parse(shopText)
	if err != nil {
		return nil, err
	}
	var config bytes.Buffer
	if err := shop.Execute(&config, v); err != nil {
		return nil, err
	}
	name := v.name() + ".yaml"
	if err := os.WriteFile(w.path(name), config.Bytes(), 0o600); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, v.binary, append(args, "--config", name)...)
	cmd.Dir = w.dir
	cmd.Env = append(os.Environ(), "PORTOLAN_DB="+db, "PORT=0", "ADMIN_PORT=0")
	return cmd, nil
}

// serve starts Portolan as the variant says. The access log goes to a file.
func (w *workshop) serve(ctx context.Context, v variant, db string) (*process, error) {
	cmd, err := w.command(ctx, v, db, "serve")
	if err != nil {
		return nil, err
	}
	return w.launch(ctx, "portolan-"+db+"-"+v.name(), cmd, "/v1/products?$first=1")
}

// launch starts a command of Portolan that serves, until it answers the path.
func (w *workshop) launch(ctx context.Context, name string, cmd *exec.Cmd, path string) (*process, error) {
	api, err := freeAddress(ctx)
	admin, wrong := freeAddress(ctx)
	if err = errors.Join(err, wrong); err != nil {
		return nil, err
	}
	cmd.Env = append(cmd.Environ(), "PORT="+port(api), "ADMIN_PORT="+port(admin))
	p, err := start(ctx, name, w.path(name+".log"), api, path, cmd)
	if err == nil {
		p.admin = admin
	}
	return p, err
}

func port(address string) string {
	_, port, _ := net.SplitHostPort(address) // the address is a listener's
	return port
}

// serveLimit starts the limits.
func (w *workshop) serveLimit(ctx context.Context, db string, more ...string) (*process, error) {
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, w.limit, append([]string{"serve", "-db", db, "-listen", address}, more...)...)
	cmd.Dir = w.dir
	return start(ctx, "limit", w.path(db+".log"), address, "/constant/one", cmd)
}

// token returns the header line with a token of an admin.
func (w *workshop) token(ctx context.Context) (string, error) {
	cmd, err := w.command(ctx, variant{binary: w.portolan, Everything: true}, "portolan.db",
		"keys", "token", "--subject", "bench", "--role", "admin", "--ttl", "12h")
	if err != nil {
		return "", err
	}
	var token bytes.Buffer
	if err := output(cmd, &token); err != nil {
		return "", err
	}
	line, _, err := bufio.NewReader(&token).ReadLine()
	return "Authorization: Bearer " + strings.TrimSpace(string(line)) + "\r\n", err
}
