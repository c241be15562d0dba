package parser

import (
	"runtime"

	"github.com/logferry/logferry/pkg/app"
	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/format/all"
	"github.com/logferry/logferry/pkg/ledger"
	"github.com/logferry/logferry/pkg/stage"
)

// Stage returns the parser between any ends: it takes records from source,
// passes rows on to out, and enters parts that have no rows in account. The
// service is this stage between its streams; a replay has ends of its own. It
// registers the parser's metrics, so a process has one.
func Stage(env *app.Env, source stage.Source[*batch.Batch], out stage.Publisher[*batch.Batch], account ledger.Store) *stage.Stage[*batch.Batch, *batch.Batch] {
	workers := env.Config.Parser.Workers
	if workers == 0 {
		workers = 4 * runtime.GOMAXPROCS(0)
	}
	memory := new(batch.Pool) // of the rows
	p := &parser{formats: map[string]*rowMaker{}, ledger: account, metrics: newMetrics(env.Metrics)}
	for _, f := range all.Formats() {
		p.formats[f.Name] = newRowMaker(f, memory)
	}
	return &stage.Stage[*batch.Batch, *batch.Batch]{
		Name: name, Source: source, Out: out, Dead: env.Bus.Graveyard(), Handle: p.handle, Rejected: p.rejected,
		Workers: workers, Grace: env.Config.Grace, Log: env.Log.With("stage", name), Metrics: env.Stages,
	}
}
