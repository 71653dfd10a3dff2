package otel

import (
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/telemetry"
)

// The names of attributes. error.type is OpenTelemetry's own.
const (
	portKey       = attribute.Key("portolan.port")
	operationKey  = attribute.Key("portolan.operation")
	collectionKey = attribute.Key("portolan.collection")
	errorKey      = attribute.Key("error.type")
)

// A beginning is what the span of an operation starts with.
type beginning struct {
	name    string
	options []trace.SpanStartOption
}

func beginningOf(op telemetry.Op) beginning {
	name, kind := text(op.Port)+" "+text(op.Name), trace.SpanKindInternal
	if op.Port == "http" {
		name, kind = text(op.Name), trace.SpanKindServer
	}
	return beginning{name, []trace.SpanStartOption{trace.WithSpanKind(kind), trace.WithAttributes(attributesOf(op)...)}}
}

// An ending is an operation with the kind of its error, or empty.
type ending struct {
	telemetry.Op
	kind fault.Kind
}

// measured is what the duration of an operation with this ending is recorded with.
func measured(e ending) []metric.RecordOption {
	attributes := attributesOf(e.Op)
	if e.kind != "" {
		attributes = append(attributes, errorKey.String(string(e.kind)))
	}
	return []metric.RecordOption{metric.WithAttributeSet(attribute.NewSet(attributes...))}
}

func attributesOf(op telemetry.Op) []attribute.KeyValue {
	attributes := []attribute.KeyValue{portKey.String(text(op.Port)), operationKey.String(text(op.Name))}
	if op.Collection != "" {
		attributes = append(attributes, collectionKey.String(text(op.Collection)))
	}
	return attributes
}

// text makes s UTF-8: one string that is not would spoil its whole batch.
func text(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
