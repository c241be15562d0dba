package cloudtrail_test

import (
	"testing"

	"github.com/logferry/logferry/pkg/format/all"
	"github.com/logferry/logferry/pkg/format/cloudtrail"
	"github.com/logferry/logferry/pkg/format/formattest"
)

func TestFormat(t *testing.T) { formattest.Run(t, cloudtrail.Format(), all.Formats()) }

func FuzzFormat(f *testing.F) { formattest.Fuzz(f, cloudtrail.Format()) }

func BenchmarkFormat(b *testing.B) { formattest.Benchmark(b, cloudtrail.Format(), logFile(1000)) }
