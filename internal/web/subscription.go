package web

import (
	"cmp"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/provider"
)

// subscriptionQuery asks for a subscription's last runs and its authorities.
const subscriptionQuery = "$expand=syncRuns($top=20;$orderby=queuedDateTime+desc),certificateAuthorities($top=100;$orderby=kind,subjectName)"

const (
	watchParameter = "watch" // look again, by the wish of the person, who can end it

	manualErrors = "/docs/errors/"
)

// subscriptionPage is one subscription.
type subscriptionPage struct {
	Path        string
	Edits       string // the state that the forms act on
	Health      health
	Sub         pki.Subscription
	Provider    string // in words
	Schedule    string // how often to sync
	Paused      bool
	Policy      string // what happens when the CA changes its root
	ServiceURI  string
	Description string
	Fault       runFault // of the last sync; zero for none
	Credentials credentialsView
	Runs        []runRow
	Progress    *progress // of the run that is queued or running
	Tree        []authorityNode
	Changes     []trustChange
}

// A runFault is why a run failed, in plain words.
type runFault struct {
	Text string
	Code provider.Code
	Help string // address of the manual's page, "" for none
}

// credentialsView is what may be known of credentials.
type credentialsView struct {
	Set        bool
	UserName   string
	Subject    string
	Issuer     string
	Thumbprint string
	Status     string
	Since      time.Time
	Accepted   odata.DateTimeOffset
	Ends       time.Time
	Days       int
	Staged     time.Time
	Previous   time.Time // until when they are kept

	StagedSubject string // of the staged client certificate, "" for none
	StagedGood    bool   // the CA has accepted the staged ones
}

func (s *Server) showSubscription(v *visit) error {
	tenant, id := v.session.Principal.Tenant, pki.ID(v.r.PathValue("id"))
	sub, children, err := s.service.ExpandedSubscription(v.r.Context(), tenant, id, s.queries.subscription)
	if err != nil {
		return err
	}
	now := s.now()
	authorities := children.Authorities[0].Items
	p := subscriptionPage{
		Path: pathOf(sub.ID), Edits: pki.EditsOf(sub.ETag()), Health: healthOf(&sub, rootsOf(authorities), now), Sub: sub, Provider: s.providerWords(sub.Provider), Schedule: scheduleWords(&sub), Paused: sub.IsPaused(), Policy: policyWords(&sub), ServiceURI: textOf(sub.ServiceURI), Description: textOf(sub.Description),
		Credentials: viewCredentials(&sub, now), Tree: treeOf(authorities),
	}
	for i := range children.Runs[0].Items {
		p.Runs = append(p.Runs, newRunRow(&children.Runs[0].Items[i], now))
	}
	if len(p.Runs) > 0 && !p.Runs[0].Run.Status.Ended() {
		p.Progress = &progress{Path: p.Path, Current: &p.Runs[0], Watching: v.r.URL.Query().Has(watchParameter)}
	}
	p.Fault = faultOfLast(&sub, children.Runs[0].Items)
	p.Changes = changesOf(&sub, authorities, p.Fault.Code)
	return s.show(v, "subscription", nameOf(&sub), p)
}

// faultOfLast returns why the last sync that has ended failed.
func faultOfLast(sub *pki.Subscription, runs []pki.Run) runFault {
	if sub.Refusal != nil {
		return newRunFault(sub.Refusal.Msg, sub.Refusal.Code)
	}
	if sub.SyncStatus != pki.SyncFailed {
		return runFault{}
	}
	for _, run := range runs {
		if run.Status == pki.RunFailed && !run.DryRun && run.Trigger != pki.TriggerProbe {
			return newRunFault(run.Message, run.Error)
		}
	}
	return newRunFault(textOf(sub.LastSyncError), "") // the run is further back than the page goes
}

func newRunFault(text string, code provider.Code) runFault {
	f := runFault{Text: sentence(cmp.Or(text, string(code))), Code: code}
	if code != "" {
		f.Help = manualErrors + url.PathEscape(string(code))
	}
	return f
}

