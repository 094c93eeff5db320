// Package browser drives the console in Chromium as a person does, by the
// keyboard alone, with scripts and without, and holds each page against the
// rules of axe-core in both themes, small and wide.
package browser

import (
	"flag"
	"testing"

	"cloudpki/e2e/program"
)

// update is read by the scenario of the pictures.
var update = flag.Bool("update", false, "take the pictures of docs/images anew")

// TestConsole has one program and one browser go through all scenarios. Each
// has subscriptions of its own, so that each can be run alone.
func TestConsole(t *testing.T) {
	w := &world{axe: axeCore(t), data: t.TempDir(), downloads: t.TempDir(), program: program.Build(t, "../.."), shown: map[string]bool{}, judged: map[string]bool{}}
	w.browser = browse(t)
	saveDownloads(w.browser, t, w.downloads)
	t.Run("one-time link", w.oneTimeLink)
	w.serve(t)
	t.Run("pictures", w.pictures)
	for _, c := range []struct {
		name     string
		scenario func(*tab)
	}{
		{"sign in", w.signsIn},
		{"read only", w.onlyReads},
		{"new subscription", w.subscribes},
		{"credentials", w.manages},
		{"sync", w.watchesASync},
		{"failure", w.followsARemedy},
		{"root", w.decidesOnRoots},
		{"large inventory", w.searches},
		{"certificate", w.revokes},
		{"bundle", w.publishes},
		{"theme", w.themes},
		{"astray", w.goesAstray},
	} {
		t.Run(c.name, func(t *testing.T) { w.bothWays(t, c.scenario) })
	}
	t.Run("search as one types", w.searchesAsOneTypes)
	t.Run("pages", w.judgesEveryPage)
	t.Run("another provider", w.choosesAProvider)
}

// bothWays runs a scenario in a tab where pages may run scripts, and in one
// where they may not.
func (w *world) bothWays(t *testing.T, scenario func(*tab)) {
	t.Run("with scripts", func(t *testing.T) {
		t.Parallel() // they wait more than they work
		scenario(w.tab(t))
	})
	t.Run("without scripts", func(t *testing.T) {
		t.Parallel()
		p := w.tab(t)
		p.withoutScripts()
		scenario(p)
	})
}
