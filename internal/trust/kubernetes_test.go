package trust_test

import (
	"crypto/x509"
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"

	"cloudpki/internal/trust"

	"github.com/google/go-cmp/cmp"
	"github.com/knadh/koanf/parsers/yaml"
)

// manifestOf reads YAML and takes the PEM out of it.
func manifestOf(t *testing.T, text []byte, path ...any) (rest map[string]any, list []*x509.Certificate) {
	t.Helper()
	rest, err := yaml.Parser().Unmarshal(text)
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	var node any = rest
	for i, step := range path {
		switch at := node.(type) {
		case map[string]any:
			node = at[step.(string)]
			if i == len(path)-1 {
				at[step.(string)] = "PEM"
			}
		case []any:
			node = at[step.(int)]
		}
	}
	bundle, _ := node.(string)
	return rest, parsePEM(t, []byte(bundle))
}

func TestConfigMap(t *testing.T) {
	b := sample(t)
	b.Name = "all-roots"
	got, list := manifestOf(t, write(t, "configmap.yaml", b, trust.Options{}), "data", "ca.crt")
	equal(t, list, b.Roots...)
	want := map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap",
		"metadata": map[string]any{
			"name":        "all-roots",
			"labels":      map[string]any{"app.kubernetes.io/managed-by": "cloudpki"},
			"annotations": map[string]any{"cloudpki/bundle-version": "7"},
		},
		"data": map[string]any{"ca.crt": "PEM"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ConfigMap (-want +got):\n%s", diff)
	}
}

func TestCertManagerBundle(t *testing.T) {
	b := sample(t)
	got, list := manifestOf(t, write(t, "bundle.yaml", b, trust.Options{}), "spec", "sources", 0, "inLine")
	equal(t, list, b.Roots...)
	want := map[string]any{
		"apiVersion": "trust.cert-manager.io/v1alpha1", "kind": "Bundle",
		"metadata": got["metadata"],
		"spec": map[string]any{
			"sources": []any{map[string]any{"inLine": "PEM"}},
			"target":  map[string]any{"configMap": map[string]any{"key": "ca.crt"}},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Bundle (-want +got):\n%s", diff)
	}
}

// A name that Kubernetes does not take is made into one that it takes, and
// that no other bundle of any tenant has.
func TestKubernetesNames(t *testing.T) {
	b := sample(t)
	b.Roots = b.Roots[:1]
	seen := map[string]string{}
	for _, c := range []struct{ tenant, name, want string }{
		{"t", "all-roots", `all-roots`},
		{"t", "All-Roots", `bundle-all-roots-[0-9a-f]{8}`},
		{"t", "all_roots", `bundle-all-roots-[0-9a-f]{8}`},
		{"u", "all_roots", `bundle-all-roots-[0-9a-f]{8}`},
		{"t", "true~", `bundle-true-[0-9a-f]{8}`},
		{"t", "123", `bundle-123-[0-9a-f]{8}`},
		{"t", "..", `bundle-[0-9a-f]{8}`},
		{"t", strings.Repeat("a", 64), `bundle-a{47}-[0-9a-f]{8}`},
	} {
		b.Tenant, b.Name = c.tenant, c.name
		got, _ := manifestOf(t, write(t, "configmap.yaml", b, trust.Options{}))
		name, _ := got["metadata"].(map[string]any)["name"].(string)
		if !regexp.MustCompile(`^`+c.want+`$`).MatchString(name) || len(name) > 63 || seen[name] != "" {
			t.Errorf("%s: %q, want %s; %v", c.name, name, c.want, seen)
		}
		seen[name] = c.name
	}
}

// What the API server would refuse is not written.
func TestKubernetesTakesOneMiB(t *testing.T) {
	b := sample(t)
	root := *b.Roots[0]
	root.Raw = slices.Concat(root.Raw, make([]byte, 800_000))
	b.Roots = []*x509.Certificate{&root}
	for _, ext := range []string{"configmap.yaml", "bundle.yaml"} {
		format, _ := trust.Lookup(ext)
		if out, err := format.Write(b, trust.Options{}); !errors.Is(err, trust.ErrTooLarge) {
			t.Errorf("%s: %d bytes, %v", ext, len(out), err)
		}
	}
}
