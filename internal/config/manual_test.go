package config

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write docs/configuration.md")

const manualPath = "../../docs/configuration.md"

// TestManual holds docs/configuration.md against the comments of config.go.
func TestManual(t *testing.T) {
	t.Parallel()
	want := manual(t)
	if *update {
		if err := os.WriteFile(manualPath, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(manualPath)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("docs/configuration.md is stale; run: go generate ./internal/config (-want +got):\n%s", diff)
	}
}

const manualHead = `# Configuration

<!-- Made from internal/config/config.go by "go generate ./internal/config"; change it there. -->

Nothing has to be set to try the service. A setting is looked for in four places, the first that has it counts:

1. a flag of the command,
2. the environment: ` + "`CLOUDPKI_SECTION_NAME`" + `, for example ` + "`CLOUDPKI_SYNC_INTERVAL=1h`" + `; lists are separated by commas, an empty variable counts as unset,
3. the file named by ` + "`--config`" + `, in YAML, with the sections and names below,
4. the default.

An unknown name in the file, or an unknown variable that begins with ` + "`CLOUDPKI_`" + `, stops the start, so that a slip of the pen does not go unnoticed; all faults are told at once.
` + "`cloudpki config`" + ` prints what is in effect and where each value comes from.

Secrets stand in files of their own, never in the configuration. Paths are relative to the folder the service is started in.
Durations have a unit (` + "`30s`, `15m`, `6h`" + `), sizes may have one (` + "`512 KiB`, `4 MiB`" + `).

` + "```yaml" + `
listen:
  address: 0.0.0.0:8443
  public_origin: https://pki.example.com
database:
  url: postgres://cloudpki@db.example.com/cloudpki
sync:
  interval: 2h
` + "```\n"

// manual writes the page.
func manual(t *testing.T) string {
	t.Helper()
	docs := comments(t)
	defaults := reflect.ValueOf(raw())
	settings := Settings()
	var b strings.Builder
	b.WriteString(manualHead)
	section := ""
	for _, s := range settings {
		name, _, _ := strings.Cut(s.Key, ".")
		outer := defaults.Type().Field(s.index[0]).Type
		if name != section {
			fmt.Fprintf(&b, "\n## %s\n\n%s\n", name, docs[outer.Name()])
			section = name
		}
		field := outer.Field(s.index[1])
		writeSetting(&b, s.Key, s.Type, s.Env, defaults.FieldByIndex(s.index), docs[outer.Name()+"."+field.Name])
		if !isList(field.Type) {
			continue
		}
		for i := range field.Type.Elem().NumField() {
			member := field.Type.Elem().Field(i)
			key := s.Key + "[]." + member.Tag.Get("key")
			writeSetting(&b, key, typeName(member.Type), "", reflect.Zero(member.Type), docs[field.Type.Elem().Name()+"."+member.Name])
		}
	}
	return b.String()
}

// writeSetting writes the paragraph of one setting.
func writeSetting(b *strings.Builder, key, kind, env string, value reflect.Value, doc string) {
	fmt.Fprintf(b, "\n### %s\n\n%s%s", key, strings.ToUpper(kind[:1]), kind[1:])
	if !value.IsZero() || value.Kind() == reflect.Int || value.Kind() == reflect.Bool {
		text, err := strconv.Unquote(yamlValue(value))
		if err != nil {
			text = yamlValue(value)
		}
		fmt.Fprintf(b, ", default `%s`", text)
	}
	if env != "" {
		fmt.Fprintf(b, ", variable `%s`", env)
	}
	fmt.Fprintf(b, ".\n\n%s\n", doc)
}

// comments returns the comment of each type ("Sync") and field ("Sync.Interval")
// of config.go. One that is missing fails the test.
func comments(t *testing.T) map[string]string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "config.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	docs := map[string]string{}
	for _, decl := range file.Decls {
		d, ok := decl.(*ast.GenDecl)
		if !ok || d.Tok != token.TYPE {
			continue
		}
		spec := d.Specs[0].(*ast.TypeSpec)
		_, text, _ := strings.Cut(oneLine(d.Doc), spec.Name.Name+" ")
		text = strings.TrimPrefix(text, "is ")
		docs[spec.Name.Name] = strings.ToUpper(text[:1]) + text[1:]
		for _, field := range spec.Type.(*ast.StructType).Fields.List {
			name := spec.Name.Name + "." + field.Names[0].Name
			docs[name] = oneLine(field.Doc)
			if docs[name] == "" && field.Names[0].IsExported() && spec.Name.Name != "Config" {
				t.Errorf("field %s has no comment; it is its manual", name)
			}
		}
	}
	return docs
}

func oneLine(doc *ast.CommentGroup) string {
	return strings.Join(strings.Fields(doc.Text()), " ")
}
