package arch_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"cloudpki/internal/arch"
)

// broken holds, for each rule, sources that break it, and where.
func broken() []brokenCase {
	long := func(lines int) string { return strings.Repeat("\t_ = 0\n", lines) }
	return []brokenCase{
		{"imports", "internal/odata/a.go", "package odata\n\nimport _ \"cloudpki/internal/pki\"\n", "3: internal/odata may not import internal/pki"},
		{"imports", "internal/provider/vault/a.go", "package vault\n\nimport _ \"cloudpki/internal/pki\"\n", "3: internal/provider/vault may not import internal/pki"},
		{"imports", "internal/graph/a.go", "package graph\n\nimport _ \"cloudpki/internal/auth/issuer\"\n", "3: internal/graph may not import internal/auth/issuer"},
		{"imports", "internal/app/a.go", "package app\n\nimport _ \"cloudpki/internal/cli\"\n", "3: internal/app may not import internal/cli"},
		{"imports", "internal/newroom/a.go", "package newroom\n", "1: internal/newroom is not in the import table"},
		{"imports", "cmd/cloudpki/main.go", "package main\n\nimport _ \"cloudpki/internal/pki\"\n", "3: a command imports internal/cli only"},
		{"test-only", "internal/app/a.go", "package app\n\nimport _ \"cloudpki/internal/pgtest\"\n", "3: internal/pgtest is for tests"},
		{"test-only", "internal/app/a.go", "package app\n\nimport _ \"testing\"\n", "3: testing is for tests"},
		{"test-only", "internal/app/a.go", "package app\n\nimport _ \"net/http/httptest\"\n", "3: net/http/httptest is for tests"},
		{"libraries", "internal/pki/a.go", "package pki\n\nimport _ \"net/http\"\n", "3: internal/pki must not know net/http"},
		{"libraries", "internal/odata/a.go", "package odata\n\nimport _ \"github.com/google/uuid\"\n", "3: internal/odata may not import github.com/google/uuid"},
		{"drivers", "internal/store/tenant.go", "package store\n\nimport _ \"github.com/jackc/pgx/v5\"\n", "3: a database driver is named only in"},
		{"drivers", "internal/app/sqlite.go", "package app\n\nimport _ \"github.com/ncruces/go-sqlite3\"\n", "3: a database driver is named only in"},
		{"depth", "internal/a/b/c/d.go", "package c\n", "1: internal/a/b/c lies more than 2 folders"},
		{"names", "internal/utils/a.go", "package utils\n", `1: package name "utils" says nothing`},
		{"names", "internal/store/model/a.go", "package rows\n", `1: package name "rows" says nothing`},
		{"functions", "internal/pki/a.go", "package pki\n\nfunc f() {\n" + long(79) + "}\n", "3: function f has 81 lines"},
		{"functions", "internal/pki/a.go", "package pki\n\nfunc f() {\n" + long(39) + "}\n", "1: one function in ten has more than 40 lines"},
		{"files", "internal/pki/a.go", "package pki\n" + strings.Repeat("\n", 500), "501: the file has 501 lines"},
		{"files", "internal/pki/a.go", "package pki\n" + strings.Repeat("\n", 300), "1: one file in ten has more than 300 lines"},
		{"interfaces", "internal/pki/a.go", "package pki\n\ntype t interface {\n\tA(); B(); C(); D(); E(); F(); G(); H(); I()\n}\n", "3: the interface has 9 methods"},
		{"docs", "internal/pki/a.go", "package pki\n", "1: package pki has no doc comment"},
		{"docs", "internal/pki/a.go", "// Package pki is.\npackage pki\n\nfunc F() {}\n", "4: exported F has no doc comment"},
		{"docs", "internal/pki/a.go", "// Package pki is.\npackage pki\n\ntype T int\n", "4: exported T has no doc comment"},
		{"docs", "internal/pki/a.go", "// Package pki is.\npackage pki\n\nconst C = 1\n", "4: exported C has no doc comment"},
		{"docs", "internal/pki/a.go", "// Package pki is.\npackage pki\n\n// T is.\ntype T[P any] int\n\nfunc (*T[P]) M() {}\n", "7: exported M has no doc comment"},
		{"state", "internal/pki/a.go", "package pki\n\nfunc init() {}\n", "3: init runs behind"},
		{"state", "internal/pki/a.go", "package pki\n\nvar table = map[string]int{}\n", "3: package-level variable table"},
		{"state", "internal/pki/a.go", "package pki\n\nvar (\n\terrA = errors.New(\"a\")\n\tcount int\n)\n", "5: package-level variable count"},
		{"panics", "internal/pki/a.go", "package pki\n\nfunc f() { panic(1) }\n", "3: panic; return an error"},
		{"contexts", "internal/pki/a.go", "package pki\n\nvar ctx = context.Background()\n", "3: context.Background drops"},
		{"contexts", "internal/pki/a.go", "package pki\n\nvar ctx = context." + "TO" + "DO()\n", "3: context." + "TO" + "DO drops"},
		{"unfinished", "internal/pki/a.go", "package pki\n\n// FIX" + "ME later\n", "3: FIX" + "ME marks unfinished work"},
		{"unfinished", "internal/pki/a_test.go", "package pki\n\n// TO" + "DO(x)\n", "3: TO" + "DO marks unfinished work"},
		{"reveal", "internal/graph/a.go", "package graph\n\nfunc f(t secret.Text) { t.Reveal() }\n", "3: internal/graph opens a secret.Text"},
		{"reveal", "internal/store/a.go", "package store\n\nfunc f(t secret.Text) any { return t.Reveal }\n", "3: internal/store opens a secret.Text"},
		{"skips", "internal/pki/a_test.go", "package pki\n\nfunc f(t *testing.T) { t." + "Skip() }\n", "3: t." + "Skip hides a missing part"},
	}
}

