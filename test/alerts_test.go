package test

import (
	"strings"
	"testing"
)

// TestAlerts runs the tests of configs/alerts and configs/dashboards, in the module that has
// Prometheus's own parser and engine. Where the dependencies of the program change, go mod tidy
// is for that module too.
func TestAlerts(t *testing.T) {
	if testing.Short() {
		t.Skip("-short leaves out what builds and tests another module; make test runs it")
	}
	out := goOf(t, "alerts", "test", "-count=1", "-v", "./...")
	for _, name := range []string{"TestMetricsExist", "TestAlertsAreTheSame", "TestAlertsFire"} {
		if !strings.Contains(out, "--- PASS: "+name) {
			t.Errorf("%s did not pass", name)
		}
	}
}
