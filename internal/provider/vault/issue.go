package vault

import (
	"cmp"
	"context"
	"encoding/pem"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"cloudpki/internal/provider"
	"cloudpki/internal/provider/rest"
)

// maxSigned bounds the certificates that are read of one answer.
const maxSigned = 16

// Issue signs a request under a role (API, "Sign certificate"): that of the
// profile, or that of the setting role.
func (s *session) Issue(ctx context.Context, r provider.Request) (provider.Issued, error) {
	if err := s.keepLogin(ctx); err != nil {
		return provider.Issued{}, err
	}
	role := cmp.Or(r.Profile, s.role)
	if role == "" {
		return provider.Issued{}, unknownRole("no role is named; name one as the profile, or set providerSettings role")
	}
	if checkName(role) != nil {
		return provider.Issued{}, unknownRole("the profile is not the name of a role")
	}
	path := "sign/" + url.PathEscape(role)
	if s.issuer != "" {
		path = "issuer/" + url.PathEscape(s.issuer) + "/" + path
	}
	var data struct {
		Certificate string   `json:"certificate"`
		IssuingCA   string   `json:"issuing_ca"`
		Chain       []string `json:"ca_chain"`
	}
	csr := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: r.CSR})
	txID, err := s.write(ctx, path, map[string]any{"csr": string(csr), "format": "pem"}, &data)
	if err != nil {
		return provider.Issued{}, aboutRole(err)
	}
	issued := provider.Issued{TxID: txID}
	for i, text := range append([]string{data.Certificate, data.IssuingCA}, data.Chain...)[:min(len(data.Chain)+2, maxSigned)] {
		if text == "" && i > 0 {
			continue
		}
		c, _, err := provider.DecodeCertificate(text)
		if err != nil {
			return provider.Issued{}, &provider.Error{Code: provider.CodeParse, Err: err, TxID: txID, Msg: s.rest.Host() + " answers the request with a certificate that cannot be read"}
		}
		issued.Chain = append(issued.Chain, c)
	}
	return issued, nil
}

// Revoke revokes by serial number. Vault takes no reason, and tells of one that
// is revoked already when it was.
func (s *session) Revoke(ctx context.Context, r provider.Revocation) error {
	if err := s.keepLogin(ctx); err != nil {
		return err
	}
	_, err := s.write(ctx, "revoke", map[string]any{"serial_number": colons(r.Serial)}, nil)
	var said *reply
	var e *provider.Error
	if errors.As(err, &said) && errors.As(err, &e) && strings.Contains(said.text(), "not found") && said.status < http.StatusInternalServerError {
		e.Code, e.Retry, e.Err = provider.CodeUpstreamFault, provider.RetryNever, errors.Join(provider.ErrNoCertificate, e.Err)
		e.Msg = s.rest.Host() + " has no certificate with this serial number in the mount '" + s.mountName + "'"
	}
	return err
}

// write decodes the data of the answer to a POST below the mount.
func (s *session) write(ctx context.Context, path string, body, data any) (requestID string, err error) {
	answer := struct {
		RequestID string `json:"request_id"`
		Data      any    `json:"data"`
	}{Data: data}
	_, err = s.rest.JSON(ctx, rest.Request{Method: http.MethodPost, Path: s.at(path), JSON: body}, &answer)
	return s.words.Clean(answer.RequestID, maxTxID), s.aboutMount(err)
}

// aboutRole says what a refusal to sign means: a name that the mount does not
// have, or a request that the role does not allow.
func aboutRole(err error) error {
	var said *reply
	var e *provider.Error
	if !errors.As(err, &said) || !errors.As(err, &e) || said.status != http.StatusBadRequest || e.Code == provider.CodeCredentialInvalid {
		return err
	}
	e.Retry = provider.RetryNever
	if strings.Contains(said.text(), "unknown role") {
		e.Code = provider.CodeProfileUnknown
	}
	return err
}

func unknownRole(msg string) *provider.Error {
	return &provider.Error{Code: provider.CodeProfileUnknown, Msg: msg}
}

// colons writes a serial number as Vault does: pairs of digits between colons.
func colons(serial string) string {
	if len(serial)%2 == 1 {
		serial = "0" + serial
	}
	pairs := make([]string, 0, len(serial)/2)
	for i := 0; i < len(serial); i += 2 {
		pairs = append(pairs, serial[i:i+2])
	}
	return strings.Join(pairs, ":")
}
