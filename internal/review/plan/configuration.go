package plan

import (
	"bytes"
	"errors"
	"fmt"
	"hash/maphash"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	tfjson "github.com/hashicorp/terraform-json"

	"github.com/tandem-iac/tandem/internal/check"
)

// synthesized is where CDKTF puts a stack's Terraform.
const synthesized = "cdk.tf.json"

// Configuration compares what two synthesized directories, such as cdktf.out,
// say about every stack of either. A directory without stacks is a
// check.InputError; one that does not exist is, too.
func Configuration(base, head string) ([]*Plan, error) {
	seed := maphash.MakeSeed()
	before, err := readStacks(base, seed)
	if err != nil {
		return nil, err
	}
	after, err := readStacks(head, seed)
	if err != nil {
		return nil, err
	}
	all := maps.Clone(before)
	maps.Copy(all, after)
	var plans []*Plan
	for _, name := range slices.Sorted(maps.Keys(all)) {
		plans = append(plans, compare(name, before[name], after[name]))
	}
	return plans, nil
}

// stack is a synthesized stack: the attributes of its resources by address.
type stack struct {
	dir       string
	region    string
	resources map[string]map[string]any
	outputs   map[string]any
}

func readStacks(dir string, seed maphash.Seed) (map[string]*stack, error) {
	files, err := filepath.Glob(filepath.Join(escapeGlob(dir), "stacks", "*", synthesized))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
			return nil, check.InputErrorf("%s does not exist; want a directory that was synthesized, such as cdktf.out", dir)
		}
		return nil, check.InputErrorf("%s has no stacks/*/%s; want a directory that was synthesized, such as cdktf.out", dir, synthesized)
	}
	stacks := map[string]*stack{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		s, err := readStack(file, data, seed)
		if err != nil {
			return nil, err
		}
		s.dir = filepath.Dir(file)
		stacks[filepath.Base(s.dir)] = s
	}
	return stacks, nil
}

func escapeGlob(dir string) string {
	return regexp.MustCompile(`[*?\[\\]`).ReplaceAllString(dir, `\$0`)
}

func readStack(name string, data []byte, seed maphash.Seed) (*stack, error) {
	d := &decoder{Decoder: jsontext.NewDecoder(bytes.NewReader(data), jsontext.AllowDuplicateNames(true)), seed: seed}
	v, err := d.value()
	root, ok := v.(map[string]any)
	if err != nil || !ok {
		return nil, check.InputErrorf("%s is not Terraform in JSON; synthesize it again", name)
	}
	s := &stack{resources: map[string]map[string]any{}}
	s.outputs, _ = root["output"].(map[string]any)
	providers, _ := dig(root, "provider", "aws").([]any)
	if len(providers) > 0 {
		s.region, _ = dig(providers[0], "region").(string)
	}
	locals, _ := root["locals"].(map[string]any)
	byType, _ := root["resource"].(map[string]any)
	for kind, named := range byType {
		list, _ := named.(map[string]any)
		for resource, v := range list {
			block, ok := v.(map[string]any)
			if !ok {
				return nil, check.InputErrorf("%s: resource %s.%s is not an object; synthesize it again", name, kind, resource)
			}
			for _, meta := range []string{"//", "depends_on", "provider", "provisioner", "connection"} {
				delete(block, meta)
			}
			s.resources[kind+"."+resource], _ = conceal(inline(block, locals), hide(seed)).(map[string]any)
		}
	}
	return s, nil
}

// onlyLocal is an expression that is a local value, or its encoding.
var onlyLocal = regexp.MustCompile(`^\$\{(?:base64encode\()?local\.([\w-]+)\)?\}$`)

// inline puts local values where they are used by themselves, so that what
// changes in them shows in the resource.
func inline(v any, locals map[string]any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			v[name] = inline(inner, locals)
		}
	case []any:
		for i, inner := range v {
			v[i] = inline(inner, locals)
		}
	case string:
		if m := onlyLocal.FindStringSubmatch(v); m != nil && locals[m[1]] != nil {
			return locals[m[1]]
		}
	}
	return v
}

// secretNames are attributes that hold secrets. Configuration does not mark
// them, as a plan does.
var secretNames = regexp.MustCompile(`(?i)(^|_)(password|passwd|secret|secret_string|secret_key|private_key|access_key|auth_token|api_key)$`)

