package symantec

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"cloudpki/internal/provider"
	"cloudpki/internal/provider/rest"
)

// Revoke revokes by serial number (updateCertificateStatus). What the service
// says of a certificate that it lacks, or that is revoked already, is not
// documented: it is searched for before.
func (s *session) Revoke(ctx context.Context, r provider.Revocation) error {
	answer, err := s.call(ctx, searchRequest(searchData{TxID: transactionID(), Account: s.account, Serial: r.Serial}))
	if err != nil {
		return err
	}
	infos := answer.child("certificateList").all("certificateInformation")
	infos = infos[:min(len(infos), maxPage)]
	switch {
	case len(infos) == 0:
		return noCertificate()
	case slices.ContainsFunc(infos, func(n *node) bool { return isAnother(n.value("certificate"), r) }):
		return otherCertificate()
	case !slices.ContainsFunc(infos, func(n *node) bool { return n.value("status") != "REVOKED" }):
		return nil
	}
	answer, err = s.call(ctx, revokeRequest(revokeData{transactionID(), reasonName(r.Reason), r.Serial}))
	if err != nil {
		return err
	}
	// Clients in use take a negative code for a failure.
	code, err := strconv.Atoi(answer.value("successCode"))
	if err != nil {
		return &provider.Error{Code: provider.CodeParse, Err: err, Msg: "the CA's answer to the revocation has no success code"}
	}
	if code < 0 || answer.value("revocationCount") == "0" {
		return &provider.Error{
			Code: provider.CodeUpstreamFault, Retry: provider.RetryNever, UpstreamCode: strconv.Itoa(code),
			TxID: s.words.Clean(answer.value("serverTransactionID"), maxID),
			Msg:  "the CA has not revoked: " + s.words.Clean(answer.value("successMsg"), maxWords),
		}
	}
	return nil
}

// isAnother reports whether what the CA has under the serial number can be read
// and is another certificate: serial numbers are of one CA, an account can have
// several.
func isAnother(text string, r provider.Revocation) bool {
	cert, _, err := provider.DecodeCertificate(text)
	return err == nil && r.Certificate != nil && !bytes.Equal(cert.Raw, r.Certificate)
}

func noCertificate() *provider.Error {
	return &provider.Error{Code: provider.CodeUpstreamFault, Retry: provider.RetryNever, Err: provider.ErrNoCertificate, Msg: "the CA has no certificate with the serial number"}
}

func otherCertificate() *provider.Error {
	return &provider.Error{Code: provider.CodeUpstreamFault, Retry: provider.RetryNever, Msg: "the CA has another certificate with the serial number, and revokes by that alone; revoke it in PKI Manager"}
}

// reasonName spells a reason as the schema does.
func reasonName(code int) string {
	for _, name := range []string{"KeyCompromise", "CACompromise", "AffiliationChanged", "Superseded", "CessationOfOperation", "PrivilegeWithdrawn", "AACompromise"} {
		if reason(name) == code {
			return name
		}
	}
	return "Unspecified"
}

// Revoke revokes by serial number (PUT /certificate/{serial}/revoke), unless the
// certificate (GET /certificate/{serial}) is revoked already.
func (s *restSession) Revoke(ctx context.Context, r provider.Revocation) error {
	path := "certificate/" + r.Serial
	var now restRecord
	_, err := s.client.JSON(ctx, rest.Request{Path: path}, &now)
	switch {
	case rest.IsStatus(err, http.StatusNotFound) && upstreamCode(err) == "entity_not_found":
		return noCertificate()
	case err != nil:
		return err
	case isAnother(now.Certificate, r):
		return otherCertificate()
	case strings.EqualFold(now.Status, "REVOKED"):
		return nil
	}
	a, err := s.client.Do(ctx, rest.Request{Method: http.MethodPut, Path: path + "/revoke", JSON: map[string]string{"revocation_reason": restReason(r.Reason)}})
	if err == nil && a.Status == http.StatusOK && len(a.Body) > 0 && a.Body[0] != '{' {
		return &provider.Error{Code: provider.CodeProtocol, Msg: fmt.Sprintf("%s does not answer the revocation with JSON; check serviceUri", s.client.Host())}
	}
	return forGood(err)
}

// restReason returns the nearest of the four reasons that the REST service
// takes.
func restReason(code int) string {
	switch code {
	case 1, 2, 10:
		return "key_compromise"
	case 3:
		return "affiliation_changed"
	case 4:
		return "superseded"
	default:
		return "cessation_of_operation"
	}
}

// forGood marks what the REST service will refuse again.
func forGood(err error) error {
	var e *provider.Error
	if errors.As(err, &e) && e.Code == provider.CodeUpstreamFault && rest.IsStatus(err, http.StatusBadRequest, http.StatusNotFound, http.StatusConflict, http.StatusUnprocessableEntity) {
		e.Retry = provider.RetryNever
	}
	return err
}
