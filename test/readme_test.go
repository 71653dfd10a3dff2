package test

import (
	"context"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// prelude makes the lines of the README run in a folder that is not the
// repository, with the programs that are built already. The server ends with
// the shell.
const prelude = `set -e
go() {
	case "$*" in
	"build -o portolan .") cp "$PROGRAM" portolan ;;
	"run ./test/load/generate "*) shift 2; "$GENERATOR" "$@" ;;
	*) echo "go $* is not what is expected" >&2; return 1 ;;
	esac
}
trap 'kill $! && wait $!' EXIT
`

// TestReadmeWithYourOwnData pastes what the README says, line by line, into a
// shell, on ports that are free.
func TestReadmeWithYourOwnData(t *testing.T) {
	_, section, _ := strings.Cut(read(t, "../README.md"), "\nWith files of your own")
	block := regexp.MustCompile("(?s)```\n(.*?)```").FindStringSubmatch(section)
	if block == nil {
		t.Fatal("the README has no block for files of one's own")
	}
	_, port, _ := net.SplitHostPort(freeAddress(t))
	lines := strings.ReplaceAll(block[1], ":8080/", ":"+port+"/")
	if lines == block[1] {
		t.Error("nothing is asked of the server")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	shell := exec.CommandContext(ctx, "sh", "-c", prelude+lines)
	shell.Dir = t.TempDir()
	shell.Env = append(os.Environ(), "PROGRAM="+program(t, "portolan"), "GENERATOR="+program(t, "generate"), "PORT="+port, "ADMIN_PORT=0")
	shell.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // so that the server ends with it, whatever happens
	shell.Cancel = func() error { return syscall.Kill(-shell.Process.Pid, syscall.SIGKILL) }
	var errs strings.Builder
	shell.Stderr = &errs
	out, err := shell.Output()
	if err != nil {
		t.Fatalf("%v\n%s%s", err, out, errs.String())
	}
	for _, want := range []string{"loaded 248, rejected 0", "loaded 5000, rejected 0", `{"value":[{"asin":`, `"cost":`, `"nextLink":`} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the lines do not print %s:\n%s%s", want, out, errs.String())
		}
	}
}
