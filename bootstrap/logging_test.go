package bootstrap

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"
)

// TestLogOfADriver shows that a driver which knows the shape of lines gives it to JSON and not
// to text, and that without one it is as ever.
func TestLogOfADriver(t *testing.T) {
	t.Setenv("GOOGLE_CLOUD_PROJECT", "shop")
	for _, tt := range []struct{ name, config, has string }{
		{"json", "telemetry: [{driver: cloudtrace}]", "severity"},
		{"text", "telemetry: [{driver: cloudtrace}]", ""},
		{"another driver", "telemetry: [{driver: prometheus}]", "level"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := readLimits(t, tt.config)
			if tt.name == "text" {
				s.Service.Log = tt.name
			}
			var out bytes.Buffer
			newLog(s, logTo{&out}).Info("hello")
			var line map[string]any
			if err := json.Unmarshal(out.Bytes(), &line); (err == nil) != (tt.has != "") {
				t.Fatalf("the line is %s", out.Bytes())
			}
			if _, ok := line[tt.has]; tt.has != "" && !ok {
				t.Errorf("the line %s has no %s", out.Bytes(), tt.has)
			}
		})
	}
}

// TestLogIsTold shows that a log which is teed tells both handlers the same lines, with what
// every line of it has, and tells its own alone before.
func TestLogIsTold(t *testing.T) {
	var own, other bytes.Buffer
	log := newLog(readLimits(t, ""), logTo{&own})
	of := log.With("a", 1).WithGroup("g").With("b", 2)
	of.Info("early", "c", 3)
	early := own.Len()
	tee(log, slog.NewJSONHandler(&other, nil))
	of.Info("late", "c", 3)
	told := func(line []byte) string {
		var parts map[string]any
		if err := json.Unmarshal(line, &parts); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		delete(parts, "time")
		return fmt.Sprint(parts)
	}
	if got, want := told(other.Bytes()), told(own.Bytes()[early:]); got != want {
		t.Errorf("the other handler was told %s, want %s", got, want)
	}
}