type brokenCase struct{ rule, path, src, want string }

func TestRulesFindWhatBreaksThem(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for i, c := range broken() {
		seen[c.rule] = true
		t.Run(fmt.Sprintf("%d %s", i, c.rule), func(t *testing.T) {
			t.Parallel()
			faults := check(t, c.rule, map[string]string{c.path: c.src})
			if !slices.ContainsFunc(faults, func(f arch.Fault) bool {
				return strings.HasPrefix(fmt.Sprintf("%d: %s", f.Line, f.Msg), c.want)
			}) {
				t.Errorf("source\n%s\nfaults %v, want one that begins with %q", c.src, faults, c.want)
			}
		})
	}
	for name := range arch.Rules() {
		if !seen[name] {
			t.Errorf("rule %q has no source that breaks it", name)
		}
	}
}

func TestRulesAcceptWhatIsAllowed(t *testing.T) {
	t.Parallel()
	sources := map[string]string{
		"cmd/cloudpki/main.go":          "// Command cloudpki is.\npackage main\n\nimport (\n\t\"context\"\n\n\t_ \"cloudpki/internal/cli\"\n)\n\nvar _ = context.Background()\n",
		"internal/app/app.go":           "// Package app is.\npackage app\n\nimport (\n\t_ \"cloudpki/internal/auth/issuer\"\n\t_ \"cloudpki/internal/provider/all\"\n)\n",
		"internal/pki/pki.go":           "// Package pki is.\npackage pki\n\nimport _ \"cloudpki/internal/provider\"\n\n// ErrA is.\nvar ErrA = errors.New(\"a\")\n\nvar _ fmt.Stringer = T(0)\n\n//go:embed a\nvar files embed.FS\n\n// T is.\ntype T int\n\nfunc (T) String() string { return \"\" }\n\ntype hidden int\n\nfunc (hidden) Exported() {}\n\nfunc f(t secret.Text) { t.Reveal() }\n",
		"internal/pki/pki_test.go":      "package pki\n\nimport (\n\t_ \"cloudpki/internal/pgtest\"\n\t_ \"cloudpki/internal/store\"\n\t_ \"net/http\"\n\t_ \"testing\"\n)\n\nvar state = map[string]int{}\n\nfunc Helper() { panic(1) }\n",
		"internal/store/sqlite.go":      "// Package store is.\npackage store\n\nimport _ \"github.com/ncruces/go-sqlite3\"\n",
		"internal/store/storetest/a.go": "// Package storetest is.\npackage storetest\n\nimport (\n\t_ \"cloudpki/internal/pgtest\"\n\t_ \"cloudpki/internal/store\"\n\t_ \"testing\"\n)\n",
		"internal/pki/testdata/x.go":    "not go",
		"e2e/clients/go.mod":            "module other\n",
		"e2e/clients/a.go":              "package clients\n\nfunc init() {}\n",
		"internal/graph/made.go":        "// Code generated by a program; DO NOT EDIT.\n\npackage graph\n\nvar table = 1\n",
		".hidden/a.go":                  "not go",
	}
	for name := range arch.Rules() {
		for _, fault := range check(t, name, sources) {
			t.Errorf("%s: %v", name, fault)
		}
	}
}

func TestFaultReadsLikeACompilersMessage(t *testing.T) {
	t.Parallel()
	got := arch.Fault{Path: "internal/pki/id.go", Line: 7, Msg: "panic; return an error"}.String()
	if want := "internal/pki/id.go:7: panic; return an error"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// check parses the sources as module cloudpki and runs one rule over them.
func check(t *testing.T, rule string, sources map[string]string) []arch.Fault {
	t.Helper()
	fsys := fstest.MapFS{"go.mod": {Data: []byte("module cloudpki\n")}}
	for name, src := range sources {
		fsys[name] = &fstest.MapFile{Data: []byte(src)}
	}
	m, err := arch.Load(fsys)
	if err != nil {
		t.Fatal(err)
	}
	return arch.Rules()[rule](m)
}
