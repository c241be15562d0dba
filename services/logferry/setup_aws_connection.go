package main

import (
	"cmp"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/services/logferry/internal/connections"
)

// wiring is how the connection that a set-up is for comes to Logferry.
type wiring struct{ connection, destination, token string }

func (w *wiring) flags(c *cobra.Command, _ *site) {
	c.Flags().StringVar(&w.connection, "connection", "", "`NAME` of the connection (default that of the set-up)")
	c.Flags().StringVar(&w.destination, "destination", "", "`NAME` of its destination")
	c.Flags().StringVar(&w.token, "web-identity-token-file", "", "`FILE` with the tenant's token where Logferry runs")
}

func (w *wiring) check(string) error { return nil }

// named returns the connection with its name and destination.
func (w *wiring) named(s *scene, conn connection.Connection) connection.Connection {
	conn.Name = cmp.Or(w.connection, s.Setup)
	conn.Destination, conn.WebIdentityTokenFile = w.destination, w.token
	return conn
}

// write prints the connection as a configuration file has it.
func (w *wiring) write(c *cobra.Command, _ *site, s *scene, conn connection.Connection) error {
	fmt.Fprint(c.OutOrStdout(), "\nIn the configuration:\n\n")
	return connections.Write(c.OutOrStdout(), connection.Set{Connections: []connection.Connection{w.named(s, conn)}})
}