// conceal hides secrets that stand in the configuration itself.
func conceal(v any, secret func(any) any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			text, isText := inner.(string)
			if isText && secretNames.MatchString(name) && !strings.Contains(text, "${") {
				v[name] = secret(inner)
				continue
			}
			v[name] = conceal(inner, secret)
		}
	case []any:
		for i, inner := range v {
			v[i] = conceal(inner, secret)
		}
	}
	return v
}

// replacing are attributes that AWS cannot change in place. Only a plan knows
// all of them.
var replacing = map[string][]string{
	"aws_autoscaling_group":             {"name", "name_prefix"},
	"aws_autoscaling_policy":            {"name", "autoscaling_group_name"},
	"aws_cloudwatch_composite_alarm":    {"alarm_name"},
	"aws_cloudwatch_dashboard":          {"dashboard_name"},
	"aws_cloudwatch_log_group":          {"name", "name_prefix"},
	"aws_cloudwatch_metric_alarm":       {"alarm_name"},
	"aws_iam_role":                      {"name", "path"},
	"aws_launch_template":               {"name", "name_prefix"},
	"aws_lb":                            {"name", "internal", "load_balancer_type"},
	"aws_lb_listener":                   {"load_balancer_arn"},
	"aws_lb_target_group":               {"name", "name_prefix", "port", "protocol", "protocol_version", "target_type", "vpc_id"},
	"aws_msk_cluster":                   {"cluster_name"},
	"aws_nat_gateway":                   {"allocation_id", "subnet_id"},
	"aws_opensearch_domain":             {"domain_name"},
	"aws_s3_bucket":                     {"bucket", "bucket_prefix"},
	"aws_secretsmanager_secret":         {"name", "name_prefix"},
	"aws_secretsmanager_secret_version": {"secret_id", "secret_string"},
	"aws_security_group":                {"name", "description", "vpc_id"},
	"aws_sns_topic":                     {"name", "name_prefix", "fifo_topic"},
	"aws_sns_topic_subscription":        {"endpoint", "protocol", "topic_arn"},
	"aws_subnet":                        {"availability_zone", "cidr_block", "vpc_id"},
	"aws_vpc":                           {"cidr_block"},
}

// compare makes a plan of two versions of a stack; either may be nil.
func compare(name string, before, after *stack) *Plan {
	p := &Plan{Name: name, Kind: KindConfiguration}
	switch {
	case before == nil:
		before = &stack{}
		p.Notes = append(p.Notes, "The stack is new.")
	case after == nil:
		after = &stack{region: before.region}
		p.Notes = append(p.Notes, "The stack is gone from the configuration; its resources stay until somebody destroys them.")
	}
	p.Region, p.BaseDir, p.HeadDir = after.region, before.dir, after.dir
	all := map[string]map[string]any{}
	maps.Copy(all, before.resources)
	maps.Copy(all, after.resources)
	for _, address := range slices.Sorted(maps.Keys(all)) {
		kind, _, _ := strings.Cut(address, ".")
		c := &Change{Address: address, Type: kind, static: address, Before: before.resources[address], After: after.resources[address]}
		c.Actions, c.Replace = actions(c)
		p.Changes = append(p.Changes, c)
	}
	outputs := map[string]bool{}
	for output := range before.outputs {
		outputs[output] = !reflect.DeepEqual(before.outputs[output], after.outputs[output])
	}
	for output := range after.outputs {
		outputs[output] = !reflect.DeepEqual(before.outputs[output], after.outputs[output])
	}
	for _, output := range slices.Sorted(maps.Keys(outputs)) {
		if outputs[output] {
			p.Outputs = append(p.Outputs, output)
		}
	}
	return p
}

// actions are what a plan would most likely do.
func actions(c *Change) (list tfjson.Actions, because []string) {
	switch {
	case c.Before == nil:
		return tfjson.Actions{tfjson.ActionCreate}, nil
	case c.After == nil:
		return tfjson.Actions{tfjson.ActionDelete}, nil
	case reflect.DeepEqual(c.Before, c.After):
		return tfjson.Actions{tfjson.ActionNoop}, nil
	}
	for _, name := range replacing[c.Type] {
		if !reflect.DeepEqual(c.Before[name], c.After[name]) {
			because = append(because, name)
		}
	}
	if because == nil {
		return tfjson.Actions{tfjson.ActionUpdate}, nil
	}
	if fmt.Sprint(dig(c.After["lifecycle"], "create_before_destroy")) == "true" {
		return tfjson.Actions{tfjson.ActionCreate, tfjson.ActionDelete}, because
	}
	return tfjson.Actions{tfjson.ActionDelete, tfjson.ActionCreate}, because
}
