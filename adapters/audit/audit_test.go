package audit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/portolan-io/portolan/core/fault"
)

func opened(t *testing.T, cfg Config) *Log {
	t.Helper()
	l, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func content(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// What Keep returned for is in the file, each line whole, however many come at once;
// what was offered is there when the log is closed.
func TestLinesAreKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	l := opened(t, Config{File: path})
	var all sync.WaitGroup
	for n := range 50 {
		all.Go(func() {
			for i := range 5 {
				text := fmt.Sprintf("line %d of %d\n", i, n)
				if err := l.Keep(t.Context(), []byte(text)); err != nil {
					t.Error(err)
				}
				if !strings.Contains(content(t, path), text) {
					t.Errorf("%q is kept and not there", text)
				}
			}
		})
	}
	all.Wait()
	if err := l.Offer([]byte("offered\n")); err != nil {
		t.Error(err)
	}
	if err := errors.Join(l.Close(), l.Close()); err != nil {
		t.Error(err)
	}
	text := content(t, path)
	if lines := strings.Count(text, "\n"); lines != 251 || !strings.HasSuffix(text, "offered\n") {
		t.Errorf("%d lines are there, want 251", lines)
	}
	if err := l.Offer([]byte("late\n")); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("offered behind Close: %v", err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file is %v, %v", info.Mode(), err)
	}
}

// A line that was cut off by a crash is ended, and what was there stays.
func TestAddsToWhatIsThere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	if err := os.WriteFile(path, []byte("whole\ncut o"), 0o600); err != nil {
		t.Fatal(err)
	}
	l := opened(t, Config{File: path})
	if err := l.Keep(t.Context(), []byte("next\n")); err != nil {
		t.Fatal(err)
	}
	if got := content(t, path); got != "whole\ncut o\nnext\n" {
		t.Errorf("the file is %q", got)
	}
}

// A file that is moved away is left alone, and another is made in its place.
func TestMovedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	l := opened(t, Config{File: path})
	for _, text := range []string{"one\n", "two\n"} {
		if err := l.Keep(t.Context(), []byte(text)); err != nil {
			t.Fatal(err)
		}
		if got := content(t, path); got != text {
			t.Errorf("the file is %q, want %q", got, text)
		}
		if err := os.Rename(path, path+"."+strings.TrimSpace(text)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCannotBeOpened(t *testing.T) {
	_, err := Open(Config{File: filepath.Join(t.TempDir(), "missing", "audit.log")})
	if fault.KindOf(err) != fault.Invalid || fault.Of(err).Hint == "" {
		t.Errorf("got %v, want %s with a hint", err, fault.Invalid)
	}
}

// A sick file fails as it is told, or waits.
type sick struct {
	*os.File
	write, sync error
	gate        chan struct{} // closed: goes on
}

func (s *sick) Write(p []byte) (int, error) {
	if s.write != nil {
		n, _ := s.File.Write(p[:len(p)/2])
		return n, s.write
	}
	return s.File.Write(p)
}

func (s *sick) Sync() error {
	if s.gate != nil {
		<-s.gate
	}
	if s.sync != nil {
		return s.sync
	}
	return s.File.Sync()
}

// What cannot be written, or not made durable, is refused and not there; and when the
// file is well again, all goes on.
func TestSickFile(t *testing.T) {
	full := errors.New("no space left")
	for name, illness := range map[string]sick{"write": {write: full}, "sync": {sync: full}} {
		t.Run(name, func(t *testing.T) {
			path, well := filepath.Join(t.TempDir(), "audit.log"), false
			lost := make(chan int, 10)
			l, err := open(Config{File: path, Lost: func(n int, err error) {
				if !errors.Is(err, full) {
					t.Errorf("lost for %v", err)
				}
				lost <- n
			}}, func(path string) (file, error) {
				opened, err := openFile(path)
				if err != nil || well {
					return opened, err
				}
				ill := illness
				ill.File = opened.(*os.File)
				return &ill, nil
			})
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			for range 2 {
				err := l.Keep(t.Context(), []byte("refused\n"))
				if fault.KindOf(err) != fault.Unavailable || fault.Of(err).Code != "audit-unavailable" || !errors.Is(err, full) {
					t.Errorf("got %v, want %s", err, fault.Unavailable)
				}
			}
			if err := l.Offer([]byte("refused\n")); err != nil {
				t.Fatal(err)
			}
			if n := <-lost; n != 1 {
				t.Errorf("%d lines are told of, want 1", n)
			}
			well = true // the writer waits for the next line, which is sent behind this
			if err := l.Keep(t.Context(), []byte("kept\n")); err != nil {
				t.Error(err)
			}
			if got := content(t, path); got != "kept\n" {
				t.Errorf("the file is %q", got)
			}
		})
	}
}

// While the file takes no lines, as many as there is room for wait; the next are refused
// at once, and who waits may leave.
func TestFullQueue(t *testing.T) {
	path, gate := filepath.Join(t.TempDir(), "audit.log"), make(chan struct{})
	l, err := open(Config{File: path}, func(path string) (file, error) {
		opened, err := openFile(path)
		if err != nil {
			return nil, err
		}
		return &sick{File: opened.(*os.File), gate: gate}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	taken := 0
	for l.Offer([]byte("x\n")) == nil {
		if taken++; taken > 3*maxWaiting {
			t.Fatal("there is no end to what is taken")
		}
	}
	if taken < maxWaiting {
		t.Errorf("%d lines are taken, want %d or more", taken, maxWaiting)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.Keep(ctx, []byte("y\n")); err == nil {
		t.Error("a line is kept that there is no room for")
	}
	close(gate)
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if got := strings.Count(content(t, path), "x\n"); got < taken {
		t.Errorf("%d lines are there of %d that were taken", got, taken)
	}
}
