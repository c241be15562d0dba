package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/logferry/logferry/pkg/app"
)

// statusIncomplete is the exit status of a command that did what it was told,
// and had to set something aside, or found something missing.
const statusIncomplete = 3

// incomplete is the error of that status.
func incomplete(format string, args ...any) error {
	return &app.StatusError{Status: statusIncomplete, Err: fmt.Errorf(format, args...)}
}

// site is what a command works on: the flags of all that use a configuration
// and its bus.
type site struct{ config, level string }

func (s *site) flags(c *cobra.Command) {
	c.Flags().StringVarP(&s.config, "config", "c", "", "configuration `FILE` (required)")
	c.Flags().StringVar(&s.level, "log-level", "warn", "`LEVEL` of the log: debug, info, warn or error")
}

// load reads the configuration.
func (s *site) load() (app.Config, error) {
	if s.config == "" {
		return app.Config{}, app.Usage(errors.New("--config is missing; name the configuration file"))
	}
	return app.Load(s.config)
}

// work calls f beside the services that work on the bus, or those given, when
// nobody has the embedded bus.
func (s *site) work(c *cobra.Command, cfg app.Config, services []app.Service, f func(context.Context, *app.Env) error) error {
	log, err := s.logger(c)
	if err != nil {
		return err
	}
	return app.Beside(c.Context(), cfg, log, services, f)
}

func (s *site) logger(c *cobra.Command) (*slog.Logger, error) {
	log, err := app.Logger(c.ErrOrStderr(), s.level)
	if err != nil {
		return nil, app.Usage(err)
	}
	return log, nil
}

// carriers are the services that carry what others than pollers have put on the
// bus.
func carriers() ([]app.Service, error) {
	return choose(services(), []string{"fetcher", "parser", "writer"})
}

// oneOf checks a word that must be one of some.
func oneOf(what, word string, known ...string) error {
	if slices.Contains(known, word) {
		return nil
	}
	return fmt.Errorf("there is no %s %q; there are %s", what, word, strings.Join(known, ", "))
}

// times are the flags that bound when something was stored.
type times struct{ since, until string }

// howTimes says how a TIME is written.
const howTimes = "2026-11-23T14:00:00Z, 2026-11-23 or 6h"

// span reads both. What is not given is the zero time.
func (t times) span(now time.Time) (since, until time.Time, err error) {
	if since, err = instant("since", t.since, now); err != nil {
		return since, until, err
	}
	if until, err = instant("until", t.until, now); err != nil {
		return since, until, err
	}
	switch {
	case since.After(now) || until.After(now):
		err = errors.New("--since and --until must not lie in the future")
	case !until.IsZero() && until.Before(since):
		err = errors.New("--until must not lie before --since")
	}
	return since, until, err
}

// instant reads a time: an instant, a day, or how long ago.
func instant(flag, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	ago, err := time.ParseDuration(text)
	if err != nil || ago < 0 {
		return time.Time{}, fmt.Errorf("--%s %q is no time; write %s", flag, text, howTimes)
	}
	return now.Add(-ago), nil
}
