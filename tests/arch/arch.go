// Package arch holds the house rules as tests: what may import what, how
// large things may grow, what every package and name owes its reader, and
// what is not done here at all. Each rule says why it exists, where it is
// broken and what to do about it.
//
// The rules read source text; only the transitive import rules ask the go
// command. A rule looks at one file, at one package, or at all of them.
package arch

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// modulePath is the prefix of every import path of the workspace.
const modulePath = "github.com/logferry/logferry/"

// Source is one parsed Go file of the workspace.
type Source struct {
	// Path is the file's path below the workspace, with forward slashes.
	Path string
	Text []byte
	File *ast.File

	fset *token.FileSet
}

// Parse parses one file. path decides what the file is: its folder is its
// package and a _test.go suffix makes it a test.
func Parse(path string, text []byte) (*Source, error) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, path, text, parser.ParseComments)
	if err != nil {
		return nil, fmt.Errorf("parse %s: %w", path, err)
	}
	return &Source{Path: path, Text: text, File: file, fset: fset}, nil
}

// Load parses every Go file below root but those of vendored tools, testdata
// and hidden folders, sorted by path.
func Load(root string) ([]*Source, error) {
	var sources []*Source
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && name != root && skipFolder(d.Name(), name) {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") {
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		s, err := Parse(filepath.ToSlash(rel), text)
		if err == nil {
			sources = append(sources, s)
		}
		return err
	})
	return sources, err
}

func skipFolder(base, name string) bool {
	return strings.HasPrefix(base, ".") || base == "testdata" || base == "node_modules" ||
		base == "bin" || strings.HasSuffix(filepath.ToSlash(name), "tests/tools")
}

// Folder is the folder of the file, which is its package.
func (s *Source) Folder() string { return path.Dir(s.Path) }

// Test reports whether the file is a test.
func (s *Source) Test() bool { return strings.HasSuffix(s.Path, "_test.go") }

// Generated reports whether a tool wrote the file.
func (s *Source) Generated() bool { return ast.IsGenerated(s.File) }

// In reports whether the file lies in one of the folders, or below it.
func (s *Source) In(folders ...string) bool {
	for _, f := range folders {
		if s.Folder() == f || strings.HasPrefix(s.Path, f+"/") {
			return true
		}
	}
	return false
}

// Imports returns the import paths of the file.
func (s *Source) Imports() []*ast.ImportSpec { return s.File.Imports }

// imports reports whether the file imports the package.
func (s *Source) imports(path string) bool {
	return slices.ContainsFunc(s.Imports(), func(i *ast.ImportSpec) bool { return i.Path.Value == strconv.Quote(path) })
}

func (s *Source) line(p token.Pos) int { return s.fset.Position(p).Line }

// at makes a problem at a place of the file.
func (s *Source) at(p token.Pos, format string, args ...any) Problem {
	return Problem{Place: fmt.Sprintf("%s:%d", s.Path, s.line(p)), Text: fmt.Sprintf(format, args...)}
}

// Problem is one place where a rule is broken.
type Problem struct {
	// Place is file:line, or the package.
	Place string
	// Text says what is wrong and what to do.
	Text string
}

func (p Problem) String() string { return p.Place + ": " + p.Text }

// Rule is one house rule. One of its functions is set.
type Rule struct {
	Name string
	// Why is said once when the rule is broken.
	Why string
	// File looks at one file, Package at the files of one folder, All at the
	// whole workspace.
	File    func(*Source) []Problem
	Package func([]*Source) []Problem
	All     func([]*Source) []Problem
}

// Check applies the rule to the sources, which are sorted by path.
func (r Rule) Check(sources []*Source) []Problem {
	if r.All != nil {
		return r.All(sources)
	}
	var problems []Problem
	if r.File != nil {
		for _, s := range sources {
			problems = append(problems, r.File(s)...)
		}
		return problems
	}
	for _, files := range byFolder(sources) {
		problems = append(problems, r.Package(files)...)
	}
	return problems
}

// byFolder groups the sources by package, in order.
func byFolder(sources []*Source) [][]*Source {
	var folders [][]*Source
	index := map[string]int{}
	for _, s := range sources {
		i, ok := index[s.Folder()]
		if !ok {
			i = len(folders)
			index[s.Folder()] = i
			folders = append(folders, nil)
		}
		folders[i] = append(folders[i], s)
	}
	return folders
}
