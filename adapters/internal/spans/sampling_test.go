package spans

import (
	"context"
	"encoding/binary"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// asked has the sampler decide about the first span of a trace that came from outside.
func asked(ctx context.Context, by sdktrace.Sampler, id trace.TraceID, flags trace.TraceFlags) bool {
	state, err := trace.ParseTraceState("vendor=1")
	if err != nil {
		panic(err)
	}
	ctx = trace.ContextWithRemoteSpanContext(ctx, trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: id, SpanID: trace.SpanID{1}, TraceFlags: flags, TraceState: state, Remote: true,
	}))
	if by, ok := by.(trusting); ok {
		return by.ShouldSample(sdktrace.SamplingParameters{ParentContext: Trust(ctx), TraceID: id}).Decision == sdktrace.RecordAndSample
	}
	result := by.ShouldSample(sdktrace.SamplingParameters{ParentContext: ctx, TraceID: id})
	if result.Tracestate.String() != "vendor=1" {
		panic("the state of the trace is lost: " + result.Tracestate.String())
	}
	return result.Decision == sdktrace.RecordAndSample
}

// trusting is a sampler that is asked about callers who are known.
type trusting struct{ guarded }

// TestNobodyChoosesWhatIsRecorded: by no id and no flag has a stranger more, or less, recorded
// than the share; all instances with one key record the same of it.
func TestNobodyChoosesWhatIsRecorded(t *testing.T) {
	share, err := Share("test", 0.1)
	if err != nil {
		t.Fatal(err)
	}
	samplers := map[string]sdktrace.Sampler{"a share": share, "the caller's choice": sdktrace.ParentBased(share)}
	for name, sampler := range samplers {
		one, same, other := guarded{sampler, []byte("key")}, guarded{sampler, []byte("key")}, guarded{sampler, []byte("other")}
		for _, chosen := range []uint64{0, 1 << 40, ^uint64(0) >> 1} { // low and high ones, as the share has them
			for _, flags := range []trace.TraceFlags{0, trace.FlagsSampled} {
				recorded, differ := 0, 0
				for i := range uint64(1000) {
					var id trace.TraceID
					binary.BigEndian.PutUint64(id[:8], i+1)
					binary.BigEndian.PutUint64(id[8:], chosen)
					is := asked(t.Context(), one, id, flags)
					if is {
						recorded++
					}
					if is != asked(t.Context(), same, id, flags) {
						t.Fatalf("%s: two instances decide differently about %s", name, id)
					}
					if is != asked(t.Context(), other, id, flags) {
						differ++
					}
				}
				if recorded < 50 || recorded > 160 || differ < 50 {
					t.Errorf("%s, ids like %x and flags %d: %d of 1000 are recorded, and %d are otherwise with another key", name, chosen, flags, recorded, differ)
				}
			}
		}
	}
}

// TestTrustedChoice: who is trusted has the choice that the sampler gives.
func TestTrustedChoice(t *testing.T) {
	low, high := trace.TraceID{15: 1}, trace.TraceID{8: 0x7f, 9: 0xff, 15: 1}
	parents := trusting{guarded{sdktrace.ParentBased(sdktrace.AlwaysSample()), []byte("key")}}
	if !asked(t.Context(), parents, low, trace.FlagsSampled) || asked(t.Context(), parents, low, 0) {
		t.Error("the flag of a trusted caller does not count")
	}
	shares := trusting{guarded{sdktrace.TraceIDRatioBased(0.1), []byte("key")}}
	if !asked(t.Context(), shares, low, 0) || asked(t.Context(), shares, high, trace.FlagsSampled) {
		t.Error("the id of a trusted caller's trace does not count as it is")
	}
	if ctx := t.Context(); Trust(ctx) != ctx {
		t.Error("without a trace there is something to trust")
	}
}

// TestWholeTraces: what is within a span is recorded if that is, and what nobody sent is
// recorded as the sampler says.
func TestWholeTraces(t *testing.T) {
	g := guarded{sdktrace.TraceIDRatioBased(0.1), []byte("key")}
	for _, id := range []trace.TraceID{{15: 1}, {8: 0x7f, 9: 0xff, 15: 1}} {
		for flags, want := range map[trace.TraceFlags]bool{0: false, trace.FlagsSampled: true} {
			within := trace.ContextWithSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{TraceID: id, SpanID: trace.SpanID{1}, TraceFlags: flags}))
			if got := g.ShouldSample(sdktrace.SamplingParameters{ParentContext: within, TraceID: id}).Decision == sdktrace.RecordAndSample; got != want {
				t.Errorf("within a span with the flags %d of %s it is recorded: %t", flags, id, got)
			}
		}
		alone := g.ShouldSample(sdktrace.SamplingParameters{ParentContext: t.Context(), TraceID: id}).Decision == sdktrace.RecordAndSample
		if want := id[8] == 0; alone != want {
			t.Errorf("%s, which begins here, is recorded: %t, want %t", id, alone, want)
		}
	}
}
