package pki

import "cloudpki/internal/odata"

// TrustPolicy says what may replace the trusted root of a subscription without
// an admin.
type TrustPolicy int64

// The policies. Nil, where a subscription has none, is TrustAutomaticForRenewals.
const (
	TrustManual               TrustPolicy = iota // nothing: an admin approves every root
	TrustAutomaticForRenewals                    // a renewal with the same key, or a root that the trusted one has cross-signed
)

// PolicyName is who decides in the name of a TrustPolicy or of a date, in the
// audit trail and in Authority.DecidedBy.
const PolicyName = "policy"

// TrustPolicyEnum is the enumeration of the member trustChangePolicy.
func TrustPolicyEnum() *odata.EnumType {
	return &odata.EnumType{Name: "cloudPkiTrustChangePolicy", Members: []odata.Member{
		{Name: "manual", Value: int64(TrustManual), Doc: "An admin approves every other root."},
		{Name: "automaticForRenewals", Value: int64(TrustAutomaticForRenewals), Doc: "A renewal with the same key, or a root that the trusted one has cross-signed, is taken over; an admin approves all else."},
	}}
}

// takesRenewals reports whether the policy of s lets renewals be taken over.
func (s *Subscription) takesRenewals() bool {
	return s.TrustPolicy == nil || *s.TrustPolicy == TrustAutomaticForRenewals
}
