package arch

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"
)

func packageDoc(files []*Source) []Problem {
	var docs []string
	var last *Source
	for _, s := range files {
		if s.Test() || s.Generated() {
			continue
		}
		last = s
		if s.File.Doc != nil && s.File.Doc.Text() != "" {
			docs = append(docs, s.Path)
		}
	}
	switch {
	case last == nil: // tests or generated code only
		return nil
	case len(docs) == 0:
		return []Problem{last.at(last.File.Package, "package %s has no doc comment: say in the file of its name what it gives", last.File.Name.Name)}
	case len(docs) > 1:
		return []Problem{last.at(last.File.Package, "package %s has %d doc comments (%s): keep one", last.File.Name.Name, len(docs), strings.Join(docs, ", "))}
	}
	return nil
}

// known are methods whose meaning the standard library fixes.
var known = []string{"Error", "Unwrap", "String", "Is", "As"}

func exportedDoc(s *Source) []Problem {
	if s.Test() || s.Generated() || s.File.Name.Name == "main" {
		return nil
	}
	var problems []Problem
	missing := func(p token.Pos, name string) {
		problems = append(problems, s.at(p, "%s has no doc comment: say what it promises", name))
	}
	for _, d := range s.File.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Doc == nil && d.Name.IsExported() && exportedReceiver(d) {
				missing(d.Pos(), d.Name.Name)
			}
		case *ast.GenDecl:
			for _, name := range undocumented(d) {
				missing(name.Pos(), name.Name)
			}
		}
	}
	return problems
}

// exportedReceiver reports whether a function is seen outside its package: a
// method of an unexported type is not, and some methods explain themselves.
func exportedReceiver(f *ast.FuncDecl) bool {
	if f.Recv == nil {
		return true
	}
	if slices.Contains(known, f.Name.Name) {
		return false
	}
	t := f.Recv.List[0].Type
	for {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
		case *ast.IndexExpr:
			t = x.X
		case *ast.IndexListExpr:
			t = x.X
		case *ast.Ident:
			return x.IsExported()
		default:
			return true
		}
	}
}

// undocumented returns the exported names of a declaration that neither their
// own comment nor that of their group explains.
func undocumented(d *ast.GenDecl) []*ast.Ident {
	var names []*ast.Ident
	for _, spec := range d.Specs {
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			if spec.Name.IsExported() && spec.Doc == nil && (d.Doc == nil || len(d.Specs) > 1) {
				names = append(names, spec.Name)
			}
		case *ast.ValueSpec:
			if d.Doc != nil || spec.Doc != nil || spec.Comment != nil {
				continue
			}
			for _, n := range spec.Names {
				if n.IsExported() {
					names = append(names, n)
				}
			}
		}
	}
	return names
}

// empty are package names that say nothing.
var empty = []string{"util", "utils", "helper", "helpers", "common", "manager", "managers", "misc", "shared", "base", "lib", "types", "models", "interfaces"}

func names(s *Source) []Problem {
	if s.Test() || s.Generated() {
		return nil
	}
	var problems []Problem
	pkg := s.File.Name.Name
	if slices.Contains(empty, pkg) {
		problems = append(problems, s.at(s.File.Package, "package name %s says nothing: name it for what it gives", pkg))
	}
	for _, name := range declared(s.File) {
		rest, stutters := strings.CutPrefix(strings.ToLower(name.Name), pkg)
		if stutters && rest != "" && name.IsExported() && ast.IsExported(name.Name[len(pkg):]) {
			problems = append(problems, s.at(name.Pos(), "%s.%s stutters: readers see the package's name before it", pkg, name.Name))
		}
		for _, suffix := range []string{"Manager", "Helper", "Util", "Utils"} {
			if strings.HasSuffix(name.Name, suffix) {
				problems = append(problems, s.at(name.Pos(), "%s: the ending %s says nothing; name what it does", name.Name, suffix))
			}
		}
	}
	return problems
}

// declared returns the top-level names of a file, without methods.
func declared(f *ast.File) []*ast.Ident {
	var names []*ast.Ident
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil {
				names = append(names, d.Name)
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch spec := spec.(type) {
				case *ast.TypeSpec:
					names = append(names, spec.Name)
				case *ast.ValueSpec:
					names = append(names, spec.Names...)
				}
			}
		}
	}
	return names
}
