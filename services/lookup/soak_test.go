//go:build soak

package lookup

import (
	"testing"
	"time"
)

// A million events.
func TestSoakMillion(t *testing.T) { everyEventOnce(t, 60, 1_000_000/12+1, time.Hour) }
