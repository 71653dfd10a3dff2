package figures

import (
	"database/sql"
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/portolan-io/portolan/core/fault"
)

// open returns how many connections each pool has open, as the registry gathers it.
func open(t *testing.T, f *Figures) map[string]float64 {
	t.Helper()
	families, err := f.Registry().Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			for _, label := range metric.GetLabel() {
				if family.GetName() == "portolan_pool_open_connections" && label.GetName() == "pool" {
					got[label.GetValue()] += metric.GetGauge().GetValue()
				}
			}
		}
	}
	return got
}

func idle(n int) func() sql.DBStats {
	return func() sql.DBStats { return sql.DBStats{Idle: n, OpenConnections: n} }
}

// TestFigures: one of the same name takes the place of another, and those that are not given anew
// are gone, also if giving them failed.
func TestFigures(t *testing.T) {
	f := New()
	give := func(pools map[string]int) func() error {
		return func() error {
			for _, name := range slices.Sorted(maps.Keys(pools)) {
				if err := f.Pool(name, idle(pools[name])); err != nil {
					return err
				}
			}
			return nil
		}
	}
	odd := errors.New("odd")
	for _, step := range []struct {
		name string
		do   func() error
		want map[string]float64
	}{
		{"the first", give(map[string]int{"a": 1, "b": 2}), map[string]float64{"a": 1, "b": 2}},
		{"another of the name", give(map[string]int{"a": 3}), map[string]float64{"a": 3, "b": 2}},
		{"anew", func() error { return f.Anew(give(map[string]int{"b": 4, "c": 5})) }, map[string]float64{"b": 4, "c": 5}},
		{"anew and failed", func() error {
			return f.Anew(func() error { return errors.Join(give(map[string]int{"c": 6})(), odd) })
		}, map[string]float64{"c": 6}},
		{"none", func() error { return f.Anew(give(nil)) }, map[string]float64{}},
	} {
		if err := step.do(); err != nil && !errors.Is(err, odd) {
			t.Fatalf("%s: %v", step.name, err)
		}
		if got := open(t, f); !maps.Equal(got, step.want) {
			t.Errorf("behind %s the pools are %v, want %v", step.name, got, step.want)
		}
	}
}

// TestFiguresOfAnotherShape: a collector that does not go with those that are there is refused, and is not there.
func TestFiguresOfAnotherShape(t *testing.T) {
	f := New()
	for i, name := range []string{"one", "two"} {
		err := f.put(name, prometheus.NewGauge(prometheus.GaugeOpts{Name: "portolan_odd"}))
		if errors.Is(err, fault.Invalid) != (i == 1) {
			t.Errorf("put of %s = %v", name, err)
		}
	}
	if len(f.known) != 1 {
		t.Errorf("known are %v", f.known)
	}
}

// TestLabel: what is no UTF-8, which a label may not have, is replaced.
func TestLabel(t *testing.T) {
	if got := Label("a\xffb"); got != "a\uFFFDb" {
		t.Errorf("Label = %q", got)
	}
}
