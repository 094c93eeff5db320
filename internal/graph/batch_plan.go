package graph

import (
	"fmt"
	"strings"
)

// A plan is the steps of a batch and what each waits for.
type plan struct {
	steps []step
	waits [][]int // by step: the places of the earlier steps that must have succeeded
}

// planBatch checks what the requests of a batch say of each other. All that a
// request may wait for stands before it, so there can be no circle.
func planBatch(steps []step) (plan, error) {
	p := plan{steps: steps, waits: make([][]int, len(steps))}
	places := make(map[string][]int) // of requests and groups, by id in lower case
	for i := range steps {
		s, at := &steps[i], fmt.Sprintf("requests/%d", i)
		if _, taken := places[strings.ToLower(s.id)]; taken {
			return p, badRequest(at+"/id", "The id '%s' is there twice. The ids of requests and groups must differ, also without regard to case.", s.id)
		}
		if err := p.joinGroup(places, i, at); err != nil {
			return p, err
		}
		for _, name := range s.dependsOn {
			before, known := places[strings.ToLower(name)]
			if !known || s.group != "" && strings.EqualFold(name, s.group) {
				return p, badRequest(at+"/dependsOn", "'%s/dependsOn' names '%s', which is not the id of a request or group before this one.", at, printable(name))
			}
			p.waits[i] = append(p.waits[i], before...)
		}
		places[strings.ToLower(s.id)] = []int{i}
	}
	return p, nil
}

// joinGroup adds step i to its group, whose members must stand together.
func (p *plan) joinGroup(places map[string][]int, i int, at string) error {
	group := strings.ToLower(p.steps[i].group)
	if group == "" {
		return nil
	}
	if group == strings.ToLower(p.steps[i].id) {
		return badRequest(at+"/atomicityGroup", "'%s/atomicityGroup' is the id of a request. Give the group another name.", at)
	}
	members, known := places[group]
	if known && !strings.EqualFold(p.steps[i-1].group, group) {
		return badRequest(at+"/atomicityGroup",
			"'%s/atomicityGroup' is the id of a request, or of a group whose members do not stand together.", at)
	}
	places[group] = append(members, i)
	return nil
}

// end returns the place behind the group that begins at step i; i+1 where
// there is none.
func (p *plan) end(i int) int {
	end := i + 1
	for p.steps[i].group != "" && end < len(p.steps) && strings.EqualFold(p.steps[end].group, p.steps[i].group) {
		end++
	}
	return end
}
