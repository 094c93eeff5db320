package stepca

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"

	"github.com/go-jose/go-jose/v4"

	"cloudpki/internal/provider"
)

// The bounds of what is read and tried of provisioners.
const (
	provisionersPerPage = 100 // authority/provisioner/collection.go, DefaultProvisionersMax
	maxProvisionerPages = 20
	maxKeys             = 4 // of one name; opening one takes up to half a second of a processor
)

// memberPassword is where a message says that the password is.
const memberPassword = "credentials/adminPassword"

// A provisioner is one of type JWK with its private key (authority/provisioner/jwk.go).
type provisioner struct {
	name string
	key  jose.JSONWebKey // private, with the id that the CA knows it by
}

// A listed provisioner is one as /provisioners tells it.
type listed struct {
	Type         string `json:"type"`
	Name         string `json:"name"`
	EncryptedKey string `json:"encryptedKey"` // JWE (RFC 7516) under a password (RFC 7518, 4.8), of a JWK
	Key          struct {
		ID string `json:"kid"`
	} `json:"key"`
}

// provisioner returns the provisioner of a name, opened by the password: that of
// the profile, or that of the user name, or the only one. It has CodePermission
// where there is no password, CodeProfileUnknown where profile is at fault or
// needed, CodeCredentialInvalid where the credentials are.
func (s *session) provisioner(ctx context.Context, profile string) (provisioner, error) {
	if s.credentials.Password.IsEmpty() {
		return provisioner{}, &provider.Error{Code: provider.CodePermission, Msg: memberPassword + " is missing; set it to the password of a JWK provisioner, which issuing and revoking need"}
	}
	all, err := s.provisioners(ctx)
	if err != nil {
		return provisioner{}, err
	}
	code := provider.CodeCredentialInvalid
	if profile != "" {
		code = provider.CodeProfileUnknown
	}
	name := cmp.Or(profile, s.credentials.UserName)
	var fit []listed
	for _, p := range all {
		if p.Type == "JWK" && p.EncryptedKey != "" && (name == "" || p.Name == name) {
			fit = append(fit, p)
		}
	}
	switch {
	case len(fit) == 0 && name == "":
		return provisioner{}, &provider.Error{Code: provider.CodePermission, Msg: s.base.Host + " has no JWK provisioner that hands out its encrypted key"}
	case len(fit) == 0:
		return provisioner{}, &provider.Error{Code: code, Msg: fmt.Sprintf("%s has no JWK provisioner '%s' that hands out its encrypted key", s.base.Host, provider.Clean(name, maxMessage))}
	case len(fit) > 1 && name == "":
		return provisioner{}, &provider.Error{Code: provider.CodeProfileUnknown, Msg: s.base.Host + " has several JWK provisioners; name one as the profile, or as credentials/adminUserName"}
	}
	for _, p := range fit[:min(len(fit), maxKeys)] {
		var key jose.JSONWebKey
		if key, err = openKey(p.EncryptedKey, s.credentials.Password.Reveal()); err == nil {
			key.KeyID = p.Key.ID
			return provisioner{p.Name, key}, nil
		}
	}
	return provisioner{}, &provider.Error{Code: code, Err: err, Msg: fmt.Sprintf("%s does not open the key of the provisioner '%s'", memberPassword, provider.Clean(fit[0].Name, maxMessage))}
}

// provisioners returns all that the CA lists, page by page (api/api.go,
// Provisioners).
func (s *session) provisioners(ctx context.Context) (all []listed, err error) {
	query := url.Values{"limit": {strconv.Itoa(provisionersPerPage)}}
	for range maxProvisionerPages {
		var page struct {
			Provisioners []listed `json:"provisioners"`
			Next         string   `json:"nextCursor"`
		}
		if err := s.getJSON(ctx, "provisioners", query, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Provisioners...)
		if page.Next == "" {
			return all, nil
		}
		query.Set("cursor", page.Next)
	}
	return nil, &provider.Error{Code: provider.CodeProtocol, Msg: fmt.Sprintf("%s lists more than %d pages of provisioners", s.base.Host, maxProvisionerPages)}
}

// openKey opens a JWE under a password and returns the private key in it. The
// work that a hostile one can ask for is bounded by the library: a million
// rounds of PBKDF2.
func openKey(encrypted string, password []byte) (key jose.JSONWebKey, err error) {
	object, err := jose.ParseEncrypted(encrypted,
		[]jose.KeyAlgorithm{jose.PBES2_HS256_A128KW, jose.PBES2_HS384_A192KW, jose.PBES2_HS512_A256KW},
		[]jose.ContentEncryption{jose.A128GCM, jose.A192GCM, jose.A256GCM, jose.A128CBC_HS256, jose.A192CBC_HS384, jose.A256CBC_HS512})
	if err != nil {
		return key, fmt.Errorf("parse encrypted key: %w", err)
	}
	plain, err := object.Decrypt(password)
	if err != nil {
		return key, fmt.Errorf("open encrypted key: %w", err)
	}
	if err := json.Unmarshal(plain, &key); err != nil {
		return key, errors.New("read key: not a JWK") // err may hold a part of it
	}
	if !key.Valid() || key.IsPublic() {
		return key, errors.New("read key: not a private one")
	}
	return key, nil
}
