package connection

// Set is all connections and destinations at one time, valid together. It is a
// value to read: who changes it works on a copy.
type Set struct {
	Destinations []Destination `yaml:"destinations"`
	Connections  []Connection  `yaml:"connections"`
}

// Connection returns the connection with this name.
func (s Set) Connection(name string) (Connection, bool) {
	for _, c := range s.Connections {
		if c.Name == name {
			return c, true
		}
	}
	return Connection{}, false
}

// Destination returns the destination with this name.
func (s Set) Destination(name string) (Destination, bool) {
	for _, d := range s.Destinations {
		if d.Name == name {
			return d, true
		}
	}
	return Destination{}, false
}
