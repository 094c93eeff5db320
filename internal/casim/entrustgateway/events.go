package entrustgateway

import (
	"encoding/base64"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"cloudpki/internal/casim"
)

// maxPage is the most events of one answer, as with PKIaaS.
const maxPage = 50

// An event is one line of the feed.
type event struct {
	Action       string  `json:"action"`
	Event        int     `json:"event"`
	EventDate    string  `json:"eventDate"`
	Certificate  *string `json:"certificate,omitempty"` // base64 of DER
	SerialNumber string  `json:"serialNumber"`
	Detail       *string `json:"detail"`
	Reason       *string `json:"reason"`
}

// events answers a page of the feed. The first call has a startDate and gets
// the days without events, which are an empty page; the calls behind it have
// the nextPageIndex, which is good for the page size it was made for.
func (s *server) events(w http.ResponseWriter, r *http.Request, i casim.Issuer) {
	q := r.URL.Query()
	if unknown(w, q, "startDate", "nextPageIndex", "preferredPageSize", "$fields") {
		return
	}
	size := pageSize(q, s.ca.PageSize())
	if size <= 0 {
		refuse(w, http.StatusBadRequest, "invalid-parameter", "preferredPageSize is not a number.", "preferredPageSize")
		return
	}
	from, err := time.Parse("2006-01-02T15:04:05.000Z", q.Get("startDate"))
	if q.Has("startDate") && err != nil || !q.Has("startDate") && !q.Has("nextPageIndex") {
		refuse(w, http.StatusBadRequest, "invalid-parameter", "startDate is not of the form 2026-01-01T00:00:00.000Z.", "startDate")
		return
	}
	feed := s.feed(i)
	if !q.Has("nextPageIndex") {
		first := 0
		for first < len(feed) && moment(feed[first]).Before(from) {
			first++
		}
		answer(w, http.StatusOK, s.page(nil, first, size, first < len(feed)))
		return
	}
	at, ok := s.position(q.Get("nextPageIndex"), size)
	if !ok || at > len(feed) {
		refuse(w, http.StatusBadRequest, "invalid-parameter", "The page index is not valid.", "nextPageIndex")
		return
	}
	end := min(at+size, len(feed))
	out := make([]event, 0, end-at)
	for n, e := range feed[at:end] {
		out = append(out, told(at+n+1, e, q.Get("$fields") != "-events.certificate"))
	}
	answer(w, http.StatusOK, s.page(out, end, size, end < len(feed)))
}

func pageSize(q url.Values, most int) int {
	most = min(most, maxPage)
	if !q.Has("preferredPageSize") {
		return most
	}
	n, err := strconv.Atoi(q.Get("preferredPageSize"))
	if err != nil {
		return 0
	}
	return min(n, most)
}

func (s *server) page(events []event, next, size int, more bool) map[string]any {
	if events == nil {
		events = []event{}
	}
	index := base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%s %d %d", s.epoch, size, next))
	return map[string]any{"type": "CertificateEventsResponse", "events": events, "nextPageIndex": index, "hasMore": more}
}

// position reads what page wrote.
func (s *server) position(index string, size int) (int, bool) {
	b, err := base64.RawURLEncoding.DecodeString(index)
	if err != nil {
		return 0, false
	}
	var epoch string
	var of, next int
	if _, err := fmt.Sscanf(string(b), "%s %d %d", &epoch, &of, &next); err != nil {
		return 0, false
	}
	return next, epoch == s.epoch && of == size && next >= 0
}

// feed returns all events of an issuing CA, oldest first, of the certificates
// that the CA tells of now. What was issued before the simulator was started
// has no event on record; it comes first.
func (s *server) feed(i casim.Issuer) []casim.Event {
	inventory := s.ca.Inventory()
	place := map[string]int{} // in the inventory, by certificate and by serial number
	for n, c := range inventory {
		place[c.Serial] = n
	}
	for n, c := range inventory {
		place[string(c.DER)] = n
	}
	recorded := make([]bool, len(inventory))
	var happened []casim.Event
	list, _ := s.ca.Events(0, math.MaxInt32)
	for _, e := range list {
		n, ok := place[string(e.Issued.DER)]
		if !ok {
			n, ok = place[e.Issued.Serial]
		}
		if ok {
			recorded[n], e.Issued = true, inventory[n]
			happened = append(happened, e)
		}
	}
	var all []casim.Event
	for n, c := range inventory {
		if recorded[n] {
			continue
		}
		all = append(all, casim.Event{Kind: "issued", Issued: c})
		if !c.RevokedAt.IsZero() {
			all = append(all, casim.Event{Kind: "revoked", Issued: c})
		}
	}
	return slices.DeleteFunc(append(all, happened...), func(e casim.Event) bool { return e.Issued.Profile != i.Profile })
}

func moment(e casim.Event) time.Time {
	if e.Kind == "issued" {
		return e.Issued.IssuedAt
	}
	return e.Issued.UpdatedAt
}

// action returns the vendor's word for a kind of event. That of a revocation
// is the one its own client looks for.
func action(kind string) string {
	switch kind {
	case "suspended":
		return "held"
	case "valid":
		return "unheld"
	default:
		return kind
	}
}

func told(number int, e casim.Event, body bool) event {
	out := event{Action: action(e.Kind), Event: number, EventDate: moment(e).UTC().Format(time.RFC3339Nano), SerialNumber: padded(e.Issued.Serial)}
	if body {
		der := base64.StdEncoding.EncodeToString(e.Issued.DER)
		out.Certificate = &der
	}
	if e.Kind == "revoked" {
		out.Reason = reasonName(e.Issued.ReasonCode)
	}
	return out
}

// padded writes a serial number as the vendor does: 40 hex digits.
func padded(serial string) string { return fmt.Sprintf("%040s", serial) }
