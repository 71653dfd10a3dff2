package bootstrap

import (
	"io"
	"log/slog"
)

// logTo is where logs go.
type logTo struct{ io.Writer }

// newLog returns the log that the settings ask for. JSON is in the shape that the
// observability service of the telemetry reads, if a driver knows one.
func newLog(s *settings, to logTo) *slog.Logger {
	var level slog.Level
	if level.UnmarshalText([]byte(s.Service.LogLevel)) != nil {
		level = slog.LevelInfo // LogLevel is one of those that UnmarshalText knows
	}
	options := &slog.HandlerOptions{Level: level}
	if s.Service.Log == "text" {
		return slog.New(slog.NewTextHandler(to, options))
	}
	for _, driver := range s.telemetry {
		if shaping, ok := driver.settings.Interface().(interface {
			Log(to io.Writer, level slog.Leveler) slog.Handler
		}); ok {
			return slog.New(shaping.Log(to, level))
		}
	}
	return slog.New(slog.NewJSONHandler(to, options))
}
