package vpcflow_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/logferry/logferry/pkg/format/all"
	"github.com/logferry/logferry/pkg/format/formattest"
	"github.com/logferry/logferry/pkg/format/vpcflow"
)

func TestFormat(t *testing.T) { formattest.Run(t, vpcflow.Format(), all.Formats()) }

func FuzzFormat(f *testing.F) { formattest.Fuzz(f, vpcflow.Format()) }

func BenchmarkFormat(b *testing.B) { formattest.Benchmark(b, vpcflow.Format(), object(10_000)) }

// object returns a log of the default format.
func object(lines int) []byte {
	var text strings.Builder
	text.WriteString("version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status\n")
	random := rand.New(rand.NewPCG(1, 2))
	for range lines {
		fmt.Fprintf(&text, "2 123456789012 eni-%017x 10.26.%d.%d 198.51.100.%d %d 443 6 %d %d 1763596800 1763596860 ACCEPT OK\n",
			random.Uint64N(40), random.IntN(8), random.IntN(256), random.IntN(256), 1024+random.IntN(60_000), random.IntN(100), random.IntN(100_000))
	}
	return []byte(text.String())
}
