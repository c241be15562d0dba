// Command logferry-lookup runs the lookup alone. It exits with 0 when it was told
// to stop, 1 when something failed and 2 when the command line is wrong.
package main

import (
	"os"

	"github.com/logferry/logferry/pkg/app"
	"github.com/logferry/logferry/services/lookup"
)

func main() { os.Exit(app.Main(lookup.Service())) }
