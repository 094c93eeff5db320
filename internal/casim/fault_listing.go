package casim

import (
	"slices"
	"strings"
	"time"
)

// listingFaults lie about how much there is, or in which order.
func listingFaults() []Fault {
	return []Fault{
		{Name: "count-too-high", Doc: "certificateCount tells of records that never come", Search: func(a *SearchAnswer) { a.Count += 10 }},
		{Name: "count-too-low", Doc: "certificateCount tells of fewer records than come", Search: func(a *SearchAnswer) { a.Count = 1 }},
		{Name: "count-negative", Doc: "certificateCount is -1", Search: func(a *SearchAnswer) { a.Count = -1 }},
		{Name: "more-forever", Doc: "moreCertificateAvailable is always true", Search: func(a *SearchAnswer) { a.More = true }},
		{Name: "more-never", Doc: "moreCertificateAvailable is false after the first page", Search: func(a *SearchAnswer) { a.More = false }},
		{Name: "more-and-none", Doc: "more is promised, and the next page is empty", Search: func(a *SearchAnswer) {
			if a.Start > 0 {
				a.List, a.More = nil, true
			}
		}},
		{Name: "same-page", Doc: "every page holds the same records", Search: samePage()},
		{Name: "shuffled", Doc: "the records of a page in another order each time", Search: func(a *SearchAnswer) { slices.Reverse(a.List) }},
		{Name: "duplicates-on-page", Doc: "each record of a page twice", Search: func(a *SearchAnswer) { a.List = append(a.List, a.List...) }},
		{Name: "nothing-there", Doc: "an inventory that is suddenly empty", World: without(func(int) bool { return true })},
		{Name: "half-gone", Doc: "half of the inventory is suddenly gone", World: without(func(i int) bool { return i%2 == 1 })},
		{Name: "few-gone", Doc: "three certificates are gone", World: without(func(i int) bool { return i < 3 })},
		{Name: "newest-gone", Doc: "the newest tenth is gone, as after a restored backup", World: func(w *World) { w.Issued = w.Issued[:len(w.Issued)*9/10] }},
		{Name: "listed-twice", Doc: "every certificate is listed twice, on different pages", World: func(w *World) { w.Issued = append(w.Issued, w.Issued...) }},
		{Name: "listed-twice-differently", Doc: "certificates are listed twice, the second time revoked", World: func(w *World) {
			again := slices.Clone(w.Issued[:min(3, len(w.Issued))])
			for i := range again {
				again[i].Status, again[i].RevokedAt, again[i].Reason = "REVOKED", w.ca.opts.Now(), "Superseded"
			}
			w.Issued = append(w.Issued, again...)
		}},
	}
}

// samePage puts the records of the first page on every page.
func samePage() func(*SearchAnswer) {
	var first []CertificateInformation
	return func(a *SearchAnswer) {
		if a.Start == 0 {
			first = slices.Clone(a.List)
		}
		a.List, a.More = slices.Clone(first), true
	}
}

// recordFaults change what is said of certificates, not the certificates.
func recordFaults() []Fault {
	now := func(w *World) time.Time { return w.ca.opts.Now() }
	return []Fault{
		{Name: "no-email", Doc: "emailAddress is nil", Search: Each(func(_ int, ci *CertificateInformation) { ci.Email = nilText() })},
		{Name: "no-reason", Doc: "REVOKED without revokeReason", World: one(func(w *World, c *Issued) { c.Status, c.Reason, c.RevokedAt = "REVOKED", "", now(w) })},
		{Name: "odd-reason", Doc: "REVOKED for a reason that nobody knows", World: one(func(w *World, c *Issued) { c.Status, c.Reason, c.RevokedAt = "REVOKED", "Whim", now(w) })},
		{Name: "revoked-never", Doc: "REVOKED without a time", World: one(func(_ *World, c *Issued) { c.Status, c.RevokedAt = "REVOKED", time.Time{} })},
		{Name: "revoked-tomorrow", Doc: "REVOKED in the future", World: one(func(w *World, c *Issued) { c.Status, c.RevokedAt = "REVOKED", now(w).AddDate(0, 0, 1) })},
		{Name: "suspended", Doc: "a record is SUSPENDED", World: one(func(w *World, c *Issued) { c.Status, c.Reason, c.RevokedAt = "SUSPENDED", "CertificateHold", now(w) })},
		{Name: "odd-status", Doc: "a status that nobody knows", World: one(func(_ *World, c *Issued) { c.Status = "PENDING_MAGIC" })},
		{Name: "lower-case-status", Doc: "the status in lower case", World: each(func(_ int, c *Issued) { c.Status = strings.ToLower(c.Status) })},
		{Name: "no-status", Doc: "no status", World: each(func(_ int, c *Issued) { c.Status = "" })},
		{Name: "leading-zeros", Doc: "serials have leading zeros", World: each(func(_ int, c *Issued) { c.Serial = "00" + c.Serial })},
		{Name: "upper-case-serial", Doc: "serials in upper case", World: each(func(_ int, c *Issued) { c.Serial = strings.ToUpper(c.Serial) })},
		{Name: "colon-serial", Doc: "serials with colons", World: each(func(_ int, c *Issued) { c.Serial = colons(c.Serial) })},
		{Name: "no-serial", Doc: "serials are empty", World: each(func(_ int, c *Issued) { c.Serial = "" })},
		{Name: "other-serial", Doc: "a serial that is not the certificate's", World: one(func(_ *World, c *Issued) { c.Serial = "deadbeef" })},
		{Name: "no-profile", Doc: "no profile", World: each(func(_ int, c *Issued) { c.Profile = "" })},
		{Name: "odd-names", Doc: "names of control characters, both directions, 10 KB", World: one(func(_ *World, c *Issued) {
			c.CommonName, c.Holder = "a\u202eb\u2028\u0085c"+strings.Repeat("x", 10_000), "\u200f<script>alert(1)</script>"
		})},
		{Name: "milliseconds", Doc: "times are milliseconds", Search: Each(func(_ int, ci *CertificateInformation) {
			ci.ValidFrom, ci.ValidTo, ci.RevokedAt = ci.ValidFrom*1000, ci.ValidTo*1000, ci.RevokedAt*1000
		})},
		{Name: "absurd-times", Doc: "times far beyond the calendar", Search: Each(func(_ int, ci *CertificateInformation) {
			ci.ValidFrom, ci.ValidTo, ci.RevokedAt = -1<<62, 1<<62, 1<<62
		})},
	}
}

func colons(serial string) string {
	if len(serial)%2 == 1 {
		serial = "0" + serial
	}
	var b strings.Builder
	for i := 0; i < len(serial); i += 2 {
		if i > 0 {
			b.WriteByte(':')
		}
		b.WriteString(serial[i : i+2])
	}
	return b.String()
}

// Each changes every record of every page; i counts within the page.
func Each(change func(i int, ci *CertificateInformation)) func(*SearchAnswer) {
	return func(a *SearchAnswer) {
		for i := range a.List {
			change(i, &a.List[i])
		}
	}
}

// First changes the first record of the inventory.
func First(change func(ci *CertificateInformation)) func(*SearchAnswer) {
	return func(a *SearchAnswer) {
		if a.Start == 0 && len(a.List) > 0 {
			change(&a.List[0])
		}
	}
}
