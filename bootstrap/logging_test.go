package bootstrap

import (
	"bytes"
	"encoding/json"
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
