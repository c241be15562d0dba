package top

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/sourcegraph/conc"

	"github.com/logferry/logferry/pkg/health"
	"github.com/logferry/logferry/services/logferry/internal/status"
)

var update = flag.Bool("update", false, "rewrite the screens in testdata")

// The screens are as in testdata, without their colours; they fill the terminal
// and none is wider.
func TestScreens(t *testing.T) {
	f := func(name, scene string, v View, width, height int) {
		t.Helper()
		screen := Render(scenes[scene].play(200), v, width, height)
		lines := strings.Split(screen, "\n")
		if len(lines) != height {
			t.Errorf("%s has %d lines; want %d", name, len(lines), height)
		}
		for i, l := range lines {
			if w := ansi.StringWidth(l); w > width {
				t.Errorf("%s: line %d is %d wide; want at most %d", name, i+1, w, width)
			}
			lines[i] = strings.TrimRight(ansi.Strip(l), " ")
		}
		golden(t, name, strings.Join(lines, "\n")+"\n")
	}
	f("load-80x24", "load", View{}, 80, 24)
	f("load-160x50", "load", View{}, 160, 50)
	f("errors-80x24", "errors", View{Row: [2]int{1, 0}}, 80, 24)
	f("errors-160x50", "errors", View{Panel: 1, Row: [2]int{0, 3}}, 160, 50)
	f("idle-80x24", "idle", View{}, 80, 24)
	f("idle-160x50", "idle", View{}, 160, 50)
	// more than fits, with a line chosen far below
	f("many-80x24", "many", View{Row: [2]int{30, 0}}, 80, 24)
	f("help-80x24", "load", View{Help: true, Paused: true}, 80, 24)
	f("problem-80x24", "load", View{Problem: "the bus does not\x1b[2J answer"}, 80, 24)
	// a terminal that is too narrow for boxes, and one too small for anything
	f("load-60x20", "load", View{}, 60, 20)
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s (-update accepts it): got\n%s\nwant\n%s", name, got, want)
	}
}

// Whatever the size, the screen fits it; nothing to show and one snapshot are
// no reason to fail.
func TestAnySize(t *testing.T) {
	for width := 0; width <= 170; width += 10 {
		for height := 1; height <= 60; height += 7 {
			for name, s := range scenes {
				for _, history := range [][]status.Snapshot{nil, s.play(0), {{Time: begin}}, s.play(3)} {
					screen := Render(history, View{Panel: 1, Row: [2]int{9, 99}}, width, height)
					lines := strings.Split(screen, "\n")
					if len(lines) != height {
						t.Fatalf("%s at %d×%d has %d lines", name, width, height, len(lines))
					}
					for _, l := range lines {
						if ansi.StringWidth(l) > width {
							t.Fatalf("%s at %d×%d: %q is too wide", name, width, height, l)
						}
					}
				}
			}
		}
	}
}

// What fails is red, and what is well is not.
func TestColours(t *testing.T) {
	const red = "\x1b[1;31m"
	if screen := Render(load0(), View{}, 80, 24); strings.Contains(screen, red) {
		t.Error("there is red on a screen where all is well")
	}
	screen := Render(scenes["errors"].play(3), View{}, 80, 24)
	for _, text := range []string{"queue_denied", "● 4 of 11 failing"} {
		if !strings.Contains(screen, red+text) {
			t.Errorf("%s is not red", text)
		}
	}
}

func load0() []status.Snapshot { return scenes["load"].play(3) }

func TestSparkline(t *testing.T) {
	f := func(values []float64, width int, want string) {
		t.Helper()
		if got := sparkline(values, width); got != want {
			t.Errorf("sparkline(%v, %d) = %q; want %q", values, width, got, want)
		}
	}
	f(nil, 3, "   ")
	f([]float64{0, 0}, 3, " ▁▁")
	f([]float64{1, 2, 4, 8}, 4, "▁▂▄█")
	// the latest are shown, to their own scale
	f([]float64{1000, 1, 2}, 2, "▄█")
	// what is more than nothing can be seen
	f([]float64{0, 1, 1000}, 3, "▁▁█")
	f([]float64{5}, 0, "")
}

