package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"text/template"

	"github.com/spf13/cobra"

	"github.com/tandem-iac/tandem/internal/awsregion"
	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/internal/price"
	"github.com/tandem-iac/tandem/spec"
)

const (
	schemaFile  = "tandem.schema.json"
	pricingPage = "https://aws.amazon.com/ec2/pricing/on-demand/"
	// placeholderARN passes every rule and no apply; it takes partition and region.
	placeholderARN = "arn:%s:acm:%s:000000000000:certificate/REPLACE-ME"

	defaultRegion       = "ap-southeast-1"
	defaultInstanceType = "m4.large"
)

// smallest is the smallest useful description.
var smallest = template.Must(template.New("").Funcs(template.FuncMap{"yaml": yamlString}).Parse(
	`# yaml-language-server: $schema=` + schemaFile + `
# Editors check this file by the schema: tandem schema > ` + schemaFile + `
environment: {{yaml .Environment}}
region: {{yaml .Region}}
{{with .Price}}
# Linux on-demand prices in this region, {{$.Currency}} per hour. Spot bids are above them.
# ` + pricingPage + `
on_demand_prices:
  {{yaml $.InstanceType}}: {{.}}
{{end}}{{with .Zones}}
network:
  availability_zones:
{{- range .}}
    - {{yaml .}}
{{- end}}
{{end}}
clusters:
  {{yaml .Cluster}}:
{{- if .Placeholder}}
    # REPLACE this with your certificate in ACM, in the region above.
{{- end}}
    certificate_arn: {{yaml .CertificateARN}}
    on_demand:
      instance_type: {{yaml .InstanceType}}
`))

// starter is what the user chose for the file that init writes.
type starter struct {
	Environment, Region, Cluster, InstanceType string
	// CertificateARN is empty for a placeholder.
	CertificateARN string
	// Zones are the availability zones. Nil: the default ones.
	Zones []string
	// OnDemandPrice is in the region's currency per hour. Nil: the price file's.
	OnDemandPrice *float64
}

func newInitCommand(a *app) *cobra.Command {
	var s starter
	var stated float64
	var force bool
	cmd := &cobra.Command{
		Use:   "init [FILE]",
		Short: "Write the smallest useful description",
		Long: `Write the smallest useful description of an environment to FILE (default
tandem.yaml; - is standard output). What it leaves out has a safe default.`,
		Example: `  tandem init
  tandem init --region eu-west-1 --instance-type m5.large --on-demand-price 0.107 staging.yaml`,
		Args:              atMostOne,
		ValidArgsFunction: completeFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("on-demand-price") {
				s.OnDemandPrice = &stated
			}
			return a.init(fileArg(args), s, force)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&s.Environment, "environment", "prod", "`name` of the environment, before every name in AWS")
	flags.StringVar(&s.Region, "region", defaultRegion, "AWS `region`")
	flags.StringSliceVar(&s.Zones, "availability-zones", nil, "`ZONES` of that region, two or more with commas between (default its a and b)")
	flags.StringVar(&s.Cluster, "cluster", "web", "`name` of the cluster")
	flags.StringVar(&s.InstanceType, "instance-type", defaultInstanceType, "`type` of the instances")
	flags.Float64Var(&stated, "on-demand-price", 0, fmt.Sprintf("`PRICE` per hour of that type in that region, see %s (default that of the price file, which 'tandem price' prints)", pricingPage))
	flags.StringVar(&s.CertificateARN, "certificate-arn", "", "`ARN` of the load balancer's certificate in that region (default a placeholder to replace)")
	flags.BoolVar(&force, "force", false, "overwrite FILE")
	return cmd
}

// init writes the file, or nothing at all, and says what to do next.
func (a *app) init(file string, s starter, force bool) error {
	data, env, err := s.file()
	if err != nil {
		return err
	}
	if file == streamFile {
		fmt.Fprintf(a.stdout, "%s", data)
		return nil
	}
	if err := mayWrite(file, force); err != nil {
		return inputError{err: err}
	}
	err = writeFile(file, data)
	if errors.Is(err, fs.ErrNotExist) {
		return inputError{err: err} // a directory that is not there
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "wrote %s: %s\nnext:\n", file, summary(env))
	if s.CertificateARN == "" {
		fmt.Fprintf(a.stdout, "  replace clusters.%s.certificate_arn in it with your certificate in ACM\n", s.Cluster)
	}
	fmt.Fprintf(a.stdout, "  tandem schema > %s   # for completion in editors\n", filepath.Join(filepath.Dir(file), schemaFile))
	fmt.Fprintf(a.stdout, "  tandem validate %s\n", file)
	return nil
}

func mayWrite(file string, force bool) error {
	info, err := os.Stat(file)
	switch {
	case err != nil:
		return nil // writing will tell
	case info.IsDir():
		return fmt.Errorf("%s is a directory", file)
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is not a regular file; - writes to standard output", file)
	case !force:
		return fmt.Errorf("%s exists already; --force overwrites it", file)
	}
	return nil
}

// file renders the description and proves that it keeps every rule; the faults
// of one that does not are named by path, as there is no file to point into.
func (s starter) file() ([]byte, spec.Environment, error) {
	var faults check.Errors
	if _, _, known := (spec.Environment{Region: s.Region}).OnDemandPrice(s.InstanceType); !known && s.OnDemandPrice == nil {
		faults.Add("--on-demand-price", "", fmt.Sprintf("the price of %s in %s in %s per hour, which the price file does not have, see %s",
			s.InstanceType, s.Region, price.Currency(s.Region), pricingPage))
		passes := 1.0 // so that the other faults show
		s.OnDemandPrice = &passes
	}
	var b bytes.Buffer
	if err := smallest.Execute(&b, s.fields()); err != nil {
		return nil, spec.Environment{}, err
	}
	env, err := spec.Parse("", b.Bytes())
	var broken check.Errors
	if err != nil && !errors.As(err, &broken) {
		return nil, env, err
	}
	for _, f := range broken {
		faults.Add(f.Path, f.Value, f.Want)
	}
	return b.Bytes(), env, faults.Err()
}

// fields are what the template prints.
func (s starter) fields() any {
	placeholder := s.CertificateARN == ""
	if placeholder {
		s.CertificateARN = fmt.Sprintf(placeholderARN, awsregion.Partition(s.Region), s.Region)
	}
	stated := "" // the price file has it
	if s.OnDemandPrice != nil {
		stated = strconv.FormatFloat(*s.OnDemandPrice, 'f', -1, 64)
	}
	return struct {
		starter
		Price, Currency string
		Placeholder     bool
	}{s, stated, price.Currency(s.Region), placeholder}
}

// plain are the strings that YAML reads as such without quotes, but for words.
var plain = regexp.MustCompile(`^[A-Za-z]([A-Za-z0-9./:-]*[A-Za-z0-9])?$`)

// yamlString writes s in YAML, quoted where it could be read as something else.
func yamlString(s string) string {
	switch strings.ToLower(s) {
	case "true", "false", "null", "yes", "no", "on", "off", "y", "n":
		return strconv.Quote(s)
	}
	if !plain.MatchString(s) {
		return strconv.Quote(s)
	}
	return s
}
