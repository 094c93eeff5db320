package formats

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cert-manager/trust-manager/pkg/apis/trust/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metavalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	names "k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"
)

// The file is a ConfigMap as Kubernetes has it, with no member more, that it
// would take.
func opensConfigMap(t *testing.T, w *world) {
	var got corev1.ConfigMap
	if err := yaml.UnmarshalStrict(w.fetch(t, whole, "configmap.yaml"), &got); err != nil {
		t.Fatal(err)
	}
	isObject(t, got.TypeMeta, got.ObjectMeta, corev1.SchemeGroupVersion.WithKind("ConfigMap").String())
	size := 0
	for key, text := range got.Data {
		size += len(text)
		if faults := names.IsConfigMapKey(key); len(faults) > 0 {
			t.Errorf("%s: %v", key, faults)
		}
	}
	if size > corev1.MaxSecretSize { // that of a ConfigMap too
		t.Errorf("%d bytes", size)
	}
	same(t, "ca.crt", inText([]byte(got.Data["ca.crt"])), w.roots()...)
}

// The file is a Bundle as trust-manager has it, with no member more, and meets
// the schema of its resource definition.
func opensTrustManager(t *testing.T, w *world) {
	text := w.fetch(t, whole, "bundle.yaml")
	var got v1alpha1.Bundle
	if err := yaml.UnmarshalStrict(text, &got); err != nil {
		t.Fatal(err)
	}
	meetsDefinition(t, text)
	isObject(t, got.TypeMeta, got.ObjectMeta, v1alpha1.SchemeGroupVersion.WithKind(v1alpha1.BundleKind).String())
	if len(got.Spec.Sources) != 1 {
		t.Fatalf("sources: %+v", got.Spec.Sources)
	}
	same(t, "the source", inText([]byte(got.Spec.Sources[0].InLine)), w.roots()...)
	target := got.Spec.Target.ConfigMap
	if target == nil || len(names.IsConfigMapKey(target.Key)) > 0 {
		t.Errorf("target: %+v", got.Spec.Target)
	}
}

// isObject checks the kind and the metadata as an API server does.
func isObject(t *testing.T, kind metav1.TypeMeta, meta metav1.ObjectMeta, want string) {
	t.Helper()
	if got := kind.GroupVersionKind().String(); got != want {
		t.Errorf("it is a %s, want %s", got, want)
	}
	faults := append(metavalidation.ValidateLabels(meta.Labels, field.NewPath("labels")),
		validation.ValidateAnnotations(meta.Annotations, field.NewPath("annotations"))...)
	if wrong := validation.NameIsDNSSubdomain(meta.Name, false); len(faults) > 0 || len(wrong) > 0 {
		t.Errorf("%s: %v %v", meta.Name, wrong, faults)
	}
}

// meetsDefinition checks a Bundle by the custom resource definition in
// trust-manager's module: types, bounds and what must be there.
func meetsDefinition(t *testing.T, bundle []byte) {
	t.Helper()
	module := strings.TrimSpace(string(run(t, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/cert-manager/trust-manager")))
	var definition struct {
		Spec struct {
			Versions []struct {
				Name   string
				Schema struct{ OpenAPIV3Schema any }
			}
		}
	}
	if err := yaml.Unmarshal(content(t, filepath.Join(module, "deploy/crds/trust.cert-manager.io_bundles.yaml")), &definition); err != nil {
		t.Fatal(err)
	}
	version := definition.Spec.Versions[0]
	schema, err := json.Marshal(version.Schema.OpenAPIV3Schema)
	if err != nil || version.Name != v1alpha1.SchemeGroupVersion.Version {
		t.Fatalf("the schema of %s: %v", version.Name, err)
	}
	document, err := yaml.YAMLToJSON(bundle)
	if err != nil {
		t.Fatal(err)
	}
	meets(t, saved(t, schema), document, new(any))
}
