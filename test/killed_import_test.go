package test

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// expectation is what the generator says an import must come to.
type expectation struct {
	Rows     int            `json:"rows"`
	Loaded   int            `json:"loaded"`
	Rejected map[string]int `json:"rejected"`
}

// TestKilledImportResumes kills an import with SIGKILL, again and again, and
// resumes it until it ends: then every good row is there once, every bad one is
// in the rejects file once, and nothing else is. PORTOLAN_TEST_ROWS asks for ten
// rounds of so many rows instead of the short form.
func TestKilledImportResumes(t *testing.T) {
	rounds, rows := 4, 20_000
	if text := os.Getenv("PORTOLAN_TEST_ROWS"); text != "" {
		var err error
		rounds = 10
		if rows, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	source := t.TempDir()
	mustRun(t, source, "generate", "--rows", strconv.Itoa(rows), "--dirty", "0.02", "--expect", "expected.json")
	var expected map[string]expectation
	if err := json.Unmarshal([]byte(read(t, filepath.Join(source, "expected.json"))), &expected); err != nil {
		t.Fatal(err)
	}
	for _, store := range durable() {
		t.Run(store.name, func(t *testing.T) {
			kills := 0
			for round := range rounds {
				kills += killAndResume(t, store, source, expected["products"], rand.New(rand.NewPCG(uint64(round), 1)))
			}
			if kills < rounds {
				t.Errorf("only %d imports were killed half-way in %d rounds: the test proves too little", kills, rounds)
			}
			t.Logf("%d rounds of %d rows, %d kills", rounds, rows, kills)
		})
	}
}

// killAndResume runs one import in a database of its own, killing it at most
// three times, and returns how often it was killed half-way.
func killAndResume(t *testing.T, store kept, source string, expected expectation, random *rand.Rand) int {
	t.Helper()
	dir := t.TempDir()
	store.initialise(t, dir)
	mustRun(t, dir, "portolan", "import", filepath.Join(source, "categories.csv"), "--into", "categories")
	args := []string{"import", filepath.Join(source, "products.csv"), "--into", "products", "--batch", "500", "--rejects", "rejects.ndjson", "--json"}
	kills := 0
	for range 3 {
		if !killed(t, dir, random, append(args, "--resume")) {
			break
		}
		kills++
	}
	out, code := run(t, dir, "portolan", append(args, "--resume")...)
	if code != 3 {
		t.Fatalf("the last import ended with %d, want 3 for rejected rows\n%s", code, out)
	}
	checkImported(t, dir, expected)
	return kills
}

// killed starts the program, kills it after a while and reports whether that
// was before its end.
func killed(t *testing.T, dir string, random *rand.Rand, args []string) bool {
	t.Helper()
	cmd := exec.Command(program(t, "portolan"), args...)
	cmd.Dir = dir
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Duration(60+random.IntN(240)) * time.Millisecond)
	_ = cmd.Process.Kill() // it may have ended
	_ = cmd.Wait()         // the exit code is looked at below
	switch code := cmd.ProcessState.ExitCode(); code {
	case -1: // by the signal
		return true
	case 3:
		return false
	default:
		t.Fatalf("the import ended by itself with %d\n%s", code, out.String())
		return false
	}
}

func checkImported(t *testing.T, dir string, expected expectation) {
	t.Helper()
	mustRun(t, dir, "portolan", "export", "products", "--to", "all.ndjson", "--select", "asin")
	ids := make(map[string]bool)
	for line := range strings.Lines(read(t, filepath.Join(dir, "all.ndjson"))) {
		ids[line] = true
	}
	if len(ids) != expected.Loaded {
		t.Errorf("%d records are stored, want %d", len(ids), expected.Loaded)
	}
	byCode, lines := map[string]int{}, map[int]bool{}
	for line := range strings.Lines(read(t, filepath.Join(dir, "rejects.ndjson"))) {
		var reject struct {
			Line int
			Code string
		}
		if err := json.Unmarshal([]byte(line), &reject); err != nil {
			t.Fatalf("%v in the rejects file: %s", err, line)
		}
		if lines[reject.Line] {
			t.Errorf("line %d is rejected twice", reject.Line)
		}
		lines[reject.Line] = true
		byCode[reject.Code]++
	}
	for code, want := range expected.Rejected {
		if byCode[code] != want {
			t.Errorf("%d rows are rejected as %s, want %d", byCode[code], code, want)
		}
		delete(byCode, code)
	}
	if len(byCode) > 0 {
		t.Errorf("rows are rejected for other reasons too: %v", byCode)
	}
}
