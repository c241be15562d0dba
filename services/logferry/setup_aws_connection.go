package main

import (
	"cmp"
	"errors"

	"github.com/spf13/cobra"

	"github.com/logferry/logferry/pkg/app"
	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/services/logferry/internal/connections"
)

// wiring is how the connection that a set-up is for comes to Logferry.
type wiring struct {
	handover
	connection, destination, token string
}

func (w *wiring) flags(c *cobra.Command, s *site) {
	c.Flags().StringVar(&w.connection, "connection", "", "`NAME` of the connection (default that of the set-up)")
	c.Flags().StringVar(&w.destination, "destination", "", "`NAME` of its destination")
	c.Flags().StringVar(&w.token, "web-identity-token-file", "", "`FILE` with the tenant's token where Logferry runs")
	w.handover.flags(c, s, "connection")
}

// ready makes sure, before AWS is changed, that Logferry can take the
// connection.
func (w *wiring) ready(c *cobra.Command, s *site) error {
	if s.config != "" && w.destination == "" {
		return app.Usage(errors.New("--destination is missing; name where the rows of the connection go"))
	}
	return w.handover.ready(c, s, func(there connection.Set) error {
		_, err := connections.PickDestinations(there, []string{w.destination})
		return err
	})
}

// set returns the connection with its name and destination.
func (w *wiring) set(s *scene, conn connection.Connection) connection.Set {
	conn.Name = cmp.Or(w.connection, s.Setup)
	conn.Destination, conn.WebIdentityTokenFile = w.destination, w.token
	return connection.Set{Connections: []connection.Connection{conn}}
}
