package e2e

import (
	"os"
	"testing"

	"github.com/logferry/logferry/tests/story"
)

func TestMain(m *testing.M) { os.Exit(story.Main(m)) }
