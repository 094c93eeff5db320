package web

import (
	"cmp"
	"slices"
	"time"

	"cloudpki/internal/pki"
)

const (
	maxEnds = 20 // rows of the timeline
	// maxTimeline is how far the timeline goes: roots live for decades, beside
	// which nobody could see next month.
	maxTimeline = 2 * 365 * day

	syncedFor = 14 // days of the picture of syncs

	// The measures of the pictures, in units of their view boxes.
	timelineWidth = 600
	rowHeight     = 22
	dayWidth      = 40
	barHeight     = 100
)

// An end is when something that a subscription depends on expires.
type end struct {
	What string
	Name string // of the subscription
	Path string
	At   time.Time
}

// endsOf returns when credentials and roots of a subscription expire.
func endsOf(sub *pki.Subscription, roots []pki.Authority) []end {
	var list []end
	if c := sub.Credentials; c != nil && !c.ExpiresAt().IsZero() {
		list = append(list, end{"Credentials", nameOf(sub), pathOf(sub.ID), c.ExpiresAt()})
	}
	for _, root := range roots {
		if root.State == pki.TrustTrusted || root.State == pki.TrustRetiring {
			list = append(list, end{"Root " + root.SubjectDN, nameOf(sub), pathOf(sub.ID), root.NotAfter.Time()})
		}
	}
	return list
}

// A timeline is the picture of what expires next.
type timeline struct {
	Rows   []timelineRow
	Width  int
	Height int
	More   int // ends that are not shown
}

// A timelineRow is one bar, from now to the end.
type timelineRow struct {
	end

	Days   int // whole days that are left; negative once expired
	Y      int
	Length int
	Class  string
}

// newTimeline draws the next ends, the soonest first.
func newTimeline(ends []end, now time.Time) timeline {
	slices.SortFunc(ends, func(a, b end) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Name, b.Name), cmp.Compare(a.What, b.What))
	})
	shown := ends[:min(len(ends), maxEnds)]
	t := timeline{Width: timelineWidth, Height: rowHeight * len(shown), More: len(ends) - len(shown)}
	span := day
	if len(shown) > 0 {
		span = min(max(span, shown[len(shown)-1].At.Sub(now)), maxTimeline)
	}
	for i, e := range shown {
		left := e.At.Sub(now)
		row := timelineRow{end: e, Days: daysLeft(e.At, now), Y: i * rowHeight, Class: "good"}
		row.Length = max(2, int(timelineWidth*(min(max(left, 0), span).Seconds()/span.Seconds())))
		switch {
		case left < 0:
			row.Class = "bad"
		case left < soon:
			row.Class = "warn"
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// daysLeft counts whole days until an end; negative once it has come.
func daysLeft(end, now time.Time) int {
	left := end.Sub(now)
	days := int(left / day)
	if left < 0 && left%day != 0 {
		days--
	}
	return days
}

// syncDays is the picture of how syncs went.
type syncDays struct {
	Days   []syncDay
	Width  int
	Height int
	Any    bool
}

// A syncDay is one pair of bars.
type syncDay struct {
	Date            time.Time
	Good, Bad       int
	X               int
	GoodTall        int // heights of the bars
	BadTall         int
	GoodTop, BadTop int
}

// newSyncDays counts the ended syncs of the last days.
func newSyncDays(runs []pki.Run, now time.Time) syncDays {
	first := now.UTC().Truncate(day).Add(-(syncedFor - 1) * day)
	d := syncDays{Days: make([]syncDay, syncedFor), Width: syncedFor * dayWidth, Height: barHeight}
	most := 1
	for i := range d.Days {
		d.Days[i].Date, d.Days[i].X = first.Add(time.Duration(i)*day), i*dayWidth
	}
	for _, run := range runs {
		if run.DryRun || run.Trigger == pki.TriggerProbe || run.Ended.IsNever() || run.Ended.Time().Before(first) {
			continue
		}
		at := &d.Days[min(int(run.Ended.Time().Sub(first)/day), syncedFor-1)]
		switch run.Status {
		case pki.RunSucceeded:
			at.Good++
		case pki.RunFailed:
			at.Bad++
		case pki.RunQueued, pki.RunRunning, pki.RunCancelled:
			continue
		}
		d.Any, most = true, max(most, at.Good, at.Bad)
	}
	for i := range d.Days {
		at := &d.Days[i]
		at.GoodTall, at.BadTall = at.Good*barHeight/most, at.Bad*barHeight/most
		at.GoodTop, at.BadTop = barHeight-at.GoodTall, barHeight-at.BadTall
	}
	return d
}
