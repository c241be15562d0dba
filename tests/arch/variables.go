package arch

import (
	"go/ast"
	"go/token"
	"slices"
)

// holders are types whose values are state by their nature. sync.Pool is
// none: it holds nothing that matters.
var holders = []string{"sync.Mutex", "sync.RWMutex", "sync.Map", "sync.WaitGroup", "sync.Once",
	"atomic.Bool", "atomic.Int32", "atomic.Int64", "atomic.Uint32", "atomic.Uint64", "atomic.Value", "atomic.Pointer"}

// packageVariables finds variables of a package that are written after their
// declaration, or that hold state. It resolves names by scope, without types.
func packageVariables(files []*Source) []Problem {
	var problems []Problem
	global := map[string]bool{}
	for _, s := range files {
		if s.Test() || s.Generated() {
			continue
		}
		for _, spec := range variables(s.File) {
			for _, n := range spec.Names {
				global[n.Name] = n.Name != "_" // var _ I = T{} only asks the compiler
			}
			if sel, ok := spec.Type.(*ast.SelectorExpr); ok && slices.Contains(holders, s.selected(sel)) {
				problems = append(problems, s.at(spec.Pos(), "package variable %s holds state: make it a field of a value", spec.Names[0].Name))
			}
		}
	}
	for _, s := range files {
		if s.Test() || s.Generated() {
			continue
		}
		for _, id := range written(s.File) {
			if global[id.Name] && isGlobal(s.File, id) {
				problems = append(problems, s.at(id.Pos(), "package variable %s is written: make it a field of a value, or a constant table", id.Name))
			}
		}
	}
	return problems
}

func variables(f *ast.File) []*ast.ValueSpec {
	var specs []*ast.ValueSpec
	for _, d := range f.Decls {
		if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.VAR {
			for _, spec := range g.Specs {
				specs = append(specs, spec.(*ast.ValueSpec))
			}
		}
	}
	return specs
}

// written returns the names that are assigned to, themselves or in part.
func written(f *ast.File) []*ast.Ident {
	var ids []*ast.Ident
	add := func(e ast.Expr) {
		if id := root(e); id != nil {
			ids = append(ids, id)
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			if n.Tok != token.DEFINE {
				for _, e := range n.Lhs {
					add(e)
				}
			}
		case *ast.IncDecStmt:
			add(n.X)
		case *ast.RangeStmt:
			if n.Tok == token.ASSIGN {
				add(n.Key)
				add(n.Value)
			}
		}
		return true
	})
	return ids
}

// root returns x of x, x.f, x[i], *x.
func root(e ast.Expr) *ast.Ident {
	switch e := e.(type) {
	case *ast.Ident:
		return e
	case *ast.SelectorExpr:
		return root(e.X)
	case *ast.IndexExpr:
		return root(e.X)
	case *ast.StarExpr:
		return root(e.X)
	case *ast.ParenExpr:
		return root(e.X)
	}
	return nil
}

// isGlobal reports whether the name is not a local one: it is declared at the
// top of this file or, unresolved here, of another.
func isGlobal(f *ast.File, id *ast.Ident) bool {
	if id.Obj == nil {
		return true
	}
	spec, ok := id.Obj.Decl.(*ast.ValueSpec)
	return ok && slices.Contains(variables(f), spec)
}
