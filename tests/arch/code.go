package arch

import (
	"go/ast"
	"go/token"
	"slices"
	"strconv"
	"strings"
)

func goStatement(s *Source) []Problem {
	if s.Test() {
		return nil
	}
	return each(s, func(n *ast.GoStmt) string {
		return "bare go statement: use conc.WaitGroup or a conc pool"
	})
}

func initFunction(s *Source) []Problem {
	if s.Generated() {
		return nil
	}
	return each(s, func(f *ast.FuncDecl) string {
		if f.Recv != nil || f.Name.Name != "init" {
			return ""
		}
		return "func init: make it a value or a function that is called"
	})
}

// processCalls keeps the end and the flags of the process out of packages.
// app.Main is the one place that ends a process.
func processCalls(s *Source) []Problem {
	if s.Generated() || s.File.Name.Name == "main" || s.In("pkg/app", "tests") {
		return nil
	}
	var problems []Problem
	for _, i := range s.Imports() {
		if i.Path.Value == `"flag"` && !s.Test() && !isTestPackage(s) {
			problems = append(problems, s.at(i.Pos(), "imports flag: take the setting as a field of the configuration"))
		}
	}
	return append(problems, each(s, func(c *ast.CallExpr) string {
		name := s.callee(c)
		if name == "os.Exit" || strings.HasPrefix(name, "log.Fatal") || strings.HasPrefix(name, "log.Panic") {
			return name + ": return an error"
		}
		return ""
	})...)
}

// waiting finds sleeps. In a bubble of testing/synctest a sleep moves the
// bubble's clock and takes no time.
func waiting(s *Source) []Problem {
	if s.imports("testing/synctest") {
		return nil
	}
	return each(s, func(sel *ast.SelectorExpr) string {
		if s.selected(sel) != "time.Sleep" {
			return ""
		}
		return "time.Sleep: wait for the event itself (a timer with the context; in tests testing/synctest or polling with a deadline)"
	})
}

func skippedTests(s *Source) []Problem {
	return each(s, func(c *ast.CallExpr) string {
		sel, ok := c.Fun.(*ast.SelectorExpr)
		if !ok || !s.Test() && !s.imports("testing") {
			return ""
		}
		x, ok := sel.X.(*ast.Ident)
		if !ok || !slices.Contains([]string{"t", "b", "f", "tb"}, x.Name) {
			return ""
		}
		if !slices.Contains([]string{"Skip", "Skipf", "SkipNow"}, sel.Sel.Name) {
			return ""
		}
		return x.Name + "." + sel.Sel.Name + ": start what the test needs, or fail and say what is missing"
	})
}

func contexts(s *Source) []Problem {
	problems := each(s, func(f *ast.FuncType) string {
		position := 0
		for i, p := range f.Params.List {
			if s.isContext(p.Type) && position > 0 {
				return "context.Context is argument " + strconv.Itoa(i+1) + ": make it the first"
			}
			// A test's first argument is the test.
			if !isTesting(p.Type) {
				position += max(len(p.Names), 1)
			}
		}
		return ""
	})
	if s.Test() { // a harness may live as long as its test
		return problems
	}
	return append(problems, each(s, func(t *ast.StructType) string {
		for _, f := range t.Fields.List {
			if s.isContext(f.Type) {
				return "context.Context in a struct: pass it to the methods"
			}
		}
		return ""
	})...)
}

func (s *Source) isContext(e ast.Expr) bool {
	sel, ok := e.(*ast.SelectorExpr)
	return ok && s.selected(sel) == "context.Context"
}

func isTesting(e ast.Expr) bool {
	if star, ok := e.(*ast.StarExpr); ok {
		e = star.X
	}
	sel, ok := e.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	x, ok := sel.X.(*ast.Ident)
	return ok && x.Name == "testing"
}

func errorText(s *Source) []Problem {
	if s.Test() || s.Generated() {
		return nil
	}
	return each(s, func(c *ast.CallExpr) string {
		name := s.callee(c)
		if name != "fmt.Errorf" && name != "errors.New" || len(c.Args) == 0 {
			return ""
		}
		text, ok := literal(c.Args[0])
		if !ok {
			return ""
		}
		if strings.HasPrefix(text, "failed to") || strings.HasPrefix(text, "error ") {
			return strconv.Quote(text) + ": say what was being done (\"read x: ...\"), not that it failed"
		}
		if strings.HasSuffix(text, ".") || strings.HasSuffix(text, "\n") {
			return strconv.Quote(text) + ": errors are parts of a sentence, without a full stop"
		}
		wrapped := slices.ContainsFunc(c.Args[1:], func(a ast.Expr) bool {
			id, ok := a.(*ast.Ident)
			return ok && id.Name == "err"
		})
		if wrapped && !strings.Contains(text, "%w") {
			return strconv.Quote(text) + ": wrap err with %w, so that callers can ask what it is"
		}
		return ""
	})
}

func logMessages(s *Source) []Problem {
	if s.Test() || s.Generated() {
		return nil
	}
	return each(s, func(c *ast.CallExpr) string {
		sel, ok := c.Fun.(*ast.SelectorExpr)
		if !ok || !isLogger(sel.X) {
			return ""
		}
		method, inContext := strings.CutSuffix(sel.Sel.Name, "Context")
		if !slices.Contains([]string{"Debug", "Info", "Warn", "Error"}, method) {
			return ""
		}
		at := 0
		if inContext {
			at = 1
		}
		if len(c.Args) <= at {
			return ""
		}
		if _, ok := literal(c.Args[at]); !ok {
			return "log message is not a constant: put what varies into attributes"
		}
		return ""
	})
}

func isLogger(e ast.Expr) bool {
	name := ""
	switch e := e.(type) {
	case *ast.Ident:
		name = e.Name
	case *ast.SelectorExpr:
		name = e.Sel.Name
	}
	name = strings.ToLower(name)
	return name == "slog" || name == "log" || strings.HasSuffix(name, "logger")
}

// each calls f for every node of type N and collects what it says.
func each[N ast.Node](s *Source, f func(N) string) []Problem {
	var problems []Problem
	ast.Inspect(s.File, func(n ast.Node) bool {
		if n, ok := n.(N); ok {
			if text := f(n); text != "" {
				problems = append(problems, s.at(n.Pos(), "%s", text))
			}
		}
		return true
	})
	return problems
}

// callee names what is called, when it is a function of an imported package:
// "time.Sleep", whatever the import is called in the file.
func (s *Source) callee(c *ast.CallExpr) string {
	sel, ok := c.Fun.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	return s.selected(sel)
}

func (s *Source) selected(sel *ast.SelectorExpr) string {
	x, ok := sel.X.(*ast.Ident)
	if !ok || x.Obj != nil { // a local name hides the import
		return ""
	}
	for _, i := range s.Imports() {
		path, _ := strconv.Unquote(i.Path.Value)
		name := path[strings.LastIndexByte(path, '/')+1:]
		if i.Name != nil {
			name = i.Name.Name
		}
		if name == x.Name {
			return path[strings.LastIndexByte(path, '/')+1:] + "." + sel.Sel.Name
		}
	}
	return ""
}

// literal returns the text of a string literal, or of several added up.
func literal(e ast.Expr) (string, bool) {
	if sum, ok := e.(*ast.BinaryExpr); ok && sum.Op == token.ADD {
		left, isText := literal(sum.X)
		right, alsoText := literal(sum.Y)
		return left + right, isText && alsoText
	}
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(lit.Value)
	return text, err == nil
}
