package cloud

import "sync"

// keepOld is how many bytes of objects stay in the bucket after all of their
// rows have arrived, for messages that are delivered again.
const keepOld = 128 << 20

// old removes objects that are no longer needed, the oldest first.
type old struct {
	remove func(key string)

	mu      sync.Mutex
	objects []arrivedObject
	bytes   int64
}

// add notes that an object has arrived.
func (l *old) add(o arrivedObject) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.objects = append(l.objects, o)
	l.bytes += o.size
	for l.bytes > keepOld {
		l.remove(l.objects[0].key)
		l.bytes -= l.objects[0].size
		l.objects = l.objects[1:]
	}
}
