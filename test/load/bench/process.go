//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	started "github.com/portolan-io/portolan/test/servers"
)

// A process is a server that runs as a child of this program.
type process struct {
	name    string
	cmd     *exec.Cmd
	log     string        // the file of what it writes
	address string        // of what is measured, host:port
	admin   string        // of profiles, host:port
	ready   time.Duration // from the start of the program to its first answer
}

// ticks is the unit of /proc/PID/stat on every Linux: a hundredth of a second.
const ticks = 10 * time.Millisecond

// startup is how long a program may take until it answers.
const startup = time.Minute

// start runs the command, whose output goes to a file, until the path of the
// address answers with 200.
func start(ctx context.Context, name, logFile, address, path string, cmd *exec.Cmd) (_ *process, err error) {
	log, err := os.Create(logFile)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	p := &process{name: name, cmd: cmd, log: log.Name(), address: address, admin: address}
	begun := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	for time.Since(begun) < startup && ctx.Err() == nil {
		if fetch(ctx, address, path, io.Discard) == nil {
			p.ready = time.Since(begun)
			return p, nil
		}
		time.Sleep(time.Millisecond)
	}
	p.stop()
	said, err := os.ReadFile(logFile)
	return nil, errors.Join(ctx.Err(), err, fmt.Errorf("%s does not answer %s:\n%s", name, path, said))
}

// stop ends the process.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // if it has ended, Wait sees it
	killer := time.AfterFunc(10*time.Second, func() { _ = p.cmd.Process.Kill() })
	defer killer.Stop()
	_ = p.cmd.Wait() // how a server ends that was measured is no figure
}

// cpu returns what the process has used, as user and as system together.
func (p *process) cpu() (time.Duration, error) { return used(p.cmd.Process.Pid) }

func used(pid int) (time.Duration, error) {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return 0, err
	}
	// The name of the program, in parentheses, may hold anything.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 13 {
		return 0, fmt.Errorf("/proc/PID/stat reads %q", stat)
	}
	user, err := strconv.ParseInt(fields[11], 10, 64)
	system, wrong := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * ticks, errors.Join(err, wrong)
}

// resident returns how much of the process is in memory, in octets.
func (p *process) resident() (int64, error) { return memory(p.cmd.Process.Pid, "VmRSS") }

// memory returns a line of /proc/PID/status that says how much memory there is of
// some kind, in octets.
func memory(pid int, kind string) (int64, error) {
	status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		return 0, err
	}
	_, after, _ := strings.Cut(string(status), "\n"+kind+":")
	line, _, _ := strings.Cut(after, "\n")
	kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(line, "kB")), 10, 64)
	return kib << 10, err
}

// allocations returns how often the process has allocated, as its profile says.
func (p *process) allocations(ctx context.Context) (int64, error) {
	var profile bytes.Buffer
	if err := fetch(ctx, p.admin, "/debug/pprof/heap?debug=1", &profile); err != nil {
		return 0, err
	}
	_, after, _ := strings.Cut(profile.String(), "\n# Mallocs = ")
	digits, _, _ := strings.Cut(after, "\n")
	return strconv.ParseInt(digits, 10, 64)
}

// fetch writes the body of an answer of 200 to the writer.
func fetch(ctx context.Context, address, path string, to io.Writer) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+path, nil)
	if err != nil {
		return err
	}
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", path, response.Status)
	}
	_, err = io.Copy(to, response.Body)
	return err
}

// freeAddress returns an address of this machine's that nobody listens on.
func freeAddress(ctx context.Context) (string, error) {
	port, err := started.FreePort(ctx)
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), err
}
