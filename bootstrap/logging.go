package bootstrap

import (
	"io"
	"log/slog"
)

// logTo is where logs go.
type logTo struct{ io.Writer }

// newLog returns the log that the settings ask for.
func newLog(s *settings, to logTo) *slog.Logger {
	var level slog.Level
	if level.UnmarshalText([]byte(s.Service.LogLevel)) != nil {
		level = slog.LevelInfo // LogLevel is one of those that UnmarshalText knows
	}
	options := &slog.HandlerOptions{Level: level}
	if s.Service.Log == "text" {
		return slog.New(slog.NewTextHandler(to, options))
	}
	return slog.New(slog.NewJSONHandler(to, options))
}
