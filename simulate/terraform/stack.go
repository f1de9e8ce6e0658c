package terraform

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// stack is the Terraform JSON of one stack, with what its expressions need.
type stack struct {
	*document
	Resource  map[string]map[string]map[string]any
	Data      map[string]map[string]map[string]any
	Output    map[string]map[string]any
	Variable  map[string]map[string]any
	Locals    map[string]any
	Provider  map[string]any
	Module    map[string]any
	others    map[string]*stack // by name, this one among them
	variables map[string]string
	instances map[string][]*resource // by type.name
	scopes    map[*resource]scope
	// done and busy keep evaluation from repeating itself and from never ending.
	done map[string]any
	busy map[string]bool
}

// scope is what each and count stand for.
type scope struct {
	key, value any // nil: no for_each
	count      any // nil: no count
}

// maxInstances bounds count and for_each.
const maxInstances = 10_000

func parseStack(_ string, data []byte, cfg Config) (*document, *stack, error) {
	s := &stack{
		document: newDocument(), variables: cfg.Variables,
		instances: map[string][]*resource{}, scopes: map[*resource]scope{}, done: map[string]any{}, busy: map[string]bool{},
	}
	s.others = map[string]*stack{}
	if err := json.Unmarshal(data, s); err != nil {
		return nil, nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(s.Module)) {
		s.findings = append(s.findings, Finding{Address: "module." + name, Problem: "modules are not read here: groups in it are missing; a plan has them: terraform show -json"})
	}
	for _, kind := range slices.Sorted(maps.Keys(s.Resource)) {
		if !strings.HasPrefix(kind, "aws_") {
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(s.Resource[kind])) {
			s.expand(kind, name, s.Resource[kind][name])
		}
	}
	s.document.region = s.region
	return s.document, s, nil
}

// expand adds the instances of a resource.
func (s *stack) expand(kind, name string, arguments map[string]any) {
	address := kind + "." + name
	if _, counted := arguments["count"]; counted {
		n, known := number(s.evaluate(arguments["count"], scope{}))
		if !known || n < 0 || n > maxInstances {
			s.unexpanded(address, "count")
			return
		}
		for i := range int(n) {
			s.instance(kind, name, fmt.Sprintf("%s[%d]", address, i), float64(i), scope{count: float64(i)}, arguments)
		}
		return
	}
	if _, each := arguments["for_each"]; each {
		switch over := s.evaluate(arguments["for_each"], scope{}).(type) {
		case map[string]any:
			for _, key := range slices.Sorted(maps.Keys(over)) {
				s.instance(kind, name, fmt.Sprintf("%s[%q]", address, key), key, scope{key: key, value: over[key]}, arguments)
			}
			return
		case []any:
			if keys, ok := texts(over); ok {
				for _, key := range keys {
					s.instance(kind, name, fmt.Sprintf("%s[%q]", address, key), key, scope{key: key, value: key}, arguments)
				}
				return
			}
		}
		s.unexpanded(address, "for_each")
		return
	}
	s.instance(kind, name, address, nil, scope{}, arguments)
}

// relevant are the types whose absence would change a cluster.
var relevant = []string{
	groupType, policyType, alarmType, templateType, configurationType, attachmentType, sourceType, hookType, scheduleType, targetType,
}

func (s *stack) unexpanded(address, argument string) {
	kind, _, _ := strings.Cut(address, ".")
	if slices.Contains(relevant, kind) {
		s.findings = append(s.findings, Finding{Address: address, Problem: argument + " is not known before apply: how many there are decides", Refuses: true})
	}
}

func (s *stack) instance(kind, name, address string, index any, in scope, arguments map[string]any) {
	r := &resource{address: address, kind: kind, name: name, index: index}
	r.provider, _ = arguments["provider"].(string) // none: the default one
	r.get = func(argument string) any {
		return s.once(address+"."+argument, func() any { return s.evaluate(arguments[argument], in) })
	}
	s.scopes[r] = in
	s.instances[kind+"."+name] = append(s.instances[kind+"."+name], r)
	s.add(r)
}

// once keeps a value, and lets what depends on itself be unknown.
func (s *stack) once(key string, evaluate func() any) any {
	if v, done := s.done[key]; done {
		return v
	}
	if s.busy[key] {
		return unknown{text: key + ", which depends on itself"}
	}
	s.busy[key] = true
	v := evaluate()
	delete(s.busy, key)
	s.done[key] = v
	return v
}

// region is that of the resource's provider, by alias or the one without.
func (s *stack) region(r *resource) string {
	_, alias, _ := strings.Cut(strings.Trim(r.provider, "${}"), ".")
	for _, item := range items(s.Provider["aws"]) {
		configuration, _ := item.(map[string]any) // another type: no region
		if own, _ := configuration["alias"].(string); own == alias {
			text, _ := s.evaluate(configuration["region"], scope{}).(string) // not known: none
			return text
		}
	}
	return ""
}

func number(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case string:
		f, err := strconv.ParseFloat(v, 64)
		return f, err == nil
	}
	return 0, false
}

func texts(list []any) ([]string, bool) {
	out := make([]string, len(list))
	for i, item := range list {
		text, ok := item.(string)
		if !ok {
			return nil, false
		}
		out[i] = text
	}
	return out, true
}
