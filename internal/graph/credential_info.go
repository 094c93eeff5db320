package graph

import (
	"time"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// credentialInfo is what an admin needs instead of the secrets; its members
// are in the order of pki.CredentialInfoType.
func credentialInfo(v *subscriptionView) odata.Value {
	if !v.info {
		return odata.Value{}
	}
	if v.Credentials == nil && v.Staged == nil && v.Previous == nil {
		return odata.NullValue()
	}
	c := v.Credentials
	if c == nil {
		c = &pki.Credentials{Accepted: odata.Never()}
	}
	subject, issuer, thumbprint, notAfter := certificateInfo(c)
	values := []odata.Value{
		odata.Bool(c.UserName != nil), odata.Bool(c.Password != nil), odata.Bool(c.Certificate != nil), odata.Bool(c.CertificatePassword != nil),
		subject, issuer, thumbprint, notAfter,
	}
	end, left := c.ExpiresAt(), odata.NullValue()
	if !end.IsZero() {
		left = odata.Int(wholeDays(end.Sub(v.now)))
	}
	values = append(values, left, dateOrNull(c.Accepted))
	status, rung := odata.NullValue(), odata.NullValue()
	if v.Credentials != nil {
		status, rung = odata.Int(int64(c.Status)), odata.Int(int64(c.Rung))
	}
	values = append(values, status, timeOrNull(c.StatusAt), timeOrNull(c.Expires), timeOrNull(end), rung)
	return odata.List(append(values, slotInfo(v)...)...)
}

// slotInfo is what may be known of the credentials beside the current ones.
func slotInfo(v *subscriptionView) []odata.Value {
	null := odata.NullValue()
	since, subject, thumbprint, notAfter, accepted := null, null, null, null, null
	if s := v.Staged; s != nil {
		since, accepted = timeOrNull(s.Since), dateOrNull(s.Accepted)
		subject, _, thumbprint, notAfter = certificateInfo(&s.Credentials)
	}
	previous, until := null, null
	if p := v.Previous; p != nil {
		until = timeOrNull(p.Until)
		_, _, previous, _ = certificateInfo(&p.Credentials)
	}
	return []odata.Value{since, subject, thumbprint, notAfter, accepted, previous, until}
}

func certificateInfo(c *pki.Credentials) (subject, issuer, thumbprint, notAfter odata.Value) {
	i := c.Info
	if i == nil {
		return odata.NullValue(), odata.NullValue(), odata.NullValue(), odata.NullValue()
	}
	return textOrNull(i.Subject), textOrNull(i.Issuer), textOrNull(i.Thumbprint), odata.Date(odata.FromTime(i.NotAfter))
}

// timeOrNull is a time, or null for the zero one.
func timeOrNull(t time.Time) odata.Value {
	if t.IsZero() {
		return odata.NullValue()
	}
	return odata.Date(odata.FromTime(t))
}
