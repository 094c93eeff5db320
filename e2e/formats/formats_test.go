// Package formats opens what the built program publishes, one format after the
// other, with software that others wrote or by what the vendor has published,
// and compares the SHA-256 of the certificates with those of the CA.
package formats

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"cloudpki/internal/trust"
)

// Every format is opened.
func TestFormats(t *testing.T) {
	tests := map[string]func(*testing.T, *world){
		"pem":            opensPEM,
		"cer":            opensCER,
		"p7b":            opensPKCS7,
		"p12":            opensPKCS12,
		"jks":            opensJKS,
		"mobileconfig":   opensMobileConfig,
		"syncml":         opensSyncML,
		"intune.json":    opensIntune,
		"onc":            opensONC,
		"configmap.yaml": opensConfigMap,
		"bundle.yaml":    opensTrustManager,
		"spiffe.json":    opensSPIFFE,
		"manifest.json":  opensManifest,
		"manifest.jws":   opensSignedManifest,
	}
	w := newWorld(t)
	for _, format := range trust.Formats() {
		t.Run(format.Ext, func(t *testing.T) {
			open, ok := tests[format.Ext]
			if !ok {
				t.Fatal("nothing here opens this format")
			}
			open(t, w)
		})
	}
}

// run returns what a program prints.
func run(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	command := exec.CommandContext(t.Context(), name, args...)
	var errs strings.Builder
	command.Stderr = &errs
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s%s", name, args, err, out, errs.String())
	}
	return out
}

// python returns the words that a script prints.
func python(t *testing.T, script string, args ...string) []string {
	t.Helper()
	return strings.Fields(string(run(t, "python3", append([]string{filepath.Join("testdata", script)}, args...)...)))
}

// meets checks JSON against the schema in a file, and decodes it.
func meets(t *testing.T, schema string, text []byte, into any) {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertContent()
	compiled, err := compiler.Compile(schema)
	if err != nil {
		t.Fatal(err)
	}
	if err := compiled.Validate(document); err != nil {
		t.Errorf("%v\n%s", err, text)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatal(err)
	}
}

// same compares certificates by their thumbprints.
func same(t *testing.T, what string, got []string, want ...*x509.Certificate) {
	t.Helper()
	slices.Sort(got)
	wanted := thumbprints(want)
	slices.Sort(wanted)
	if diff := cmp.Diff(wanted, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func thumbprints(list []*x509.Certificate) []string {
	var out []string
	for _, c := range list {
		out = append(out, thumbprint(c.Raw))
	}
	return out
}

func thumbprint(der []byte) string {
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}

// inText returns the thumbprints of the certificates in PEM between whatever
// else a program printed.
func inText(text []byte) []string {
	var out []string
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		out = append(out, thumbprint(block.Bytes))
	}
	return out
}

// content returns what is in a file.
func content(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
