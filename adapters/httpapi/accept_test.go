package httpapi

import (
	"testing"
)

func TestAccepts(t *testing.T) {
	tests := []struct {
		accept string
		want   bool
	}{
		{"*/*", true},
		{"application/*", true},
		{"application/json", true},
		{"Application/JSON; charset=utf-8", true},
		{"text/html, application/xhtml+xml, */*;q=0.8", true},
		{"application/json;q=0.1", true},
		{"text/html", false},
		{"application/json;q=0", false},
		{"*/*, application/json;q=0", false},
		{"*/*;q=0, application/json", true},
		{"application/problem+json", false},
		{"json", false},
		{"", false},
	}
	for _, tt := range tests {
		if got := accepts([]string{tt.accept}, producesJSON); got != tt.want {
			t.Errorf("accepts(%q): got %v, want %v", tt.accept, got, tt.want)
		}
	}
}