// Keys do what the last line says.
func TestKeys(t *testing.T) {
	m := &model{history: load0(), every: time.Second, width: 80, height: 24}
	f := func(key string, want View) {
		t.Helper()
		if m.press(key) != nil {
			t.Errorf("%s ends the program", key)
		}
		if m.view != want {
			t.Errorf("after %s: got %+v; want %+v", key, m.view, want)
		}
	}
	f("up", View{})
	f("down", View{Row: [2]int{1, 0}})
	f("down", View{Row: [2]int{2, 0}})
	f("down", View{Panel: 1, Row: [2]int{2, 0}}) // on to the other list
	f("j", View{Panel: 1, Row: [2]int{2, 1}})
	f("tab", View{Row: [2]int{2, 1}})
	f("k", View{Row: [2]int{1, 1}})
	f("right", View{Panel: 1, Row: [2]int{1, 1}})
	f("up", View{Panel: 1, Row: [2]int{1, 0}})
	f("up", View{Row: [2]int{2, 0}}) // and back
	f("?", View{Row: [2]int{2, 0}, Help: true})
	f("esc", View{Row: [2]int{2, 0}})
	f("p", View{Row: [2]int{2, 0}, Paused: true})
	f("x", View{Row: [2]int{2, 0}, Paused: true})
	for _, key := range []string{"q", "ctrl+c", "esc"} {
		if m.press(key) == nil {
			t.Errorf("%s does not end the program", key)
		}
	}
}

// A paused screen stands still; a source that fails leaves what was there.
func TestTake(t *testing.T) {
	m := &model{}
	f := func(a answer, paused bool, snapshots int, problem string) {
		t.Helper()
		m.view.Paused = paused
		m.take(a)
		if len(m.history) != snapshots || m.view.Problem != problem {
			t.Errorf("got %d snapshots, %q; want %d, %q", len(m.history), m.view.Problem, snapshots, problem)
		}
	}
	f(answer{snapshot: load(1)}, false, 1, "")
	f(answer{snapshot: load(2)}, true, 1, "")
	f(answer{err: errors.New("gone")}, true, 1, "")
	f(answer{err: errors.New("gone")}, false, 1, "gone")
	f(answer{snapshot: load(11)}, false, 2, "")
	writer, _ := m.history[1].Line(health.Subject{Kind: health.Stage, Name: "writer"})
	if writer.Rate.Rows < 50_000 || writer.Rate.Rows > 200_000 {
		t.Errorf("%v rows a second after a pause", writer.Rate.Rows)
	}
	for i := range 2 * kept {
		m.take(answer{snapshot: load(12 + i)})
	}
	if len(m.history) != kept {
		t.Errorf("%d snapshots are kept; want %d", len(m.history), kept)
	}
}

// terminal keeps what is drawn, and says when there are numbers.
type terminal struct {
	bytes.Buffer
	drawn chan struct{}
}

func (t *terminal) Write(p []byte) (int, error) {
	before := strings.Contains(t.String(), "rows/s")
	n, err := t.Buffer.Write(p)
	if !before && strings.Contains(t.String(), "rows/s") {
		close(t.drawn)
	}
	return n, err
}

// The program runs on a terminal's two streams: it asks, draws, takes keys and
// ends; and it ends with its context.
func TestRun(t *testing.T) {
	f := func(end func(keys io.Writer, cancel context.CancelFunc)) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		keyboard, keys := io.Pipe()
		screen := &terminal{drawn: make(chan struct{})}
		var person conc.WaitGroup
		defer person.Wait()
		defer keys.Close()
		person.Go(func() {
			select {
			case <-screen.drawn:
				end(keys, cancel)
			case <-ctx.Done():
				t.Error("nothing is drawn")
			}
		})
		var asked atomic.Int64
		source := func(context.Context) (status.Snapshot, error) { return load(int(asked.Add(1))), nil }
		if err := Run(ctx, source, time.Millisecond, keyboard, screen); err != nil {
			t.Errorf("got %v; want no error", err)
		}
		if asked.Load() == 0 {
			t.Error("the source was not asked")
		}
	}
	f(func(keys io.Writer, _ context.CancelFunc) { _, _ = io.WriteString(keys, "q") })
	f(func(_ io.Writer, cancel context.CancelFunc) { cancel() })

	var _ tea.Model = (*model)(nil)
}