// sentence makes a sentence for people of the text of a fault. What its pages
// have buttons for is not called by the names of the API.
func sentence(text string) string {
	text = strings.NewReplacer(
		"approveTrustChange or rejectTrustChange", "approve or reject it",
		"approveTrustChange with its thumbprint goes back to it", "approve it to go back to it",
		"or approve one (approveTrustChange)", "or approve one",
	).Replace(visible(text))
	first, size := utf8.DecodeRuneInString(text)
	text = string(unicode.ToUpper(first)) + text[size:]
	if strings.HasSuffix(text, ".") {
		return text
	}
	return text + "."
}

// providerWords is what to call a kind of CA.
func (s *Server) providerWords(name string) string {
	if kind, ok := s.kind(name); ok {
		return kind.Title
	}
	return name
}

func scheduleWords(sub *pki.Subscription) string {
	if sub.Schedule == nil {
		return "at the service's own interval"
	}
	return "every " + showMinutes(*sub.Schedule) + " minutes"
}

func policyWords(sub *pki.Subscription) string {
	policy := pki.TrustAutomaticForRenewals
	if sub.TrustPolicy != nil {
		policy = *sub.TrustPolicy
	}
	for _, m := range pki.TrustPolicyEnum().Members {
		if m.Value == int64(policy) {
			return m.Doc
		}
	}
	return ""
}

func viewCredentials(sub *pki.Subscription, now time.Time) credentialsView {
	var v credentialsView
	if sub.Staged != nil {
		v.Staged, v.StagedGood = sub.Staged.Since, !sub.Staged.Accepted.IsNever()
		if sub.Staged.Info != nil {
			v.StagedSubject = sub.Staged.Info.Subject
		}
	}
	if sub.Previous != nil {
		v.Previous = sub.Previous.Until
	}
	c := sub.Credentials
	if c == nil {
		return v
	}
	v.Set, v.UserName, v.Status, v.Since, v.Accepted = true, textOf(c.UserName), statusWords(c.Status), c.StatusAt, c.Accepted
	if v.Ends = c.ExpiresAt(); !v.Ends.IsZero() {
		v.Days = daysLeft(v.Ends, now)
	}
	if c.Info != nil {
		v.Subject, v.Issuer, v.Thumbprint = c.Info.Subject, c.Info.Issuer, c.Info.Thumbprint
	}
	return v
}

func statusWords(s pki.CredentialStatus) string {
	switch s {
	case pki.CredentialsAccepted:
		return "accepted by the CA"
	case pki.CredentialsRefused:
		return "refused by the CA"
	case pki.CredentialsExpired:
		return "expired"
	case pki.CredentialsUnknown:
	}
	return "not shown to the CA yet"
}

func textOf(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// syncNow asks for a sync and leads to where it can be watched.
func (s *Server) syncNow(v *visit) error {
	id := pki.ID(v.r.PathValue("id"))
	if _, err := s.service.RequestSync(v.r.Context(), v.session.Principal.Tenant, v.actor(), id); err != nil {
		return err
	}
	redirect(v.w, pathOf(id)+"?"+watchParameter+"=1")
	return nil
}

// decide approves or rejects a root, as the button says that was pressed.
func (s *Server) decide(v *visit) error {
	id, tenant := pki.ID(v.r.PathValue("id")), v.session.Principal.Tenant
	d := pki.TrustDecision{Thumbprint: v.r.PostForm.Get("thumbprint"), Comment: v.r.PostForm.Get("comment")}
	if d.Thumbprint == "" {
		return errBadForm() // the form names the root, so that none is decided on that was not seen
	}
	var err error
	switch v.r.PostForm.Get("decision") {
	case "approve":
		_, err = s.service.ApproveTrustChange(v.r.Context(), tenant, v.actor(), id, d, nil)
	case "reject":
		_, err = s.service.RejectTrustChange(v.r.Context(), tenant, v.actor(), id, d, nil)
	default:
		return &fault{status: http.StatusBadRequest, title: "Nothing was changed", Msg: "The form says neither approve nor reject."}
	}
	if err != nil {
		return err
	}
	redirect(v.w, pathOf(id))
	return nil
}
