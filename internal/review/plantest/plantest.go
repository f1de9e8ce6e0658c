// Package plantest makes large plans out of small real ones.
package plantest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
)

// Large repeats a plan's resources as instances of a module, each copy with ids
// and user data of its own, until there are as many as resources.
func Large(plan []byte, resources int) ([]byte, error) {
	var p struct {
		FormatVersion   json.RawMessage   `json:"format_version"`
		ResourceChanges []json.RawMessage `json:"resource_changes"`
		PlannedValues   struct {
			Root module `json:"root_module"`
		} `json:"planned_values"`
		PriorState struct {
			Values struct {
				Root module `json:"root_module"`
			} `json:"values"`
		} `json:"prior_state"`
		Configuration struct {
			Providers json.RawMessage `json:"provider_config"`
			Root      json.RawMessage `json:"root_module"`
		} `json:"configuration"`
	}
	var compact, out bytes.Buffer
	if err := json.Compact(&compact, plan); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(compact.Bytes(), &p); err != nil {
		return nil, err
	}
	fmt.Fprintf(&out, `{"format_version":%s,"terraform_version":"1.11.4","planned_values":{"root_module":{"child_modules":[`, p.FormatVersion)
	random := rand.New(rand.NewChaCha8([32]byte{1}))
	perCopy := len(p.ResourceChanges)
	found := ids.FindAllString(compact.String(), -1)
	slices.Sort(found)
	found = slices.Compact(found)
	var changes, prior bytes.Buffer
	for i := 0; i*perCopy < resources; i++ {
		c := newCopy(i, random, found)
		planned := p.PlannedValues.Root.Resources
		c.write(&changes, i, p.ResourceChanges[:min(perCopy, resources-i*perCopy)])
		if i > 0 {
			out.WriteByte(',')
			prior.WriteByte(',')
		}
		for _, part := range []struct {
			into *bytes.Buffer
			list []json.RawMessage
		}{{&out, planned}, {&prior, p.PriorState.Values.Root.Resources}} {
			fmt.Fprintf(part.into, `{"address":%q,"resources":[`, c.module)
			c.write(part.into, 0, part.list)
			part.into.WriteString("]}")
		}
	}
	fmt.Fprintf(&out, `]}},"resource_changes":[%s],"prior_state":{"format_version":"1.0","values":{"root_module":{"child_modules":[%s]}}},`, changes.Bytes(), prior.Bytes())
	fmt.Fprintf(&out, `"configuration":{"provider_config":%s,"root_module":{"module_calls":{"cell":{"source":"./cell","module":%s}}}},"errored":false,"complete":true}`,
		p.Configuration.Providers, p.Configuration.Root)
	return out.Bytes(), nil
}

type module struct {
	Resources []json.RawMessage `json:"resources"`
}

// instance is one copy of the plan's resources.
type instance struct {
	module   string
	replacer *strings.Replacer
}

// ids are those that AWS gives: a kind and hexadecimal digits, of which the
// last four will number the copy.
var ids = regexp.MustCompile(`\b(?:ami|eipalloc|eni|igw|lt|nat|rtb|sg|sgr|subnet|vpc|vpce)-[0-9a-f]{8,17}\b`)

func newCopy(i int, random *rand.Rand, found []string) instance {
	script := make([]byte, 14<<10) // the largest user data has 16 KiB
	for j := range script {
		script[j] = "abcdefghijklmnopqrstuvwxyz \n"[random.IntN(28)]
	}
	module := fmt.Sprintf(`module.cell["%04d"]`, i)
	quoted := strings.ReplaceAll(module, `"`, `\"`)
	pairs := []string{
		`"address":"aws_`, `"module_address":"` + quoted + `","address":"` + quoted + `.aws_`,
		`"IyEvYmluL2Jhc2gKZWNobyBoaQ=="`, `"` + base64.StdEncoding.EncodeToString(script) + `"`,
		`autoScalingGroupName/`, fmt.Sprintf(`autoScalingGroupName/%04d-`, i),
		`"spot-2026`, fmt.Sprintf(`"%04d-spot-2026`, i),
		`"on-demand-2026`, fmt.Sprintf(`"%04d-on-demand-2026`, i),
		`loadbalancer/app/alb/`, fmt.Sprintf(`loadbalancer/app/alb-%04d/`, i),
		`targetgroup/tg/`, fmt.Sprintf(`targetgroup/tg-%04d/`, i),
		`"tags_all":{}`, fmt.Sprintf(`"tags_all":{"Owner":"platform","Service":"cell-%04d","CostCentre":"4711","Environment":"production","Description":%q}`,
			i, strings.Repeat("what this is for; ", 40)),
	}
	for _, id := range found {
		pairs = append(pairs, id, fmt.Sprintf("%s%04x", id[:len(id)-4], i))
	}
	return instance{module, strings.NewReplacer(pairs...)}
}

// write appends the resources; after says how many there are already.
func (c instance) write(out *bytes.Buffer, after int, resources []json.RawMessage) {
	for i, resource := range resources {
		if i > 0 || after > 0 {
			out.WriteByte(',')
		}
		out.WriteString(c.replacer.Replace(string(resource)))
	}
}
