package servers

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
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
	return startForgetful("the Datastore emulator", func(port, dir string) *exec.Cmd {
		run := exec.CommandContext(context.Background(), java, "-Xmx1g", "-cp", jar,
			"com.google.cloud.datastore.emulator.firestore.CloudFirestore",
			"--host=127.0.0.1", "--port="+port, "--database-mode=datastore-mode")
		run.Env = []string{"PATH=" + filepath.Dir(java) + ":/usr/bin:/bin", "HOME=" + dir}
		return run
	}, listens)
}
