package diff_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tandem-iac/tandem/internal/review/diff"
	"github.com/tandem-iac/tandem/internal/review/plan"
)

type object = map[string]any

// diffOf compares two states of a resource; more is the rest of its change.
func diffOf(t *testing.T, kind string, before, after object, more object) diff.Diff {
	t.Helper()
	change := object{"actions": []string{"update"}, "before": before, "after": after}
	for key, v := range more {
		change[key] = v
	}
	data, err := json.Marshal(object{"format_version": "1.2", "resource_changes": []object{{"address": kind + ".x", "type": kind, "name": "x", "mode": "managed", "change": change}},
		"configuration": object{"root_module": object{"resources": []object{{"address": kind + ".x", "type": kind, "name": "x", "mode": "managed", "expressions": object{"set": object{}}}}}}})
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.Read("p", strings.NewReader(string(data)))
	if err != nil {
		t.Fatal(err)
	}
	return diff.Of(p, p.Changes[0])
}

func lines(list []diff.Attribute) (out []string) {
	for _, a := range list {
		line := a.Path + ": " + a.From() + " -> " + a.To()
		if a.Summary != "" {
			line = a.Path + ": " + a.Summary
		}
		if a.Forces {
			line += " !"
		}
		out = append(out, line)
	}
	return out
}

