// Package cloudtest starts the stand-ins of both clouds for a test.
package cloudtest

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/logferry/logferry/pkg/localcloud"
)

// Start starts the stand-ins and ends them with the test. For as long as that
// lasts, AWS's SDK finds them by the environment, and nothing of this
// machine's own settings.
func Start(t testing.TB, o localcloud.Options) *localcloud.Cloud {
	t.Helper()
	cloud, err := localcloud.Start(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cloud.Close)
	none := filepath.Join(t.TempDir(), "none")
	for _, e := range append(cloud.Env(), "AWS_CONFIG_FILE="+none, "AWS_SHARED_CREDENTIALS_FILE="+none) {
		name, value, _ := strings.Cut(e, "=")
		t.Setenv(name, value)
	}
	return cloud
}
