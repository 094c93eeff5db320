package bench_test

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

// TestFloor holds the floor to the work that it is measured by: what was
// created is there after a restart, whole, in pages, its secrets sealed.
func TestFloor(t *testing.T) {
	t.Parallel()
	s := newFloor(t)
	s.begin(t, 1)
	_, get := s.seed(t, 25)
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	s.begin(t, 1)
	for _, request := range get.Requests {
		var e entity
		s.one(t, request, http.StatusOK, &e)
		if err := e.check(false); err != nil {
			t.Error(err)
		}
	}
	if pages := s.list(t, 10); len(pages.Requests) != 2 {
		t.Errorf("25 subscriptions make %d whole pages of 10, want 2", len(pages.Requests))
	}
	if _, err := s.loader.One(s.post(set, []byte(`{"displayname":"wrong case"}`)), http.StatusBadRequest); err != nil {
		t.Error(err)
	}
	stored := 0
	for _, name := range []string{"floor.db", "floor.db-wal"} {
		text, err := os.ReadFile(filepath.Join(filepath.Dir(s.program), name))
		if err != nil {
			t.Fatal(err)
		}
		stored += bytes.Count(text, []byte("Display Name value"))
		if bytes.Contains(text, []byte(adminPassword)) {
			t.Errorf("%s holds a password", name)
		}
	}
	if stored < 25 {
		t.Errorf("the plain members of %d subscriptions were found in the files, want 25", stored)
	}
}