func script(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

func TestOf(t *testing.T) {
	for name, c := range map[string]struct {
		before, after, more object
		want                []string
	}{
		"scalar":             {object{"a": 1, "b": "x"}, object{"a": 2, "b": "x"}, nil, []string{"a: 1 -> 2"}},
		"tags":               {object{"tags": object{"a": "1"}, "tags_all": object{"a": "1"}}, object{"tags": object{"a": "2"}}, nil, nil},
		"empty":              {object{"a": "", "b": nil, "c": []any{}}, object{"a": nil, "b": "", "c": nil, "d": object{}}, nil, nil},
		"number as text":     {object{"a": "60", "b": "true"}, object{"a": 60, "b": true}, nil, nil},
		"text that is not":   {object{"a": "1.10"}, object{"a": "1.1"}, nil, []string{"a: 1.10 -> 1.1"}},
		"large numbers":      {object{"a": json.Number("9007199254740993")}, object{"a": json.Number("9007199254740992")}, nil, []string{"a: 9007199254740993 -> 9007199254740992"}},
		"order of a set":     {object{"a": []any{"x", "y"}}, object{"a": []any{"y", "x"}}, nil, nil},
		"order that matters": {object{"termination_policies": []any{"x", "y"}}, object{"termination_policies": []any{"y", "x"}}, nil, []string{"termination_policies: [x, y] -> [y, x]"}},
		"a block":            {object{"a": []any{object{"b": 1, "c": 2}}}, object{"a": []any{object{"b": 1, "c": 3}}}, nil, []string{"a.c: 2 -> 3"}},
		"one of many blocks": {object{"a": []any{object{"b": 1}, object{"b": 2}}}, object{"a": []any{object{"b": 2}, object{"b": 3}}}, nil, []string{"a[0].b: 1 -> 3"}},
		"another block":      {object{"a": []any{object{"b": 1}}}, object{"a": []any{object{"b": 1}, object{"b": 2}}}, nil, []string{"a: {b: 1} -> [{b: 1}, {b: 2}]"}},
		"policy, laid out":   {object{"p": `{"Statement":[{"Action":["a"],"Effect":"Allow"}]}`}, object{"p": `{ "Statement": { "Effect": "Allow", "Action": "a" } }`}, nil, nil},
		"policy, widened":    {object{"p": `{"Action":"s3:GetObject"}`}, object{"p": `{"Action":"*"}`}, nil, []string{"p.Action: s3:GetObject -> *"}},
		"computed":           {object{"arn": "x", "set": "x"}, object{}, object{"after_unknown": object{"arn": true, "set": true}}, []string{"set: x -> known after apply"}},
		"forcing":            {object{"a": 1, "z": 1}, object{"a": 2, "z": 2}, object{"actions": []string{"delete", "create"}, "replace_paths": []any{[]any{"z"}}}, []string{"z: 1 -> 2 !", "a: 1 -> 2"}},
		"forcing in a block": {object{"a": []any{object{"b": "x"}}}, object{"a": []any{object{"b": "y"}}}, object{"replace_paths": []any{[]any{"a", 0, "b"}}}, []string{"a.b: x -> y !"}},
		"account's prefix":   {object{"referenced_security_group_id": "123456789012/sg-1"}, object{"referenced_security_group_id": "sg-1"}, nil, nil},
		"another account's":  {object{"referenced_security_group_id": "123456789012/sg-1"}, object{"referenced_security_group_id": "sg-2"}, nil, []string{"referenced_security_group_id: 123456789012/sg-1 -> sg-2"}},
		"sensitive":          {object{"password": "hunter1"}, object{"password": "hunter2"}, object{"before_sensitive": object{"password": true}, "after_sensitive": object{"password": true}}, []string{"password: (sensitive) -> (sensitive, changed)"}},
		"sensitive, the same": {object{"password": "hunter2", "a": 1}, object{"password": "hunter2", "a": 2},
			object{"before_sensitive": object{"password": true}, "after_sensitive": object{"password": true}}, []string{"a: 1 -> 2"}},
		"sensitive within": {object{"env": []any{object{"name": "DB", "value": "hunter1"}}}, object{"env": []any{object{"name": "DB", "value": "hunter2"}, object{"name": "X", "value": "hunter3"}}},
			object{"before_sensitive": object{"env": []any{object{"value": true}}}, "after_sensitive": object{"env": []any{object{"value": true}, object{"value": true}}}},
			[]string{"env: {name: DB, value: (sensitive)} -> [{name: DB, value: (sensitive)}, {name: X, value: (sensitive)}]"}},
		"all sensitive":           {object{"a": "hunter1"}, object{"a": "hunter2"}, object{"before_sensitive": true, "after_sensitive": true}, []string{"(all): (sensitive) -> (sensitive, changed)"}},
		"became sensitive":        {object{"a": "hunter1"}, object{"a": "hunter1"}, object{"after_sensitive": object{"a": true}}, nil},
		"stopped being sensitive": {object{"a": "hunter1"}, object{"a": "hunter2"}, object{"before_sensitive": object{"a": true}}, []string{"a: (sensitive) -> (sensitive, changed)"}},
		"a secret by its look":    {object{"a": "x"}, object{"a": "password=hunter2222"}, nil, []string{"a: x -> (looks like a secret)"}},
		"user data":               {object{"user_data": script("#!/bin/sh\necho hi\n")}, object{"user_data": script("#!/bin/sh\necho ho\n")}, nil, []string{"user_data: lines added: 1, removed: 1; + echo ho; - echo hi"}},
		"user data, secret":       {object{"user_data": script("a\n")}, object{"user_data": script("a\nDB_PASSWORD=hunter2222\n")}, nil, []string{"user_data: lines added: 1, removed: 0"}},
		"user data, sensitive": {object{"user_data": script("a\n")}, object{"user_data": script("b\n")},
			object{"before_sensitive": object{"user_data": true}, "after_sensitive": object{"user_data": true}}, []string{"user_data: (sensitive) -> (sensitive, changed)"}},
		"user data, hashed":  {object{"user_data": strings.Repeat("a", 40)}, object{"user_data": strings.Repeat("b", 40)}, nil, []string{"user_data: changed; the provider keeps only its hash"}},
		"control characters": {object{"a": "x"}, object{"a": "a\x1b[31m\nb"}, nil, []string{`a: x -> "a\x1b[31m\nb"`}},
	} {
		t.Run(name, func(t *testing.T) {
			d := diffOf(t, "aws_x", c.before, c.after, c.more)
			if d := cmp.Diff(c.want, lines(d.Changed)); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			if all := fmt.Sprint(lines(d.Changed)); slices.Contains([]string{"sensitive", "sensitive within", "all sensitive", "a secret by its look", "user data, secret"}, name) && strings.Contains(all, "hunter") {
				t.Errorf("a secret is printed: %s", all)
			}
		})
	}
}

// A group without anything to start instances from cannot be: the provider did
// not read it back.
func TestRestated(t *testing.T) {
	after := object{"launch_template": []any{object{"version": "2"}}, "max_size": 20, "warmup": 120}
	d := diffOf(t, "aws_autoscaling_group", object{"max_size": 10, "warmup": 0}, after, nil)
	if diff := cmp.Diff([]string{"launch_template.version: unset -> 2", "warmup: 0 -> 120"}, lines(d.Restated)); diff != "" {
		t.Errorf("restated (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"max_size: 10 -> 20"}, lines(d.Changed)); diff != "" {
		t.Errorf("changed (-want +got):\n%s", diff)
	}
	// What was not read back is before as it will be; what was is as it was.
	c := &plan.Change{Type: "aws_autoscaling_group", Before: object{"max_size": 10.0, "warmup": 0.0}, After: object{"launch_template": "lt", "max_size": 20.0, "warmup": 120.0}}
	if diff := cmp.Diff(object{"launch_template": "lt", "max_size": 10.0, "warmup": 120.0}, diff.Before(c)); diff != "" {
		t.Errorf("before (-want +got):\n%s", diff)
	}
	// A bid is told beside what changes, and stays folded away where nothing does.
	mixed := object{"mixed_instances_policy": []any{object{"instances_distribution": []any{object{"spot_max_price": "0.18", "on_demand_base_capacity": 0}}}}, "max_size": 20}
	const distribution = "mixed_instances_policy.instances_distribution."
	for size, want := range map[int][]string{10: {distribution + "spot_max_price: unset -> 0.18", distribution + "on_demand_base_capacity: unset -> 0"}, 20: nil} {
		d := diffOf(t, "aws_autoscaling_group", object{"max_size": size}, mixed, nil)
		if diff := cmp.Diff(want, lines(d.Unproved())); diff != "" || len(d.Restated) != 2 {
			t.Errorf("max_size was %d: %d restated, unproved (-want +got):\n%s", size, len(d.Restated), diff)
		}
	}
	d = diffOf(t, "aws_autoscaling_group", object{"launch_template": []any{object{"version": "1"}}, "max_size": 10, "warmup": 0}, after, nil)
	if len(d.Restated) > 0 || len(d.Changed) != 3 {
		t.Errorf("a group that was read back: restated %q, changed %q", lines(d.Restated), lines(d.Changed))
	}
}
