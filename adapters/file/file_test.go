package file_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/portolan-io/portolan/adapters/file"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/contract"
	"github.com/portolan-io/portolan/ports/secrets"
	"github.com/portolan-io/portolan/ports/secrets/secretstest"
)

func open(t *testing.T) (*file.Source, string) {
	t.Helper()
	dir := t.TempDir()
	source, err := file.Open(t.Context(), file.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { source.Close() })
	return source, dir
}

func write(t contract.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatalf("writing a secret: %v", err)
	}
}

func TestSuite(t *testing.T) {
	secretstest.Run(t, func(t *testing.T) secretstest.Harness {
		source, dir := open(t)
		h := secretstest.Harness{
			Source: source,
			Set:    func(ct contract.T, name, value string) { write(ct, filepath.Join(dir, name), value) },
			Break: func(ct contract.T) { // a link to itself cannot be resolved
				path := filepath.Join(dir, "away")
				if err := errors.Join(os.Remove(path), os.Symlink("away", path)); err != nil {
					ct.Fatalf("breaking the secret: %v", err)
				}
			},
			Mend: func(ct contract.T) {
				if err := os.Remove(filepath.Join(dir, "away")); err != nil {
					ct.Fatalf("mending the secret: %v", err)
				}
			},
		}
		if os.Getuid() != 0 { // the superuser may read everything
			h.Forbid = func(ct contract.T, name string) {
				if err := os.Chmod(filepath.Join(dir, name), 0); err != nil {
					ct.Fatalf("forbidding the secret: %v", err)
				}
			}
		}
		return h
	})
}

// TestMounted lays files out as Kubernetes does: links to files behind a link
// to a directory, which alone is exchanged when a secret changes.
func TestMounted(t *testing.T) {
	source, dir := open(t)
	old := time.Now().Add(-time.Hour)
	for _, version := range []string{"..2026_1", "..2026_2"} {
		if err := os.Mkdir(filepath.Join(dir, version), 0o700); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, version, "db-dsn")
		write(t, path, version)
		if err := os.Chtimes(path, old, old); err != nil { // size and time are the same
			t.Fatal(err)
		}
	}
	link(t, "..2026_1", filepath.Join(dir, "..data"))
	link(t, filepath.Join("..data", "db-dsn"), filepath.Join(dir, "db-dsn"))
	for _, want := range []string{"..2026_1", "..2026_1", "..2026_2"} {
		if want == "..2026_2" {
			link(t, "..2026_2", filepath.Join(dir, "..tmp"))
			if err := os.Rename(filepath.Join(dir, "..tmp"), filepath.Join(dir, "..data")); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := source.Secret(t.Context(), secrets.Ref{Name: "db-dsn"}); err != nil || got != want {
			t.Errorf("Secret = %q, %v; want %q", got, err, want)
		}
	}
}

func link(t *testing.T, to, from string) {
	t.Helper()
	if err := os.Symlink(to, from); err != nil {
		t.Fatal(err)
	}
}

func TestSecretRefusals(t *testing.T) {
	source, dir := open(t)
	write(t, filepath.Join(dir, "large"), strings.Repeat("x", file.MaxBytes+1))
	write(t, filepath.Join(dir, "largest"), strings.Repeat("x", file.MaxBytes))
	if err := os.Mkdir(filepath.Join(dir, "directory"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		want fault.Kind
	}{
		{"large", fault.TooLarge},
		{"largest", ""},
		{"directory", fault.NotFound},
		{"..data", fault.Invalid},
		{"a/b", fault.Invalid},
		{`a\b`, fault.Invalid},
		{"absent", fault.NotFound},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := source.Secret(t.Context(), secrets.Ref{Name: tt.name})
			if got := fault.KindOf(err); got != tt.want {
				t.Errorf("Secret = %v, want kind %q", err, tt.want)
			}
			if err != nil && strings.Contains(fault.Of(err).Detail, dir) {
				t.Errorf("the detail tells a path: %s", fault.Of(err).Detail)
			}
		})
	}
}

func TestOpenRefusals(t *testing.T) {
	path := filepath.Join(t.TempDir(), "plain")
	write(t, path, "")
	for _, tt := range []struct {
		name, dir string
		want      fault.Kind
	}{
		{"none", "", fault.Invalid},
		{"absent", path + "-absent", fault.NotFound},
		{"a file", path, fault.Invalid},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := file.Open(t.Context(), file.Config{Dir: tt.dir}); !errors.Is(err, tt.want) {
				t.Errorf("Open = %v, want %s", err, tt.want)
			}
		})
	}
}
