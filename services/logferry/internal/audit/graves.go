package audit

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/bus"
	"github.com/logferry/logferry/pkg/ledger"
)

// graves are the objects that open dead letters name. They hold 16 bytes for
// each, whatever the letters hold.
type graves struct {
	read    time.Time // when the reading began
	objects map[ledger.Key]struct{}
	places  map[[16]byte]struct{}
}

// dig reads the open dead letters of the bucket.
func (a *audit) dig(ctx context.Context) error {
	g := &graves{read: time.Now(), objects: map[ledger.Key]struct{}{}, places: map[[16]byte]struct{}{}}
	err := a.env.Bus.Letters(ctx, bus.LetterFilter{Connection: a.Connection.Name, Bucket: a.Bucket, KeyPrefix: a.Prefix}, func(l bus.Letter) error {
		g.add(l)
		return nil
	})
	if err != nil {
		return fmt.Errorf("read the dead letters: %w", err)
	}
	a.graves = g
	return nil
}

// add takes up a letter. One of an object that was tried again has another
// object id: the object is told by where it lies.
func (g *graves) add(l bus.Letter) {
	g.objects[ledger.KeyOf(l.GetObjectId())] = struct{}{}
	if l.GetKey() == "" {
		return
	}
	if l.GetVersionId() != "" || l.GetEtag() != "" {
		g.objects[ledger.KeyOf(batch.ObjectID(l.GetConnection(), l.GetBucket(), l.GetKey(), l.GetVersionId(), l.GetEtag()))] = struct{}{}
		return
	}
	g.places[placeOf(l.GetBucket(), l.GetKey())] = struct{}{}
}

// name reports whether a letter names the object. A letter without version or
// ETag names every object at its place that has no version either.
func (g *graves) name(f finding) bool {
	if _, ok := g.objects[ledger.KeyOf(f.id)]; ok {
		return true
	}
	_, ok := g.places[placeOf(f.Bucket, f.Key)]
	return ok && f.VersionID == ""
}

func placeOf(bucket, key string) (p [16]byte) {
	sum := sha256.Sum256([]byte(bucket + "/" + key))
	copy(p[:], sum[:])
	return p
}
