// Package stepcatest starts real step-ca servers for tests, in the test's own
// process or as the step-ca program, and acts as a client that certificates
// are issued to. It lives in a module of its own, so that step-ca and its
// dependencies do not reach the product's list.
package stepcatest

import (
	"crypto/ecdsa"

	"go.step.sm/crypto/jose"

	"cloudpki/internal/casim/stepcaconfig"
)

// Files is a configuration of step-ca on disk, as `step-ca ConfigFile` takes it.
type Files struct{ stepcaconfig.Files }

// WriteConfig writes what step-ca needs to run at address (host:port) into dir.
func WriteConfig(dir, address string, options ...Option) (Files, error) {
	var o stepcaconfig.Options
	for _, set := range options {
		set(&o)
	}
	files, err := stepcaconfig.Write(dir, address, o)
	return Files{files}, err
}

// An Option changes how a CA is set up.
type Option func(*stepcaconfig.Options)

// WithoutCRL makes a CA that offers no revocation list, as is step-ca's default.
func WithoutCRL() Option { return func(o *stepcaconfig.Options) { o.WithoutCRL = true } }

// WithPassword makes a CA that hands out its provisioner's key under a
// password, encrypted as the step program does it.
func WithPassword(password string) Option {
	return func(o *stepcaconfig.Options) {
		o.EncryptKey = func(key *ecdsa.PrivateKey, kid string) (string, error) {
			encrypted, err := jose.EncryptJWK(&jose.JSONWebKey{Key: key, KeyID: kid, Algorithm: jose.ES256, Use: "sig"}, []byte(password))
			if err != nil {
				return "", err
			}
			return encrypted.CompactSerialize()
		}
	}
}
