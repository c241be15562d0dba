// Command passes passes two points in turn, three times, and tells each pass.
package main

import (
	"fmt"

	"github.com/logferry/logferry/pkg/failpoint"
)

func main() {
	for range 3 {
		for _, name := range []string{"a", "b"} {
			failpoint.Hit(name)
			fmt.Print(name)
		}
	}
}
