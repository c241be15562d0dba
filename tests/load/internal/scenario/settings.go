package scenario

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/logferry/logferry/pkg/app"
)

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// settings tells what was chosen, and every departure of the services'
// configuration from the defaults.
func (r *run) settings() map[string]string {
	set := map[string]string{
		"objects":  fmt.Sprintf("%s, %s", r.Shape, r.Format),
		"duration": r.Duration.String(),
	}
	if r.prepared.Level > 0 {
		set["gzip of the objects"] = fmt.Sprintf("level %d", r.prepared.Level)
	}
	if r.Rate > 0 {
		set["rate"] = fmt.Sprintf("%.0f events/s", r.Rate)
	}
	for stage, n := range r.Replicas {
		set["replicas of "+stage] = fmt.Sprint(n)
	}
	for name, latency := range map[string]time.Duration{"latency of S3": r.StoreLatency, "latency of ingestion": r.PostLatency} {
		if latency > 0 {
			set[name] = latency.String()
		}
	}
	departures(set, "", reflect.ValueOf(app.DefaultConfig()), reflect.ValueOf(r.config))
	return set
}

// departures adds the keys below a struct whose values differ from the
// defaults. Lists are left out: connections and destinations have none.
func departures(set map[string]string, prefix string, standard, used reflect.Value) {
	for i := range used.NumField() {
		name, _, _ := strings.Cut(used.Type().Field(i).Tag.Get("yaml"), ",")
		key, a, b := prefix+name, standard.Field(i), used.Field(i)
		switch {
		case b.Kind() == reflect.Struct:
			departures(set, key+".", a, b)
		case b.Kind() != reflect.Slice && !a.Equal(b):
			set[key] = fmt.Sprint(b.Interface())
		}
	}
}
