package trust_test

import (
	"regexp"
	"slices"
	"testing"

	"cloudpki/internal/trust"

	"github.com/google/go-cmp/cmp"
)

// Java shows the roots in both kinds of truststore as trusted, under aliases
// of thumbprint and common name.
func TestTruststoresOpenInJava(t *testing.T) {
	for _, c := range []struct {
		ext, kind, password string
		options             trust.Options
	}{
		{"p12", "PKCS12", "changeit", trust.Options{}},
		{"jks", "JKS", "another word", trust.Options{Password: "another word"}},
	} {
		t.Run(c.ext, func(t *testing.T) {
			t.Parallel()
			b := sample(t)
			out := run(t, "keytool", "-J-Xshare:auto", "-J-XX:TieredStopAtLevel=1", "-J-Duser.language=en", "-list", "-rfc",
				"-storetype", c.kind, "-storepass", c.password, "-keystore", saved(t, write(t, c.ext, b, c.options)))
			equal(t, parsePEM(t, out), b.Roots...)

			var got []string
			for _, found := range regexp.MustCompile(`Alias name: (.*)\nCreation date: .*\nEntry type: trustedCertEntry\n`).FindAllSubmatch(out, -1) {
				got = append(got, string(found[1]))
			}
			var want []string
			for i, words := range []string{"plain-root", "rsa-root", "evil-key-begin-certificate-d-j"} {
				want = append(want, thumbprints(b.Roots[i : i+1])[0][:32]+"-"+words)
			}
			slices.Sort(got)
			slices.Sort(want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("aliases (-want +got):\n%s\nin\n%s", diff, out)
			}
		})
	}
}

func TestPKCS12OpensInOpenSSL(t *testing.T) {
	b := sample(t)
	for _, o := range []trust.Options{{}, {Password: "pässwörd"}} {
		password := o.Password
		if password == "" {
			password = trust.DefaultPassword
		}
		out := run(t, "openssl", "pkcs12", "-nokeys", "-passin", "pass:"+password, "-in", saved(t, write(t, "p12", b, o)))
		equal(t, parsePEM(t, out), b.Roots...)
	}
}
