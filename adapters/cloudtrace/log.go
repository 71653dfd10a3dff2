package cloudtrace

import (
	"io"
	"log/slog"
)

// Log returns a log whose lines Cloud Logging reads as entries: with a severity, and with the
// trace and the span that a line belongs to. The project of a trace is the configured one or
// that of GOOGLE_CLOUD_PROJECT; without either, lines are not linked to traces.
func (cfg Config) Log(to io.Writer, level slog.Level) slog.Handler {
	project := cfg.project()
	return slog.NewJSONHandler(to, &slog.HandlerOptions{Level: level, ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) > 0 {
			return a
		}
		return googles(project, a)
	}})
}

// googles returns the attribute under the name that Cloud Logging has for it.
func googles(project string, a slog.Attr) slog.Attr {
	switch a.Key {
	case slog.LevelKey:
		if level, ok := a.Value.Any().(slog.Level); ok {
			return slog.String("severity", severity(level))
		}
	case slog.MessageKey:
		a.Key = "message"
	case "trace_id":
		if project != "" {
			return slog.String("logging.googleapis.com/trace", "projects/"+project+"/traces/"+a.Value.String())
		}
	case "span_id":
		a.Key = "logging.googleapis.com/spanId"
	case "trace_sampled":
		a.Key = "logging.googleapis.com/trace_sampled"
	}
	return a
}

func severity(level slog.Level) string {
	switch {
	case level >= slog.LevelError:
		return "ERROR"
	case level >= slog.LevelWarn:
		return "WARNING"
	case level >= slog.LevelInfo:
		return "INFO"
	}
	return "DEBUG"
}
