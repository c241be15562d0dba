// Package top shows on a terminal how Logferry is, and how that changes: the
// stages as the logs flow through them, connections, destinations and their
// tables, with rates, lag, backlog, errors and curves. What it draws is a pure
// function of the snapshots and of what the person chose: [Render].
package top

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/logferry/logferry/services/logferry/internal/status"
)

// kept is how many snapshots are kept for the curves.
const kept = 300

// Run shows the source's snapshots, one each time every has passed, until the
// person quits or ctx ends; either is no error. A source that fails is asked
// again, and the screen says since when there is no answer.
func Run(ctx context.Context, source status.Source, every time.Duration, in io.Reader, out io.Writer) error {
	const width, height = 80, 24 // until the terminal says
	m := &model{
		read:  func() tea.Msg { return read(ctx, source, every) },
		every: every, width: width, height: height,
	}
	_, err := tea.NewProgram(m, tea.WithContext(ctx), tea.WithInput(in), tea.WithOutput(out),
		tea.WithWindowSize(width, height), tea.WithoutSignalHandler()).Run()
	if err != nil && !errors.Is(err, tea.ErrProgramKilled) && !errors.Is(err, tea.ErrInterrupted) {
		return fmt.Errorf("show the screen: %w", err)
	}
	return nil
}

// answer is what a source said.
type answer struct {
	snapshot status.Snapshot
	err      error
}

// read asks the source, which has a few turns to answer.
func read(ctx context.Context, source status.Source, every time.Duration) answer {
	ctx, cancel := context.WithTimeout(ctx, max(5*every, 5*time.Second))
	defer cancel()
	s, err := source(ctx)
	return answer{s, err}
}

// model is the program's state.
type model struct {
	read          func() tea.Msg
	every         time.Duration
	history       []status.Snapshot
	view          View
	width, height int
}

// turn is when the source is asked again.
type turn struct{}

// Init asks for the first snapshot.
func (m *model) Init() tea.Cmd { return m.read }

// Update takes a key, an answer or a new size.
func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case answer:
		m.take(msg)
		return m, tea.Tick(m.every, func(time.Time) tea.Msg { return turn{} })
	case turn:
		return m, m.read
	case tea.KeyPressMsg:
		return m, m.press(msg.String())
	}
	return m, nil
}

// take enters an answer. While the screen is paused it is dropped; what was
// carried meanwhile is in the first rate after the pause.
func (m *model) take(a answer) {
	if m.view.Paused {
		return
	}
	if a.err != nil {
		m.view.Problem = a.err.Error()
		return
	}
	m.view.Problem = ""
	if n := len(m.history); n > 0 {
		a.snapshot = a.snapshot.Since(m.history[n-1])
	}
	m.history = append(m.history, a.snapshot)
	m.history = m.history[max(0, len(m.history)-kept):]
}

func (m *model) press(key string) tea.Cmd {
	v := &m.view
	switch key {
	case "q", "ctrl+c":
		return tea.Quit
	case "esc":
		if !v.Help {
			return tea.Quit
		}
		v.Help = false
	case "p", "space":
		v.Paused = !v.Paused
	case "?", "h":
		v.Help = !v.Help
	case "tab", "shift+tab", "left", "right":
		v.Panel = 1 - v.Panel
	case "up", "k":
		m.choose(-1)
	case "down", "j":
		m.choose(+1)
	}
	return nil
}

// choose moves to another line; beyond the end of a list it moves to the other
// list.
func (m *model) choose(step int) {
	v := &m.view
	row := clamp(v.Row[v.Panel], m.lines(v.Panel)) + step
	switch {
	case row >= 0 && row < m.lines(v.Panel):
		v.Row[v.Panel] = row
	case step > 0 && v.Panel == 0 && m.lines(1) > 0:
		v.Panel, v.Row[1] = 1, 0
	case step < 0 && v.Panel == 1 && m.lines(0) > 0:
		v.Panel, v.Row[0] = 0, m.lines(0)-1
	}
}

func (m *model) lines(panel int) int {
	if len(m.history) == 0 {
		return 0
	}
	return len(linesOf(m.history[len(m.history)-1], panel))
}

// View draws the screen.
func (m *model) View() tea.View {
	v := tea.NewView(Render(m.history, m.view, m.width, m.height))
	v.AltScreen = true
	v.WindowTitle = "logferry top"
	return v
}
