package servers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

var datastore = running{rare: true}

// Datastore returns the host:port of Google's emulator of Firestore in Datastore mode,
// which PORTOLAN_TEST_DATASTORE names, or which is started. Tests keep apart by
// namespaces of their own.
//
// The emulator is part of the Google Cloud CLI and cannot be installed by a script
// here: without it the tests are skipped, and say so.
func Datastore(t testing.TB) string {
	t.Helper()
	return datastore.wanted(t, "the Datastore emulator", "PORTOLAN_TEST_DATASTORE", StartDatastore)
}

// emulators are where the emulator is looked for, behind PORTOLAN_TEST_DATASTORE_JAR.
var emulators = []string{
	"/usr/lib/google-cloud-sdk/platform/cloud-firestore-emulator/cloud-firestore-emulator.jar",
	"/usr/share/google-cloud-sdk/platform/cloud-firestore-emulator/cloud-firestore-emulator.jar",
}

// emulator returns the path of the emulator.
func emulator() (jar string, err error) {
	for _, jar := range append([]string{os.Getenv("PORTOLAN_TEST_DATASTORE_JAR")}, emulators...) {
		if _, err := os.Stat(jar); jar != "" && err == nil {
			return jar, nil
		}
	}
	return "", ErrAbsent
}

// StartDatastore starts an emulator, which keeps everything in memory.
func StartDatastore() (*Server, error) {
	jar, err := emulator()
	if err != nil {
		return nil, err
	}
	java, err := exec.LookPath("java")
	if err != nil {
		return nil, ErrAbsent
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "portolan-datastore-")
	if err != nil {
		return nil, err
	}
	run := exec.CommandContext(context.Background(), java, "-Xmx1g", "-cp", jar,
		"com.google.cloud.datastore.emulator.firestore.CloudFirestore",
		"--host=127.0.0.1", "--port="+strconv.Itoa(port), "--database-mode=datastore-mode")
	run.Dir = dir
	run.Env = []string{"PATH=" + filepath.Dir(java) + ":/usr/bin:/bin", "HOME=" + dir}
	run.SysProcAttr = child(syscall.SIGKILL)
	at := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	if err := run.Start(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	ended := make(chan error, 1)
	go func() { ended <- run.Wait() }()
	stop := func() error {
		killed := run.Process.Kill() // it keeps nothing
		<-ended
		return errors.Join(killed, os.RemoveAll(dir))
	}
	if err := listens(at); err != nil {
		return nil, errors.Join(fmt.Errorf("the emulator does not listen: %w", err), stop())
	}
	return &Server{Address: at, PID: run.Process.Pid, Stop: stop}, nil
}

// listens waits until the port takes connections.
func listens(at string) error {
	deadline := time.Now().Add(60 * time.Second)
	for {
		conn, err := (&net.Dialer{Deadline: deadline}).DialContext(context.Background(), "tcp", at)
		if err == nil {
			return conn.Close()
		}
		if time.Now().After(deadline) {
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
}
