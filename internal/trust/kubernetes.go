package trust

import (
	"errors"
	"fmt"
	"strings"
)

// ErrTooLarge is the error of a bundle that Kubernetes would refuse.
var ErrTooLarge = errors.New("the bundle is larger than the 1 MiB that Kubernetes takes")

const (
	kubernetesLimit = 1 << 20 // bytes of the data of a ConfigMap
	kubernetesName  = 63      // characters of the longest name that fits everywhere (RFC 1123 label)
)

// ConfigMap is a Kubernetes ConfigMap with the PEM bundle below ca.crt. It has
// no namespace: kubectl's decides.
func ConfigMap() Format {
	return Format{
		Ext: "configmap.yaml", MediaType: "application/yaml",
		Doc: "A ConfigMap for Kubernetes with the roots in PEM below ca.crt.", Write: writeConfigMap,
	}
}

// CertManagerBundle is a Bundle of trust-manager, trust.cert-manager.io/v1alpha1,
// which writes the roots to a ConfigMap of the same name in all namespaces,
// below ca.crt.
func CertManagerBundle() Format {
	return Format{
		Ext: "bundle.yaml", MediaType: "application/yaml",
		Doc: "A Bundle for trust-manager, which brings the roots to every namespace of a Kubernetes cluster.", Write: writeCertManagerBundle,
	}
}

func writeConfigMap(b Bundle, o Options) ([]byte, error) {
	text, err := kubernetesPEM(b, o)
	if err != nil {
		return nil, err
	}
	var out strings.Builder
	b.kubernetesHead(&out, "v1", "ConfigMap")
	out.WriteString("data:\n  ca.crt: |\n")
	indent(&out, 4, text)
	return []byte(out.String()), nil
}

func writeCertManagerBundle(b Bundle, o Options) ([]byte, error) {
	text, err := kubernetesPEM(b, o)
	if err != nil {
		return nil, err
	}
	var out strings.Builder
	b.kubernetesHead(&out, "trust.cert-manager.io/v1alpha1", "Bundle")
	out.WriteString("spec:\n  sources:\n    - inLine: |\n")
	indent(&out, 8, text)
	out.WriteString("  target:\n    configMap:\n      key: ca.crt\n")
	return []byte(out.String()), nil
}

// kubernetesPEM returns the roots in PEM.
func kubernetesPEM(b Bundle, o Options) (string, error) {
	text, err := writePEM(b, o)
	if err != nil {
		return "", err
	}
	if len(text) > kubernetesLimit {
		return "", fmt.Errorf("write bundle %s for Kubernetes: %w: %d bytes", b.Name, ErrTooLarge, len(text))
	}
	return string(text), nil
}

// kubernetesHead writes what the objects have in common. No text of a
// certificate is in it, nor any other that YAML would have to escape.
func (b Bundle) kubernetesHead(out *strings.Builder, version, kind string) {
	fmt.Fprintf(out, `apiVersion: %s
kind: %s
metadata:
  name: %s
  labels:
    app.kubernetes.io/managed-by: cloudpki
  annotations:
    cloudpki/bundle-version: "%d"
`, version, kind, b.kubernetesName(), b.Version)
}

// kubernetesName returns the name of the bundle if it begins with a letter and
// is a name in Kubernetes, and one else that is made of it, with eight digits
// that keep such names apart.
func (b Bundle) kubernetesName() string {
	name := slug(b.Name, kubernetesName)
	if name != "" && name == b.Name && name[0] > '9' {
		return name
	}
	return strings.TrimSuffix("bundle-"+slug(b.Name, kubernetesName-len("bundle-")-9), "-") + "-" + strings.ToLower(b.id()[:8])
}

// indent writes the lines of the text, each after so many spaces.
func indent(out *strings.Builder, spaces int, text string) {
	for line := range strings.Lines(text) {
		out.WriteString(strings.Repeat(" ", spaces) + line)
	}
}
