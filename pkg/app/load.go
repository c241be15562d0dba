package app

import (
	"bytes"
	"fmt"
	"os"

	"github.com/logferry/logferry/pkg/app/internal/settings"
)

// Load reads the configuration of a YAML file over [DefaultConfig], then the
// variables of the environment over it, and checks the whole. A variable is a
// key's path in capitals, with list elements by their name:
// LOGFERRY_CONNECTIONS_ORG_TRAIL_EXTERNAL_ID. The error tells every problem
// there is, one a line, each with its place, its key and what to write
// instead; it never tells a value.
func Load(path string) (Config, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Config{}, fmt.Errorf("read configuration: %w", err)
	}
	text = bytes.TrimPrefix(text, []byte("\ufeff")) // as some editors begin a file
	return read(path, text, os.Environ())
}

func read(path string, text []byte, environ []string) (Config, error) {
	cfg := DefaultConfig()
	source, err := settings.Read(path, text, environ, &cfg)
	if err != nil {
		return Config{}, err
	}
	cfg.validate(source.Report)
	if err := source.Err(); err != nil {
		return Config{}, err
	}
	return cfg, nil
}
