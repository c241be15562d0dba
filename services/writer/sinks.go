package writer

import (
	"context"
	"errors"
	"fmt"

	"github.com/logferry/logferry/pkg/app"
	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/sink"
	"github.com/logferry/logferry/pkg/sink/azure"
	"github.com/logferry/logferry/pkg/sink/file"
)

// sinks are the sinks of a process, by the name of their destination.
type sinks map[string]sink.Sink

func openSinks(ctx context.Context, env *app.Env, o options) (sinks, error) {
	pauses, err := env.Bus.Pauses(ctx)
	if err != nil {
		return nil, err
	}
	toAzure := azure.Options{
		Calls:       env.Config.Writer.Calls,
		Linger:      env.Config.Writer.Linger,
		Pauses:      pauses,
		Credentials: azure.NewCredentials(o.assertion),
		Version:     env.Version,
		Log:         env.Log.With("stage", name),
		Metrics:     azure.NewMetrics(env.Metrics),
	}
	toFiles := file.Options{Linger: env.Config.Writer.Linger, Log: env.Log.With("stage", name)}
	opened := make(sinks)
	for i, d := range env.Config.Destinations {
		s, err := open(d, toAzure, toFiles)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("destinations[%d].%w", i, err), opened.close())
		}
		opened[d.Name] = s
	}
	return opened, nil
}

// open opens the sink of a destination. An error begins with the key that is
// wrong.
func open(d connection.Destination, toAzure azure.Options, toFiles file.Options) (sink.Sink, error) {
	if d.IsFile() {
		return file.Open(d, toFiles)
	}
	return azure.Open(d, toAzure)
}

// close closes all sinks. Nothing is being written any more.
func (s sinks) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	var errs []error
	for name, one := range s {
		if err := one.Close(ctx); err != nil {
			errs = append(errs, fmt.Errorf("close destination %s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}
