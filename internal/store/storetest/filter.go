package storetest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/provider"
)

// A listing is a stored collection with what each row's properties are, so
// that any query can be answered twice: by the store, and by going through all
// rows with odata.Eval.
type listing struct {
	entity *odata.EntityType
	rows   []listed
	page   func(q odata.Query) ([]pki.ID, []odata.Value, int64, error)
}

type listed struct {
	id     pki.ID
	values map[string]odata.Value // by column
}

func (l listed) get(p odata.Path, folded bool) odata.Value {
	v := l.values[p.Column()]
	if folded && v.State() == odata.Present {
		return odata.String(odata.Fold(v.Str()))
	}
	return v
}

const randomRows = 60

func filters(t *testing.T, open Open) {
	t.Run("subscriptions", func(t *testing.T) { examineQueries(t, randomSubscriptions(t, open)) })
	t.Run("certificates", func(t *testing.T) { examineQueries(t, randomCertificates(t, open)) })
}

// examineQueries draws queries and compares every page of the store's answer.
func examineQueries(t *testing.T, l listing) {
	paths := pathsOf(l.entity)
	for _, p := range paths {
		if l.rows[0].get(p, false).State() == odata.Absent {
			t.Fatalf("the examination does not know the property %s", p.Column())
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		q := odata.Query{Top: rapid.IntRange(1, randomRows+1).Draw(t, "top"), Count: true}
		if rapid.IntRange(0, 3).Draw(t, "filtered") > 0 {
			q.Filter = drawExpr(t, l, paths, 3)
		}
		for range rapid.IntRange(0, 3).Draw(t, "keys") {
			p := rapid.SampledFrom(paths).Filter(func(p odata.Path) bool { return p.Property.Sort }).Draw(t, "key")
			q.OrderBy = append(q.OrderBy, odata.Order{Path: p, Desc: rapid.Bool().Draw(t, "desc")})
		}
		if rapid.IntRange(0, 4).Draw(t, "searched") == 0 {
			q.Search = odata.Fold(drawText(t))
		}
		want := l.answer(q)
		var got []pki.ID
		for {
			ids, after, count, err := l.page(q)
			if err != nil {
				t.Fatal(err)
			}
			if count != int64(len(want)) {
				t.Fatalf("count is %d, want %d", count, len(want))
			}
			got = append(got, ids...)
			if after == nil {
				break
			}
			if q.After = after; len(ids) != q.Top || len(got) > randomRows {
				t.Fatalf("a page of %d with another behind it, of %d asked for", len(ids), q.Top)
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("store:\n%v\nwant:\n%v", l.describe(got, q), l.describe(want, q))
		}
	})
}

// describe shows rows with the values that a query looks at.
func (l listing) describe(ids []pki.ID, q odata.Query) string {
	var b strings.Builder
	for _, id := range ids {
		i := slices.IndexFunc(l.rows, func(r listed) bool { return r.id == id })
		fmt.Fprintf(&b, "%s", id)
		for _, o := range q.OrderBy {
			fmt.Fprintf(&b, " %s=%+v", o.Path.Column(), l.rows[i].get(o.Path, false))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// answer is what the store should say.
func (l listing) answer(q odata.Query) []pki.ID {
	var rows []listed
	for _, r := range l.rows {
		if (q.Filter == nil || odata.Eval(q.Filter, r.get)) && l.found(r, q.Search) {
			rows = append(rows, r)
		}
	}
	slices.SortFunc(rows, func(a, b listed) int {
		for _, o := range q.OrderBy {
			c := compare(a.get(o.Path, false), b.get(o.Path, false))
			if o.Desc {
				c = -c
			}
			if c != 0 {
				return c
			}
		}
		return strings.Compare(string(a.id), string(b.id))
	})
	ids := make([]pki.ID, len(rows))
	for i, r := range rows {
		ids[i] = r.id
	}
	return ids
}

func (l listing) found(r listed, text string) bool {
	if text == "" {
		return true
	}
	for _, p := range pathsOf(l.entity) {
		if v := r.get(p, true); p.Property.Search && v.State() == odata.Present && strings.Contains(v.Str(), text) {
			return true
		}
	}
	return false
}

func compare(a, b odata.Value) int {
	if a.State() != odata.Present || b.State() != odata.Present {
		return cmp.Compare(a.State(), b.State())
	}
	return cmp.Or(strings.Compare(a.Str(), b.Str()), cmp.Compare(a.Num(), b.Num()), cmp.Compare(a.Time().Ticks, b.Time().Ticks))
}

// pathsOf returns what may be asked of an entity type.
func pathsOf(e *odata.EntityType) []odata.Path {
	var paths []odata.Path
	for i := range e.Properties {
		p := &e.Properties[i]
		if p.Filter || p.Search {
			paths = append(paths, odata.Path{Property: p})
		}
		if p.Kind == odata.KindComplex && !p.Collection {
			for j := range p.Complex.Properties {
				if q := &p.Complex.Properties[j]; q.Filter {
					paths = append(paths, odata.Path{Parent: p, Property: q})
				}
			}
		}
	}
	return paths
}

func drawExpr(t *rapid.T, l listing, paths []odata.Path, depth int) odata.Expr {
	form := rapid.IntRange(0, 7).Draw(t, "form")
	if depth == 0 {
		form += 3
	}
	switch form {
	case 0:
		return odata.And{Left: drawExpr(t, l, paths, depth-1), Right: drawExpr(t, l, paths, depth-1)}
	case 1:
		return odata.Or{Left: drawExpr(t, l, paths, depth-1), Right: drawExpr(t, l, paths, depth-1)}
	case 2:
		return odata.Not{Expr: drawExpr(t, l, paths, depth-1)}
	case 3:
		return odata.Constant{Value: rapid.Bool().Draw(t, "constant")}
	}
	p := rapid.SampledFrom(paths).Draw(t, "path")
	folded := p.Property.Fold && rapid.Bool().Draw(t, "folded")
	switch {
	case form >= 6 && p.Property.Kind == odata.KindString:
		f := rapid.SampledFrom([]odata.Func{odata.StartsWith, odata.EndsWith, odata.Contains}).Draw(t, "function")
		return odata.Match{Path: p, Fold: folded, Func: f, Text: drawPart(t, l, p, folded)}
	case form == 5:
		in := odata.In{Path: p, Fold: folded}
		for range rapid.IntRange(1, 4).Draw(t, "values") {
			in.Values = append(in.Values, drawValue(t, l, p, folded))
		}
		return in
	default:
		op := rapid.SampledFrom([]odata.Op{odata.Eq, odata.Ne, odata.Gt, odata.Ge, odata.Lt, odata.Le}).Draw(t, "operator")
		return odata.Comparison{Path: p, Fold: folded, Op: op, Value: drawValue(t, l, p, folded)}
	}
}

// drawValue draws a literal: mostly one that some row has.
func drawValue(t *rapid.T, l listing, p odata.Path, folded bool) odata.Value {
	switch rapid.IntRange(0, 6).Draw(t, "literal") {
	case 0:
		return odata.NullValue()
	case 1:
		return drawOf(t, p.Property)
	default:
		return rapid.SampledFrom(l.rows).Draw(t, "row").get(p, folded)
	}
}

// drawPart draws a part of a text that some row has, or another text.
func drawPart(t *rapid.T, l listing, p odata.Path, folded bool) string {
	whole := []rune(rapid.SampledFrom(l.rows).Draw(t, "row").get(p, folded).Str())
	if len(whole) == 0 || rapid.IntRange(0, 4).Draw(t, "other") == 0 {
		return drawText(t)
	}
	from := rapid.IntRange(0, len(whole)).Draw(t, "from")
	return string(whole[from:rapid.IntRange(from, len(whole)).Draw(t, "to")])
}

func drawOf(t *rapid.T, p *odata.Property) odata.Value {
	switch p.Kind {
	case odata.KindString, odata.KindGUID:
		return odata.String(drawText(t))
	case odata.KindDateTimeOffset:
		return odata.Date(drawDate(t))
	case odata.KindEnum:
		return odata.Int(rapid.SampledFrom(p.Enum.Members).Draw(t, "member").Value)
	case odata.KindBoolean:
		return odata.Bool(rapid.Bool().Draw(t, "truth"))
	default:
		return odata.Int(rapid.Int64Range(-1<<31, 1<<31-1).Draw(t, "number"))
	}
}

// drawText draws what folds, sorts, quotes or matches unlike plain letters.
func drawText(t *rapid.T) string {
	alphabet := []string{
		"a", "A", "b", "ä", "Ä", "ß", "ẞ", "İ", "ı", "K", "k", "Σ", "σ", "ς", "e\u0301", "é", "%", "_", `\`, "'", `"`, "?", "?1", "$1", " ", ";--",
		"\t", "\u007f", "日", "\ud7ff", "\ue000", "\ufffd", "\uffff", "😀", "\U0010ffff",
	}
	s := strings.Join(rapid.SliceOfN(rapid.SampledFrom(alphabet), 0, 5).Draw(t, "text"), "")
	if rapid.IntRange(0, 30).Draw(t, "long") == 0 {
		s = strings.Repeat(s+"x", 100)
	}
	return s
}

// drawDate draws from year 1 to 9999, to 100 ns.
func drawDate(t *rapid.T) odata.DateTimeOffset {
	last := odata.FromTime(time.Date(9999, 12, 31, 23, 59, 59, 999999900, time.UTC)).Ticks
	return odata.DateTimeOffset{Ticks: rapid.OneOf(
		rapid.Int64Range(odata.Never().Ticks+1, last), rapid.Int64Range(-2, 2), rapid.Just(last),
	).Draw(t, "ticks")}
}

// drawOptional draws nil, or a pointer to what draw returns.
func drawOptional[T any](t *rapid.T, draw func(*rapid.T) T) *T {
	if rapid.IntRange(0, 3).Draw(t, "null") == 0 {
		return nil
	}
	v := draw(t)
	return &v
}

func drawNeverOr(t *rapid.T) odata.DateTimeOffset {
	if rapid.IntRange(0, 3).Draw(t, "never") == 0 {
		return odata.Never()
	}
	return drawDate(t)
}

func nullOrDate(d odata.DateTimeOffset) odata.Value {
	if d.IsNever() {
		return odata.NullValue()
	}
	return odata.Date(d)
}

func nullOrText(s string) odata.Value {
	if s == "" {
		return odata.NullValue()
	}
	return odata.String(s)
}

// draw draws once, with a fixed seed for each number.
func draw[T any](seed int, f func(*rapid.T) T) T { return rapid.Custom(f).Example(seed) }

func randomSubscriptions(t *testing.T, open Open) listing {
	db := open(t)
	l := listing{entity: pki.SubscriptionType()}
	for i := range randomRows {
		s := draw(i, func(t *rapid.T) pki.Subscription { return drawSubscription(t, i) })
		create(t, db, s)
		l.rows = append(l.rows, listed{s.ID, subscriptionValues(&s)})
	}
	create(t, db, fullSubscription(another, "foreign"))
	l.page = func(q odata.Query) ([]pki.ID, []odata.Value, int64, error) {
		p, err := db.Subscriptions(t.Context(), tenant, q)
		ids := make([]pki.ID, len(p.Items))
		for i := range p.Items {
			ids[i] = p.Items[i].ID
		}
		return ids, p.After, p.Count, err
	}
	return l
}

func drawSubscription(t *rapid.T, i int) pki.Subscription {
	s := subscription(tenant, pki.ID(rapid.SampledFrom([]string{"a", "B", "b", "-", "~", "_"}).Draw(t, "id")+fmt.Sprint(i)))
	s.Provider = rapid.SampledFrom(pki.ProviderEnum().Members).Draw(t, "provider").Name
	s.DisplayName, s.Description = drawOptional(t, drawText), drawOptional(t, drawText)
	s.Created, s.LastModified, s.LastSync = drawDate(t), drawDate(t), drawNeverOr(t)
	s.SyncStatus = pki.SyncStatus(rapid.IntRange(0, 2).Draw(t, "status"))
	s.LastSyncError, s.ServiceURI = drawOptional(t, drawText), drawOptional(t, drawText)
	s.Version = rapid.Int32().Draw(t, "version")
	s.Paused = drawOptional(t, func(t *rapid.T) bool { return rapid.Bool().Draw(t, "paused") })
	s.NextSync = drawNeverOr(t)
	s.Credentials = drawOptional(t, func(t *rapid.T) pki.Credentials {
		return pki.Credentials{UserName: drawOptional(t, drawText), Accepted: odata.Never(), Info: drawOptional(t, func(t *rapid.T) provider.CertificateInfo {
			return provider.CertificateInfo{Thumbprint: "00", NotBefore: time.Unix(0, 0).UTC(), NotAfter: drawDate(t).Time()}
		})}
	})
	return s
}

func subscriptionValues(s *pki.Subscription) map[string]odata.Value {
	number, _ := pki.ProviderEnum().ValueOf(s.Provider)
	v := map[string]odata.Value{
		"id": odata.String(string(s.ID)), "cloud_pki_provider": odata.Int(number),
		"display_name": odata.StringOrNull(s.DisplayName), "description": odata.StringOrNull(s.Description),
		"created_date_time": odata.Date(s.Created), "last_modified_date_time": odata.Date(s.LastModified), "last_sync_date_time": odata.Date(s.LastSync),
		"sync_status": odata.Int(int64(s.SyncStatus)), "last_sync_error": odata.StringOrNull(s.LastSyncError), "service_uri": odata.StringOrNull(s.ServiceURI),
		"version": odata.Int(int64(s.Version)), "paused": odata.NullValue(), "next_sync_date_time": nullOrDate(s.NextSync),
		"credentials_admin_user_name": odata.NullValue(), "credential_info_not_after": odata.NullValue(),
	}
	if s.Paused != nil {
		v["paused"] = odata.Bool(*s.Paused)
	}
	if c := s.Credentials; c != nil {
		v["credentials_admin_user_name"] = odata.StringOrNull(c.UserName)
		if c.Info != nil {
			v["credential_info_not_after"] = odata.Date(odata.FromTime(c.Info.NotAfter))
		}
	}
	return v
}

func randomCertificates(t *testing.T, open Open) listing {
	db := open(t)
	owner := lease(t, db, "a")
	l := listing{entity: pki.CertificateType()}
	var certs []pki.Certificate
	for i := range randomRows {
		c := draw(i, func(t *rapid.T) pki.Certificate { return drawCertificate(t, i) })
		certs = append(certs, c)
		l.rows = append(l.rows, listed{c.ID, certificateValues(&c)})
	}
	must2(t)(db.SavePage(t.Context(), owner, pki.RunPage{Certificates: certs, Run: owner.Run, Now: at(1)}))
	foreign := lease(t, db, "b")
	must2(t)(db.SavePage(t.Context(), foreign, pki.RunPage{Certificates: certs[:9], Run: foreign.Run, Now: at(1)}))
	l.page = func(q odata.Query) ([]pki.ID, []odata.Value, int64, error) {
		p, err := db.Certificates(t.Context(), tenant, "a", q)
		ids := make([]pki.ID, len(p.Items))
		for i := range p.Items {
			ids[i] = p.Items[i].ID
		}
		return ids, p.After, p.Count, err
	}
	return l
}

func drawCertificate(t *rapid.T, i int) pki.Certificate {
	c := pki.Certificate{
		ID: pki.ID(fmt.Sprintf("%02d", (i*7)%randomRows)), SubjectDN: drawText(t), CommonName: drawText(t), IssuerDN: drawText(t),
		Serial: drawText(t), NotBefore: drawNeverOr(t), NotAfter: drawNeverOr(t), RevokedAt: drawNeverOr(t), Missing: drawNeverOr(t),
		Status: pki.CertificateStatus(rapid.IntRange(0, 4).Draw(t, "status")), Reason: rapid.IntRange(-1, 10).Draw(t, "reason"),
		ProfileID: drawText(t), Holder: drawText(t), FirstSeen: drawDate(t), Changed: drawDate(t),
	}
	if rapid.Bool().Draw(t, "body") {
		c.DER = []byte{byte(i)}
		c.SHA256 = pki.Thumbprint(c.DER)
	}
	return c
}

func certificateValues(c *pki.Certificate) map[string]odata.Value {
	v := map[string]odata.Value{
		"id": odata.String(string(c.ID)), "subject_name": nullOrText(c.SubjectDN), "common_name": nullOrText(c.CommonName),
		"issuer_name": nullOrText(c.IssuerDN), "serial_number": nullOrText(c.Serial), "thumbprint": nullOrText(c.SHA256),
		"not_before": nullOrDate(c.NotBefore), "not_after": nullOrDate(c.NotAfter), "status": odata.Int(int64(c.Status)),
		"revocation_date_time": nullOrDate(c.RevokedAt), "revocation_reason": odata.NullValue(), "profile_id": nullOrText(c.ProfileID),
		"holder": nullOrText(c.Holder), "first_seen_date_time": odata.Date(c.FirstSeen), "last_changed_date_time": odata.Date(c.Changed),
		"missing_since_date_time": nullOrDate(c.Missing),
	}
	if c.Reason >= 0 {
		v["revocation_reason"] = odata.Int(int64(c.Reason))
	}
	return v
}
