// Package table holds the Log Analytics tables that AWS logs go to: their
// columns, types and meaning, as the service publishes them, and [Rows], which
// builds Arrow record batches of them.
package table

import (
	"embed"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"sync"

	"github.com/apache/arrow/go/v17/arrow"
)

// Type is the type of a Log Analytics column, spelled as the service spells it.
type Type string

// The types a column can have.
const (
	String   Type = "string"
	Int      Type = "int"  // 32 bit
	Long     Type = "long" // 64 bit
	Real     Type = "real" // 64 bit
	Bool     Type = "bool"
	DateTime Type = "datetime" // microseconds since 1970, UTC
	Dynamic  Type = "dynamic"  // any JSON value
)

// TypeKey is the key of the Arrow field metadata that names the Log Analytics
// type of a column. It tells a dynamic column (JSON text) from a string.
const TypeKey = "logferry.type"

// Column is one column of a table.
type Column struct {
	Name string `json:"name"`
	Type Type   `json:"type"`
	// Doc says what the column means and which source field fills it.
	Doc string `json:"description"`
	// System columns are set by the service and never sent.
	System bool `json:"system"`
}

// Table is one Log Analytics table.
type Table struct {
	Name string `json:"table"`
	// OutputStream is the name a data collection rule gives the table.
	OutputStream string `json:"output_stream"`
	// Ingestible tells whether the Logs Ingestion API can write the table.
	Ingestible bool     `json:"supports_logs_ingestion_api"`
	Columns    []Column `json:"columns"`
}

// Column returns the column of that exact name.
func (t *Table) Column(name string) (Column, bool) {
	i := slices.IndexFunc(t.Columns, func(c Column) bool { return c.Name == name })
	if i < 0 {
		return Column{}, false
	}
	return t.Columns[i], true
}

// workspace holds one JSON file per table: names, types and descriptions from
// the Azure Monitor table reference
// (https://learn.microsoft.com/azure/azure-monitor/reference/tables-index).
//
//go:embed workspace/*.json
var workspace embed.FS

var load = sync.OnceValue(func() []*Table {
	entries, err := workspace.ReadDir("workspace")
	if err != nil {
		panic(fmt.Sprintf("table: embedded tables: %v", err))
	}
	tables := make([]*Table, 0, len(entries))
	for _, e := range entries {
		body, err := workspace.ReadFile(path.Join("workspace", e.Name()))
		if err != nil {
			panic(fmt.Sprintf("table: embedded tables: %v", err))
		}
		t := new(Table)
		if err := json.Unmarshal(body, t); err != nil {
			panic(fmt.Sprintf("table: %s: %v", e.Name(), err))
		}
		tables = append(tables, t)
	}
	return tables
})

// All returns every table, sorted by name. The tables are shared: do not
// change them.
func All() []*Table { return load() }

// Get returns the table of that name.
func Get(name string) (*Table, bool) {
	i := slices.IndexFunc(load(), func(t *Table) bool { return t.Name == name })
	if i < 0 {
		return nil, false
	}
	return load()[i], true
}

// Schema returns the Arrow schema of a rows batch with the given columns. The
// schema's metadata names the table; each field's metadata names its Log
// Analytics type under [TypeKey].
func Schema(name string, columns []Column) *arrow.Schema {
	fields := make([]arrow.Field, len(columns))
	for i, c := range columns {
		fields[i] = arrow.Field{
			Name:     c.Name,
			Type:     arrowType(c.Type),
			Nullable: true,
			Metadata: arrow.NewMetadata([]string{TypeKey}, []string{string(c.Type)}),
		}
	}
	meta := arrow.NewMetadata([]string{"logferry.table"}, []string{name})
	return arrow.NewSchema(fields, &meta)
}

func arrowType(t Type) arrow.DataType {
	switch t {
	case Int:
		return arrow.PrimitiveTypes.Int32
	case Long:
		return arrow.PrimitiveTypes.Int64
	case Real:
		return arrow.PrimitiveTypes.Float64
	case Bool:
		return arrow.FixedWidthTypes.Boolean
	case DateTime:
		return arrow.FixedWidthTypes.Timestamp_us
	case String, Dynamic:
		return arrow.BinaryTypes.String
	}
	panic(fmt.Sprintf("table: unknown column type %q", t))
}
