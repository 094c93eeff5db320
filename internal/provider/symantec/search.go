package symantec

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"

	"cloudpki/internal/provider"
)

const (
	// maxRecords bounds a listing: a CA that always has more is not believed.
	maxRecords = 10_000_000
	// pageSize is what the service sends; it is only used to look around.
	pageSize = 50
	// maxPage bounds the records of one answer.
	maxPage = 10_000
)

// A found is one answer of searchCertificate.
type found struct {
	start int
	infos []*node
	count int // certificateCount: how many the service has in all
	more  bool
	txID  string
}

// Mode returns InventoryFull: the service cannot filter by change.
func (s *session) Mode() provider.InventoryMode { return provider.InventoryFull }

// List returns the next page. The service pages by offset and orders by a rule
// it does not tell, so the list shifts when certificates are added or removed
// while it is read. Each page therefore begins with the last record of the page
// before. Where that is not first, it is looked for further up and down, and
// the page begins behind it; what was added above is the next run's matter.
// Where it is gone, the listing fails: nothing is passed over without notice.
func (s *session) List(ctx context.Context, scan provider.Scan, after provider.Cursor) (provider.Page, error) {
	if scan.Mode != provider.ScanAll {
		return provider.Page{}, &provider.Error{Code: provider.CodeUnsupported, Msg: "the service cannot be followed by " + string(scan.Mode)}
	}
	p, err := s.at(after)
	if err != nil {
		return provider.Page{}, err
	}
	f, fresh, err := s.behind(ctx, p)
	if err != nil {
		return provider.Page{}, err
	}
	page := provider.Page{TxID: f.txID, Total: f.count}
	if len(s.profiles) > 1 {
		page.Total = -1
	}
	for _, info := range fresh {
		s.add(&page, info)
	}
	next, more, err := s.after(p, f)
	if err != nil {
		return provider.Page{}, err
	}
	page.More, page.Full = more, !more
	if more {
		page.Next, err = next.cursor()
	}
	return page, err
}

// after returns the position behind an answer, and whether anything is left.
func (s *session) after(p position, f found) (position, bool, error) {
	end := f.start + len(f.infos)
	if f.more {
		return position{Profile: p.Profile, Read: end, Last: mark(f.infos[len(f.infos)-1])}, true, nil
	}
	if end < f.count {
		return p, false, incomplete(f, fmt.Sprintf("the CA says that it has %d certificates but lists %d", f.count, end))
	}
	if next, ok := s.nextProfile(p.Profile); ok {
		return position{Profile: next}, true, nil
	}
	return p, false, nil
}

// behind returns the answer that holds the records behind p, and those records.
func (s *session) behind(ctx context.Context, p position) (found, []*node, error) {
	if p.Last == "" {
		f, err := s.search(ctx, p.Profile, p.Read)
		return f, f.infos, err
	}
	for _, away := range []int{0, -1, 1, -2, 2, -3, 3} {
		start := p.Read - 1 + away*(pageSize-1)
		if start <= 1-pageSize {
			continue // the page before was the first
		}
		f, err := s.search(ctx, p.Profile, max(start, 0))
		if err != nil {
			return f, nil, err
		}
		switch i := slices.IndexFunc(f.infos, func(n *node) bool { return mark(n) == p.Last }); {
		case i < 0:
		case i+1 < len(f.infos) || !f.more:
			return f, f.infos[i+1:], nil
		default:
			return s.next(ctx, p, f)
		}
	}
	return found{}, nil, incomplete(found{}, "the CA's listing changed while it was read")
}

// next reads on where an answer ended with the last record and promised more.
func (s *session) next(ctx context.Context, p position, f found) (found, []*node, error) {
	g, err := s.search(ctx, p.Profile, f.start+len(f.infos))
	if err != nil {
		return g, nil, err
	}
	if slices.ContainsFunc(g.infos, func(n *node) bool { return mark(n) == p.Last }) {
		return g, nil, incomplete(g, "the CA's listing repeats itself")
	}
	return g, g.infos, nil
}

// search makes one call and checks that its answer makes sense.
func (s *session) search(ctx context.Context, profile string, start int) (found, error) {
	if start > maxRecords {
		return found{}, incomplete(found{}, fmt.Sprintf("the CA's listing does not end after %d certificates", maxRecords))
	}
	answer, err := s.call(ctx, searchRequest(searchData{TxID: transactionID(), Account: s.account, Profile: profile, Start: start}))
	if err != nil {
		return found{}, err
	}
	f := found{
		start: start,
		infos: answer.child("certificateList").all("certificateInformation"),
		more:  answer.value("moreCertificateAvailable") == "true" || answer.value("moreCertificateAvailable") == "1",
		txID:  s.words.Clean(answer.value("serverTransactionID"), maxID),
	}
	if f.count, err = strconv.Atoi(answer.value("certificateCount")); err != nil || f.count < 0 {
		return f, &provider.Error{Code: provider.CodeParse, Msg: "certificateCount is not a number", TxID: f.txID, Err: err}
	}
	if f.more && len(f.infos) == 0 {
		return f, incomplete(f, "the CA says that more certificates are available but sends none")
	}
	if len(f.infos) > maxPage {
		return f, &provider.Error{Code: provider.CodeProtocol, Msg: fmt.Sprintf("the CA sends more than %d certificates at once", maxPage), TxID: f.txID}
	}
	return f, nil
}

func incomplete(f found, msg string) *provider.Error {
	return &provider.Error{Code: provider.CodeIncompleteListing, Msg: msg, TxID: f.txID}
}

// mark identifies a record by what cannot change: serial and certificate.
func mark(info *node) string {
	sum := sha256.Sum256([]byte(info.value("serialNumber") + "|" + info.value("certificate")))
	return hex.EncodeToString(sum[:12])
}
