package appinsights_test

import (
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/adapters/appinsights"
	"github.com/portolan-io/portolan/adapters/appinsights/appinsightstest"
	"github.com/portolan-io/portolan/adapters/internal/spans"
	"github.com/portolan-io/portolan/ports/telemetry"
)

// TestLog states what is sent of lines: those of a trace that is recorded beneath its span,
// warnings in any case, and of an error no word.
func TestLog(t *testing.T) {
	back := appinsightstest.NewReceiver(t)
	o := open(t, back, appinsights.Config{Logs: true, Sampling: 1e-9})
	log := slog.New(o.Log()).With("site", "a")
	recorded, rejected := "00-00000000000000000000000000000001-b7ad6b7169203331-01", "00-ffffffffffffffffffffffffffffffff-b7ad6b7169203331-01"
	ids := map[string]string{}
	for _, parent := range []string{recorded, rejected} {
		ctx, end := o.Start(spans.Trust(spans.Extract(t.Context(), http.Header{"Traceparent": {parent}})), telemetry.Op{Port: "http", Name: "GET /{collection}"})
		id, _ := spans.Span(ctx)
		ids[id] = parent[3:35]
		log.InfoContext(ctx, "request", "status", 200, slog.Group("g", "x", 1))
		log.ErrorContext(ctx, "request", "code", "internal", "cause", "c4n4ry", "why", errors.New("c4n4ry"))
		end(nil)
	}
	log.Info("started")
	if err := o.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	type line struct {
		Trace, Message, Severity string
		Rate                     float64
		Properties               map[string]string
	}
	var got []line
	for _, item := range back.Items() {
		of := item.Data.BaseData
		if item.Data.BaseType != "MessageData" {
			continue
		}
		if trace := item.Tags["ai.operation.id"]; trace != ids[item.Tags["ai.operation.parentId"]] {
			t.Errorf("the line is of %v", item.Tags)
		}
		got = append(got, line{item.Tags["ai.operation.id"], of.Message, of.SeverityLevel, item.SampleRate, of.Properties})
	}
	rare := float64(1e-9) * 100
	want := []line{
		{recorded[3:35], "request", "Information", rare, map[string]string{"site": "a", "status": "200", "g.x": "1"}},
		{recorded[3:35], "request", "Error", 100, map[string]string{"site": "a", "code": "internal"}},
		{rejected[3:35], "request", "Error", 100, map[string]string{"site": "a", "code": "internal"}},
		{"", "started", "Information", 100, map[string]string{"site": "a"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	if strings.Contains(back.Wrote(), "c4n4ry") {
		t.Error("the words of an error were sent")
	}
}

// TestLogIsBounded shows that lines which nobody takes are dropped and counted.
func TestLogIsBounded(t *testing.T) {
	back := appinsightstest.NewReceiver(t)
	o := open(t, back, appinsights.Config{Logs: true, Queue: 10})
	back.Stall()
	log := slog.New(o.Log())
	for range 2000 {
		log.Info("a line")
	}
	if got := o.Lost()["logs"]; got < 2000-10-512 {
		t.Errorf("%d lines are counted as lost, want all but those that wait", got)
	}
	if plain := open(t, back, appinsights.Config{}); plain.Log() != nil || len(plain.Lost()) != 2 {
		t.Errorf("lines are sent without logs: true")
	}
}
