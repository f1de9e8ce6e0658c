package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/cobra"

	"github.com/tandem-iac/tandem/internal/fleet"
	"github.com/tandem-iac/tandem/spec"
)

// place says where commands that speak to AWS look for clusters.
type place struct {
	file, region, environment string
}

func (p *place) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&p.file, "file", "", "description that says the environment and the region (default "+defaultFile+", if there is one)")
	flags.StringVar(&p.environment, "environment", "", "`name` of the environment (default that of the description, or any)")
	flags.StringVar(&p.region, "region", "", "AWS `region` (default that of the description, or AWS_REGION)")
}

// site is the place found: how to speak to AWS, and what the description says.
type site struct {
	aws         aws.Config
	environment string
	// description is zero without a file.
	description spec.Environment
}

func (a *app) connect(ctx context.Context, p place) (site, error) {
	s := site{environment: p.environment}
	file := p.file
	if file == "" {
		if _, err := os.Stat(defaultFile); !errors.Is(err, fs.ErrNotExist) {
			file = defaultFile
		}
	}
	if file != "" {
		env, err := a.load(ctx, file)
		if err != nil {
			return site{}, err
		}
		s.description = env.WithDefaults()
		if s.environment == "" {
			s.environment = env.Name
		}
		if p.region == "" {
			p.region = env.Region
		}
	}
	cfg, err := fleet.Connect(ctx, p.region)
	s.aws = cfg
	return s, awsError(err)
}

// awsError is an error of AWS for a person: one line, and exit code 2 if what
// was asked for is at fault.
func awsError(err error) error {
	if err == nil {
		return nil
	}
	text := strings.ReplaceAll(fleet.Explain(err).Error(), "\n", "; ")
	var input fleet.InputError
	if errors.As(err, &input) {
		return inputError{err: errors.New(text)}
	}
	return plainError{text, err}
}

// plainError says text and is err.
type plainError struct {
	text string
	err  error
}

func (e plainError) Error() string { return e.text }
func (e plainError) Unwrap() error { return e.err }

// operator names who runs the program, for others to see.
func operator() string {
	name, host := "somebody", "somewhere"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if h, err := os.Hostname(); err == nil {
		host = h
	}
	return fmt.Sprintf("%s@%s", name, host)
}
