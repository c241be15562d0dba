package connections

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"

	"github.com/goccy/go-yaml"
	"github.com/sourcegraph/conc/panics"

	"github.com/logferry/logferry/pkg/connection"
)

// document is a set as it is written: a part of a configuration file.
type document struct {
	Destinations []connection.Destination `yaml:"destinations,omitempty"`
	Connections  []connection.Connection  `yaml:"connections,omitempty"`
}

// Write writes a set as YAML, which [Read] and a configuration file take.
func Write(w io.Writer, s connection.Set) error { return write(w, document(s)) }

// WriteOne writes a connection or a destination as YAML, which [ReadOne] takes.
func WriteOne[T connection.Connection | connection.Destination](w io.Writer, entry T) error {
	return write(w, entry)
}

func write(w io.Writer, value any) error {
	text, err := yaml.MarshalWithOptions(value, yaml.IndentSequence(true))
	if err != nil {
		return fmt.Errorf("write YAML: %w", err)
	}
	_, err = w.Write(text)
	return err
}

// Read reads a set from YAML. The error names the file's line, and no value.
func Read(file string, text []byte) (connection.Set, error) {
	var d document
	err := read(file, text, &d)
	if err == nil && len(d.Connections)+len(d.Destinations) == 0 {
		err = fmt.Errorf("%s: holds neither connections nor destinations", file)
	}
	return connection.Set(d), err
}

// ReadOne reads a connection or a destination from YAML. The error names the
// file's line, and no value.
func ReadOne[T connection.Connection | connection.Destination](file string, text []byte) (entry T, err error) {
	err = read(file, text, &entry)
	return entry, err
}

func read(file string, text []byte, value any) error {
	text = bytes.TrimPrefix(text, []byte("\ufeff")) // as some editors begin a file
	d := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict())
	if err := decode(d, value); err != nil {
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("%s: is empty", file)
		}
		return located(file, err)
	}
	if err := decode(d, new(any)); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: holds more than one YAML document; keep one", file)
	}
	return nil
}

// decode decodes a document. Some that are no YAML have the decoder panic.
func decode(d *yaml.Decoder, value any) (err error) {
	if p := panics.Try(func() { err = d.Decode(value) }); p != nil {
		return errors.New("the decoder gave up")
	}
	return err
}

// located tells an error of the YAML decoder with its line, and without the
// text it was found in.
func located(file string, err error) error {
	e, ok := errors.AsType[yaml.Error](err)
	if !ok {
		return fmt.Errorf("%s: is not YAML", file)
	}
	if token := e.GetToken(); token != nil {
		file = fmt.Sprintf("%s:%d", file, token.Position.Line)
	}
	if wrong, ok := errors.AsType[*yaml.TypeError](err); ok {
		return fmt.Errorf("%s: must be %s", file, kindOf(wrong.DstType))
	}
	return fmt.Errorf("%s: %s", file, e.GetMessage())
}

// kindOf says what a key of the type takes.
func kindOf(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Slice:
		return "a list"
	case reflect.Struct, reflect.Map:
		return "a mapping of keys to values"
	default:
		return "a text"
	}
}
