package test

import (
	"path/filepath"
	"regexp"
	"testing"

	"github.com/portolan-io/portolan/test/servers"
)

// A kept is a store that outlives the process, as a configuration names it.
type kept struct {
	name       string
	repository func(t *testing.T) string // the line of a new and empty one; empty is that of the profile
}

// durable are all of them.
func durable() []kept {
	return []kept{
		{"sqlite", func(*testing.T) string { return "" }},
		{"postgres", func(t *testing.T) string {
			return "repository: {driver: postgres, postgres: {dsn: \"" + servers.PostgreSQL(t) + "\"}}"
		}},
		{"sqlserver", func(t *testing.T) string {
			return "repository: {driver: sqlserver, sqlserver: {dsn: \"" + servers.SQLServerUTF8(t, "ALLOW_SNAPSHOT_ISOLATION ON") + "\"}}"
		}},
	}
}

// repositoryLine is where a configuration says it.
var repositoryLine = regexp.MustCompile(`(?m)^repository: .*$`)

// initialise writes the configuration of the profile into the directory, with a new
// and empty store.
func (k kept) initialise(t *testing.T, dir string) {
	t.Helper()
	mustRun(t, dir, "portolan", "init", "--profile", "sqlite", "--dir", dir)
	if line := k.repository(t); line != "" {
		config := read(t, filepath.Join(dir, "portolan.yaml"))
		write(t, dir, "portolan.yaml", repositoryLine.ReplaceAllLiteralString(config, line))
	}
}
