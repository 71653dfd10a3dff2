//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// profileTime is how long a program is profiled.
const profileTime = 5 * time.Second

// profile drives each program of each contest, and leaves a CPU profile of it.
func (w *workshop) profile(ctx context.Context, s settings) error {
	if err := os.MkdirAll(s.profiles, 0o755); err != nil {
		return err
	}
	servers, err := w.startServers(ctx, s)
	if err != nil {
		return err
	}
	defer servers.stop()
	if err := s.profileAll(ctx, w.contests(servers)); err != nil {
		return err
	}
	return w.withDatabase(ctx, s, func(d *database, dsn string) error { return w.profilePostgreSQL(ctx, s, d, dsn, servers.token) })
}

// profilePostgreSQL profiles what works over the database.
func (w *workshop) profilePostgreSQL(ctx context.Context, s settings, d *database, dsn, token string) error {
	if strings.Contains(overRedis, s.only) {
		if err := w.withRedis(ctx, d, token, func(h *hall) error { return s.profileAll(ctx, h.contests(w)) }); err != nil {
			return err
		}
	}
	if !strings.Contains(overDatabase, s.only) {
		return nil
	}
	contests, stop, err := w.databaseContests(ctx, d, dsn, token)
	if err != nil {
		return err
	}
	defer stop()
	return s.profileAll(ctx, contests)
}

// profileAll profiles those of the contests that were asked for.
func (s settings) profileAll(ctx context.Context, contests []contest) error {
	for _, c := range contests {
		if !s.wants(c.name) {
			continue
		}
		for _, one := range c.contestants {
			if err := one.profile(ctx, filepath.Join(s.profiles, c.name+"-"+one.name+".pprof")); err != nil {
				return err
			}
		}
	}
	return nil
}

// profile drives the program, and writes its profile to the file.
func (c *contestant) profile(ctx context.Context, path string) (err error) {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if _, err := c.drive(ctx, profileTime/5); err != nil {
		return err
	}
	taken := make(chan error, 1)
	go func() {
		taken <- fetch(ctx, c.server.admin, fmt.Sprintf("/debug/pprof/profile?seconds=%.0f", profileTime.Seconds()), file)
	}()
	if _, err := c.drive(ctx, profileTime); err != nil {
		return errors.Join(err, <-taken)
	}
	return <-taken
}
