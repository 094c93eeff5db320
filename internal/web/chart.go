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

	// The measures of the pictures, in units of their view boxes: a unit is
	// about a pixel on a telephone, more on what is wider.
	timelineWidth = 320
	axisHeight    = 14
	rowHeight     = 24
	dayWidth      = 22
	barHeight     = 80

	// Bounds of what stands at a bar, in bytes.
	maxBarName = 22
	maxBarWhat = 26

	// minTimeline keeps next month wide enough to be seen.
	minTimeline = 90 * day
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
			list = append(list, end{"Root " + clip(root.SubjectDN, maxShownName), nameOf(sub), pathOf(sub.ID), root.NotAfter.Time()})
		}
	}
	return list
}

// A timeline is the picture of what expires next.
type timeline struct {
	Rows   []timelineRow
	Ticks  []tick
	Width  int
	Height int
	More   int // ends that are not shown
}

// A tick is where a month begins.
type tick struct {
	X    int
	Text string
}

// A timelineRow is one bar, from now to the end.
type timelineRow struct {
	end

	Label  string
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
	t := timeline{Width: timelineWidth, Height: axisHeight + rowHeight*len(shown), More: len(ends) - len(shown)}
	span := minTimeline
	if len(shown) > 0 {
		span = min(max(span, shown[len(shown)-1].At.Sub(now)), maxTimeline)
	}
	t.Ticks = newTicks(now.UTC(), span)
	for i, e := range shown {
		left := e.At.Sub(now)
		row := timelineRow{end: e, Label: clip(e.Name, maxBarName) + ": " + clip(e.What, maxBarWhat), Days: daysLeft(e.At, now), Y: axisHeight + i*rowHeight, Class: "good"}
		row.Length = max(2, along(left, span))
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

// along returns how far into the picture a time lies.
func along(left, span time.Duration) int {
	return int(timelineWidth * (min(max(left, 0), span).Seconds() / span.Seconds()))
}

// newTicks marks the beginnings of months: of each, or of each quarter where the
// picture is long. January is called by its year.
func newTicks(now time.Time, span time.Duration) []tick {
	const room = 24 // for the text of the last
	step := 1
	if span > 8*30*day {
		step = 3
	}
	var list []tick
	for at := time.Date(now.Year(), now.Month()+1, 1, 0, 0, 0, 0, time.UTC); at.Sub(now) < span; at = at.AddDate(0, 1, 0) {
		x := along(at.Sub(now), span)
		if int(at.Month()-time.January)%step != 0 || x > timelineWidth-room {
			continue
		}
		text := at.Format("Jan")
		if at.Month() == time.January {
			text = at.Format("2006")
		}
		list = append(list, tick{x, text})
	}
	return list
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
	Height int // of the picture, with the days below the bars
	Most   int // syncs of the highest bar
	Any    bool
}

// A syncDay is one pair of bars.
type syncDay struct {
	Date            time.Time
	Good, Bad       int
	Label           string // "" for every second day, which has no room for one
	X               int
	GoodTall        int // heights of the bars
	BadTall         int
	GoodTop, BadTop int
}

// newSyncDays counts the ended syncs of the last days.
func newSyncDays(runs []pki.Run, now time.Time) syncDays {
	first := now.UTC().Truncate(day).Add(-(syncedFor - 1) * day)
	d := syncDays{Days: make([]syncDay, syncedFor), Width: syncedFor * dayWidth, Height: barHeight + axisHeight, Most: 1}
	for i := range d.Days {
		d.Days[i].Date, d.Days[i].X = first.Add(time.Duration(i)*day), i*dayWidth
		if i%2 == 1 { // today is the last
			d.Days[i].Label = d.Days[i].Date.Format("Jan 2")
		}
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
		d.Any, d.Most = true, max(d.Most, at.Good, at.Bad)
	}
	for i := range d.Days {
		at := &d.Days[i]
		at.GoodTall, at.BadTall = at.Good*barHeight/d.Most, at.Bad*barHeight/d.Most
		at.GoodTop, at.BadTop = barHeight-at.GoodTall, barHeight-at.BadTall
	}
	return d
}
