package arch

import (
	"bytes"
	"go/ast"
	"go/format"
)

const (
	maxFunctionLines = 80
	maxFileLines     = 600
	// A composite literal of that many lines is a data table, and its lines
	// do not count.
	tableLines = 8
)

func functionSize(s *Source) []Problem {
	if s.Generated() {
		return nil
	}
	var problems []Problem
	for _, d := range s.File.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok {
			continue
		}
		n := s.line(f.End()) - s.line(f.Pos()) + 1 - s.tables(f)
		if n > maxFunctionLines {
			problems = append(problems, s.at(f.Pos(), "function %s has %d lines; want at most %d: take a step out of it", f.Name.Name, n, maxFunctionLines))
		}
	}
	return problems
}

func fileSize(s *Source) []Problem {
	if s.Generated() {
		return nil
	}
	n := bytes.Count(s.Text, []byte("\n")) - s.tables(s.File)
	if n <= maxFileLines {
		return nil
	}
	return []Problem{s.at(s.File.Package, "the file has %d lines; want at most %d: split it by subject", n, maxFileLines)}
}

// tables counts the lines below n that are rows of data tables: of literals,
// and in tests the calls f(input, want) that are a case each.
func (s *Source) tables(n ast.Node) int {
	lines := 0
	ast.Inspect(n, func(n ast.Node) bool {
		if stmt, ok := n.(*ast.ExprStmt); ok && s.Test() && isCase(stmt) {
			lines += s.line(stmt.End()) - s.line(stmt.Pos()) + 1
			return false
		}
		lit, ok := n.(*ast.CompositeLit)
		if !ok {
			return true
		}
		rows := s.line(lit.Rbrace) - s.line(lit.Lbrace) - 1
		if rows < tableLines || hasCode(lit) {
			return true
		}
		lines += rows
		return false
	})
	return lines
}

// isCase reports whether a statement calls a function that its test has made
// for its cases.
func isCase(stmt *ast.ExprStmt) bool {
	call, ok := stmt.X.(*ast.CallExpr)
	if !ok {
		return false
	}
	id, ok := call.Fun.(*ast.Ident)
	if !ok || id.Obj == nil {
		return false
	}
	made, ok := id.Obj.Decl.(*ast.AssignStmt)
	if !ok || len(made.Rhs) != 1 {
		return false
	}
	_, ok = made.Rhs[0].(*ast.FuncLit)
	return ok
}

// hasCode reports whether a literal holds functions: then it is no data.
func hasCode(lit *ast.CompositeLit) bool {
	found := false
	ast.Inspect(lit, func(n ast.Node) bool {
		if _, ok := n.(*ast.FuncLit); ok {
			found = true
		}
		return !found
	})
	return found
}

func gofmt(s *Source) []Problem {
	if s.Generated() {
		return nil
	}
	want, err := format.Source(s.Text)
	if err == nil && bytes.Equal(want, s.Text) {
		return nil
	}
	return []Problem{s.at(s.File.Package, "not formatted: run gofmt -w %s", s.Path)}
}
