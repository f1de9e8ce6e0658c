package plan

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/hashicorp/go-version"
	tfjson "github.com/hashicorp/terraform-json"

	"github.com/tandem-iac/tandem/internal/check"
)

// Read reads what `terraform show -json` printed: a plan, or a state, which is
// a plan that changes nothing. What is neither is a check.InputError that names
// the file.
func Read(name string, r io.Reader) (*Plan, error) {
	buffered := bufio.NewReaderSize(r, 1<<16)
	if err := sniff(name, buffered); err != nil {
		return nil, err
	}
	d := newDecoder(buffered, maphash.MakeSeed())
	f := &file{decoder: d, plan: &Plan{Name: name}}
	if kind := d.PeekKind(); kind != '{' {
		if _, err := d.ReadToken(); err != nil {
			return nil, f.explain(err)
		}
		return nil, check.InputErrorf("%s is no plan: it is JSON, but not an object; want the output of terraform show -json PLANFILE", name)
	}
	if err := d.eachField(f.section); err != nil {
		return nil, f.explain(err)
	}
	if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, check.InputErrorf("%s holds more than one JSON document; want one plan a file", name)
	}
	return f.finish()
}

// sniff recognizes what is not JSON by its first bytes and skips a byte order mark.
func sniff(name string, r *bufio.Reader) error {
	head, err := r.Peek(4)
	if len(head) == 0 {
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("%s: %w", name, err)
		}
		return check.InputErrorf("%s is empty; want the output of terraform show -json PLANFILE", name)
	}
	switch {
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		return check.InputErrorf("%s is a binary plan; convert it with: terraform show -json %s > plan.json", name, quoteShell(name))
	case bytes.HasPrefix(head, []byte("\xff\xfe")), bytes.HasPrefix(head, []byte("\xfe\xff")):
		return check.InputErrorf("%s is UTF-16, as PowerShell's > writes it; want UTF-8: terraform show -json PLANFILE | Out-File -Encoding utf8 plan.json", name)
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		_, err := r.Discard(3)
		return err
	}
	return nil
}

func quoteShell(name string) string {
	if name == "stdin" {
		return "PLANFILE"
	}
	if strings.ContainsAny(name, " \t\n'\"\\$`&|;<>()*?[]#~") {
		return "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
	}
	return name
}

// file is a plan that is being read.
type file struct {
	*decoder
	plan *Plan
	// at is the top-level field that is being read.
	at      string
	format  string
	errored bool
	// has are the top-level fields of the file.
	has map[string]bool
}

// raw reads a value as it is written.
func (f *file) raw() (json.RawMessage, error) {
	v, err := f.ReadValue()
	return bytes.Clone(v), err
}

// within is the file for a part of it that is in memory.
func (f *file) within(part []byte) *file {
	inner := *f
	inner.decoder = newDecoder(bytes.NewReader(part), f.seed)
	return &inner
}

// section reads one top-level field, or skips it.
func (f *file) section(name string) error {
	f.at = name
	if f.has == nil {
		f.has = map[string]bool{}
	}
	f.has[name] = true
	read := map[string]func() error{
		"format_version":    func() (err error) { f.format, err = f.scalar(); return err },
		"terraform_version": func() (err error) { f.plan.TerraformVersion, err = f.scalar(); return err },
		"errored":           f.flag(func(set bool) { f.errored = set }),
		"complete": f.flag(func(set bool) {
			if !set {
				f.plan.Notes = append(f.plan.Notes, "The plan is partial: -target or deferred changes left resources out, which nothing here speaks of.")
			}
		}),
		"resource_changes": f.changes,
		"output_changes":   f.outputs,
		"configuration":    f.configuration,
		"variables":        func() (err error) { f.plan.Variables, err = f.raw(); return err },
		"values":           f.state,
		"checks":           f.checks,
	}[name]
	if read == nil {
		return f.SkipValue()
	}
	return read()
}

// scalar reads a string; anything else counts as none.
func (f *file) scalar() (string, error) {
	v, err := f.value()
	text, ok := v.(string)
	if !ok && v != nil {
		text = fmt.Sprint(v)
	}
	return text, err
}

func (f *file) flag(set func(bool)) func() error {
	return func() error {
		v, err := f.value()
		on, ok := v.(bool)
		if ok && err == nil {
			set(on)
		}
		return err
	}
}

// explain names the place where the file stops being JSON.
func (f *file) explain(err error) error {
	var syntax *jsontext.SyntacticError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		where := "before anything of it"
		if f.at != "" {
			where = "in the middle of " + strconv.Quote(f.at)
		}
		return check.InputErrorf("%s is cut off %s; print it again with: terraform show -json PLANFILE", f.plan.Name, where)
	case errors.As(err, &syntax):
		return check.InputErrorf("%s is no plan: byte %d is not JSON; want the output of terraform show -json PLANFILE", f.plan.Name, syntax.ByteOffset)
	case errors.As(err, new(shapeError)):
		return check.InputErrorf("%s is no plan: %w", f.plan.Name, err)
	}
	return fmt.Errorf("%s: %w", f.plan.Name, err)
}

// finish decides what was read and whether it can be reviewed.
func (f *file) finish() (*Plan, error) {
	name := f.plan.Name
	switch {
	case f.has["resource_changes"], f.has["planned_values"]:
		f.plan.Kind = KindPlan
	case f.has["serial"] && f.has["lineage"]:
		return nil, check.InputErrorf("%s is a state file, which does not say what is sensitive; convert it with: terraform show -json %s > state.json", name, quoteShell(name))
	case f.has["values"]:
		f.plan.Kind = KindState
		f.plan.Notes = append(f.plan.Notes, "This is a state, not a plan: nothing changes, and what is found is there already.")
	case f.has["resource"], f.has["terraform"]:
		return nil, check.InputErrorf("%s is Terraform configuration, not a plan; tandem review --synth BASE_DIR HEAD_DIR compares configuration", name)
	case f.has["format_version"]:
		return nil, check.InputErrorf("%s has neither changes nor values, as terraform show -json prints where there is no state; want a plan", name)
	default:
		return nil, check.InputErrorf("%s is no plan: it has no format_version; want the output of terraform show -json PLANFILE", name)
	}
	if err := checkFormat(name, f.plan.Kind, f.format); err != nil {
		return nil, err
	}
	if f.errored {
		return nil, check.InputErrorf("%s is a plan that ended with errors and cannot be applied; mend what terraform plan reported and plan again", name)
	}
	return f.plan, nil
}

// checkFormat refuses versions whose fields may mean something else:
// https://developer.hashicorp.com/terraform/internals/json-format#format-version
func checkFormat(name string, kind Kind, format string) error {
	want := tfjson.PlanFormatVersionConstraints
	if kind == KindState {
		want = tfjson.StateFormatVersionConstraints
	}
	constraint, err := version.NewConstraint(want)
	if err != nil {
		return err
	}
	v, err := version.NewVersion(format)
	if err != nil || !constraint.Check(v) {
		return check.InputErrorf("%s has format_version %q, want %s: Terraform changed the format of a %s, and this tandem does not know it", name, format, want, kind)
	}
	return nil
}
